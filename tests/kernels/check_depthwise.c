/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cases of the depthwise convolution: every kernel and stride the row serves, one output row at a
 * time with rows and columns missing on any side, channels around vector lengths, gaps between
 * pixels, with and without the pool's sums. */
#include "check.h"

#include <math.h>
#include <string.h>

#define MAX_KERNEL 7

typedef struct {
  unsigned kernel, stride, pad;
  gsize channels, in_w, out_w, in_stride, out_stride, weight_stride;
  EffnetActivation activation;
  gboolean pool;
  unsigned missing;    /* bit i: row i is NULL */
  EffnetDigits digits; /* of bytes */
  gboolean halves;     /* of bytes: weights and biases are such, so that sums have no rounding */
} Shape;

static gboolean
is_bytes (const Check *check)
{
  return check->row->op == EFFNET_OP_DEPTHWISE_U8;
}

/* One output's sum and its bound. */
static double
expected_sum (const Check *check, const Shape *s, const EffnetDepthwise *d, gsize x, gsize c,
              double *error)
{
  EffnetDtype dtype = check->row->dtype;
  double sum = d->bias[c], magnitude = fabs (sum), largest = 0.0;

  for (gsize tap = 0; tap < (gsize)s->kernel * s->kernel; tap++) {
    gssize column = (gssize)(x * s->stride + tap % s->kernel) - (gssize)s->pad;
    const void *row = d->rows[tap / s->kernel];
    double value, weight = d->weights[tap * s->weight_stride + c];

    if (row == NULL || column < 0 || column >= (gssize)s->in_w)
      continue;
    value = is_bytes (check) ? ((const guint8 *)row)[(gsize)column * s->in_stride + c]
                             : check_value (row, dtype, (gsize)column * s->in_stride + c);
    sum += value * weight;
    magnitude += fabs (value * weight);
    largest = fmax (largest, fmax (fabs (value), fabs (weight)));
  }
  *error = check_sum_bound (dtype, (gsize)s->kernel * s->kernel, magnitude, largest);
  return sum;
}

static void
compare (Check *check, const Shape *s, const EffnetDepthwise *d, const float *pool_before)
{
  EffnetDtype dtype = check->row->dtype;

  for (gsize c = 0; c < s->channels; c++) {
    double pool = 0.0, magnitude = 0.0, bounds = 0.0;

    for (gsize x = 0; x < s->out_w; x++) {
      double error, sum = expected_sum (check, s, d, x, c, &error);
      double y = check_activate (sum, s->activation);

      check_near (check, check_value (d->out, dtype, x * s->out_stride + c), y,
                  check_output_bound (dtype, s->activation, sum, error, 0.0), x, c);
      pool += y;
      magnitude += fabs (y);
      bounds += check_activation_bound (dtype, s->activation, sum, error);
    }
    if (s->pool) {
      magnitude += fabs (pool_before[c]) + bounds;
      check_near (check, d->pool[c], pool_before[c] + pool,
                  bounds + check_sum_bound (dtype, s->out_w, magnitude, 0.0), 0, c);
    }
  }
}

/* A digit is as near as it can be, and of a sum without roundings the nearest. */
static void
compare_digits (Check *check, const Shape *s, const EffnetDepthwise *d)
{
  int zero = effnet_digits_zero (s->digits, EFFNET_RANGE_FIXED);
  double levels = effnet_digits_levels (s->digits, EFFNET_RANGE_FIXED);

  for (gsize x = 0; x < s->out_w; x++)
    for (gsize c = 0; c < s->channels; c++) {
      guint8 byte = ((const guint8 *)d->out)[x * s->out_stride + c];
      double error, y = CLAMP (expected_sum (check, s, d, x, c, &error), 0.0, levels);

      check_near (check, (s->digits == EFFNET_DIGITS_S8 ? (int8_t)byte : byte) - zero,
                  s->halves ? rint (y) : y, s->halves ? 0.0 : 0.5 + error, x, c);
    }
}

