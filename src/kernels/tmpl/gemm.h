/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise and full convolution: c = act (bias + a * b) + residual, b packed in panels of nr
 * columns. Included by a file of isa/ with GEMM_MR, GEMM_NV (nr = GEMM_NV vectors), GEMM_KERNEL and
 * CONV_KERNEL (the functions' names) defined, after a vector header and activation.h.
 *
 * The one invariant: each output element is one chain of fused multiply-adds, bias first, k
 * ascending, whatever micro-tile it falls in. So results do not depend on how outputs are cut.
 *
 * A micro-tile of up to GEMM_MR rows by 1 .. GEMM_NV vectors stays in registers over the whole of
 * k. Where nothing or only a clamp is left to do it goes from there to c, and with
 * GEMM_SWISH_DIRECT swish does, too; else to a block on the stack, from where finish_rows () takes
 * it through activation and residual: the k loop and the epilogue then each have all registers to
 * themselves.
 *
 * With GEMM_LATE_K, where k is at most that, blocks of GEMM_LATE_CLAMP or GEMM_LATE_SWISH rows are
 * finished while the next one is summed. */

#define FINISH_CONTRACT          EffnetGemm
#define FINISH_SUM               vf
#define FINISH_VALUE(g, i, j, x) (x)
#include "kernels/tmpl/finish.h"
#include "kernels/tmpl/gemm_segment.h"

#ifndef GEMM_L2_BYTES
#  define GEMM_L2_BYTES (1u << 20) /* of packed weights or of rows that one pass may keep in L2 */
#endif
#ifndef GEMM_L1_BYTES
#  define GEMM_L1_BYTES 0 /* of rows that weights, if they fit L2, are streamed past at a time */
#endif

/* Where a micro-tile goes: rows of @stride elements (c) or vectors (the stack). */
typedef struct {
  vf *tile; /* [mr][nv], or NULL: to c */
  float *c;
  const float *residual; /* or NULL */
  size_t ldc, ldr;
  size_t last; /* columns of the last vector of a row of c */
  float low, high;
} GemmTo;

/* What a micro-tile is made of; segments as in strips.h. */
typedef struct {
  const float *a; /* [mr][lda] */
  size_t lda;
  const float *b; /* [k][GEMM_NR] */
  size_t k;
  size_t segments, a_step, b_step;
  const float *bias;
} GemmFrom;

/* @blocks micro-tiles one below the other; @to moves along. */
typedef void (*GemmTile) (const GemmFrom *first, GemmTo *to, size_t blocks);

/* Through swish or a clamp to c. The last vector of a row may be a tail. */
static EFFNET_INLINE void
gemm_store (const GemmTo *to, vf acc[GEMM_MR][GEMM_NV], const unsigned mr, const unsigned nv,
            const int swish)
{
  const float *residual = to->residual;
  float *c = to->c;

  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++, c += to->ldc) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++) {
      vf y = swish ? vf_activate (acc[r][v], EFFNET_ACTIVATION_SWISH)
                   : vf_clamp (acc[r][v], to->low, to->high);
      const int full = v + 1 < nv || to->last == VF_LANES;

      if (residual != NULL)
        y = vf_add (y, full ? vf_load (residual + v * VF_LANES)
                            : vf_load_tail (residual + v * VF_LANES, to->last));
      if (full)
        vf_store (c + v * VF_LANES, y);
      else
        vf_store_tail (c + v * VF_LANES, y, to->last);
    }
    if (residual != NULL)
      residual += to->ldr;
  }
}

/* bias + a * b */
static EFFNET_INLINE void
gemm_tile (const GemmFrom *from, const GemmTo *to, const unsigned mr, const unsigned nv,
           const int half, const int swish)
{
  const float *a = from->a, *b = from->b;
  vf acc[GEMM_MR][GEMM_NV];

  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      acc[r][v] = vf_load (from->bias + v * VF_LANES);
  }
  for (size_t left = from->segments; left > 0; left--, a += from->a_step, b += from->b_step)
    gemm_segment (a, from->lda * sizeof *a, b, from->k, acc, mr, nv, half);
  if (swish || to->tile == NULL) {
    gemm_store (to, acc, mr, nv, swish);
    return;
  }
  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      to->tile[r * nv + v] = acc[r][v];
  }
}

