/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Action signals about the model in use. */
#ifndef GST_EFFNET_ACTIONS_H
#define GST_EFFNET_ACTIONS_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* The actions reload and promote. */
void gst_effnet_classify_install_actions (GObjectClass *klass);

G_END_DECLS

#endif
