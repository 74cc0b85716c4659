/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet: classes of one's own, from features to a calibrated linear head.
 *
 * A backbone stays as it is; a head is trained on its pooled features (#EffnetResult.features):
 * logits[k] = bias[k] + sum_j weights[k][j] * features[j]. Where the features come from does not
 * matter here, and no picture is read.
 *
 * Loss. With rows i of weight s_i, S their sum, targets y and l2 = L, trained is the one minimum of
 *   softmax:                 1/S sum_i s_i (-log p_i[class of i])                   + L/2 |W|^2
 *   one logit, multi-label:  1/S sum_i s_i sum_k (softplus (z_ik) - y_ik z_ik)      + L/2 |W|^2
 * with |W|^2 the sum of squares of all weights; the bias is free. scikit-learn's
 * LogisticRegression with C = 1 / (L * S) has the same minimum. `balanced` multiplies s_i by
 * n / (n_classes * n_k) as scikit-learn does: a softmax row for its class k; of one logit for yes
 * and no; of a label each in turn for yes and no.
 *
 * Numbers. The solver works in double precision until the gradient is negligible. The same
 * arguments give the same bits, whatever the number of threads.
 *
 * Memory. With r = min (n_rows, n_features), K = n_classes, F = n_folds and 8 bytes a number,
 * training takes at most 8 * (n_rows * r [only when n_rows < n_features] + 3 * r * r + 4 * F *
 * n_rows * K + (16 + 8 * F) * K * r) bytes beside the set.
 *
 * Threads. A head is immutable and reference-counted: any number of threads may use it. All else
 * here is pure: what is passed in is read, what is returned is the caller's.
 *
 * Cancelling. Who gets a GCancellable looks at it every few milliseconds, and fails with
 * #EFFNET_ERROR_CANCELLED.
 */
#ifndef EFFNET_TRAIN_H
#define EFFNET_TRAIN_H

#include <gio/gio.h>

#include "effnet/effnet.h"

G_BEGIN_DECLS

#define EFFNET_TRAIN_FEATURES_MAX 1000000 /* of a feature vector */
#define EFFNET_HEAD_BASIS_MAX     256     /* rows of a basis */
#define EFFNET_TRAIN_FOLDS_MAX    20      /* of the cross-validation */
#define EFFNET_RELIABILITY_BINS   15      /* of equal width over the scores 0 to 1 */
#define EFFNET_CURVE_POINTS       4       /* 1/8, 1/4, 1/2 and all of the groups */
#define EFFNET_L2_PATH_MAX        16      /* strengths that cross-validation compares */
#define EFFNET_LOO_ROWS_MAX       1500    /* rows of effnet_head_leave_one_out() */

/* ---- heads ----------------------------------------------------------------------------------- */

/**
 * EffnetHeadKind:
 * @EFFNET_HEAD_SOFTMAX: one of the classes, 2 or more
 * @EFFNET_HEAD_ONE_LOGIT: yes or no: one logit, its sigmoid is the score of yes
 * @EFFNET_HEAD_MULTI_LABEL: any number of the classes, each a sigmoid by itself
 */
typedef enum {
  EFFNET_HEAD_SOFTMAX,
  EFFNET_HEAD_ONE_LOGIT,
  EFFNET_HEAD_MULTI_LABEL,
} EffnetHeadKind;

/**
 * EffnetUnknownMethod:
 * @EFFNET_UNKNOWN_NONE: the head does not tell
 * @EFFNET_UNKNOWN_EUCLIDEAN: the distance to the nearest mean
 * @EFFNET_UNKNOWN_COSINE: the same of features and means of length 1: sqrt (2 - 2 cos)
 * @EFFNET_UNKNOWN_MAHALANOBIS: as COSINE, less what lies along the directions in which rows of one
 *   class differ anyway (K. Lee et al., "A Simple Unified Framework for Detecting
 *   Out-of-Distribution Samples and Adversarial Attacks", 2018)
 *
 * How far features are from what was trained. With x the features, of length 1 but for EUCLIDEAN,
 * the square of the distance to mean m is |x - m|^2 - |B (x - m)|^2, where B is the basis.
 */
typedef enum {
  EFFNET_UNKNOWN_NONE,
  EFFNET_UNKNOWN_EUCLIDEAN,
  EFFNET_UNKNOWN_COSINE,
  EFFNET_UNKNOWN_MAHALANOBIS,
} EffnetUnknownMethod;

typedef struct _EffnetHead EffnetHead;

/**
 * EffnetHeadInfo:
 * @kind: softmax, one logit or multi-label
 * @n_classes: logits: 1 for one logit
 * @n_features: entries of a feature vector
 * @weights: [n_classes][n_features]
 * @bias: [n_classes]
 * @labels: (nullable): [n_classes] names, and NULL behind the last
 * @temperature: the scores are those of the logits divided by it; 0 reads as 1
 * @thresholds: (nullable): [n_classes] the score from which a class counts as recognised
 * @unknown_method: how the distance is measured
 * @n_means: rows of @means
 * @n_basis: rows of @basis, 0 for none
 * @means: (nullable): [n_means][n_features]
 * @basis: (nullable): [n_basis][n_features]
 * @unknown_threshold: features that are farther away belong to no class
 * @l2: strength it was trained with
 * @backbone: (nullable): name of the model the features come from
 * @backbone_path: (nullable): where it is, relative to the head's folder
 * @backbone_sha256: (nullable): of its weights file
 * @data_sha256: (nullable): of the list of pictures
 * @version: (nullable): of the library that trained it
 * @n_pictures: trained on
 * @seed: of the training
 * @accuracy: on pictures that were not trained on; below 0 = not known
 *
 * What a head holds, to be read, and to make one from. Pointers belong to the head.
 */
typedef struct {
  EffnetHeadKind kind;
  unsigned n_classes, n_features;
  const float *weights;
  const float *bias;
  const char *const *labels;
  double temperature;
  const float *thresholds;
  EffnetUnknownMethod unknown_method;
  unsigned n_means, n_basis;
  const float *means;
  const float *basis;
  double unknown_threshold;
  double l2;
  const char *backbone, *backbone_path, *backbone_sha256, *data_sha256, *version;
  uint64_t n_pictures, seed;
  double accuracy;
  void *reserved[8];
} EffnetHeadInfo;

/**
 * effnet_head_new:
 * @info: what it shall hold; everything is copied
 * @error: return location
 *
 * To change a head, read its #EffnetHeadInfo, change that, and make another.
 *
 * Returns: (transfer full) (nullable): a head, or NULL with #EFFNET_ERROR_ARGUMENT: a number that
 *   is not finite or out of its range
 */
EFFNET_API EffnetHead *effnet_head_new (const EffnetHeadInfo *info, GError **error);
/**
 * effnet_head_ref:
 * @head: a head
 *
 * Returns: (transfer full): @head
 */
EFFNET_API EffnetHead *effnet_head_ref (EffnetHead *head);
/**
 * effnet_head_unref:
 * @head: (transfer full): a head; the last reference frees it
 */
EFFNET_API void effnet_head_unref (EffnetHead *head);
/**
 * effnet_head_get_info:
 * @head: a head
 * @info: (out caller-allocates): filled; its arrays live as long as @head
 */
EFFNET_API void effnet_head_get_info (const EffnetHead *head, EffnetHeadInfo *info);
/**
 * effnet_head_apply:
 * @head: a head
 * @features: [n_features] pooled features, as #EffnetResult has them
 * @logits: (nullable) (out caller-allocates): [n_classes]
 * @scores: (nullable) (out caller-allocates): [n_classes] softmax or sigmoid of logits /
 *   temperature
 * @distance: (nullable) (out): how far the features are from what was trained; 0 for a head that
 *   does not tell
 *
 * Allocates nothing.
 *
 * Returns: TRUE when @distance is asked for and above the head's threshold: none of its classes
 */
EFFNET_API gboolean effnet_head_apply (const EffnetHead *head, const float *features, float *logits,
                                       float *scores, double *distance);

/* ---- training -------------------------------------------------------------------------------- */

/**
 * EffnetTrainSet:
 * @n_rows: feature vectors
 * @n_features: entries of each
 * @n_classes: columns of @targets: 1 for one logit
 * @features: [n_rows][n_features], pooled, not normalised
 * @targets: [n_rows][n_classes] 0 or 1; for softmax one 1 a row
 * @groups: (nullable): [n_rows] rows with the same number (a picture and its altered copies, frames
 *   of one clip, near-duplicates) never stand on both sides of a split; NULL = each row by itself
 * @weights: (nullable): [n_rows] above 0; NULL = 1 each
 *
 * The arrays are borrowed for the call.
 */
typedef struct {
  size_t n_rows;
  unsigned n_features, n_classes;
  const float *features;
  const uint8_t *targets;
  const unsigned *groups;
  const float *weights;
} EffnetTrainSet;

/**
 * EffnetTrainOptions:
 * @kind: of the head
 * @l2: strength of the penalty; 0 = the one with the smallest cross-validated loss of a path
 * @unpenalised: TRUE: no penalty at all instead of @l2. Where a plane separates the classes there
 *   is no minimum; the solver then stops at a loss of 1e-6
 * @n_folds: of the cross-validation, up to #EFFNET_TRAIN_FOLDS_MAX; 0 = 5, or as many as the
 *   smallest class has groups, or 2 where rows times classes are more than ten million. 1 = none:
 *   no strength is chosen, nothing calibrated
 * @balanced: TRUE: rare classes count as much as frequent ones
 * @seed: of the folds
 * @threads: workers; 0 = effnet_cpu_count(). 1 never touches the pool that sessions use
 * @unknown_method: how unknown is told; MAHALANOBIS where it is NONE and @no_unknown is not set
 * @no_unknown: TRUE: the head does not tell unknown
 * @known_rate: share of pictures of the classes that shall not count as unknown; 0 = 0.95
 * @precision: for softmax: share of right answers from which a class counts as recognised; 0 = 0.95
 * @unknown_features: (nullable): [n_unknown][n_features] of pictures of none of the classes. With
 *   them the threshold is where most pictures of both sorts are told right, each sort counted as
 *   half, instead of where @known_rate puts it
 * @n_unknown: rows of @unknown_features
 * @n_originals: the first so many rows are pictures as they are, those behind them altered copies:
 *   trained on, but nothing is judged or calibrated by them; 0 = there are no copies
 *
 * All zero is the default of each.
 */
typedef struct {
  EffnetHeadKind kind;
  double l2;
  gboolean unpenalised;
  unsigned n_folds;
  gboolean balanced;
  uint64_t seed;
  unsigned threads;
  EffnetUnknownMethod unknown_method;
  gboolean no_unknown;
  double known_rate;
  double precision;
  const float *unknown_features;
  size_t n_unknown;
  size_t n_originals;
  void *reserved[7];
} EffnetTrainOptions;

/**
 * EffnetTrainProgress:
 * @done: 0 to 1
 * @user_data: as given
 *
 * Called on the thread that trains.
 */
typedef void (*EffnetTrainProgress) (double done, void *user_data);

/**
 * EffnetL2Point:
 * @l2: strength
 * @loss: mean loss of the rows of each fold under the head of the others, without the penalty
 * @accuracy: share of those rows that are classified right (multi-label: of rows and classes)
 */
typedef struct {
  double l2, loss, accuracy;
} EffnetL2Point;

/**
 * EffnetTrainReport:
 * @n_rows: of the set
 * @n_classes: of the set
 * @l2: strength used
 * @loss: at the minimum, with the penalty
 * @gradient: largest absolute entry of the loss's gradient there
 * @iterations: Newton steps of the final training
 * @n_path: strengths compared; 0 when @l2 was given
 * @path: in falling order of strength
 * @n_folds: of the cross-validation; 1 = none, and what follows is empty
 * @fold: [n_rows] that each row was held out with
 * @logits: [n_rows][n_classes] of each row, by a head that was trained without its fold
 * @distances: (nullable): [n_rows] likewise
 * @loss_before: mean loss of @logits of the rows that are no copies, at temperature 1
 * @loss_after: the same, each row at the temperature of the other folds
 * @ece_before: expected calibration error of these rows at temperature 1
 * @ece_after: each row at the temperature of the other folds
 * @known_accepted: share of @distances of these rows below the head's threshold
 * @unknown_flagged: share of the unknown pictures above it; below 0 without any
 * @unknown_area: area under the ROC curve of known against unknown; below 0 without any
 * @n_path_rows: rows that the strength was chosen by; 0 when @l2 was given
 * @fold_temperatures: (nullable): [n_folds] temperature by @logits of the other folds' rows
 *
 * How the training went; free with effnet_train_report_free().
 */
typedef struct {
  size_t n_rows;
  unsigned n_classes;
  double l2, loss, gradient;
  unsigned iterations;
  unsigned n_path;
  EffnetL2Point path[EFFNET_L2_PATH_MAX];
  unsigned n_folds;
  uint8_t *fold;
  float *logits;
  float *distances;
  double loss_before, loss_after;
  double ece_before, ece_after;
  double known_accepted, unknown_flagged, unknown_area;
  double *fold_temperatures;
  size_t n_path_rows;
  void *reserved[6];
} EffnetTrainReport;

/**
 * effnet_head_train:
 * @set: at least one row of each class, and of yes and no
 * @options: (nullable): NULL = the defaults
 * @progress: (nullable) (scope call) (closure progress_data): told how far it is
 * @progress_data: for @progress
 * @cancellable: (nullable): stops it
 * @report: (nullable) (out) (transfer full): how it went
 * @error: return location
 *
 * Chooses the strength by cross-validation (stratified, whole groups; with 8000 rows or more by
 * some 4000 of them, the penalty standing for as much a row), trains on all rows, and
 * calibrates on what the folds' heads say of the rows they did not see: temperature (Guo et al.,
 * "On Calibration of Modern Neural Networks", 2017), thresholds (softmax: the lowest
 * score from which answers are right at @precision; else the one with the best F1), and the
 * distance beyond which a picture is unknown. Altered copies of pictures count in none of that
 * (@n_originals).
 *
 * Returns: (transfer full) (nullable): a head without labels, or NULL with #EFFNET_ERROR_ARGUMENT
 *   (a class without a row, features that are not finite, targets that fit no head), IO (memory)
 *   or CANCELLED
 */
EFFNET_API EffnetHead *effnet_head_train (const EffnetTrainSet *set,
                                          const EffnetTrainOptions *options,
                                          EffnetTrainProgress progress, void *progress_data,
                                          GCancellable *cancellable, EffnetTrainReport **report,
                                          GError **error);
/**
 * effnet_train_report_free:
 * @report: (nullable) (transfer full): a report
 */
EFFNET_API void effnet_train_report_free (EffnetTrainReport *report);

/* ---- splits ---------------------------------------------------------------------------------- */

/**
 * effnet_train_groups:
 * @n_rows: feature vectors
 * @n_features: entries of each
 * @features: [n_rows][n_features]
 * @hashes: (nullable): [n_rows] of the files, any text; rows with equal ones belong together
 * @groups_before: (nullable): [n_rows] rows with equal numbers belong together
 * @max_distance: rows belong together up to this distance, sqrt (2 - 2 cos) of their features; 0 =
 *   #EFFNET_DUPLICATE_DISTANCE, below 0 = do not look
 * @threads: workers; 0 = effnet_cpu_count()
 * @cancellable: (nullable): stops it
 * @groups: (out caller-allocates): [n_rows] numbers from 0 on, in the order of their first rows
 * @nearest: (nullable) (out caller-allocates): [n_rows] distance to the nearest other row, 2 for a
 *   row alone
 * @nearest_row: (nullable) (out caller-allocates): [n_rows] that row
 * @error: return location
 *
 * Finds what must stay on one side of a split: duplicates and near-duplicates, and whatever they
 * are tied to. Takes n_rows^2 / 2 * n_features multiply-adds.
 *
 * Returns: the number of groups, or 0 with #EFFNET_ERROR_ARGUMENT, IO or CANCELLED
 */
EFFNET_API unsigned effnet_train_groups (size_t n_rows, unsigned n_features, const float *features,
                                         const char *const *hashes, const unsigned *groups_before,
                                         double max_distance, unsigned threads,
                                         GCancellable *cancellable, unsigned *groups,
                                         float *nearest, size_t *nearest_row, GError **error);
/* From 0.96 on are two photographs of one sort of thing; up to 0.5 nearly all copies that are saved
 * again, brighter, cut or mirrored, and frames of a clip a moment apart (docs/TRAINING.md). */
#define EFFNET_DUPLICATE_DISTANCE 0.5
/**
 * effnet_train_near:
 * @n_rows: feature vectors
 * @n_features: entries of each
 * @features: [n_rows][n_features]
 * @n_limits: distances to group by
 * @limits: [n_limits] as max_distance of effnet_train_groups()
 * @threads: workers; 0 = effnet_cpu_count()
 * @cancellable: (nullable): stops it
 * @groups: (out caller-allocates): [n_limits][n_rows] numbers from 0 on, in the order of their
 *   first rows
 * @nearest: (nullable) (out caller-allocates): [n_rows] as effnet_train_groups()
 * @nearest_row: (nullable) (out caller-allocates): [n_rows] likewise
 * @error: return location
 *
 * The groups that features alone make, for several distances at the cost of one.
 *
 * Returns: FALSE with #EFFNET_ERROR_ARGUMENT, IO or CANCELLED
 */
EFFNET_API gboolean effnet_train_near (size_t n_rows, unsigned n_features, const float *features,
                                       unsigned n_limits, const double *limits, unsigned threads,
                                       GCancellable *cancellable, unsigned *groups, float *nearest,
                                       size_t *nearest_row, GError **error);
/**
 * effnet_train_merge:
 * @n_rows: of both
 * @one: [n_rows] numbers of groups
 * @other: [n_rows] numbers of other groups
 * @groups: (out caller-allocates): [n_rows] rows that either has in one group are in one
 *
 * Returns: the number of groups
 */
EFFNET_API unsigned effnet_train_merge (size_t n_rows, const unsigned *one, const unsigned *other,
                                        unsigned *groups);
/**
 * effnet_train_folds:
 * @set: its targets and groups count
 * @n_folds: from 2 to #EFFNET_TRAIN_FOLDS_MAX
 * @seed: of the draw
 * @fold: (out caller-allocates): [n_rows] from 0 to n_folds - 1
 *
 * Parts of about equal size, with each class in about equal shares, in whole groups.
 */
EFFNET_API void effnet_train_folds (const EffnetTrainSet *set, unsigned n_folds, uint64_t seed,
                                    uint8_t *fold);
/**
 * effnet_train_split:
 * @set: its targets and groups count
 * @fraction: to hold out, between 0 and 1
 * @seed: of the draw
 * @side: (out caller-allocates): [n_rows] 1 = held out
 *
 * As effnet_train_folds(), in two parts. A class with two groups or more has one on each side, as
 * far as its groups are no other class's.
 *
 * Returns: the rows held out
 */
EFFNET_API size_t effnet_train_split (const EffnetTrainSet *set, double fraction, uint64_t seed,
                                      uint8_t *side);

#include "effnet/evaluate.h"
#include "effnet/augment.h"
#include "effnet/headfile.h"
#include "effnet/tune.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetAugmenter, effnet_augmenter_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetHead, effnet_head_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetTrainReport, effnet_train_report_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetTune, effnet_tune_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetEvaluation, effnet_evaluation_free)

G_END_DECLS

#endif /* EFFNET_TRAIN_H */
