/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cases of the int8 convolution and of the digits it reads. Sums of digits are exact: where scales
 * are powers of two and nothing else is added, every output is the sum itself, to the bit. */
#include "check.h"

#include <math.h>
#include <string.h>

#define EXACT_SUM (1 << 24) /* float32 holds integers up to here */

typedef struct {
  gsize m, n, k;
  gsize lda, ldr, ldc;
  EffnetActivation activation;
  enum { NO_RESIDUAL, RESIDUAL, IN_PLACE, ONLY_SUMS, TO_BYTES } residual;
  gboolean one_step; /* of 1, for all pixels */
} Shape;

/* The numbers of a case before a row's packing and padding. */
typedef struct {
  const guint8 *a;
  int8_t *w; /* [n][k] */
  const float *step, *scale, *bias;
  int32_t *start;
  const void *residual;
} Numbers;

static int
digit (const EffnetKernel *row, guint8 byte)
{
  return row->digits == EFFNET_DIGITS_S8 ? (int8_t)byte : byte;
}

/* Digits that are the least, the largest or any; signed ones wrap around from 0x80 to 0x7f. */
static const guint8 *
digits (Check *check, const Shape *s)
{
  const guint8 least = check->row->digits == EFFNET_DIGITS_S8 ? 0x80 : 0;
  const guint kinds = check->row->digits == EFFNET_DIGITS_U7 ? 128 : 256;
  guint8 *a = check_bytes (check, EFFNET_DTYPE_S8, (s->m - 1) * s->lda + s->k);

  for (gsize i = 0; i < (s->m - 1) * s->lda + s->k; i++)
    a[i] = (guint8)(least + (check->pattern == PATTERN_MIN   ? 0
                             : check->pattern == PATTERN_MAX ? kinds - 1
                                                             : check_pick (check, kinds)));
  check_seal (check, a);
  return a;
}

static int8_t
weight (Check *check)
{
  return check->pattern == PATTERN_MIN || check->pattern == PATTERN_MAX
             ? (check_pick (check, 8) == 0 ? -127 : 127)
             : (int8_t)((int)check_pick (check, 255) - 127);
}

/* @even and @odd in turn, or, where @even is 0, any. */
static const float *
positive (Check *check, gsize n, float even, float odd)
{
  float *out = check_floats (check, n);

  for (gsize i = 0; i < n; i++)
    out[i] = even > 0.0f ? (i % 2 == 0 ? even : odd)
                         : (float)(0.001 + fabs (check_uniform (check)) * 0.02);
  check_seal (check, out);
  return out;
}

/* A byte is as near as it can be, and of a sum without roundings the nearest. */
static void
compare_byte (Check *check, const EffnetGemmS8 *g, int32_t sum, double y, double error, gsize i,
              gsize j)
{
  gboolean is_exact = ABS (sum) <= EXACT_SUM / 4;

  y = CLAMP (y, 0.0, 255.0);
  check_near (check, ((const guint8 *)g->c)[i * g->ldc + j], is_exact ? rint (y) : y,
              is_exact ? 0.0 : 0.5 + error, i, j);
}

static void
compare (Check *check, const Shape *s, const EffnetGemmS8 *g, const Numbers *x)
{
  EffnetDtype dtype = check->row->dtype;

  for (gsize i = 0; i < s->m; i++)
    for (gsize j = 0; j < s->n; j++) {
      int32_t sum = x->start[j];
      double factor = (double)(x->step != NULL ? x->step[i] : 1.0f) * x->scale[j];
      double y, r = 0.0, error;

      for (gsize k = 0; k < s->k; k++)
        sum += digit (check->row, x->a[i * s->lda + k]) * x->w[j * s->k + k];
      y = x->bias[j] + factor * sum;
      if (s->residual == ONLY_SUMS && dtype == EFFNET_DTYPE_F32 && ABS (sum) <= EXACT_SUM) {
        check_near (check, check_value (g->c, dtype, i * s->ldc + j), sum, 0.0, i, j);
        continue;
      }
      if (x->residual != NULL)
        r = check_value (x->residual, dtype, i * s->ldr + j);
      /* the sum to float32, two products, an addition */
      error = check_sum_bound (EFFNET_DTYPE_F32, 2, fabs (x->bias[j]) + fabs (factor * sum), 1.0);
      if (s->residual == TO_BYTES) {
        compare_byte (check, g, sum, y, error, i, j);
        continue;
      }
      check_near (check, check_value (g->c, dtype, i * s->ldc + j),
                  check_activate (y, s->activation) + r,
                  check_output_bound (dtype, s->activation, y, error, r), i, j);
    }
}

