/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The three resize modes as arithmetic on one axis at a time. With square pixels center-crop gives
 * the sizes of torchvision.transforms.Resize + CenterCrop to the pixel. */
#include "image/geometry.h"

#include <math.h>

#include "base/limits.h"
#include "image/format.h"

/* int (round ((resized - n) / 2.0)) of Python: halves go to the even neighbour. */
static unsigned
centre_offset (unsigned resized, unsigned n)
{
  unsigned d = resized - n, half = d / 2;
  return (d & 1) && (half & 1) ? half + 1 : half;
}

static void
set_axis (EffnetAxis *axis, unsigned resized, unsigned n)
{
  axis->resized = resized;
  axis->n = MIN (resized, n);
  axis->skip = resized > n ? centre_offset (resized, n) : 0;
  axis->at = resized > n ? 0 : (n - resized) / 2;
  axis->scale = (double)(axis->hi - axis->lo) / resized;
}

static unsigned
padded_size (const EffnetInputSpec *spec, unsigned size)
{
  return (unsigned)floor (size / spec->crop_pct);
}

/* a * b / c in integers, at least 1. */
static unsigned
scaled (uint64_t a, uint64_t b, uint64_t c)
{
  uint64_t v = a * b / c;
  return (unsigned)CLAMP (v, 1, UINT32_MAX / 2);
}

static unsigned
rounded (double v)
{
  return (unsigned)CLAMP (rint (v), 1, UINT32_MAX / 2);
}

/* @dw x @dh: the source in units of equal length. */
static void
center_crop (EffnetGeometry *g, const EffnetInputSpec *spec, uint64_t dw, uint64_t dh)
{
  unsigned sw = padded_size (spec, spec->width), sh = padded_size (spec, spec->height);
  unsigned rw = sw, rh = sh;
  /* The side that would come out short sets the scale: for a square input the shorter one, where
   * torchvision cuts what timm's ResizeKeepRatio (longest=0) rounds for the others. */
  if (sw != sh) {
    double ratio = MIN ((double)dh / sh, (double)dw / sw);

    rw = rounded ((double)dw / ratio);
    rh = rounded ((double)dh / ratio);
  } else if (dw * sh <= dh * sw)
    rh = scaled (sw, dh, dw);
  else
    rw = scaled (sh, dw, dh);
  set_axis (&g->x, MAX (rw, MIN (sw, spec->width)), spec->width);
  set_axis (&g->y, MAX (rh, MIN (sh, spec->height)), spec->height);
}

/* timm's ResizeKeepRatio (longest=1) in its own arithmetic. */
static void
border (EffnetGeometry *g, const EffnetInputSpec *spec, uint64_t dw, uint64_t dh)
{
  double w = (double)dw, h = (double)dh;
  double ratio = MAX (h / padded_size (spec, spec->height), w / padded_size (spec, spec->width));

  set_axis (&g->x, rounded (w / ratio), spec->width);
  set_axis (&g->y, rounded (h / ratio), spec->height);
}

static void
letterbox (EffnetGeometry *g, const EffnetInputSpec *spec, uint64_t dw, uint64_t dh)
{
  unsigned rw = spec->width, rh = spec->height;
  if (dw * rh >= dh * rw)
    rh = MIN (rh, scaled (1, 2 * rw * dh + dw, 2 * dw));
  else
    rw = MIN (rw, scaled (1, 2 * rh * dw + dh, 2 * dh));
  set_axis (&g->x, rw, spec->width);
  set_axis (&g->y, rh, spec->height);
}

