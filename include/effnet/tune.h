/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deeper fine-tuning: the last blocks of a backbone are trained together with a head. A part of
 * effnet/train.h, which includes it; not to be included alone. */
#ifndef EFFNET_TUNE_H
#define EFFNET_TUNE_H

#define EFFNET_TUNE_EPOCHS_MAX 200

/**
 * EffnetTuneDepth:
 * @EFFNET_TUNE_LAST_BLOCK: the last stage (stage 7 of the paper's table: one block of b0, lite0 and
 *   their like), the 1x1 convolution behind it and the classifier
 * @EFFNET_TUNE_ALL: every block, the 1x1 convolution and the classifier: all but the stem, the
 *   first convolution of three channels
 *
 * Trained are weights and biases, and of batch norms gamma and beta; their means and variances stay
 * as they are.
 */
typedef enum {
  EFFNET_TUNE_LAST_BLOCK,
  EFFNET_TUNE_ALL,
} EffnetTuneDepth;

/**
 * EffnetTuneOptions:
 * @depth: what is trained
 * @epochs: at most, up to #EFFNET_TUNE_EPOCHS_MAX; 0 = 20
 * @patience: epochs without a better one after which it ends; 0 = 6
 * @batch: pictures of a step; 0 = 32
 * @learning_rate: the highest; 0 = 0.01
 * @momentum: 0 = 0.9
 * @weight_decay: of weights, not of biases, gamma and beta; 0 = 1e-4
 * @balanced: TRUE: rare classes count as much as frequent ones
 * @seed: of the order of the pictures
 * @threads: workers; 0 = effnet_cpu_count()
 * @memory: bytes for what is kept of the pictures; 0 = 256 MiB. What is more goes to a file
 * @folder: (nullable) (type filename): where that file is made, without a name; NULL = the system's
 *   folder for temporary files
 * @work_memory: bytes for a pass forward and backward, 0 = 192 MiB; one picture is always possible
 *
 * All zero is the default of each.
 */
typedef struct {
  EffnetTuneDepth depth;
  unsigned epochs, patience, batch;
  double learning_rate, momentum, weight_decay;
  gboolean balanced;
  uint64_t seed;
  unsigned threads;
  size_t memory;
  const char *folder;
  size_t work_memory;
  void *reserved[8];
} EffnetTuneOptions;

typedef struct _EffnetTune EffnetTune;

/**
 * effnet_tune_new:
 * @model: whose backbone is trained; in fp32, whatever its precision
 * @head: where the classifier begins: a head on the features of @model
 * @options: (nullable): NULL = the defaults
 * @error: return location
 *
 * Memory: 28 bytes for each parameter that is trained, the weights twice more, @work_memory, and
 * @memory. A picture is kept as what enters the first trained block, 4 bytes a number: of b0 and
 * lite0 at 224 pixels 37 kB for the last block, 600 kB for all.
 *
 * Returns: (transfer full) (nullable): free with effnet_tune_free(); NULL with
 *   #EFFNET_ERROR_MISMATCH (a head of another model), UNSUPPORTED (synthetic weights, which have no
 *   file), ARGUMENT, or as effnet_model_open()
 */
EFFNET_API EffnetTune *effnet_tune_new (EffnetModel *model, const EffnetHead *head,
                                        const EffnetTuneOptions *options, GError **error);
/**
 * effnet_tune_free:
 * @tune: (nullable) (transfer full): what no thread uses any more
 */
EFFNET_API void effnet_tune_free (EffnetTune *tune);
/**
 * effnet_tune_add:
 * @tune: before effnet_tune_run()
 * @nhwc: [n_views][input_height][input_width][3], RGB, normalised: the picture, and altered copies
 *   of it. Each epoch takes the next of them
 * @n_views: at least 1
 * @targets: [n_classes] 0 or 1
 * @held_out: TRUE: it is not trained on but tells how good an epoch was; its first view counts
 * @error: return location
 *
 * Runs the part of the network that is not trained, once for each view.
 *
 * Returns: FALSE with #EFFNET_ERROR_IO: no memory, or no room for the file
 */
EFFNET_API gboolean effnet_tune_add (EffnetTune *tune, const float *nhwc, unsigned n_views,
                                     const uint8_t *targets, gboolean held_out, GError **error);

/**
 * EffnetTuneEpoch:
 * @rate: learning rate of its last step
 * @train_loss: mean loss of the pictures trained on, each as it was when its step came
 * @loss: mean loss of the pictures held out, at the temperature that fits them best
 * @accuracy: share of their decisions that are right
 */
