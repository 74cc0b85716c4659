/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Model cards (Hugging Face's config.json as timm writes it) and label files: what a checkpoint
 * wants of its input and calls its classes. */
#ifndef EFFNET_WEIGHTS_CARD_H
#define EFFNET_WEIGHTS_CARD_H

#include "base/error.h"

/* Under Pillow's names, and computed as Pillow does. */
typedef enum {
  EFFNET_INTERPOLATION_BILINEAR,
  EFFNET_INTERPOLATION_BICUBIC,
  EFFNET_INTERPOLATION_NEAREST,
  EFFNET_INTERPOLATION_BOX,
  EFFNET_INTERPOLATION_HAMMING,
  EFFNET_INTERPOLATION_LANCZOS,
} EffnetInterpolation;

typedef enum {
  EFFNET_CROP_CENTER, /* shorter side to size / crop_pct, then the middle */
  EFFNET_CROP_SQUASH, /* both sides to size / crop_pct, then the middle */
  EFFNET_CROP_BORDER, /* longer side to size / crop_pct, the middle, filled up with the mean */
} EffnetCropMode;

typedef struct {
  char *architecture;                 /* as written, or NULL */
  gboolean is_grey;                   /* says that pictures have one channel */
  unsigned n_classes;                 /* 0 = not said, or no classifier */
  unsigned input_height, input_width; /* 0 = not said */
  float mean[3], std[3];              /* of pixels in 0..1 */
  gboolean says_range;                /* both of them are the card's own */
  EffnetInterpolation interpolation;
  double crop_pct; /* EFFNET_CROP_PCT_MIN .. _MAX; above 1 the picture is smaller than the input */
  EffnetCropMode crop_mode;
  EffnetPadding padding;             /* AUTO = not said */
  EffnetOutputActivation activation; /* of the logits; AUTO = not said */
  double temperature;                /* of the activation; 0 = not said */
  double bn_epsilon;                 /* 0 = not said */
  char **labels;                     /* NULL-terminated; NULL = none */
  GError *labels_error; /* why there are none though the card means to give them; NULL = nothing */
  /* of a trained head; NULL = not said */
  char *backbone_name, *backbone_path; /* a model's name and where it lay: relative to the card */
  char *backbone_sha256;               /* of its weights file; 64 digits */
  double *thresholds; /* [labels]: from which score on a class counts; 0 = always */
  char *unknown_method, *unknown_file; /* how distances are measured; a file beside the card */
  double unknown_threshold;            /* above it a picture is of none of the classes */
  char *provenance;                    /* a JSON object, as written */
} EffnetCard;

/* Of Transformers: what is done to pictures; beside the card, which is read with it. */
#define EFFNET_CARD_PREPROCESSOR "preprocessor_config.json"

/* Defaults where there is no card: ImageNet mean and std, bicubic, crop_pct 0.875. */
EffnetCard *effnet_card_new (void);
/* Reads config.json, with or without a byte order mark. Keys at the top and inside
 * "pretrained_cfg" are both understood (of the input's description the inner counts, of
 * architecture, classes and names the outer); unknown ones are left alone. Names are found as
 * names.h says; broken ones are no error here: whoever names a label file does not need them. Also
 * read: "problem_type" as Transformers has it, of a card of its EfficientNets image_size,
 * batch_norm_eps and the processor's card beside, and "effnet": {"padding": "same"|"symmetric",
 * "bn_epsilon": 0.001, "activation": "softmax"|"sigmoid"|"none", "temperature": 1.5} with what
 * training adds. NULL with
 * NOT_FOUND, IO, FORMAT or UNSUPPORTED (an interpolation, crop mode, padding or change of the
 * network that is not one of ours). */
EffnetCard *effnet_card_load (const char *path, GError **error);
void effnet_card_free (EffnetCard *card);

/* UTF-8 text with one name a line, in the order of the classes or each with its number ("0 cat",
 * "0: cat", CSV); or JSON, as a card holds names, or the same in Python's notation or in YAML.
 * @n_classes = how many there must be.
 * NULL-terminated; free with g_strfreev(). NULL with NOT_FOUND, IO, FORMAT or MISMATCH. */
char **effnet_labels_load (const char *path, unsigned n_classes, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetCard, effnet_card_free)

#endif
