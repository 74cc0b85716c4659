/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolutions through OpenBLAS, for CPUs without kernels of ours, and the products of
 * training (kernels/dense.h); the only file that knows cblas. Weights are packed as plain [k][n]
 * (nr = 0). The library is loaded when the dispatch first reaches this row, or by the first
 * training: a threaded build starts its threads, which spin for a while, as
 * soon as it is loaded. Their number belongs to the process and is never set: each call stays below
 * the size from which it would fan out. A serial build has no locks around its buffers, so calls
 * from two workers at once give wrong numbers: its row is not offered. */
#include <cblas.h>
#include <dlfcn.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/cpu.h"
#include "kernels/dense.h"
#include "kernels/rows.h"
#include "kernels/simd/activation_generic.h"

/* OpenBLAS runs a GEMM of at most this many multiply-adds on the calling thread: its
 * SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD at their defaults. */
#define SERIAL_LIMIT ((size_t)262144)

/* Size of the buffer on the stack for the one case that cannot sum in place. */
#define TILE_ROWS    16
#define TILE_COLUMNS 256

typedef struct {
  __typeof__ (cblas_sgemm) *sgemm;
  __typeof__ (cblas_dgemm) *dgemm;
  __typeof__ (openblas_get_corename) *corename;
  __typeof__ (openblas_get_parallel) *parallel;
} Blas;

/* NULL members throughout when the system has no OpenBLAS, or one that picked kernels which this
 * CPU does not run. It is never unloaded. */
static const Blas *
blas (void)
{
  static Blas loaded;
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    void *library = dlopen ("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    Blas found = {NULL, NULL, NULL, NULL};

    if (library != NULL) {
      *(void **)&found.sgemm = dlsym (library, "cblas_sgemm");
      *(void **)&found.dgemm = dlsym (library, "cblas_dgemm");
      *(void **)&found.corename = dlsym (library, "openblas_get_corename");
      *(void **)&found.parallel = dlsym (library, "openblas_get_parallel");
    }
    if (found.sgemm != NULL && found.dgemm != NULL && found.corename != NULL &&
        found.parallel != NULL && effnet_cpu_runs_core (found.corename ()))
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

/* A block of a call's c, and where its sums go. */
typedef struct {
  size_t row, column, m, n;
  float *sum; /* [m][lds] */
  size_t lds;
} Block;

/* sum = beta * sum + a * b of the block */
static void
multiply (const EffnetGemm *g, const Block *block, float beta)
{
  const Blas *library = blas ();
  const float *a = (const float *)g->a + block->row * g->lda;
  const float *b = (const float *)g->b + block->column; /* [k][g->n] */
  size_t m = block->m, n = block->n, k_step = smaller (g->k, 1024), n_step = 16, m_step;

  /* About square: what a call packs, (m + n) * k, is then least beside its m * n * k. */
  while (n_step < n && 4 * n_step * n_step * k_step <= SERIAL_LIMIT)
    n_step *= 2;
  n_step = smaller (n, n_step);
  m_step = smaller (m, SERIAL_LIMIT / (k_step * n_step));

  for (size_t i = 0; i < m; i += m_step)
    for (size_t j = 0; j < n; j += n_step)
      for (size_t l = 0; l < g->k; l += k_step)
        library->sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)smaller (m_step, m - i),
                        (blasint)smaller (n_step, n - j), (blasint)smaller (k_step, g->k - l), 1.0f,
                        a + i * g->lda + l, (blasint)g->lda, b + l * g->n + j, (blasint)g->n,
                        l == 0 ? beta : 1.0f, block->sum + i * block->lds + j, (blasint)block->lds);
}

/* c = act (sum + bias) + residual of the block; @residual is that of the call, or NULL. */
static void
finish (const EffnetGemm *g, const Block *block, const float *residual)
{
  for (size_t i = 0; i < block->m; i++)
    for (size_t j = 0; j < block->n; j += EFFNET_GENERIC_BLOCK) {
      size_t count = smaller (EFFNET_GENERIC_BLOCK, block->n - j);
      size_t row = block->row + i, column = block->column + j;
      float *c = (float *)g->c + row * g->ldc + column;
      float v[EFFNET_GENERIC_BLOCK] = {0};

      for (size_t x = 0; x < count; x++)
        v[x] = block->sum[i * block->lds + j + x] + g->bias[column + x];
      effnet_generic_activate (v, g->activation);
      for (size_t x = 0; x < count; x++)
        c[x] = residual != NULL ? v[x] + residual[row * g->ldr + column + x] : v[x];
    }
}

void
effnet_gemm_f32_blas (const EffnetGemm *g)
{
  float tile[TILE_ROWS * TILE_COLUMNS];
  Block block = {.m = g->m, .n = g->n, .sum = g->c, .lds = g->ldc};

  if (g->residual != g->c) {
    multiply (g, &block, 0.0f);
    finish (g, &block, g->residual);
    return;
  }
  if (g->activation == EFFNET_ACTIVATION_NONE) { /* sums on top of the residual */
    multiply (g, &block, 1.0f);
    finish (g, &block, NULL);
    return;
  }
  block.sum = tile;
  block.lds = TILE_COLUMNS;
  for (block.row = 0; block.row < g->m; block.row += TILE_ROWS)
    for (block.column = 0; block.column < g->n; block.column += TILE_COLUMNS) {
      block.m = smaller (TILE_ROWS, g->m - block.row);
      block.n = smaller (TILE_COLUMNS, g->n - block.column);
      multiply (g, &block, 0.0f);
      finish (g, &block, g->residual);
    }
}

int
effnet_blas_dgemm (const EffnetDgemm *g)
{
  const Blas *library = blas ();
  size_t k_step = smaller (g->k, 512), n_step = 16, m_step;
  size_t row = g->transpose_a ? 1 : g->lda, column = g->transpose_a ? g->lda : 1;
  size_t b_row = g->transpose_b ? 1 : g->ldb, b_column = g->transpose_b ? g->ldb : 1;

  if (library->dgemm == NULL || !effnet_blas_is_threaded ())
    return 0;
  while (n_step < g->n && 4 * n_step * n_step * k_step <= SERIAL_LIMIT)
    n_step *= 2;
  n_step = smaller (g->n, n_step);
  m_step = smaller (g->m, SERIAL_LIMIT / (k_step * n_step));
  n_step = smaller (g->n, SERIAL_LIMIT / (k_step * m_step));

  for (size_t i = 0; i < g->m; i += m_step)
    for (size_t j = 0; j < g->n; j += n_step)
      for (size_t l = 0; l < g->k; l += k_step)
        library->dgemm (CblasRowMajor, g->transpose_a ? CblasTrans : CblasNoTrans,
                        g->transpose_b ? CblasTrans : CblasNoTrans,
                        (blasint)smaller (m_step, g->m - i), (blasint)smaller (n_step, g->n - j),
                        (blasint)smaller (k_step, g->k - l), g->alpha, g->a + i * row + l * column,
                        (blasint)g->lda, g->b + l * b_row + j * b_column, (blasint)g->ldb,
                        l == 0 ? g->beta : 1.0, g->c + i * g->ldc + j, (blasint)g->ldc);
  return 1;
}
