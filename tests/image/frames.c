/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels: noise over blocks of black and white, so that filters overshoot and chroma leaves the
 * gamut. */
#include "frames.h"

#include <string.h>

#include "image/format.h"

uint32_t
dice_roll (Dice *dice)
{
  /* Knuth's MMIX congruence; the high half is the better one */
  dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(dice->state >> 32);
}

static void
fill (uint8_t *line, size_t bytes, unsigned y, Dice *dice)
{
  for (size_t i = 0; i < bytes; i++) {
    uint32_t r = dice_roll (dice);
    unsigned block = (unsigned)(i / 24 + y / 8) % 3;
    line[i] = block == 0 ? (uint8_t)r : block == 1 ? (uint8_t)(r % 8) : (uint8_t)(248 + r % 8);
  }
}

/* The unused bits of 10- and 12-bit formats are zero. */
static void
mask (const EffnetFormat *format, uint8_t *line, size_t bytes)
{
  if (format->layout > EFFNET_SAMPLES_WIDE)
    return; /* all bits are used, or nobody looks */
  uint16_t keep = (uint16_t)(((1u << format->bits) - 1) << format->shift);
  for (size_t i = 0; format->element == 2 && i + 1 < bytes; i += 2) {
    line[i + format->big_endian] &= (uint8_t)keep;
    line[i + !format->big_endian] &= (uint8_t)(keep >> 8);
  }
}

void
frame_init (EffnetImage *image, EffnetPixelFormat pixel_format, unsigned width, unsigned height,
            unsigned padding, uint64_t seed)
{
  const EffnetFormat *format = effnet_format (pixel_format);
  EffnetImage empty = EFFNET_IMAGE_INIT;
  Dice dice = {seed};

  *image = empty;
  image->format = pixel_format;
  image->width = width;
  image->height = height;
  for (unsigned p = 0; p < format->n_planes; p++) {
    size_t bytes = effnet_format_line_bytes (format, p, width), stride = bytes + padding;
    unsigned lines = effnet_format_lines (format, p, height);
    uint8_t *data = g_malloc0 (stride * (lines - 1) + bytes);
    for (unsigned y = 0; y < lines; y++) {
      fill (data + y * stride, bytes, y, &dice);
      mask (format, data + y * stride, bytes);
    }
    image->data[p] = data;
    image->stride[p] = (ptrdiff_t)stride;
  }
}

void
frame_clear (EffnetImage *image)
{
  for (unsigned p = 0; p < 4; p++) {
    g_free ((void *)image->data[p]);
    image->data[p] = NULL;
  }
}

EffnetFrontend *
frontend_make (const EffnetInputSpec *spec)
{
  g_autoptr (GError) error = NULL;
  EffnetFrontend *frontend = effnet_frontend_new (spec, &error);

  g_assert_no_error (error);
  return frontend;
}

EffnetPixelFormat
format_next (EffnetPixelFormat format)
{
  while (++format < effnet_format_end)
    if (effnet_format (format) != NULL)
      return format;
  return EFFNET_PIXEL_FORMAT_UNKNOWN;
}

EffnetPixelFormat
format_any (unsigned n)
{
  EffnetPixelFormat format = EFFNET_PIXEL_FORMAT_RGB + n % (effnet_format_end - 1);
  return effnet_format (format) != NULL ? format : EFFNET_PIXEL_FORMAT_RGB;
}
