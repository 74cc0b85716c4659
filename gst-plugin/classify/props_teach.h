/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What buffers carry: the group of properties. */
#ifndef GST_EFFNET_PROPS_TEACH_H
#define GST_EFFNET_PROPS_TEACH_H

#include "classify/property_group.h"

G_BEGIN_DECLS

extern const GstEffnetPropertyGroup gst_effnet_teach_properties;

G_END_DECLS

#endif
