/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Packed weights: where each layer's lie among the model's, in which layout, and how they get
 * there. The layout depends on layer and kernel alone; it is known before any weight is read. */
#ifndef EFFNET_PLAN_PACK_H
#define EFFNET_PLAN_PACK_H

#include "bind/bind.h"
#include "kernels/kernels.h"

typedef enum {
  EFFNET_PACK_GEMM,       /* T, the GEMM row's packing; bias padded to panels */
  EFFNET_PACK_CONV,       /* the same of a CONV row */
  EFFNET_PACK_TAPS,       /* float [kernel * kernel][stride] */
  EFFNET_PACK_STEM,       /* float [kernel * kernel * 3][stride] */
  EFFNET_PACK_FC,         /* T [in][stride] */
  EFFNET_PACK_CLASSIFIER, /* T or S8, panels [in][EFFNET_CLASSIFIER_PANEL] of columns, the last one
                           * as wide as what is left: megabytes that are read once, in the order
                           * they lie */
} EffnetPackKind;

#define EFFNET_CLASSIFIER_PANEL 64 /* a multiple of PACK_ROWS and of the blocks of FC's rows */

typedef struct {
  EffnetPackKind kind;
  EffnetDtype dtype;        /* of the packed weights; biases are float. The elements that a
                             * PACK_GEMM layer reads, T or digits, are as large */
  const EffnetKernel *gemm; /* of PACK_GEMM and PACK_CONV, else NULL */
  size_t out, in;
  unsigned kernel;
  size_t stride;        /* elements from row to row, but of panels */
  size_t weights, bias; /* bytes from the start of the model's weights, aligned */
  size_t scale;         /* of S8: float [out] beside the bias */
  /* of PACK_GEMM as well: int32 [out], and what its input's digits reach over */
  size_t start;
  EffnetRange range;
  float low, top;
  /* EXPAND and DEPTHWISE of a fused step in bytes, and the PROJECT that reads them: what is made of
   * ReLU6 are digits of 0..6, the expanded rows of 8 bits, the output as the PROJECT takes them */
  gboolean in_digits, out_digits;
  EffnetDigits digits; /* of the output */
} EffnetPackedLayer;

/* The layout of @layer of @net, for activations of @dtype, from @cursor on, which is moved past it.
 * @int8: its weights are S8. */
EffnetPackedLayer effnet_packed_layer (const EffnetNet *net, const EffnetLayer *layer,
                                       EffnetDtype dtype, gboolean int8, size_t *cursor);

/* @layers [n], in the order of @net's: those between which digits are all there is. */
void effnet_packed_digits (const EffnetNet *net, EffnetPackedLayer *layers, size_t n);

/* Bytes of packed weights. */
size_t effnet_packed_bytes (const EffnetPackedLayer *layer);

/* Of weights packed in panels: the columns of a panel, and the rows of k with their padding. The
 * panel of column c begins at element c * depth. */
size_t effnet_packed_width (const EffnetPackedLayer *layer);
size_t effnet_packed_depth (const EffnetPackedLayer *layer);

/* Of a CLASSIFIER layer: where the weights of output @o begin, in elements, and from one k to the
 * next. */
static inline size_t
effnet_classifier_column (const EffnetPackedLayer *layer, size_t o, size_t *stride)
{
  size_t panel = o - o % EFFNET_CLASSIFIER_PANEL;

  *stride = MIN (EFFNET_CLASSIFIER_PANEL, layer->out - panel);
  return panel * layer->in + o % EFFNET_CLASSIFIER_PANEL;
}

/* Folds and packs a layer into @weights, the zeroed weights of the model. @means: (nullable): of
 * what the layer reads; where its weights are rounded, the bias takes back what that does to them.
 * Different layers may be packed on different threads. FALSE with FORMAT: a number that is not
 * finite or a negative variance; or IO when memory is not to be had. */
gboolean effnet_pack_layer (const EffnetPackedLayer *layer, const EffnetBound *bound,
                            const float *means, void *weights, GError **error);

#endif
