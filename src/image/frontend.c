/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The room's interface: checks a frame, finds or builds the pass of each crop, decodes JPEG once,
 * as far as all crops need it, and runs the passes in tiles. */
#include "image/frontend.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "image/jpeg.h"
#include "image/passes.h"
#include "image/unpack.h"

#define SLOTS_MAX 8  /* tiles; more only cost memory */
#define TILE_ROWS 16 /* output rows tiles are cut by */

/* One crop of the frame begun. */
typedef struct {
  EffnetGeometry geometry;
  unsigned crop_w, crop_h; /* its size in the frame, pixels */
  const EffnetPass *pass;
  const uint8_t *data[4]; /* of the planes, as the pass counts rows and columns */
} Crop;

struct _EffnetFrontend {
  EffnetInputSpec spec;
  EffnetStop *stop; /* or NULL */
  EffnetJpeg *jpeg; /* made with the first JPEG frame */
  EffnetPasses passes;
  EffnetUnpacked unpacked;
  Crop *crops; /* [n_crops] of the frame begun; grows, is kept */
  size_t n_crops, crops_room;
  ptrdiff_t stride[4]; /* of the frame begun */
  unsigned first[4];   /* row at data */
  float scale[3], bias[3];
  float fill[3];     /* beside a picture smaller than the input */
  unsigned warnings; /* of the frame begun */
  double damage;
};

/* ---- life --------------------------------------------------------------------------------------
 */

EffnetFrontend *
effnet_frontend_new (const EffnetInputSpec *spec, GError **error)
{
  EffnetFrontend *f = g_new0 (EffnetFrontend, 1);
  EffnetGeometry geometry;
  EffnetImage image = EFFNET_IMAGE_INIT;

  /* The geometry of any frame tells whether the spec makes sense. */
  if (!effnet_geometry_init (&geometry, spec, &image, 1, 1, error)) {
    effnet_frontend_free (f);
    return NULL;
  }
  effnet_frontend_set_spec (f, spec);
  return f;
}

void
effnet_frontend_free (EffnetFrontend *f)
{
  if (f == NULL)
    return;
  effnet_passes_clear (&f->passes);
  g_free (f->crops);
  effnet_jpeg_free (f->jpeg);
  effnet_unpacked_clear (&f->unpacked);
  g_free (f);
}

/* What the network sees beside a picture smaller than its input: the mean where letterboxes are
 * asked for, the same as a byte in a card's border, black where crop_pct is above 1. */
static float
beside_picture (const EffnetInputSpec *spec, unsigned channel)
{
  float mean = spec->mean[channel];
  double value = 0;

  if (spec->mode == EFFNET_RESIZE_MODE_LETTERBOX)
    value = spec->border ? (double)CLAMP (rintf (255.0f * mean), 0, 255) / 255.0 : (double)mean;
  return (float)((value - (double)mean) / (double)spec->std[channel]);
}

void
effnet_frontend_set_spec (EffnetFrontend *f, const EffnetInputSpec *spec)
{
  f->spec = *spec;
  effnet_passes_clear (&f->passes);
  f->n_crops = 0;
  for (unsigned k = 0; k < 3; k++) {
    f->scale[k] = (float)(1.0 / (255.0 * spec->std[k]));
    f->bias[k] = (float)(-(double)spec->mean[k] / spec->std[k]);
    f->fill[k] = beside_picture (spec, k);
  }
}

void
effnet_frontend_set_stop (EffnetFrontend *f, EffnetStop *stop)
{
  f->stop = stop;
}

/* ---- crops -------------------------------------------------------------------------------------
 */

