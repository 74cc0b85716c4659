/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/tile.h"

#include "base/arena.h"
#include "base/checked.h"

/* Outputs of a fully connected layer go in whole cache lines of a row of float32, and so in whole
 * groups of k of every packing. */
#define FC_LINE 16

const EffnetTuning effnet_tuning = {
    .tile_macs = (size_t)1 << 19,
    .tap_cost = 6,
    .max_bands = 64,
    .fc_tile_macs = (size_t)1 << 13,
    .ring_bytes = (size_t)192 << 10,
    .many_panels = 16,
    .fused_tiles = 12,
    .band_halos = 12,
    .halves_halos = 7,
    .chain_least = (size_t)1 << 20,
    .chain_most = (size_t)512 << 10,
    .chain_pixels = 224,
    .pool_channels = 512,
    .classifier_outputs = 256,
    .digits = (size_t)1 << 15,
};

/* ---- how a step is cut ---- */

/* Output rows of a band; @taps: multiply-adds of one output element. */
static size_t
cut_bands (const EffnetTuning *t, const EffnetWindow *w, size_t channels, size_t taps)
{
  size_t macs = w->out_h * w->out_w * channels * taps * t->tap_cost;
  size_t bands = CLAMP (macs / t->tile_macs, 1, MIN (w->out_h, t->max_bands));

  return effnet_div_up (w->out_h, bands);
}

/* Whichever is larger, weights or input, is what several tiles should not read again: tiles are cut
 * by panels first, or by pixels first. */
static size_t
cut_pointwise (const EffnetTuning *t, EffnetPointwiseStep *s)
{
  const EffnetPackedLayer *layer = s->layer;
  size_t wanted = MAX (s->pixels * layer->in * layer->out / t->tile_macs, 1);
  size_t mr = MAX (layer->gemm->mr, 1), blocks = effnet_div_up (s->pixels, mr);
  size_t row_tiles = MIN (wanted, blocks), panel_tiles = 1;

  s->panels = effnet_gemm_panels (layer->gemm, layer->out);
  s->by_panels = layer->out > s->pixels;
  if (s->by_panels) {
    row_tiles = MIN (effnet_div_up (wanted, s->panels), blocks);
    s->pixels_per_tile = effnet_div_up (blocks, row_tiles) * mr;
  } else {
    /* rather one tile more than a last one of a row */
    s->pixels_per_tile = blocks / row_tiles * mr;
  }
  row_tiles = effnet_div_up (s->pixels, s->pixels_per_tile);
  if (row_tiles < wanted)
    panel_tiles = MIN (effnet_div_up (wanted, row_tiles), s->panels);
  s->panels_per_tile = effnet_div_up (s->panels, panel_tiles);
  return row_tiles * effnet_div_up (s->panels, s->panels_per_tile);
}

size_t
effnet_conv_bands (const EffnetConvStep *s)
{
  return effnet_div_up (s->window.out_h, s->band);
}

/* Whole rows of squares, as many as fill a micro-tile: fewer would read all weights again for each.
 * Every tile transforms its input, so panels are divided only where bands alone are too few, and
 * never for a worker that is alone. */
static size_t
cut_squares (const EffnetTuning *t, EffnetConvStep *s)
{
  const EffnetPackedLayer *layer = s->layer;
  size_t square = layer->gemm->square, across = effnet_div_up (s->window.out_w, square);
  size_t rows = effnet_div_up (s->window.out_h, square), bands, panel_tiles;

  bands = effnet_div_up (rows, effnet_div_up (layer->gemm->mr, across));
  s->band = square * effnet_div_up (rows, bands);
  bands = effnet_conv_bands (s);
  panel_tiles = MIN (effnet_div_up (t->fused_tiles, bands), s->panels);
  s->panels_per_tile = effnet_div_up (s->panels, panel_tiles);
  return bands * effnet_div_up (s->panels, s->panels_per_tile);
}

