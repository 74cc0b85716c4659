/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a result says about its probabilities: ranking, margin, entropy. Pure functions. */
#include "engine/result.h"

#include <math.h>

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

/* H = -sum p ln p */
static double
entropy (const float *probabilities, unsigned n)
{
  double h = 0.0;

  for (unsigned i = 0; i < n; i++) {
    double p = (double)probabilities[i];

    if (p > 0.0)
      h -= p * log (p);
  }
  return MAX (h, 0.0);
}

void
effnet_result_measure (EffnetResult *result)
{
  EffnetScore top[2];
  unsigned n = effnet_result_top_k (result, 2, top);

  result->margin = n > 0 ? (double)top[0].score : 0.0;
  if (n > 1)
    result->margin -= (double)top[1].score;
  result->entropy = entropy (result->probabilities, result->n_classes);
}
