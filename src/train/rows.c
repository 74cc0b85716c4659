/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/rows.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"

/* Of the mean square of a row: what is added to the diagonal of G, which is never of full rank. */
#define JITTER 1e-12

gboolean
effnet_train_cancelled (GCancellable *cancellable, GError **error)
{
  if (!g_cancellable_is_cancelled (cancellable))
    return FALSE;
  effnet_fail (error, EFFNET_ERROR_CANCELLED, "the training was cancelled");
  return TRUE;
}

double *
effnet_train_numbers (size_t rows, size_t columns, const char *what, GError **error)
{
  size_t n = 0;
  double *numbers = effnet_checked_mul (rows, columns, &n) ? g_try_new0 (double, n) : NULL;

  if (numbers == NULL && n > 0)
    effnet_fail_memory (error, what, n * sizeof (double));
  return numbers;
}

/* Features of rows less their mean, [count] rows of @stride */
static void
centre (const EffnetRows *rows, const size_t *which, size_t first, size_t count, double *out,
        size_t stride)
{
  for (size_t i = 0; i < count; i++) {
    const float *x = rows->x + (which != NULL ? which[i] : first + i) * rows->d;
    double *to = out + i * stride;

    for (size_t j = 0; j < rows->d; j++)
      to[j] = x[j] - rows->mean[j];
  }
}

void
effnet_rows_read (const EffnetRows *rows, const size_t *which, size_t first, size_t count,
                  double *out)
{
  size_t stride = rows->r + 1;

  if (rows->z == NULL)
    centre (rows, which, first, count, out, stride);
  for (size_t i = 0; i < count; i++) {
    size_t row = which != NULL ? which[i] : first + i;

    if (rows->z != NULL)
      memcpy (out + i * stride, rows->z + row * rows->r, rows->r * sizeof (double));
    out[i * stride + rows->r] = 1;
  }
}

/* One tile is EFFNET_ROWS_BLOCK rows of the result; each worker has scratch of its own. */
typedef struct {
  const EffnetRows *rows;
  double *out;
  double *scratch;
  size_t scratch_each;
} Products;

/* Rows of G up to its diagonal; the features are read in slices of columns. */
static void
multiply_gram (void *user, size_t tile, unsigned worker)
{
  const Products *job = user;
  const EffnetRows *rows = job->rows;
  size_t i = tile * EFFNET_ROWS_BLOCK, height = MIN (EFFNET_ROWS_BLOCK, rows->n - i);
  double *own = job->scratch + worker * job->scratch_each, *other = own + job->scratch_each / 2;

  centre (rows, NULL, i, height, own, rows->d);
  for (size_t j = 0; j <= i && !g_cancellable_is_cancelled (rows->cancellable);
       j += EFFNET_ROWS_BLOCK) {
    size_t width = MIN (EFFNET_ROWS_BLOCK, rows->n - j);

    centre (rows, NULL, j, width, other, rows->d);
    effnet_dgemm (&(EffnetDgemm){.transpose_b = 1,
                                 .m = height,
                                 .n = width,
                                 .k = rows->d,
                                 .alpha = 1,
                                 .a = own,
                                 .lda = rows->d,
                                 .b = other,
                                 .ldb = rows->d,
                                 .c = job->out + i * rows->n + j,
                                 .ldc = rows->n});
  }
}

static void
multiply_covariance (void *user, size_t tile, unsigned worker)
{
  const Products *job = user;
  const EffnetRows *rows = job->rows;
  size_t j = tile * EFFNET_ROWS_BLOCK, width = MIN (EFFNET_ROWS_BLOCK, rows->r - j);
  size_t stride = rows->r + 1;
  double *block = job->scratch + worker * job->scratch_each;

  for (size_t i = 0; i < rows->n && !g_cancellable_is_cancelled (rows->cancellable);
       i += EFFNET_ROWS_BLOCK) {
    size_t count = MIN (EFFNET_ROWS_BLOCK, rows->n - i);

    effnet_rows_read (rows, NULL, i, count, block);
    effnet_dgemm (&(EffnetDgemm){.transpose_a = 1,
                                 .m = width,
                                 .n = rows->r,
                                 .k = count,
                                 .alpha = 1.0 / (double)rows->n,
                                 .beta = i == 0 ? 0 : 1,
                                 .a = block + j,
                                 .lda = stride,
                                 .b = block,
                                 .ldb = stride,
                                 .c = job->out + j * rows->r,
                                 .ldc = rows->r});
  }
}

static gboolean
multiply (const EffnetRows *rows, size_t n_tiles, EffnetTileFunc func, size_t scratch_each,
          double *out, GError **error)
{
  Products job = {.rows = rows, .out = out, .scratch_each = scratch_each};
  unsigned workers = rows->pool != NULL ? effnet_pool_size (rows->pool) : 1;

  job.scratch = effnet_train_numbers (workers, scratch_each, "a block of features", error);
  if (job.scratch == NULL)
    return FALSE;
  effnet_train_each (rows->pool, n_tiles, func, &job);
  g_free (job.scratch);
  return !effnet_train_cancelled (rows->cancellable, error);
}

