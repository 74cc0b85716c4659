/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frame after frame through one front end with a pool, each described anew: format, size, crop,
 * regions, orientation, bits, and now and then another spec or a damaged JPEG. What a frame gives
 * is what it gives in a fresh front end. */
#include "image/format.h"
#include "image/frontend.h"
#include "input.h"
#include "take.h"
#include "threads/pool.h"

#include <string.h>

#define SIDE_MAX    32
#define REGIONS_MAX 20 /* more than passes are kept */
#define BYTES_MAX   ((size_t)1 << 18)

static void
take_spec (EffnetInputSpec *spec, Bytes *bytes)
{
  unsigned how = take (bytes, 1);

  *spec = (EffnetInputSpec){.crop_pct = 0.875, .std = {1, 1, 1}};
  spec->width = take (bytes, 1) % SIDE_MAX + 1;
  spec->height = take (bytes, 1) % SIDE_MAX + 1;
  spec->mode = (EffnetResizeMode)(EFFNET_RESIZE_MODE_STRETCH + how % 3);
  spec->filter = how & 4 ? EFFNET_FILTER_BICUBIC : EFFNET_FILTER_BILINEAR;
  spec->sparse_rows = how >> 3 & 1;
  spec->jpeg_full_scale = how >> 4 & 1;
}

/* Planes of exactly their size at @block; FALSE when they do not fit or the format is none. */
static gboolean
take_raw (EffnetImage *image, Bytes *bytes, uint8_t *block)
{
  const EffnetFormat *format;
  size_t at = 0;

  image->format = (EffnetPixelFormat)(take (bytes, 1) % effnet_format_end);
  image->width = take (bytes, 2) % 1500 + 1;
  image->height = take (bytes, 2) % 1500 + 1;
  image->bits = take (bytes, 1) % 20;
  format = effnet_format (image->format);
  if (format == NULL)
    return FALSE;
  for (unsigned p = 0; p < format->n_planes; p++) {
    size_t stride = effnet_format_line_bytes (format, p, image->width) + take (bytes, 1) % 8;
    size_t size = stride * effnet_format_lines (format, p, image->height);
    if (size > BYTES_MAX - at)
      return FALSE;
    memset (block + at, (int)take (bytes, 1), size);
    image->data[p] = block + at;
    image->stride[p] = (ptrdiff_t)stride;
    at += size;
  }
  return TRUE;
}

static void
take_place (EffnetImage *image, Bytes *bytes)
{
  image->orientation = take (bytes, 1) % 10;
  image->crop_x = take (bytes, 1);
  image->crop_y = take (bytes, 1);
  image->crop_width = take (bytes, 2);
  image->crop_height = take (bytes, 2);
  image->par_n = take (bytes, 4);
  image->par_d = take (bytes, 4);
}

static void
run (EffnetFrontend *frontend, const EffnetInputSpec *spec, const EffnetImage *image,
     const EffnetRegion *regions, size_t n, EffnetPool *pool)
{
  static float out[SIDE_MAX * SIDE_MAX * 3], again[SIDE_MAX * SIDE_MAX * 3];
  size_t floats = (size_t)spec->width * spec->height * 3;
  g_autoptr (EffnetFrontend) fresh = effnet_frontend_new (spec, NULL);
  g_autoptr (GError) error = NULL;
  EffnetFrontendTimes times;

  FUZZ_CHECK (fresh != NULL);
  gboolean good = effnet_frontend_begin (frontend, image, regions, n, pool, &times, &error);
  FUZZ_CHECK (good == effnet_frontend_begin (fresh, image, regions, n, NULL, &times, NULL));
  FUZZ_CHECK (good || (error != NULL && g_utf8_validate (error->message, -1, NULL)));
  for (size_t i = 0; good && i < n; i++) {
    effnet_frontend_fill (frontend, i, pool, out, &times);
    effnet_frontend_fill (fresh, i, NULL, again, &times);
    FUZZ_CHECK (memcmp (out, again, floats * sizeof *out) == 0);
    for (size_t k = 0; k < floats; k++)
      FUZZ_CHECK (out[k] >= 0.0f && out[k] <= 1.0001f);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static EffnetPool *pool;
  Bytes bytes = {data, size};
  g_autofree uint8_t *block = g_malloc (BYTES_MAX);
  EffnetInputSpec spec;

  if (pool == NULL)
    pool = effnet_pool_get (3);
  take_spec (&spec, &bytes);
  g_autoptr (EffnetFrontend) frontend = effnet_frontend_new (&spec, NULL);
  FUZZ_CHECK (frontend != NULL);
  effnet_pool_enter (pool);
  for (unsigned frame = 0; frame < 8 && bytes.left > 0; frame++) {
    EffnetImage image = EFFNET_IMAGE_INIT;
    EffnetRegion regions[REGIONS_MAX] = {{0, 0, 0, 0}};
    unsigned how = take (&bytes, 1), n = how & 1 ? how >> 3 & 15 : 0;

    if (how & 2) {
      take_spec (&spec, &bytes);
      effnet_frontend_set_spec (frontend, &spec);
    }
    for (unsigned i = 0; i < n; i++)
      regions[i] = (EffnetRegion){take (&bytes, 1), take (&bytes, 1), take (&bytes, 1), 0};
    take_place (&image, &bytes);
    if (how & 4) { /* the bytes that are left */
      image.format = EFFNET_PIXEL_FORMAT_JPEG;
      image.data[0] = bytes.at;
      image.size = bytes.left;
      run (frontend, &spec, &image, regions, MAX (n, 1), pool);
    } else if (take_raw (&image, &bytes, block)) {
      run (frontend, &spec, &image, regions, MAX (n, 1), pool);
    }
  }
  effnet_pool_leave (pool);
  return 0;
}
