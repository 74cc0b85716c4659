/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Builds the tables of a layout, shares out the scratch memory, and walks a tile of output rows
 * through the four kernels of the front end. */
#include "image/pass.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"

static EffnetElement
element_of (const EffnetPass *pass)
{
  return pass->layout.format.element == 2 ? EFFNET_ELEMENT_U16 : EFFNET_ELEMENT_U8;
}

/* Elements [*lo, *hi) of a line of @plane that its components' tables read. */
static void
plane_span (const EffnetPass *pass, unsigned plane, size_t *lo, size_t *hi)
{
  *lo = SIZE_MAX;
  *hi = 0;
  for (unsigned c = 0; c < pass->layout.format.n_components; c++) {
    const EffnetComponent *k = &pass->layout.format.component[c];
    const EffnetTaps *t = &pass->across[pass->table[c]];
    if (k->plane != plane)
      continue;
    *lo = MIN (*lo, (size_t)t->lo * k->step + k->offset);
    *hi = MAX (*hi, (size_t)(t->hi - 1) * k->step + k->offset + 1);
  }
}

/* ---- building -------------------------------------------------------------------------------- */

static void
build_axis (EffnetPass *pass, unsigned c, EffnetFilter filter)
{
  const EffnetLayout *l = &pass->layout;
  const EffnetComponent *k = &l->format.component[c];
  EffnetTapsSpec s = {.filter = filter, .zoom = l->eighths / 8.0};
  gboolean corner = l->site == EFFNET_CHROMA_SITE_TOP_LEFT;
  gboolean left = l->site != EFFNET_CHROMA_SITE_CENTER;

  s.axis = &pass->geometry.x;
  s.luma = l->width;
  s.sub = k->sub_x;
  s.site = left ? EFFNET_SITE_COSITED : EFFNET_SITE_CENTERED;
  if (l->decoder_upsampling)
    s.upsample = s.sub == 2 ? EFFNET_UPSAMPLE_TRIANGLE : EFFNET_UPSAMPLE_REPLICATE;
  effnet_taps_build (&pass->across[c], &s);
  s.axis = &pass->geometry.y;
  s.luma = l->height;
  s.sub = k->sub_y;
  s.site = corner ? EFFNET_SITE_COSITED : EFFNET_SITE_CENTERED;
  if (l->decoder_upsampling)
    s.upsample = s.sub == 2 ? EFFNET_UPSAMPLE_TRIANGLE : EFFNET_UPSAMPLE_REPLICATE;
  effnet_taps_build (&pass->down[c], &s);
}

static void
build_tables (EffnetPass *pass, EffnetFilter filter)
{
  const EffnetFormat *f = &pass->layout.format;
  gboolean even = TRUE;
  for (unsigned c = 0; c < f->n_components; c++) {
    unsigned same = 0;
    while (same < c && (f->component[same].sub_x != f->component[c].sub_x ||
                        f->component[same].sub_y != f->component[c].sub_y))
      same++;
    pass->table[c] = (uint8_t)same;
    if (same == c)
      build_axis (pass, c, filter);
    even = even && same == 0;
  }
  pass->columns_first = filter == EFFNET_FILTER_BICUBIC && f->model != EFFNET_MODEL_YUV && even;
}

/* Luma of the thumbnail is BT.601's of the RGB, a linear map of the elements like the colours; of
 * YUV it is Y. Two or three rows to a cell are enough. */
static void
build_luma (EffnetPass *pass)
{
  static const float weight[3] = {0.299f, 0.587f, 0.114f};
  gboolean rgb = pass->layout.format.model == EFFNET_MODEL_RGB;
  pass->thumbnail_step = MAX (1, pass->geometry.y.n / (2 * EFFNET_THUMBNAIL_SIDE));
  for (unsigned c = 0; c < 3; c++)
    pass->luma[c] = rgb ? weight[c] * pass->color.matrix[c][c] : 0;
  if (!rgb)
    pass->luma[0] = pass->color.matrix[0][0];
  pass->luma_offset = -pass->color.matrix[0][0] * pass->color.black;
}

