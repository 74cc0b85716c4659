/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * plan: net + tensors -> a list of steps with nothing undecided: names bound, batch norm folded,
 * kernels chosen, weights packed, memory laid out. A plan is immutable; the engine walks it. */
#ifndef EFFNET_PLAN_PLAN_H
#define EFFNET_PLAN_PLAN_H

#include "arch/net.h"
#include "base/arena.h"
#include "kernels/kernels.h"
#include "weights/tensors.h"

/* A place in the session's arena, in bytes from its start. */
typedef size_t EffnetSlot;
#define EFFNET_NO_SLOT ((EffnetSlot)-1)

typedef enum {
  EFFNET_STEP_STEM,             /* input image -> activations; a tile is a band of output rows */
  EFFNET_STEP_POINTWISE,        /* 1x1 convolution; a tile is pixels x panels */
  EFFNET_STEP_DEPTHWISE,        /* a tile is a band of output rows */
  EFFNET_STEP_EXPAND_DEPTHWISE, /* both by rows: a tile is a band of output rows x a slice of
                                 * channels, its expanded rows stay in the worker's scratch; who
                                 * works alone does all bands of a slice in one */
  EFFNET_STEP_SQUEEZE,          /* pooled sums -> mean -> fully connected; a tile is a slice of what
                                 * comes out */
  EFFNET_STEP_EXCITE,           /* fully connected -> gate, and by it the project's weights or its
                                 * input; a tile is a slice of channels */
  EFFNET_STEP_POOL,             /* global average pool; a tile is a slice of channels */
  EFFNET_STEP_CLASSIFIER,       /* fully connected -> logits; a tile is a slice of classes */
} EffnetStepKind;

typedef struct {
  EffnetStepKind kind;
  char name[32]; /* "blocks.2.1.expand" */
  size_t n_tiles;
  size_t per_tile;      /* output rows, pixels, channels or classes of a tile */
  uint64_t flop, bytes; /* of the whole step: arithmetic, and memory read and written */
  const EffnetKernel *kernel;

  /* shapes */
  size_t in_h, in_w, out_h, out_w;
  size_t in_channels, out_channels;
  unsigned kernel_size, stride, pad_y, pad_x;
  EffnetActivation activation;

  /* memory */
  EffnetSlot in, out;  /* T [h][w][c]; STEM reads the network's input, float [h][w][3]; EXCITE
                        * scales `out` in place where that is less work, or NO_SLOT */
  EffnetSlot residual; /* POINTWISE: T [h][w][out_channels] or NO_SLOT */
  EffnetSlot partial;  /* float [partials][channels]: DEPTHWISE writes sums per tile, SQUEEZE reads;
                          or NO_SLOT */
  EffnetSlot gate;     /* float [channels]: EXCITE writes, or NO_SLOT */
  EffnetSlot
      scaled; /* EXCITE writes the project's gated weights, POINTWISE uses them; or NO_SLOT */

  /* weights */
  const void *weights; /* POINTWISE: packed for `kernel`; else float, [taps][weight_stride], of
                          fully connected layers T [in_channels][weight_stride] */
  const float *bias;
  size_t weight_stride;           /* elements */
  size_t panels, panels_per_tile; /* POINTWISE */
  gboolean by_panels; /* POINTWISE: tiles next to each other share panels, else pixels */

  /* EXPAND_DEPTHWISE: in_channels are those before the expand, in_h and in_w are the same after it
   */
  struct {
    const EffnetKernel *gemm;
    const void *weights; /* packed */
    const float *bias;
    size_t slice;     /* channels of a tile; the last slice may have fewer */
    size_t ring_rows; /* expanded rows kept: T [ring_rows][in_w][slice] */
    gboolean odd;     /* an odd number of slices: only the last one is cut into bands, two of them,
                       * and each half of the tiles ends with one */
    size_t scratch_bytes;
  } expand;

  size_t partials; /* SQUEEZE: tiles of the DEPTHWISE before, rows of `partial` */

  /* EXCITE */
  const EffnetKernel *scale; /* SCALE_PANELS where there is `scaled`, else SCALE_ROWS */
  const void *project;       /* packed weights to scale: of the POINTWISE row `project_gemm` */
  const EffnetKernel *project_gemm;
  size_t project_panels, project_channels;
} EffnetStep;

typedef struct _EffnetPack EffnetPack;

typedef struct {
  EffnetDtype dtype; /* T, of the activations */
  size_t in_h, in_w;
  unsigned n_classes, n_features;
  EffnetSlot input;            /* float [in_h][in_w][3], for who has no input of his own */
  EffnetSlot features, logits; /* float [n_features], [n_classes] */
  size_t arena_bytes;          /* of one session */
  size_t scratch_bytes;        /* of one worker, beyond that */
  size_t n_steps;
  EffnetStep *steps;
  EffnetArena weights; /* everything packed */
  double bn_epsilon;
  EffnetPack *packs; /* until effnet_plan_packed() */
  size_t n_packs;
} EffnetPlan;

typedef struct {
  EffnetDtype dtype;
  double bn_epsilon; /* 0 = the flavour's: SAME and torchvision's b5..b7 1e-3, else 1e-5 */
} EffnetPlanOptions;

/* Binds @tensors (any dialect) to @net, checks every name and shape, chooses kernels and lays
 * memory out. NULL with MISMATCH (which tensor is missing, unused or of another shape, and which
 * variant the file looks like), UNSUPPORTED, or IO when memory is not to be had. */
EffnetPlan *effnet_plan_new (const EffnetNet *net, const EffnetTensorTable *tensors,
                             const EffnetPlanOptions *options, GError **error);
/* Folds and packs one of n_packs layers; different ones may be done on different threads. FALSE
 * with FORMAT: a weight that is not a finite number or a negative variance. */
gboolean effnet_plan_pack (EffnetPlan *plan, size_t index, GError **error);
/* All layers are packed: the tensors are no longer needed. */
void effnet_plan_packed (EffnetPlan *plan);
void effnet_plan_free (EffnetPlan *plan);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetPlan, effnet_plan_free)

/* Names a checkpoint may use. */
typedef enum {
  EFFNET_DIALECT_TIMM,
  EFFNET_DIALECT_TORCHVISION,
  EFFNET_DIALECT_LUKEMELAS,
  EFFNET_DIALECT_FOLDED, /* blocks.N.{expand,dw,project}.{weight,bias}: batch norm folded already */
  EFFNET_DIALECT_UNKNOWN,
} EffnetDialect;

EffnetDialect effnet_dialect_detect (const EffnetTensorTable *tensors);
const char *effnet_dialect_name (EffnetDialect dialect);
/* Classes of the classifier in @tensors, 0 when there is none. */
unsigned effnet_dialect_classes (EffnetDialect dialect, const EffnetTensorTable *tensors);
/* The variant whose shapes are nearest to @tensors; static string, or NULL. */
const char *effnet_dialect_guess_variant (EffnetDialect dialect, const EffnetTensorTable *tensors);

/* A table of seeded synthetic weights for @net with timm's names: defined in plan/synthetic.c and
 * again in tests/golden/synthetic.py, bit for bit. */
EffnetTensorTable *effnet_synthetic_new (const EffnetNet *net, uint64_t seed);

#endif
