/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolutions through OpenBLAS, for CPUs without kernels of ours; the only file that
 * knows cblas. Weights are packed as plain [k][n] (nr = 0). The thread count of OpenBLAS belongs to
 * the process and is never set: each call stays below the size from which it would fan out. A
 * serial build has no locks around its buffers, so calls from two workers at once give wrong
 * numbers: its row is not offered. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/rows.h"

/* OpenBLAS runs a GEMM of at most this many multiply-adds on the calling thread: its
 * SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD at their defaults. */
#define SERIAL_LIMIT ((size_t)262144)

/* Block of the stack for the one case that cannot sum in place. */
#define TILE_ROWS    16
#define TILE_COLUMNS 256

const char *
effnet_blas_core (void)
{
  return openblas_get_corename ();
}

int
effnet_blas_is_threaded (void)
{
  return openblas_get_parallel () != 0;
}

static size_t
smaller (size_t a, size_t b)
{
  return a < b ? a : b;
}

static size_t
at_least_one (size_t value)
{
  return value > 0 ? value : 1;
}

/* c[m][n] = beta * c + a[m][k] * b[k][n] */
static void
multiply (size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
          float beta, float *c, size_t ldc)
{
  size_t k_step = k, n_step = n, m_step = m;

  if (effnet_blas_is_threaded ()) {
    k_step = smaller (k, 2048);
    n_step = smaller (n, at_least_one (SERIAL_LIMIT / 16 / k_step));
    m_step = smaller (m, at_least_one (SERIAL_LIMIT / (k_step * n_step)));
  }
  for (size_t i = 0; i < m; i += m_step)
    for (size_t j = 0; j < n; j += n_step)
      for (size_t l = 0; l < k; l += k_step)
        cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)smaller (m_step, m - i),
                     (blasint)smaller (n_step, n - j), (blasint)smaller (k_step, k - l), 1.0f,
                     a + i * lda + l, (blasint)lda, b + l * ldb + j, (blasint)ldb,
                     l == 0 ? beta : 1.0f, c + i * ldc + j, (blasint)ldc);
}

static float
activate (float x, EffnetActivation activation)
{
  switch (activation) {
  case EFFNET_ACTIVATION_SWISH:
    return x / (1.0f + expf (-x));
  case EFFNET_ACTIVATION_RELU:
    return x > 0.0f ? x : 0.0f;
  case EFFNET_ACTIVATION_RELU6:
    return x > 0.0f ? (x < 6.0f ? x : 6.0f) : 0.0f;
  case EFFNET_ACTIVATION_SIGMOID:
    return 1.0f / (1.0f + expf (-x));
  case EFFNET_ACTIVATION_NONE:
    break;
  }
  return x;
}

/* to[i][j] = act (sum[i][j] + bias[j]) + residual[i][j]; residual may be NULL; it and sum may be to
 */
static void
finish (size_t m, size_t n, const float *sum, size_t lds, const float *bias, const float *residual,
        size_t ldr, EffnetActivation activation, float *to, size_t ldt)
{
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      float y = activate (sum[i * lds + j] + bias[j], activation);

      to[i * ldt + j] = residual != NULL ? y + residual[i * ldr + j] : y;
    }
}

void
effnet_gemm_f32_blas (const EffnetGemm *g)
{
  const float *a = g->a, *b = g->b, *residual = g->residual;
  float *c = g->c, tile[TILE_ROWS * TILE_COLUMNS];
  int in_place = residual == c && residual != NULL;

  if (in_place && g->activation == EFFNET_ACTIVATION_NONE) {
    multiply (g->m, g->n, g->k, a, g->lda, b, g->n, 1.0f, c, g->ldc);
    finish (g->m, g->n, c, g->ldc, g->bias, NULL, 0, g->activation, c, g->ldc);
    return;
  }
  if (!in_place) {
    multiply (g->m, g->n, g->k, a, g->lda, b, g->n, 0.0f, c, g->ldc);
    finish (g->m, g->n, c, g->ldc, g->bias, residual, g->ldr, g->activation, c, g->ldc);
    return;
  }
  for (size_t i = 0; i < g->m; i += TILE_ROWS)
    for (size_t j = 0; j < g->n; j += TILE_COLUMNS) {
      size_t rows = smaller (TILE_ROWS, g->m - i), columns = smaller (TILE_COLUMNS, g->n - j);

      multiply (rows, columns, g->k, a + i * g->lda, g->lda, b + j, g->n, 0.0f, tile, TILE_COLUMNS);
      finish (rows, columns, tile, TILE_COLUMNS, g->bias + j, residual + i * g->ldr + j, g->ldr,
              g->activation, c + i * g->ldc + j, g->ldc);
    }
}