static void
choose_kernels (EffnetPass *pass)
{
  const EffnetDtype f32 = EFFNET_DTYPE_F32;
  pass->vertical = effnet_kernel_find (EFFNET_OP_RESAMPLE_V, f32, 0, 0)->call.resample_v;
  pass->spread = effnet_kernel_find (EFFNET_OP_SPREAD, f32, 0, 0)->call.spread;
  pass->horizontal = effnet_kernel_find (EFFNET_OP_RESAMPLE_H, f32, 0, 0)->call.resample_h;
  pass->convert = effnet_kernel_find (EFFNET_OP_CONVERT, f32, 0, 0)->call.convert;
}

static size_t
take (size_t *at, size_t bytes)
{
  size_t start = *at;
  *at = effnet_align_up (start + bytes, EFFNET_ALIGN);
  return start;
}

static void
share_scratch (EffnetPass *pass)
{
  const EffnetFormat *f = &pass->layout.format;
  size_t line = (size_t)f->n_components * pass->geometry.x.n; /* floats */
  size_t samples = 0, elements = 0, at = 0;
  unsigned taps = 0;

  for (unsigned c = 0; c < f->n_components; c++) {
    const EffnetTaps *a = &pass->across[pass->table[c]], *d = &pass->down[pass->table[c]];
    samples = MAX (samples, a->hi - a->lo);
    taps = MAX (taps, d->stride);
  }
  for (unsigned p = 0; p < f->n_planes; p++) {
    size_t lo, hi;
    plane_span (pass, p, &lo, &hi);
    elements = MAX (elements, hi - lo);
  }
  pass->ring_batches = pass->columns_first ? taps / EFFNET_LANES + 2 : 1;
  pass->spread_at = take (&at, samples * EFFNET_LANES * sizeof (float));
  pass->ring_at = take (&at, pass->ring_batches * EFFNET_LANES * line * sizeof (float));
  pass->rows_at =
      take (&at, sizeof (float) * (pass->columns_first ? line : elements * EFFNET_LANES));
  pass->pointers_at = take (&at, MAX (taps, EFFNET_LANES) * sizeof (void *));
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
                         layout->frame_height, error)) {
    effnet_pass_clear (pass);
    return FALSE;
  }
  choose_kernels (pass);
  build_tables (pass, spec->filter);
  build_luma (pass);
  share_scratch (pass);
  return TRUE;
}

