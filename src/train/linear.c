/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/linear.h"

#include <math.h>
#include <string.h>

#define LEAF 32 /* columns from which the recursion halves */

#define TILE 64 /* rows of a product that are one tile */

void
effnet_train_each (EffnetPool *pool, size_t n_tiles, EffnetTileFunc func, void *user)
{
  if (pool == NULL) {
    for (size_t tile = 0; tile < n_tiles; tile++)
      func (user, tile, 0);
    return;
  }
  effnet_pool_enter (pool);
  effnet_pool_run (pool, n_tiles, func, user);
  effnet_pool_leave (pool);
}

typedef struct {
  const EffnetDgemm *product;
  GCancellable *cancellable;
} Product;

static void
multiply_tile (void *user, size_t tile, unsigned worker)
{
  const Product *job = user;
  EffnetDgemm part = *job->product;
  size_t first = tile * TILE;

  (void)worker;
  if (g_cancellable_is_cancelled (job->cancellable))
    return;
  part.m = MIN (TILE, part.m - first);
  part.a += first * (part.transpose_a ? 1 : part.lda);
  part.c += first * part.ldc;
  effnet_dgemm (&part);
}

void
effnet_multiply (const EffnetDgemm *product, EffnetPool *pool, GCancellable *cancellable)
{
  Product job = {product, cancellable};

  effnet_train_each (pool, (product->m + TILE - 1) / TILE, multiply_tile, &job);
}

/* c [m][n] -= a [m][k] b, b transposed [n][k] or [k][n] */
static void
subtract (double *c, size_t ldc, const double *a, size_t lda, const double *b, size_t ldb,
          int transpose_b, size_t m, size_t n, size_t k)
{
  effnet_dgemm (&(EffnetDgemm){.transpose_b = transpose_b,
                               .m = m,
                               .n = n,
                               .k = k,
                               .alpha = -1,
                               .beta = 1,
                               .a = a,
                               .lda = lda,
                               .b = b,
                               .ldb = ldb,
                               .c = c,
                               .ldc = ldc});
}

void
effnet_solve_right_transposed (const double *l, size_t n, size_t ldl, double *x, size_t m,
                               size_t ldx)
{
  size_t half = n / 2;

  if (n > LEAF) {
    effnet_solve_right_transposed (l, half, ldl, x, m, ldx);
    subtract (x + half, ldx, x, ldx, l + half * ldl, ldl, 1, m, n - half, half);
    effnet_solve_right_transposed (l + half * (ldl + 1), n - half, ldl, x + half, m, ldx);
    return;
  }
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = x[i * ldx + j];

      for (size_t k = 0; k < j; k++)
        sum -= x[i * ldx + k] * l[j * ldl + k];
      x[i * ldx + j] = sum / l[j * ldl + j];
    }
}

void
effnet_solve_right (const double *l, size_t n, size_t ldl, double *x, size_t m, size_t ldx)
{
  size_t half = n / 2;

  if (n > LEAF) {
    effnet_solve_right (l + half * (ldl + 1), n - half, ldl, x + half, m, ldx);
    subtract (x, ldx, x + half, ldx, l + half * ldl, ldl, 0, m, half, n - half);
    effnet_solve_right (l, half, ldl, x, m, ldx);
    return;
  }
  for (size_t i = 0; i < m; i++)
    for (size_t j = n; j-- > 0;) {
      double value = x[i * ldx + j] /= l[j * ldl + j];

      for (size_t k = 0; k < j; k++)
        x[i * ldx + k] -= value * l[j * ldl + k];
    }
}

void
effnet_cholesky (double *a, size_t n, size_t lda, double least, GCancellable *cancellable)
{
  size_t half = n / 2;

  if (n > LEAF) {
    double *below = a + half * lda, *rest = below + half;

    effnet_cholesky (a, half, lda, least, cancellable);
    if (g_cancellable_is_cancelled (cancellable))
      return;
    effnet_solve_right_transposed (a, half, lda, below, n - half, lda);
    for (size_t i = 0; i < n - half; i += LEAF) /* row blocks up to the diagonal */
      subtract (rest + i * lda, lda, below + i * lda, lda, below, lda, 1, MIN (LEAF, n - half - i),
                MIN (i + LEAF, n - half), half);
    effnet_cholesky (rest, n - half, lda, least, cancellable);
    return;
  }
  for (size_t j = 0; j < n; j++)
    for (size_t i = j; i < n; i++) {
      double sum = a[i * lda + j];

      for (size_t k = 0; k < j; k++)
        sum -= a[i * lda + k] * a[j * lda + k];
      a[i * lda + j] = i == j ? sqrt (fmax (sum, least)) : sum / a[j * lda + j];
    }
}

void
effnet_invert_lower (double *l, size_t n, size_t ldl, GCancellable *cancellable)
{
  size_t half = n / 2;

  if (n > LEAF) {
    double *below = l + half * ldl, *rest = below + half;

    if (g_cancellable_is_cancelled (cancellable))
      return;
    /* below := -rest^-1 below l^-1: from the right first, then rest's rows from the top */
    effnet_solve_right (l, half, ldl, below, n - half, ldl);
    effnet_invert_lower (rest, n - half, ldl, cancellable);
    for (size_t i = n - half; i-- > 0;)
      for (size_t j = 0; j < half; j++)
        below[i * ldl + j] = -below[i * ldl + j];
    for (size_t end = n - half; end > 0;) {
      size_t first = (end - 1) / LEAF * LEAF; /* of rows, from the last: they read those above */
      double block[LEAF * LEAF];

      for (size_t j = 0; j < half; j += LEAF) {
        size_t width = MIN (LEAF, half - j);

        effnet_dgemm (&(EffnetDgemm){.m = end - first,
                                     .n = width,
                                     .k = end,
                                     .alpha = 1,
                                     .a = rest + first * ldl,
                                     .lda = ldl,
                                     .b = below + j,
                                     .ldb = ldl,
                                     .c = block,
                                     .ldc = LEAF});
        for (size_t i = first; i < end; i++)
          memcpy (below + i * ldl + j, block + (i - first) * LEAF, width * sizeof (double));
      }
      end = first;
    }
    effnet_invert_lower (l, half, ldl, cancellable);
    for (size_t i = 0; i < half; i++)
      memset (l + i * ldl + half, 0, (n - half) * sizeof (double));
    return;
  }
  for (size_t j = 0; j < n; j++) {
    l[j * ldl + j] = 1 / l[j * ldl + j];
    for (size_t i = j + 1; i < n; i++) {
      double sum = 0;

      for (size_t k = j; k < i; k++)
        sum += l[i * ldl + k] * l[k * ldl + j];
      l[i * ldl + j] = -sum / l[i * ldl + i];
    }
    memset (l + j * ldl + j + 1, 0, (n - j - 1) * sizeof (double));
  }
}

void
effnet_invert (double *a, size_t n, double least, double *out, EffnetPool *pool,
               GCancellable *cancellable)
{
  EffnetDgemm product = {.transpose_a = 1,
                         .m = n,
                         .n = n,
                         .k = n,
                         .alpha = 1,
                         .a = a,
                         .lda = n,
                         .b = a,
                         .ldb = n,
                         .c = out,
                         .ldc = n};

  effnet_cholesky (a, n, n, least, cancellable);
  effnet_invert_lower (a, n, n, cancellable);
  effnet_multiply (&product, pool, cancellable);
}
