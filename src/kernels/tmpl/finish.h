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
 * loaded once a block. With FINISH_DIGITS there is finish_bytes (), too. */
#ifndef FINISH_ACTIVATE
#define FINISH_ACTIVATE(x, activation) vf_activate (x, activation)
#define FINISH_TABLES                  ((void)0)
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

#ifdef FINISH_DIGITS

/* The same of row i with c of bytes: value (sums), rounded; @nv vectors of sums, at most 4, a
 * constant. */
static EFFNET_INLINE void
finish_bytes (const FINISH_CONTRACT *g, const FINISH_SUM *sums, size_t i, size_t j,
              const unsigned nv)
{
  const ViDigits kind = vi_digits (EFFNET_DIGITS_U8, EFFNET_RANGE_FIXED);
  uint8_t *c = (uint8_t *)g->c + i * g->ldc + j;
  size_t columns = g->n - j < nv * VF_LANES ? g->n - j : nv * VF_LANES;
  vi bytes[4] = {vi_zero (), vi_zero (), vi_zero (), vi_zero ()};

  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++)
    bytes[v] = vi_from_float (FINISH_VALUE (g, i, j + v * VF_LANES, sums[v]));
  if (columns >= 4 * VF_LANES)
    vi_store_digits (c, bytes, &kind);
  else
    vi_store_digits_tail (c, bytes, &kind, columns);
}

#endif
