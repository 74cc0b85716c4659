/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cases of the operations on vectors and in place: pool, fully connected, and the two that apply a
 * squeeze-excite gate. */
#include "check.h"

#include <math.h>

static const gsize lengths[] = {1,  3,  7,  8,  9,  15, 16, 17, 24, 31,
                                32, 33, 40, 48, 63, 64, 65, 96, 200};

/* ---- pool ---- */

static void
pool_case (Check *check, gsize pixels, gsize channels, gsize stride)
{
  EffnetDtype dtype = check->row->dtype;
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  const float *before;
  EffnetPoolSum p[3];
  gsize done = 0;

  check_case (check, "pixels %zu channels %zu stride %zu", pixels, channels, stride);
  before = check_input (check, EFFNET_DTYPE_F32, 1, channels, channels);
  p[0].x = check_input (check, dtype, pixels, channels, stride);
  for (; done < 3; done++) {
    float *sum = check_output (check, EFFNET_DTYPE_F32, 1, channels, channels, before);

    p[done] = (EffnetPoolSum){p[0].x, pixels, channels, stride, sum};
    if (!check_call (check, rows[done], &p[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", p[0].sum, p[1].sum, EFFNET_DTYPE_F32, 1, channels, channels);
    if (check->row->numerics == EFFNET_NUMERICS_EXACT)
      check_same (check, "row and reference", p[0].sum, p[2].sum, EFFNET_DTYPE_F32, 1, channels,
                  channels);
    for (gsize c = 0; c < channels; c++) {
      double sum = before[c], magnitude = fabs (sum);

      for (gsize i = 0; i < pixels; i++) {
        double value = check_value (p[0].x, dtype, i * stride + c);

        sum += value;
        magnitude += fabs (value);
      }
      check_near (check, p[0].sum[c], sum, check_sum_bound (dtype, pixels, magnitude, 0.0), 0, c);
    }
    if (check->bench)
      check_time (check, &p[0], &p[2], (double)pixels * (double)channels);
  }
  check_case_end (check);
}

void
check_pool (Check *check)
{
  static const gsize pixels[] = {1, 2, 3, 4, 5, 7, 8, 9, 49, 65};

  if (check->bench) {
    pool_case (check, 49, 1280, 1280);
    pool_case (check, 784, 240, 240);
    return;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (pixels); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (lengths); j++)
      for (gsize gap = 0; gap < 3 && check->n_failed < 3; gap++)
        pool_case (check, pixels[i], lengths[j], lengths[j] + gap * 3);
}

/* ---- fully connected ---- */

/* int8 [k][stride], all values; they end where what may be read does. */
static const void *
fc_digits (Check *check, gsize k, gsize n, gsize stride)
{
  gsize count = (k - 1) * stride + n;
  int8_t *w = check_bytes (check, EFFNET_DTYPE_S8, count);

  for (gsize i = 0; i < count; i++)
    w[i] = (int8_t)((int)check_pick (check, 256) - 128);
  return w;
}

static void
fc_case (Check *check, gsize n, gsize k, gsize stride, EffnetActivation activation)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  EffnetDtype dtype = check->row->op == EFFNET_OP_FC_S8 ? EFFNET_DTYPE_S8 : check->row->dtype;
  const float *scale = NULL;
  const float *x, *bias;
  const void *w;
  EffnetFc f[3];
  gsize done = 0;

  check_case (check, "n %zu k %zu w_stride %zu, %s", n, k, stride,
              check_activation_name (activation));
  x = check_input (check, EFFNET_DTYPE_F32, 1, k, k);
  w = dtype == EFFNET_DTYPE_S8 ? fc_digits (check, k, n, stride)
                               : check_input (check, dtype, k, n, stride);
  bias = check_input (check, EFFNET_DTYPE_F32, 1, n, n);
  if (dtype == EFFNET_DTYPE_S8)
    scale = check_input (check, EFFNET_DTYPE_F32, 1, n, n);
  for (; done < 3; done++) {
    float *y = check_output (check, EFFNET_DTYPE_F32, 1, n, n, NULL);

    f[done] = (EffnetFc){n, k, x, w, stride, bias, y, activation, scale};
    if (!check_call (check, rows[done], &f[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", f[0].y, f[1].y, EFFNET_DTYPE_F32, 1, n, n);
    if (check->row->numerics == EFFNET_NUMERICS_EXACT)
      check_same (check, "row and reference", f[0].y, f[2].y, EFFNET_DTYPE_F32, 1, n, n);
    for (gsize j = 0; j < n; j++) {
      double sum = bias[j], magnitude = fabs (sum), largest = 0.0, error;
      double factor = scale != NULL ? scale[j] : 1.0;

      for (gsize i = 0; i < k; i++) {
        double a = x[i], b = factor * check_value (w, dtype, i * stride + j);

        sum += a * b;
        magnitude += fabs (a * b);
        largest = fmax (largest, fmax (fabs (a), fabs (b)));
      }
      /* scaling rounds once more */
      error = check_sum_bound (EFFNET_DTYPE_F32, k + (scale != NULL ? 2 : 0), magnitude, largest);
      check_near (check, f[0].y[j], check_activate (sum, activation),
                  check_output_bound (EFFNET_DTYPE_F32, activation, sum, error, 0.0), 0, j);
    }
    if (check->bench)
      check_time (check, &f[0], &f[2], 2.0 * (double)n * (double)k);
  }
  check_case_end (check);
}

void
check_fc (Check *check)
{
  static const gsize ks[] = {1, 2, 3, 4, 5, 8, 17, 48};

  if (check->bench) {
    fc_case (check, 1000, 1280, 1008, EFFNET_ACTIVATION_NONE);
    fc_case (check, 48, 1152, 48, EFFNET_ACTIVATION_SWISH);
    fc_case (check, 1152, 48, 1152, EFFNET_ACTIVATION_SIGMOID);
    return;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (ks); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (lengths); j++)
      for (int activation = 0; activation < 5 && check->n_failed < 3; activation++)
        fc_case (check, lengths[j], ks[i], lengths[j] + check_pick (check, 3) * 5,
                 (EffnetActivation)activation);
}

void
check_fc_s8 (Check *check)
{
  check_fc (check);
}

/* ---- gates ---- */

/* One float32 product, a residual added, and the rounding to T. */
static double
product_bound (EffnetDtype dtype, double product, double residual)
{
  double sum = fabs (product) + fabs (residual), rounded = UNIT_F32 * fabs (product);

  if (residual != 0.0)
    rounded += UNIT_F32 * sum * (1.0 + UNIT_F32);
  if (dtype == EFFNET_DTYPE_BF16)
    return rounded + UNIT_BF16 * (fabs (product + residual) + rounded) + 2.0 * TINY_BF16;
  return rounded + TINY_F32;
}

static void
scale_rows_case (Check *check, gsize pixels, gsize channels, gsize stride, gboolean adds)
{
  EffnetDtype dtype = check->row->dtype;
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  const void *before, *residual = NULL;
  const float *gate;
  EffnetScaleRows s[3];
  gsize done = 0;

  check_case (check, "pixels %zu channels %zu stride %zu%s", pixels, channels, stride,
              adds ? ", and a residual" : "");
  before = check_input (check, dtype, pixels, channels, stride);
  if (adds)
    residual = check_input (check, dtype, pixels, channels, stride);
  gate = check_input (check, EFFNET_DTYPE_F32, 1, channels, channels);
  for (; done < 3; done++) {
    void *x = check_output (check, dtype, pixels, channels, stride, before);

    s[done] = (EffnetScaleRows){x, pixels, channels, stride, gate, residual};
    if (!check_call (check, rows[done], &s[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", s[0].x, s[1].x, dtype, pixels, channels, stride);
    if (check->row->numerics == EFFNET_NUMERICS_EXACT && !adds)
      check_same (check, "row and reference", s[0].x, s[2].x, dtype, pixels, channels, stride);
    for (gsize at = 0; at < pixels * channels; at++) {
      gsize i = at / channels, c = at % channels;
      double product = check_value (before, dtype, i * stride + c) * gate[c];
      double added = adds ? check_value (residual, dtype, i * stride + c) : 0.0;

      check_near (check, check_value (s[0].x, dtype, i * stride + c), product + added,
                  product_bound (dtype, product, added), i, c);
    }
    if (check->bench)
      check_time (check, &s[0], &s[2], (double)pixels * (double)channels);
  }
  check_case_end (check);
}

void
check_scale_rows (Check *check)
{
  if (check->bench) {
    scale_rows_case (check, 49, 1152, 1152, FALSE);
    scale_rows_case (check, 196, 112, 112, TRUE);
    return;
  }
  for (gsize pixels = 1; pixels <= 9; pixels++)
    for (gsize j = 0; j < G_N_ELEMENTS (lengths); j++)
      for (gsize gap = 0; gap < 3 && check->n_failed < 3; gap++) {
        scale_rows_case (check, pixels, lengths[j], lengths[j] + gap * 3, FALSE);
        scale_rows_case (check, pixels, lengths[j], lengths[j] + gap * 3, TRUE);
      }
}

static void
scale_panels_case (Check *check, gsize panels, gsize k, gsize nr, unsigned kr, gboolean in_place)
{
  EffnetDtype dtype = check->row->dtype;
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  gsize blocks = (k + kr - 1) / kr, row = blocks * nr * kr, done = 0;
  gsize stride = row + check_pick (check, 2) * nr * kr; /* a stretch of a longer k, too */
  const void *packed;
  const float *gate;
  EffnetScalePanels s[3];

  check_case (check, "panels %zu k %zu nr %zu kr %u%s", panels, k, nr, kr,
              in_place ? ", in place" : "");
  packed = check_input (check, dtype, panels, row, stride);
  gate = check_input (check, EFFNET_DTYPE_F32, 1, k, k);
  for (; done < 3; done++) {
    void *out = check_output (check, dtype, panels, row, stride, in_place ? packed : NULL);

    s[done] = (EffnetScalePanels){in_place ? out : packed, out, panels, k, stride, nr, kr, gate};
    if (!check_call (check, rows[done], &s[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", s[0].out, s[1].out, dtype, panels, row, stride);
    if (check->row->numerics == EFFNET_NUMERICS_EXACT)
      check_same (check, "row and reference", s[0].out, s[2].out, dtype, panels, row, stride);
    for (gsize i = 0; i < panels * row; i++) {
      gsize at = i / row * stride + i % row, l = i % row / (nr * kr) * kr + i % kr;
      double product = l < k ? check_value (packed, dtype, at) * gate[l] : 0.0;

      check_near (check, check_value (s[0].out, dtype, at), product,
                  product_bound (dtype, product, 0.0), i / row, i % row);
    }
    if (check->bench)
      check_time (check, &s[0], &s[2], (double)(panels * row));
  }
  check_case_end (check);
}

/* Every packing of a GEMM row, and two that nobody uses. */
void
check_scale_panels (Check *check)
{
  static const gsize ks[] = {1, 2, 3, 4, 7, 16, 31, 33, 64};
  gsize n_rows;
  const EffnetKernel *rows = effnet_kernels (&n_rows);

  for (gsize r = 0; r < n_rows + 2; r++) {
    gsize nr = r < n_rows ? rows[r].nr : 5;
    unsigned kr = r < n_rows ? rows[r].kr : (unsigned)(r - n_rows) + 2;

    if (r < n_rows && (rows[r].op != EFFNET_OP_GEMM || rows[r].dtype != check->row->dtype))
      continue;
    if (check->bench)
      scale_panels_case (check, nr == 0 ? 1 : 320 / nr, 1152, nr == 0 ? 320 : nr, kr, FALSE);
    for (gsize i = 0; i < G_N_ELEMENTS (ks) && !check->bench; i++)
      for (gsize panels = 1; panels <= 3 && check->n_failed < 3; panels++)
        scale_panels_case (check, panels, ks[i], nr == 0 ? 24 : nr, kr, check_pick (check, 2) == 0);
  }
}
