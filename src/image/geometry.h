/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * geometry: which part of the frame goes to which part of the network's input, and at what scale.
 * Pure arithmetic; the rounding rules are torchvision's and timm's, because the weights were
 * trained behind them. */
#ifndef EFFNET_IMAGE_GEOMETRY_H
#define EFFNET_IMAGE_GEOMETRY_H

#include "image/spec.h"

/* One axis of the frame as it is stored. The centre of output i lies at lo + (skip + i + 0.5) *
 * scale in the frame. */
typedef struct {
  unsigned lo, hi;  /* the part of the frame that may be read, pixels: [lo, hi) */
  unsigned resized; /* pixels of that part after resizing */
  unsigned skip;    /* resized pixels cut off on the left or the top */
  unsigned at, n;   /* where the others go in the network's input: [at, at + n) */
  double scale;     /* frame pixels per resized pixel */
} EffnetAxis;

/* Of a transposed frame x runs down the network's input and y across it; of a mirrored axis output
 * i goes to place at + n - 1 - i of the input. */
typedef struct {
  EffnetAxis x, y; /* along the stored lines, and from one to the next */
  gboolean transposed, mirror_x, mirror_y;
} EffnetGeometry;

/* @width x @height: of the frame as stored; crop, pixel aspect ratio and orientation come from
 * @image. FALSE with FRAME for a crop outside the frame, with ARGUMENT for a @spec that makes no
 * sense. */
gboolean effnet_geometry_init (EffnetGeometry *geometry, const EffnetInputSpec *spec,
                               const EffnetImage *image, unsigned width, unsigned height,
                               GError **error);
/* The upright size of what @image's crop leaves of a frame. FALSE with FRAME for a crop outside. */
gboolean effnet_geometry_visible (const EffnetImage *image, unsigned width, unsigned height,
                                  unsigned *visible_width, unsigned *visible_height,
                                  GError **error);
/* Makes @region of what @image's crop leaves, in upright pixels, its crop. FALSE with FRAME for one
 * outside. */
gboolean effnet_geometry_cut (EffnetImage *image, const EffnetRegion *region, unsigned width,
                              unsigned height, GError **error);
/* Sets where on the upright frame, from the corner of its crop on, the network's input lies.
 * @geometry: of @spec */
void effnet_geometry_view (const EffnetGeometry *geometry, const EffnetInputSpec *spec,
                           EffnetView *view);

#endif
