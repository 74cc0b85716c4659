/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which rows belong together: equal hashes, groups given, and features that hardly differ. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "kernels/dense.h"
#include "train/rows.h"

typedef struct {
  size_t n, d;
  const float *features;
  double *scale; /* [n] 1 / length of each row */
  double limit;  /* distance */
  size_t *root;  /* [n] of the trees of rows that belong together */
  GMutex lock;   /* of root */
  float *nearest;
  size_t *nearest_row;
  double *scratch; /* for each worker two blocks of rows and one of products */
  size_t scratch_each;
  GCancellable *cancellable;
} Search;

static size_t
find_root (size_t *root, size_t i)
{
  while (root[i] != i)
    i = root[i] = root[root[i]];
  return i;
}

static void
join (size_t *root, size_t i, size_t j)
{
  i = find_root (root, i);
  j = find_root (root, j);
  root[MAX (i, j)] = MIN (i, j);
}

/* Rows of length 1, or of zeros */
static void
read_unit_rows (const Search *search, size_t first, size_t count, double *out)
{
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < search->d; j++)
      out[i * search->d + j] =
          search->features[(first + i) * search->d + j] * search->scale[first + i];
}

static void
compare (Search *search, size_t i, size_t j, double cosine)
{
  double distance = sqrt (fmax (2 - 2 * cosine, 0));

  if (i == j)
    return;
  if (distance < search->nearest[i]) {
    search->nearest[i] = (float)distance;
    search->nearest_row[i] = j;
  }
  if (j < i && distance <= search->limit) {
    g_mutex_lock (&search->lock);
    join (search->root, i, j);
    g_mutex_unlock (&search->lock);
  }
}

/* A block of rows against all rows */
static void
search_block (void *user, size_t tile, unsigned worker)
{
  Search *search = user;
  size_t first = tile * EFFNET_ROWS_BLOCK, count = MIN (EFFNET_ROWS_BLOCK, search->n - first);
  double *own = search->scratch + worker * search->scratch_each;
  double *other = own + EFFNET_ROWS_BLOCK * search->d;
  double *cosines = other + EFFNET_ROWS_BLOCK * search->d;

  read_unit_rows (search, first, count, own);
  for (size_t j = 0; j < search->n && !g_cancellable_is_cancelled (search->cancellable);
       j += EFFNET_ROWS_BLOCK) {
    size_t width = MIN (EFFNET_ROWS_BLOCK, search->n - j);

    read_unit_rows (search, j, width, other);
    effnet_dgemm (&(EffnetDgemm){.transpose_b = 1,
                                 .m = count,
                                 .n = width,
                                 .k = search->d,
                                 .alpha = 1,
                                 .a = own,
                                 .lda = search->d,
                                 .b = other,
                                 .ldb = search->d,
                                 .c = cosines,
                                 .ldc = EFFNET_ROWS_BLOCK});
    for (size_t row = 0; row < count; row++)
      for (size_t column = 0; column < width; column++)
        compare (search, first + row, j + column, cosines[row * EFFNET_ROWS_BLOCK + column]);
  }
}

static gboolean
measure_lengths (Search *search, GError **error)
{
  for (size_t i = 0; i < search->n; i++) {
    const float *x = search->features + i * search->d;
    double square = 0;

    for (size_t j = 0; j < search->d; j++)
      square += (double)x[j] * x[j];
    if (!isfinite (square))
      return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                          "row %zu of the features has a number that is not finite", i);
    search->scale[i] = square > 0 ? 1 / sqrt (square) : 0;
  }
  return TRUE;
}