void
effnet_pass_clear (EffnetPass *pass)
{
  for (unsigned c = 0; c < 3; c++) {
    effnet_taps_clear (&pass->across[c]);
    effnet_taps_clear (&pass->down[c]);
  }
  memset (pass, 0, sizeof *pass);
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct {
  const EffnetPass *pass;
  const EffnetPassFrame *frame;
  float *spread;         /* [samples][EFFNET_LANES] */
  float *ring;           /* [ring_batches * EFFNET_LANES][n_components][x.n] */
  float *rows;           /* columns first: [n_components][x.n]; else [EFFNET_LANES][elements] */
  const void **pointers; /* [taps] */
} Tile;

static const uint8_t *
line_of (const EffnetPassFrame *frame, unsigned plane, unsigned y)
{
  return frame->data[plane] + (ptrdiff_t)(y - frame->first[plane]) * frame->stride[plane];
}

/* @cells: [EFFNET_THUMBNAIL_SIDE] */
static void
take_thumbnail (const EffnetPass *pass, const float *a, const float *b, const float *c,
                float *cells)
{
  unsigned n = pass->geometry.x.n, side = EFFNET_THUMBNAIL_SIDE;
  gboolean color = pass->luma[1] != 0;

  for (unsigned j = 0; j < side; j++) {
    unsigned x = j * n / side, end = MAX (x + 1, (j + 1) * n / side);
    float sum = 0, count = (float)(end - x);
    for (; x < end; x++)
      sum += pass->luma[0] * a[x] + (color ? pass->luma[1] * b[x] + pass->luma[2] * c[x] : 0);
    cells[j] = sum / count + pass->luma_offset;
  }
}

/* @line: [n_components][x.n], of output row @y of the part that is filled. */
static void
finish_row (const Tile *tile, unsigned y, const float *line)
{
  const EffnetPass *pass = tile->pass;
  const EffnetPassFrame *frame = tile->frame;
  const EffnetGeometry *g = &pass->geometry;
  unsigned n = g->x.n;
  gboolean color = pass->layout.format.n_components == 3;
  const float *a = line, *b = color ? line + n : line, *c = color ? line + 2 * n : line;
  float *out = frame->nhwc + (size_t)(g->y.at + y) * frame->out_width * 3;

  memset (out, 0, (size_t)g->x.at * 3 * sizeof *out);
  EffnetConvert convert = {
      .in = {a, b, c},
      .matrix = pass->color.matrix[0],
      .offset = pass->color.offset,
      .scale = frame->scale,
      .bias = frame->bias,
      .n = n,
      .out = out + (size_t)g->x.at * 3,
  };
  pass->convert (&convert);
  memset (out + (size_t)(g->x.at + n) * 3, 0,
          (size_t)(frame->out_width - g->x.at - n) * 3 * sizeof *out);

  if (y % pass->thumbnail_step == 0)
    take_thumbnail (pass, a, b, c,
                    frame->thumbnail + (size_t)(y / pass->thumbnail_step) * EFFNET_THUMBNAIL_SIDE);
}

/* Up to EFFNET_LANES rows of component @c, already in @tile->pointers, through the horizontal
 * filter. */
static void
filter_across (const Tile *tile, unsigned c, EffnetElement element, unsigned step, float low,
               float high, float *out)
{
  const EffnetPass *pass = tile->pass;
  const EffnetTaps *taps = &pass->across[pass->table[c]];
  unsigned n = pass->geometry.x.n;

  EffnetSpread spread = {element, tile->pointers, step, taps->hi - taps->lo, tile->spread};
  pass->spread (&spread);
  EffnetResampleH h = {
      .in = tile->spread,
      .first = taps->first,
      .count = taps->count,
      .weight = taps->weight,
      .n = taps->n,
      .stride = taps->stride,
      .base = taps->lo,
      .low = low,
      .high = high,
      .out = out + (size_t)c * n,
      .out_stride = (size_t)pass->layout.format.n_components * n,
  };
  pass->horizontal (&h);
}

/* Rows [from, from + EFFNET_LANES) of the frame to the ring; past @end the last one is repeated. */
static void
fill_batch (const Tile *tile, unsigned from, unsigned end, float *out)
{
  const EffnetPass *pass = tile->pass;
  const EffnetFormat *f = &pass->layout.format;
  float high = (float)(((1u << f->bits) - 1) << f->shift);

  for (unsigned c = 0; c < f->n_components; c++) {
    const EffnetComponent *k = &f->component[c];
    const EffnetTaps *taps = &pass->across[pass->table[c]];
    size_t at = ((size_t)taps->lo * k->step + k->offset) * f->element;
    for (unsigned lane = 0; lane < EFFNET_LANES; lane++) {
      unsigned y = MIN (from + lane, end - 1);
      tile->pointers[lane] = line_of (tile->frame, k->plane, y) + at;
    }
    filter_across (tile, c, element_of (pass), k->step, 0, high, out);
  }
}

static void
run_columns_first (const Tile *tile, unsigned from, unsigned to)
{
  const EffnetPass *pass = tile->pass;
  const EffnetTaps *down = &pass->down[0];
  size_t line = (size_t)pass->layout.format.n_components * pass->geometry.x.n;
  unsigned base = down->first[from], filled;

  /* Where a weight happens to be 0 the table starts later: not every first is beyond the last. */
  for (unsigned y = from; y < to; y++)
    base = MIN (base, down->first[y]);
  filled = base;
  for (unsigned y = from; y < to; y++) {
    unsigned first = down->first[y], end = first + down->count[y];
    while (filled < end) {
      unsigned batch = (filled - base) / EFFNET_LANES % pass->ring_batches;
      fill_batch (tile, filled, down->hi, tile->ring + batch * EFFNET_LANES * line);
      filled += EFFNET_LANES;
    }
    for (unsigned t = 0; t < down->count[y]; t++) {
      size_t row = (first + t - base) % (pass->ring_batches * EFFNET_LANES);
      tile->pointers[t] = tile->ring + row * line;
    }
    EffnetResampleV v = {
        EFFNET_ELEMENT_F32, tile->pointers, down->weight + (size_t)y * down->stride,
        down->count[y],     line,           tile->rows};
    pass->vertical (&v);
    finish_row (tile, y, tile->rows);
  }
}

/* Output rows [from, from + n) of @plane, n <= EFFNET_LANES, through both filters to the ring. */
static void
filter_plane (const Tile *tile, unsigned plane, unsigned from, unsigned n)
{
  const EffnetPass *pass = tile->pass;
  const EffnetFormat *f = &pass->layout.format;
  const EffnetTaps *down = NULL;
  size_t lo, hi;

  for (unsigned c = 0; c < f->n_components && down == NULL; c++)
    if (f->component[c].plane == plane)
      down = &pass->down[pass->table[c]];
  plane_span (pass, plane, &lo, &hi);
  for (unsigned lane = 0; lane < n; lane++) {
    unsigned y = from + lane;
    for (unsigned t = 0; t < down->count[y]; t++)
      tile->pointers[t] = line_of (tile->frame, plane, down->first[y] + t) + lo * f->element;
    EffnetResampleV v = {element_of (pass), tile->pointers, down->weight + (size_t)y * down->stride,
                         down->count[y],    hi - lo,        tile->rows + lane * (hi - lo)};
    pass->vertical (&v);
  }
  for (unsigned c = 0; c < f->n_components; c++) {
    const EffnetComponent *k = &f->component[c];
    if (k->plane != plane)
      continue;
    size_t at = (size_t)pass->across[pass->table[c]].lo * k->step + k->offset - lo;
    for (unsigned lane = 0; lane < EFFNET_LANES; lane++)
      tile->pointers[lane] = tile->rows + MIN (lane, n - 1) * (hi - lo) + at;
    filter_across (tile, c, EFFNET_ELEMENT_F32, k->step, -INFINITY, INFINITY, tile->ring);
  }
}

static void
run_rows_first (const Tile *tile, unsigned from, unsigned to)
{
  const EffnetFormat *f = &tile->pass->layout.format;
  size_t line = (size_t)f->n_components * tile->pass->geometry.x.n;

  for (unsigned y = from; y < to; y += EFFNET_LANES) {
    unsigned n = MIN (to - y, EFFNET_LANES);
    for (unsigned p = 0; p < f->n_planes; p++)
      filter_plane (tile, p, y, n);
    for (unsigned lane = 0; lane < n; lane++)
      finish_row (tile, y + lane, tile->ring + lane * line);
  }
}

void
effnet_pass_run (const EffnetPass *pass, const EffnetPassFrame *frame, unsigned slot, unsigned from,
                 unsigned to)
{
  uint8_t *at = (uint8_t *)frame->scratch + slot * pass->slot_bytes;
  Tile tile = {
      pass,
      frame,
      (float *)(void *)(at + pass->spread_at),
      (float *)(void *)(at + pass->ring_at),
      (float *)(void *)(at + pass->rows_at),
      (const void **)(void *)(at + pass->pointers_at),
  };
  if (from >= to)
    return;
  if (pass->columns_first)
    run_columns_first (&tile, from, to);
  else
    run_rows_first (&tile, from, to);
}