#define GEMM_TILE_FUNC(name, mr, nv, half, swish)                                                  \
  static EFFNET_NOINLINE void name (const GemmFrom *first, GemmTo *to, size_t blocks)              \
  {                                                                                                \
    GemmFrom from = *first; /* in registers */                                                     \
                                                                                                   \
    for (; blocks > 0; blocks--, from.a += (mr)*from.lda) {                                        \
      gemm_tile (&from, to, mr, nv, half, swish);                                                  \
      to->c += (mr)*to->ldc;                                                                       \
      if (to->residual != NULL)                                                                    \
        to->residual += (mr)*to->ldr;                                                              \
    }                                                                                              \
  }
#define GEMM_TILE(mr, nv)       GEMM_TILE_FUNC (gemm_tile_##mr##x##nv, mr, nv, 0, 0)
#define GEMM_NAME(mr, nv)       gemm_tile_##mr##x##nv,
#define GEMM_SWISH_TILE(mr, nv) GEMM_TILE_FUNC (gemm_swish_##mr##x##nv, mr, nv, 0, 1)
#define GEMM_HALF_TILE(mr, nv)  GEMM_TILE_FUNC (gemm_half_##mr##x##nv, mr, nv, 1, 0)
#define GEMM_HALF_NAME(mr, nv)  gemm_half_##mr##x##nv,
#define GEMM_SWISH_NAME(mr, nv) gemm_swish_##mr##x##nv,

GEMM_EACH_MR (GEMM_TILE, 1)
GEMM_EACH_MR (GEMM_TILE, 2)
#if GEMM_NV == 3
GEMM_EACH_MR (GEMM_TILE, 3)
#endif

static const GemmTile gemm_tiles[GEMM_NV][GEMM_MR] = {
    {GEMM_EACH_MR (GEMM_NAME, 1)},
    {GEMM_EACH_MR (GEMM_NAME, 2)},
#if GEMM_NV == 3
    {GEMM_EACH_MR (GEMM_NAME, 3)},
#endif
};

#ifdef VF_HALF
GEMM_EACH_MR (GEMM_HALF_TILE, 1)
GEMM_EACH_MR (GEMM_HALF_TILE, 2)

static const GemmTile gemm_half_tiles[GEMM_NV][GEMM_MR] = {
    {GEMM_EACH_MR (GEMM_HALF_NAME, 1)},
    {GEMM_EACH_MR (GEMM_HALF_NAME, 2)},
};
#endif

#if GEMM_SWISH_DIRECT
GEMM_EACH_MR (GEMM_SWISH_TILE, 1)
GEMM_EACH_MR (GEMM_SWISH_TILE, 2)

static const GemmTile gemm_swish_tiles[GEMM_NV][GEMM_MR] = {
    {GEMM_EACH_MR (GEMM_SWISH_NAME, 1)},
    {GEMM_EACH_MR (GEMM_SWISH_NAME, 2)},
};
#endif

#ifdef GEMM_LATE_K

/* acc = the sums of a block that begins at row @a. In its first steps, a vector in each, the sums
 * of the block before, @done, if any, go to @c. */
static EFFNET_INLINE void
gemm_late_block (const GemmFrom *from, const float *a, vf acc[GEMM_MR][GEMM_NV],
                 vf done[GEMM_MR][GEMM_NV], const GemmTo *to, float *c, const unsigned mr,
                 const int swish)
{
  TileRows rows = tile_rows (a, from->lda * sizeof *a, mr);
  const float *b = from->b;

  EFFNET_UNROLL
  for (unsigned i = 0; i < 2 * mr; i++)
    acc[i / 2][i % 2] = vf_load (from->bias + i % 2 * VF_LANES);
  if (done != NULL) {
    EFFNET_UNROLL
    for (unsigned i = 0; i < 2 * mr; i++) {
      vf x = done[i / 2][i % 2];

      gemm_steps (&rows, &b, 1, acc, mr, 2, 0);
      x = swish ? vf_activate (x, EFFNET_ACTIVATION_SWISH) : vf_clamp (x, to->low, to->high);
      vf_store (c + i % 2 * VF_LANES, x);
      c += i % 2 * to->ldc;
    }
  }
  gemm_steps (&rows, &b, done != NULL ? from->k - 2 * mr : from->k, acc, mr, 2, 0);
}