/* As cut_pointwise() does, but in whole rows of output. */
static size_t
cut_conv (const EffnetTuning *t, EffnetConvStep *s)
{
  const EffnetWindow *w = &s->window;
  const EffnetPackedLayer *layer = s->layer;
  size_t weights = effnet_packed_depth (layer) * layer->out;
  size_t wanted = MAX (w->out_h * w->out_w * weights / t->tile_macs, 1);
  size_t bands, panel_tiles = 1;

  s->panels = effnet_gemm_panels (layer->gemm, layer->out);
  s->by_panels = weights > w->in_h * w->in_w * layer->in;
  if (layer->gemm->square > 0)
    return cut_squares (t, s);
  bands = MIN (s->by_panels ? effnet_div_up (wanted, s->panels) : wanted, w->out_h);
  s->band = effnet_div_up (w->out_h, bands);
  bands = effnet_conv_bands (s);
  if (bands < wanted)
    panel_tiles = MIN (effnet_div_up (wanted, bands), s->panels);
  s->panels_per_tile = effnet_div_up (s->panels, panel_tiles);
  return bands * effnet_div_up (s->panels, s->panels_per_tile);
}

/* @work: multiply-adds of each output. */
static size_t
cut_squeeze_excite (const EffnetTuning *t, EffnetFcStep *s, size_t work)
{
  size_t slices = CLAMP (work * s->layer->out / t->fc_tile_macs, 1, t->max_bands);

  s->outputs_per_tile = effnet_align_up (effnet_div_up (s->layer->out, slices), FC_LINE);
  return effnet_div_up (s->layer->out, s->outputs_per_tile);
}

/* The slices, and the ring of one. */
static void
cut_slices (const EffnetTuning *t, EffnetFusedStep *s)
{
  const EffnetWindow *w = &s->depthwise.window;
  size_t element = s->depthwise.element;
  size_t channels = s->expand->out, panel = effnet_packed_width (s->expand);
  size_t panels = effnet_gemm_panels (s->expand->gemm, channels);
  size_t per_slice = panels >= t->many_panels ? 2 : 1;
  size_t least = MIN (w->kernel, w->in_h); /* rows */

  if (least * w->in_w * panel * per_slice * element > t->ring_bytes)
    per_slice = 1;
  s->n_slices = effnet_div_up (panels, per_slice);
  s->slice = MIN (panel * per_slice, channels);
  s->ring_rows = CLAMP (t->ring_bytes / (w->in_w * s->slice * element), least, w->in_h);
}

static size_t
cut_fused (const EffnetTuning *t, EffnetFusedStep *s)
{
  const EffnetWindow *w = &s->depthwise.window;
  size_t channels = s->expand->out, taps = (size_t)w->kernel * w->kernel;
  size_t halo = w->kernel > w->stride ? w->kernel - w->stride : 1;
  size_t work =
      (w->in_h * w->in_w * s->expand->in + w->out_h * w->out_w * taps * t->tap_cost) * channels;
  size_t bands;

  cut_slices (t, s);
  bands = effnet_div_up (CLAMP (work / t->tile_macs, 1, t->fused_tiles), s->n_slices);
  bands = CLAMP (bands, 1, MAX (w->in_h / (t->band_halos * halo), 1));
  if (w->in_h * w->in_w > channels && 2 * w->in_h >= t->halves_halos * halo)
    bands = MAX (bands, 2);
  s->odd = bands == 1 && s->n_slices % 2 == 1 && s->n_slices > 1 && w->out_h > 1;
  if (s->odd)
    bands = 2;
  s->depthwise.band = effnet_div_up (w->out_h, MIN (bands, w->out_h));
  return s->odd ? s->n_slices + 1 : effnet_depthwise_bands (&s->depthwise) * s->n_slices;
}

