/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is to be shown -> small pictures with text and their places, for GStreamer to blend or for a
 * sink to draw. Pango and Cairo stop here. */
#ifndef GST_EFFNET_OVERLAY_DRAW_H
#define GST_EFFNET_OVERLAY_DRAW_H

#include <gst/video/video.h>

#include "overlay/captions.h"

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_POSITION_TOP_LEFT,
  GST_EFFNET_POSITION_TOP,
  GST_EFFNET_POSITION_TOP_RIGHT,
  GST_EFFNET_POSITION_BOTTOM_LEFT,
  GST_EFFNET_POSITION_BOTTOM,
  GST_EFFNET_POSITION_BOTTOM_RIGHT,
} GstEffnetPosition;

typedef struct {
  GstEffnetPosition position;
  char *font;         /* Pango's description without a size */
  double font_size;   /* pixels; 0: by the height of the picture */
  double opacity;     /* of the ground behind the text, 0 to 1 */
  double map_opacity; /* of the hottest place of an activation map, 0 to 1 */
} GstEffnetDrawSettings;

/* The picture that is drawn on, as it is stored. */
typedef struct {
  int width, height;
  double par;           /* pixel aspect ratio */
  unsigned orientation; /* 1..8 as Exif counts: how it is turned to be upright */
} GstEffnetCanvas;

/* Returns: (transfer full) (nullable): NULL where @captions is empty */
GstVideoOverlayComposition *gst_effnet_draw (const GArray *captions, const GstEffnetCanvas *canvas,
                                             const GstEffnetDrawSettings *settings);

G_END_DECLS

#endif