static gboolean
find_neighbours (Search *search, unsigned threads, GError **error)
{
  EffnetPool *pool = threads == 1 ? NULL : effnet_pool_get (threads);
  unsigned workers = pool != NULL ? effnet_pool_size (pool) : 1;
  gboolean ok = measure_lengths (search, error);

  search->scratch_each = EFFNET_ROWS_BLOCK * (2 * search->d + EFFNET_ROWS_BLOCK);
  if (ok) {
    search->scratch =
        effnet_train_numbers (workers, search->scratch_each, "blocks of features", error);
    ok = search->scratch != NULL;
  }
  if (ok) {
    effnet_train_each (pool, effnet_div_up (search->n, EFFNET_ROWS_BLOCK), search_block, search);
    ok = !effnet_train_cancelled (search->cancellable, error);
  }
  g_free (search->scratch);
  if (pool != NULL)
    effnet_pool_unref (pool);
  return ok;
}

/* Joins rows with equal hashes and numbers. */
static void
join_known (size_t *root, size_t n, const char *const *hashes, const unsigned *before)
{
  g_autoptr (GHashTable) by_hash = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) by_number = g_hash_table_new (NULL, NULL);
  gpointer found;

  for (size_t i = 0; i < n; i++) {
    if (hashes != NULL && hashes[i] != NULL) {
      if (g_hash_table_lookup_extended (by_hash, hashes[i], NULL, &found))
        join (root, i, GPOINTER_TO_SIZE (found));
      else
        g_hash_table_insert (by_hash, (gpointer)hashes[i], GSIZE_TO_POINTER (i));
    }
    if (before == NULL)
      continue;
    if (g_hash_table_lookup_extended (by_number, GUINT_TO_POINTER (before[i]), NULL, &found))
      join (root, i, GPOINTER_TO_SIZE (found));
    else
      g_hash_table_insert (by_number, GUINT_TO_POINTER (before[i]), GSIZE_TO_POINTER (i));
  }
}

static unsigned
number_groups (size_t *root, size_t n, unsigned *groups)
{
  unsigned n_groups = 0;

  for (size_t i = 0; i < n; i++) {
    size_t first = find_root (root, i); /* the least row of its tree */
    groups[i] = first == i ? n_groups++ : groups[first];
  }
  return n_groups;
}

unsigned
effnet_train_groups (size_t n_rows, unsigned n_features, const float *features,
                     const char *const *hashes, const unsigned *groups_before, double max_distance,
                     unsigned threads, GCancellable *cancellable, unsigned *groups, float *nearest,
                     size_t *nearest_row, GError **error)
{
  g_autofree double *scale = g_try_new0 (double, n_rows);
  g_autofree size_t *root = g_try_new0 (size_t, n_rows);
  g_autofree float *own_nearest = g_try_new0 (float, n_rows);
  g_autofree size_t *own_row = g_try_new0 (size_t, n_rows);
  Search search = {.n = n_rows,
                   .d = n_features,
                   .features = features,
                   .scale = scale,
                   .limit = max_distance == 0 ? EFFNET_DUPLICATE_DISTANCE : max_distance,
                   .root = root,
                   .nearest = nearest != NULL ? nearest : own_nearest,
                   .nearest_row = nearest_row != NULL ? nearest_row : own_row,
                   .cancellable = cancellable};
  gboolean ok = TRUE;

  if (n_rows == 0 || n_features == 0) {
    effnet_fail (error, EFFNET_ERROR_ARGUMENT, "there are %zu rows of %u features, expected some",
                 n_rows, n_features);
    return 0;
  }
  if (scale == NULL || root == NULL || own_nearest == NULL || own_row == NULL) {
    effnet_fail_memory (error, "the list of rows", 32 * n_rows);
    return 0;
  }
  for (size_t i = 0; i < n_rows; i++) {
    root[i] = i;
    search.nearest[i] = 2;
    search.nearest_row[i] = i;
  }
  join_known (root, n_rows, hashes, groups_before);
  g_mutex_init (&search.lock);
  if (max_distance >= 0)
    ok = find_neighbours (&search, threads, error);
  g_mutex_clear (&search.lock);
  return ok ? number_groups (root, n_rows, groups) : 0;
}
