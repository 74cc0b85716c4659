/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cases of the full convolution: kernels and strides, channels that fill no vector, images smaller
 * than a window, windows that stand out on any side or lie inside a larger image, with gaps between
 * rows and between pixels, with and without residual. */
#include "check.h"

#include <math.h>

#include "squares.h"

#define BENCH_ROWS 8 /* about what a tile has */

typedef struct {
  unsigned kernel, stride;
  gsize channels, n, in_h, in_w, out_h, out_w;
  gssize top, left;
  gsize in_row, pixel, row; /* pixel and row: of out and residual, elements */
  EffnetActivation activation;
  enum { NO_RESIDUAL, RESIDUAL, IN_PLACE } residual;
} Shape;

static gsize
taps (const Shape *s)
{
  return (gsize)s->kernel * s->kernel;
}

/* Packed in two parts, as they come from a file; the second may begin within a panel. */
static const void *
pack_for (Check *check, const EffnetKernel *row, const Shape *s, const float *w)
{
  gsize depth = effnet_conv_taps (row, s->kernel) * s->channels, first = s->n / 3;
  const float *second = w + first * taps (s) * s->channels;
  void *packed =
      check_bytes (check, effnet_packed_dtype (row), effnet_gemm_packed_size (row, s->n, depth));

  if (first > 0)
    effnet_conv_pack (row, s->n, s->channels, s->kernel, 0, first, w, packed);
  effnet_conv_pack (row, s->n, s->channels, s->kernel, first, s->n - first, second, packed);
  check_seal (check, packed);
  return packed;
}

static void *
scratch_for (Check *check, const EffnetKernel *row, gsize channels)
{
  gsize floats = effnet_conv_scratch (row, channels) / sizeof (float);

  return floats > 0 ? check_output (check, EFFNET_DTYPE_F32, 1, floats, floats, NULL) : NULL;
}

/* The value of an input, which is zero outside the image. */
static double
input_value (const Shape *s, EffnetDtype dtype, const void *in, gssize row, gssize column, gsize c)
{
  if (row < 0 || row >= (gssize)s->in_h || column < 0 || column >= (gssize)s->in_w)
    return 0.0;
  return check_value (in, dtype, (gsize)row * s->in_row + (gsize)column * s->channels + c);
}

/* What bounds a row that makes squares: the terms of a transformed input or weight, none cancelling
 * another. */
typedef struct {
  Squares of; /* absolute values */
  double *v;  /* |B^T| |d| |B|, [squares][SIDE * SIDE][channels] */
  double *u;  /* |G| |g| |G^T|, [n][SIDE * SIDE][channels] */
  double largest;
} Magnitudes;

static gsize
squares_across (const Shape *s)
{
  return (s->out_w + SQUARE - 1) / SQUARE;
}

static void
add_input_magnitudes (const Shape *s, EffnetDtype dtype, const EffnetConvolution *g, Magnitudes *m,
                      gsize square, gsize c)
{
  double *v = m->v + square * SIDE * SIDE * s->channels + c;
  gssize y = s->top + (gssize)(square / squares_across (s) * SQUARE);
  gssize x = s->left + (gssize)(square % squares_across (s) * SQUARE);

  for (int i = 0; i < SIDE * SIDE; i++) {
    double d = fabs (input_value (s, dtype, g->in, y + i / SIDE, x + i % SIDE, c));

    for (int p = 0; d > 0.0 && p < SIDE * SIDE; p++)
      v[(gsize)p * s->channels] += m->of.b[p / SIDE][i / SIDE] * d * m->of.b[p % SIDE][i % SIDE];
  }
}

static Magnitudes
magnitudes_new (const Shape *s, EffnetDtype dtype, const EffnetConvolution *g, const float *w)
{
  gsize squares = (s->out_h + SQUARE - 1) / SQUARE * squares_across (s);
  gsize n_v = squares * SIDE * SIDE * s->channels, n_u = s->n * SIDE * SIDE * s->channels;
  Magnitudes m = {squares_new (), g_new0 (double, n_v), g_new0 (double, n_u), 0.0};

  for (double *at = &m.of.g[0][0]; at < (double *)(&m.of + 1); at++)
    *at = fabs (*at);
  for (gsize i = 0; i < squares * s->channels; i++)
    add_input_magnitudes (s, dtype, g, &m, i / s->channels, i % s->channels);
  for (gsize i = 0; i < s->n * s->channels; i++, w += WINDOW * WINDOW)
    for (int at = 0; at < SIDE * SIDE * WINDOW * WINDOW; at++) {
      int p = at / (WINDOW * WINDOW), tap = at % (WINDOW * WINDOW);

      m.u[(i / s->channels * SIDE * SIDE + (gsize)p) * s->channels + i % s->channels] +=
          m.of.g[p / SIDE][tap / WINDOW] * fabs ((double)w[tap]) * m.of.g[p % SIDE][tap % WINDOW];
    }
  for (gsize i = 0; i < n_v + n_u; i++)
    m.largest = fmax (m.largest, i < n_v ? m.v[i] : m.u[i - n_v]);
  return m;
}

