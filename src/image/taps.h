/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * taps: the coefficients of resampling one axis. Output i = sum over t < count[i] of weight[i *
 * stride + t] * sample[first[i] + t]. The rule is the one Pillow documents: the filter is centred
 * on the output's place in the source, widened by the scale when reducing, cut off at the edges,
 * and normalised. */
#ifndef EFFNET_IMAGE_TAPS_H
#define EFFNET_IMAGE_TAPS_H

#include "image/geometry.h"

/* How the samples of a component lie beside the luma samples. */
typedef enum {
  EFFNET_SITE_CENTERED, /* in the middle of the luma samples it stands for */
  EFFNET_SITE_COSITED,  /* on the first of them */
} EffnetSite;

typedef enum {
  EFFNET_UPSAMPLE_NONE,      /* the component is resampled at its own resolution */
  EFFNET_UPSAMPLE_REPLICATE, /* as if each sample were repeated to luma resolution first */
  EFFNET_UPSAMPLE_TRIANGLE,  /* as if interpolated (3 a + b) / 4 to luma resolution first; sub 2 */
} EffnetUpsample;

typedef struct {
  unsigned n;         /* outputs */
  unsigned stride;    /* floats from output to output, >= every count */
  unsigned lo, hi;    /* samples that any output reads: [lo, hi) */
  unsigned step;      /* sample i is sample i * step of the source: more than 1 when decimated */
  unsigned *first;    /* [n] */
  unsigned *count;    /* [n] */
  float *weight;      /* [n][stride] */
  int16_t *quantized; /* [n][stride]: weight * unit, after effnet_taps_quantize() */
  int16_t *residual;  /* [n][stride]: the rounding error, times EFFNET_TAPS_RESIDUAL_SCALE */
} EffnetTaps;

/* What of the source one axis of one component sees. */
typedef struct {
  const EffnetAxis *axis;
  EffnetFilter filter;
  double zoom;   /* luma samples there are for one frame pixel: n / 8 of a scaled JPEG, else 1 */
  unsigned luma; /* luma samples there are */
  unsigned sub;  /* luma samples to one of this component */
  EffnetSite site;
  EffnetUpsample upsample;
} EffnetTapsSpec;

/* Allocates; what @taps held is freed. Start with zeros. FALSE when there is no memory. */
gboolean effnet_taps_build (EffnetTaps *taps, const EffnetTapsSpec *spec);
/* Keeps every @step-th sample, with its weights normalised again. For outputs of at least twice as
 * many samples. */
void effnet_taps_decimate (EffnetTaps *taps, unsigned step);

#define EFFNET_TAPS_RESIDUAL_SCALE 16384

/* The largest fixed-point scale with which the weights fit the horizontal filter. */
unsigned effnet_taps_max_unit (const EffnetTaps *taps);
/* Fills quantized and residual. Each rounding error is carried to the next weight, so that the
 * quantized weights of an output add up to @unit. May be called again. FALSE when there is no
 * memory. */
gboolean effnet_taps_quantize (EffnetTaps *taps, unsigned unit);
void effnet_taps_clear (EffnetTaps *taps);

#endif
