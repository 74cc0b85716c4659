/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/calibrate.h"

#include <math.h>
#include <string.h>

#include "train/head.h"
#include "train/loss.h"

#define COLDEST 0.05 /* temperature */
#define STEPS   100  /* of its search, which mostly takes five */

void
effnet_reliability_add (EffnetReliability *reliability, double score, gboolean right)
{
  unsigned index =
      (unsigned)CLAMP (score * EFFNET_RELIABILITY_BINS, 0, EFFNET_RELIABILITY_BINS - 1);
  EffnetReliabilityBin *bin = &reliability->bins[index];

  reliability->n++;
  bin->n++;
  bin->score += score;
  bin->right += right;
}

double
effnet_reliability_finish (EffnetReliability *reliability)
{
  double sum = 0;

  for (size_t i = 0; i < EFFNET_RELIABILITY_BINS; i++) {
    EffnetReliabilityBin *bin = &reliability->bins[i];

    sum += fabs (bin->score - bin->right);
    if (bin->n > 0) {
      bin->score /= (double)bin->n;
      bin->right /= (double)bin->n;
    }
  }
  return reliability->n > 0 ? sum / (double)reliability->n : 0;
}

unsigned
effnet_calibrate_best (const float *values, unsigned k)
{
  unsigned best = 0;

  for (unsigned i = 1; i < k; i++)
    if (values[i] > values[best])
      best = i;
  return best;
}

void
effnet_calibration_measure (const EffnetHeldOut *held, double temperature, double *loss,
                            double *ece)
{
  gboolean softmax = held->kind == EFFNET_HEAD_SOFTMAX;
  unsigned n_classes = held->n_classes;
  g_autofree float *scores = g_new (float, n_classes);
  g_autofree double *z = g_new (double, n_classes);
  EffnetReliability reliability = {0};

  *loss = 0;
  for (size_t i = 0; i < held->n_rows; i++) {
    const float *row = held->logits + i * n_classes;
    const uint8_t *y = held->targets + i * n_classes;
    unsigned best = effnet_calibrate_best (row, n_classes);

    if (held->temperatures != NULL)
      temperature = held->temperatures[held->fold[i]];
    for (unsigned k = 0; k < n_classes; k++)
      z[k] = row[k] / temperature;
    *loss += effnet_loss_row (softmax, n_classes, z, y, NULL) / (double)held->n_rows;
    effnet_head_scores (held->kind, n_classes, temperature, row, scores);
    if (softmax)
      effnet_reliability_add (&reliability, scores[best], y[best]);
    else
      for (unsigned k = 0; k < n_classes; k++)
        effnet_reliability_add (&reliability, scores[k], y[k]);
  }
  *ece = effnet_reliability_finish (&reliability);
}

/* Shares that stand for 1 and 0 of each class: without certainty a few rows do not give. */
typedef struct {
  double yes, no;
} Share;

/* As Platt does ("Probabilistic outputs for support vector machines", 1999), for each yes or no of
 * its own; the one temperature of a softmax rests on all rows. */
static Share *
soften_targets (const EffnetHeldOut *held, unsigned left_out)
{
  unsigned n_classes = held->n_classes;
  g_autofree size_t *n_yes = g_new0 (size_t, n_classes);
  Share *shares = g_new (Share, n_classes);
  size_t n_rows = 0;

  for (size_t i = 0; i < held->n_rows; i++) {
    if (held->fold != NULL && held->fold[i] == left_out)
      continue;
    n_rows++;
    for (unsigned k = 0; k < n_classes; k++)
      n_yes[k] += held->targets[i * n_classes + k];
  }
  for (unsigned k = 0; k < n_classes; k++) {
    shares[k].yes = ((double)n_yes[k] + 1) / ((double)n_yes[k] + 2);
    shares[k].no = 1 / ((double)(n_rows - n_yes[k]) + 2);
    if (held->kind == EFFNET_HEAD_SOFTMAX)
      shares[k] = (Share){((double)n_rows + 1) / ((double)n_rows + 2),
                          1 / (((double)n_rows + 2) * MAX (1, n_classes - 1))};
  }
  return shares;
}

/* First and second derivative of a row's loss with respect to the factor of its logits */
static void
add_derivatives (gboolean softmax, unsigned n_classes, const float *logits, const uint8_t *y,
                 const Share *shares, double factor, double *scratch, double derivative[2])
{
  double *z = scratch, *p = scratch + n_classes;
  double no = 0, mean = 0, square = 0;

  for (unsigned k = 0; k < n_classes; k++) {
    z[k] = factor * logits[k];
    if (softmax && y[k])
      no = shares[k].no;
  }
  effnet_loss_scores (softmax, n_classes, z, p);
  for (unsigned k = 0; k < n_classes; k++) {
    double target = y[k] ? shares[k].yes : softmax ? no : shares[k].no;

    derivative[0] += (p[k] - target) * logits[k];
    mean += p[k] * logits[k];
    square += (softmax ? p[k] : p[k] * (1 - p[k])) * logits[k] * logits[k];
  }
  derivative[1] += softmax ? square - mean * mean : square;
}

double
effnet_calibrate_temperature (EffnetHeadKind kind, size_t n_rows, unsigned n_classes,
                              const float *logits, const uint8_t *targets)
{
  return effnet_calibrate_fit (
      &(EffnetHeldOut){kind, n_rows, n_classes, logits, targets, NULL, NULL}, 0);
}

