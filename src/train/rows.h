/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The rows that the solver reads: features, less their mean (the free bias makes up for it), or
 * coordinates in the space that fewer rows than features span. There, since the best weights are a
 * sum of rows, is the same minimum with fewer unknowns: with G = X X' = L L' (Cholesky) the rows of
 * L stand for those of X, and weights w there for W = X' L'^-1 w, with |W| = |w|. */
#ifndef EFFNET_TRAIN_ROWS_H
#define EFFNET_TRAIN_ROWS_H

#include "effnet/train.h"
#include "train/linear.h"

#define EFFNET_ROWS_BLOCK 64 /* read at a time: a block and its products stay in the cache */

typedef struct {
  size_t n, d;      /* of the set */
  size_t r;         /* unknowns of a class, but for the bias */
  const float *x;   /* [n][d], borrowed */
  double *mean;     /* [d] */
  double *z;        /* [n][r] with r = n when the rows are reduced, else NULL */
  double variance;  /* mean square of what is less its mean, summed over the features */
  EffnetPool *pool; /* (nullable): borrowed */
  GCancellable *cancellable;
} EffnetRows;

/* Sets @error and returns TRUE once @cancellable is. */
gboolean effnet_train_cancelled (GCancellable *cancellable, GError **error);
/* @size doubles, zeroed; NULL with IO. @what: for the message. */
double *effnet_train_numbers (size_t rows, size_t columns, const char *what, GError **error);

/* @reduce: when there are fewer rows than features. FALSE with IO or CANCELLED. */
gboolean effnet_rows_init (EffnetRows *rows, const EffnetTrainSet *set, gboolean reduce,
                           EffnetPool *pool, GCancellable *cancellable, GError **error);
void effnet_rows_clear (EffnetRows *rows);
/* Rows which[0 .. count - 1] (NULL: first, first + 1, ...) as [count][r + 1], the last column 1. */
void effnet_rows_read (const EffnetRows *rows, const size_t *which, size_t first, size_t count,
                       double *out);
/* out [n][n] := G of the features, of both triangles when @both. */
gboolean effnet_rows_gram (const EffnetRows *rows, gboolean both, double *out, GError **error);
/* out [r][r] := mean of the rows' outer products; FALSE with IO. */
gboolean effnet_rows_covariance (const EffnetRows *rows, double *out, GError **error);
/* Weights [k][d] and bias [k] that give the features what theta [k][r + 1] gives the rows. */
gboolean effnet_rows_weights (const EffnetRows *rows, const double *theta, unsigned k,
                              double *weights, double *bias, GError **error);

#endif