gboolean
effnet_rows_covariance (const EffnetRows *rows, double *out, GError **error)
{
  return multiply (rows, effnet_div_up (rows->r, EFFNET_ROWS_BLOCK), multiply_covariance,
                   EFFNET_ROWS_BLOCK * (rows->r + 1), out, error);
}

gboolean
effnet_rows_gram (const EffnetRows *rows, gboolean both, double *out, GError **error)
{
  gboolean ok = multiply (rows, effnet_div_up (rows->n, EFFNET_ROWS_BLOCK), multiply_gram,
                          2 * EFFNET_ROWS_BLOCK * rows->d, out, error);

  for (size_t i = 0; both && i < rows->n; i++)
    for (size_t j = 0; j < i; j++)
      out[j * rows->n + i] = out[i * rows->n + j];
  return ok;
}

static gboolean
reduce_rows (EffnetRows *rows, GError **error)
{
  double jitter = JITTER * MAX (rows->variance, 1e-30);

  rows->z = effnet_train_numbers (rows->n, rows->n, "the products of the features", error);
  if (rows->z == NULL || !effnet_rows_gram (rows, FALSE, rows->z, error))
    return FALSE;
  for (size_t i = 0; i < rows->n; i++)
    rows->z[i * rows->n + i] += jitter;
  effnet_cholesky (rows->z, rows->n, rows->n, jitter, rows->cancellable);
  for (size_t i = 0; i < rows->n; i++)
    memset (rows->z + i * rows->n + i + 1, 0, (rows->n - i - 1) * sizeof (double));
  rows->r = rows->n;
  return !effnet_train_cancelled (rows->cancellable, error);
}

gboolean
effnet_rows_init (EffnetRows *rows, const EffnetTrainSet *set, gboolean reduce, EffnetPool *pool,
                  GCancellable *cancellable, GError **error)
{
  size_t d = set->n_features;

  *rows = (EffnetRows){.n = set->n_rows,
                       .d = d,
                       .r = d,
                       .x = set->features,
                       .pool = pool,
                       .cancellable = cancellable};
  rows->mean = effnet_train_numbers (1, d, "the mean of the features", error);
  if (rows->mean == NULL)
    return FALSE;
  for (size_t i = 0; i < rows->n; i++)
    for (size_t j = 0; j < d; j++)
      rows->mean[j] += rows->x[i * d + j];
  for (size_t j = 0; j < d; j++)
    rows->mean[j] /= (double)rows->n;
  for (size_t i = 0; i < rows->n; i++)
    for (size_t j = 0; j < d; j++) {
      double x = rows->x[i * d + j] - rows->mean[j];
      rows->variance += x * x / (double)rows->n;
    }
  return !reduce || rows->n >= d || reduce_rows (rows, error);
}

void
effnet_rows_clear (EffnetRows *rows)
{
  g_free (rows->mean);
  g_free (rows->z);
  *rows = (EffnetRows){0};
}

/* weights [k][d] += a [k][n] X, the features less their mean */
static gboolean
combine_features (const EffnetRows *rows, const double *a, unsigned k, double *weights,
                  GError **error)
{
  double *block = effnet_train_numbers (EFFNET_ROWS_BLOCK, rows->d, "a block of features", error);

  if (block == NULL)
    return FALSE;
  for (size_t i = 0; i < rows->n; i += EFFNET_ROWS_BLOCK) {
    size_t count = MIN (EFFNET_ROWS_BLOCK, rows->n - i);

    centre (rows, NULL, i, count, block, rows->d);
    effnet_dgemm (&(EffnetDgemm){.m = k,
                                 .n = rows->d,
                                 .k = count,
                                 .alpha = 1,
                                 .beta = 1,
                                 .a = a + i,
                                 .lda = rows->n,
                                 .b = block,
                                 .ldb = rows->d,
                                 .c = weights,
                                 .ldc = rows->d});
  }
  g_free (block);
  return TRUE;
}

gboolean
effnet_rows_weights (const EffnetRows *rows, const double *theta, unsigned k, double *weights,
                     double *bias, GError **error)
{
  size_t stride = rows->r + 1;
  double *a = NULL;
  gboolean ok = TRUE;

  memset (weights, 0, k * rows->d * sizeof (double));
  if (rows->z != NULL) {
    a = effnet_train_numbers (k, rows->r, "the weights", error);
    ok = a != NULL;
  }
  for (unsigned i = 0; ok && i < k; i++)
    memcpy (a != NULL ? a + i * rows->r : weights + i * rows->d, theta + i * stride,
            rows->r * sizeof (double));
  if (a != NULL) {
    effnet_solve_right (rows->z, rows->r, rows->r, a, k, rows->r);
    ok = combine_features (rows, a, k, weights, error);
  }
  for (unsigned i = 0; ok && i < k; i++) {
    bias[i] = theta[i * stride + rows->r];
    for (size_t j = 0; j < rows->d; j++)
      bias[i] -= weights[i * rows->d + j] * rows->mean[j];
  }
  g_free (a);
  return ok;
}