/* Sums that become all bytes, and one of every other column that is often on a half. */
static void
draw_bytes (Check *check, const Shape *s, Numbers *x)
{
  for (gsize j = 0; j < s->n; j++) {
    ((float *)x->bias)[j] = 128.0f;
    if (j % 2 == 0)
      continue;
    x->start[j] = (int32_t)check_pick (check, 512) - 256;
    for (gsize k = 0; k < s->k; k++)
      x->start[j] -= digit (check->row, x->a[j % s->m * s->lda + k]) * x->w[j * s->k + k];
  }
}

static Numbers
draw (Check *check, const Shape *s)
{
  gboolean only_sums = s->residual == ONLY_SUMS, to_bytes = s->residual == TO_BYTES;
  Numbers x = {.a = digits (check, s),
               .w = check_bytes (check, EFFNET_DTYPE_S8, s->n * s->k),
               .step = positive (check, s->m,
                                 only_sums  ? 1.0f
                                 : to_bytes ? 0.5f
                                            : 0.0f,
                                 1.0f),
               .scale = positive (check, s->n,
                                  only_sums  ? 1.0f
                                  : to_bytes ? 0x1p-8f
                                             : 0.0f,
                                  to_bytes ? 0.5f : 1.0f),
               .bias = check_floats (check, s->n),
               .start = (int32_t *)(void *)check_floats (check, s->n)};

  for (gsize i = 0; i < s->n * s->k; i++)
    x.w[i] = weight (check);
  for (gsize j = 0; j < s->n; j++) {
    ((float *)x.bias)[j] = only_sums ? 0.0f : (float)check_uniform (check);
    x.start[j] = (int32_t)check_pick (check, 100000) - 50000;
  }
  if (s->one_step)
    x.step = NULL;
  if (to_bytes)
    draw_bytes (check, s, &x);
  if (s->residual == RESIDUAL || s->residual == IN_PLACE)
    x.residual = check_input (check, check->row->dtype, s->m, s->n, s->ldr);
  return x;
}

static void
gemm_case (Check *check, const Shape *s)
{
  static const char *const residuals[] = {"no residual", "residual", "residual in place", "sums",
                                          "to bytes"};
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  EffnetGemmS8 g[3];
  gboolean to_bytes = s->residual == TO_BYTES;
  EffnetDtype dtype = to_bytes ? EFFNET_DTYPE_S8 : check->row->dtype;
  Numbers x;
  gsize n_calls = check->bench ? 3 : 2, done = 0;

  check_case (check, "m %zu n %zu k %zu lda %zu ldr %zu ldc %zu, %s, %s%s", s->m, s->n, s->k,
              s->lda, s->ldr, s->ldc, check_activation_name (s->activation), residuals[s->residual],
              s->one_step ? ", steps of 1" : "");
  x = draw (check, s);
  for (; done < n_calls; done++) {
    gboolean in_place = s->residual == IN_PLACE;
    int8_t *packed =
        check_bytes (check, EFFNET_DTYPE_S8, effnet_gemm_packed_size (rows[done], s->n, s->k));
    void *c = check_output (check, dtype, s->m, s->n, s->ldc, in_place ? x.residual : NULL);

    effnet_gemm_pack (rows[done], s->n, s->k, 0, s->n, x.w, packed);
    check_seal (check, packed);
    g[done] = (EffnetGemmS8){.m = s->m,
                             .n = s->n,
                             .k = s->k,
                             .a = x.a,
                             .lda = s->lda,
                             .step = x.step,
                             .b = packed,
                             .start = check_padded (check, rows[done], s->n, x.start),
                             .scale = check_padded (check, rows[done], s->n, x.scale),
                             .bias = check_padded (check, rows[done], s->n, x.bias),
                             .residual = in_place ? c : x.residual,
                             .ldr = s->ldr,
                             .c = c,
                             .ldc = s->ldc,
                             .activation = s->activation,
                             .to_bytes = to_bytes};
    if (!check_call (check, rows[done], &g[done]))
      break;
  }
  if (done == n_calls) {
    check_same (check, "called twice", g[0].c, g[1].c, dtype, s->m, s->n, s->ldc);
    compare (check, s, &g[0], &x);
    if (check->bench)
      check_time (check, &g[0], &g[2], 2.0 * (double)s->m * (double)s->n * (double)s->k);
  }
  check_case_end (check);
}

