/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Dialects: what checkpoints call the tensors of a net. Nothing else in the library knows a
 * tensor's name. */
#ifndef EFFNET_BIND_DIALECT_H
#define EFFNET_BIND_DIALECT_H

#include "arch/layers.h"
#include "weights/tensors.h"

typedef enum {
  EFFNET_DIALECT_TIMM,
  EFFNET_DIALECT_TORCHVISION,
  EFFNET_DIALECT_LUKEMELAS,
  EFFNET_DIALECT_TRANSFORMERS,
  EFFNET_DIALECT_FOLDED, /* blocks.N.{expand,dw,project}.{weight,bias}: batch norm folded already */
  EFFNET_DIALECT_UNKNOWN,
} EffnetDialect;

EffnetDialect effnet_dialect_detect (const EffnetTensorTable *tensors);
/* Sets @error to MISMATCH: @tensors are of no dialect. Returns FALSE. */
gboolean effnet_dialect_fail_unknown (const EffnetTensorTable *tensors, GError **error);
const char *effnet_dialect_name (EffnetDialect dialect);
/* TRUE when its layers have a bias instead of a batch norm. */
gboolean effnet_dialect_is_folded (EffnetDialect dialect);
/* The name of a layer's tensor; free with g_free(). @dialect is known, @role one that
 * effnet_layer_tensors() gives. */
char *effnet_dialect_tensor (EffnetDialect dialect, const EffnetNet *net, const EffnetLayer *layer,
                             EffnetRole role);
/* The batch-norm epsilon that checkpoints of this dialect were trained with. */
double effnet_dialect_epsilon (EffnetDialect dialect, const EffnetNet *net);

/* Classes of the classifier in @tensors, 0 when there is none. */
unsigned effnet_dialect_classes (EffnetDialect dialect, const EffnetTensorTable *tensors);

typedef struct {
  const char *variant; /* whose shapes are nearest, of equals the first in the table; or NULL */
  const char *twin;    /* another one that has all of the file's tensors and no others; or NULL */
  gboolean is_whole;   /* so has `variant` */
} EffnetGuess;

/* Which variant @tensors are; of static strings. */
EffnetGuess effnet_dialect_guess (EffnetDialect dialect, const EffnetTensorTable *tensors);

#endif
