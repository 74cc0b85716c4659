/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Builds the tables of a layout, shares out the scratch memory, and walks a tile of output rows
 * through the three kernels of the front end. */
#include "image/pass.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"

/* ---- building -------------------------------------------------------------------------------- */

/* Minimum input rows per output row with sparse rows: a filter then has three of them. */
#define ROWS_LEFT 1.5

static gboolean
build_axis (EffnetPass *pass, unsigned c, const EffnetInputSpec *spec)
{
  const EffnetLayout *l = &pass->layout;
  const EffnetComponent *k = &l->format.component[c];
  EffnetTapsSpec s = {.filter = spec->filter, .zoom = l->eighths / 8.0};
  double rows = pass->geometry.y.scale / k->sub_y; /* of raw frames, to one of the output */
  gboolean corner = l->site == EFFNET_CHROMA_SITE_TOP_LEFT;
  gboolean left = l->site != EFFNET_CHROMA_SITE_CENTER;

  s.axis = &pass->geometry.x;
  s.luma = l->width;
  s.sub = k->sub_x;
  s.site = left ? EFFNET_SITE_COSITED : EFFNET_SITE_CENTERED;
  if (l->decoder_upsampling)
    s.upsample = s.sub == 2 ? EFFNET_UPSAMPLE_TRIANGLE : EFFNET_UPSAMPLE_REPLICATE;
  if (!effnet_taps_build (&pass->across[c], &s))
    return FALSE;
  s.axis = &pass->geometry.y;
  s.luma = l->height;
  s.sub = k->sub_y;
  s.site = corner ? EFFNET_SITE_COSITED : EFFNET_SITE_CENTERED;
  if (l->decoder_upsampling)
    s.upsample = s.sub == 2 ? EFFNET_UPSAMPLE_TRIANGLE : EFFNET_UPSAMPLE_REPLICATE;
  if (!effnet_taps_build (&pass->down[c], &s))
    return FALSE;
  gboolean wide = spec->filter == EFFNET_FILTER_BILINEAR || spec->filter == EFFNET_FILTER_BICUBIC;
  if (spec->sparse_rows && wide && !l->decoder_upsampling && rows >= 2 * ROWS_LEFT)
    effnet_taps_decimate (&pass->down[c], (unsigned)(rows / ROWS_LEFT));
  return TRUE;
}

static gboolean
build_tables (EffnetPass *pass, const EffnetInputSpec *spec)
{
  const EffnetFormat *f = &pass->layout.format;
  for (unsigned c = 0; c < f->n_components; c++) {
    unsigned same = 0;
    while (same < c && (f->component[same].sub_x != f->component[c].sub_x ||
                        f->component[same].sub_y != f->component[c].sub_y))
      same++;
    pass->table[c] = (uint8_t)same;
    if (same == c && !build_axis (pass, c, spec))
      return FALSE;
  }
  return TRUE;
}

/* The bytes of each component of the plane in the order of its components. */
static gboolean
build_columns (EffnetPass *pass, unsigned p)
{
  const EffnetFormat *f = &pass->layout.format;
  EffnetPassPlane *plane = &pass->plane[p];

  for (unsigned c = 0; c < f->n_components; c++) {
    const EffnetComponent *k = &f->component[c];
    EffnetTaps *t = &pass->across[pass->table[c]];

    if (k->plane != p)
      continue;
    if (!effnet_taps_quantize (t, plane->unit))
      return FALSE;
    for (unsigned byte = 0; byte < f->element; byte++) { /* the low one first */
      unsigned at = f->big_endian ? f->element - 1u - byte : byte;
      EffnetSamples kind = {k->step * f->element,
                            k->offset * f->element + at,
                            t->first,
                            t->count,
                            t->quantized,
                            t->stride};
      for (unsigned i = 0; i < 2; i++) {
        EffnetColumns *columns = &plane->columns[i];
        columns->n = pass->geometry.x.n;
        columns->kind[columns->kinds++] = kind;
        kind.weight = t->residual;
      }
    }
    plane->samples += pass->geometry.x.n;
    plane->down = pass->table[c];
  }
  return TRUE;
}

/* Quantized weights are off by up to a half. From this unit on that shows in no output. */
#define UNIT_ENOUGH 49152

static gboolean
build_plane (EffnetPass *pass, unsigned p)
{
  const EffnetFormat *f = &pass->layout.format;
  EffnetPassPlane *plane = &pass->plane[p];

  plane->unit = UINT_MAX;
  for (unsigned c = 0; c < f->n_components; c++)
    if (f->component[c].plane == p)
      plane->unit = MIN (plane->unit, effnet_taps_max_unit (&pass->across[pass->table[c]]));
  plane->filters = plane->unit < UNIT_ENOUGH ? 2 : 1;
  if (!build_columns (pass, p))
    return FALSE;
  plane->bands = pass->down[plane->down].stride / EFFNET_BAND + 2;
  plane->line_bytes = effnet_format_line_bytes (f, p, pass->layout.width);
  return TRUE;
}

