/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Weights into the order a kernel reads them: of pointwise and full convolutions
 * [ceil (n/nr)][ceil (k/kr)][nr][kr], zero past n and k, where k is the channels of each tap in
 * turn; of the others transposed. Runs at open only, over a few rows of a matrix at a time, which
 * the caller has just read and folded. */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/winograd.h"

/* A group of rows of w becomes one cache line in float32. */
#define GROUP 16
/* Elements of each row that are rounded to T before they are moved; a multiple of every kr. */
#define ROUNDED 256

/* out[i / kr][j][i % kr] = w[j][i] for j < columns and i < k, zero from there to a multiple of kr;
 * an element of @out is @width columns wide. */
#define PACK_COLUMNS(name, type)                                                                   \
  static inline void name (const type *w, size_t w_stride, size_t k, size_t columns, size_t width, \
                           size_t kr, type *out)                                                   \
  {                                                                                                \
    size_t full = k / kr * kr;                                                                     \
                                                                                                   \
    for (size_t i = 0; i < full; i += kr, out += width * kr)                                       \
      for (size_t j = 0; j < columns; j++)                                                         \
        for (size_t l = 0; l < kr; l++)                                                            \
          out[j * kr + l] = w[j * w_stride + i + l];                                               \
    for (size_t j = 0; full < k && j < columns; j++)                                               \
      for (size_t l = 0; l < kr; l++)                                                              \
        out[j * kr + l] = full + l < k ? w[j * w_stride + full + l] : 0;                           \
  }                                                                                                \
                                                                                                   \
  /* the usual numbers as constants */                                                             \
  static void name##_any (const type *w, size_t w_stride, size_t k, size_t columns, size_t width,  \
                          size_t kr, type *out)                                                    \
  {                                                                                                \
    if (columns == GROUP && kr == 1)                                                               \
      name (w, w_stride, k, GROUP, width, 1, out);                                                 \
    else if (columns == GROUP && kr == 2)                                                          \
      name (w, w_stride, k, GROUP, width, 2, out);                                                 \
    else                                                                                           \
      name (w, w_stride, k, columns, width, kr, out);                                              \
  }

PACK_COLUMNS (pack_f32, float)
PACK_COLUMNS (pack_u16, uint16_t)
PACK_COLUMNS (pack_s8, int8_t)

/* At most GROUP columns of one panel, float32 or, for S8, what it already is; @k of each, one after
 * the other. */
static void
pack_group (EffnetDtype dtype, const void *weights, size_t k, size_t columns, size_t width,
            size_t kr, void *out)
{
  const EffnetDtypeInfo *type = &effnet_dtypes[dtype];
  const float *w = weights;
  uint16_t rounded[GROUP * ROUNDED];

  if (dtype == EFFNET_DTYPE_S8) {
    pack_s8_any (weights, k, k, columns, width, kr, out);
    return;
  }
  if (dtype == EFFNET_DTYPE_F32) {
    pack_f32_any (w, k, k, columns, width, kr, out);
    return;
  }
  assert (ROUNDED % kr == 0 && type->from_float != NULL && type->size == sizeof *rounded);
  for (size_t i = 0; i < k; i += ROUNDED) {
    size_t n = k - i < ROUNDED ? k - i : ROUNDED;

    for (size_t j = 0; j < columns; j++)
      type->from_float (w + j * k + i, n, rounded + j * ROUNDED);
    pack_u16_any (rounded, ROUNDED, n, columns, width, kr, (uint16_t *)out + i * width);
  }
}

#define SIDE   EFFNET_WINOGRAD_POINTS
#define WINDOW 3

/* What each tap of a window counts in G g G^T at @point (winograd.h). */
static void
point_weights (size_t point, double weights[WINDOW * WINDOW])
{
  const double a = EFFNET_WINOGRAD_A, b = EFFNET_WINOGRAD_B, points[] = {0, a, -a, b, -b};
  double row[2][WINDOW] = {{0, 0, 1}, {0, 0, 1}};

  for (int axis = 0; axis < 2; axis++) {
    size_t at = axis == 0 ? point / SIDE : point % SIDE;
    double power = 1.0;

    if (at == SIDE - 1)
      continue;
    for (size_t q = 0; q < SIDE - 1; q++)
      power /= q == at ? 1.0 : points[at] - points[q];
    for (int i = 0; i < WINDOW; i++, power *= points[at])
      row[axis][i] = power;
  }
  for (int i = 0; i < WINDOW * WINDOW; i++)
    weights[i] = row[0][i / WINDOW] * row[1][i % WINDOW];
}

static float
at_point (const float *window, const double *weights)
{
  double sum = 0.0;

  for (int i = 0; i < WINDOW * WINDOW; i++)
    sum += weights[i] * (double)window[i];
  return (float)sum;
}

/* The same of weights [columns][k][taps]: k is innermost in the packing. With @square the taps are
 * points of the transformed windows. */
