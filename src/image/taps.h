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
  unsigned n;      /* outputs */
  unsigned stride; /* floats from output to output, >= every count */
  unsigned lo, hi; /* samples that any output reads: [lo, hi) */
  unsigned *first; /* [n] */
  unsigned *count; /* [n] */
  float *weight;   /* [n][stride] */
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

/* Allocates; what @taps held is freed. Start with zeros. */
void effnet_taps_build (EffnetTaps *taps, const EffnetTapsSpec *spec);
void effnet_taps_clear (EffnetTaps *taps);

#endif
