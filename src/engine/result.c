/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Scores out of logits, and what they say: ranking, margin, entropy. Pure functions. */
#include "engine/result.h"

#include <math.h>
#include <string.h>

/* p_i = exp ((x_i - max) / T) / sum_j exp ((x_j - max) / T) */
static void
softmax (double temperature, const float *logits, float *scores, unsigned n)
{
  double max = -INFINITY, sum = 0;

  /* fmax (), which would skip NaN as this does, ends gcc 12 for AArch64 at -O3 with an internal
   * error in vect_transform_reduction () */
  for (unsigned i = 0; i < n; i++)
    max = logits[i] > max ? logits[i] : max;
  for (unsigned i = 0; i < n; i++)
    sum += exp ((logits[i] - max) / temperature);
  for (unsigned i = 0; i < n; i++)
    scores[i] = (float)(exp ((logits[i] - max) / temperature) / sum);
}

/* p = 1 / (1 + exp (-x / T)) */
static void
sigmoid (double temperature, const float *logits, float *scores, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    scores[i] = (float)(1.0 / (1.0 + exp (-(double)logits[i] / temperature)));
}

void
effnet_result_activate (EffnetOutputActivation activation, double temperature, const float *logits,
                        float *scores, unsigned n)
{
  if (activation == EFFNET_OUTPUT_ACTIVATION_SOFTMAX)
    softmax (temperature, logits, scores, n);
  else if (activation == EFFNET_OUTPUT_ACTIVATION_SIGMOID)
    sigmoid (temperature, logits, scores, n);
  else
    memcpy (scores, logits, n * sizeof *scores);
}

/* TRUE when @a ranks before @b. NaN ranks last. */
static gboolean
ranks_before (EffnetScore a, EffnetScore b)
{
  if (a.score > b.score || (isnan (b.score) && !isnan (a.score)))
    return TRUE;
  return a.score == b.score && a.id < b.id;
}

unsigned
effnet_result_top_k (const EffnetResult *result, unsigned k, EffnetScore *top)
{
  unsigned n = 0;

  k = MIN (k, result->n_classes);
  if (k == 0)
    return 0;
  /* insertion into the k best so far */
  for (unsigned id = 0; id < result->n_classes; id++) {
    EffnetScore score = {id, result->probabilities[id]};
    unsigned at;

    if (n == k && !ranks_before (score, top[n - 1]))
      continue;
    at = n < k ? n++ : k - 1;
    for (; at > 0 && ranks_before (score, top[at - 1]); at--)
      top[at] = top[at - 1];
    top[at] = score;
  }
  return n;
}

/* -p ln p */
static double
surprise (double p)
{
  return p > 0.0 ? -p * log (p) : 0.0;
}

/* H = -sum p ln p over the classes; when each is a question of its own, also over its "no". */
static double
entropy (const EffnetResult *result, gboolean independent)
{
  double h = 0.0;

  for (unsigned i = 0; i < result->n_classes; i++) {
    double p = (double)result->probabilities[i];

    h += surprise (p);
    if (independent)
      h += surprise (1.0 - p);
  }
  return MAX (h, 0.0);
}

void
effnet_result_measure (EffnetResult *result, EffnetOutputActivation activation)
{
  gboolean independent = activation == EFFNET_OUTPUT_ACTIVATION_SIGMOID;
  EffnetScore top[2];
  unsigned n = effnet_result_top_k (result, 2, top);

  result->margin = n > 0 ? (double)top[0].score : 0.0;
  if (n > 1)
    result->margin -= (double)top[1].score;
  else if (independent)
    result->margin = fabs (2.0 * result->margin - 1.0);
  result->entropy =
      activation != EFFNET_OUTPUT_ACTIVATION_NONE ? entropy (result, independent) : 0.0;
}
