/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names that a head's folder has, and its card as JSON. */
#ifndef EFFNET_TRAIN_HEAD_FILE_H
#define EFFNET_TRAIN_HEAD_FILE_H

#include "engine/engine.h"
#include "train/head.h"
#include "weights/tensors.h"

#define EFFNET_HEAD_WEIGHTS "model.safetensors"
#define EFFNET_HEAD_ALONE   "head.safetensors"
#define EFFNET_HEAD_UNKNOWN "unknown.safetensors"
#define EFFNET_HEAD_CARD    "config.json"

/* What EffnetUnknownMethod is called in a card; NULL-terminated. */
extern const char *const effnet_unknown_names[];

/* The card of @head on @backbone, whose batch norms have @epsilon; free with g_free(). */
char *effnet_head_card (const EffnetHeadInfo *head, const EffnetModel *backbone, double epsilon,
                        const EffnetHeadSaveOptions *options);

/* As effnet_head_save(). @tuned: (nullable): tensors under timm's names that stand in for the
 * backbone's of the same name. */
gboolean effnet_head_save_tuned (const EffnetHead *head, EffnetModel *backbone,
                                 const EffnetTensorTable *tuned, const char *folder,
                                 const EffnetHeadSaveOptions *options, GError **error);

#endif
