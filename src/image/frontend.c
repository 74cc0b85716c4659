/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The room's face: checks a frame, finds or rebuilds the pass for its layout, decodes JPEG as far
 * as the pass needs it, and runs the pass in tiles. */
#include "image/frontend.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "image/jpeg.h"
#include "image/pass.h"

#define SLOTS_MAX 8 /* tiles; more only cost memory */

struct _EffnetFrontend {
  EffnetInputSpec spec;
  EffnetJpeg *jpeg; /* made with the first JPEG frame */
  EffnetPass pass;
  gboolean built; /* pass fits pass.layout and spec */
  float scale[3], bias[3];
  float *thumbnail;        /* [spec.height][EFFNET_THUMBNAIL_SIDE] */
  unsigned thumbnail_rows; /* filled; 0 before the first run */
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
  effnet_pass_clear (&f->pass);
  effnet_jpeg_free (f->jpeg);
  g_free (f->thumbnail);
  g_free (f);
}

void
effnet_frontend_set_spec (EffnetFrontend *f, const EffnetInputSpec *spec)
{
  f->spec = *spec;
  f->built = FALSE;
  f->thumbnail_rows = 0;
  size_t rows = MIN (spec->height, EFFNET_INPUT_SIDE_MAX);
  f->thumbnail = g_renew (float, f->thumbnail, rows *EFFNET_THUMBNAIL_SIDE);
  for (unsigned k = 0; k < 3; k++) {
    f->scale[k] = (float)(1.0 / (255.0 * spec->std[k]));
    f->bias[k] = (float)(-(double)spec->mean[k] / spec->std[k]);
  }
}

gboolean
effnet_frontend_thumbnail (const EffnetFrontend *f, float *cells)
{
  unsigned n = f->thumbnail_rows, side = EFFNET_THUMBNAIL_SIDE;
  for (unsigned i = 0; n > 0 && i < side; i++) {
    unsigned from = i * n / side, to = MAX (from + 1, (i + 1) * n / side);
    for (unsigned j = 0; j < side; j++) {
      float sum = 0;
      for (unsigned y = from; y < to; y++)
        sum += f->thumbnail[y * side + j];
      cells[i * side + j] = sum / (float)(to - from);
    }
  }
  return n > 0;
}

/* ---- tables ------------------------------------------------------------------------------------
 */

static unsigned
slots_for (const EffnetFrontend *f, EffnetPool *pool)
{
  unsigned bands = (unsigned)effnet_div_up (f->spec.height, EFFNET_LANES);
  unsigned threads = pool != NULL ? effnet_pool_size (pool) : 1;
  return CLAMP (threads, 1, MIN (bands, SLOTS_MAX));
}

/* What raw and JPEG frames have in common. @layout starts from zeros. */
static void
start_layout (EffnetLayout *layout, const EffnetFrontend *f, const EffnetImage *image,
              EffnetPool *pool, unsigned width, unsigned height)
{
  memset (layout, 0, sizeof *layout);
  layout->frame_width = width;
  layout->frame_height = height;
  layout->par_n = image->par_n;
  layout->par_d = image->par_d;
  layout->crop_x = image->crop_x;
  layout->crop_y = image->crop_y;
  layout->crop_width = image->crop_width;
  layout->crop_height = image->crop_height;
  layout->slots = slots_for (f, pool);
}

static gboolean
use_layout (EffnetFrontend *f, const EffnetLayout *layout, const EffnetGeometry *geometry,
            GError **error)
{
  if (f->built && memcmp (&f->pass.layout, layout, sizeof *layout) == 0)
    return TRUE;
  f->built = effnet_pass_build (&f->pass, layout, &f->spec, geometry, error);
  return f->built;
}

/* ---- running -----------------------------------------------------------------------------------
 */

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
  unsigned bands = (unsigned)effnet_div_up (n, EFFNET_LANES);
  unsigned from = (unsigned)tile * bands / slots, to = ((unsigned)tile + 1) * bands / slots;
  effnet_pass_run (job->pass, &job->frame, (unsigned)tile, MIN (n, from * EFFNET_LANES),
                   MIN (n, to * EFFNET_LANES));
}

static void
run_pass (EffnetFrontend *f, EffnetPool *pool, Job *job, float *nhwc)
{
  const EffnetAxis *y = &f->pass.geometry.y;
  size_t line = (size_t)f->spec.width * 3;

  job->pass = &f->pass;
  job->frame.out_width = f->spec.width;
  job->frame.nhwc = nhwc;
  job->frame.thumbnail = f->thumbnail;
  memcpy (job->frame.scale, f->scale, sizeof f->scale);
  memcpy (job->frame.bias, f->bias, sizeof f->bias);
  memset (nhwc, 0, y->at * line * sizeof *nhwc);
  memset (nhwc + (y->at + y->n) * line, 0, (f->spec.height - y->at - y->n) * line * sizeof *nhwc);
  if (f->pass.layout.slots > 1)
    effnet_pool_run (pool, f->pass.layout.slots, run_tile, job);
  else
    run_tile (job, 0, 0);
  f->thumbnail_rows = (unsigned)effnet_div_up (y->n, f->pass.thumbnail_step);
}

