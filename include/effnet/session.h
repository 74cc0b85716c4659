/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sessions: frames through a model to results. A part of effnet/effnet.h, which includes it; not to
 * be included alone. */
#ifndef EFFNET_SESSION_H
#define EFFNET_SESSION_H

/**
 * EffnetResizeMode:
 * @EFFNET_RESIZE_MODE_AUTO: what the card says; without a card center-crop
 * @EFFNET_RESIZE_MODE_STRETCH: the whole frame, aspect ratio ignored
 * @EFFNET_RESIZE_MODE_CENTER_CROP: shorter side to size / crop_pct, then the middle
 * @EFFNET_RESIZE_MODE_LETTERBOX: the whole frame, aspect ratio kept, the rest filled with the mean
 */
typedef enum {
  EFFNET_RESIZE_MODE_AUTO,
  EFFNET_RESIZE_MODE_STRETCH,
  EFFNET_RESIZE_MODE_CENTER_CROP,
  EFFNET_RESIZE_MODE_LETTERBOX,
} EffnetResizeMode;

/**
 * EffnetOutputActivation:
 * @EFFNET_OUTPUT_ACTIVATION_AUTO: what the card says; else sigmoid for one logit, softmax for more
 * @EFFNET_OUTPUT_ACTIVATION_SOFTMAX: one of the classes: the scores add up to 1
 * @EFFNET_OUTPUT_ACTIVATION_SIGMOID: each class yes or no by itself: any number of scores near 1
 * @EFFNET_OUTPUT_ACTIVATION_NONE: the scores are the logits
 */
typedef enum {
  EFFNET_OUTPUT_ACTIVATION_AUTO,
  EFFNET_OUTPUT_ACTIVATION_SOFTMAX,
  EFFNET_OUTPUT_ACTIVATION_SIGMOID,
  EFFNET_OUTPUT_ACTIVATION_NONE,
} EffnetOutputActivation;

/**
 * EffnetSessionOptions:
 * @threads: workers of the pool; 0 = effnet_cpu_count(). All sessions that ask for the same number
 *   share one pool. Results do not depend on it, bit for bit
 * @resize_mode: how a frame becomes the network's input
 * @jpeg_full_scale: FALSE decodes JPEG at the smallest DCT scale that covers the network's input
 * @profile: TRUE records the time of each step (effnet_session_get_profile())
 * @sparse_rows: TRUE reads of raw frames with three rows or more for each of the network's input
 * only every second one or fewer, three to a filter: half the time or less, a little less like
 * Pillow. FALSE reads all
 * @activation: how logits become scores
 * @temperature: softmax and sigmoid are of the logits divided by it: above 1 scores are less sure,
 *   below 1 more; up to EFFNET_TEMPERATURE_MAX. 0 = what the card says, else 1
 * @frontend_only: TRUE: for effnet_session_preprocess() and what goes with it, on one thread;
 *   without the memory of the network, which fails with #EFFNET_ERROR_ARGUMENT
 * @stages: 1 << NUMBER of each stage (#EffnetStage) whose feature map the results carry
 */
typedef struct {
  unsigned threads;
  EffnetResizeMode resize_mode;
  gboolean jpeg_full_scale;
  gboolean profile;
  gboolean sparse_rows;
  EffnetOutputActivation activation;
  double temperature;
  gboolean frontend_only;
  unsigned stages;
  void *reserved[5];
} EffnetSessionOptions;

typedef struct _EffnetSession EffnetSession;

/**
 * EffnetResult:
 * @logits: [n_classes] raw outputs; NULL with @probabilities when there are none
 * @probabilities: [n_classes] the scores: what the activation makes of @logits
 * @features: [n_features] global average pool before the classifier
 * @n_classes: entries of @logits
 * @n_features: entries of @features
 * @margin: best minus second best score. Of one sigmoid: between yes and no, |2 p - 1|
 * @entropy: in nats. Softmax: of the distribution, 0 when one class has all. Sigmoid: the sum over
 *   the classes of that of yes and no, 0 when each is certain. None: 0
 * @decode_ns: time spent in the JPEG decoder
 * @convert_ns: time from pixels to the network's input
 * @infer_ns: time of the network
 * @warnings: what the JPEG decoder complained of; 0 for a sound frame and for pixels
 * @damage: share of the JPEG's picture, as far as it was read, that is lost or in doubt: 0 up to
 *   EFFNET_DAMAGE_MAX
 * @stages: (nullable): by stage number, of those asked for [height][width][channels], else NULL;
 *   NULL when none was
 *
 * The arrays belong to the session and hold until its next call.
 */
