/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a head is worth: evaluation, learning curve, leave-one-out, and the statistics behind them.
 * A part of effnet/train.h, which includes it; not to be included alone. */
#ifndef EFFNET_EVALUATE_H
#define EFFNET_EVALUATE_H

/**
 * EffnetReliabilityBin:
 * @n: answers with a score in the bin
 * @score: their mean score
 * @right: the share of them that is right
 */
typedef struct {
  size_t n;
  double score, right;
} EffnetReliabilityBin;

/**
 * EffnetClassResult:
 * @n: rows of the class
 * @n_answered: rows classified as it
 * @n_right: both
 * @precision: n_right / n_answered, or 0
 * @recall: n_right / n, or 0
 * @f1: their harmonic mean, or 0
 * @roc_area: of its score, the class's rows against all others; 0.5 without any
 */
typedef struct {
  size_t n, n_answered, n_right;
  double precision, recall, f1, roc_area;
} EffnetClassResult;

/**
 * EffnetEvaluation:
 * @kind: of the head
 * @n_rows: looked at
 * @n_classes: of softmax and multi-label: the head's; of one logit 2: no, yes
 * @n_answers: decisions counted: n_rows, for multi-label times n_classes
 * @n_right: decisions that are right
 * @accuracy: their share
 * @low: lower end of Wilson's 95 % interval of @accuracy (decisions taken as independent)
 * @high: upper end
 * @loss: mean loss, without penalty
 * @ece: expected calibration error: the mean distance of score and share right of the bins,
 *   weighted with their counts. Softmax: of the best class's score; else of each score
 * @bins: from score 0 to 1, a score of 1 in the last
 * @classes: [n_classes]
 * @confusion: [n_classes][n_classes] rows of a class (first index) classified as another (second).
 *   Multi-label: [n_classes][2][2], no and yes
 * @n_wrong: rows with a wrong decision
 * @wrong: [n_wrong] those, the most certain first
 * @n_unknown: rows that the head calls unknown
 *
 * What a head makes of rows it was not trained on; free with effnet_evaluation_free().
 */
typedef struct {
  EffnetHeadKind kind;
  size_t n_rows;
  unsigned n_classes;
  size_t n_answers, n_right;
  double accuracy, low, high;
  double loss, ece;
  EffnetReliabilityBin bins[EFFNET_RELIABILITY_BINS];
  EffnetClassResult *classes;
  size_t *confusion;
  size_t n_wrong;
  size_t *wrong;
  size_t n_unknown;
  void *reserved[8];
} EffnetEvaluation;

/**
 * effnet_evaluate:
 * @head: a head
 * @set: what to look at; @groups and @weights do not count
 * @error: return location
 *
 * One logit says yes from its threshold on, 0.5 without any; so does each class of multi-label.
 *
 * Returns: (transfer full) (nullable): the evaluation, or NULL with #EFFNET_ERROR_MISMATCH or
 *   #EFFNET_ERROR_ARGUMENT
 */
EFFNET_API EffnetEvaluation *effnet_evaluate (const EffnetHead *head, const EffnetTrainSet *set,
                                              GError **error);
/**
 * effnet_evaluate_logits:
 * @head: its kind, temperature and thresholds count
 * @set: its targets count
 * @logits: [n_rows][n_classes], as #EffnetTrainReport has them
 * @error: return location
 *
 * The same of logits that are there already.
 *
 * Returns: (transfer full) (nullable): as effnet_evaluate()
 */
EFFNET_API EffnetEvaluation *effnet_evaluate_logits (const EffnetHead *head,
                                                     const EffnetTrainSet *set, const float *logits,
                                                     GError **error);
/**
 * effnet_evaluation_free:
 * @evaluation: (nullable) (transfer full): an evaluation
 */
EFFNET_API void effnet_evaluation_free (EffnetEvaluation *evaluation);

/**
 * EffnetCurvePoint:
 * @n_groups: trained on, mean of the folds
 * @n_rows: of them
 * @accuracy: of the rows held out, all folds together
 * @low: lower end of Wilson's 95 % interval
 * @high: upper end
 */
typedef struct {
  double n_groups, n_rows, accuracy, low, high;
} EffnetCurvePoint;

/**
 * effnet_learning_curve:
 * @set: as for effnet_head_train()
 * @options: (nullable): as for effnet_head_train(); with an @l2 it is used for all points
 * @cancellable: (nullable): stops it
 * @points: (out caller-allocates): trained on 1/8, 1/4, 1/2 and all of the groups outside of each
 *   fold
 * @error: return location
 *
 * What more pictures help. A class of which no group is drawn is not recognised.
 *
 * Returns: FALSE as effnet_head_train()
 */