static void
magnitudes_free (Magnitudes *m)
{
  g_free (m->v);
  g_free (m->u);
}

/* Bound of an output (y, x, j) by squares: each of the products that it expands to is rounded at
 * most twice an axis on the way to a point, as the weight, channels + 1 times in the sum over
 * channels, and three times an axis on the way from a point. What underflows may then be multiplied
 * by |A| on both sides. */
static double
square_bound (const Shape *s, const Magnitudes *m, gsize y, gsize x, gsize j)
{
  gsize square = y / SQUARE * squares_across (s) + x / SQUARE;
  const double *v = m->v + square * SIDE * SIDE * s->channels;
  const double *u = m->u + j * SIDE * SIDE * s->channels;
  double sum = 0.0, from_points = 0.0;

  for (int p = 0; p < SIDE * SIDE; p++) {
    double a = m->of.a[p / SIDE][y % SQUARE] * m->of.a[p % SIDE][x % SQUARE], products = 0.0;

    for (gsize c = 0; c < s->channels; c++)
      products += *v++ * *u++;
    sum += a * products;
    from_points += a;
  }
  return check_sum_bound (EFFNET_DTYPE_F32, s->channels + 11, sum,
                          from_points * (1.0 + m->largest));
}

static double
expected_sum (const Shape *s, EffnetDtype dtype, const EffnetConvolution *g, const float *w,
              gsize y, gsize x, double *error)
{
  double sum = 0.0, magnitude = 0.0, largest = 0.0;

  for (gsize tap = 0; tap < taps (s); tap++) {
    gssize row = s->top + (gssize)(y * s->stride + tap / s->kernel);
    gssize column = s->left + (gssize)(x * s->stride + tap % s->kernel);

    for (gsize c = 0; c < s->channels; c++) {
      double a = input_value (s, dtype, g->in, row, column, c);
      double b = w[c * taps (s) + tap];

      sum += a * b;
      magnitude += fabs (a * b);
      largest = fmax (largest, fmax (fabs (a), fabs (b)));
    }
  }
  *error = check_sum_bound (dtype, taps (s) * s->channels, magnitude, largest);
  return sum;
}

static void
compare (Check *check, const Shape *s, const EffnetConvolution *g, const float *w,
         const void *residual)
{
  EffnetDtype dtype = check->row->dtype;
  gboolean by_squares = check->row->square > 0;
  Magnitudes m = by_squares ? magnitudes_new (s, dtype, g, w) : (Magnitudes){0};

  for (gsize y = 0; y < s->out_h; y++)
    for (gsize x = 0; x < s->out_w; x++)
      for (gsize j = 0; j < s->n; j++) {
        gsize at = y * s->row + x * s->pixel + j;
        double error, bias = g->bias[j], r = 0.0;
        double sum =
            bias + expected_sum (s, dtype, g, w + j * taps (s) * s->channels, y, x, &error);

        if (by_squares)
          error = square_bound (s, &m, y, x, j);
        error += check_sum_bound (dtype, taps (s) * s->channels, fabs (bias), 0.0);
        if (residual != NULL)
          r = check_value (residual, dtype, at);
        check_near (check, check_value (g->out, dtype, at), check_activate (sum, s->activation) + r,
                    check_output_bound (dtype, s->activation, sum, error, r), y * s->out_w + x, j);
      }
  magnitudes_free (&m);
}

/* Taps inside the image of all outputs along an axis. */
static double
taps_inside (const Shape *s, gssize first, gsize in, gsize outputs)
{
  gsize n = 0;

  for (gsize i = 0; i < outputs * s->kernel; i++) {
    gssize at = first + (gssize)(i / s->kernel * s->stride + i % s->kernel);

    n += at >= 0 && at < (gssize)in;
  }
  return (double)n;
}

static EffnetConvolution
contract (const Shape *s, const void *in, void *out, const void *residual)
{
  return (EffnetConvolution){
      .in = in,
      .in_h = s->in_h,
      .in_w = s->in_w,
      .channels = s->channels,
      .in_row = s->in_row,
      .kernel = s->kernel,
      .stride = s->stride,
      .top = s->top,
      .left = s->left,
      .out_h = s->out_h,
      .out_w = s->out_w,
      .n = s->n,
      .residual = residual,
      .ldr = s->pixel,
      .residual_row = s->row,
      .out = out,
      .ldc = s->pixel,
      .out_row = s->row,
      .activation = s->activation,
  };
}

