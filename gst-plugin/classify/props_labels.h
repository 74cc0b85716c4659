/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties that decide which classes are reported, and what becomes of them over time. */
#ifndef GST_EFFNET_PROPS_LABELS_H
#define GST_EFFNET_PROPS_LABELS_H

#include "classify/property_group.h"

G_BEGIN_DECLS

extern const GstEffnetPropertyGroup gst_effnet_label_properties;

G_END_DECLS

#endif