void
effnet_step_cut (EffnetStep *step, const EffnetTuning *t)
{
  switch (step->kind) {
  case EFFNET_STEP_STEM: {
    EffnetStemStep *s = &step->stem;
    size_t taps = (size_t)s->window.kernel * s->window.kernel * s->layer->in;

    s->band = cut_bands (t, &s->window, s->layer->out, taps);
    step->n_tiles = effnet_div_up (s->window.out_h, s->band);
    break;
  }
  case EFFNET_STEP_POINTWISE:
    step->n_tiles = cut_pointwise (t, &step->pointwise);
    break;
  case EFFNET_STEP_DEPTHWISE: {
    EffnetDepthwiseStep *s = &step->depthwise;
    size_t taps = (size_t)s->window.kernel * s->window.kernel;

    s->band = cut_bands (t, &s->window, s->layer->out, taps);
    step->n_tiles = effnet_depthwise_bands (s);
    break;
  }
  case EFFNET_STEP_EXPAND_DEPTHWISE:
    step->n_tiles = cut_fused (t, &step->fused);
    break;
  case EFFNET_STEP_SQUEEZE:
    step->n_tiles = cut_squeeze_excite (t, &step->squeeze.fc, step->squeeze.fc.layer->in);
    break;
  case EFFNET_STEP_EXCITE: {
    EffnetExciteStep *s = &step->excite;
    size_t scaling = s->rows != EFFNET_NO_SLOT     ? s->pixels
                     : s->scaled != EFFNET_NO_SLOT ? 2 * s->project->out
                                                   : 0;

    step->n_tiles = cut_squeeze_excite (t, &s->fc, s->fc.layer->in + scaling);
    break;
  }
  case EFFNET_STEP_AVERAGE_POOL:
    step->average_pool.channels_per_tile = t->pool_channels;
    step->n_tiles = effnet_div_up (step->average_pool.channels, t->pool_channels);
    break;
  case EFFNET_STEP_CLASSIFIER:
    step->classifier.outputs_per_tile =
        effnet_align_up (t->classifier_outputs, EFFNET_CLASSIFIER_PANEL);
    step->n_tiles = effnet_div_up (step->classifier.layer->out, step->classifier.outputs_per_tile);
    break;
  case EFFNET_STEP_QUANTISE: {
    EffnetQuantiseStep *s = &step->quantise;
    size_t tiles = CLAMP (s->pixels * s->layer->in / t->digits, 1, s->pixels);

    s->pixels_per_tile = effnet_div_up (s->pixels, tiles);
    step->n_tiles = effnet_div_up (s->pixels, s->pixels_per_tile);
    break;
  }
  case EFFNET_STEP_CONV:
    step->n_tiles = cut_conv (t, &step->conv);
    break;
  }
}

EffnetChain
effnet_steps_chain (const EffnetStep *steps, size_t n, const EffnetTuning *t)
{
  const EffnetChain none = {0};
  size_t middle = steps->kind == EFFNET_STEP_STEM, row, whole, kept;
  const EffnetDepthwiseStep *d;
  EffnetChain chain;
  gboolean has_project;

  if (middle >= n ||
      steps[middle].kind != (middle ? EFFNET_STEP_DEPTHWISE : EFFNET_STEP_EXPAND_DEPTHWISE))
    return none;
  d = effnet_step_depthwise (steps + middle);
  has_project = middle + 1 < n && steps[middle + 1].kind == EFFNET_STEP_POINTWISE &&
                steps[middle + 1].pointwise.in == d->out;
  row = d->window.out_w * d->layer->out * d->element;
  whole = d->window.out_h * row;
  chain.steps = middle + 1 + has_project;
  chain.rows = MIN (effnet_div_up (t->chain_pixels, d->window.out_w), d->window.out_h);
  chain.block = effnet_align_up (chain.rows * row, EFFNET_ALIGN);
  chain.ring_rows = MIN (d->window.kernel + 4, d->window.in_h);
  kept = chain.block + chain.ring_rows * d->window.in_w * d->layer->out * d->element;
  if (chain.steps == 1 || whole < t->chain_least || kept > MIN (t->chain_most, whole))
    return none;
  return chain;
}

/* ---- which part tile t is ---- */

size_t
effnet_depthwise_bands (const EffnetDepthwiseStep *s)
{
  return effnet_div_up (s->window.out_h, s->band);
}

void
effnet_depthwise_band (const EffnetDepthwiseStep *s, size_t band, size_t *row, size_t *end)
{
  *row = band * s->band;
  *end = MIN (*row + s->band, s->window.out_h);
}

/* Slice @t of @n channels. */
static EffnetTile
channels_tile (size_t t, size_t per_tile, size_t n)
{
  size_t first = t * per_tile;

  return (EffnetTile){.rows = 1, .channel = first, .channels = MIN (per_tile, n - first)};
}

