/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Properties that say which frames are classified. */
#ifndef GST_EFFNET_PROPS_LOAD_H
#define GST_EFFNET_PROPS_LOAD_H

#include "classify/property_group.h"

G_BEGIN_DECLS

extern const GstEffnetPropertyGroup gst_effnet_load_properties;

G_END_DECLS

#endif
