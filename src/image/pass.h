/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * pass: the precomputed filters for one layout of frame. Built when the layout changes;
 * run for every frame, over any cut of the output rows, each row's value not depending on the cut.
 *
 * Lines are filtered horizontally as they lie, packed or not, each read once, in bands; the sums,
 * kept as floats for as long as the vertical filter looks back, are then rows of samples. Of RGB
 * and grey they are clamped in between, as Pillow does: bicubic and Lanczos overshoot, so it shows.
 */
#ifndef EFFNET_IMAGE_PASS_H
#define EFFNET_IMAGE_PASS_H

#include "base/arena.h"
#include "base/stop.h"
#include "image/color.h"
#include "image/taps.h"
#include "kernels/kernels.h"
#include "threads/pool.h"

/* The filters of one plane. Samples of two bytes are two kinds of bytes to the horizontal filter.
 * Where few samples make an output, 16 bits of a weight are not enough: a second filter, of the
 * residual weights, is added. */
typedef struct {
  EffnetColumns columns[2]; /* of the quantized weights, of the residual ones */
  unsigned filters;         /* 1, or 2 with the residual one */
  unsigned samples;         /* of a line of the plane's output: components * x.n */
  unsigned down;            /* index of its vertical table */
  unsigned unit;            /* fixed-point scale of the quantized weights */
  unsigned bands;           /* of EFFNET_BAND rows in the ring */
  size_t line_bytes;        /* of the frame */
  size_t packed_at[2];      /* bytes within @packed */
  size_t ring_at;           /* bytes within a slot */
} EffnetPassPlane;

/* All that the tables depend on; compared byte by byte, so it starts from memset. */
typedef struct {
  EffnetFormat format;
  unsigned width, height;      /* luma samples there are */
  unsigned frame_height;       /* lines of the whole frame: what colours DEFAULT means */
  unsigned eighths;            /* of the JPEG's scale, else 8 */
  gboolean decoder_upsampling; /* chroma as a JPEG decoder would interpolate it */
  EffnetColorMatrix matrix;
  EffnetColorRange range;
  EffnetChromaSite site;
  unsigned par_n, par_d;
  unsigned orientation;                             /* 1..8 */
  unsigned crop_x, crop_y, crop_width, crop_height; /* frame pixels */
  unsigned slots;                                   /* tiles that may run at once */
} EffnetLayout;

typedef struct {
  EffnetLayout layout;
  EffnetGeometry geometry;
  EffnetColorMap color;
  EffnetResampleHFunc horizontal; /* the kernels chosen */
  EffnetResampleVFunc vertical;
  EffnetConvertFunc convert;
  EffnetTaps across[3],
      down[3];      /* tables; a component uses those of the first that is sampled like it */
  uint8_t table[3]; /* component -> index of its tables */
  EffnetPassPlane plane[3];
  EffnetArena packed;                                         /* the horizontal filter's weights */
  size_t slot_bytes;                                          /* of scratch, for each tile */
  size_t filter_at, wide_at, line_at, pixels_at, pointers_at; /* bytes within a slot */
  uint64_t used; /* passes.c's: the last frame it served */
} EffnetPass;

/* The frame of one run. */
typedef struct {
  const uint8_t *data[4];
  ptrdiff_t stride[4];     /* bytes */
  unsigned first[4];       /* row at data */
  float scale[3], bias[3]; /* out = rgb * scale + bias */
  unsigned out_width;      /* pixels of the network's input */
  void *scratch;           /* [slots][slot_bytes], aligned to EFFNET_ALIGN */
  float *nhwc;             /* [height][out_width][3] */
  EffnetStop *stop;        /* NULL: none */
} EffnetPassFrame;

/* FALSE leaves @pass cleared. */
gboolean effnet_pass_build (EffnetPass *pass, const EffnetLayout *layout,
                            const EffnetInputSpec *spec, const EffnetGeometry *geometry,
                            GError **error);
void effnet_pass_clear (EffnetPass *pass);
/* Rows [from, to) of geometry.y.n, with the scratch of @slot. Of a transposed frame they are
 * columns of the network's input. */
void effnet_pass_run (const EffnetPass *pass, const EffnetPassFrame *frame, unsigned slot,
                      unsigned from, unsigned to);

#endif
