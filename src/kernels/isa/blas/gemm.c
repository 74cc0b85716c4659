/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolutions through OpenBLAS, for CPUs without kernels of ours; the only file that
 * knows cblas. Weights are packed as plain [k][n] (nr = 0). The library is loaded when the dispatch
 * first comes down to this row: a threaded build starts its threads, which spin for a while, as
 * soon as it is loaded. Their number belongs to the process and is never set: each call stays below
 * the size from which it would fan out. A serial build has no locks around its buffers, so calls
 * from two workers at once give wrong numbers: its row is not offered. */
#include <cblas.h>
#include <dlfcn.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/rows.h"
#include "kernels/simd/activation_generic.h"

/* OpenBLAS runs a GEMM of at most this many multiply-adds on the calling thread: its
 * SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD at their defaults. */
#define SERIAL_LIMIT ((size_t)262144)

/* Block of the stack for the one case that cannot sum in place. */
#define TILE_ROWS    16
#define TILE_COLUMNS 256

typedef struct {
  __typeof__ (cblas_sgemm) *sgemm;
  __typeof__ (openblas_get_corename) *corename;
  __typeof__ (openblas_get_parallel) *parallel;
} Blas;

/* NULL members throughout when the system has no OpenBLAS. It is never unloaded. */
static const Blas *
blas (void)
{
  static Blas loaded;
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    void *library = dlopen ("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    Blas found = {NULL, NULL, NULL};

    if (library != NULL) {
      *(void **)&found.sgemm = dlsym (library, "cblas_sgemm");
      *(void **)&found.corename = dlsym (library, "openblas_get_corename");
      *(void **)&found.parallel = dlsym (library, "openblas_get_parallel");
    }
    if (found.sgemm != NULL && found.corename != NULL && found.parallel != NULL)
      loaded = found;
    g_once_init_leave (&once, 1);
  }
  return &loaded;
}

const char *
effnet_blas_core (void)
{
  return blas ()->corename != NULL ? blas ()->corename () : NULL;
}

int
effnet_blas_is_threaded (void)
{
  return blas ()->parallel != NULL && blas ()->parallel () != 0;
}

static size_t
smaller (size_t a, size_t b)
{
  return a < b ? a : b;
}

/* c[m][n] = beta * c + a[m][k] * b[k][n] */
static void
multiply (size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
          float beta, float *c, size_t ldc)
{
  const Blas *library = blas ();
  size_t k_step = smaller (k, 1024), n_step = 16, m_step;

  /* About square: what a call packs, (m + n) * k, is then least beside its m * n * k. */
  while (n_step < n && 4 * n_step * n_step * k_step <= SERIAL_LIMIT)
    n_step *= 2;
  n_step = smaller (n, n_step);
  m_step = smaller (m, SERIAL_LIMIT / (k_step * n_step));

  for (size_t i = 0; i < m; i += m_step)
    for (size_t j = 0; j < n; j += n_step)
      for (size_t l = 0; l < k; l += k_step)
        library->sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)smaller (m_step, m - i),
                        (blasint)smaller (n_step, n - j), (blasint)smaller (k_step, k - l), 1.0f,
                        a + i * lda + l, (blasint)lda, b + l * ldb + j, (blasint)ldb,
                        l == 0 ? beta : 1.0f, c + i * ldc + j, (blasint)ldc);
}

/* to[i][j] = act (sum[i][j] + bias[j]) + residual[i][j]; residual may be NULL; it and sum may be to
 */
static void
finish (size_t m, size_t n, const float *sum, size_t lds, const float *bias, const float *residual,
        size_t ldr, EffnetActivation activation, float *to, size_t ldt)
{
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j += EFFNET_GENERIC_BLOCK) {
      size_t count = smaller (EFFNET_GENERIC_BLOCK, n - j);
      float v[EFFNET_GENERIC_BLOCK] = {0};

      for (size_t x = 0; x < count; x++)
        v[x] = sum[i * lds + j + x] + bias[j + x];
      effnet_generic_activate (v, activation);
      for (size_t x = 0; x < count; x++)
        to[i * ldt + j + x] = residual != NULL ? v[x] + residual[i * ldr + j + x] : v[x];
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
