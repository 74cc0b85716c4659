/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A frame is decoded to RGB at the JPEG scale that the network's input needs, changed, and made a
 * JPEG again. What is drawn depends on the seed alone. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "engine/engine.h"
#include "effnet/train.h"

#define CROP_LEAST    0.8 /* of each side */
#define BRIGHTNESS    0.3 /* more or less */
#define QUALITY_LEAST 40
#define QUALITY_MOST  95
#define EIGHTHS       8
#define LAST_PIXEL    255.0f

struct _EffnetAugmenter {
  unsigned side; /* pixels that a crop must have */
  EffnetFrontend *frontend;
  unsigned width, height; /* of the front end's output */
  size_t room;            /* pixels in these */
  float *pixels;          /* [height][width][3], 0 to 1 */
  uint8_t *rgb;           /* of the crop */
  GBytes *jpeg;
};

EffnetAugmenter *
effnet_augmenter_new (EffnetModel *model)
{
  EffnetAugmenter *self = g_new0 (EffnetAugmenter, 1);
  const EffnetNet *net = model->net;
  double least = MIN (model->card->crop_pct, 1);

  self->side = (unsigned)ceil (MAX (net->in_height, net->in_width) / least / CROP_LEAST);
  return self;
}

void
effnet_augmenter_free (EffnetAugmenter *self)
{
  if (self == NULL)
    return;
  effnet_frontend_free (self->frontend);
  g_clear_pointer (&self->jpeg, g_bytes_unref);
  g_free (self->pixels);
  g_free (self->rgb);
  g_free (self);
}

/* S. Vigna's splitmix64: a number for each call, 0 to below 1. */
static double
draw (uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15u;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static gboolean
set_size (EffnetAugmenter *self, unsigned width, unsigned height, GError **error)
{
  const EffnetInputSpec spec = {.height = height,
                                .width = width,
                                .mode = EFFNET_RESIZE_MODE_STRETCH,
                                .crop_pct = 1,
                                .filter = EFFNET_FILTER_BILINEAR,
                                .std = {1, 1, 1}};
  size_t n = (size_t)width * height;

  if (self->frontend != NULL && self->width == width && self->height == height)
    return TRUE;
  if (n > self->room) {
    g_free (self->pixels);
    g_free (self->rgb);
    self->room = 0;
    self->pixels = g_try_new (float, n * 3);
    self->rgb = g_try_new (uint8_t, n * 3);
    if (self->pixels == NULL || self->rgb == NULL)
      return effnet_fail_memory (error, "a frame to be altered", n * 15);
    self->room = n;
  }
  self->width = width;
  self->height = height;
  if (self->frontend != NULL)
    effnet_frontend_set_spec (self->frontend, &spec);
  else
    self->frontend = effnet_frontend_new (&spec, error);
  return self->frontend != NULL;
}

/* At the smallest of an eighth, a quarter, a half and the whole that leaves enough of a crop. */
static gboolean
decode (EffnetAugmenter *self, const EffnetImage *frame, GError **error)
{
  unsigned width, height, n = 1;

  if ((self->frontend == NULL && !set_size (self, 1, 1, error)) ||
      !effnet_frontend_size (self->frontend, frame, &width, &height, error))
    return FALSE;
  while (n < EIGHTHS && MIN (width, height) * n / EIGHTHS < self->side)
    n *= 2;
  return set_size (self, MAX (width * n / EIGHTHS, 1), MAX (height * n / EIGHTHS, 1), error) &&
         effnet_frontend_run (self->frontend, frame, NULL, self->pixels, NULL, error);
}

/* Rows of the crop, flipped and brightened, as bytes. */
static void
alter (EffnetAugmenter *self, unsigned x, unsigned y, unsigned width, unsigned height,
       gboolean flip, float brightness)
{
  for (unsigned row = 0; row < height; row++) {
    const float *in = self->pixels + ((size_t)(y + row) * self->width + x) * 3;
    uint8_t *out = self->rgb + (size_t)row * width * 3;

    for (unsigned column = 0; column < width; column++) {
      const float *pixel = in + 3 * (flip ? width - 1 - column : column);

      for (unsigned c = 0; c < 3; c++)
        out[3 * column + c] =
            (uint8_t)CLAMP (pixel[c] * brightness * LAST_PIXEL + 0.5f, 0.0f, LAST_PIXEL);
    }
  }
}

gboolean
effnet_augmenter_run (EffnetAugmenter *self, const EffnetImage *frame, uint64_t seed,
                      EffnetImage *altered, GError **error)
{
  double crop_w, crop_h, left, top, brightness, quality;
  unsigned width, height;
  gboolean flip;

  if (!decode (self, frame, error))
    return FALSE;
  flip = draw (&seed) < 0.5;
  crop_w = CROP_LEAST + (1 - CROP_LEAST) * draw (&seed);
  crop_h = CROP_LEAST + (1 - CROP_LEAST) * draw (&seed);
  left = draw (&seed);
  top = draw (&seed);
  brightness = 1 - BRIGHTNESS + 2 * BRIGHTNESS * draw (&seed);
  quality = QUALITY_LEAST + (QUALITY_MOST - QUALITY_LEAST) * draw (&seed);
  width = MAX ((unsigned)(crop_w * self->width), 1);
  height = MAX ((unsigned)(crop_h * self->height), 1);
  alter (self, (unsigned)(left * (self->width - width + 1)),
         (unsigned)(top * (self->height - height + 1)), width, height, flip, (float)brightness);
  g_clear_pointer (&self->jpeg, g_bytes_unref);
  self->jpeg = effnet_encode_jpeg (self->rgb, width, height, (unsigned)quality, error);
  if (self->jpeg == NULL)
    return FALSE;
  *altered = (EffnetImage)EFFNET_IMAGE_INIT;
  altered->format = EFFNET_PIXEL_FORMAT_JPEG;
  altered->data[0] = g_bytes_get_data (self->jpeg, &altered->size);
  return TRUE;
}
