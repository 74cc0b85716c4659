/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A step of the forward pass: one kernel, or two fused, over tiles. What all steps share is in the
 * head of EffnetStep; what only one kind has, in that kind's struct. */
#ifndef EFFNET_PLAN_STEP_H
#define EFFNET_PLAN_STEP_H

#include "kernels/kernels.h"
#include "plan/pack.h"

/* A buffer of the session: an index into the plan's buffers. */
typedef size_t EffnetSlot;
#define EFFNET_NO_SLOT ((EffnetSlot)-1)

/* The geometry of a convolution with a window, square but for its position. */
typedef struct {
  size_t in_h, in_w, out_h, out_w;
  unsigned kernel, stride, pad_y, pad_x;
} EffnetWindow;

typedef struct {
  const EffnetPackedLayer *layer;
  EffnetWindow window;
  EffnetActivation activation;
  EffnetSlot in;  /* float [in_h][in_w][3]; a caller's input takes its place */
  EffnetSlot out; /* T [out_h][out_w][channels] */
  size_t band;    /* output rows of a tile */
} EffnetStemStep;

typedef struct {
  const EffnetPackedLayer *layer;
  size_t pixels;
  EffnetActivation activation;
  EffnetSlot in;       /* T [pixels][layer->in]; of S8 weights digits */
  EffnetSlot steps;    /* of digits: float [pixels], or NO_SLOT: they have one; else NO_SLOT */
  EffnetSlot out;      /* T [pixels][layer->out] */
  EffnetSlot residual; /* like `out`, added to it; or NO_SLOT */
  EffnetSlot scaled;   /* the weights, multiplied by the gate; or NO_SLOT: the layer's own */
  size_t pixels_per_tile, panels_per_tile, panels;
  gboolean by_panels; /* neighbouring tiles share panels, else pixels */
} EffnetPointwiseStep;

typedef struct {
  const EffnetPackedLayer *layer;
  EffnetWindow window;
  EffnetActivation activation;
  EffnetSlot in;   /* T [in_h][in_w][channels]; of a fused step [expand->in] */
  EffnetSlot out;  /* T, or digits, [out_h][out_w][channels] */
  EffnetSlot sums; /* float [bands][channels]: of each band, over its pixels; or NO_SLOT */
  size_t band;     /* output rows */
  size_t element;  /* bytes of what the kernel reads and writes: T, or 1 of DEPTHWISE_U8 */
} EffnetDepthwiseStep;

/* A full convolution. */
typedef struct {
  const EffnetPackedLayer *layer;
  EffnetWindow window;
  EffnetActivation activation;
  EffnetSlot in;       /* T [in_h][in_w][layer->in] */
  EffnetSlot out;      /* T [out_h][out_w][layer->out] */
  EffnetSlot residual; /* like `out`, added to it; or NO_SLOT */
  EffnetSlot sums;     /* float [bands][layer->out]: of each band, over its pixels; or NO_SLOT */
  const EffnetKernel *pool; /* of `sums` */
  size_t band;              /* output rows of a tile */
  size_t panels_per_tile, panels;
  gboolean by_panels; /* neighbouring tiles share panels, else rows */
} EffnetConvStep;

/* Expand and depthwise row by row: the expanded rows stay in the worker's scratch. */
typedef struct {
  EffnetDepthwiseStep depthwise;
  const EffnetPackedLayer *expand;
  EffnetSlot
      steps;    /* where the expand reads digits, `depthwise.in`: float [in_h][in_w]; or NO_SLOT */
  size_t slice; /* channels of a tile; the last slice may have fewer */
  size_t n_slices;  /* of all channels */
  size_t ring_rows; /* expanded rows kept: T or digits [ring_rows][in_w][slice] */
  gboolean odd; /* an odd number of slices: only the last one is cut into bands, two of them, and
                 * each half of the tiles ends with one */
} EffnetFusedStep;

/* A fully connected layer; of float vectors. */
typedef struct {
  const EffnetPackedLayer *layer;
  EffnetActivation activation;
  EffnetSlot in, out;      /* float [layer->in], [layer->out] */
  size_t outputs_per_tile; /* elements of `out` */
} EffnetFcStep;

