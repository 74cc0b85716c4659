/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * pass: the decided way of one layout of frame through the filters. Built when the layout changes;
 * run for every frame, over any cut of the output rows, each row's value not depending on the cut.
 *
 * Two orders. Rows first: the planes are summed vertically as they lie, packed or not, and only the
 * rows of the output are taken apart and filtered horizontally. Columns first, with the sums
 * clamped in between, is what Pillow does: for RGB and grey through the bicubic filter, whose
 * overshoot the clamp cuts, the order shows in the result, so there it is kept. */
#ifndef EFFNET_IMAGE_PASS_H
#define EFFNET_IMAGE_PASS_H

#include "base/arena.h"
#include "image/color.h"
#include "image/taps.h"
#include "kernels/kernels.h"
#include "threads/pool.h"

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
  unsigned crop_x, crop_y, crop_width, crop_height; /* frame pixels */
  unsigned slots;                                   /* tiles that may run at once */
} EffnetLayout;

typedef struct {
  EffnetLayout layout;
  EffnetGeometry geometry;
  EffnetColorMap color;
  gboolean columns_first;
  EffnetResampleVFunc vertical; /* the kernels chosen */
  EffnetSpreadFunc spread;
  EffnetResampleHFunc horizontal;
  EffnetConvertFunc convert;
  EffnetTaps across[3],
      down[3];             /* tables; a component uses those of the first that is sampled like it */
  uint8_t table[3];        /* component -> index of its tables */
  unsigned thumbnail_step; /* every which output row the thumbnail takes */
  float luma[3], luma_offset;                      /* of the thumbnail, from elements */
  size_t slot_bytes;                               /* of scratch, for each tile */
  size_t spread_at, ring_at, rows_at, pointers_at; /* bytes within a slot */
  unsigned ring_batches;                           /* of EFFNET_LANES rows, columns-first only */
  uint64_t used;                                   /* passes.c's: the last frame it served */
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
  float *thumbnail; /* [rows][EFFNET_THUMBNAIL_SIDE]: mean luma of the cells of each row taken */
} EffnetPassFrame;

/* FALSE leaves @pass cleared. */
gboolean effnet_pass_build (EffnetPass *pass, const EffnetLayout *layout,
                            const EffnetInputSpec *spec, const EffnetGeometry *geometry,
                            GError **error);
void effnet_pass_clear (EffnetPass *pass);
/* Rows [from, to) of geometry.y.n, with the scratch of @slot. */
void effnet_pass_run (const EffnetPass *pass, const EffnetPassFrame *frame, unsigned slot,
                      unsigned from, unsigned to);

#endif
