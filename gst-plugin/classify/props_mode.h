/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The group of properties about modes and the scheduler. */
#ifndef GST_EFFNET_PROPS_MODE_H
#define GST_EFFNET_PROPS_MODE_H

#include "classify/property_group.h"

G_BEGIN_DECLS

extern const GstEffnetPropertyGroup gst_effnet_mode_properties;

G_END_DECLS

#endif