static gboolean
begin_crops (EffnetFrontend *f, const EffnetImage *image, const EffnetRegion *regions, size_t n,
             unsigned width, unsigned height, GError **error)
{
  if (n > f->crops_room) {
    Crop *crops = g_try_renew (Crop, f->crops, n);
    if (crops == NULL)
      return effnet_fail (error, EFFNET_ERROR_FRAME, "no memory for %" G_GSIZE_FORMAT " regions",
                          n);
    f->crops = crops;
    f->crops_room = n;
  }
  effnet_passes_next_frame (&f->passes);
  for (size_t i = 0; i < n; i++) {
    Crop *crop = &f->crops[i];
    EffnetImage part = *image;

    if ((regions != NULL && !effnet_geometry_cut (&part, &regions[i], width, height, error)) ||
        !effnet_geometry_init (&crop->geometry, &f->spec, &part, width, height, error)) {
      if (regions != NULL)
        g_prefix_error (error, "region %" G_GSIZE_FORMAT ": ", i);
      return FALSE;
    }
    crop->crop_w = crop->geometry.x.hi - crop->geometry.x.lo;
    crop->crop_h = crop->geometry.y.hi - crop->geometry.y.lo;
  }
  return TRUE;
}

static unsigned
slots_for (const EffnetFrontend *f, EffnetPool *pool)
{
  unsigned bands = (unsigned)effnet_div_up (f->spec.height, TILE_ROWS);
  unsigned threads = pool != NULL ? effnet_pool_size (pool) : 1;
  return CLAMP (threads, 1, MIN (bands, SLOTS_MAX));
}

/* What raw and JPEG frames have in common. @layout starts from zeros. */
static void
start_layout (EffnetLayout *layout, const EffnetFrontend *f, const EffnetImage *image,
              EffnetPool *pool, unsigned height)
{
  memset (layout, 0, sizeof *layout);
  layout->frame_height = height;
  layout->par_n = image->par_n;
  layout->par_d = image->par_d;
  layout->orientation = MAX (image->orientation, 1);
  layout->slots = slots_for (f, pool);
}

static gboolean
find_pass (EffnetFrontend *f, EffnetLayout *layout, Crop *crop, GError **error)
{
  if (effnet_stop_now (f->stop))
    return effnet_fail (error, EFFNET_ERROR_CANCELLED, "cancelled");
  layout->crop_x = crop->geometry.x.lo;
  layout->crop_y = crop->geometry.y.lo;
  layout->crop_width = crop->crop_w;
  layout->crop_height = crop->crop_h;
  crop->pass = effnet_passes_get (&f->passes, layout, &f->spec, &crop->geometry, error);
  return crop->pass != NULL;
}

/* ---- raw frames --------------------------------------------------------------------------------
 */

/* Tables depend on where the crop lies only by its phase relative to the chroma samples: the
 * planes are taken to start at the last whole one before it, and to end with it. */
static void
move_to_crop (const EffnetFormat *format, const EffnetImage *image, Crop *crop,
              EffnetLayout *layout)
{
  EffnetAxis *x = &crop->geometry.x, *y = &crop->geometry.y;
  unsigned sub_x = 1, sub_y = 1;

  for (unsigned c = 0; c < format->n_components; c++) {
    sub_x = MAX (sub_x, format->component[c].sub_x);
    sub_y = MAX (sub_y, format->component[c].sub_y);
  }
  unsigned left = x->lo - x->lo % sub_x, top = y->lo - y->lo % sub_y;
  x->lo -= left, x->hi -= left;
  y->lo -= top, y->hi -= top;
  layout->width = x->hi;
  layout->height = y->hi;
  for (unsigned c = 0; c < format->n_components; c++) {
    const EffnetComponent *k = &format->component[c];
    size_t elements = (size_t)(left / k->sub_x) * k->step;
    crop->data[k->plane] = (const uint8_t *)image->data[k->plane] +
                           (ptrdiff_t)(top / k->sub_y) * image->stride[k->plane] +
                           elements * format->element;
  }
}

static gboolean
check_raw (const EffnetImage *image, GError **error)
{
  const EffnetFormat *format = effnet_format (image->format);

  if (format == NULL)
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "frame of pixel format %d: not one of the formats of EffnetPixelFormat",
                        (int)image->format);
  if ((unsigned)image->chroma_site > EFFNET_CHROMA_SITE_TOP_LEFT)
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "%s frame: chroma site %d is not one of EffnetChromaSite", format->name,
                        (int)image->chroma_site);
  if (image->bits != 0 && (format->bits != 16 || image->bits < 8 || image->bits > 16))
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "%s frame of %u bits: a format of 16 may have 8..16 of them used, this one "
                        "has %u",
                        format->name, image->bits, format->bits);
  return effnet_format_check (format, image, error);
}