/* A part: outputs from (y, x, panel) on, as many as @size says of each. */
static gboolean
call_part (Check *check, const EffnetConvolution *whole, const gsize from[3], const gsize size[3])
{
  const EffnetKernel *row = check->row;
  gsize element = effnet_dtype_size (row->dtype), first = from[2] * row->nr;
  gsize k = effnet_conv_taps (row, whole->kernel) * whole->channels;
  EffnetConvolution part = *whole;

  part.top += (ptrdiff_t)(from[0] * whole->stride);
  part.left += (ptrdiff_t)(from[1] * whole->stride);
  part.out_h = size[0];
  part.out_w = size[1];
  part.n = MIN (size[2] * row->nr, whole->n - first);
  part.b = (const char *)whole->b + first * k * effnet_dtype_size (effnet_packed_dtype (row));
  part.bias += first;
  part.out =
      (char *)whole->out + (from[0] * whole->out_row + from[1] * whole->ldc + first) * element;
  if (whole->residual != NULL)
    part.residual = (const char *)whole->residual +
                    (from[0] * whole->residual_row + from[1] * whole->ldr + first) * element;
  return check_call (check, row, &part);
}

/* Cut in two along each axis that has a place for it. */
static gboolean
call_in_parts (Check *check, const EffnetConvolution *whole)
{
  gsize size[3] = {whole->out_h, whole->out_w, effnet_gemm_panels (check->row, whole->n)};
  gsize square = MAX (check->row->square, 1), unit[3] = {square, square, 1}, cut[3];

  for (int i = 0; i < 3; i++)
    cut[i] = check_pick (check, (guint)size[i]) / unit[i] * unit[i];
  for (guint part = 0; part < 8; part++) {
    gsize from[3], n[3];

    for (int i = 0; i < 3; i++) {
      gboolean second = (part >> i & 1) != 0;

      from[i] = second ? cut[i] : 0;
      n[i] = second ? size[i] - cut[i] : cut[i];
    }
    if (n[0] * n[1] * n[2] > 0 && !call_part (check, whole, from, n))
      return FALSE;
  }
  return TRUE;
}

static void
conv_case (Check *check, const Shape *s)
{
  static const char *const residuals[] = {"no residual", "residual", "residual in place"};
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  EffnetConvolution g[3];
  EffnetDtype dtype = check->row->dtype;
  /* gaps lie behind pixels or behind rows */
  gboolean wide = s->pixel > s->n;
  gsize n_rows = wide ? s->out_h * s->out_w : s->out_h, columns = wide ? s->n : s->out_w * s->n;
  gsize stride = wide ? s->pixel : s->row;
  gsize n_calls = check->row->numerics == EFFNET_NUMERICS_EXACT || check->bench ? 3 : 2, done = 0;
  const void *in, *residual = NULL;
  const float *w, *bias;

  check_case (
      check,
      "kernel %u stride %u at %zd %zd, %zux%zux%zu rows %zu to %zux%zux%zu strides %zu %zu, "
      "%s, %s",
      s->kernel, s->stride, s->top, s->left, s->in_h, s->in_w, s->channels, s->in_row, s->out_h,
      s->out_w, s->n, s->row, s->pixel, check_activation_name (s->activation),
      residuals[s->residual]);
  in = check_input (check, dtype, s->in_h, s->in_w * s->channels, s->in_row);
  w = check_weights (check, s->n, taps (s) * s->channels); /* OIHW */
  bias = check_input (check, EFFNET_DTYPE_F32, 1, s->n, s->n);
  if (s->residual != NO_RESIDUAL)
    residual = check_input (check, dtype, n_rows, columns, stride);
  for (; done < n_calls; done++) {
    gboolean in_place = s->residual == IN_PLACE;
    void *out = check_output (check, dtype, n_rows, columns, stride, in_place ? residual : NULL);

    g[done] = contract (s, in, out, in_place ? out : residual);
    g[done].b = pack_for (check, rows[done], s, w);
    g[done].bias = check_padded (check, rows[done], s->n, bias);
    g[done].scratch = scratch_for (check, rows[done], s->channels);
    if (done == 1 ? !call_in_parts (check, &g[done]) : !check_call (check, rows[done], &g[done]))
      break;
  }
  if (done == n_calls) {
    check_same (check, "whole and in parts", g[0].out, g[1].out, dtype, n_rows, columns, stride);
    if (check->row->numerics == EFFNET_NUMERICS_EXACT)
      check_same (check, "row and reference", g[0].out, g[2].out, dtype, n_rows, columns, stride);
    if (!check->bench)
      compare (check, s, &g[0], w, residual);
    else
      check_time (check, &g[0], &g[2],
                  2.0 * (double)(s->channels * s->n) * taps_inside (s, s->top, s->in_h, s->out_h) *
                      taps_inside (s, s->left, s->in_w, s->out_w));
  }
  check_case_end (check);
}