static EffnetTile
pointwise_tile (const EffnetPointwiseStep *s, size_t t, size_t pixels)
{
  size_t row_tiles = effnet_div_up (pixels, s->pixels_per_tile);
  size_t panel_tiles = effnet_div_up (s->panels, s->panels_per_tile);
  size_t row_tile = s->by_panels ? t % row_tiles : t / panel_tiles;
  size_t panel_tile = s->by_panels ? t / row_tiles : t % panel_tiles;
  EffnetTile tile = channels_tile (panel_tile, s->panels_per_tile * effnet_packed_width (s->layer),
                                   s->layer->out);

  tile.row = row_tile * s->pixels_per_tile;
  tile.rows = MIN (s->pixels_per_tile, pixels - tile.row);
  return tile;
}

/* A worker that is alone transforms the input of squares once. */
static size_t
conv_panels (const EffnetConvStep *s, gboolean alone)
{
  return alone && s->layer->gemm->square > 0 ? s->panels : s->panels_per_tile;
}

static EffnetTile
conv_tile (const EffnetConvStep *s, size_t t, gboolean alone)
{
  size_t bands = effnet_conv_bands (s), panels_per_tile = conv_panels (s, alone);
  size_t panel_tiles = effnet_div_up (s->panels, panels_per_tile);
  size_t band = s->by_panels ? t % bands : t / panel_tiles;
  size_t panel_tile = s->by_panels ? t / bands : t % panel_tiles;
  EffnetTile tile =
      channels_tile (panel_tile, panels_per_tile * effnet_packed_width (s->layer), s->layer->out);

  tile.row = band * s->band;
  tile.rows = MIN (s->band, s->window.out_h - tile.row);
  tile.band = band;
  tile.bands = 1;
  return tile;
}

/* Bands @band .. @band + @bands - 1 of a depthwise convolution. */
static void
set_bands (EffnetTile *tile, const EffnetDepthwiseStep *s, size_t band, size_t bands)
{
  size_t end, unused;

  effnet_depthwise_band (s, band, &tile->row, &unused);
  effnet_depthwise_band (s, band + bands - 1, &unused, &end);
  tile->rows = end - tile->row;
  tile->band = band;
  tile->bands = bands;
}

static EffnetTile
fused_tile (const EffnetFusedStep *s, size_t t, gboolean alone)
{
  size_t slices = s->n_slices, middle = slices / 2;
  size_t slice = t % slices, band = t / slices, bands = 1;
  EffnetTile tile;

  if (alone || (s->odd && t != middle && t != slices)) {
    slice = alone || t < middle ? t : t - 1;
    band = 0;
    bands = effnet_depthwise_bands (&s->depthwise);
  } else if (s->odd) { /* the last slice's top and bottom */
    slice = slices - 1;
    band = t == middle ? 0 : 1;
  }
  tile = channels_tile (slice, s->slice, s->expand->out);
  set_bands (&tile, &s->depthwise, band, bands);
  return tile;
}

static size_t
image_tiles (const EffnetStep *step, gboolean alone)
{
  if (alone && step->kind == EFFNET_STEP_EXPAND_DEPTHWISE)
    return step->fused.n_slices;
  if (alone && step->kind == EFFNET_STEP_CONV && step->conv.layer->gemm->square > 0)
    return effnet_conv_bands (&step->conv);
  return step->n_tiles;
}

/* All images meet the same weights, pixel by pixel. */
static gboolean
is_merged (const EffnetStep *step)
{
  return step->kind == EFFNET_STEP_POINTWISE && step->pointwise.scaled == EFFNET_NO_SLOT;
}

/* A step reads more weights than input, so that a tile of all images comes before the next tile. */
static gboolean
is_weighty (const EffnetStep *step)
{
  switch (step->kind) {
  case EFFNET_STEP_EXPAND_DEPTHWISE: {
    const EffnetWindow *w = &step->fused.depthwise.window;

    return step->fused.expand->out > w->in_h * w->in_w;
  }
  case EFFNET_STEP_CONV:
    return step->conv.by_panels;
  case EFFNET_STEP_SQUEEZE:
  case EFFNET_STEP_EXCITE:
  case EFFNET_STEP_CLASSIFIER:
    return TRUE;
  default:
    return FALSE;
  }
}

