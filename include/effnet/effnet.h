/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet: EfficientNet image classification on an ordinary CPU.
 *
 * This file, effnet/image.h, effnet/session.h, effnet/describe.h, effnet/maps.h, effnet/picture.h
 * and effnet/quantise.h, which it includes, effnet/scheduler.h and effnet/train.h are the
 * specification of libeffnet: what is not declared in them is not public.
 *
 * Lifetimes. There are three, beside those of effnet/scheduler.h and effnet/train.h:
 *   model    immutable and reference-counted; any number of threads may use it at once
 *   session  one arena of scratch memory; one thread at a time; keeps a reference to its model
 *   frame    the caller's pixels (#EffnetImage); read only during the call that gets them
 *
 * Errors. A function with a GError argument returns FALSE or NULL and sets @error to a sentence
 * that names the subject, the value found, and what was expected. It leaves nothing behind. Passing
 * a NULL model or session is a programming error and is caught by an assertion, not reported.
 *
 * fork(). The child may go on with the models and sessions that no other thread was using at that
 * moment: run them, free them, open others; its pools start threads of their own. A session that
 * another thread was inside of must be left alone in the child, and is not to be freed there.
 *
 * Memory. Blocks whose size depends on a file, a picture or an option are asked for with care: when
 * the system does not give them, the call fails with #EFFNET_ERROR_IO and a sentence that says how
 * much. GLib aborts the process when it gets no memory for small ones: how much of that a file will
 * take is asked for beforehand, in one block, and a large block is not taken when it is the last.
 *
 * The library stays loaded when it is closed with dlclose().
 *
 * The whole of it, on one page:
 *
 * |[<!-- language="C" -->
 * g_autoptr (GError) error = NULL;
 * g_autoptr (EffnetModel) model = effnet_model_open ("models/lite0", NULL, &error);
 * if (model == NULL)
 *   g_error ("%s", error->message);
 * g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, &error);
 *
 * EffnetImage frame = {.format = EFFNET_PIXEL_FORMAT_RGB, .width = 640, .height = 480,
 *                      .data = {pixels}, .stride = {640 * 3}};
 * EffnetResult result;
 * if (!effnet_session_classify (session, &frame, &result, &error))
 *   g_error ("%s", error->message);
 *
 * EffnetScore top[5];
 * unsigned n = effnet_result_top_k (&result, 5, top);
 * for (unsigned i = 0; i < n; i++)
 *   printf ("%-24s %.3f\n", effnet_model_get_label (model, top[i].id), top[i].score);
 * ]|
 */
#ifndef EFFNET_EFFNET_H
#define EFFNET_EFFNET_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "effnet/image.h"
#include "effnet/version.h"

G_BEGIN_DECLS

#if defined(__GNUC__)
#  define EFFNET_API __attribute__ ((visibility ("default")))
#else
#  define EFFNET_API
#endif

#define EFFNET_THREADS_MAX     1024    /* workers of a pool */
#define EFFNET_CLASSES_MAX     1000000 /* of a classifier */
#define EFFNET_INPUT_SIDE_MAX  8192    /* pixels of a side of the network's input */
#define EFFNET_FRAME_SIDE_MAX  16384   /* pixels of a side of a frame */
#define EFFNET_TOP_K_MAX       1000    /* classes that the element and the tool list */
#define EFFNET_BATCH_MAX       64      /* images of effnet_session_run_batch() */
#define EFFNET_TEMPERATURE_MAX 100.0   /* of EffnetSessionOptions */

/* ---- errors ---------------------------------------------------------------------------------- */

#define EFFNET_ERROR (effnet_error_quark ())

/**
 * EffnetError:
 * @EFFNET_ERROR_NOT_FOUND: a file, folder, variant or model that is not there
 * @EFFNET_ERROR_IO: a file that is there but could not be read
 * @EFFNET_ERROR_FORMAT: a file whose bytes break its format
 * @EFFNET_ERROR_MISMATCH: files that are sound but do not belong together
 * @EFFNET_ERROR_UNSUPPORTED: sound, but beyond this build or this CPU
 * @EFFNET_ERROR_ARGUMENT: an option or argument out of its range
 * @EFFNET_ERROR_FRAME: pixels or JPEG bytes that cannot be used; the session stays usable
 * @EFFNET_ERROR_CANCELLED: effnet_session_set_cancelled() stopped the call
 */