/* Of an axis: from a last window that is hardly inside to an image that goes on behind it. */
static gsize
size (Check *check, const Shape *s, gsize outputs, gssize first)
{
  gssize n = (gssize)((outputs - 1) * s->stride) + first + 1;

  n += (gssize)check_pick (check, s->kernel + 1);
  return n > 0 ? (gsize)n : 1;
}

static void
random_case (Check *check, unsigned kernel, unsigned stride, gsize channels, gsize n, gsize out_w)
{
  Shape s = {.kernel = kernel, .stride = stride, .channels = channels, .n = n, .out_w = out_w};

  s.out_h = 1 + check_pick (check, check->row->square > 0 ? 3 * SQUARE - 1 : 5);
  s.top = (gssize)check_pick (check, kernel + 2) - (gssize)kernel;
  s.left = (gssize)check_pick (check, kernel + 2) - (gssize)kernel;
  s.in_h = size (check, &s, s.out_h, s.top);
  s.in_w = size (check, &s, s.out_w, s.left);
  s.in_row = s.in_w * channels + check_pick (check, 3) * 5;
  s.pixel = n + check_pick (check, 2) * 7;
  s.row = s.out_w * s.pixel;
  if (s.pixel == n)
    s.row += check_pick (check, 2) * 3;
  s.activation = (EffnetActivation)check_pick (check, 5);
  s.residual = check_pick (check, 3);
  conv_case (check, &s);
}

/* The upper BENCH_ROWS rows of layers of EfficientNetV2-S at 384, EfficientNet-ES and B0-compact.
 */
static void
bench (Check *check)
{
  static const gsize shapes[][5] = {/* kernel, stride, channels, n, out_w */
                                    {3, 1, 24, 24, 192}, {3, 2, 24, 96, 96},  {3, 1, 48, 192, 96},
                                    {3, 1, 48, 192, 48}, {3, 2, 48, 192, 48}, {3, 1, 64, 256, 48},
                                    {3, 1, 48, 384, 28}, {3, 1, 24, 144, 56}, {3, 1, 144, 144, 28},
                                    {5, 1, 32, 64, 28}};

  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++) {
    const gsize *p = shapes[i];
    Shape s = {
        .kernel = (unsigned)p[0],
        .stride = (unsigned)p[1],
        .channels = p[2],
        .n = p[3],
        .in_h = p[4] * p[1],
        .in_w = p[4] * p[1],
        .out_h = BENCH_ROWS,
        .out_w = p[4],
        .top = -(gssize)(p[0] / 2),
        .left = -(gssize)(p[0] / 2),
        .in_row = p[4] * p[1] * p[2],
        .pixel = p[3],
        .row = p[4] * p[3],
        .activation = EFFNET_ACTIVATION_SWISH,
        .residual = p[2] == p[3] && p[1] == 1 ? RESIDUAL : NO_RESIDUAL,
    };

    if (effnet_kernel_serves (check->row,
                              (EffnetKernelShape){s.kernel, s.stride, s.channels, s.out_w}))
      conv_case (check, &s);
  }
}

void
check_conv (Check *check)
{
  static const gsize widths[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 19, 33};
  gsize mr = check->row->mr, nr = check->row->nr;
  gsize channels[] = {1, 2, 3, 8, 10, 16, 24, 34, 40};
  gsize n[] = {1, 3, 8, nr / 2 + 1, nr - 1, nr, nr + 1, 2 * nr + nr / 2};
  gsize w[G_N_ELEMENTS (widths) + 3] = {mr, mr + 1, 3 * mr + 2};
  gsize n_n = check_sizes (n, G_N_ELEMENTS (n)), n_w;

  if (check->bench) {
    bench (check);
    return;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (widths); i++)
    w[3 + i] = widths[i];
  n_w = check_sizes (w, G_N_ELEMENTS (w));
  for (unsigned kernel = 1; kernel <= EFFNET_CONV_KERNEL_MAX; kernel += kernel < 3 ? 1 : 2)
    for (unsigned stride = 1; stride <= 3; stride++)
      for (gsize at = 0; at < (check->row->square > 0 ? 6 : 2) * n_w && check->n_failed < 3; at++) {
        gsize c = channels[check_pick (check, kernel > 3 ? 6 : G_N_ELEMENTS (channels))];

        /* the channels and sizes from which on a row is chosen are no matter of being right */
        EffnetKernelShape shape = {kernel, stride, (1 + check->row->k_least) * c, G_MAXSIZE};

        if (effnet_kernel_serves (check->row, shape))
          random_case (check, kernel, stride, c, n[check_pick (check, (guint)n_n)], w[at % n_w]);
      }
  /* more squares than are transformed at a time */
  if (check->row->square > 0 && check->n_failed < 3)
    random_case (check, WINDOW, 1, 40, 3, SQUARE * (1 + effnet_winograd_squares (40, mr)));
}
