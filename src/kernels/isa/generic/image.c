/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end's inner loops for any CPU, shaped so that the compiler vectorises them for the
 * baseline. */
#include <string.h>

#include "kernels/columns.h"
#include "kernels/rows.h"

#define BLOCK 64 /* samples summed at once: their sums stay in first-level cache */

/* Samples of one kind, of 16 rows side by side. */
typedef struct {
  const uint8_t *rows[EFFNET_UNIT_ROWS]; /* past the last that one again */
  size_t first, n;                       /* kept: [first, first + n) */
  int16_t *kept;                         /* [n][16] */
} Lines;

/* What output @i of the kind needs, and as many more as there is room for. */
static inline void
keep (Lines *l, const EffnetResampleH *h, const EffnetSamples *s, size_t i)
{
  size_t all = (h->bytes - s->offset + s->step - 1) / s->step;
  size_t first = s->first[i], n = s->count[i], room = 1024; /* of EFFNET_UNITS_KEPT */

  if (first >= l->first && first + n <= l->first + l->n)
    return;
  if (n < room)
    n = all - first < room ? all - first : room;
  l->first = first;
  l->n = n;
  for (size_t x = 0; x < n; x++)
    for (unsigned r = 0; r < EFFNET_UNIT_ROWS; r++)
      l->kept[x * EFFNET_UNIT_ROWS + r] = l->rows[r][(first + x) * s->step + s->offset];
}

static void
horizontal (const EffnetResampleH *h, unsigned k, unsigned row)
{
  const EffnetColumns *c = h->columns;
  const EffnetSamples *s = &c->kind[k];
  Lines l = {.kept = h->scratch};
  unsigned n = h->n_rows - row < EFFNET_UNIT_ROWS ? h->n_rows - row : EFFNET_UNIT_ROWS;

  for (unsigned r = 0; r < EFFNET_UNIT_ROWS; r++)
    l.rows[r] = h->rows + (ptrdiff_t)(row + (r < n ? r : n - 1)) * h->row_stride;
  for (size_t i = 0; i < c->n; i++) {
    int32_t sum[EFFNET_UNIT_ROWS] = {0};

    keep (&l, h, s, i);
    const int16_t *in = l.kept + (s->first[i] - l.first) * EFFNET_UNIT_ROWS;
    for (size_t t = 0; t < s->count[i]; t++)
      for (unsigned r = 0; r < EFFNET_UNIT_ROWS; r++)
        sum[r] += s->weight[i * s->stride + t] * in[t * EFFNET_UNIT_ROWS + r];
    for (unsigned r = 0; r < n; r++) {
      float v = (float)sum[r] * h->scale;

      v = v > h->low ? v : h->low;
      h->out[(row + r) * h->out_stride + i * c->kinds + k] = v < h->high ? v : h->high;
    }
  }
}

void
effnet_resample_h_u8_generic (const EffnetResampleH *h)
{
  for (unsigned row = 0; row < h->n_rows; row += EFFNET_UNIT_ROWS)
    for (unsigned k = 0; k < h->columns->kinds; k++)
      horizontal (h, k, row);
}

static inline __attribute__ ((always_inline)) void
vertical_block (const EffnetResampleV *v, size_t x, size_t n)
{
  float sum[BLOCK] = {0};
  size_t t = 0;

  for (; t + 4 <= v->taps; t += 4) {
    const float *r0 = v->rows[t] + x, *r1 = v->rows[t + 1] + x, *r2 = v->rows[t + 2] + x;
    const float *r3 = v->rows[t + 3] + x, *w = v->weight + t;

    for (size_t i = 0; i < n; i++)
      sum[i] += (r0[i] * w[0] + r1[i] * w[1]) + (r2[i] * w[2] + r3[i] * w[3]);
  }
  for (; t < v->taps; t++)
    for (size_t i = 0; i < n; i++)
      sum[i] += v->rows[t][x + i] * v->weight[t];
  memcpy (v->out + x, sum, n * sizeof *sum);
}

void
effnet_resample_v_f32_generic (const EffnetResampleV *v)
{
  size_t x = 0;

  for (; x + BLOCK <= v->n; x += BLOCK)
    vertical_block (v, x, BLOCK);
  if (x < v->n)
    vertical_block (v, x, v->n - x);
}

void
effnet_convert_f32_generic (const EffnetConvert *c)
{
  for (unsigned k = 0; k < 3; k++) {
    const float *m = c->matrix + 3 * k;
    const float *a = c->in[0], *b = c->in[1], *d = c->in[2];
    size_t step_a = c->step[0], step_b = c->step[1], step_d = c->step[2];
    float offset = c->offset[k], scale = c->scale[k], bias = c->bias[k], *out = c->out + k;

    for (size_t x = 0; x < c->n; x++) {
      float v = m[0] * a[x * step_a] + m[1] * b[x * step_b] + m[2] * d[x * step_d] + offset;

      v = v > 0.0f ? v : 0.0f;
      v = v < 255.0f ? v : 255.0f;
      out[x * 3] = (float)(int)(v + 0.5f) * scale + bias;
    }
  }
}