EFFNET_API gboolean effnet_learning_curve (const EffnetTrainSet *set,
                                           const EffnetTrainOptions *options,
                                           GCancellable *cancellable,
                                           EffnetCurvePoint points[EFFNET_CURVE_POINTS],
                                           GError **error);
/**
 * effnet_head_leave_one_out:
 * @head: trained on @set with its l2
 * @set: at most #EFFNET_LOO_ROWS_MAX rows
 * @options: (nullable): as it was trained
 * @cancellable: (nullable): stops it
 * @logits: (out caller-allocates): [n_rows][n_classes] what a head says of each row that was
 *   trained without this row
 * @error: return location
 *
 * One Newton step away from the minimum for each row, by the matrix inversion lemma (Rad and
 * Maleki, "A scalable estimate of the out-of-sample prediction error via approximate leave-one-out
 * cross-validation", 2020). Takes about 5 * n_classes * n_rows^3 multiply-adds and 8 * (n_classes +
 * 4) * n_rows^2 bytes.
 *
 * Returns: FALSE with #EFFNET_ERROR_ARGUMENT, MISMATCH, IO or CANCELLED
 */
EFFNET_API gboolean effnet_head_leave_one_out (const EffnetHead *head, const EffnetTrainSet *set,
                                               const EffnetTrainOptions *options,
                                               GCancellable *cancellable, float *logits,
                                               GError **error);
/**
 * EffnetSuspect:
 * @row: of the set
 * @given: its class in the targets (multi-label: the class in doubt; one logit: 0 no, 1 yes)
 * @likely: the class it looks like (multi-label: as @given)
 * @score: of @given by a head that did not see the row
 * @likely_score: of @likely; multi-label: 1 - @score
 */
typedef struct {
  size_t row;
  unsigned given, likely;
  float score, likely_score;
} EffnetSuspect;

/**
 * effnet_suspect_labels:
 * @head: its kind and temperature count
 * @set: its targets count
 * @logits: [n_rows][n_classes] of heads that did not see the row: of effnet_head_leave_one_out() or
 *   of #EffnetTrainReport
 * @max_score: suspected are labels with at most this score; 0 = 0.1
 * @n: entries of @suspects
 * @suspects: (out caller-allocates) (array length=n): the least likely label first
 *
 * Returns: how many were written
 */
EFFNET_API size_t effnet_suspect_labels (const EffnetHead *head, const EffnetTrainSet *set,
                                         const float *logits, double max_score, size_t n,
                                         EffnetSuspect *suspects);

/* ---- calibration and statistics by themselves ------------------------------------------------ */

/**
 * effnet_calibrate_temperature:
 * @kind: of the head the logits are of
 * @n_rows: rows
 * @n_classes: columns
 * @logits: [n_rows][n_classes] of rows that were not trained on
 * @targets: [n_rows][n_classes] 0 or 1
 *
 * Few rows give no certainty: a 1 counts as (n + 1) / (n + 2) of n rows, of sigmoids of those of
 * the class, and a 0 likewise, as in Platt, "Probabilistic outputs for support vector machines",
 * 1999.
 *
 * Returns: the temperature with the smallest mean loss, from 0.05 to #EFFNET_TEMPERATURE_MAX
 */
EFFNET_API double effnet_calibrate_temperature (EffnetHeadKind kind, size_t n_rows,
                                                unsigned n_classes, const float *logits,
                                                const uint8_t *targets);
/**
 * effnet_roc_area:
 * @n_low: entries of @low
 * @low: values that should be low, such as distances of known pictures
 * @n_high: entries of @high
 * @high: values that should be high
 *
 * Returns: the chance that one of @high is above one of @low, ties counted half: 1 when they never
 *   mix, 0.5 when they do not differ or one side is empty
 */
EFFNET_API double effnet_roc_area (size_t n_low, const float *low, size_t n_high,
                                   const float *high);
/**
 * effnet_wilson_interval:
 * @n_right: successes
 * @n: trials
 * @low: (out): lower end of the 95 % interval, 0 without trials
 * @high: (out): upper end, 1 without trials
 *
 * E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
 */
EFFNET_API void effnet_wilson_interval (size_t n_right, size_t n, double *low, double *high);

#endif