/* Multiples of a half, up to 4. */
static const float *
halves (Check *check, gsize rows, gsize columns, gsize stride)
{
  float *out = check_floats (check, (rows - 1) * stride + columns);

  for (gsize i = 0; i < (rows - 1) * stride + columns; i++)
    out[i] = i % stride < columns ? (float)check_pick (check, 17) / 2.0f - 4.0f : NAN;
  check_seal (check, out);
  return out;
}

static const void *
random_bytes (Check *check, gsize n)
{
  guint8 *out = check_bytes (check, EFFNET_DTYPE_S8, n);

  for (gsize i = 0; i < n; i++)
    out[i] = (guint8)check_pick (check, 256);
  check_seal (check, out);
  return out;
}

static void
compare_calls (Check *check, const Shape *s, const EffnetDepthwise d[3], const float *pool_before)
{
  EffnetDtype dtype = is_bytes (check) ? EFFNET_DTYPE_S8 : check->row->dtype;

  check_same (check, "called twice", d[0].out, d[1].out, dtype, s->out_w, s->channels,
              s->out_stride);
  if (s->pool)
    check_same (check, "pool, called twice", d[0].pool, d[1].pool, EFFNET_DTYPE_F32, 1, s->channels,
                s->channels);
  if (check->row->numerics == EFFNET_NUMERICS_EXACT)
    check_same (check, "row and reference", d[0].out, d[2].out, dtype, s->out_w, s->channels,
                s->out_stride);
  if (is_bytes (check))
    compare_digits (check, s, &d[0]);
  else
    compare (check, s, &d[0], pool_before);
  if (check->bench)
    check_time (check, &d[0], &d[2],
                2.0 * s->kernel * s->kernel * (double)s->channels * (double)s->out_w);
}

static void
depthwise_case (Check *check, const Shape *s)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  gboolean bytes = is_bytes (check);
  EffnetDtype dtype = bytes ? EFFNET_DTYPE_S8 : check->row->dtype;
  const void *in[MAX_KERNEL] = {NULL};
  const float *weights, *bias, *pool_before;
  EffnetDepthwise d[3];
  gsize n_calls = check->row->numerics == EFFNET_NUMERICS_EXACT || check->bench ? 3 : 2, done = 0;
  gsize taps = (gsize)s->kernel * s->kernel;

  check_case (check,
              "kernel %u stride %u pad %u channels %zu in_w %zu out_w %zu strides %zu %zu %zu, %s, "
              "missing rows %#x%s, digits %d%s",
              s->kernel, s->stride, s->pad, s->channels, s->in_w, s->out_w, s->in_stride,
              s->out_stride, s->weight_stride, check_activation_name (s->activation), s->missing,
              s->pool ? ", pool" : "", (int)s->digits, s->halves ? ", halves" : "");
  for (unsigned i = 0; i < s->kernel; i++)
    if (!(s->missing >> i & 1))
      in[i] = bytes ? random_bytes (check, (s->in_w - 1) * s->in_stride + s->channels)
                    : check_input (check, dtype, s->in_w, s->channels, s->in_stride);
  weights = s->halves ? halves (check, taps, s->channels, s->weight_stride)
                      : check_input (check, EFFNET_DTYPE_F32, taps, s->channels, s->weight_stride);
  bias = s->halves ? halves (check, 1, s->channels, s->channels)
                   : check_input (check, EFFNET_DTYPE_F32, 1, s->channels, s->channels);
  pool_before = check_input (check, EFFNET_DTYPE_F32, 1, s->channels, s->channels);
  for (; done < n_calls; done++) {
    d[done] = (EffnetDepthwise){
        .rows = in,
        .channels = s->channels,
        .in_w = s->in_w,
        .out_w = s->out_w,
        .in_stride = s->in_stride,
        .out_stride = s->out_stride,
        .kernel = s->kernel,
        .stride = s->stride,
        .pad = s->pad,
        .weights = weights,
        .weight_stride = s->weight_stride,
        .bias = bias,
        .out = check_output (check, dtype, s->out_w, s->channels, s->out_stride, NULL),
        .activation = s->activation,
        .digits = s->digits,
    };
    if (s->pool)
      d[done].pool =
          check_output (check, EFFNET_DTYPE_F32, 1, s->channels, s->channels, pool_before);
    if (!check_call (check, rows[done], &d[done]))
      break;
  }
  if (done == n_calls)
    compare_calls (check, s, d, pool_before);
  check_case_end (check);
}