typedef enum {
  EFFNET_ERROR_NOT_FOUND,
  EFFNET_ERROR_IO,
  EFFNET_ERROR_FORMAT,
  EFFNET_ERROR_MISMATCH,
  EFFNET_ERROR_UNSUPPORTED,
  EFFNET_ERROR_ARGUMENT,
  EFFNET_ERROR_FRAME,
  EFFNET_ERROR_CANCELLED,
} EffnetError;

EFFNET_API GQuark effnet_error_quark (void);

/* ---- model ----------------------------------------------------------------------------------- */

/**
 * EffnetPrecision:
 * @EFFNET_PRECISION_AUTO: bf16 where the CPU has avx512_bf16 or amx_bf16, else fp32
 * @EFFNET_PRECISION_FP32: 32-bit floats
 * @EFFNET_PRECISION_BF16: 16-bit brain floats, sums in 32 bits; fp32, with a notice, without
 * @EFFNET_PRECISION_INT8: pointwise convolutions in 8-bit integers, with a scale for each output of
 *   the weights and for each pixel, found when it runs: nothing is calibrated; all else like bf16
 *   where the CPU has it, else like fp32
 */
typedef enum {
  EFFNET_PRECISION_AUTO,
  EFFNET_PRECISION_FP32,
  EFFNET_PRECISION_BF16,
  EFFNET_PRECISION_INT8,
} EffnetPrecision;

/**
 * EffnetPadding:
 * @EFFNET_PADDING_AUTO: what the card or the names in the checkpoint say
 * @EFFNET_PADDING_SAME: TensorFlow's: output = ceil (input / stride), the odd pixel right and below
 * @EFFNET_PADDING_SYMMETRIC: PyTorch's: (kernel - 1) / 2 on every side
 */
typedef enum {
  EFFNET_PADDING_AUTO,
  EFFNET_PADDING_SAME,
  EFFNET_PADDING_SYMMETRIC,
} EffnetPadding;

/**
 * EffnetModelOptions:
 * @variant: (nullable): one of effnet_variant_names() or scaled ("phi:1.5", "lite0:phi:1.5",
 *   "b0:1.1,1.2,260"); NULL or "auto" = what the card says, else the one whose shapes the file
 *   has. Without a path it also says which model to look for; with neither, the default model
 * @labels_file: (nullable): one class name a line, in the order of the classes or each behind its
 *   number ("0 cat", "0: cat", "0,cat"), or JSON; NULL = the card's, which a file stands in for
 * @precision: arithmetic of the network
 * @padding: overrides the card's
 * @bn_epsilon: batch-norm epsilon; 0 = the card's or the flavour's
 * @synthetic_seed: when not 0 no file is read: @variant is built with seeded synthetic weights
 *   (for benchmarks and parity tests)
 * @input_size: side of the network's input in pixels; 0 = the card's, which may have four times the
 *   area of the variant's, or the variant's
 *
 * All zero is the default of each.
 */
typedef struct {
  const char *variant;
  const char *labels_file;
  EffnetPrecision precision;
  EffnetPadding padding;
  double bn_epsilon;
  uint64_t synthetic_seed;
  unsigned input_size;
  void *reserved[8];
} EffnetModelOptions;

typedef struct _EffnetModel EffnetModel;

