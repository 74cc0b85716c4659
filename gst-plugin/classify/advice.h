/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A sentence about caps that are not taken: what comes, and which elements make of it what is. The
 * elements upstream say "not negotiated", and no more. */
#ifndef GST_EFFNET_ADVICE_H
#define GST_EFFNET_ADVICE_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Returns: (transfer full) (nullable): NULL where @offered is any or none */
char *gst_effnet_advice_new (const GstCaps *offered);

G_END_DECLS

#endif