typedef struct {
  double rate, train_loss, loss, accuracy;
} EffnetTuneEpoch;

/**
 * EffnetTuneReport:
 * @is_better: TRUE: the network is that of @best_epoch, which gets at least as many of the pictures
 *   held out right as the head alone, at losses smaller by more than a standard error of their mean
 *   and a hundredth. FALSE: nothing beat the head, and nothing is changed
 * @n_epochs: that were run
 * @best_epoch: from 1 on; 0 = the head alone
 * @n_trained: pictures
 * @n_held_out: pictures
 * @n_parameters: that were trained
 * @file_bytes: of what is kept of the pictures, in a file
 * @epochs: [n_epochs + 1] the first is the head before any step
 *
 * The pictures held out choose the epoch, so what they say of it is a little too good; a picture
 * that took no part is the honest judge.
 */
typedef struct {
  gboolean is_better;
  unsigned n_epochs, best_epoch;
  size_t n_trained, n_held_out, n_parameters;
  uint64_t file_bytes;
  EffnetTuneEpoch epochs[EFFNET_TUNE_EPOCHS_MAX + 1];
  void *reserved[8];
} EffnetTuneReport;

/**
 * effnet_tune_run:
 * @tune: with pictures of both kinds
 * @progress: (nullable) (scope call) (closure progress_data): told how far it is
 * @progress_data: for @progress
 * @cancellable: (nullable): stops it, within a block's time of one pass
 * @report: (nullable) (out caller-allocates): how it went
 * @error: return location
 *
 * Stochastic gradient descent with momentum (v = momentum v + g, w -= rate v, as PyTorch's SGD)
 * from the head on, on the loss of the head's kind; the rate rises over the first twentieth of the
 * steps and falls as half a cosine to nothing (Loshchilov and Hutter, 2017, "SGDR: stochastic
 * gradient descent with warm restarts"). The same arguments give the same bits, whatever the number
 * of threads. Call it once.
 *
 * Returns: FALSE with #EFFNET_ERROR_ARGUMENT (no pictures to train on, or none held out), IO or
 *   CANCELLED
 */
EFFNET_API gboolean effnet_tune_run (EffnetTune *tune, EffnetTrainProgress progress,
                                     void *progress_data, GCancellable *cancellable,
                                     EffnetTuneReport *report, GError **error);
/**
 * effnet_tune_apply:
 * @tune: as it is now
 * @index: of a picture, in the order they were added
 * @view: of it
 * @features: (nullable) (out caller-allocates): [n_features] pooled
 * @logits: (nullable) (out caller-allocates): [n_classes]
 * @error: return location
 *
 * What the trained network makes of a picture that was added.
 *
 * Returns: FALSE with #EFFNET_ERROR_IO
 */
EFFNET_API gboolean effnet_tune_apply (EffnetTune *tune, size_t index, unsigned view,
                                       float *features, float *logits, GError **error);
/**
 * effnet_tune_apply_input:
 * @tune: as it is now
 * @nhwc: [input_height][input_width][3], RGB, normalised
 * @features: (nullable) (out caller-allocates): [n_features] pooled
 * @logits: (nullable) (out caller-allocates): [n_classes]
 *
 * The same of a picture that was not added.
 */
EFFNET_API void effnet_tune_apply_input (EffnetTune *tune, const float *nhwc, float *features,
                                         float *logits);
/**
 * effnet_tune_get_head:
 * @tune: after effnet_tune_run()
 * @error: return location
 *
 * The trained classifier as a head, with the labels of the one it began with. Its temperature fits
 * the pictures held out; thresholds and unknown are told as before, from the new features.
 *
 * Returns: (transfer full) (nullable): a head on the trained backbone, the one it began with when
 *   nothing beat that; NULL with #EFFNET_ERROR_IO
 */
EFFNET_API EffnetHead *effnet_tune_get_head (EffnetTune *tune, GError **error);
/**
 * effnet_tune_save:
 * @tune: after effnet_tune_run()
 * @head: what effnet_tune_get_head() made
 * @folder: (type filename): as effnet_head_save()
 * @options: (nullable): as effnet_head_save()
 * @error: return location
 *
 * As effnet_head_save() with the trained backbone: its tensors, those not trained as the bytes they
 * were, under timm's names.
 *
 * Returns: FALSE as effnet_head_save()
 */
EFFNET_API gboolean effnet_tune_save (EffnetTune *tune, const EffnetHead *head, const char *folder,
                                      const EffnetHeadSaveOptions *options, GError **error);

#endif
