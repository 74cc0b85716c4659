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
#  define GEMM_ACCUMULATE vf_accumulate
#  ifdef VF_HALF
#    define GEMM_ACCUMULATE_HALF vf_accumulate_half
#  endif
#endif
#ifndef GEMM_ACCUMULATE_HALF
#  define GEMM_ACCUMULATE_HALF GEMM_ACCUMULATE
#endif

/* An element wherever it lies: a pair of bf16 may be no float, nor aligned like one. */
typedef float GemmElement __attribute__ ((may_alias, aligned (2)));

/* acc += a[mr][k] * b[k][GEMM_NR], the first nv vectors of each row of b; rows of a lie @stride
 * bytes apart. With @half only the lower half of the last vector is wanted. */
static EFFNET_INLINE void
gemm_segment (const void *a, size_t stride, const void *panel, size_t k, vf acc[GEMM_MR][GEMM_NV],
              const unsigned mr, const unsigned nv, const int half)
{
  const float *b = panel;
  TileRows rows = tile_rows (a, stride, mr);

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
      vf x = vf_set1 (((const GemmElement *)tile_row (&rows, r))[kk]);                             \
      EFFNET_UNROLL                                                                                \
      for (unsigned v = 0; v < nv; v++)                                                            \
        if (half && v + 1 == nv)                                                                   \
          GEMM_ACCUMULATE_HALF (&acc[r][v], x, w[v]);                                              \
        else                                                                                       \
          GEMM_ACCUMULATE (&acc[r][v], x, w[v]);                                                   \
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
