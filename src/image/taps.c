/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Builds coefficient tables in double and stores them in float. Where a decoder would have
 * interpolated the chroma up to luma resolution before the resize, the two linear maps are
 * multiplied here instead, so that the result is the decoder's without its work. */
#include "image/taps.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "image/format.h"

static double
triangle (double x)
{
  x = fabs (x);
  return x < 1 ? 1 - x : 0;
}

/* Keys' cubic convolution, a = -1/2. */
static double
cubic (double x)
{
  const double a = -0.5;
  x = fabs (x);
  if (x < 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2)
    return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

static double
box (double x)
{
  return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double
sinc (double x)
{
  return x == 0 ? 1 : sin (G_PI * x) / (G_PI * x);
}

static double
hamming (double x)
{
  return fabs (x) < 1 ? sinc (x) * (0.54 + 0.46 * cos (G_PI * x)) : 0;
}

static double
lanczos (double x)
{
  return x >= -3 && x < 3 ? sinc (x) * sinc (x / 3) : 0;
}

static const struct {
  double support; /* in samples of the smaller side */
  double (*f) (double);
} filters[] = {
    [EFFNET_FILTER_BILINEAR] = {1, triangle}, [EFFNET_FILTER_BICUBIC] = {2, cubic},
    [EFFNET_FILTER_NEAREST] = {0, NULL},      [EFFNET_FILTER_BOX] = {0.5, box},
    [EFFNET_FILTER_HAMMING] = {1, hamming},   [EFFNET_FILTER_LANCZOS] = {3, lanczos},
};

typedef struct {
  double support, scale; /* samples */
  double (*f) (double);  /* NULL: the sample that holds the centre */
} Kernel;

/* Fills w with the normalised weights of samples [*first, *first + count) around @center, all
 * within [0, n); returns count. */
static unsigned
weigh (const Kernel *k, double center, unsigned n, unsigned *first, double *w)
{
  if (k->f == NULL) {
    *first = (unsigned)CLAMP (center, 0, n - 1.0);
    w[0] = 1;
    return 1;
  }
  double reach = k->support * k->scale;
  double from = center - reach + 0.5, to = center + reach + 0.5;
  unsigned lo = from > 0 ? (unsigned)MIN (from, n - 1.0) : 0;
  unsigned hi = to < n ? (unsigned)MAX (to, lo + 1.0) : n;
  double sum = 0;
  for (unsigned i = lo; i < hi; i++) {
    w[i - lo] = k->f ((i - center + 0.5) / k->scale);
    sum += w[i - lo];
  }
  if (sum == 0) {
    w[0] = sum = 1;
    hi = lo + 1;
  }
  for (unsigned i = lo; i < hi; i++)
    w[i - lo] /= sum;
  *first = lo;
  return hi - lo;
}

/* Weights on luma samples [first, first + count) become weights on the @n samples of a component
 * that is interpolated by @sub; @out holds at least count + 2. Returns the new count. */
static unsigned
compose (const EffnetTapsSpec *s, unsigned n, unsigned *first, unsigned count, const double *w,
         double *out)
{
  unsigned from = *first / s->sub;
  unsigned base = from > 0 ? from - 1 : 0;
  unsigned end = MIN (n, (*first + count - 1) / s->sub + 2);
  memset (out, 0, (end - base) * sizeof *out);
  for (unsigned t = 0; t < count; t++) {
    unsigned x = *first + t, c = MIN (x / s->sub, n - 1);
    if (s->upsample == EFFNET_UPSAMPLE_TRIANGLE) {
      unsigned beside = x % 2 ? MIN (c + 1, n - 1) : (c > 0 ? c - 1 : 0);
      out[c - base] += 0.75 * w[t];
      out[beside - base] += 0.25 * w[t];
    } else {
      out[c - base] += w[t];
    }
  }
  *first = base;
  return end - base;
}

/* Drops weights of zero at both ends and stores the others as those of output @i. */
static void
store (EffnetTaps *taps, unsigned i, unsigned first, unsigned count, const double *w)
{
  while (count > 1 && w[count - 1] == 0)
    count--;
  while (count > 1 && *w == 0)
    w++, first++, count--;
  taps->first[i] = first;
  taps->count[i] = count;
  for (unsigned t = 0; t < count; t++)
    taps->weight[(size_t)i * taps->stride + t] = (float)w[t];
  taps->lo = i == 0 ? first : MIN (taps->lo, first);
  taps->hi = MAX (taps->hi, first + count);
}

gboolean
effnet_taps_build (EffnetTaps *taps, const EffnetTapsSpec *s)
{
  const EffnetAxis *axis = s->axis;
  unsigned total = effnet_subsampled (s->luma, s->sub);
  gboolean luma_grid = s->upsample != EFFNET_UPSAMPLE_NONE && s->sub > 1;
  /* the grid: luma samples when a decoder's interpolation is folded in, else the component's own */
  double per_pixel = luma_grid ? s->zoom : s->zoom / s->sub;
  double site = !luma_grid && s->site == EFFNET_SITE_COSITED ? 0.5 - 0.5 / s->sub : 0;
  unsigned edge = luma_grid ? s->luma : total;
  unsigned lo = MIN ((unsigned)floor (axis->lo * per_pixel), edge - 1);
  unsigned hi = MIN ((unsigned)ceil (axis->hi * per_pixel), edge);
  double step = axis->scale * per_pixel;
  Kernel k = {filters[s->filter].support, MAX (step, 1), filters[s->filter].f};
  unsigned room = 2 * (unsigned)ceil (k.support * k.scale) + 4;
  g_autofree double *w = g_try_new (double, room), *composed = g_try_new (double, room + 2);

  effnet_taps_clear (taps);
  taps->n = axis->n;
  taps->step = 1;
  taps->stride = luma_grid ? room + 2 : room;
  taps->first = g_try_new (unsigned, axis->n);
  taps->count = g_try_new (unsigned, axis->n);
  taps->weight = g_try_new (float, (size_t)axis->n * taps->stride);
  if (w == NULL || composed == NULL || taps->first == NULL || taps->count == NULL ||
      taps->weight == NULL)
    return FALSE;
  /* Where the nearest sample is taken a rounding error shows; Pillow adds step to step. */
  double sum = 0.5 * step;
  for (unsigned i = 0; k.f == NULL && i < axis->skip; i++)
    sum += step;
  for (unsigned i = 0; i < axis->n; i++, sum += step) {
    unsigned first = 0;
    /* in units of the grid, from its sample lo */
    double place = k.f == NULL ? sum : (axis->skip + i + 0.5) * step;
    double center = place + axis->lo * per_pixel - lo + site;
    unsigned count = weigh (&k, center, MAX (hi, lo + 1) - lo, &first, w);
    first += lo;
    if (luma_grid)
      count = compose (s, total, &first, count, w, composed);
    store (taps, i, first, count, luma_grid ? composed : w);
  }
  return TRUE;
}

void
effnet_taps_decimate (EffnetTaps *taps, unsigned step)
{
  taps->step *= step;
  taps->lo = UINT_MAX;
  taps->hi = 0;
  for (unsigned i = 0; i < taps->n; i++) {
    float *w = taps->weight + (size_t)i * taps->stride, sum = 0;
    unsigned first = (taps->first[i] + step - 1) / step, count = 0;

    for (unsigned t = first * step - taps->first[i]; t < taps->count[i]; t += step)
      sum += w[count++] = w[t];
    g_assert (sum > 0);
    for (unsigned t = 0; t < count; t++)
      w[t] /= sum;
    taps->first[i] = first;
    taps->count[i] = count;
    taps->lo = MIN (taps->lo, first);
    taps->hi = MAX (taps->hi, first + count);
  }
}

#define QUANTIZED_MAX 32511      /* kernels take one more: rounding may add one to a weight */
#define UNIT_MAX      (1u << 21) /* keeps sums of 255 times the weights within 32 bits */

unsigned
effnet_taps_max_unit (const EffnetTaps *taps)
{
  float most = 0;

  for (unsigned i = 0; i < taps->n; i++)
    for (unsigned t = 0; t < taps->count[i]; t++)
      most = MAX (most, fabsf (taps->weight[(size_t)i * taps->stride + t]));
  return (unsigned)MIN (QUANTIZED_MAX / most, (float)UNIT_MAX);
}

gboolean
effnet_taps_quantize (EffnetTaps *taps, unsigned unit)
{
  if (taps->quantized == NULL) {
    taps->quantized = g_try_new0 (int16_t, (size_t)taps->n * taps->stride);
    taps->residual = g_try_new0 (int16_t, (size_t)taps->n * taps->stride);
  }
  if (taps->quantized == NULL || taps->residual == NULL)
    return FALSE;
  for (unsigned i = 0; i < taps->n; i++) {
    double left = 0;
    for (unsigned t = 0; t < taps->count[i]; t++) {
      size_t at = (size_t)i * taps->stride + t;
      double w = (double)taps->weight[at] * unit;
      taps->quantized[at] = (int16_t)lrint (left + w);
      taps->residual[at] = (int16_t)lrint ((w - taps->quantized[at]) * EFFNET_TAPS_RESIDUAL_SCALE);
      left += w - taps->quantized[at];
    }
  }
  return TRUE;
}

void
effnet_taps_clear (EffnetTaps *taps)
{
  g_free (taps->first);
  g_free (taps->count);
  g_free (taps->weight);
  g_free (taps->quantized);
  g_free (taps->residual);
  memset (taps, 0, sizeof *taps);
}
