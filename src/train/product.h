/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Matrix products of training, through the engine's kernels and its pool. How a product is cut
 * depends on its shape alone, so results do not depend on the number of threads, bit for bit.
 * Matrices are float32, rows without gaps. */
#ifndef EFFNET_TRAIN_PRODUCT_H
#define EFFNET_TRAIN_PRODUCT_H

#include "kernels/kernels.h"
#include "threads/pool.h"

typedef struct {
  EffnetPool *pool;
  const EffnetKernel *gemm;
  float *zeros;   /* effnet_product_zeros() floats */
  float *scratch; /* effnet_outer_scratch() floats */
} EffnetProducts;

/* @n, up to the end of its last panel. */
size_t effnet_product_width (const EffnetKernel *gemm, size_t n);

/* Floats of a packed matrix that makes @n of @k. */
size_t effnet_product_packed (const EffnetKernel *gemm, size_t n, size_t k);
/* Packs @w, [n][k], for x [m][k] -> [m][n]: y = x w^T. */
void effnet_product_pack (const EffnetProducts *p, size_t n, size_t k, const float *w,
                          float *packed);
/* Packs @w, [k][n], for y = x w. */
void effnet_product_pack_plain (const EffnetProducts *p, size_t n, size_t k, const float *w,
                                float *packed);

/* y[i][j] = act (bias[j] + sum_l x[i][l] packed[l][j]) + residual[i][j]
 * @x: [m][k]; @bias: [n rounded up to effnet_product_width()] or NULL; @residual: [m][n], may be
 * @y, or NULL; @y: [m][n] */
void effnet_product (const EffnetProducts *p, size_t m, size_t n, size_t k, const float *x,
                     const float *packed, const float *bias, EffnetActivation activation,
                     const float *residual, float *y);

/* Floats of scratch that effnet_outer_add() wants. */
size_t effnet_outer_scratch (const EffnetKernel *gemm, size_t n_a, size_t n_b);
/* c[i][j] += sum_r a[r][i] b[r][j]; @a: [rows][n_a], @b: [rows][n_b], @c: [n_a][n_b] */
void effnet_outer_add (const EffnetProducts *p, size_t rows, size_t n_a, size_t n_b, const float *a,
                       const float *b, float *c);

#endif
