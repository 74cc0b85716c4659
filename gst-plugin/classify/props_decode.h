/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties that say how compressed video is decoded. */
#ifndef GST_EFFNET_PROPS_DECODE_H
#define GST_EFFNET_PROPS_DECODE_H

#include "classify/property_group.h"

G_BEGIN_DECLS

extern const GstEffnetPropertyGroup gst_effnet_decode_properties;

G_END_DECLS

#endif