/**
 * EffnetModelInfo:
 * @name: architecture as the card calls it, else the variant
 * @variant: "b0"...
 * @path: (nullable): the weights file; NULL for synthetic weights
 * @notice: (nullable): what was guessed or passed over on opening and may change answers, for the
 *   user to read
 * @precision: "fp32", "bf16", "int8"
 * @isa: the instruction set the kernels were chosen for
 * @padding: "same" or "symmetric"
 * @activation: what #EFFNET_OUTPUT_ACTIVATION_AUTO comes to: "softmax", "sigmoid" or "none"
 * @n_classes: entries of the logits; 0 = the model has no classifier and gives features alone
 * @n_features: entries of the pooled feature vector
 * @input_width: network input, pixels
 * @input_height: network input, pixels
 * @parameters: trained parameters, batch-norm statistics not counted
 * @multiply_adds: of one inference
 * @weight_bytes: memory of the packed weights, shared by every session of the model
 * @arena_bytes: memory one session of one thread adds
 * @input_mean: of R, G, B: the network's input is (pixel - mean) / std, of pixels from 0 to 1
 * @input_std: of R, G, B
 * @bias_correction: (nullable): where weights are rounded, what tells the means that biases are
 *   corrected with: "batch-norm", "frames" (effnet_session_save_means()) or "none". NULL in fp32
 * @stored: (nullable): "int8" where effnet_model_save_int8() made the weights file
 *
 * Strings belong to the model and live as long as it.
 */
typedef struct {
  const char *name;
  const char *variant;
  const char *path;
  const char *notice;
  const char *precision;
  const char *isa;
  const char *padding;
  const char *activation;
  unsigned n_classes, n_features;
  unsigned input_width, input_height;
  uint64_t parameters, multiply_adds;
  size_t weight_bytes, arena_bytes;
  float input_mean[3], input_std[3];
  const char *bias_correction, *stored;
  void *reserved[3];
} EffnetModelInfo;

/**
 * effnet_model_open:
 * @path: (nullable) (type filename): a safetensors file, or a folder with `model.safetensors` and
 *   `config.json`; NULL = search for the variant
 * @options: (nullable): NULL = the defaults
 * @error: return location
 *
 * Opens, checks, folds and packs a model; afterwards the model is immutable. Without @path
 * the folders `$EFFNET_MODEL_PATH` (separated by ':'), the user's data folder + `effnet/models` and
 * the installed data folder + `effnet/models` are searched for `VARIANT/model.safetensors`. The
 * same file opened again with the same options while it is in use gives the same object.
 *
 * Returns: (transfer full) (nullable): the model, or NULL with any #EffnetError but FRAME
 */
EFFNET_API EffnetModel *effnet_model_open (const char *path, const EffnetModelOptions *options,
                                           GError **error);
/**
 * effnet_model_ref:
 * @model: a model
 *
 * Returns: (transfer full): @model
 */
EFFNET_API EffnetModel *effnet_model_ref (EffnetModel *model);
/**
 * effnet_model_unref:
 * @model: (transfer full): a model; the last reference frees it
 */
EFFNET_API void effnet_model_unref (EffnetModel *model);
/**
 * effnet_model_get_info:
 * @model: a model
 * @info: (out caller-allocates): filled
 */
EFFNET_API void effnet_model_get_info (const EffnetModel *model, EffnetModelInfo *info);
/**
 * effnet_model_get_label:
 * @model: a model
 * @id: class index
 *
 * Returns: (transfer none) (nullable): its name; NULL without labels or past the last class
 */
EFFNET_API const char *effnet_model_get_label (const EffnetModel *model, unsigned id);
/**
 * effnet_model_get_sha256:
 * @model: a model
 *
 * SHA-256 of the weights file that was opened, also when it was replaced or removed since. Computed
 * by the first call, about 5 ms a megabyte.
 *
 * Returns: (transfer none): 64 hexadecimal digits; "" for synthetic weights, and for a file that
 * was, or may have been, written to before the first call (given another name, for example)
 */
EFFNET_API const char *effnet_model_get_sha256 (EffnetModel *model);
/**
 * effnet_model_find:
 * @variant: (nullable): the variant to look for; NULL = the default model
 * @error: return location
 *
 * Where effnet_model_open() would find a variant without a path.
 *
 * Returns: (transfer full) (type filename) (nullable): its folder, or NULL with
 *   #EFFNET_ERROR_NOT_FOUND: the message lists the folders searched and the command that gets it
 */
EFFNET_API char *effnet_model_find (const char *variant, GError **error);

#include "effnet/session.h"
/* These take sessions. */
#include "effnet/describe.h"
#include "effnet/maps.h"
#include "effnet/picture.h"
#include "effnet/quantise.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetModel, effnet_model_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetSession, effnet_session_free)

G_END_DECLS

#endif /* EFFNET_EFFNET_H */
