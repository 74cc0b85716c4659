/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * spec: what the network wants of its input. The bottom of the room: everything here includes it.
 */
#ifndef EFFNET_IMAGE_SPEC_H
#define EFFNET_IMAGE_SPEC_H

#include "base/error.h"

typedef enum {
  EFFNET_FILTER_BILINEAR,
  EFFNET_FILTER_BICUBIC, /* a = -0.5, as Pillow's */
  EFFNET_FILTER_NEAREST,
  EFFNET_FILTER_BOX,
  EFFNET_FILTER_HAMMING,
  EFFNET_FILTER_LANCZOS, /* three lobes */
} EffnetFilter;

/* What the network wants. */
typedef struct {
  unsigned height, width;
  EffnetResizeMode mode; /* never AUTO */
  double crop_pct; /* CENTER_CROP: shorter side to floor (size / crop_pct) first, as timm does */
  gboolean squash; /* for STRETCH: to size / crop_pct, then the middle */
  gboolean border; /* for LETTERBOX: longer side to size / crop_pct, then the middle */
  EffnetFilter filter;
  float mean[3], std[3]; /* output = (pixel / 255 - mean) / std, channels RGB */
  gboolean jpeg_full_scale;
  gboolean sparse_rows; /* of raw frames with rows to spare read only every so many */
} EffnetInputSpec;

#endif
