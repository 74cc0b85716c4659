/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The epilogue of a pointwise convolution whose sums lie in memory: activation, residual and
 * rounding to T. Included after vector headers, an element type and activation.h, with these
 * defined:
 *   FINISH_CONTRACT            EffnetGemm or EffnetGemmS8
 *   FINISH_SUM                 the type of a vector of sums
 *   FINISH_VALUE (g, i, j, x)  the vector x of sums of row i, columns j .., before the activation
 *
 * FINISH_ACTIVATE (x, activation) is the activation of a vector; what it reads of FINISH_TABLES is
 * loaded once a block. */
#ifndef FINISH_ACTIVATE
#  define FINISH_ACTIVATE(x, activation) vf_activate (x, activation)
#  define FINISH_TABLES                  ((void)0)
#endif

/* c[i ..][j ..] = act (value (sums)) + residual; sums [rows][stride] */
static EFFNET_INLINE void
finish_rows (const FINISH_CONTRACT *g, const FINISH_SUM *sums, size_t stride, size_t i, size_t rows,
             size_t j, size_t columns, const EffnetActivation activation)
{
  elem *c = (elem *)g->c + i * g->ldc + j;
  const elem *residual = g->residual;

  FINISH_TABLES;
  if (residual != NULL)
    residual += i * g->ldr + j;
  for (size_t r = 0; r < rows; r++) {
    for (size_t at = 0; at < columns; at += VF_LANES) {
      vf y = FINISH_VALUE (g, i + r, j + at, sums[at / VF_LANES]);

      y = FINISH_ACTIVATE (y, activation);
      if (columns - at >= VF_LANES) {
        if (residual != NULL)
          y = vf_add (y, elem_load (residual + at));
        elem_store (c + at, y);
      } else {
        if (residual != NULL)
          y = vf_add (y, elem_load_tail (residual + at, columns - at));
        elem_store_tail (c + at, y, columns - at);
      }
    }
    sums += stride;
    c += g->ldc;
    if (residual != NULL)
      residual += g->ldr;
  }
}
