/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolution: c = act (bias + a * b) + residual, b packed in panels of nr columns.
 * Included by a file of isa/ with GEMM_MR, GEMM_NV (nr = GEMM_NV vectors) and GEMM_KERNEL (the
 * function's name) defined, after a vector header and activation.h.
 *
 * The one invariant: each output element is one chain of fused multiply-adds, bias first, k
 * ascending, whatever micro-tile it falls in. So results do not depend on how m is cut.
 *
 * A micro-tile of up to GEMM_MR rows by 1 .. GEMM_NV vectors stays in registers over the whole of
 * k. Where nothing or only a clamp is left to do it goes from there to c, and with
 * GEMM_SWISH_DIRECT swish does, too; else to a block on the stack, from where gemm_finish () takes
 * it through activation and residual: the k loop and the epilogue then each have all registers to
 * themselves. */

#include "kernels/tmpl/rows.h"

#define GEMM_NR (GEMM_NV * VF_LANES)
#ifndef GEMM_L2_BYTES
#  define GEMM_L2_BYTES (1u << 20) /* of packed weights or of rows that one pass may keep in L2 */
#endif
#ifndef GEMM_L1_BYTES
#  define GEMM_L1_BYTES 0 /* of rows that weights, if they fit L2, are streamed past at a time */
#endif
#define GEMM_AHEAD 16 /* steps of k: weights come from L2, two lines a step */

/* Where a micro-tile goes: rows of @stride elements (c) or vectors (the stack). */
typedef struct {
  vf *tile; /* [mr][nv], or NULL: to c */
  float *c;
  const float *residual; /* or NULL */
  size_t ldc, ldr;
  size_t last; /* columns of the last vector of a row of c */
  float low, high;
} GemmTo;

/* What a micro-tile is made of. */
typedef struct {
  const float *a; /* [mr][lda] */
  size_t lda;
  const float *b; /* [k][GEMM_NR] */
  size_t k;
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

/* bias + a[mr][k] * b[k][GEMM_NR], the first nv vectors of each row of b. */
static EFFNET_INLINE void
gemm_tile (const GemmFrom *from, const GemmTo *to, const unsigned mr, const unsigned nv,
           const int swish)
{
  const float *b = from->b, *bias = from->bias;
  size_t k = from->k;
  TileRows rows = tile_rows (from->a, from->lda * sizeof *from->a, mr);
  vf acc[GEMM_MR][GEMM_NV];

  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      acc[r][v] = vf_load (bias + v * VF_LANES);
  }

#define GEMM_STEP(kk, advance)                                                                     \
  do {                                                                                             \
    vf w[GEMM_NV];                                                                                 \
    EFFNET_UNROLL                                                                                  \
    for (unsigned v = 0; v < nv; v++) {                                                            \
      w[v] = vf_load (b + (kk)*GEMM_NR + v * VF_LANES);                                            \
      if (v * VF_LANES * sizeof *b % 64 == 0)                                                      \
        vf_prefetch (b + ((kk) + GEMM_AHEAD) * GEMM_NR + v * VF_LANES);                            \
    }                                                                                              \
    EFFNET_UNROLL                                                                                  \
    for (unsigned r = 0; r < mr; r++) {                                                            \
      vf x = vf_set1 (((const float *)tile_row (&rows, r))[kk]);                                   \
      EFFNET_UNROLL                                                                                \
      for (unsigned v = 0; v < nv; v++)                                                            \
        vf_accumulate (&acc[r][v], x, w[v]);                                                       \
    }                                                                                              \
    b += (advance)*GEMM_NR;                                                                        \
    tile_rows_advance (&rows, (advance) * sizeof (float));                                         \
    EFFNET_FENCE ();                                                                               \
  } while (0)

  for (; k >= 4; k -= 4) {
    GEMM_STEP (0, 0);
    GEMM_STEP (1, 0);
    GEMM_STEP (2, 0);
    GEMM_STEP (3, 4);
  }
  for (; k > 0; k--)
    GEMM_STEP (0, 1);
#undef GEMM_STEP

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

#define GEMM_TILE_FUNC(name, mr, nv, swish)                                                        \
  static EFFNET_NOINLINE void name (const GemmFrom *first, GemmTo *to, size_t blocks)              \
  {                                                                                                \
    GemmFrom from = *first; /* in registers */                                                     \
                                                                                                   \
    for (; blocks > 0; blocks--, from.a += (mr)*from.lda) {                                        \
      gemm_tile (&from, to, mr, nv, swish);                                                        \
      to->c += (mr)*to->ldc;                                                                       \
      if (to->residual != NULL)                                                                    \
        to->residual += (mr)*to->ldr;                                                              \
    }                                                                                              \
  }
#define GEMM_TILE(mr, nv)       GEMM_TILE_FUNC (gemm_tile_##mr##x##nv, mr, nv, 0)
#define GEMM_NAME(mr, nv)       gemm_tile_##mr##x##nv,
#define GEMM_SWISH_TILE(mr, nv) GEMM_TILE_FUNC (gemm_swish_##mr##x##nv, mr, nv, 1)
#define GEMM_SWISH_NAME(mr, nv) gemm_swish_##mr##x##nv,

#if GEMM_MR == 6
#  define GEMM_EACH_MR(M, nv) M (1, nv) M (2, nv) M (3, nv) M (4, nv) M (5, nv) M (6, nv)
#elif GEMM_MR == 8
#  define GEMM_EACH_MR(M, nv)                                                                      \
    M (1, nv) M (2, nv) M (3, nv) M (4, nv) M (5, nv) M (6, nv) M (7, nv) M (8, nv)
#elif GEMM_MR == 14
#  define GEMM_EACH_MR(M, nv)                                                                      \
    M (1, nv)                                                                                      \
    M (2, nv)                                                                                      \
    M (3, nv)                                                                                      \
    M (4, nv)                                                                                      \
    M (5, nv)                                                                                      \
    M (6, nv) M (7, nv) M (8, nv) M (9, nv) M (10, nv) M (11, nv) M (12, nv) M (13, nv) M (14, nv)
#endif

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

#if GEMM_SWISH_DIRECT
GEMM_EACH_MR (GEMM_SWISH_TILE, 1)
GEMM_EACH_MR (GEMM_SWISH_TILE, 2)

static const GemmTile gemm_swish_tiles[GEMM_NV][GEMM_MR] = {
    {GEMM_EACH_MR (GEMM_SWISH_NAME, 1)},
    {GEMM_EACH_MR (GEMM_SWISH_NAME, 2)},
};
#endif

/* c[i ..][j ..] = act (tile) + residual; tile [rows][nv] */
static EFFNET_INLINE void
gemm_finish (const EffnetGemm *g, const vf *tile, size_t i, size_t rows, size_t j, size_t columns,
             const EffnetActivation activation)
{
  float *c = (float *)g->c + i * g->ldc + j;
  const float *residual = g->residual;

  if (residual != NULL)
    residual += i * g->ldr + j;
  for (size_t r = 0; r < rows; r++) {
    for (size_t at = 0; at < columns; at += VF_LANES, tile++) {
      vf v = vf_activate (*tile, activation);

      if (columns - at >= VF_LANES) {
        if (residual != NULL)
          v = vf_add (v, vf_load (residual + at));
        vf_store (c + at, v);
      } else {
        if (residual != NULL)
          v = vf_add (v, vf_load_tail (residual + at, columns - at));
        vf_store_tail (c + at, v, columns - at);
      }
    }
    c += g->ldc;
    if (residual != NULL)
      residual += g->ldr;
  }
}

/* @blocks times @rows rows from i on, the panel of column j. */
static EFFNET_NOINLINE void
gemm_rows (const EffnetGemm *g, size_t i, size_t rows, size_t blocks, size_t j)
{
  size_t columns = g->n - j < GEMM_NR ? g->n - j : GEMM_NR;
  size_t nv = (columns + VF_LANES - 1) / VF_LANES;
  vf tile[GEMM_MR * GEMM_NV];
  GemmTile compute = gemm_tiles[nv - 1][rows - 1];
  GemmFrom from = {
      .a = (const float *)g->a + i * g->lda,
      .lda = g->lda,
      .b = (const float *)g->b + j * g->k,
      .k = g->k,
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

#if GEMM_SWISH_DIRECT
  if (g->activation == EFFNET_ACTIVATION_SWISH) {
    compute = gemm_swish_tiles[nv - 1][rows - 1];
    direct = 1;
  }
#endif
  if (direct) {
    compute (&from, &to, blocks);
    return;
  }
  to.tile = tile;
  for (size_t end = i + rows * blocks; i < end; i += rows, from.a += rows * g->lda) {
    compute (&from, &to, 1);
#define BODY(activation) gemm_finish (g, tile, i, rows, j, columns, activation)
    EFFNET_FOR_ACTIVATION (g->activation, BODY);
#undef BODY
  }
}

/* Weights that fit L2 are streamed past each micro-tile of rows, or past as many as
 * GEMM_L1_BYTES holds, whose a stays in L1. Larger ones are streamed past as many rows as fit L2.
 */
static inline size_t
gemm_chunk_rows (const EffnetGemm *g)
{
  size_t row_bytes = g->k * sizeof (float), most = GEMM_L2_BYTES / row_bytes, chunks;

  if (g->n * row_bytes <= GEMM_L2_BYTES || most <= GEMM_MR)
    most = GEMM_L1_BYTES / row_bytes;
  if (most <= GEMM_MR)
    return 0;
  chunks = (g->m + most - 1) / most;
  return ((g->m + chunks - 1) / chunks + GEMM_MR - 1) / GEMM_MR * GEMM_MR;
}

void
GEMM_KERNEL (const EffnetGemm *g)
{
  size_t chunk = gemm_chunk_rows (g), rows, blocks;

  for (size_t i0 = 0, end; i0 < g->m; i0 = end) {
    if (chunk == 0)
      end = i0 + tile_next_rows (g->m - i0, GEMM_MR, &blocks);
    else
      end = g->m - i0 < chunk ? g->m : i0 + chunk;
    for (size_t j = 0; j < g->n; j += GEMM_NR)
      for (size_t i = i0; i < end; i += rows * blocks) {
        rows = tile_next_rows (end - i, GEMM_MR, &blocks);
        gemm_rows (g, i, rows, blocks, j);
      }
  }
}
