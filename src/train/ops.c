/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/ops.h"

#include <string.h>

#include "base/checked.h"
#include "kernels/simd/activation_generic.h"

#define BLOCK      EFFNET_GENERIC_BLOCK
#define TILE       (512 * BLOCK) /* elements */
#define LANES      16            /* channels that are summed at once */
#define MAX_WINDOW 8             /* rows */

/* Elements, or images and pixels and channels; not all of it is of every operation. */
typedef struct {
  EffnetActivation activation;
  size_t n, images, pixels, channels;
  const float *x, *gate, *dmean;
  float *y;
} Elements;

static void
activate_tile (void *user, size_t tile, unsigned worker)
{
  const Elements *e = user;
  size_t end = MIN ((tile + 1) * TILE, e->n);

  (void)worker;
  for (size_t i = tile * TILE; i < end; i += BLOCK) {
    size_t count = MIN (BLOCK, end - i);
    float v[BLOCK] = {0};

    memcpy (v, e->x + i, count * sizeof *v);
    effnet_generic_activate (v, e->activation);
    memcpy (e->y + i, v, count * sizeof *v);
  }
}

void
effnet_activate (EffnetPool *pool, EffnetActivation activation, size_t n, const float *x, float *y)
{
  Elements e = {.activation = activation, .n = n, .x = x, .y = y};

  effnet_pool_run (pool, effnet_div_up (n, TILE), activate_tile, &e);
}

/* slope = act' (x). Swish: s (1 + x (1 - s)) with s = sigmoid (x). */
static void
slopes (EffnetActivation activation, const float x[BLOCK], float slope[BLOCK])
{
  float high = activation == EFFNET_ACTIVATION_RELU6 ? 6.0f : G_MAXFLOAT;

  switch (activation) {
  case EFFNET_ACTIVATION_SWISH:
    memcpy (slope, x, BLOCK * sizeof *x);
    effnet_generic_activate (slope, EFFNET_ACTIVATION_SIGMOID);
    for (size_t i = 0; i < BLOCK; i++)
      slope[i] *= 1.0f + x[i] * (1.0f - slope[i]);
    return;
  case EFFNET_ACTIVATION_SIGMOID:
    memcpy (slope, x, BLOCK * sizeof *x);
    effnet_generic_activate (slope, EFFNET_ACTIVATION_SIGMOID);
    for (size_t i = 0; i < BLOCK; i++)
      slope[i] *= 1.0f - slope[i];
    return;
  case EFFNET_ACTIVATION_RELU:
  case EFFNET_ACTIVATION_RELU6:
    for (size_t i = 0; i < BLOCK; i++)
      slope[i] = x[i] > 0.0f && x[i] < high ? 1.0f : 0.0f;
    return;
  case EFFNET_ACTIVATION_NONE:
    break;
  }
  for (size_t i = 0; i < BLOCK; i++)
    slope[i] = 1.0f;
}

static void
activate_back_tile (void *user, size_t tile, unsigned worker)
{
  const Elements *e = user;
  size_t end = MIN ((tile + 1) * TILE, e->n);

  (void)worker;
  for (size_t i = tile * TILE; i < end; i += BLOCK) {
    size_t count = MIN (BLOCK, end - i);
    float v[BLOCK] = {0}, slope[BLOCK];

    memcpy (v, e->x + i, count * sizeof *v);
    slopes (e->activation, v, slope);
    for (size_t j = 0; j < count; j++)
      e->y[i + j] *= slope[j];
  }
}

void
effnet_activate_back (EffnetPool *pool, EffnetActivation activation, size_t n, const float *x,
                      float *g)
{
  Elements e = {.activation = activation, .n = n, .x = x, .y = g};

  if (activation != EFFNET_ACTIVATION_NONE)
    effnet_pool_run (pool, effnet_div_up (n, TILE), activate_back_tile, &e);
}

/* ---- sums and gates -------------------------------------------------------------------------- */

#define SUM_ROWS 64 /* that are summed in float32 before they go to the double */

/* sums[LANES] += over the rows of @n channels of x, or of the products with y. */
static void
sum_lanes (const float *x, const float *y, size_t rows, size_t channels, size_t n, double *sums)
{
  for (size_t first = 0; first < rows; first += SUM_ROWS) {
    size_t end = MIN (first + SUM_ROWS, rows);
    float part[LANES] = {0};

    for (size_t r = first; r < end; r++) {
      const float *row = x + r * channels;

      if (n < LANES || y != NULL)
        for (size_t c = 0; c < n; c++)
          part[c] += y != NULL ? row[c] * y[r * channels + c] : row[c];
      else
        for (size_t c = 0; c < LANES; c++)
          part[c] += row[c];
    }
    for (size_t c = 0; c < n; c++)
      sums[c] += part[c];
  }
}

