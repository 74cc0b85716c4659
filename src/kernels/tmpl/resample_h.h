/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The horizontal filter of bytes over vectors of words (EFFNET_PACKING_WORDS, columns.h). Included
 * like tmpl/image.h. Sixteen rows at a time: a stretch of their lines is deinterleaved by kinds and
 * its quads transposed, so that a vector holds one quad of several rows, and each column is a sum
 * of products of such vectors with one weight pair. Transposed back, the columns are rows of the
 * output.
 */

#define WORDS_GROUPS  (EFFNET_UNIT_ROWS / VF_LANES) /* vectors to hold something of each row */
#define WORDS_UNITS   (VF_LANES / 4)                /* units in a vector */
#define WORDS_QUAD    (EFFNET_QUAD_SCRATCH / WORDS_GROUPS) /* bytes of a quad in one group */
#define WORDS_COLUMNS 16

/* A stretch of 16 rows, deinterleaved: @scratch holds kind by kind [quad][group][two of words]. */
typedef struct {
  const EffnetResampleH *h;
  const uint8_t *rows[EFFNET_UNIT_ROWS]; /* past n_rows the last again */
  unsigned rows_before, n_rows;          /* of the call before these, and of these */
  unsigned unit;                         /* bytes */
  size_t first, units;                   /* deinterleaved: [first, first + units) */
  uint8_t pattern[16]; /* byte of the unit that each byte of the four quads is, 0x80 none */
  unsigned before[4];  /* quads in a unit of the kinds before this one */
  unsigned quads[4];   /* in a unit */
  const EffnetWordBlock *blocks;
  const uint32_t *column_quads;
  const int16_t *weights;
  size_t most;         /* quads of a column in them */
  ptrdiff_t origin[4]; /* place of quad 0 of the kinds, deinterleaved or not, in quads */
} Words;

static EFFNET_INLINE void
words_start (Words *w, const EffnetResampleH *h)
{
  const EffnetColumns *c = h->columns;
  const EffnetWordHead *head = h->packed;
  unsigned quad = 0;

  w->h = h;
  w->unit = effnet_unit_bytes (c);
  w->blocks = (const EffnetWordBlock *)((const uint8_t *)h->packed + head->blocks_at);
  w->column_quads = (const uint32_t *)((const uint8_t *)h->packed + head->quads_at);
  w->weights = (const int16_t *)((const uint8_t *)h->packed + head->weights_at);
  w->most = head->most;
  memset (w->pattern, 0x80, sizeof w->pattern);
  for (unsigned k = 0; k < c->kinds; k++) {
    const EffnetSamples *s = &c->kind[k];

    w->before[k] = quad;
    w->quads[k] = effnet_unit_quads (s);
    for (unsigned b = 0; b < w->quads[k] * 4; b++)
      w->pattern[quad * 4 + b] = (uint8_t)(b * s->step + s->offset);
    quad += w->quads[k];
  }
}

/* Where quad @q of the deinterleaved unit @u goes; NULL when it belongs to no kind. */
static EFFNET_INLINE uint8_t *
words_place (const Words *w, size_t u, unsigned q)
{
  for (unsigned k = 0; k < w->h->columns->kinds; k++)
    if (q >= w->before[k] && q < w->before[k] + w->quads[k])
      return (uint8_t *)w->h->scratch +
             (w->before[k] * w->units + u * w->quads[k] + q - w->before[k]) * EFFNET_QUAD_SCRATCH;
  return NULL;
}

/* Units [first, first + units) of the 16 rows; @units becomes a multiple of a vector's. @unit is
 * their bytes. */
static EFFNET_INLINE void
words_deinterleave (Words *w, const unsigned unit, size_t first, size_t units)
{
  uint8_t *place[4];
  size_t stride[4] = {0};

  w->first = first;
  w->units = (units + WORDS_UNITS - 1) / WORDS_UNITS * WORDS_UNITS;
  for (unsigned k = 0; k < w->h->columns->kinds; k++)
    w->origin[k] = (ptrdiff_t)(w->before[k] * w->units) - (ptrdiff_t)(first * w->quads[k]);
  for (unsigned q = 0; q < 4; q++) {
    place[q] = words_place (w, 0, q);
    stride[q] = place[q] != NULL ? (size_t)(words_place (w, 1, q) - place[q]) : 0;
  }
  for (size_t u = 0; u < w->units; u += WORDS_UNITS) {
    size_t at = (first + u) * unit;
    size_t left = w->h->bytes > at ? w->h->bytes - at : 0;

    for (unsigned g = 0; g < WORDS_GROUPS; g++) {
      vf r[VF_LANES];

      EFFNET_UNROLL
      for (unsigned i = 0; i < VF_LANES; i++)
        r[i] = px_units (w->rows[g * VF_LANES + i] + at, left, unit, w->pattern);
      px_transpose (r);
      EFFNET_UNROLL
      for (unsigned i = 0; i < VF_LANES; i++)
        if (place[i % 4] != NULL)
          px_store_words (place[i % 4] + (u + i / 4) * stride[i % 4] + g * WORDS_QUAD, r[i]);
    }
  }
}

