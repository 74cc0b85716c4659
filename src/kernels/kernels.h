/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * kernels: the contracts. A kernel is a pure function: no malloc, no globals, no threads, no
 * errors; it asserts. Activations are NHWC, [pixels][channels], element type T (float or bf16 by
 * the row's dtype); weights are packed once by the packing its row in kernels.inc declares. A
 * kernel reads and writes nothing outside what its contract names. kernels.inc is the one list;
 * ref.c is the oracle.
 *
 * Numerics: EXACT kernels give the reference's bits. BOUNDED ones stay within the bound that
 * tests/kernels derives from k and eps; accumulation is float32 at least. The same call gives the
 * same bits again. */
#ifndef EFFNET_KERNELS_KERNELS_H
#define EFFNET_KERNELS_KERNELS_H

#include "base/cpu.h"
#include "base/dtype.h"
#include "base/types.h"

/* What a kernel's sigmoid may be off by, absolutely; its swish by |x| times that. Of 2^-20 float32
 * rows use a part; rows with bf16 outputs may be coarser, where one output's half ulp is 2^-9 of
 * it. */
#define EFFNET_SIGMOID_ERROR_F32  0x1p-20
#define EFFNET_SIGMOID_ERROR_BF16 0x1p-12

typedef enum {
#define EFFNET_OP(op, name, contract, elements, reference) EFFNET_OP_##op,
#include "kernels/ops.inc"
#undef EFFNET_OP
  EFFNET_OP_COUNT,
} EffnetKernelOp;

/* c[i][j] = act (bias[j] + sum_k a[i][k] * b[k][j]) + residual[i][j]
 * i < m, j < n. @c may be @residual exactly; no other overlap. Any m, n, k >= 1. */
typedef struct {
  size_t m, n, k;
  const void *a; /* T [m][lda], k read of each row */
  size_t lda;    /* elements */
  const void *b; /* T, packed: [ceil (n/nr)][ceil (k/kr)][nr][kr], zero-filled past n and k; for a
                  * row with nr = 0 one panel as wide as n: [ceil (k/kr)][n][kr] */
  const float *bias;    /* [n rounded up to nr], zero-filled; [n] when nr = 0 */
  const void *residual; /* T [m][ldr] or NULL */
  size_t ldr;
  void *c; /* T [m][ldc], n written of each row */
  size_t ldc;
  EffnetActivation activation;
} EffnetGemm;

/* out[y][x][j] = act (bias[j] + sum_{r,s,c} in[top + y * stride + r][left + x * stride + s][c] *
 * w[j][c][r][s]) + residual[y][x][j], with r, s < kernel and c < channels. Pixels outside the image
 * count as zero and are not read. One call makes a whole image or a part of it: @top and @left say
 * where the window of the first output lies, minus the padding for that of the whole; @in is the
 * whole image in both cases. A part of the output channels begins at a panel; one of the pixels,
 * for a row that makes squares of outputs, at a square's edge of the whole, and ends at one or with
 * the whole. @out may be @residual exactly; no other overlap. @channels is a multiple of the row's
 * k.
 */
typedef struct {
  const void *in; /* T [in_h][in_row], of each row in_w pixels of @channels */
  size_t in_h, in_w, channels, in_row;
  unsigned kernel, stride; /* kernel 1..EFFNET_CONV_KERNEL_MAX */
  ptrdiff_t top, left;     /* pixels */
  size_t out_h, out_w, n;
  const void *b;     /* T, effnet_conv_pack (); like EffnetGemm's, its k being (r, s, c); where the
                      * row makes squares float32, r and s being points of a transformed window */
  const float *bias; /* [n rounded up to nr], zero-filled */
  const void *residual; /* T [out_h][residual_row], of each row [out_w][ldr]; or NULL */
  size_t ldr, residual_row;
  void *out; /* T [out_h][out_row], of each row [out_w][ldc], n written of each pixel */
  size_t ldc, out_row;
  EffnetActivation activation;
  void *scratch; /* effnet_conv_scratch () bytes, aligned to 64 */
} EffnetConvolution;

#define EFFNET_CONV_KERNEL_MAX 7

/* How a row of GEMM_S8 takes activations: bytes of these kinds. */
typedef enum {
  EFFNET_DIGITS_U8, /* unsigned */
  EFFNET_DIGITS_S8, /* signed, for units that multiply signed bytes only */
  EFFNET_DIGITS_U7, /* unsigned up to 127: two products with weights fit 16 bits */
} EffnetDigits;

/* What the digits of a pixel reach over. */
typedef enum {
  EFFNET_RANGE_SIGNED, /* -top..top, top the largest magnitude of the pixel */
  EFFNET_RANGE_ABOVE,  /* low..top, top the largest value of the pixel */
  EFFNET_RANGE_FIXED,  /* low..top, both given */
} EffnetRange;

/* The digits, beside that of zero or of the low end: -levels..levels of SIGNED, else 0..levels. */
static inline int
effnet_digits_levels (EffnetDigits digits, EffnetRange range)
{
  if (range == EFFNET_RANGE_SIGNED)
    return digits == EFFNET_DIGITS_U7 ? 63 : 127;
  return digits == EFFNET_DIGITS_U7 ? 127 : 255;
}

/* The digit of zero (SIGNED), or of the low end. */
static inline int
effnet_digits_zero (EffnetDigits digits, EffnetRange range)
{
  static const int zeros[][2] = {{128, 0}, {0, -128}, {64, 0}};

  return zeros[digits][range != EFFNET_RANGE_SIGNED];
}

/* The digits of pixel p, with v[c] = x[p][c] * gate[c]:
 *   span = max_c |v[c]| of SIGNED, max_c v[c] - low of ABOVE, top - low of FIXED; at least 1e-9
 *   per = levels / span, step[p] = span / levels
 *   q[p][c] = clamp (rint (v[c] * per + shift), least, levels) + zero
 * shift = -low * per, and 0 of SIGNED; least = -levels of SIGNED, else 0. Each operation is rounded
 * to float32 by itself, none is fused. A pixel with a NaN or an infinity gets any digits. So
 * v[c] = (q[p][c] - zero) * step[p] + (0 of SIGNED, else low), but for rounding. */
typedef struct {
  const void *x; /* T [pixels][stride] */
  size_t pixels, channels, stride;
  const float *gate; /* [channels], or NULL: v = x */
  EffnetRange range;
  float low, top; /* low of ABOVE and FIXED, top of FIXED */
  EffnetDigits digits;
  void *q;         /* bytes [pixels][q_stride], @channels written of each row */
  size_t q_stride; /* >= channels */
  float *step;     /* [pixels] */
} EffnetQuantise;

/* sum[i][j] = start[j] + sum_k a[i][k] * b[k][j], exact in int32
 * c[i][j] = act (bias[j] + (step[i] * scale[j]) * sum[i][j]) + residual[i][j]
 * i < m, j < n; the second line in float32. @c may be @residual exactly; no other overlap. Any m, n
 * >= 1; k a multiple of the row's, up to EFFNET_GEMM_S8_K_MAX. With @to_bytes c is that
 * rounded to nearest even, clamped to 0..255, without activation and residual. Here and in what
 * else makes digits, a NaN or what no int32 holds becomes any. */
typedef struct {
  size_t m, n, k;
  const void *a; /* the row's digits, [m][lda], k read of each row */
  size_t lda;
  const float *step; /* [m], or NULL: 1 */
  const int8_t *b;   /* packed like EffnetGemm's; -127..127 */
  /* [n rounded up to nr], zero-filled: of each column, minus the digit of zero times the sum of its
   * weights; its scale; its bias */
  const int32_t *start;
  const float *scale, *bias;
  const void *residual; /* T [m][ldr] or NULL */
  size_t ldr;
  void *c; /* T, or uint8_t, [m][ldc], n written of each row */
  size_t ldc;
  EffnetActivation activation;
  int to_bytes;
} EffnetGemmS8;

static inline float
effnet_gemm_s8_step (const EffnetGemmS8 *g, size_t i)
{
  return g->step != NULL ? g->step[i] : 1.0f;
}

#define EFFNET_GEMM_S8_K_MAX 32768 /* twice this * 255 * 127 fits an int32 */

/* out[x][c] = act (bias[c] + sum_{i,j} rows[i][x * stride + j - pad][c] * weights[i * kernel +
 * j][c]), 0 <= x < out_w. Columns outside 0..in_w-1 and NULL rows count as zero. pool[c] += sum_x
 * out[x][c], of the float32 values before they are rounded to T.
 *
 * DEPTHWISE_U8: rows are uint8_t, and out[x][c] is the digit of @digits, RANGE_FIXED, that is the
 * sum rounded to nearest even, clamped to 0..levels; neither activation nor pool. */
typedef struct {
  const void *const *rows; /* kernel pointers to T [in_w][in_stride] */
  size_t channels, in_w, out_w;
  size_t in_stride, out_stride; /* elements from pixel to pixel, >= channels */
  unsigned kernel, stride, pad;
  const float *weights; /* [kernel * kernel][weight_stride] */
  size_t weight_stride; /* elements, >= channels */
  const float *bias;    /* [channels] */
  void *out;            /* T [out_w][out_stride] */
  float *pool;          /* [channels] or NULL */
  EffnetActivation activation;
  EffnetDigits digits; /* of DEPTHWISE_U8 */
} EffnetDepthwise;

/* out[x][n] = act (bias[n] + sum_{i,j,c} rows[i][x * stride + j - pad][c] * weights[(i * kernel +
 * j) * 3 + c][n]) Input is always float32. Columns outside and NULL rows count as zero. */
typedef struct {
  const float *const *rows; /* kernel pointers to [in_w][3] */
  size_t in_w, out_w, n;
  unsigned kernel, stride, pad;
  const float *weights; /* [kernel * kernel * 3][weight_stride] */
  size_t weight_stride; /* elements, >= n, a multiple of 16; zero-filled past n */
  const float *bias;    /* [weight_stride], zero-filled past n */
  void *out;            /* T [out_w][n] */
  EffnetActivation activation;
} EffnetStem;

/* sum[c] += sum_p x[p][c]; x and sum do not overlap */
typedef struct {
  const void *x; /* T [pixels][stride] */
  size_t pixels, channels, stride;
  float *sum; /* [channels] */
} EffnetPoolSum;

/* y[j] = act (bias[j] + sum_k x[k] * w[k][j]); only the weights are T: they are most of the memory.
 * FC_S8: the sum times scale[j] */
typedef struct {
  size_t n, k;
  const float *x;    /* [k] */
  const void *w;     /* T, or int8, [k][w_stride] */
  size_t w_stride;   /* elements, >= n */
  const float *bias; /* [n] */
  float *y;          /* [n] */
  EffnetActivation activation;
  const float *scale; /* [n], of FC_S8 */
} EffnetFc;

/* x[p][c] = x[p][c] * gate[c] + residual[p][c] in float32, then rounded to T; without a residual
 * one exact product */
typedef struct {
  void *x; /* T [pixels][stride] */
  size_t pixels, channels, stride;
  const float *gate;    /* [channels] */
  const void *residual; /* T [pixels][stride], does not overlap x; or NULL */
} EffnetScaleRows;

/* out = packed with the row of each k multiplied by gate[k]: one float32 product, then rounded to
 * T; past k zero. Both in a GEMM row's packing: [panels][ceil (k/kr)][nr][kr]; any nr and kr, and a
 * stretch of k when @panel_stride is that of a longer one. @out may be @packed. */
typedef struct {
  const void *packed;
  void *out;
  size_t panels, k;
  size_t panel_stride; /* elements, at least ceil (k/kr) * nr * kr */
  size_t nr;           /* effnet_gemm_panel_width () */
  unsigned kr;
  const float *gate; /* [k] */
} EffnetScalePanels;

#define EFFNET_BAND 32 /* rows the horizontal filter takes at once, at most */

/* One kind of sample in a line of bytes, those of a component, and the weights of its outputs. */
typedef struct {
  unsigned step, offset;         /* sample x is byte x * step + offset, offset < step */
  const unsigned *first, *count; /* [n]: samples [first, first + count), at least one */
  const int16_t *weight;         /* [n][stride], count of each; -32512..32512 */
  size_t stride;                 /* elements */
} EffnetSamples;

/* What the horizontal filter makes of a line: column i * kinds + k is output i of kind k. The steps
 * are 1, 2 and 4, or all are 3; bytes of two kinds do not coincide. A sum's absolute weights add up
 * to less than 2^23. */
typedef struct {
  size_t n;       /* outputs of each kind, at least 1 */
  unsigned kinds; /* 1..4 */
  EffnetSamples kind[4];
} EffnetColumns;

/* out[r][i * kinds + k] = clamp ((float)(sum_t weight[i][t] * rows[r][(first[i] + t) * step +
 * offset]) * scale, low, high), of kind k; the sum in integers. */
typedef struct {
  const EffnetColumns *columns;
  const void *packed;   /* effnet_columns_pack () */
  const uint8_t *rows;  /* [n_rows], @bytes of each may be read */
  ptrdiff_t row_stride; /* bytes */
  unsigned n_rows;      /* 1..EFFNET_BAND */
  size_t bytes;
  float scale, low, high;
  void *scratch; /* effnet_columns_scratch () bytes, aligned to 64 */
  float *out;    /* [n_rows][out_stride], n * kinds written of each row */
  size_t out_stride;
} EffnetResampleH;

/* out[x] = sum_t weight[t] * rows[t][x], x < n */
typedef struct {
  const float *const *rows; /* [taps], n elements of each */
  const float *weight;      /* [taps] */
  size_t taps, n;
  float *out; /* [n] */
} EffnetResampleV;

/* out[x][k] = floor (clamp (sum_c matrix[k][c] * in[c][x * step[c]] + offset[k], 0, 255) + 1/2) *
 * scale[k] + bias[k] */
typedef struct {
  const float *in[3];                 /* (n - 1) * step + 1 of each are there; may be the same */
  size_t step[3];                     /* that of 1 is that of 2 */
  const float *matrix;                /* [3][3] */
  const float *offset, *scale, *bias; /* [3] */
  size_t n;
  float *out; /* [n][3] */
} EffnetConvert;

/* EffnetGemmFunc and so on: a kernel. */
#define EFFNET_OP(op, name, contract, elements, reference)                                         \
  typedef void (*contract##Func) (const contract *);
#include "kernels/ops.inc"
#undef EFFNET_OP

typedef enum {
  EFFNET_NUMERICS_EXACT,
  EFFNET_NUMERICS_BOUNDED,
} EffnetNumerics;

/* The layout of weights that a row reads. */
typedef enum {
  EFFNET_PACKING_NONE,   /* the contract says how they lie */
  EFFNET_PACKING_PANELS, /* effnet_gemm_pack (), effnet_conv_pack (); kr 4 are the groups that VNNI
                            and AMX multiply */
  EFFNET_PACKING_WORDS,  /* effnet_columns_pack (), as words of four samples */
  EFFNET_PACKING_TILES,  /* effnet_columns_pack (), as tiles of int8 */
} EffnetPacking;

/* One row of the list. */
typedef struct {
  EffnetKernelOp op;
  EffnetDtype dtype; /* T */
  EffnetIsa isa;
  EffnetNumerics numerics;
  const char *name;        /* the function's */
  unsigned kernel, stride; /* the only ones it serves; 0 = any */
  EffnetPacking packing;
  unsigned mr, nr, kr; /* PACKING_PANELS: rows of the micro-tile, a hint for cutting tiles, and the
                        * packing's sizes; nr = 0: the row takes all of n at once, so its tiles are
                        * cut by rows only */
  unsigned k_multiple; /* PACKING_PANELS: it serves only multiples of this k */
  unsigned square;     /* CONV: outputs a side of the squares that it makes; 0: it makes pixels */
  unsigned k_least, size_least; /* it serves this k and size, and larger ones */
  EffnetDigits digits;          /* GEMM_S8: of the activations */
  union {
#define EFFNET_OP(op, name, contract, elements, reference) contract##Func name;
#include "kernels/ops.inc"
#undef EFFNET_OP
  } call;
} EffnetKernel;

/* The list, best first, the reference last; every row compiled in, whether or not this CPU runs it.
 */
const EffnetKernel *effnet_kernels (size_t *n_rows);
/* 1 when this CPU under the cap, and for BLAS the library installed, can run the row. */
int effnet_kernel_usable (const EffnetKernel *row);
/* What the choice of a row may depend on; 0 where the operation has no such number. */
typedef struct {
  unsigned kernel, stride;
  size_t k;
  size_t size; /* CONV: the shorter side of the output, in pixels */
} EffnetKernelShape;

int effnet_kernel_serves (const EffnetKernel *row, EffnetKernelShape shape);
/* The first row that serves the shape on this CPU under the cap. NULL only for a dtype nobody
 * serves. */
const EffnetKernel *effnet_kernel_find (EffnetKernelOp op, EffnetDtype dtype,
                                        EffnetKernelShape shape);
const char *effnet_op_name (EffnetKernelOp op);
/* 1 for an operation without T: its rows serve every dtype. */
int effnet_op_is_float (EffnetKernelOp op);

/* Columns in one panel of @gemm's packing, and the number of panels, when the matrix has @n
 * columns. */
static inline size_t
effnet_gemm_panel_width (const EffnetKernel *gemm, size_t n)
{
  return gemm->nr > 0 ? gemm->nr : n;
}

static inline size_t
effnet_gemm_panels (const EffnetKernel *gemm, size_t n)
{
  size_t width = effnet_gemm_panel_width (gemm, n);

  return (n + width - 1) / width;
}

/* Packs the rows @first .. @first + @rows - 1 of a 1x1 convolution's weights, float32 [n][k] (OI),
 * for a GEMM row, or int8 [n][k] for one of GEMM_S8: @w begins with row @first. Whoever packs the
 * last row also zeroes what follows n. The type and the size of the whole in elements first. */
EffnetDtype effnet_packed_dtype (const EffnetKernel *gemm);
size_t effnet_gemm_packed_size (const EffnetKernel *gemm, size_t n, size_t k);
void effnet_gemm_pack (const EffnetKernel *gemm, size_t n, size_t k, size_t first, size_t rows,
                       const void *w, void *packed);
/* The same of a full convolution's weights, float32 [n][channels][kernel][kernel] (OIHW), for a
 * CONV row. The size is that of a k of effnet_conv_taps () * channels. */
size_t effnet_conv_taps (const EffnetKernel *conv, unsigned kernel);
void effnet_conv_pack (const EffnetKernel *conv, size_t n, size_t channels, unsigned kernel,
                       size_t first, size_t rows, const float *w, void *packed);
/* Bytes of scratch that a call of the row wants, however many outputs it makes. */
size_t effnet_conv_scratch (const EffnetKernel *conv, size_t channels);
/* out[i][j] = w[j][i], i < k, j < rows; @w float32 [rows][k], or int8 for S8, @out T [k][stride] */
void effnet_pack_transposed (EffnetDtype dtype, size_t k, size_t rows, const void *w, size_t stride,
                             void *out);

/* Packs the weights of @columns for a RESAMPLE_H row into @packed, aligned to 64; the size in bytes
 * first, which may be 0. */
size_t effnet_columns_packed_size (const EffnetKernel *resample_h, const EffnetColumns *columns);
void effnet_columns_pack (const EffnetKernel *resample_h, const EffnetColumns *columns,
                          void *packed);
/* Bytes of scratch a call wants, whichever the row. */
size_t effnet_columns_scratch (const EffnetColumns *columns);

/* Name of the core OpenBLAS picked; NULL when built without, when none is installed, or when this
 * CPU lacks what that core had. Loads it. */
const char *effnet_blas_core (void);
/* 1 when the OpenBLAS in this process is a threaded build: only those may be called from several
 * threads at once, and our calls are cut below the size from which they would start threads of
 * their own. */
int effnet_blas_is_threaded (void);

#endif
