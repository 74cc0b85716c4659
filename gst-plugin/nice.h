/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The priority of threads whose work may wait for that of the streams. */
#ifndef GST_EFFNET_NICE_H
#define GST_EFFNET_NICE_H

#include <glib.h>

G_BEGIN_DECLS

/* Lowers the priority of the calling thread for good. */
void gst_effnet_be_nice (void);

G_END_DECLS

#endif