static gboolean
begin_raw (EffnetFrontend *f, const EffnetImage *image, const EffnetRegion *regions, size_t n,
           EffnetPool *pool, GError **error)
{
  EffnetImage planar;
  EffnetLayout layout;

  if (!check_raw (image, error) ||
      !begin_crops (f, image, regions, n, image->width, image->height, error))
    return FALSE;
  start_layout (&layout, f, image, pool, image->height);
  memcpy (&layout.format, effnet_format (image->format), sizeof layout.format);
  if (layout.format.layout != EFFNET_SAMPLES_APART) {
    if (!effnet_unpack (&f->unpacked, image, f->stop, &planar, &layout.format, error))
      return FALSE;
    image = &planar;
  }
  if (image->bits != 0)
    layout.format.bits = (uint8_t)image->bits;
  layout.eighths = 8;
  layout.matrix = image->matrix;
  layout.range = image->range;
  layout.site = image->chroma_site;
  memcpy (f->stride, image->stride, sizeof f->stride);
  memset (f->first, 0, sizeof f->first);
  for (size_t i = 0; i < n; i++) {
    move_to_crop (&layout.format, image, &f->crops[i], &layout);
    if (!find_pass (f, &layout, &f->crops[i], error))
      return FALSE;
  }
  return TRUE;
}

/* ---- JPEG --------------------------------------------------------------------------------------
 */

/* The smallest n of n / 8 that leaves at least one decoded pixel for each resized one of every
 * crop; of those libjpeg has vector code for, 1, 2, 4 and 8: the next of them is faster than the
 * plain code of the others. */
static unsigned
jpeg_eighths (const EffnetFrontend *f, size_t crops)
{
  unsigned n = f->spec.jpeg_full_scale || f->spec.filter == EFFNET_FILTER_NEAREST ? 8 : 1;

  for (size_t i = 0; i < crops; i++) {
    const EffnetGeometry *g = &f->crops[i].geometry;
    double least = MIN (g->x.scale, g->y.scale);
    while (n < 8 && n * least < 8)
      n *= 2;
  }
  return n;
}

/* Planar as @planes, or packed RGB. */
static void
jpeg_format (EffnetFormat *format, EffnetColorModel model, gboolean rgb,
             const EffnetJpegPlane planes[3])
{
  format->name = "JPEG";
  format->model = rgb ? EFFNET_MODEL_RGB : model;
  format->n_components = model == EFFNET_MODEL_GRAY ? 1 : 3;
  format->n_planes = rgb ? 1 : format->n_components;
  format->element = 1;
  format->bits = 8;
  for (uint8_t c = 0; c < format->n_components; c++) {
    EffnetComponent packed = {0, c, 3, 1, 1, 0};
    EffnetComponent planar = {c, 0, 1, (uint8_t)planes[c].sub_x, (uint8_t)planes[c].sub_y, 0};
    format->component[c] = rgb ? packed : planar;
  }
}

static void
jpeg_layout (EffnetLayout *layout, const EffnetJpegHeader *header, unsigned eighths)
{
  layout->width = (unsigned)effnet_div_up ((size_t)header->width * eighths, 8);
  layout->height = (unsigned)effnet_div_up ((size_t)header->height * eighths, 8);
  layout->eighths = eighths;
  layout->decoder_upsampling = TRUE;
  layout->matrix = EFFNET_COLOR_MATRIX_BT601;
  layout->range = EFFNET_COLOR_RANGE_FULL;
  layout->site = EFFNET_CHROMA_SITE_CENTER;
}