static gboolean
build_all_tables (EffnetPass *pass, const EffnetInputSpec *spec, GError **error)
{
  const EffnetLayout *l = &pass->layout;
  gboolean ok = build_tables (pass, spec);

  for (unsigned p = 0; ok && p < l->format.n_planes; p++)
    ok = build_plane (pass, p);
  return ok || effnet_fail (error, EFFNET_ERROR_FRAME,
                            "%s frame of %ux%u pixels: no memory for its tables; use a smaller one",
                            l->format.name, l->width, l->height);
}

static void
choose_kernels (EffnetPass *pass)
{
  const EffnetDtype f32 = EFFNET_DTYPE_F32;
  const EffnetKernelShape any = {0};
  pass->horizontal = effnet_kernel_find (EFFNET_OP_RESAMPLE_H, f32, any)->call.resample_h;
  pass->vertical = effnet_kernel_find (EFFNET_OP_RESAMPLE_V, f32, any)->call.resample_v;
  pass->convert = effnet_kernel_find (EFFNET_OP_CONVERT, f32, any)->call.convert;
}

static size_t
take (size_t *at, size_t bytes)
{
  size_t start = *at;
  *at = effnet_align_up (start + bytes, EFFNET_ALIGN);
  return start;
}

static gboolean
build_packed (EffnetPass *pass, GError **error)
{
  const EffnetKernel *kernel =
      effnet_kernel_find (EFFNET_OP_RESAMPLE_H, EFFNET_DTYPE_F32, (EffnetKernelShape){0});
  unsigned planes = pass->layout.format.n_planes;
  size_t at = 0;

  for (EffnetPassPlane *plane = pass->plane; plane < pass->plane + planes; plane++)
    for (unsigned i = 0; i < plane->filters; i++)
      plane->packed_at[i] = take (&at, effnet_columns_packed_size (kernel, &plane->columns[i]));
  if (effnet_arena_init (&pass->packed, MAX (at, 1)) != 0)
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "%s frame of %ux%u pixels: no memory for %" G_GSIZE_FORMAT
                        " bytes of filter; use a smaller frame",
                        pass->layout.format.name, pass->layout.width, pass->layout.height, at);
  for (EffnetPassPlane *plane = pass->plane; plane < pass->plane + planes; plane++)
    for (unsigned i = 0; i < plane->filters; i++)
      effnet_columns_pack (kernel, &plane->columns[i],
                           (uint8_t *)pass->packed.base + plane->packed_at[i]);
  return TRUE;
}

/* Sums that an output of plane @p is made of. */
static unsigned
parts_of (const EffnetPass *pass, unsigned p)
{
  return pass->layout.format.element * pass->plane[p].filters;
}

static void
share_scratch (EffnetPass *pass)
{
  const EffnetFormat *f = &pass->layout.format;
  size_t filter = 0, wide = 0, at = 0;
  unsigned taps = 0;

  for (unsigned p = 0; p < f->n_planes; p++) {
    EffnetPassPlane *plane = &pass->plane[p];

    filter = MAX (filter, effnet_columns_scratch (&plane->columns[0]));
    if (parts_of (pass, p) > 1)
      wide = MAX (wide, parts_of (pass, p) * (size_t)plane->samples);
    taps = MAX (taps, pass->down[plane->down].stride);
    plane->ring_at = take (&at, sizeof (float) * plane->bands * EFFNET_BAND * plane->samples);
  }
  pass->filter_at = take (&at, filter);
  pass->wide_at = take (&at, wide * EFFNET_BAND * sizeof (float));
  pass->line_at = take (&at, sizeof (float) * f->n_components * pass->geometry.x.n);
  pass->pixels_at = take (&at, sizeof (float) * 3 * pass->geometry.x.n);
  pass->pointers_at = take (&at, taps * sizeof (void *));
  pass->slot_bytes = at;
}

gboolean
effnet_pass_build (EffnetPass *pass, const EffnetLayout *layout, const EffnetInputSpec *spec,
                   const EffnetGeometry *geometry, GError **error)
{
  effnet_pass_clear (pass);
  pass->layout = *layout;
  pass->geometry = *geometry;
  if (!effnet_color_map (&pass->color, &layout->format, layout->matrix, layout->range,
                         layout->frame_height, error))
    goto fail;
  choose_kernels (pass);
  if (!build_all_tables (pass, spec, error) || !build_packed (pass, error))
    goto fail;
  share_scratch (pass);
  return TRUE;

fail:
  effnet_pass_clear (pass);
  return FALSE;
}