void
check_gemm_s8 (Check *check)
{
  static const Shape shapes[] = {
      {784, 240, 40, 40, 240, 240, EFFNET_ACTIVATION_SWISH, NO_RESIDUAL, FALSE},
      {196, 480, 80, 80, 480, 480, EFFNET_ACTIVATION_SWISH, NO_RESIDUAL, FALSE},
      {196, 112, 672, 672, 112, 112, EFFNET_ACTIVATION_NONE, RESIDUAL, FALSE},
      {49, 1152, 192, 192, 1152, 1152, EFFNET_ACTIVATION_SWISH, NO_RESIDUAL, FALSE},
      {784, 128, 24, 24, 128, 128, EFFNET_ACTIVATION_RELU6, NO_RESIDUAL, FALSE},
      {784, 128, 24, 24, 128, 128, EFFNET_ACTIVATION_NONE, TO_BYTES, FALSE},
  };
  gsize mr = check->row->mr, nr = check->row->nr > 0 ? check->row->nr : 8;
  gsize m[] = {1, 2, 3, mr - 1, mr, mr + 1, 2 * mr + 1, 3 * mr + 2};
  gsize n[] = {1, 3, 8, nr - 1, nr, nr + 1, 2 * nr + nr / 2 + 1};
  gsize k[] = {1, 2, 3, 4, 5, 8, 16, 24, 32, 40, 63, 64, 65, 96, 144, 240};
  gsize n_m = check_sizes (m, G_N_ELEMENTS (m)), n_n = check_sizes (n, G_N_ELEMENTS (n));

  for (gsize i = 0; check->bench && i < G_N_ELEMENTS (shapes); i++)
    gemm_case (check, &shapes[i]);
  for (gsize at = 0; !check->bench && at < n_m * n_n * G_N_ELEMENTS (k) && check->n_failed < 3;
       at++) {
    Shape s = {.m = m[at % n_m], .n = n[at / n_m % n_n], .k = k[at / n_m / n_n]};

    if (!effnet_kernel_serves (check->row, (EffnetKernelShape){.k = s.k}))
      continue;
    s.lda = s.k + check_pick (check, 3) * 5;
    s.ldc = s.n + check_pick (check, 3) * 7;
    s.residual = check_pick (check, 5);
    s.one_step = check_pick (check, 3) == 0;
    s.activation =
        s.residual == ONLY_SUMS ? EFFNET_ACTIVATION_NONE : (EffnetActivation)check_pick (check, 5);
    s.ldr = s.residual == IN_PLACE ? s.ldc : s.n + check_pick (check, 3) * 3;
    gemm_case (check, &s);
  }
}

/* ---- digits ---- */

static gboolean
is_finite (const Check *check, const void *x, gsize pixels, gsize channels, gsize stride)
{
  for (gsize i = 0; i < pixels * channels; i++)
    if (!isfinite (check_value (x, check->row->dtype, i / channels * stride + i % channels)))
      return FALSE;
  return TRUE;
}

