/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a checkpoint is, from the options, its card and its tensors: in this order, each only where
 * the one before does not say. What is a guess is said in a notice. */
#ifndef EFFNET_ENGINE_CHOOSE_H
#define EFFNET_ENGINE_CHOOSE_H

#include "bind/checkpoint.h"
#include "weights/card.h"

/* The files of a model. */
typedef struct {
  char *weights;     /* of the network, or of the backbone of a head */
  char *head;        /* the classifier's, where it has a file of its own; else NULL */
  char *card;        /* NULL = none */
  gboolean is_cards; /* the card's own: model.safetensors beside config.json, x beside x.json */
} EffnetModelFiles;

typedef struct {
  const char *variant;
  unsigned input_height, input_width; /* 0 = the variant's */
  unsigned n_classes;                 /* 0 = no classifier */
  EffnetPadding padding;
} EffnetChoice;

#define EFFNET_WEIGHTS_NAME   "model.safetensors"
#define EFFNET_WEIGHTS_ENDING ".safetensors"

/* The one file in @folder, which has no model.safetensors, or in the one folder in it, that can be
 * a model's weights; free with g_free(). NULL with NOT_FOUND: what there is instead. */
char *effnet_find_in_folder (const char *folder, GError **error);
/* The folder of a model called @name among the folders that models are in (EFFNET_MODEL_PATH, the
 * user's, the installation's, the source's), or one of them that is called so itself; NULL = there
 * is none. @tried: (nullable): gets what was looked for, with ", " between. Free with g_free(). */
char *effnet_find_named (const char *name, GString *tried);
/* "x.json" of the weights "x.safetensors"; free with g_free(). NULL when that is not there. */
char *effnet_find_card (const char *weights);
/* The files that @path means, which may be a folder. FALSE with NOT_FOUND, or as
 * effnet_card_load() for the card of a head, which names its backbone. */
gboolean effnet_find_files (const char *path, EffnetModelFiles *files, GError **error);
void effnet_model_files_clear (EffnetModelFiles *files);

/* @head: (nullable): of @files. @card: that of @files; replaced by the defaults when it is another
 * model's. @notice: sentences are added. FALSE with NOT_FOUND, MISMATCH or UNSUPPORTED. */
gboolean effnet_choose (const EffnetModelOptions *options, const EffnetModelFiles *files,
                        const EffnetTensorTable *tensors, const EffnetTensorTable *head,
                        EffnetCard **card, EffnetChoice *choice, GString *notice, GError **error);
/* A card may ask for an input of four times the area of the variant's own @resolution. */
gboolean effnet_choose_check_input (const EffnetModelOptions *options,
                                    const EffnetModelFiles *files, const EffnetCard *card,
                                    const char *variant, unsigned resolution, GError **error);

#endif