double
effnet_calibrate_fit (const EffnetHeldOut *held, unsigned left_out)
{
  unsigned n_classes = held->n_classes;
  g_autofree Share *shares = soften_targets (held, left_out);
  g_autofree double *scratch = g_new (double, 2 * (size_t)n_classes);
  double low = 1 / EFFNET_TEMPERATURE_MAX, high = 1 / COLDEST, factor = 1;

  /* The loss is convex in the factor: Newton, kept between the bounds that are known. */
  for (unsigned step = 0; step < STEPS && high - low > 1e-9 * high; step++) {
    double derivative[2] = {0, 0}, next;

    for (size_t i = 0; i < held->n_rows; i++)
      if (held->fold == NULL || held->fold[i] != left_out)
        add_derivatives (held->kind == EFFNET_HEAD_SOFTMAX, n_classes, held->logits + i * n_classes,
                         held->targets + i * n_classes, shares, factor, scratch, derivative);
    if (derivative[0] == 0)
      break;
    if (derivative[0] > 0)
      high = factor;
    else
      low = factor;
    next = factor - derivative[0] / derivative[1];
    if (!(next > low && next < high))
      next = sqrt (low * high);
    if (fabs (next - factor) <= 1e-12 * factor)
      break;
    factor = next;
  }
  return CLAMP (1 / factor, COLDEST, EFFNET_TEMPERATURE_MAX);
}

typedef struct {
  float score;
  gboolean right;
} Answer;

static int
compare_answers (const void *a, const void *b)
{
  float x = ((const Answer *)a)->score, y = ((const Answer *)b)->score;

  return x > y ? -1 : x < y;
}

/* @answers: best first; @n_rows_of: rows of the class, which recall counts */
static double
choose_threshold (const Answer *answers, size_t n, size_t n_rows_of, double precision)
{
  double right = 0, best_f1 = -1, best = 0.5, lowest = -1;

  for (size_t i = 0; i < n; i++) {
    double below = i + 1 < n ? answers[i + 1].score : 0, f1;

    right += answers[i].right;
    if (i + 1 < n && answers[i + 1].score == answers[i].score)
      continue;
    f1 = 2 * right / ((double)i + 1 + (double)n_rows_of);
    if (f1 > best_f1) {
      best_f1 = f1;
      best = (answers[i].score + below) / 2;
    }
    if (right >= precision * ((double)i + 1))
      lowest = i + 1 < n ? answers[i].score : 0;
  }
  return precision > 0 && lowest >= 0 ? lowest : best;
}

/* [n_rows] the best class of each row, and its score; of sigmoids nothing */
static unsigned *
find_answers (const EffnetHeldOut *held, double temperature, float *scores)
{
  unsigned *best = g_new0 (unsigned, held->n_rows + 1);
  g_autofree float *all = g_new (float, held->n_classes);

  for (size_t i = 0; held->kind == EFFNET_HEAD_SOFTMAX && i < held->n_rows; i++) {
    effnet_head_scores (held->kind, held->n_classes, temperature,
                        held->logits + i * held->n_classes, all);
    best[i] = effnet_calibrate_best (held->logits + i * held->n_classes, held->n_classes);
    scores[i] = all[best[i]];
  }
  return best;
}

void
effnet_calibrate_thresholds (const EffnetHeldOut *held, double temperature, double precision,
                             float *thresholds)
{
  gboolean softmax = held->kind == EFFNET_HEAD_SOFTMAX;
  g_autofree float *scores = g_new (float, held->n_rows + 1);
  g_autofree unsigned *best = find_answers (held, temperature, scores);
  g_autofree Answer *answers = g_new (Answer, held->n_rows + 1);

  for (unsigned k = 0; k < held->n_classes; k++) {
    size_t n = 0, n_rows_of = 0;

    for (size_t i = 0; i < held->n_rows; i++) {
      size_t at = i * held->n_classes + k;

      n_rows_of += held->targets[at];
      if (softmax && best[i] != k)
        continue;
      if (!softmax)
        effnet_head_scores (held->kind, 1, temperature, held->logits + at, &scores[i]);
      answers[n++] = (Answer){scores[i], held->targets[at]};
    }
    qsort (answers, n, sizeof *answers, compare_answers);
    thresholds[k] = (float)choose_threshold (answers, n, n_rows_of, softmax ? precision : 0);
  }
}

static int
compare_floats (const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;

  return x < y ? -1 : x > y;
}

static float *
sorted_copy (const float *values, size_t n)
{
  float *copy = g_new (float, n + 1);

  if (n > 0)
    memcpy (copy, values, n * sizeof (float));
  qsort (copy, n, sizeof (float), compare_floats);
  return copy;
}

double
effnet_roc_area (size_t n_low, const float *low, size_t n_high, const float *high)
{
  g_autofree float *below = sorted_copy (low, n_low);
  g_autofree float *above = sorted_copy (high, n_high);
  size_t less = 0, upto = 0;
  double sum = 0;

  if (n_low == 0 || n_high == 0)
    return 0.5;
  for (size_t i = 0; i < n_high; i++) {
    while (less < n_low && below[less] < above[i])
      less++;
    for (upto = MAX (upto, less); upto < n_low && below[upto] == above[i]; upto++)
      ;
    sum += (double)less + (double)(upto - less) / 2;
  }
  return sum / (double)n_low / (double)n_high;
}

void
effnet_wilson_interval (size_t n_right, size_t n, double *low, double *high)
{
  const double z = 1.959963984540054; /* of 95 % on both sides of a normal distribution */
  double share, middle, half;

  *low = 0;
  *high = 1;
  if (n == 0)
    return;
  share = (double)n_right / (double)n;
  middle = share + z * z / (2.0 * (double)n);
  half = z * sqrt (share * (1 - share) / (double)n + z * z / (4.0 * (double)n * (double)n));
  *low = CLAMP ((middle - half) / (1 + z * z / (double)n), 0, 1);
  *high = CLAMP ((middle + half) / (1 + z * z / (double)n), 0, 1);
}
