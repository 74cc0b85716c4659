/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties of effnetclassify, installed into the class. What each means is in its blurb,
 * where its value is kept in instance.h. */
#ifndef GST_EFFNET_PROPS_H
#define GST_EFFNET_PROPS_H

#include "classify/instance.h"

G_BEGIN_DECLS

void gst_effnet_classify_install_properties (GObjectClass *klass);
/* FALSE, with an error, when a property was set to what cannot be used. */
gboolean gst_effnet_classify_settings_are_sound (GstEffnetClassify *self);

G_END_DECLS

#endif
