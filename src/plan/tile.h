/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tiles, both halves: how a step is cut, and which part of its output tile t is. Cut by shape
 * alone, never by the number of threads: results must not depend on it. */
#ifndef EFFNET_PLAN_TILE_H
#define EFFNET_PLAN_TILE_H

#include "plan/step.h"

/* The measured numbers behind the cuts; build/tests/plan/tune-tiles times others. */
typedef struct {
  size_t tile_macs;     /* multiply-adds of a tile: large beside the cost of handing one out (about
                         * 0.1 us), small enough that a few workers end a step together */
  size_t tap_cost;      /* a depthwise or stem multiply-add takes as long as this many pointwise */
  size_t max_bands;     /* at most so many bands of rows, or slices of a fully connected layer */
  size_t fc_tile_macs;  /* tile_macs of the squeeze-excite, which reads each weight once */
  size_t ring_bytes;    /* expanded rows that a tile keeps: a part of an L2 cache that it shares
                         * with weights and input */
  size_t many_panels;   /* slices of one panel, from so many on of two */
  size_t fused_tiles;   /* a fused step is cut into bands, too, while it has fewer tiles ... */
  size_t band_halos;    /* ... and as long as a band reads this many times the rows (kernel -
                         * stride) that its neighbour computes, too */
  size_t halves_halos;  /* two bands are worth more: what the project reads was then mostly
                         * written by the same worker; where there is more input than weights
                         * and two bands together read this many halos */
  size_t chain_least;   /* bytes between steps from which on they are a chain ... */
  size_t chain_most;    /* ... if the rows that it keeps take at most these */
  size_t chain_pixels;  /* that its project reads at a time */
  size_t pool_channels; /* channels of a tile of the average pool */
  size_t classifier_outputs; /* classes of a tile of the classifier */
  size_t digits;             /* elements of a tile that become digits */
} EffnetTuning;

extern const EffnetTuning effnet_tuning;

/* Cuts a step whose shapes are known. */
void effnet_step_cut (EffnetStep *step, const EffnetTuning *tuning);

/* The chain that begins at @steps, whose @n steps are cut. */
EffnetChain effnet_steps_chain (const EffnetStep *steps, size_t n, const EffnetTuning *tuning);

/* Part of a step's output: [rows][channels] of convolutions with a window, [pixels][channels] of
 * POINTWISE, one row of channels of the others. */
typedef struct {
  size_t row, rows; /* or pixels */
  size_t channel, channels;
  size_t band, bands; /* the same rows in bands; of DEPTHWISE, EXPAND_DEPTHWISE and CONV */
  size_t image;
} EffnetTile;

/* Tiles of a step of @images images. @alone: no other worker takes tiles of it. The pixels of all
 * images follow one another: where they meet the same weights, they are cut like those of one,
 * which then has @image 0 and that many more pixels. */
size_t effnet_step_tiles (const EffnetStep *step, size_t images, gboolean alone);
EffnetTile effnet_step_tile (const EffnetStep *step, size_t t, size_t images, gboolean alone);
/* Bands of a convolution, and the rows of one of a depthwise one: *row .. *end - 1. */
size_t effnet_conv_bands (const EffnetConvStep *step);
size_t effnet_depthwise_bands (const EffnetDepthwiseStep *step);
void effnet_depthwise_band (const EffnetDepthwiseStep *step, size_t band, size_t *row, size_t *end);

/* What a tile of EXCITE scales of the project's packed weights: in each panel @length elements from
 * @offset on; panels lie @stride elements apart. */
typedef struct {
  size_t offset, length;
  size_t panels, stride;
} EffnetScaledPart;
EffnetScaledPart effnet_excite_scaled (const EffnetExciteStep *step, const EffnetTile *tile);

/* Bytes of scratch memory of one worker. */
size_t effnet_step_scratch (const EffnetStep *step);

#endif
