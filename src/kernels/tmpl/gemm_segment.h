/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The inner loop of every convolution that broadcasts inputs: a micro-tile's sums over one segment
 * of k (strips.h). Included by a file of isa/ or a template with GEMM_MR and GEMM_NV (nr = GEMM_NV
 * vectors) defined, after a vector header. Elements have 32 bits: a float32, or with
 * GEMM_ACCUMULATE defined whatever that multiplies, such as a pair of bf16. */

#include "kernels/strips.h"
#include "kernels/tmpl/rows.h"

#define GEMM_NR    (GEMM_NV * VF_LANES)
#define GEMM_AHEAD 16 /* steps of k: weights come from L2, two lines a step */
#ifndef GEMM_ACCUMULATE
#  define GEMM_ACCUMULATE           vf_accumulate
#  define GEMM_ACCUMULATE_FROM      vf_accumulate_from
#  define GEMM_ACCUMULATE_HALF_FROM vf_accumulate_half_from
#endif

/* An element wherever it lies: a pair of bf16 may be no float, nor aligned like one. */
typedef float GemmElement __attribute__ ((may_alias, aligned (2)));

/* acc += *x * w, both of nv vectors. Broadcasts and products into registers share an issue limit of
 * three in two cycles: from memory operands, narrow rows take a third less. */
static EFFNET_INLINE void
gemm_row (vf *acc, const GemmElement *x, const vf *w, const unsigned nv, const int half)
{
#ifdef VF_HALF
  if (half) {
    if (nv > 1)
      GEMM_ACCUMULATE_FROM (&acc[0], x, w[0]);
    GEMM_ACCUMULATE_HALF_FROM (&acc[nv - 1], x, w[nv - 1]);
    return;
  }
#endif
  (void)half;
  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++)
    GEMM_ACCUMULATE (&acc[v], vf_set1 (*x), w[v]);
}

/* acc += a[mr][k] * b[k][GEMM_NR], the first nv vectors of each row of b; @rows and @panel move
 * along. With @half only the lower half of the last vector is wanted. */
static EFFNET_INLINE void
gemm_steps (TileRows *rows, const float **panel, size_t k, vf acc[GEMM_MR][GEMM_NV],
            const unsigned mr, const unsigned nv, const int half)
{
  const float *b = *panel;

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
      const GemmElement *x = (const GemmElement *)tile_row (rows, r) + (kk);                       \
      gemm_row (acc[r], x, w, nv, half);                                                           \
    }                                                                                              \
    b += (advance)*GEMM_NR;                                                                        \
    tile_rows_advance (rows, (advance) * sizeof (float));                                          \
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
  *panel = b;
}

/* All of a segment; rows of a lie @stride bytes apart. */
static EFFNET_INLINE void
gemm_segment (const void *a, size_t stride, const void *panel, size_t k, vf acc[GEMM_MR][GEMM_NV],
              const unsigned mr, const unsigned nv, const int half)
{
  TileRows rows = tile_rows (a, stride, mr);
  const float *b = panel;

  gemm_steps (&rows, &b, k, acc, mr, nv, half);
}

/* M (mr, nv) for every mr */
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
