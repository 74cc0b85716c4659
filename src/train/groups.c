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
  unsigned n_limits;
  const double *limits; /* [n_limits] distances */
  size_t *root;         /* [n_limits][n] of the trees of rows that belong together */
  GMutex lock;          /* of root and nearest */
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

/* Whichever row comes first, of rows that are as near. */
static void
note_nearest (Search *search, size_t i, size_t j, double distance)
{
  float near = (float)distance;

  if (near > search->nearest[i] || (near == search->nearest[i] && j > search->nearest_row[i]))
    return;
  search->nearest[i] = near;
  search->nearest_row[i] = j;
}

/* With the lock: of a pair of blocks, the second of which does not come behind the first. */
static void
compare (Search *search, size_t first, size_t count, size_t other, size_t width,
         const double *cosines)
{
  for (size_t row = 0; row < count; row++)
    for (size_t column = 0; column < width && other + column < first + row; column++) {
      size_t i = first + row, j = other + column;
      double distance = sqrt (fmax (2 - 2 * cosines[row * EFFNET_ROWS_BLOCK + column], 0));

      note_nearest (search, i, j, distance);
      note_nearest (search, j, i, distance);
      for (unsigned limit = 0; limit < search->n_limits; limit++)
        if (distance <= search->limits[limit])
          join (search->root + limit * search->n, i, j);
    }
}

/* A block of rows against those that are not behind it; the last, which has the most, first. */
static void
search_block (void *user, size_t tile, unsigned worker)
{
  Search *search = user;
  size_t last = (search->n - 1) / EFFNET_ROWS_BLOCK;
  size_t first = (last - tile) * EFFNET_ROWS_BLOCK;
  size_t count = MIN (EFFNET_ROWS_BLOCK, search->n - first);
  double *own = search->scratch + worker * search->scratch_each;
  double *other = own + EFFNET_ROWS_BLOCK * search->d;
  double *cosines = other + EFFNET_ROWS_BLOCK * search->d;

  read_unit_rows (search, first, count, own);
  for (size_t j = 0; j <= first && !g_cancellable_is_cancelled (search->cancellable);
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
    g_mutex_lock (&search->lock);
    compare (search, first, count, j, width, cosines);
    g_mutex_unlock (&search->lock);
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

static gboolean
check_size (size_t n_rows, unsigned n_features, GError **error)
{
  return (n_rows > 0 && n_features > 0) ||
         effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                      "there are %zu rows of %u features, expected some", n_rows, n_features);
}

gboolean
effnet_train_near (size_t n_rows, unsigned n_features, const float *features, unsigned n_limits,
                   const double *limits, unsigned threads, GCancellable *cancellable,
                   unsigned *groups, float *nearest, size_t *nearest_row, GError **error)
{
  size_t n_roots = MAX (n_limits, 1) * n_rows;
  g_autofree double *scale = g_try_new0 (double, n_rows);
  g_autofree size_t *root = g_try_new0 (size_t, n_roots);
  g_autofree float *own_nearest = g_try_new0 (float, n_rows);
  g_autofree size_t *own_row = g_try_new0 (size_t, n_rows);
  Search search = {.n = n_rows,
                   .d = n_features,
                   .features = features,
                   .scale = scale,
                   .n_limits = n_limits,
                   .limits = limits,
                   .root = root,
                   .nearest = nearest != NULL ? nearest : own_nearest,
                   .nearest_row = nearest_row != NULL ? nearest_row : own_row,
                   .cancellable = cancellable};
  gboolean ok;

  if (!check_size (n_rows, n_features, error))
    return FALSE;
  if (scale == NULL || root == NULL || own_nearest == NULL || own_row == NULL)
    return effnet_fail_memory (error, "the list of rows", 8 * (n_roots + 3 * n_rows));
  for (size_t i = 0; i < n_roots; i++)
    root[i] = i % n_rows;
  for (size_t i = 0; i < n_rows; i++) {
    search.nearest[i] = 2;
    search.nearest_row[i] = i;
  }
  g_mutex_init (&search.lock);
  ok = find_neighbours (&search, threads, error);
  g_mutex_clear (&search.lock);
  for (unsigned limit = 0; ok && limit < n_limits; limit++)
    number_groups (root + limit * n_rows, n_rows, groups + limit * n_rows);
  return ok;
}

unsigned
effnet_train_merge (size_t n_rows, const unsigned *one, const unsigned *other, unsigned *groups)
{
  g_autofree size_t *root = g_new (size_t, n_rows + 1);

  for (size_t i = 0; i < n_rows; i++)
    root[i] = i;
  join_known (root, n_rows, NULL, one);
  join_known (root, n_rows, NULL, other);
  return number_groups (root, n_rows, groups);
}

unsigned
effnet_train_groups (size_t n_rows, unsigned n_features, const float *features,
                     const char *const *hashes, const unsigned *groups_before, double max_distance,
                     unsigned threads, GCancellable *cancellable, unsigned *groups, float *nearest,
                     size_t *nearest_row, GError **error)
{
  const double limit = max_distance == 0 ? EFFNET_DUPLICATE_DISTANCE : max_distance;
  g_autofree size_t *root = g_try_new0 (size_t, n_rows + 1);
  g_autofree unsigned *near = g_try_new0 (unsigned, n_rows + 1);

  if (!check_size (n_rows, n_features, error))
    return 0;
  if (root == NULL || near == NULL) {
    effnet_fail_memory (error, "the list of rows", 12 * n_rows);
    return 0;
  }
  for (size_t i = 0; i < n_rows; i++) {
    root[i] = i;
    if (nearest != NULL)
      nearest[i] = 2;
    if (nearest_row != NULL)
      nearest_row[i] = i;
  }
  join_known (root, n_rows, hashes, groups_before);
  if (max_distance >= 0) {
    if (!effnet_train_near (n_rows, n_features, features, 1, &limit, threads, cancellable, near,
                            nearest, nearest_row, error))
      return 0;
    join_known (root, n_rows, NULL, near);
  }
  return number_groups (root, n_rows, groups);
}