/* Deinterleaves the units that the block reads, and as many of the following ones as fit. */
static EFFNET_INLINE void
words_cache (Words *w, const EffnetWordBlock *block)
{
  size_t lo = block->first, units = block->units;
  size_t all = (w->h->bytes + w->unit - 1) / w->unit;

  if (lo >= w->first && lo + units <= w->first + w->units)
    return;
  if (units < EFFNET_UNITS_KEPT)
    units = all - lo < EFFNET_UNITS_KEPT ? all - lo : EFFNET_UNITS_KEPT;
  if (w->unit == 12)
    words_deinterleave (w, 12, lo, units);
  else
    words_deinterleave (w, 16, lo, units);
}

/* Column @j, of kind @k, of all rows. */
static EFFNET_INLINE void
words_column (const Words *w, size_t j, unsigned k, vf out[WORDS_GROUPS])
{
  const uint8_t *in = (const uint8_t *)w->h->scratch +
                      (w->origin[k] + (ptrdiff_t)w->column_quads[j]) * EFFNET_QUAD_SCRATCH;
  const int16_t *weight = w->weights + j * w->most * 4;
  px_sum even[WORDS_GROUPS], odd[WORDS_GROUPS];

  EFFNET_UNROLL
  for (unsigned g = 0; g < WORDS_GROUPS; g++)
    even[g] = odd[g] = px_sum_zero ();
  for (size_t q = 0; q < w->most; q++) {
    EFFNET_UNROLL
    for (unsigned g = 0; g < WORDS_GROUPS; g++) {
      even[g] = px_sum_add (even[g], in + g * WORDS_QUAD, weight);
      odd[g] = px_sum_add (odd[g], in + g * WORDS_QUAD + WORDS_QUAD / 2, weight + 2);
    }
    in += EFFNET_QUAD_SCRATCH;
    weight += 4;
  }
  EFFNET_UNROLL
  for (unsigned g = 0; g < WORDS_GROUPS; g++)
    out[g] = px_sum_float (even[g], odd[g]);
}

/* Transposes and stores VF_LANES x VF_LANES sums; @n columns and @rows rows are written. */
static EFFNET_INLINE void
words_store (const EffnetResampleH *h, float columns[VF_LANES][VF_LANES], size_t n, unsigned rows,
             float *out)
{
  vf r[VF_LANES];

  EFFNET_UNROLL
  for (unsigned l = 0; l < VF_LANES; l++)
    r[l] = vf_load (columns[l]);
  px_transpose (r);
  EFFNET_UNROLL
  for (unsigned l = 0; l < VF_LANES; l++)
    if (l < rows) {
      if (n == VF_LANES)
        vf_store (out + l * h->out_stride, r[l]);
      else
        vf_store_tail (out + l * h->out_stride, r[l], n);
    }
}

/* Columns [j, j + n), n <= VF_LANES. */
static EFFNET_INLINE void
words_block (const Words *w, size_t j, size_t n)
{
  const EffnetResampleH *h = w->h;
  vf scale = vf_set1 (h->scale), low = vf_set1 (h->low), high = vf_set1 (h->high);
  float columns[WORDS_GROUPS][VF_LANES][VF_LANES];
  unsigned k = (unsigned)(j % h->columns->kinds);
  float *out = h->out + w->rows_before * h->out_stride + j;

  for (size_t l = 0; l < n; l++) {
    vf sums[WORDS_GROUPS];

    words_column (w, j + l, k, sums);
    EFFNET_UNROLL
    for (unsigned g = 0; g < WORDS_GROUPS; g++)
      vf_store (columns[g][l], vf_min (high, vf_max (low, vf_mul (sums[g], scale))));
    k = k + 1 < h->columns->kinds ? k + 1 : 0;
  }
  for (size_t l = n; l < VF_LANES; l++)
    for (unsigned g = 0; g < WORDS_GROUPS; g++)
      vf_store (columns[g][l], vf_zero ());
  for (unsigned g = 0; g < WORDS_GROUPS; g++) {
    unsigned before = g * VF_LANES;

    words_store (h, columns[g], n, w->n_rows > before ? w->n_rows - before : 0,
                 out + before * h->out_stride);
  }
}

void
IMAGE_KERNEL (resample_h_u8) (const EffnetResampleH *h)
{
  size_t columns = h->columns->n * h->columns->kinds;
  Words w;

  words_start (&w, h);
  for (unsigned row = 0; row < h->n_rows; row += EFFNET_UNIT_ROWS) {
    w.rows_before = row;
    w.n_rows = h->n_rows - row < EFFNET_UNIT_ROWS ? h->n_rows - row : EFFNET_UNIT_ROWS;
    w.first = w.units = 0;
    for (unsigned r = 0; r < EFFNET_UNIT_ROWS; r++)
      w.rows[r] = h->rows + (ptrdiff_t)(row + (r < w.n_rows ? r : w.n_rows - 1)) * h->row_stride;
    for (size_t j = 0; j < columns; j += WORDS_COLUMNS) {
      size_t n = columns - j < WORDS_COLUMNS ? columns - j : WORDS_COLUMNS;

      words_cache (&w, &w.blocks[j / WORDS_COLUMNS]);
      for (size_t l = 0; l < n; l += VF_LANES)
        words_block (&w, j + l, n - l < VF_LANES ? n - l : VF_LANES);
    }
  }
}