/* Decodes the rows that any of the crops reads. */
static gboolean
decode (EffnetFrontend *f, size_t n, EffnetJpegPlane planes[3], GError **error)
{
  const EffnetFormat *format = &f->crops[0].pass->layout.format;
  unsigned lo[3] = {UINT_MAX, UINT_MAX, UINT_MAX}, hi[3] = {0};

  for (size_t i = 0; i < n; i++) {
    const EffnetPass *pass = f->crops[i].pass;
    for (unsigned c = 0; c < format->n_components; c++) {
      lo[c] = MIN (lo[c], pass->down[pass->table[c]].lo);
      hi[c] = MAX (hi[c], pass->down[pass->table[c]].hi);
    }
  }
  if (!effnet_jpeg_decode (f->jpeg, lo, hi, planes, error))
    return FALSE;
  for (unsigned c = 0; c < format->n_planes; c++) {
    f->stride[c] = (ptrdiff_t)planes[c].stride;
    f->first[c] = planes[c].first;
    for (size_t i = 0; i < n; i++)
      f->crops[i].data[c] = planes[c].data;
  }
  return TRUE;
}

/* @image gets the orientation of the file where it has none of its own. */
static gboolean
read_header (EffnetFrontend *f, EffnetImage *image, EffnetJpegHeader *header, GError **error)
{
  if (f->jpeg == NULL)
    f->jpeg = effnet_jpeg_new (f->stop);
  if (!effnet_jpeg_header (f->jpeg, image->data[0], image->size, header, error))
    return FALSE;
  if (image->orientation == 0)
    image->orientation = header->orientation;
  return TRUE;
}

static gboolean
begin_jpeg (EffnetFrontend *f, const EffnetImage *file, const EffnetRegion *regions, size_t n,
            EffnetPool *pool, GError **error)
{
  EffnetImage image = *file;
  EffnetJpegPlane planes[3] = {{0}};
  EffnetJpegHeader header;
  EffnetLayout layout;

  if (!read_header (f, &image, &header, error) ||
      !begin_crops (f, &image, regions, n, header.width, header.height, error))
    return FALSE;
  unsigned eighths = jpeg_eighths (f, n);
  /* Chosen for exactness: then colours beyond the gamut are cut off before the resize, as
   * elsewhere. */
  gboolean rgb =
      header.packed_only || (f->spec.jpeg_full_scale && header.model == EFFNET_MODEL_YUV);
  if (!effnet_jpeg_start (f->jpeg, eighths, rgb, planes, error))
    return FALSE;
  start_layout (&layout, f, &image, pool, header.height);
  jpeg_layout (&layout, &header, eighths);
  jpeg_format (&layout.format, header.model, rgb, planes);
  for (size_t i = 0; i < n; i++) {
    if (!find_pass (f, &layout, &f->crops[i], error))
      return FALSE;
  }
  return decode (f, n, planes, error);
}

/* ---- running -----------------------------------------------------------------------------------
 */

/* The size of @image as it is stored; as read_header() for a JPEG. */
static gboolean
stored_size (EffnetFrontend *f, EffnetImage *image, unsigned *width, unsigned *height,
             GError **error)
{
  EffnetJpegHeader header = {.width = image->width, .height = image->height};

  if (image->format == EFFNET_PIXEL_FORMAT_JPEG ? !read_header (f, image, &header, error)
                                                : !check_raw (image, error))
    return FALSE;
  *width = header.width;
  *height = header.height;
  return TRUE;
}

gboolean
effnet_frontend_size (EffnetFrontend *f, const EffnetImage *frame, unsigned *width,
                      unsigned *height, GError **error)
{
  EffnetImage image = *frame;
  unsigned w, h;

  return stored_size (f, &image, &w, &h, error) &&
         effnet_geometry_visible (&image, w, h, width, height, error);
}

gboolean
effnet_frontend_view (EffnetFrontend *f, const EffnetImage *frame, const EffnetRegion *region,
                      EffnetView *view, GError **error)
{
  EffnetGeometry geometry = {0};
  EffnetImage image = *frame;
  unsigned w, h, visible_w, visible_h;

  if (!stored_size (f, &image, &w, &h, error) ||
      !effnet_geometry_visible (&image, w, h, &visible_w, &visible_h, error) ||
      (region != NULL && !effnet_geometry_cut (&image, region, w, h, error)) ||
      !effnet_geometry_init (&geometry, &f->spec, &image, w, h, error))
    return FALSE;
  effnet_geometry_view (&geometry, &f->spec, view);
  view->x += region != NULL ? region->x : 0;
  view->y += region != NULL ? region->y : 0;
  view->frame_width = visible_w;
  view->frame_height = visible_h;
  return TRUE;
}