size_t
effnet_step_tiles (const EffnetStep *step, size_t images, gboolean alone)
{
  const EffnetPointwiseStep *s = &step->pointwise;

  if (images == 1 || !is_merged (step))
    return images * image_tiles (step, alone);
  return effnet_div_up (images * s->pixels, s->pixels_per_tile) *
         effnet_div_up (s->panels, s->panels_per_tile);
}

/* Of one image. */
static EffnetTile
step_tile (const EffnetStep *step, size_t t, gboolean alone)
{
  EffnetTile tile = {0};

  switch (step->kind) {
  case EFFNET_STEP_STEM:
    tile.row = t * step->stem.band;
    tile.rows = MIN (step->stem.band, step->stem.window.out_h - tile.row);
    tile.channels = step->stem.layer->out;
    break;
  case EFFNET_STEP_POINTWISE:
    return pointwise_tile (&step->pointwise, t, step->pointwise.pixels);
  case EFFNET_STEP_DEPTHWISE:
    tile.channels = step->depthwise.layer->out;
    set_bands (&tile, &step->depthwise, t, 1);
    break;
  case EFFNET_STEP_EXPAND_DEPTHWISE:
    return fused_tile (&step->fused, t, alone);
  case EFFNET_STEP_SQUEEZE:
  case EFFNET_STEP_EXCITE:
  case EFFNET_STEP_CLASSIFIER: {
    const EffnetFcStep *fc = step->kind == EFFNET_STEP_SQUEEZE  ? &step->squeeze.fc
                             : step->kind == EFFNET_STEP_EXCITE ? &step->excite.fc
                                                                : &step->classifier;

    return channels_tile (t, fc->outputs_per_tile, fc->layer->out);
  }
  case EFFNET_STEP_AVERAGE_POOL:
    return channels_tile (t, step->average_pool.channels_per_tile, step->average_pool.channels);
  case EFFNET_STEP_QUANTISE:
    tile.row = t * step->quantise.pixels_per_tile;
    tile.rows = MIN (step->quantise.pixels_per_tile, step->quantise.pixels - tile.row);
    tile.channels = step->quantise.layer->in;
    break;
  case EFFNET_STEP_CONV:
    return conv_tile (&step->conv, t, alone);
  }
  return tile;
}

EffnetTile
effnet_step_tile (const EffnetStep *step, size_t t, size_t images, gboolean alone)
{
  EffnetTile tile;
  size_t per_image;

  if (images == 1)
    return step_tile (step, t, alone);
  if (is_merged (step))
    return pointwise_tile (&step->pointwise, t, images * step->pointwise.pixels);
  if (is_weighty (step)) {
    tile = step_tile (step, t / images, alone);
    tile.image = t % images;
  } else {
    per_image = image_tiles (step, alone);
    tile = step_tile (step, t % per_image, alone);
    tile.image = t / per_image;
  }
  return tile;
}

EffnetScaledPart
effnet_excite_scaled (const EffnetExciteStep *s, const EffnetTile *tile)
{
  size_t width = effnet_packed_width (s->project);

  return (EffnetScaledPart){
      .offset = tile->channel * width,
      .length = effnet_div_up (tile->channels, s->project->gemm->kr) * s->project->gemm->kr * width,
      .panels = effnet_gemm_panels (s->project->gemm, s->project->out),
      .stride = effnet_packed_depth (s->project) * width,
  };
}

size_t
effnet_step_scratch (const EffnetStep *step)
{
  size_t bytes = 0;

  if (step->kind == EFFNET_STEP_EXPAND_DEPTHWISE) /* the ring */
    bytes = step->fused.ring_rows * step->fused.depthwise.window.in_w * step->fused.slice *
            step->fused.depthwise.element;
  else if (step->kind == EFFNET_STEP_SQUEEZE) /* the means */
    bytes = step->squeeze.fc.layer->in * sizeof (float);
  else if (step->kind == EFFNET_STEP_CONV)
    bytes = effnet_conv_scratch (step->conv.layer->gemm, step->conv.layer->in);
  return effnet_align_up (bytes, EFFNET_ALIGN);
}
