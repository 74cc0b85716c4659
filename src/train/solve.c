/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/solve.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "kernels/dense.h"

#define STEPS_MAX    60   /* of Newton */
#define PRODUCTS_MAX 300  /* of one step */
#define HALVINGS_MAX 40   /* of the line search */
#define SEPARATED    1e-6 /* a loss from which classes without a penalty count as separated */

/* What a pass over the rows does. */
typedef enum {
  PASS_LOGITS,   /* logits of the vector -> store */
  PASS_GRADIENT, /* sum weight * (scores - targets) x' */
  PASS_CURVE,    /* sum weight * (second derivative * logits of the vector) x' */
  PASS_LOSS,     /* sum of the losses at logits + length * along */
} Pass;

typedef struct {
  const EffnetProblem *problem;
  unsigned k;
  size_t stride, size;    /* r + 1, k * (r + 1) */
  double *column_scale;   /* [n_weights] 1 / sum of the weights */
  double *logits, *along; /* [n][k]: at theta, and what the step adds */
  double *scores;         /* [n][k] of logits, since the last gradient */
  double *gradient, *step, *residual, *direction, *product; /* [size] */
  double *slices;                                           /* [n_slices][size] sums of the pass */
  double *losses;                                           /* [n_slices] */
  double *scratch; /* [n_slices][EFFNET_ROWS_BLOCK][stride + k], then [k] twice */
  size_t scratch_each;
  Pass pass;
  const double *vector; /* [size] */
  double *store;        /* [n][k] */
  double length;
} Solver;

/* out [k][stride] += u' block, or out [count][k] := block vector' */
static void
multiply_rows (const Solver *solver, int transpose, const double *u, const double *block,
               size_t count, double *out)
{
  effnet_dgemm (&(EffnetDgemm){.transpose_a = transpose,
                               .transpose_b = !transpose,
                               .m = transpose ? solver->k : count,
                               .n = transpose ? solver->stride : solver->k,
                               .k = transpose ? count : solver->stride,
                               .alpha = 1,
                               .beta = transpose,
                               .a = u,
                               .lda = transpose ? solver->k : solver->stride,
                               .b = block,
                               .ldb = solver->stride,
                               .c = out,
                               .ldc = transpose ? solver->stride : solver->k});
}

static double
row_weight (const Solver *solver, size_t row, unsigned k)
{
  const EffnetTargets *targets = solver->problem->targets;
  unsigned column = targets->n_weights > 1 ? k : 0;

  return targets->weights[row * targets->n_weights + column] * solver->column_scale[column];
}

/* u [k] of one row := what its x is multiplied with */
static void
differentiate (const Solver *solver, size_t i, double *u)
{
  const EffnetTargets *targets = solver->problem->targets;
  size_t row = solver->problem->which[i];
  const uint8_t *y = targets->targets + row * solver->k;
  double *p = solver->scores + i * solver->k;

  if (solver->pass == PASS_CURVE) {
    effnet_loss_curve (targets->softmax, solver->k, p, u);
  } else {
    effnet_loss_scores (targets->softmax, solver->k, solver->logits + i * solver->k, p);
    for (unsigned k = 0; k < solver->k; k++)
      u[k] = p[k] - y[k];
  }
  for (unsigned k = 0; k < solver->k; k++)
    u[k] *= row_weight (solver, row, k);
}

static void
sum_losses (const Solver *solver, size_t first, size_t end, double *scratch, double *sum)
{
  const EffnetTargets *targets = solver->problem->targets;
  double *z = scratch, *weights = scratch + solver->k;
  gboolean each = targets->n_weights > 1;

  *sum = 0;
  for (size_t i = first; i < end; i++) {
    size_t row = solver->problem->which[i];

    for (unsigned k = 0; k < solver->k; k++) {
      z[k] = solver->logits[i * solver->k + k];
      if (solver->length != 0)
        z[k] += solver->length * solver->along[i * solver->k + k];
      weights[k] = each ? row_weight (solver, row, k) : 0;
    }
    *sum += effnet_loss_row (targets->softmax, solver->k, z, targets->targets + row * solver->k,
                             each ? weights : NULL) *
            (each ? 1 : row_weight (solver, row, 0));
  }
}