typedef struct {
  const float *logits;
  const float *probabilities;
  const float *features;
  unsigned n_classes, n_features;
  double margin, entropy;
  uint64_t decode_ns, convert_ns, infer_ns;
  unsigned warnings;
  float damage;
  const float *const *stages;
  void *reserved[2];
} EffnetResult;

/**
 * EffnetScore:
 * @id: class index
 * @score: 0..1, or with #EFFNET_OUTPUT_ACTIVATION_NONE the logit
 */
typedef struct {
  unsigned id;
  float score;
} EffnetScore;

/**
 * effnet_session_new:
 * @model: a model; the session keeps a reference
 * @options: (nullable): NULL = the defaults
 * @error: return location
 *
 * Returns: (transfer full) (nullable): a session; free with effnet_session_free()
 */
EFFNET_API EffnetSession *effnet_session_new (EffnetModel *model,
                                              const EffnetSessionOptions *options, GError **error);
/**
 * effnet_session_free:
 * @session: (nullable) (transfer full): a session that no thread uses any more
 */
EFFNET_API void effnet_session_free (EffnetSession *session);
/**
 * effnet_session_set_resize_mode:
 * @session: a session
 * @mode: from the next frame on
 */
EFFNET_API void effnet_session_set_resize_mode (EffnetSession *session, EffnetResizeMode mode);
/**
 * effnet_session_set_sparse_rows:
 * @session: a session
 * @sparse: as in #EffnetSessionOptions, from the next frame on
 */
EFFNET_API void effnet_session_set_sparse_rows (EffnetSession *session, gboolean sparse);
/**
 * effnet_session_set_activation:
 * @session: a session
 * @activation: from the next run on
 */
EFFNET_API void effnet_session_set_activation (EffnetSession *session,
                                               EffnetOutputActivation activation);
/**
 * effnet_session_set_temperature:
 * @session: a session
 * @temperature: as in #EffnetSessionOptions, from the next run on
 */
EFFNET_API void effnet_session_set_temperature (EffnetSession *session, double temperature);
/**
 * effnet_session_set_cancelled:
 * @session: a session
 * @cancelled: TRUE: the call in progress and all later ones fail with #EFFNET_ERROR_CANCELLED;
 *   FALSE: later ones run again
 *
 * For any thread, at any time in the session's life, and never waits. The call in progress ends
 * within a few milliseconds.
 */
EFFNET_API void effnet_session_set_cancelled (EffnetSession *session, gboolean cancelled);
/**
 * effnet_session_classify:
 * @session: a session
 * @frame: pixels or a JPEG file
 * @result: (out caller-allocates): filled; its arrays belong to the session
 * @error: return location
 *
 * Pixels to classes. A raw frame described like the last allocates nothing, a JPEG twice (libjpeg;
 * five times one that lacks a table).
 *
 * Returns: FALSE with #EFFNET_ERROR_FRAME when the frame cannot be used, or as
 *   effnet_session_run(); the session stays usable
 */
EFFNET_API gboolean effnet_session_classify (EffnetSession *session, const EffnetImage *frame,
                                             EffnetResult *result, GError **error);
/**
 * EffnetRegionFunc:
 * @region: index of the region, or of the image of a batch
 * @result: its result; the arrays hold until the function returns
 * @user_data: as given
 */
typedef void (*EffnetRegionFunc) (unsigned region, const EffnetResult *result, void *user_data);
/**
 * EffnetInputFunc:
 * @region: index of the region
 * @nhwc: [input_height][input_width][3], what the network is about to get; for this call only
 * @user_data: as given
 *
 * Returns: FALSE to leave this region's run out
 */
typedef gboolean (*EffnetInputFunc) (unsigned region, const float *nhwc, void *user_data);
/**
 * effnet_session_set_input_func:
 * @session: a session
 * @func: (nullable) (scope forever) (closure user_data): called by
 *   effnet_session_classify_regions() between the front end and the network; NULL = none
 * @user_data: for @func
 *
 * For whoever wants to look at the network's input without converting the frame once more.
 */
EFFNET_API void effnet_session_set_input_func (EffnetSession *session, EffnetInputFunc func,
                                               void *user_data);
/**
 * effnet_session_classify_regions:
 * @session: a session
 * @frame: pixels or a JPEG file
 * @regions: (array length=n_regions): parts of @frame, in any order; they may overlap
 * @n_regions: how many; 0 does nothing
 * @func: (scope call) (closure user_data): called once for each region, in order, but for those
 *   that an #EffnetInputFunc leaves out
 * @user_data: for @func
 * @error: return location
 *
 * Classifies parts of one frame, each read at the frame's own resolution. A JPEG is decoded once,
 * at the smallest DCT scale that covers the network's input for every region; the first result
 * carries its `decode_ns`. Nothing is called when the frame or a region is wrong; the calls that
 * were made stand when a later region is cancelled or its result is not finite.
 *
 * Returns: as effnet_session_classify(); the message numbers the region from 0
 */