static void
random_case (Check *check, unsigned kernel, unsigned stride, gsize channels, gsize out_w)
{
  Shape s = {.kernel = kernel, .stride = stride, .channels = channels, .out_w = out_w};
  gsize reach = (out_w - 1) * stride + kernel; /* columns the taps touch, pads and all */

  s.pad = check_pick (check, kernel);
  /* From a last tap that only just sees the row to a row that goes on behind the last tap. */
  s.in_w = reach - s.pad - check_pick (check, kernel) + check_pick (check, 2) * 2;
  if ((gssize)s.in_w < 1)
    s.in_w = 1;
  s.in_stride = channels + check_pick (check, 3) * 5;
  s.out_stride = channels + check_pick (check, 3) * 3;
  s.weight_stride = channels + check_pick (check, 3) * 4;
  s.activation = (EffnetActivation)check_pick (check, 5);
  s.pool = check_pick (check, 2) == 0 && !is_bytes (check);
  if (is_bytes (check)) {
    s.digits = (EffnetDigits)check_pick (check, 3);
    s.halves = check_pick (check, 2) == 0;
  }
  if (check_pick (check, 3) == 0)
    s.missing = check_pick (check, 1u << kernel);
  depthwise_case (check, &s);
}

static void
bench (Check *check)
{
  static const gsize shapes[][4] = {/* kernel, stride, channels, out_w; of b0 */
                                    {3, 1, 32, 112}, {3, 2, 96, 56},  {3, 1, 144, 56},
                                    {5, 2, 144, 28}, {5, 1, 240, 28}, {3, 2, 240, 14},
                                    {3, 1, 480, 14}, {5, 1, 672, 14}, {5, 2, 672, 7},
                                    {5, 1, 1152, 7}, {3, 1, 1152, 7}};

  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++) {
    const gsize *p = shapes[i];
    Shape s = {(unsigned)p[0],
               (unsigned)p[1],
               (unsigned)p[0] / 2,
               p[2],
               p[3] * p[1],
               p[3],
               p[2],
               p[2],
               p[2],
               EFFNET_ACTIVATION_SWISH,
               !is_bytes (check),
               0,
               EFFNET_DIGITS_U8,
               FALSE};

    if (effnet_kernel_serves (check->row,
                              (EffnetKernelShape){.kernel = s.kernel, .stride = s.stride}))
      depthwise_case (check, &s);
  }
}

void
check_depthwise (Check *check)
{
  static const gsize channels[] = {1,  3,  7,  8,  9,  15, 16, 17, 24,
                                   31, 32, 33, 40, 48, 63, 64, 65, 96};
  static const gsize widths[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 17};
  const EffnetKernel *row = check->row;

  if (check->bench) {
    bench (check);
    return;
  }
  for (unsigned kernel = row->kernel ? row->kernel : 1; kernel <= (row->kernel ? row->kernel : 7);
       kernel++)
    for (unsigned stride = row->stride ? row->stride : 1; stride <= (row->stride ? row->stride : 3);
         stride++)
      for (gsize at = 0; at < G_N_ELEMENTS (channels) * G_N_ELEMENTS (widths);
           at += check_step (row))
        if (check->n_failed < 3)
          random_case (check, kernel, stride, channels[at % G_N_ELEMENTS (channels)],
                       widths[at / G_N_ELEMENTS (channels)]);
}

void
check_depthwise_u8 (Check *check)
{
  check_depthwise (check);
}