/* @blocks blocks of @mr rows and two whole vectors, k >= 2 @mr. Stores, one in two cycles on Zen 4,
 * and swish, most of which the units for products do not do, take little time of their own. */
static EFFNET_INLINE void
gemm_late (const GemmFrom *first, const GemmTo *first_to, size_t blocks, const unsigned mr,
           const int swish)
{
  const GemmFrom from = *first;
  const GemmTo to = *first_to;
  const float *a = from.a;
  float *c = to.c;
  vf acc[GEMM_MR][GEMM_NV], done[GEMM_MR][GEMM_NV];

  gemm_late_block (&from, a, acc, NULL, &to, c, mr, swish);
  for (; blocks > 1; blocks--) {
    EFFNET_UNROLL
    for (unsigned i = 0; i < 2 * mr; i++)
      done[i / 2][i % 2] = acc[i / 2][i % 2];
    a += mr * from.lda;
    gemm_late_block (&from, a, acc, done, &to, c, mr, swish);
    c += mr * to.ldc;
  }
  gemm_store (&(GemmTo){.c = c, .ldc = to.ldc, .last = VF_LANES, .low = to.low, .high = to.high},
              acc, mr, 2, swish);
}

#  define GEMM_LATE_FUNC(name, mr, swish)                                                          \
    static EFFNET_NOINLINE void name (const GemmFrom *from, GemmTo *to, size_t blocks)             \
    {                                                                                              \
      gemm_late (from, to, blocks, mr, swish);                                                     \
    }
GEMM_LATE_FUNC (gemm_late_clamp, GEMM_LATE_CLAMP, 0)
GEMM_LATE_FUNC (gemm_late_swish, GEMM_LATE_SWISH, 1)

#endif

#ifdef GEMM_KERNEL

/* The rows of blocks that are finished late in the panel of column j; 0: none are. */
static inline size_t
gemm_late_rows (const EffnetStrip *strip, size_t j)
{
#  ifdef GEMM_LATE_K
  const EffnetGemm *g = strip->gemm;
  size_t rows = g->activation == EFFNET_ACTIVATION_SWISH ? GEMM_LATE_SWISH : GEMM_LATE_CLAMP;

  return strip->segments == 1 && g->k >= 2 * rows && g->k <= GEMM_LATE_K && g->n - j >= GEMM_NR &&
                 g->residual == NULL && g->activation != EFFNET_ACTIVATION_SIGMOID
             ? rows
             : 0;
#  else
  (void)strip;
  (void)j;
  return 0;
#  endif
}

