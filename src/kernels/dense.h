/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Products of matrices in double precision, for training: by OpenBLAS in blocks that stay on the
 * calling thread, or by plain loops where there is none or a product is a row or column. The same
 * call gives the same bits again. */
#ifndef EFFNET_KERNELS_DENSE_H
#define EFFNET_KERNELS_DENSE_H

#include <stddef.h>

/* c[i][j] = beta * c[i][j] + alpha * sum_l A[i][l] * B[l][j], with i < m, j < n, l < k, A[i][l] =
 * a[i][l] or, transposed, a[l][i], and B likewise. Leading dimensions count elements. beta = 0
 * reads nothing of c, which overlaps neither a nor b. */
typedef struct {
  int transpose_a, transpose_b;
  size_t m, n, k;
  double alpha, beta;
  const double *a;
  size_t lda;
  const double *b;
  size_t ldb;
  double *c;
  size_t ldc;
} EffnetDgemm;

void effnet_dgemm (const EffnetDgemm *g);
/* By plain loops, whatever there is. */
void effnet_dgemm_plain (const EffnetDgemm *g);
/* 0 when there is no OpenBLAS that several threads may call at once; c is then as it was. */
int effnet_blas_dgemm (const EffnetDgemm *g);

#endif
