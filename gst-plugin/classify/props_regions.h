/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which parts of a frame are classified: the group of properties. */
#ifndef GST_EFFNET_PROPS_REGIONS_H
#define GST_EFFNET_PROPS_REGIONS_H

#include "classify/property_group.h"

G_BEGIN_DECLS

extern const GstEffnetPropertyGroup gst_effnet_region_properties;

G_END_DECLS

#endif