/* @blocks times @rows rows from i on, the panel of column j. */
static EFFNET_NOINLINE void
gemm_rows (const EffnetStrip *strip, size_t i, size_t rows, size_t blocks, size_t j)
{
  const EffnetGemm *g = strip->gemm;
  size_t columns = g->n - j < GEMM_NR ? g->n - j : GEMM_NR;
  size_t nv = (columns + VF_LANES - 1) / VF_LANES;
  vf tile[GEMM_MR * GEMM_NV];
  GemmTile compute = gemm_tiles[nv - 1][rows - 1];
  GemmFrom from = {
      .a = (const float *)g->a + i * g->lda,
      .lda = g->lda,
      .b = (const float *)g->b + j / GEMM_NR * strip->panel_step,
      .k = g->k,
      .segments = strip->segments,
      .a_step = strip->a_step,
      .b_step = strip->b_step,
      .bias = g->bias + j,
  };
  GemmTo to = {
      .c = (float *)g->c + i * g->ldc + j,
      .residual = g->residual != NULL ? (const float *)g->residual + i * g->ldr + j : NULL,
      .ldc = g->ldc,
      .ldr = g->ldr,
      .last = columns - (nv - 1) * VF_LANES,
  };
  int direct = vf_activation_is_clamp (g->activation, &to.low, &to.high);

#  ifdef VF_HALF
  if (to.last <= VF_HALF)
    compute = gemm_half_tiles[nv - 1][rows - 1];
#  endif
#  if GEMM_SWISH_DIRECT
  if (g->activation == EFFNET_ACTIVATION_SWISH) {
    compute = gemm_swish_tiles[nv - 1][rows - 1];
    direct = 1;
  }
#  endif
#  ifdef GEMM_LATE_K
  if (rows == gemm_late_rows (strip, j)) {
    compute = direct ? gemm_late_clamp : gemm_late_swish;
    direct = 1;
  }
#  endif
  if (direct) {
    compute (&from, &to, blocks);
    return;
  }
  to.tile = tile;
  for (size_t end = i + rows * blocks; i < end; i += rows, from.a += rows * g->lda) {
    compute (&from, &to, 1);
#  define BODY(activation) finish_rows (g, tile, nv, i, rows, j, columns, activation)
    EFFNET_FOR_ACTIVATION (g->activation, BODY);
#  undef BODY
  }
}

/* Weights that fit L2 are streamed past each micro-tile of rows, or past as many as GEMM_L1_BYTES
 * holds, whose a stays in L1. Larger ones are streamed past as many rows as fit L2. One panel meets
 * all rows. */
static inline size_t
gemm_chunk_rows (const EffnetStrip *strip)
{
  const EffnetGemm *g = strip->gemm;
  size_t row_bytes = (strip->segments > 0 ? strip->segments : 1) * g->k * sizeof (float);
  size_t most = GEMM_L2_BYTES / row_bytes, chunks;

  if (g->n <= GEMM_NR || gemm_late_rows (strip, 0) > 0)
    return g->m;
  if (g->n * row_bytes <= GEMM_L2_BYTES || most <= GEMM_MR)
    most = GEMM_L1_BYTES / row_bytes;
  if (most <= GEMM_MR)
    return 0;
  chunks = (g->m + most - 1) / most;
  return ((g->m + chunks - 1) / chunks + GEMM_MR - 1) / GEMM_MR * GEMM_MR;
}

/* The next blocks of @left rows in the panel of column j. */
static inline void
gemm_next_rows (const EffnetStrip *strip, size_t left, size_t j, size_t *rows, size_t *blocks)
{
  size_t late = gemm_late_rows (strip, j);

  if (late > 0 && left >= 2 * late) {
    *rows = late;
    *blocks = left / late;
  } else {
    *rows = tile_next_rows (left, GEMM_MR, blocks);
  }
}

static void
gemm_strip (const EffnetStrip *strip)
{
  const EffnetGemm *g = strip->gemm;
  size_t chunk = gemm_chunk_rows (strip), rows, blocks;

  for (size_t i0 = 0, end; i0 < g->m; i0 = end) {
    if (chunk == 0)
      end = i0 + tile_next_rows (g->m - i0, GEMM_MR, &blocks);
    else
      end = g->m - i0 < chunk ? g->m : i0 + chunk;
    for (size_t j = 0; j < g->n; j += GEMM_NR)
      for (size_t i = i0; i < end; i += rows * blocks) {
        gemm_next_rows (strip, end - i, j, &rows, &blocks);
        gemm_rows (strip, i, rows, blocks, j);
      }
  }
}

void
GEMM_KERNEL (const EffnetGemm *g)
{
  const EffnetStrip strip = {.gemm = g, .segments = 1, .panel_step = g->k * GEMM_NR};

  gemm_strip (&strip);
}

void
CONV_KERNEL (const EffnetConvolution *c)
{
  effnet_conv_strips (c, sizeof (float), GEMM_NR, gemm_strip);
}

#endif