static gboolean
run_raw (EffnetFrontend *f, const EffnetImage *image, EffnetPool *pool, float *nhwc, GError **error)
{
  const EffnetFormat *format = effnet_format (image->format);
  EffnetGeometry geometry;
  EffnetLayout layout;
  Job job = {0};

  if (format == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "frame of pixel format %d: not one of the formats of EffnetPixelFormat",
                 (int)image->format);
    return FALSE;
  }
  if ((unsigned)image->chroma_site > EFFNET_CHROMA_SITE_TOP_LEFT) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "%s frame: chroma site %d is not one of EffnetChromaSite", format->name,
                 (int)image->chroma_site);
    return FALSE;
  }
  if (!effnet_format_check (format, image, error) ||
      !effnet_geometry_init (&geometry, &f->spec, image, image->width, image->height, error))
    return FALSE;
  start_layout (&layout, f, image, pool, image->width, image->height);
  memcpy (&layout.format, format, sizeof *format);
  layout.width = image->width;
  layout.height = image->height;
  layout.eighths = 8;
  layout.matrix = image->matrix;
  layout.range = image->range;
  layout.site = image->chroma_site;
  if (!use_layout (f, &layout, &geometry, error))
    return FALSE;
  for (unsigned p = 0; p < format->n_planes; p++) {
    job.frame.data[p] = image->data[p];
    job.frame.stride[p] = image->stride[p];
  }
  run_pass (f, pool, &job, nhwc);
  return TRUE;
}

/* The smallest n of n / 8 that leaves at least one decoded pixel for each resized one; of those
 * libjpeg has vector code for, 1, 2, 4 and 8: the next of them is faster than the plain code of the
 * others. */
static unsigned
jpeg_eighths (const EffnetFrontend *f, const EffnetGeometry *g)
{
  double least = MIN (g->x.scale, g->y.scale);
  unsigned n = 1;
  while (n < 8 && n * least < 8)
    n *= 2;
  return f->spec.jpeg_full_scale ? 8 : n;
}

/* As planes[0..n), or as the one of packed RGB. */
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
    EffnetComponent packed = {0, c, 3, 1, 1};
    EffnetComponent planar = {c, 0, 1, (uint8_t)planes[c].sub_x, (uint8_t)planes[c].sub_y};
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

/* Decodes what @f->pass needs and points @job at it. */
static gboolean
decode (EffnetFrontend *f, EffnetJpegPlane planes[3], Job *job, GError **error)
{
  const EffnetPass *pass = &f->pass;
  unsigned lo[3] = {0}, hi[3] = {0};
  for (unsigned c = 0; c < pass->layout.format.n_components; c++) {
    lo[c] = pass->down[pass->table[c]].lo;
    hi[c] = pass->down[pass->table[c]].hi;
  }
  if (!effnet_jpeg_decode (f->jpeg, lo, hi, planes, error))
    return FALSE;
  for (unsigned c = 0; c < pass->layout.format.n_planes; c++) {
    job->frame.data[c] = planes[c].data;
    job->frame.stride[c] = (ptrdiff_t)planes[c].stride;
    job->frame.first[c] = planes[c].first;
  }
  return TRUE;
}

static gboolean
run_jpeg (EffnetFrontend *f, const EffnetImage *image, EffnetPool *pool, float *nhwc,
          EffnetFrontendTimes *times, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  EffnetJpegPlane planes[3] = {{0}};
  EffnetJpegHeader header;
  EffnetGeometry geometry;
  EffnetLayout layout;
  Job job = {0};

  if (f->jpeg == NULL)
    f->jpeg = effnet_jpeg_new ();
  if (!effnet_jpeg_header (f->jpeg, image->data[0], image->size, &header, error) ||
      !effnet_geometry_init (&geometry, &f->spec, image, header.width, header.height, error))
    return FALSE;
  unsigned eighths = jpeg_eighths (f, &geometry);
  /* Chosen for exactness: then colours beyond the gamut are cut off before the resize, as
   * elsewhere. */
  gboolean rgb = f->spec.jpeg_full_scale && header.model == EFFNET_MODEL_YUV;
  if (!effnet_jpeg_start (f->jpeg, eighths, rgb, planes, error))
    return FALSE;
  start_layout (&layout, f, image, pool, header.width, header.height);
  jpeg_layout (&layout, &header, eighths);
  jpeg_format (&layout.format, header.model, rgb, planes);
  if (!use_layout (f, &layout, &geometry, error) || !decode (f, planes, &job, error))
    return FALSE;
  gint64 decoded = g_get_monotonic_time ();
  run_pass (f, pool, &job, nhwc);
  if (times != NULL) {
    times->decode_ns = (uint64_t)(decoded - start) * 1000;
    times->convert_ns = (uint64_t)(g_get_monotonic_time () - decoded) * 1000;
  }
  return TRUE;
}

gboolean
effnet_frontend_run (EffnetFrontend *f, const EffnetImage *image, struct _EffnetPool *pool,
                     float *nhwc, EffnetFrontendTimes *times, GError **error)
{
  if (times != NULL)
    *times = (EffnetFrontendTimes){0, 0};
  if (image->format == EFFNET_PIXEL_FORMAT_JPEG)
    return run_jpeg (f, image, pool, nhwc, times, error);
  gint64 start = g_get_monotonic_time ();
  if (!run_raw (f, image, pool, nhwc, error))
    return FALSE;
  if (times != NULL)
    times->convert_ns = (uint64_t)(g_get_monotonic_time () - start) * 1000;
  return TRUE;
}
