/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cases of the stem convolution: three input channels, every kernel and stride the row serves,
 * output channels around vector lengths, rows and columns missing on any side. */
#include "check.h"

#include <math.h>

#include "base/checked.h"

#define MAX_KERNEL 7

typedef struct {
  unsigned kernel, stride, pad;
  gsize n, in_w, out_w;
  EffnetActivation activation;
  unsigned missing; /* bit i: row i is NULL */
} Shape;

static double
expected_sum (const Shape *s, EffnetDtype dtype, const EffnetStem *stem, gsize x, gsize n,
              double *error)
{
  double sum = stem->bias[n], magnitude = fabs (sum), largest = 0.0;

  for (gsize tap = 0; tap < (gsize)s->kernel * s->kernel * 3; tap++) {
    gssize column = (gssize)(x * s->stride + tap / 3 % s->kernel) - (gssize)s->pad;
    const float *row = stem->rows[tap / 3 / s->kernel];
    double value, weight = stem->weights[tap * stem->weight_stride + n];

    if (row == NULL || column < 0 || column >= (gssize)s->in_w)
      continue;
    value = row[(gsize)column * 3 + tap % 3];
    sum += value * weight;
    magnitude += fabs (value * weight);
    largest = fmax (largest, fmax (fabs (value), fabs (weight)));
  }
  *error = check_sum_bound (dtype, (gsize)s->kernel * s->kernel * 3, magnitude, largest);
  return sum;
}

/* [rows][stride] with zeros past the @columns that count */
static const float *
padded_with_zeros (Check *check, gsize rows, gsize columns, gsize stride)
{
  const float *drawn = check_input (check, EFFNET_DTYPE_F32, rows, columns, columns);
  float *data = check_floats (check, rows * stride);

  for (gsize i = 0; i < rows * stride; i++)
    data[i] = i % stride < columns ? drawn[i / stride * columns + i % stride] : 0.0f;
  check_seal (check, data);
  return data;
}

static void
stem_case (Check *check, const Shape *s)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  EffnetDtype dtype = check->row->dtype;
  const float *in[MAX_KERNEL] = {NULL}, *weights, *bias;
  EffnetStem stem[3];
  gsize taps = (gsize)s->kernel * s->kernel * 3, stride = effnet_align_up (s->n, 16);
  gsize n_calls = check->row->numerics == EFFNET_NUMERICS_EXACT || check->bench ? 3 : 2, done = 0;

  check_case (check, "kernel %u stride %u pad %u n %zu in_w %zu out_w %zu, %s, missing rows %#x",
              s->kernel, s->stride, s->pad, s->n, s->in_w, s->out_w,
              check_activation_name (s->activation), s->missing);
  for (unsigned i = 0; i < s->kernel; i++)
    if (!(s->missing >> i & 1))
      in[i] = check_input (check, EFFNET_DTYPE_F32, s->in_w, 3, 3);
  weights = padded_with_zeros (check, taps, s->n, stride);
  bias = padded_with_zeros (check, 1, s->n, stride);
  for (; done < n_calls; done++) {
    stem[done] = (EffnetStem){
        .rows = in,
        .in_w = s->in_w,
        .out_w = s->out_w,
        .n = s->n,
        .kernel = s->kernel,
        .stride = s->stride,
        .pad = s->pad,
        .weights = weights,
        .weight_stride = stride,
        .bias = bias,
        .out = check_output (check, dtype, s->out_w, s->n, s->n, NULL),
        .activation = s->activation,
    };
    if (!check_call (check, rows[done], &stem[done]))
      break;
  }
  if (done == n_calls) {
    check_same (check, "called twice", stem[0].out, stem[1].out, dtype, s->out_w, s->n, s->n);
    if (check->row->numerics == EFFNET_NUMERICS_EXACT)
      check_same (check, "row and reference", stem[0].out, stem[2].out, dtype, s->out_w, s->n,
                  s->n);
    for (gsize at = 0; at < s->out_w * s->n; at++) {
      double error, sum = expected_sum (s, dtype, &stem[0], at / s->n, at % s->n, &error);

      check_near (check, check_value (stem[0].out, dtype, at), check_activate (sum, s->activation),
                  check_output_bound (dtype, s->activation, sum, error, 0.0), at / s->n, at % s->n);
    }
    if (check->bench)
      check_time (check, &stem[0], &stem[2], 2.0 * (double)taps * (double)s->n * (double)s->out_w);
  }
  check_case_end (check);
}

static void
random_case (Check *check, unsigned kernel, unsigned stride, gsize n, gsize out_w)
{
  Shape s = {.kernel = kernel, .stride = stride, .n = n, .out_w = out_w};

  s.pad = check_pick (check, kernel);
  s.in_w = (out_w - 1) * stride + kernel - s.pad - check_pick (check, kernel) +
           check_pick (check, 2) * 2;
  if ((gssize)s.in_w < 1)
    s.in_w = 1;
  s.activation = (EffnetActivation)check_pick (check, 5);
  if (check_pick (check, 3) == 0)
    s.missing = check_pick (check, 1u << kernel);
  stem_case (check, &s);
}

void
check_stem (Check *check)
{
  static const gsize channels[] = {1, 8, 15, 16, 17, 24, 31, 32, 33, 40, 48, 64, 72, 136};
  static const gsize widths[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17};
  const EffnetKernel *row = check->row;

  if (check->bench) {
    const Shape b0 = {3, 2, 0, 32, 224, 112, EFFNET_ACTIVATION_SWISH, 0};
    const Shape b7 = {3, 2, 0, 64, 600, 300, EFFNET_ACTIVATION_SWISH, 0};

    stem_case (check, &b0);
    stem_case (check, &b7);
    return;
  }
  for (unsigned kernel = row->kernel ? row->kernel : 1; kernel <= (row->kernel ? row->kernel : 7);
       kernel += 2)
    for (unsigned stride = row->stride ? row->stride : 1; stride <= (row->stride ? row->stride : 3);
         stride++)
      for (gsize at = 0; at < G_N_ELEMENTS (channels) * G_N_ELEMENTS (widths);
           at += check_step (row))
        if (check->n_failed < 3)
          random_case (check, kernel, stride, channels[at % G_N_ELEMENTS (channels)],
                       widths[at / G_N_ELEMENTS (channels)]);
}