/* Squeeze: the mean over all pixels, then the first layer of the squeeze-excite. */
typedef struct {
  EffnetFcStep fc; /* `in` holds the channel sums, float [bands][layer->in] */
  size_t bands, pixels;
} EffnetSqueezeStep;

/* Excite: the second layer makes the gate, `fc.out`. Before a project QUANTISE may apply it, else
 * whichever is less work: a copy of the project's weights, which float32 alone affords, or the
 * project's input in place. At the block's end it is the project's output, in place. */
typedef struct {
  EffnetFcStep fc;
  size_t pixels;
  EffnetSlot rows;                  /* T [pixels][fc.layer->out], in place; or NO_SLOT */
  EffnetSlot residual;              /* like `rows`, added to it; or NO_SLOT */
  EffnetSlot scaled;                /* the project's weights times the gate; or NO_SLOT */
  const EffnetKernel *scale;        /* SCALE_PANELS of `scaled`, SCALE_ROWS of `rows`, else NULL */
  const EffnetPackedLayer *project; /* whose weights are scaled */
} EffnetExciteStep;

typedef struct {
  size_t pixels, channels;
  EffnetSlot in, out; /* T [pixels][channels], float [channels] */
  size_t channels_per_tile;
} EffnetAveragePoolStep;

/* The input of a convolution of S8 weights becomes digits. */
typedef struct {
  const EffnetPackedLayer *layer; /* that reads them */
  size_t pixels;
  EffnetSlot in;    /* T [pixels][layer->in] */
  EffnetSlot gate;  /* float [layer->in], or NO_SLOT */
  EffnetSlot out;   /* bytes [pixels][layer->in] */
  EffnetSlot steps; /* float [pixels] */
  size_t pixels_per_tile;
} EffnetQuantiseStep;

typedef enum {
  EFFNET_STEP_STEM,             /* a tile is a band of output rows */
  EFFNET_STEP_POINTWISE,        /* a tile is pixels x panels */
  EFFNET_STEP_DEPTHWISE,        /* a tile is a band of output rows */
  EFFNET_STEP_EXPAND_DEPTHWISE, /* a tile is a band of output rows x a slice of channels; a worker
                                 * that is alone does all bands of a slice in one */
  EFFNET_STEP_SQUEEZE,          /* a tile is a slice of the output */
  EFFNET_STEP_EXCITE,           /* a tile is a slice of channels */
  EFFNET_STEP_AVERAGE_POOL,     /* a tile is a slice of channels */
  EFFNET_STEP_CLASSIFIER,       /* a tile is a slice of classes */
  EFFNET_STEP_QUANTISE,         /* a tile is a band of pixels */
  EFFNET_STEP_CONV,             /* a tile is a band of output rows x panels */
} EffnetStepKind;

/* Steps that a worker that is alone runs as one, some rows at a time, so that what is between them
 * stays in its cache: a stem or an expand, the depthwise convolution behind it, and its project. */
typedef struct {
  size_t steps;     /* this one and those behind; 0: none */
  size_t rows;      /* that the project reads at a time, from the first bytes of the buffer that
                     * would hold all */
  size_t block;     /* bytes of them; behind lie the expanded rows */
  size_t ring_rows; /* of the depthwise convolution's input that are kept */
} EffnetChain;

typedef struct {
  EffnetStepKind kind;
  char name[32]; /* "blocks.2.1.expand" */
  const EffnetKernel *kernel;
  size_t n_tiles;
  EffnetChain chain;    /* that begins here */
  uint64_t flop, bytes; /* of all tiles: arithmetic as it is defined, of which a convolution by
                         * squares does a part; and memory read and written */
  union {
    EffnetStemStep stem;
    EffnetPointwiseStep pointwise;
    EffnetDepthwiseStep depthwise;
    EffnetFusedStep fused; /* EXPAND_DEPTHWISE */
    EffnetSqueezeStep squeeze;
    EffnetExciteStep excite;
    EffnetAveragePoolStep average_pool;
    EffnetFcStep classifier;
    EffnetQuantiseStep quantise;
    EffnetConvStep conv;
  };
} EffnetStep;

/* Of a step that has a depthwise convolution. */
static inline const EffnetDepthwiseStep *
effnet_step_depthwise (const EffnetStep *step)
{
  return step->kind == EFFNET_STEP_DEPTHWISE ? &step->depthwise : &step->fused.depthwise;
}

#endif