static gboolean
check_spec (const EffnetInputSpec *spec, GError **error)
{
  if (spec->width < 1 || spec->width > EFFNET_INPUT_SIDE_MAX || spec->height < 1 ||
      spec->height > EFFNET_INPUT_SIDE_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "network input of %ux%u pixels: each side must be 1..%d", spec->width,
                        spec->height, EFFNET_INPUT_SIDE_MAX);
  /* written so that NaN fails */
  if (!(spec->crop_pct >= EFFNET_CROP_PCT_MIN && spec->crop_pct <= MIN (spec->width, spec->height)))
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "crop_pct %g of the network input of %ux%u pixels: must be %g..%u",
                        spec->crop_pct, spec->width, spec->height, EFFNET_CROP_PCT_MIN,
                        MIN (spec->width, spec->height));
  for (unsigned i = 0; i < 3; i++) {
    if (!(spec->std[i] > 0) || !isfinite (spec->std[i]) || !isfinite (spec->mean[i]))
      return effnet_fail (
          error, EFFNET_ERROR_ARGUMENT,
          "normalisation of channel %u: mean %g, std %g: std must be above 0 and both finite", i,
          (double)spec->mean[i], (double)spec->std[i]);
  }
  return TRUE;
}

/* One side of the crop rectangle; @length 0 means up to the edge. */
static gboolean
crop_axis (EffnetAxis *axis, const char *side, unsigned start, unsigned length, unsigned size,
           GError **error)
{
  if (start >= size || length > size - start)
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "crop %s: %u pixels from pixel %u lie outside the frame of %u", side,
                        length, start, size);
  axis->lo = start;
  axis->hi = length != 0 ? start + length : size;
  return TRUE;
}

static gboolean
crop_axes (EffnetGeometry *g, const EffnetImage *image, unsigned width, unsigned height,
           GError **error)
{
  return crop_axis (&g->x, "width", image->crop_x, image->crop_width, width, error) &&
         crop_axis (&g->y, "height", image->crop_y, image->crop_height, height, error);
}

/* Where Exif's orientations put the first row and the first column of a frame. */
static gboolean
set_orientation (EffnetGeometry *g, unsigned orientation, GError **error)
{
  static const struct {
    guint8 transposed, mirror_x, mirror_y;
  } how[] = {
      {0, 0, 0},                                  /* not said */
      {0, 0, 0}, {0, 1, 0}, {0, 1, 1}, {0, 0, 1}, /* row 0 on top, top, below, below */
      {1, 0, 0}, {1, 0, 1}, {1, 1, 1}, {1, 1, 0}, /* row 0 left, right, right, left */
  };

  if (orientation >= G_N_ELEMENTS (how))
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "orientation %u of the frame: 1..8 as Exif counts, or 0", orientation);
  g->transposed = how[orientation].transposed;
  g->mirror_x = how[orientation].mirror_x;
  g->mirror_y = how[orientation].mirror_y;
  return TRUE;
}

/* From stored axes to upright ones, and back. */
static void
swap_axes (EffnetGeometry *g)
{
  EffnetAxis x = g->x;

  if (!g->transposed)
    return;
  g->x = g->y;
  g->y = x;
}

gboolean
effnet_geometry_visible (const EffnetImage *image, unsigned width, unsigned height,
                         unsigned *visible_width, unsigned *visible_height, GError **error)
{
  EffnetGeometry g = {0};

  if (!set_orientation (&g, image->orientation, error) ||
      !crop_axes (&g, image, width, height, error))
    return FALSE;
  swap_axes (&g);
  *visible_width = g.x.hi - g.x.lo;
  *visible_height = g.y.hi - g.y.lo;
  return TRUE;
}

/* [lo, hi) counted from the other end of an axis of @size. */
static void
mirror_part (EffnetAxis *axis, unsigned size)
{
  unsigned lo = axis->lo;

  axis->lo = size - axis->hi;
  axis->hi = size - lo;
}

