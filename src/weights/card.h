/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Model cards (Hugging Face's config.json as timm writes it) and label files: what a checkpoint
 * wants of its input and calls its classes. */
#ifndef EFFNET_WEIGHTS_CARD_H
#define EFFNET_WEIGHTS_CARD_H

#include "base/error.h"

typedef enum {
  EFFNET_INTERPOLATION_BILINEAR,
  EFFNET_INTERPOLATION_BICUBIC,
} EffnetInterpolation;

typedef enum {
  EFFNET_CROP_CENTER, /* shorter side to size / crop_pct, then the middle */
  EFFNET_CROP_SQUASH, /* both sides to size / crop_pct, then the middle */
  EFFNET_CROP_BORDER, /* longer side to size, the rest filled */
} EffnetCropMode;

typedef struct {
  char *architecture;                 /* as written, or NULL */
  unsigned n_classes;                 /* 0 = not said */
  unsigned input_height, input_width; /* 0 = not said */
  float mean[3], std[3];              /* of pixels in 0..1 */
  EffnetInterpolation interpolation;
  double crop_pct; /* 0 < crop_pct <= 1 */
  EffnetCropMode crop_mode;
  EffnetPadding padding;             /* AUTO = not said */
  EffnetOutputActivation activation; /* of the logits; AUTO = not said */
  double bn_epsilon;                 /* 0 = not said */
  char **labels;                     /* NULL-terminated, n_classes of them, or NULL */
} EffnetCard;

/* Defaults where there is no card: ImageNet mean and std, bicubic, crop_pct 0.875. */
EffnetCard *effnet_card_new (void);
/* Reads config.json. Keys at the top and inside "pretrained_cfg" are both understood (of the
 * input's description the inner counts, of architecture, classes and labels the outer); unknown
 * ones are left alone. Labels are label_names, through label_descriptions where a name stands in
 * it. Also read: "problem_type" as transformers has it, and "effnet": {"padding":
 * "same"|"symmetric", "bn_epsilon": 0.001, "activation": "softmax"|"sigmoid"|"none"}. NULL with
 * NOT_FOUND, IO, FORMAT, UNSUPPORTED (an interpolation, crop mode or padding that is not one of
 * ours) or MISMATCH (labels and num_classes). */
EffnetCard *effnet_card_load (const char *path, GError **error);
void effnet_card_free (EffnetCard *card);

/* One name a line (UTF-8, CRLF tolerated, empty lines at the end are none). @n_classes = how many
 * there must be. NULL-terminated; free with g_strfreev(). NULL with NOT_FOUND, IO, FORMAT or
 * MISMATCH. */
char **effnet_labels_load (const char *path, unsigned n_classes, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetCard, effnet_card_free)

#endif