/* What the digits stand for is within half a step of what there was, where the range has it. */
static void
compare_digits (Check *check, const EffnetQuantise *s)
{
  int zero = effnet_digits_zero (s->digits, s->range);
  gboolean is_signed = s->range == EFFNET_RANGE_SIGNED;
  double low = is_signed ? 0.0 : s->low, levels = effnet_digits_levels (s->digits, s->range);

  for (gsize i = 0; i < s->pixels * s->channels; i++) {
    gsize p = i / s->channels, c = i % s->channels;
    guint8 byte = ((const guint8 *)s->q)[p * s->q_stride + c];
    double v = check_value (s->x, check->row->dtype, p * s->stride + c);
    int q = (s->digits == EFFNET_DIGITS_S8 ? (int8_t)byte : byte) - zero;
    double step = s->step[p], found = q * step + low, bound;

    v *= s->gate != NULL ? s->gate[c] : 1.0f;
    if (!isfinite ((float)v) || !isfinite (s->step[p]))
      continue;
    if (!is_signed)
      v = CLAMP (v, low, low + step * levels);
    /* beside half a step the roundings of product, shift, division and step */
    bound = step * 0.5 + 8 * UNIT_F32 * (fabs (v) + fabs (low) + step * levels) + TINY_F32;
    check_near (check, found, v, bound, p, c);
  }
}

static void
quantise_case (Check *check, gsize pixels, gsize channels, EffnetDigits kind, EffnetRange range)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  gsize stride = channels + check_pick (check, 3) * 3;
  gsize q_stride = channels + check_pick (check, 3) * 5, done = 0;
  gboolean gated = check_pick (check, 2);
  EffnetQuantise s[3];
  const void *x;
  const float *gate;

  check_case (check, "pixels %zu channels %zu stride %zu, digits %d, range %d%s", pixels, channels,
              stride, (int)kind, (int)range, gated ? ", gated" : "");
  x = check_input (check, check->row->dtype, pixels, channels, stride);
  gate = check_input (check, EFFNET_DTYPE_F32, 1, channels, channels);
  for (; done < 3; done++) {
    s[done] = (EffnetQuantise){
        .x = x,
        .pixels = pixels,
        .channels = channels,
        .stride = stride,
        .gate = gated ? gate : NULL,
        .range = range,
        .low = range == EFFNET_RANGE_FIXED ? 0.0f : -0.27846455f,
        .top = 0.75f,
        .digits = kind,
        .q = check_output (check, EFFNET_DTYPE_S8, pixels, channels, q_stride, NULL),
        .q_stride = q_stride,
        .step = check_output (check, EFFNET_DTYPE_F32, 1, pixels, pixels, NULL),
    };
    if (!check_call (check, rows[done], &s[done]))
      break;
  }
  if (done == 3 && is_finite (check, x, pixels, channels, stride)) {
    check_same (check, "called twice", s[0].q, s[1].q, EFFNET_DTYPE_S8, pixels, channels, q_stride);
    check_same (check, "digits of row and reference", s[0].q, s[2].q, EFFNET_DTYPE_S8, pixels,
                channels, q_stride);
    check_same (check, "steps of row and reference", s[0].step, s[2].step, EFFNET_DTYPE_F32, 1,
                pixels, pixels);
    compare_digits (check, &s[0]);
    if (check->bench)
      check_time (check, &s[0], &s[2], (double)(pixels * channels));
  }
  check_case_end (check);
}

void
check_quantise (Check *check)
{
  static const gsize channels[] = {1, 3, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 144, 672};

  if (check->bench) {
    quantise_case (check, 3136, 144, EFFNET_DIGITS_U8, EFFNET_RANGE_ABOVE);
    quantise_case (check, 196, 672, EFFNET_DIGITS_U8, EFFNET_RANGE_SIGNED);
    return;
  }
  for (gsize c = 0; c < G_N_ELEMENTS (channels); c++)
    for (int range = 0; range < 3; range++)
      for (int kind = 0; kind < 3 && check->n_failed < 3; kind++)
        quantise_case (check, 1 + check_pick (check, 5), channels[c], (EffnetDigits)kind,
                       (EffnetRange)range);
}
