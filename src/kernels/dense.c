/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/dense.h"

/* Partial sums of a dot product, so that it does not wait for one addition after the other. */
#define LANES 8

static double
dot (const double *a, size_t step_a, const double *b, size_t step_b, size_t k)
{
  double lane[LANES] = {0}, sum = 0;
  size_t l = 0;

  if (step_a == 1 && step_b == 1)
    for (; l + LANES <= k; l += LANES)
      for (size_t x = 0; x < LANES; x++)
        lane[x] += a[l + x] * b[l + x];
  for (; l < k; l++)
    lane[l % LANES] += a[l * step_a] * b[l * step_b];
  for (size_t x = 0; x < LANES; x++)
    sum += lane[x];
  return sum;
}

static void
scale (const EffnetDgemm *g)
{
  for (size_t i = 0; i < g->m; i++)
    for (size_t j = 0; j < g->n; j++)
      g->c[i * g->ldc + j] = g->beta == 0 ? 0 : g->beta * g->c[i * g->ldc + j];
}

/* Rows of b onto rows of c. */
static void
add_rows (const EffnetDgemm *g)
{
  size_t row = g->transpose_a ? 1 : g->lda, column = g->transpose_a ? g->lda : 1;

  for (size_t l = 0; l < g->k; l++)
    for (size_t i = 0; i < g->m; i++) {
      double factor = g->alpha * g->a[i * row + l * column];
      const double *b = g->b + l * g->ldb;
      double *c = g->c + i * g->ldc;

      if (factor != 0)
        for (size_t j = 0; j < g->n; j++)
          c[j] += factor * b[j];
    }
}

void
effnet_dgemm_plain (const EffnetDgemm *g)
{
  size_t row = g->transpose_a ? 1 : g->lda, column = g->transpose_a ? g->lda : 1;

  scale (g);
  if (!g->transpose_b) {
    add_rows (g);
    return;
  }
  for (size_t i = 0; i < g->m; i++)
    for (size_t j = 0; j < g->n; j++)
      g->c[i * g->ldc + j] += g->alpha * dot (g->a + i * row, column, g->b + j * g->ldb, 1, g->k);
}

void
effnet_dgemm (const EffnetDgemm *g)
{
  if (g->m == 0 || g->n == 0)
    return;
  if (g->m == 1 || g->n == 1 || g->k < 4 || !effnet_blas_dgemm (g))
    effnet_dgemm_plain (g);
}