static void
run_slice (void *user, size_t slice, unsigned worker)
{
  Solver *solver = user;
  const EffnetProblem *problem = solver->problem;
  size_t first = problem->n * slice / problem->n_slices;
  size_t end = problem->n * (slice + 1) / problem->n_slices;
  double *block = solver->scratch + slice * solver->scratch_each;
  double *u = block + EFFNET_ROWS_BLOCK * solver->stride;
  double *row = u + EFFNET_ROWS_BLOCK * solver->k; /* [k] twice */
  double *sum = solver->slices + slice * solver->size;

  (void)worker;
  if (solver->pass == PASS_LOSS) {
    sum_losses (solver, first, end, row, solver->losses + slice);
    return;
  }
  memset (sum, 0, solver->size * sizeof (double));
  for (size_t i = first; i < end && !g_cancellable_is_cancelled (problem->cancellable);
       i += EFFNET_ROWS_BLOCK) {
    size_t count = MIN (EFFNET_ROWS_BLOCK, end - i);

    effnet_rows_read (problem->rows, problem->which + i, 0, count, block);
    if (solver->pass != PASS_GRADIENT)
      multiply_rows (solver, 0, block, solver->vector, count,
                     solver->pass == PASS_LOGITS ? solver->store + i * solver->k : u);
    if (solver->pass == PASS_LOGITS)
      continue;
    for (size_t j = 0; j < count; j++)
      differentiate (solver, i + j, u + j * solver->k);
    multiply_rows (solver, 1, u, block, count, sum);
  }
}

/* @out: [size] for the passes that sum, plus l2 times the weights of @vector; else NULL. */
static void
run_pass (Solver *solver, Pass pass, const double *vector, double *out)
{
  const EffnetProblem *problem = solver->problem;

  solver->pass = pass;
  solver->vector = vector;
  effnet_train_each (problem->pool, problem->n_slices, run_slice, solver);
  if (out == NULL)
    return;
  for (size_t i = 0; i < solver->size; i++) {
    double sum = 0;

    for (unsigned slice = 0; slice < problem->n_slices; slice++)
      sum += solver->slices[slice * solver->size + i];
    if (i % solver->stride != problem->rows->r)
      sum += problem->l2 * vector[i];
    out[i] = sum;
  }
}