void
effnet_pass_clear (EffnetPass *pass)
{
  for (unsigned c = 0; c < 3; c++) {
    effnet_taps_clear (&pass->across[c]);
    effnet_taps_clear (&pass->down[c]);
  }
  effnet_arena_clear (&pass->packed);
  memset (pass, 0, sizeof *pass);
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct {
  const EffnetPass *pass;
  const EffnetPassFrame *frame;
  uint8_t *slot;
  float *ring[3];         /* [bands * EFFNET_BAND][samples], of each plane */
  unsigned base[3];       /* row of the plane at the ring's first */
  unsigned filled[3];     /* rows [base, filled) have been through the ring */
  float *line;            /* plane by plane [samples] */
  const float **pointers; /* [taps] */
} Tile;

/* Says where in @tile->line the components are. */
static void
point_at_line (const Tile *tile, EffnetConvert *row)
{
  const EffnetFormat *f = &tile->pass->layout.format;
  unsigned n = tile->pass->geometry.x.n;
  const float *plane[3] = {tile->line};
  unsigned beside[3] = {0};

  for (unsigned p = 1; p < f->n_planes; p++)
    plane[p] = plane[p - 1] + tile->pass->plane[p - 1].samples;
  for (unsigned c = 0; c < 3; c++) {
    unsigned p = f->component[c % f->n_components].plane;
    row->in[c] = plane[p] + (c < f->n_components ? beside[p]++ : 0);
    row->step[c] = tile->pass->plane[p].samples / n;
  }
}

/* Puts the @n pixels of a row beside or below each other, in either order. @step: floats. */
static void
scatter_pixels (const float *pixels, unsigned n, ptrdiff_t step, float *out)
{
  for (unsigned i = 0; i < n; i++) {
    for (unsigned k = 0; k < 3; k++)
      out[k] = pixels[3 * i + k];
    out += step;
  }
}

/* The line, of output row @y of the part that is filled, to the network's input. */
static void
finish_row (const Tile *tile, unsigned y)
{
  const EffnetPass *pass = tile->pass;
  const EffnetPassFrame *frame = tile->frame;
  const EffnetGeometry *g = &pass->geometry;
  gboolean as_stored = !g->transposed && !g->mirror_x;
  size_t across = 3, down = (size_t)frame->out_width * 3; /* floats to the next, upright */
  size_t x_step = g->transposed ? down : across, y_step = g->transposed ? across : down;
  size_t x_at = g->x.at + (g->mirror_x ? g->x.n - 1 : 0);
  size_t y_at = g->y.at + (g->mirror_y ? g->y.n - 1 - y : y);
  float *out = frame->nhwc + x_at * x_step + y_at * y_step;
  float *pixels = (float *)(void *)(tile->slot + pass->pixels_at);

  EffnetConvert convert = {
      .matrix = pass->color.matrix[0],
      .offset = pass->color.offset,
      .scale = frame->scale,
      .bias = frame->bias,
      .n = g->x.n,
      .out = as_stored ? out : pixels,
  };
  point_at_line (tile, &convert);
  pass->convert (&convert);
  if (!as_stored)
    scatter_pixels (pixels, g->x.n, g->mirror_x ? -(ptrdiff_t)x_step : (ptrdiff_t)x_step, out);
}

/* Adds the residual filter's sums. */
static void
add_residual (float *restrict sums, const float *restrict residual, size_t n)
{
  for (size_t x = 0; x < n; x++)
    sums[x] += residual[x];
}

/* Sums of low and of high bytes beside each other to those of samples. */
static void
join_bytes (const float *restrict sums, size_t n, float *restrict out)
{
  for (size_t x = 0; x < n; x++)
    out[x] = sums[2 * x] + 256 * sums[2 * x + 1];
}

static void
clamp_line (const float *in, size_t n, float low, float high, float *out)
{
  for (size_t x = 0; x < n; x++) {
    float v = in[x] > low ? in[x] : low;
    out[x] = v < high ? v : high;
  }
}

/* Runs the filters of plane @p and adds their outputs up. @h is filled but
 * for what differs between them. */
static void
filter_parts (const Tile *tile, unsigned p, EffnetResampleH *h, float low, float high)
{
  const EffnetPass *pass = tile->pass;
  const EffnetPassPlane *plane = &pass->plane[p];
  size_t samples = plane->samples, line = samples * pass->layout.format.element;
  size_t out_stride = h->out_stride;
  float *out = h->out, *parts = (float *)(void *)(tile->slot + pass->wide_at);

  h->out_stride = line;
  for (unsigned i = 0; i < plane->filters; i++) {
    h->columns = &plane->columns[i];
    h->packed = (const uint8_t *)pass->packed.base + plane->packed_at[i];
    h->out = parts + i * EFFNET_BAND * line;
    pass->horizontal (h);
    h->scale /= EFFNET_TAPS_RESIDUAL_SCALE;
  }
  for (unsigned r = 0; r < h->n_rows; r++) {
    float *sums = parts + r * line, *to = out + r * out_stride;
    if (plane->filters > 1)
      add_residual (sums, sums + EFFNET_BAND * line, line);
    if (line > samples)
      join_bytes (sums, samples, to);
    clamp_line (line > samples ? to : sums, samples, low, high, to);
  }
}

/* The next rows of plane @p, at most EFFNET_BAND, through the horizontal filter to the ring. */
static void
fill_band (Tile *tile, unsigned p)
{
  const EffnetPass *pass = tile->pass;
  const EffnetFormat *f = &pass->layout.format;
  const EffnetPassPlane *plane = &pass->plane[p];
  const EffnetPassFrame *frame = tile->frame;
  gboolean clamps = f->model != EFFNET_MODEL_YUV, parts = parts_of (pass, p) > 1;
  float high = clamps ? (float)(((1u << f->bits) - 1) << f->shift) : INFINITY;
  float low = clamps ? 0 : -INFINITY;
  ptrdiff_t step = (ptrdiff_t)pass->down[plane->down].step * frame->stride[p];
  unsigned y = tile->filled[p], row = (y - tile->base[p]) % (plane->bands * EFFNET_BAND);

  EffnetResampleH h = {
      .columns = &plane->columns[0],
      .packed = (const uint8_t *)pass->packed.base + plane->packed_at[0],
      .rows = frame->data[p] + (ptrdiff_t)y * step - (ptrdiff_t)frame->first[p] * frame->stride[p],
      .row_stride = step,
      .n_rows = MIN (EFFNET_BAND, pass->down[plane->down].hi - y),
      .bytes = plane->line_bytes,
      .scale = 1.0f / (float)plane->unit,
      .low = parts ? -INFINITY : low,
      .high = parts ? INFINITY : high,
      .scratch = tile->slot + pass->filter_at,
      .out = tile->ring[p] + (size_t)row * plane->samples,
      .out_stride = plane->samples,
  };
  if (parts)
    filter_parts (tile, p, &h, low, high);
  else
    pass->horizontal (&h);
  tile->filled[p] = y + h.n_rows;
}

/* Output row @y of plane @p to @line. */
static void
filter_down (Tile *tile, unsigned p, unsigned y, float *line)
{
  const EffnetPassPlane *plane = &tile->pass->plane[p];
  const EffnetTaps *down = &tile->pass->down[plane->down];
  unsigned first = down->first[y], count = down->count[y];

  while (tile->filled[p] < first + count)
    fill_band (tile, p);
  for (unsigned t = 0; t < count; t++) {
    size_t row = (first + t - tile->base[p]) % (plane->bands * EFFNET_BAND);
    tile->pointers[t] = tile->ring[p] + row * plane->samples;
  }
  EffnetResampleV v = {tile->pointers, down->weight + (size_t)y * down->stride, count,
                       plane->samples, line};
  tile->pass->vertical (&v);
}

/* Where a weight happens to be 0 the table starts later: not every first is beyond the last. */
static unsigned
first_row (const EffnetPass *pass, unsigned p, unsigned from, unsigned to)
{
  const EffnetTaps *down = &pass->down[pass->plane[p].down];
  unsigned first = UINT_MAX;

  for (unsigned y = from; y < to; y++)
    first = MIN (first, down->first[y]);
  return first;
}

void
effnet_pass_run (const EffnetPass *pass, const EffnetPassFrame *frame, unsigned slot, unsigned from,
                 unsigned to)
{
  uint8_t *at = (uint8_t *)frame->scratch + slot * pass->slot_bytes;
  Tile tile = {.pass = pass, .frame = frame, .slot = at};

  tile.line = (float *)(void *)(at + pass->line_at);
  tile.pointers = (const float **)(void *)(at + pass->pointers_at);
  for (unsigned p = 0; p < pass->layout.format.n_planes; p++) {
    tile.ring[p] = (float *)(void *)(at + pass->plane[p].ring_at);
    tile.base[p] = tile.filled[p] = first_row (pass, p, from, to);
  }
  for (unsigned y = from; y < to && !effnet_stop_now (frame->stop); y++) {
    float *line = tile.line;
    for (unsigned p = 0; p < pass->layout.format.n_planes; p++) {
      filter_down (&tile, p, y, line);
      line += pass->plane[p].samples;
    }
    finish_row (&tile, y);
  }
}