static void
pack_taps (EffnetDtype dtype, const float *w, size_t k, size_t taps, unsigned square,
           size_t columns, size_t width, size_t kr, char *out)
{
  const size_t element = effnet_dtype_size (dtype), points = square > 0 ? SIDE * SIDE : taps;
  float gathered[GROUP * ROUNDED];
  double weights[WINDOW * WINDOW] = {0};

  assert (k % kr == 0 && (square == 0 || taps == WINDOW * WINDOW));
  for (size_t point = 0; point < points; point++) {
    if (square > 0)
      point_weights (point, weights);
    for (size_t i = 0, n; i < k; i += n, out += n * width * element) {
      n = k - i < ROUNDED ? k - i : ROUNDED;
      for (size_t j = 0; j < columns; j++)
        for (size_t l = 0; l < n; l++) {
          const float *window = w + (j * k + i + l) * taps;

          gathered[j * n + l] = square > 0 ? at_point (window, weights) : window[point];
        }
      pack_group (dtype, gathered, n, columns, width, kr, out);
    }
  }
}

EffnetDtype
effnet_packed_dtype (const EffnetKernel *gemm)
{
  assert (gemm->packing == EFFNET_PACKING_PANELS);
  if (gemm->square > 0)
    return EFFNET_DTYPE_F32;
  return gemm->op == EFFNET_OP_GEMM_S8 ? EFFNET_DTYPE_S8 : gemm->dtype;
}

size_t
effnet_gemm_packed_size (const EffnetKernel *gemm, size_t n, size_t k)
{
  assert (gemm->packing == EFFNET_PACKING_PANELS);
  return effnet_gemm_panels (gemm, n) * effnet_gemm_panel_width (gemm, n) *
         effnet_div_up (k, gemm->kr) * gemm->kr;
}

/* Zero-fills the last panel from column @used on. */
static void
clear_columns (char *panel, size_t used, size_t width, size_t k, size_t kr, size_t element)
{
  for (size_t i = 0; used < width && i < k; i += kr)
    memset (panel + (i * width + used * kr) * element, 0, (width - used) * kr * element);
}

/* Weights [n][k][taps]. */
static void
pack_rows (const EffnetKernel *gemm, size_t n, size_t k, size_t taps, size_t first, size_t rows,
           const void *w, void *packed)
{
  const EffnetDtype dtype = effnet_packed_dtype (gemm);
  const size_t from = dtype == EFFNET_DTYPE_S8 ? 1 : sizeof (float);
  const char *rows_left = w;
  size_t width = effnet_gemm_panel_width (gemm, n), kr = gemm->kr;
  size_t element = effnet_dtype_size (dtype);
  size_t depth = effnet_div_up (k, kr) * kr * (gemm->square > 0 ? (size_t)SIDE * SIDE : taps);
  size_t end = first + rows;

  assert (end <= n);
  for (size_t j = first, columns; j < end; j += columns, rows_left += columns * k * taps * from) {
    char *panel = (char *)packed + j / width * width * depth * element, *to;
    size_t at = j % width;

    columns = width - at < end - j ? width - at : end - j;
    columns = columns < GROUP ? columns : GROUP;
    to = panel + at * kr * element;
    if (taps == 1)
      pack_group (dtype, rows_left, k, columns, width, kr, to);
    else
      pack_taps (dtype, (const float *)(const void *)rows_left, k, taps, gemm->square, columns,
                 width, kr, to);
    if (j + columns == n)
      clear_columns (panel, at + columns, width, depth, kr, element);
  }
}

void
effnet_gemm_pack (const EffnetKernel *gemm, size_t n, size_t k, size_t first, size_t rows,
                  const void *w, void *packed)
{
  assert (gemm->op == EFFNET_OP_GEMM || gemm->op == EFFNET_OP_GEMM_S8);
  pack_rows (gemm, n, k, 1, first, rows, w, packed);
}

void
effnet_conv_pack (const EffnetKernel *conv, size_t n, size_t channels, unsigned kernel,
                  size_t first, size_t rows, const float *w, void *packed)
{
  assert (conv->op == EFFNET_OP_CONV);
  pack_rows (conv, n, channels, (size_t)kernel * kernel, first, rows, w, packed);
}

size_t
effnet_conv_taps (const EffnetKernel *conv, unsigned kernel)
{
  size_t side = conv->square > 0 ? SIDE : kernel;

  return side * side;
}

size_t
effnet_conv_scratch (const EffnetKernel *conv, size_t channels)
{
  size_t rows = conv->square > 0 ? effnet_winograd_squares (channels, conv->mr) : 0;

  return conv->square > 0 ? (rows * effnet_winograd_step (channels) + (size_t)conv->mr * conv->nr) *
                                SIDE * SIDE * sizeof (float)
                          : 0;
}

void
effnet_pack_transposed (EffnetDtype dtype, size_t k, size_t rows, const void *w, size_t stride,
                        void *out)
{
  const size_t from = dtype == EFFNET_DTYPE_S8 ? 1 : sizeof (float);

  for (size_t j = 0, columns; j < rows; j += columns) {
    columns = rows - j < GROUP ? rows - j : GROUP;
    pack_group (dtype, (const char *)w + j * k * from, k, columns, stride, 1,
                (char *)out + j * effnet_dtype_size (dtype));
  }
}
