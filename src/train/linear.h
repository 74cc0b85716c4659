/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Symmetric positive definite matrices, [n][n] by rows. Recursive, so that nearly all of the work
 * is products of matrices. Who gets a GCancellable returns early once it is cancelled, with
 * numbers that mean nothing. */
#ifndef EFFNET_TRAIN_LINEAR_H
#define EFFNET_TRAIN_LINEAR_H

#include <gio/gio.h>

#include "kernels/dense.h"
#include "threads/pool.h"

/* Calls @func for the tiles 0 .. n_tiles - 1, over the pool where there is one. */
void effnet_train_each (EffnetPool *pool, size_t n_tiles, EffnetTileFunc func, void *user);
/* A product in tiles of rows, over the pool where there is one. */
void effnet_multiply (const EffnetDgemm *product, EffnetPool *pool, GCancellable *cancellable);

/* a = L L', its lower triangle: L is left there; what is above it is left alone. Pivots are kept
 * at or above @least. */
void effnet_cholesky (double *a, size_t n, size_t lda, double least, GCancellable *cancellable);
/* x [m][n] := x L'^-1 */
void effnet_solve_right_transposed (const double *l, size_t n, size_t ldl, double *x, size_t m,
                                    size_t ldx);
/* x [m][n] := x L^-1 */
void effnet_solve_right (const double *l, size_t n, size_t ldl, double *x, size_t m, size_t ldx);
/* L := L^-1, its lower triangle; zero above it */
void effnet_invert_lower (double *l, size_t n, size_t ldl, GCancellable *cancellable);
/* out := a^-1 of both triangles; a is scratch afterwards. */
void effnet_invert (double *a, size_t n, double least, double *out, EffnetPool *pool,
                    GCancellable *cancellable);

#endif