/* A tile is LANES channels of an image. */
static void
sum_tile (void *user, size_t tile, unsigned worker)
{
  const Elements *e = user;
  size_t groups = effnet_div_up (e->channels, LANES), image = tile / groups;
  size_t c = tile % groups * LANES, n = MIN (LANES, e->channels - c);
  size_t at = image * e->pixels * e->channels + c;
  double sums[LANES] = {0};

  (void)worker;
  sum_lanes (e->x + at, e->gate != NULL ? e->gate + at : NULL, e->pixels, e->channels, n, sums);
  for (size_t i = 0; i < n; i++) {
    float *y = e->y + image * e->channels + c + i;

    *y = (float)(e->n == 0 ? *y + sums[i] : sums[i] / (double)e->n);
  }
}

static void
run_sums (EffnetPool *pool, Elements *e)
{
  effnet_pool_run (pool, e->images * effnet_div_up (e->channels, LANES), sum_tile, e);
}

void
effnet_sum_rows (EffnetPool *pool, size_t rows, size_t channels, const float *x, float *sum)
{
  run_sums (pool, &(Elements){.images = 1, .pixels = rows, .channels = channels, .x = x, .y = sum});
}

void
effnet_pool_images (EffnetPool *pool, size_t images, size_t pixels, size_t channels, const float *x,
                    float *mean)
{
  run_sums (pool, &(Elements){.images = images,
                              .pixels = pixels,
                              .channels = channels,
                              .n = pixels,
                              .x = x,
                              .y = mean});
}

void
effnet_gate_back (EffnetPool *pool, size_t images, size_t pixels, size_t channels, const float *x,
                  const float *g, float *dgate)
{
  run_sums (pool, &(Elements){.images = images,
                              .pixels = pixels,
                              .channels = channels,
                              .n = 1,
                              .x = x,
                              .gate = g,
                              .y = dgate});
}

/* A tile is some pixels of an image. */
#define GATE_PIXELS 32

static void
gate_tile (void *user, size_t tile, unsigned worker)
{
  const Elements *e = user;
  size_t bands = effnet_div_up (e->pixels, GATE_PIXELS), image = tile / bands;
  size_t first = tile % bands * GATE_PIXELS, end = MIN (first + GATE_PIXELS, e->pixels);
  const float *gate = e->gate + image * e->channels;

  (void)worker;
  for (size_t p = first; p < end; p++) {
    size_t at = (image * e->pixels + p) * e->channels;

    for (size_t c = 0; c < e->channels; c++)
      e->y[at + c] = e->x[at + c] * gate[c];
  }
}

static size_t
gate_tiles (const Elements *e)
{
  return e->images * effnet_div_up (e->pixels, GATE_PIXELS);
}

void
effnet_gate (EffnetPool *pool, size_t images, size_t pixels, size_t channels, const float *x,
             const float *gate, float *y)
{
  Elements e = {
      .images = images, .pixels = pixels, .channels = channels, .x = x, .gate = gate, .y = y};

  effnet_pool_run (pool, gate_tiles (&e), gate_tile, &e);
}

static void
gated_back_tile (void *user, size_t tile, unsigned worker)
{
  const Elements *e = user;
  size_t bands = effnet_div_up (e->pixels, GATE_PIXELS), image = tile / bands;
  size_t first = tile % bands * GATE_PIXELS, end = MIN (first + GATE_PIXELS, e->pixels);
  const float *gate = e->gate != NULL ? e->gate + image * e->channels : NULL;
  const float *dmean = e->dmean + image * e->channels;
  float share = 1.0f / (float)e->pixels;

  (void)worker;
  for (size_t p = first; p < end; p++) {
    const float *z = e->x + (image * e->pixels + p) * e->channels;
    float *g = e->y + (image * e->pixels + p) * e->channels;

    for (size_t c = 0; c < e->channels; c += BLOCK) {
      size_t count = MIN (BLOCK, e->channels - c);
      float v[BLOCK] = {0}, slope[BLOCK];

      memcpy (v, z + c, count * sizeof *v);
      slopes (e->activation, v, slope);
      for (size_t i = 0; i < count; i++)
        g[c + i] =
            ((gate != NULL ? g[c + i] * gate[c + i] : 0.0f) + dmean[c + i] * share) * slope[i];
    }
  }
}

void
effnet_gated_back (EffnetPool *pool, size_t images, size_t pixels, size_t channels,
                   EffnetActivation activation, const float *z, const float *gate,
                   const float *dmean, float *g)
{
  Elements e = {.activation = activation,
                .images = images,
                .pixels = pixels,
                .channels = channels,
                .x = z,
                .gate = gate,
                .dmean = dmean,
                .y = g};

  if (dmean == NULL)
    effnet_activate_back (pool, activation, images * pixels * channels, z, g);
  else
    effnet_pool_run (pool, gate_tiles (&e), gated_back_tile, &e);
}