gboolean
effnet_frontend_begin (EffnetFrontend *f, const EffnetImage *image, const EffnetRegion *regions,
                       size_t n, struct _EffnetPool *pool, EffnetFrontendTimes *times,
                       GError **error)
{
  gboolean jpeg = image->format == EFFNET_PIXEL_FORMAT_JPEG;
  int64_t start = effnet_clock_ns ();

  if (regions == NULL)
    n = 1;
  f->n_crops = 0;
  *times = (EffnetFrontendTimes){0, 0};
  if (!(jpeg ? begin_jpeg : begin_raw) (f, image, regions, n, pool, error))
    return FALSE;
  f->n_crops = n;
  f->warnings = 0;
  f->damage = 0;
  if (jpeg)
    effnet_jpeg_damage (f->jpeg, &f->warnings, &f->damage);
  *(jpeg ? &times->decode_ns : &times->convert_ns) = (uint64_t)(effnet_clock_ns () - start);
  return TRUE;
}

void
effnet_frontend_damage (const EffnetFrontend *f, unsigned *warnings, double *share)
{
  *warnings = f->warnings;
  *share = f->damage;
}

typedef struct {
  const EffnetPass *pass;
  EffnetPassFrame frame;
} Job;

static void
run_tile (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  (void)worker; /* tiles have scratch of their own, whoever runs them */
  unsigned n = job->pass->geometry.y.n, slots = job->pass->layout.slots;
  unsigned bands = (unsigned)effnet_div_up (n, TILE_ROWS);
  unsigned from = (unsigned)tile * bands / slots, to = ((unsigned)tile + 1) * bands / slots;
  effnet_pass_run (job->pass, &job->frame, (unsigned)tile, MIN (n, from * TILE_ROWS),
                   MIN (n, to * TILE_ROWS));
}

void
effnet_frontend_fill (EffnetFrontend *f, size_t i, struct _EffnetPool *pool, float *nhwc,
                      EffnetFrontendTimes *times)
{
  const Crop *crop = &f->crops[i];
  const EffnetPass *pass = crop->pass;
  const EffnetGeometry *g = &pass->geometry;
  size_t pixels = (size_t)f->spec.width * f->spec.height;
  int64_t start = effnet_clock_ns ();
  Job job = {.pass = pass};

  g_assert (i < f->n_crops);
  job.frame.out_width = f->spec.width;
  job.frame.scratch = f->passes.scratch.base;
  job.frame.stop = f->stop;
  job.frame.nhwc = nhwc;
  memcpy (job.frame.data, crop->data, sizeof crop->data);
  memcpy (job.frame.stride, f->stride, sizeof f->stride);
  memcpy (job.frame.first, f->first, sizeof f->first);
  memcpy (job.frame.scale, f->scale, sizeof f->scale);
  memcpy (job.frame.bias, f->bias, sizeof f->bias);
  for (size_t at = 0; at < 3 * pixels && (size_t)g->x.n * g->y.n < pixels; at++)
    nhwc[at] = f->fill[at % 3];
  if (pass->layout.slots > 1)
    effnet_pool_run (pool, pass->layout.slots, run_tile, &job);
  else
    run_tile (&job, 0, 0);
  times->convert_ns += (uint64_t)(effnet_clock_ns () - start);
}

gboolean
effnet_frontend_run (EffnetFrontend *f, const EffnetImage *image, struct _EffnetPool *pool,
                     float *nhwc, EffnetFrontendTimes *times, GError **error)
{
  EffnetFrontendTimes unasked;

  if (times == NULL)
    times = &unasked;
  if (!effnet_frontend_begin (f, image, NULL, 1, pool, times, error))
    return FALSE;
  effnet_frontend_fill (f, 0, pool, nhwc, times);
  return TRUE;
}
