/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A class activation map -> a small picture of it, for draw.c to enlarge. */
#ifndef GST_EFFNET_OVERLAY_HEAT_H
#define GST_EFFNET_OVERLAY_HEAT_H

#include "schema.h"

G_BEGIN_DECLS

#define GST_EFFNET_HEAT_STEPS 16 /* pixels for each number of the map, in both directions */

/* @opacity: of the hottest place, 0 to 1. Returns: (transfer full): pixels of 0xAARRGGBB, the
 * colour multiplied by alpha, GST_EFFNET_HEAT_STEPS times as many columns and rows as @map has;
 * NULL where nothing speaks for the class, or the map is too large. Free with g_free() */
guint32 *gst_effnet_heat_pixels (const GstEffnetActivationMap *map, double opacity);

G_END_DECLS

#endif
