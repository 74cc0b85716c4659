/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a step is cut into tiles: by its shape alone, never by the number of threads, because results
 * must not depend on it. */
#include "base/checked.h"
#include "plan/steps.h"

/* Work of a tile, in multiply-adds: large beside the cost of handing one out (about 0.1 us), small
 * enough that a few workers end a step together. */
#define TILE_MACS ((size_t)1 << 19)
/* A depthwise or stem multiply-add takes about as long as this many of a pointwise convolution. */
#define TAP_COST  6
#define MAX_BANDS 64

/* Squeeze-excite reads each weight once: tiles of a few microseconds, and of a row of float32 whole
 * cache lines. */
#define FC_TILE_MACS ((size_t)1 << 13)
#define FC_LINE      16

/* Expanded rows that a tile keeps: a part of an L2 cache that it shares with weights and input. */
#define RING_BYTES ((size_t)192 << 10)
/* Slices of one panel, or of two where there are many. */
#define MANY_PANELS 16
/* A fused step is cut into bands, too, while it has fewer tiles than this ... */
#define FUSED_TILES 12
/* ... and as long as a band reads this many times the rows (kernel - stride) that its neighbour
 * computes, too. */
#define BAND_HALOS 12
/* Two bands are worth more: what the project reads was then mostly written by the same worker.
 * Where there is more input than weights, and two bands together read this many halos. */
#define HALVES_HALOS 7

void
effnet_cut_bands (EffnetStep *step, size_t taps)
{
  size_t macs = step->out_h * step->out_w * step->out_channels * taps * TAP_COST;
  size_t bands = CLAMP (macs / TILE_MACS, 1, MIN (step->out_h, MAX_BANDS));

  step->per_tile = effnet_div_up (step->out_h, bands);
  step->n_tiles = effnet_div_up (step->out_h, step->per_tile);
}

/* Whichever is larger, weights or input, is what several tiles should not read again: tiles are cut
 * by panels first, or by pixels first. */
void
effnet_cut_pointwise (EffnetStep *step)
{
  const EffnetKernel *gemm = step->kernel;
  size_t pixels = step->out_h * step->out_w;
  size_t wanted = MAX (pixels * step->in_channels * step->out_channels / TILE_MACS, 1);
  size_t mr = MAX (gemm->mr, 1), blocks = effnet_div_up (pixels, mr);
  size_t row_tiles = MIN (wanted, blocks), panel_tiles = 1;

  step->panels = effnet_gemm_panels (gemm, step->out_channels);
  step->by_panels = step->out_channels > pixels;
  if (step->by_panels) {
    row_tiles = MIN (effnet_div_up (wanted, step->panels), blocks);
    step->per_tile = effnet_div_up (blocks, row_tiles) * mr;
  } else {
    step->per_tile = blocks / row_tiles * mr; /* rather one tile more than a last one of a row */
  }
  row_tiles = effnet_div_up (pixels, step->per_tile);
  if (row_tiles < wanted)
    panel_tiles = MIN (effnet_div_up (wanted, row_tiles), step->panels);
  step->panels_per_tile = effnet_div_up (step->panels, panel_tiles);
  step->n_tiles = row_tiles * effnet_div_up (step->panels, step->panels_per_tile);
}

void
effnet_cut_fc (EffnetStep *step, size_t work)
{
  size_t slices = CLAMP (work * step->out_channels / FC_TILE_MACS, 1, MAX_BANDS);

  step->per_tile = effnet_div_up (step->out_channels, slices);
  step->per_tile = effnet_align_up (step->per_tile, FC_LINE);
  step->n_tiles = effnet_div_up (step->out_channels, step->per_tile);
}

void
effnet_cut_fused (EffnetStep *step, size_t element)
{
  const EffnetKernel *gemm = step->expand.gemm;
  size_t panel = effnet_gemm_panel_width (gemm, step->out_channels);
  size_t per_slice, slices, work, bands;
  size_t taps = (size_t)step->kernel_size * step->kernel_size;
  size_t halo = step->kernel_size > step->stride ? step->kernel_size - step->stride : 1;
  size_t least = MIN (step->kernel_size, step->in_h);

  step->panels = effnet_gemm_panels (gemm, step->out_channels);
  per_slice = step->panels >= MANY_PANELS ? 2 : 1;
  if (least * step->in_w * panel * per_slice * element > RING_BYTES)
    per_slice = 1;
  slices = effnet_div_up (step->panels, per_slice);
  step->panels_per_tile = per_slice;
  step->expand.slice = MIN (panel * per_slice, step->out_channels);
  step->expand.ring_rows =
      CLAMP (RING_BYTES / (step->in_w * step->expand.slice * element), least, step->in_h);
  step->expand.scratch_bytes = effnet_align_up (
      step->expand.ring_rows * step->in_w * step->expand.slice * element, EFFNET_ALIGN);

  work =
      (step->in_h * step->in_w * step->in_channels + step->out_h * step->out_w * taps * TAP_COST) *
      step->out_channels;
  bands = effnet_div_up (CLAMP (work / TILE_MACS, 1, FUSED_TILES), slices);
  bands = CLAMP (bands, 1, MAX (step->in_h / (BAND_HALOS * halo), 1));
  if (step->in_h * step->in_w > step->out_channels && 2 * step->in_h >= HALVES_HALOS * halo)
    bands = MAX (bands, 2);
  step->expand.odd = bands == 1 && slices % 2 == 1 && slices > 1 && step->out_h > 1;
  if (step->expand.odd)
    bands = 2;
  step->per_tile = effnet_div_up (step->out_h, MIN (bands, step->out_h));
  step->n_tiles = effnet_div_up (step->out_h, step->per_tile) * slices;
  if (step->expand.odd)
    step->n_tiles = slices + 1;
}