EFFNET_API gboolean effnet_session_classify_regions (EffnetSession *session,
                                                     const EffnetImage *frame,
                                                     const EffnetRegion *regions,
                                                     unsigned n_regions, EffnetRegionFunc func,
                                                     void *user_data, GError **error);
/**
 * effnet_session_get_frame_size:
 * @session: a session
 * @frame: pixels or a JPEG file, of which only the header is read
 * @width: (out): pixels a line
 * @height: (out): lines
 * @error: return location
 *
 * The size in which regions count: that of the frame, or of its crop.
 *
 * Returns: as effnet_session_classify()
 */
EFFNET_API gboolean effnet_session_get_frame_size (EffnetSession *session, const EffnetImage *frame,
                                                   unsigned *width, unsigned *height,
                                                   GError **error);
/**
 * effnet_session_preprocess:
 * @session: a session
 * @frame: pixels or a JPEG file
 * @nhwc: (out caller-allocates): [input_height][input_width][3], what the network would get
 * @error: return location
 *
 * Returns: as effnet_session_classify()
 */
EFFNET_API gboolean effnet_session_preprocess (EffnetSession *session, const EffnetImage *frame,
                                               float *nhwc, GError **error);
/**
 * effnet_session_preprocess_regions:
 * @session: a session
 * @frame: pixels or a JPEG file, which is decoded once
 * @regions: (array length=n_regions) (nullable): parts of @frame, in any order; NULL = one, the
 *   whole of it
 * @n_regions: how many; 0 does nothing
 * @nhwc: (out caller-allocates): [n_regions][input_height][input_width][3]
 * @error: return location
 *
 * Returns: as effnet_session_classify_regions()
 */
EFFNET_API gboolean effnet_session_preprocess_regions (EffnetSession *session,
                                                       const EffnetImage *frame,
                                                       const EffnetRegion *regions,
                                                       unsigned n_regions, float *nhwc,
                                                       GError **error);
/**
 * effnet_session_run:
 * @session: a session
 * @nhwc: [input_height][input_width][3], RGB, normalised
 * @result: (out caller-allocates): filled; its arrays belong to the session
 * @error: return location
 *
 * The network alone. Allocates nothing.
 *
 * Returns: FALSE with #EFFNET_ERROR_CANCELLED, or with #EFFNET_ERROR_FORMAT when a result is not a
 *   finite number: the weights, or @nhwc, hold numbers too large
 */
EFFNET_API gboolean effnet_session_run (EffnetSession *session, const float *nhwc,
                                        EffnetResult *result, GError **error);
/**
 * effnet_session_run_batch:
 * @session: a session
 * @nhwc: [n][input_height][input_width][3], RGB, normalised
 * @n: images, at most #EFFNET_BATCH_MAX; 0 does nothing
 * @func: (scope call) (closure user_data): called once for each image, in order
 * @user_data: for @func
 * @error: return location
 *
 * Several images in one run: weights are read once for all of them, and the last rows of one share
 * a kernel's blocks with the first of the next. Each result is that of effnet_session_run(), bit
 * for bit, with an equal part of the run's time as `infer_ns`. The first batch of a size, larger
 * than those before it, makes the session's memory that many times as large.
 *
 * Returns: FALSE as effnet_session_run(), with #EFFNET_ERROR_ARGUMENT or, for lack of memory,
 *   #EFFNET_ERROR_IO; the calls that were made stand when a later image's result is not finite
 */
EFFNET_API gboolean effnet_session_run_batch (EffnetSession *session, const float *nhwc, unsigned n,
                                              EffnetRegionFunc func, void *user_data,
                                              GError **error);
/**
 * effnet_session_get_profile:
 * @session: a session made with `profile`
 *
 * Returns: (transfer full): JSON: one object per step of the network with `name`, `kernel`, `ns`
 * (of the last run), `bytes` and `flop` (a kernel may multiply less); free with g_free()
 */
EFFNET_API char *effnet_session_get_profile (const EffnetSession *session);
/**
 * effnet_result_top_k:
 * @result: a result
 * @k: how many
 * @top: (array length=k) (out caller-allocates): filled, best first; equal scores by lower id
 *
 * Returns: how many were written: the smaller of @k and n_classes
 */
EFFNET_API unsigned effnet_result_top_k (const EffnetResult *result, unsigned k, EffnetScore *top);

#endif