static double
dot (const double *a, const double *b, size_t n)
{
  double sum = 0;

  for (size_t i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

/* The sum of products of weights, biases left out. */
static double
dot_weights (const Solver *solver, const double *a, const double *b)
{
  double sum = 0;

  for (unsigned k = 0; k < solver->k; k++)
    sum += dot (a + k * solver->stride, b + k * solver->stride, solver->problem->rows->r);
  return sum;
}

static void
precondition (const Solver *solver, const double *in, double *out)
{
  const EffnetProblem *problem = solver->problem;
  size_t r = problem->rows->r;

  effnet_dgemm (&(EffnetDgemm){.m = solver->k,
                               .n = r,
                               .k = r,
                               .alpha = 1,
                               .a = in,
                               .lda = solver->stride,
                               .b = problem->inverse,
                               .ldb = r,
                               .c = out,
                               .ldc = solver->stride});
  for (unsigned k = 0; k < solver->k; k++)
    out[k * solver->stride + r] = in[k * solver->stride + r] / problem->curvature;
}

/* step := -H^-1 gradient, the more precisely the smaller the gradient has become beside the first;
 * the number of products. */
static unsigned
find_step (Solver *solver, double rz_first[1])
{
  double *residual = solver->residual, *direction = solver->direction, *z = solver->product;
  double rz, stop;
  unsigned products = 0;

  for (size_t i = 0; i < solver->size; i++) {
    residual[i] = -solver->gradient[i];
    solver->step[i] = 0;
  }
  precondition (solver, residual, z);
  memcpy (direction, z, solver->size * sizeof (double));
  rz = dot (residual, z, solver->size);
  if (rz_first[0] == 0)
    rz_first[0] = rz;
  stop = rz * CLAMP (rz / rz_first[0], 1e-12, 0.01);

  while (products < PRODUCTS_MAX && rz > stop &&
         !g_cancellable_is_cancelled (solver->problem->cancellable)) {
    double curve, length, before = rz;

    run_pass (solver, PASS_CURVE, direction, solver->product);
    products++;
    curve = dot (direction, solver->product, solver->size);
    if (!(curve > 0)) {
      if (products == 1)
        memcpy (solver->step, direction, solver->size * sizeof (double));
      break;
    }
    length = rz / curve;
    for (size_t i = 0; i < solver->size; i++) {
      solver->step[i] += length * direction[i];
      residual[i] -= length * solver->product[i];
    }
    precondition (solver, residual, z);
    rz = dot (residual, z, solver->size);
    for (size_t i = 0; i < solver->size; i++)
      direction[i] = z[i] + rz / before * direction[i];
  }
  return products;
}

static double
loss_at (Solver *solver, double length, const double penalty[3])
{
  double sum = 0;

  solver->length = length;
  run_pass (solver, PASS_LOSS, NULL, NULL);
  for (unsigned slice = 0; slice < solver->problem->n_slices; slice++)
    sum += solver->losses[slice];
  return sum +
         solver->problem->l2 / 2 * (penalty[0] + length * (2 * penalty[1] + length * penalty[2]));
}

/* Goes along the step, halved until the loss falls enough. FALSE when it does not any more. */
static gboolean
go (Solver *solver, double *theta, double slope, double *loss)
{
  double penalty[] = {dot_weights (solver, theta, theta), dot_weights (solver, theta, solver->step),
                      dot_weights (solver, solver->step, solver->step)};
  double length = 1, now = *loss;
  unsigned halvings = 0;

  solver->store = solver->along;
  run_pass (solver, PASS_LOGITS, solver->step, NULL);
  for (; halvings < HALVINGS_MAX; halvings++, length /= 2) {
    now = loss_at (solver, length, penalty);
    if (now <= *loss + 1e-4 * length * slope || (length == 1 && -slope <= 1e-13 * *loss))
      break;
  }
  if (halvings == HALVINGS_MAX)
    return FALSE;
  for (size_t i = 0; i < solver->size; i++)
    theta[i] += length * solver->step[i];
  for (size_t i = 0; i < solver->problem->n * solver->k; i++)
    solver->logits[i] += length * solver->along[i];
  *loss = now;
  return TRUE;
}

static void
describe (Solver *solver, const double *theta, EffnetSolution *solution)
{
  const EffnetProblem *problem = solver->problem;

  run_pass (solver, PASS_GRADIENT, theta, solver->gradient);
  for (size_t i = 0; i < solver->size; i++)
    solution->gradient = fmax (solution->gradient, fabs (solver->gradient[i]));
  for (size_t i = 0; i < problem->n; i++) {
    const double *p = solver->scores + i * solver->k;

    for (unsigned k = 0; k < solver->k; k++)
      solution->curvature +=
          row_weight (solver, problem->which[i], k) * p[k] * (1 - p[k]) / solver->k;
  }
}

static void
minimise (Solver *solver, double *theta, EffnetSolution *solution)
{
  const EffnetProblem *problem = solver->problem;
  double rz_first = 0, square = dot_weights (solver, theta, theta);

  solver->store = solver->logits;
  run_pass (solver, PASS_LOGITS, theta, NULL);
  solution->loss = loss_at (solver, 0, (double[]){square, 0, 0});
  while (solution->steps < STEPS_MAX && !g_cancellable_is_cancelled (problem->cancellable)) {
    double slope;

    if (solution->loss <= (problem->l2 == 0 ? SEPARATED : 0))
      break;
    run_pass (solver, PASS_GRADIENT, theta, solver->gradient);
    solution->products += find_step (solver, &rz_first);
    slope = dot (solver->gradient, solver->step, solver->size);
    solution->steps++;
    if (!(slope < 0) || !go (solver, theta, slope, &solution->loss))
      break;
    if (-slope / 2 <= problem->tolerance * solution->loss)
      break;
  }
  if (!g_cancellable_is_cancelled (problem->cancellable))
    describe (solver, theta, solution);
}

/* What all biases of a softmax have in common changes nothing. */
static void
centre_biases (const Solver *solver, double *theta)
{
  double mean = 0, *bias = theta + solver->stride - 1;

  for (unsigned k = 0; k < solver->k; k++)
    mean += bias[k * solver->stride] / solver->k;
  for (unsigned k = 0; k < solver->k; k++)
    bias[k * solver->stride] -= mean;
}

static gboolean
allocate (Solver *solver, GError **error)
{
  const EffnetProblem *problem = solver->problem;
  double **vectors[] = {&solver->gradient, &solver->step, &solver->residual, &solver->direction,
                        &solver->product};
  const char *what = "the solver of the training";

  solver->scratch_each = EFFNET_ROWS_BLOCK * (solver->stride + solver->k) + 2 * solver->k;
  solver->logits = effnet_train_numbers (problem->n, solver->k, what, error);
  if (solver->logits == NULL ||
      (solver->along = effnet_train_numbers (problem->n, solver->k, what, error)) == NULL ||
      (solver->scores = effnet_train_numbers (problem->n, solver->k, what, error)) == NULL ||
      (solver->slices = effnet_train_numbers (problem->n_slices, solver->size, what, error)) ==
          NULL ||
      (solver->losses = effnet_train_numbers (problem->n_slices, 1, what, error)) == NULL ||
      (solver->scratch =
           effnet_train_numbers (problem->n_slices, solver->scratch_each, what, error)) == NULL)
    return FALSE;
  for (size_t i = 0; i < G_N_ELEMENTS (vectors); i++)
    if ((*vectors[i] = effnet_train_numbers (solver->k, solver->stride, what, error)) == NULL)
      return FALSE;
  return TRUE;
}

static void
release (Solver *solver)
{
  g_free (solver->column_scale);
  g_free (solver->logits);
  g_free (solver->along);
  g_free (solver->scores);
  g_free (solver->slices);
  g_free (solver->losses);
  g_free (solver->scratch);
  g_free (solver->gradient);
  g_free (solver->step);
  g_free (solver->residual);
  g_free (solver->direction);
  g_free (solver->product);
}

gboolean
effnet_solve (const EffnetProblem *problem, double *theta, EffnetSolution *solution, GError **error)
{
  const EffnetTargets *targets = problem->targets;
  size_t stride = problem->rows->r + 1;
  Solver solver = {
      .problem = problem, .k = targets->k, .stride = stride, .size = targets->k * stride};
  gboolean ok = allocate (&solver, error);

  *solution = (EffnetSolution){0};
  solver.column_scale = g_new0 (double, targets->n_weights);
  for (unsigned k = 0; k < targets->n_weights; k++) {
    for (size_t i = 0; i < problem->n; i++)
      solver.column_scale[k] += targets->weights[problem->which[i] * targets->n_weights + k];
    solver.column_scale[k] = 1 / solver.column_scale[k];
  }
  if (ok)
    minimise (&solver, theta, solution);
  if (ok && targets->softmax)
    centre_biases (&solver, theta);
  release (&solver);
  return ok && !effnet_train_cancelled (problem->cancellable, error);
}

gboolean
effnet_solve_apply (const EffnetRows *rows, const double *theta, unsigned k, const size_t *which,
                    size_t n, double *logits, GError **error)
{
  size_t stride = rows->r + 1;
  double *block = effnet_train_numbers (EFFNET_ROWS_BLOCK, stride, "a block of rows", error);

  if (block == NULL)
    return FALSE;
  for (size_t i = 0; i < n; i += EFFNET_ROWS_BLOCK) {
    Solver solver = {.k = k, .stride = stride};
    size_t count = MIN (EFFNET_ROWS_BLOCK, n - i);

    effnet_rows_read (rows, which + i, 0, count, block);
    multiply_rows (&solver, 0, block, theta, count, logits + i * k);
  }
  g_free (block);
  return TRUE;
}
