/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Wrong kernels of the front end: the reference on a spoilt contract, or spoilt afterwards. */
#include "sabotage.h"

#include <math.h>

static volatile float sink;

/* The sums of @h with other weights than it says. */
static void
resample_h_with (const EffnetResampleH *h, void (*change) (int16_t *weight, size_t n))
{
  EffnetColumns columns = *h->columns;
  EffnetResampleH spoilt = *h;

  for (unsigned k = 0; k < columns.kinds; k++) {
    size_t n = (columns.n - 1) * columns.kind[k].stride + columns.kind[k].count[columns.n - 1];
    int16_t *weight = g_memdup2 (columns.kind[k].weight, n * sizeof *weight);

    change (weight, n);
    columns.kind[k].weight = weight;
  }
  spoilt.columns = &columns;
  effnet_resample_h_ref (&spoilt);
  for (unsigned k = 0; k < columns.kinds; k++)
    g_free ((gpointer)columns.kind[k].weight);
}

/* As int8 tiles would without the low half. */
static void
drop_low_bits (int16_t *weight, size_t n)
{
  for (size_t i = 0; i < n; i++)
    weight[i] = (int16_t)(weight[i] / 256 * 256);
}

static void
resample_h_drops_low_bits (const EffnetResampleH *h)
{
  resample_h_with (h, drop_low_bits);
}

/* Exact is to the last bit of one weight. */
static void
lower_last (int16_t *weight, size_t n)
{
  weight[n - 1] -= weight[n - 1] > 0 ? 1 : -1;
}

static void
resample_h_off_by_a_unit (const EffnetResampleH *h)
{
  resample_h_with (h, lower_last);
}

static void
resample_h_swaps_kinds (const EffnetResampleH *h)
{
  EffnetColumns columns = *h->columns;
  EffnetResampleH spoilt = *h;

  if (columns.kinds > 1) {
    columns.kind[0] = h->columns->kind[1];
    columns.kind[1] = h->columns->kind[0];
  }
  spoilt.columns = &columns;
  effnet_resample_h_ref (&spoilt);
}

static void
resample_h_forgets_to_clamp (const EffnetResampleH *h)
{
  EffnetResampleH spoilt = *h;

  spoilt.low = -INFINITY;
  spoilt.high = INFINITY;
  effnet_resample_h_ref (&spoilt);
}

static void
resample_h_forgets_last_row (const EffnetResampleH *h)
{
  EffnetResampleH spoilt = *h;

  if (--spoilt.n_rows > 0)
    effnet_resample_h_ref (&spoilt);
}

static void
resample_h_reads_past_the_line (const EffnetResampleH *h)
{
  const uint8_t *last = h->rows + (ptrdiff_t)(h->n_rows - 1) * h->row_stride;

  effnet_resample_h_ref (h);
  sink = last[h->bytes];
}

static void
resample_h_writes_past_scratch (const EffnetResampleH *h)
{
  size_t bytes = (effnet_columns_scratch (h->columns) + 63) / 64 * 64;

  effnet_resample_h_ref (h);
  ((uint8_t *)h->scratch)[bytes] = 0;
}

static void
resample_h_writes_into_gap (const EffnetResampleH *h)
{
  size_t n = h->columns->n * h->columns->kinds;

  effnet_resample_h_ref (h);
  if (h->out_stride > n && h->n_rows > 1)
    h->out[n] = 0.0f;
}

static void
resample_v_forgets_last_tap (const EffnetResampleV *v)
{
  EffnetResampleV spoilt = *v;

  spoilt.taps--;
  effnet_resample_v_ref (&spoilt);
}

static void
resample_v_writes_whole_vectors (const EffnetResampleV *v)
{
  effnet_resample_v_ref (v);
  if (v->n % 4 != 0)
    v->out[v->n] = 0.0f;
}

/* As 16-bit floats between the filters would. */
static void
resample_v_sums_in_bf16 (const EffnetResampleV *v)
{
  effnet_resample_v_ref (v);
  for (size_t x = 0; x < v->n; x++)
    v->out[x] = effnet_float_from_bf16 (effnet_bf16_from_float (v->out[x]));
}

static void
convert_forgets_to_clamp (const EffnetConvert *c)
{
  effnet_convert_ref (c);
  for (size_t x = 0; x < c->n; x++) {
    float sum = c->offset[0];

    for (unsigned i = 0; i < 3; i++)
      sum += c->matrix[i] * c->in[i][x * c->step[i]];
    if (sum < -1.0f || sum > 256.0f)
      c->out[3 * x] = floorf (sum + 0.5f) * c->scale[0] + c->bias[0];
  }
}

/* Every second value is then off by more than half a step. */
static void
convert_truncates (const EffnetConvert *c)
{
  float offset[3];
  EffnetConvert spoilt = *c;

  for (unsigned k = 0; k < 3; k++)
    offset[k] = c->offset[k] - 0.5f;
  spoilt.offset = offset;
  effnet_convert_ref (&spoilt);
}

static void
convert_forgets_the_step (const EffnetConvert *c)
{
  EffnetConvert spoilt = *c;

  for (unsigned i = 0; i < 3; i++)
    spoilt.step[i] = 1;
  effnet_convert_ref (&spoilt);
}

static void
convert_swaps_red_and_blue (const EffnetConvert *c)
{
  effnet_convert_ref (c);
  for (size_t x = 0; x < c->n; x++) {
    float red = c->out[3 * x];

    c->out[3 * x] = c->out[3 * x + 2];
    c->out[3 * x + 2] = red;
  }
}

#define ROW(op, numerics, name) SABOTAGE_ROW (op, F32, numerics, 1, name)

static const EffnetKernel rows[] = {
    ROW (resample_h, EXACT, resample_h_drops_low_bits),
    ROW (resample_h, EXACT, resample_h_off_by_a_unit),
    ROW (resample_h, EXACT, resample_h_swaps_kinds),
    ROW (resample_h, EXACT, resample_h_forgets_to_clamp),
    ROW (resample_h, EXACT, resample_h_forgets_last_row),
    ROW (resample_h, EXACT, resample_h_reads_past_the_line),
    ROW (resample_h, EXACT, resample_h_writes_past_scratch),
    ROW (resample_h, EXACT, resample_h_writes_into_gap),
    ROW (resample_v, BOUNDED, resample_v_forgets_last_tap),
    ROW (resample_v, BOUNDED, resample_v_writes_whole_vectors),
    ROW (resample_v, BOUNDED, resample_v_sums_in_bf16),
    ROW (convert, BOUNDED, convert_forgets_to_clamp),
    ROW (convert, BOUNDED, convert_truncates),
    ROW (convert, BOUNDED, convert_forgets_the_step),
    ROW (convert, BOUNDED, convert_swaps_red_and_blue),
};

const EffnetKernel *
sabotage_image_rows (gsize *n)
{
  *n = G_N_ELEMENTS (rows);
  return rows;
}