gboolean
effnet_geometry_cut (EffnetImage *image, const EffnetRegion *region, unsigned width,
                     unsigned height, GError **error)
{
  const EffnetImage part = {.crop_x = region->x,
                            .crop_y = region->y,
                            .crop_width = region->width,
                            .crop_height = region->height};
  EffnetGeometry g = {0};
  unsigned w, h;

  if (!effnet_geometry_visible (image, width, height, &w, &h, error) ||
      !set_orientation (&g, image->orientation, error) || !crop_axes (&g, &part, w, h, error))
    return FALSE;
  swap_axes (&g);
  if (g.mirror_x)
    mirror_part (&g.x, g.transposed ? h : w);
  if (g.mirror_y)
    mirror_part (&g.y, g.transposed ? w : h);
  image->crop_x += g.x.lo;
  image->crop_y += g.y.lo;
  image->crop_width = g.x.hi - g.x.lo;
  image->crop_height = g.y.hi - g.y.lo;
  return TRUE;
}

#define ASPECT_TERM_MAX (1u << 20) /* keeps products of sizes within 64 bits */

/* The pixel aspect ratio of the stored pixels as that of the upright ones. */
static void
pixel_aspect (const EffnetImage *image, const EffnetGeometry *g, uint64_t *n, uint64_t *d)
{
  uint64_t wide = image->par_n ? image->par_n : 1, high = image->par_d ? image->par_d : 1;

  while (wide > ASPECT_TERM_MAX || high > ASPECT_TERM_MAX) {
    wide = MAX (wide / 2, 1);
    high = MAX (high / 2, 1);
  }
  *n = g->transposed ? high : wide;
  *d = g->transposed ? wide : high;
}

gboolean
effnet_geometry_init (EffnetGeometry *geometry, const EffnetInputSpec *spec,
                      const EffnetImage *image, unsigned width, unsigned height, GError **error)
{
  EffnetGeometry *g = geometry;
  uint64_t n, d;

  if (!check_spec (spec, error) || !set_orientation (g, image->orientation, error) ||
      !crop_axes (g, image, width, height, error))
    return FALSE;
  pixel_aspect (image, g, &n, &d);
  swap_axes (g);
  uint64_t dw = (g->x.hi - g->x.lo) * n, dh = (g->y.hi - g->y.lo) * d;
  switch (spec->mode) {
  case EFFNET_RESIZE_MODE_LETTERBOX:
    if (spec->border)
      border (g, spec, dw, dh);
    else
      letterbox (g, spec, dw, dh);
    break;
  case EFFNET_RESIZE_MODE_STRETCH:
    set_axis (&g->x, spec->squash ? padded_size (spec, spec->width) : spec->width, spec->width);
    set_axis (&g->y, spec->squash ? padded_size (spec, spec->height) : spec->height, spec->height);
    break;
  case EFFNET_RESIZE_MODE_AUTO:
  case EFFNET_RESIZE_MODE_CENTER_CROP:
  default:
    center_crop (g, spec, dw, dh);
    break;
  }
  swap_axes (g);
  if (g->mirror_x)
    g->x.skip = g->x.resized - g->x.n - g->x.skip;
  if (g->mirror_y)
    g->y.skip = g->y.resized - g->y.n - g->y.skip;
  return TRUE;
}

/* Edge i of an output axis lies at lo + (skip + i - at) * scale of the stored axis; counted from hi
 * on a mirrored one. */
static void
view_axis (const EffnetAxis *axis, gboolean mirrored, unsigned outputs, double *start,
           double *length)
{
  double first = (double)axis->skip - axis->at, end = (double)axis->skip + axis->at + axis->n;

  *start = mirrored ? (axis->hi - axis->lo) - end * axis->scale : first * axis->scale;
  *length = outputs * axis->scale;
}

void
effnet_geometry_view (const EffnetGeometry *geometry, const EffnetInputSpec *spec, EffnetView *view)
{
  EffnetGeometry g = *geometry;
  gboolean mirror_x = g.transposed ? g.mirror_y : g.mirror_x;
  gboolean mirror_y = g.transposed ? g.mirror_x : g.mirror_y;

  swap_axes (&g);
  view_axis (&g.x, mirror_x, spec->width, &view->x, &view->width);
  view_axis (&g.y, mirror_y, spec->height, &view->y, &view->height);
}
