/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any description of a raw frame: refused with a sentence, or read without leaving its planes.
 * Where the description is one that may be read, the planes are blocks of exactly the bytes it
 * promises. */
#include "image/format.h"
#include "image/frontend.h"
#include "input.h"
#include "take.h"

#include <math.h>
#include <string.h>

#define BYTES_MAX ((size_t)1 << 20) /* of one plane */

static void
describe (EffnetImage *image, EffnetInputSpec *spec, Bytes *bytes)
{
  image->format = (EffnetPixelFormat)(take (bytes, 1) % (effnet_format_end + 1));
  if (image->format == EFFNET_PIXEL_FORMAT_JPEG)
    image->format = EFFNET_PIXEL_FORMAT_UNKNOWN;
  image->width = take (bytes, 2);
  image->height = take (bytes, 2);
  image->matrix = (EffnetColorMatrix)take (bytes, 1);
  image->range = (EffnetColorRange)take (bytes, 1);
  image->chroma_site = (EffnetChromaSite)take (bytes, 1);
  image->par_n = take (bytes, 2);
  image->par_d = take (bytes, 2);
  image->crop_x = take (bytes, 2);
  image->crop_y = take (bytes, 2);
  image->crop_width = take (bytes, 2);
  image->crop_height = take (bytes, 2);
  spec->width = take (bytes, 1) % 40 + 1;
  spec->height = take (bytes, 1) % 40 + 1;
  spec->mode = (EffnetResizeMode)(take (bytes, 1) % 4);
  spec->squash = take (bytes, 1) & 1;
  unsigned how = take (bytes, 1);
  spec->filter = (EffnetFilter)(how & 1);
  spec->sparse_rows = how >> 1 & 1;
  spec->crop_pct = (take (bytes, 1) + 3) / 258.0;
}

/* Planes of exactly their size; FALSE when one would be too large to try. */
static gboolean
allocate (EffnetImage *image, Bytes *bytes)
{
  const EffnetFormat *format = effnet_format (image->format);
  for (unsigned p = 0; format != NULL && p < format->n_planes; p++) {
    size_t need = effnet_format_line_bytes (format, p, image->width);
    unsigned lines = effnet_format_lines (format, p, image->height);
    size_t stride = need + take (bytes, 1) % 32;
    if (lines == 0 || stride * lines > BYTES_MAX)
      return FALSE;
    uint8_t *data = g_malloc (stride * (lines - 1) + need + !need);
    memset (data, (int)take (bytes, 1), stride * (lines - 1) + need);
    image->data[p] = data;
    image->stride[p] = (ptrdiff_t)stride;
    if (take (bytes, 1) > 250) /* a stride too small is refused before anything is read */
      image->stride[p] = (ptrdiff_t)need - 1;
  }
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Bytes bytes = {data, size};
  EffnetImage image = EFFNET_IMAGE_INIT;
  EffnetInputSpec spec = {.std = {1, 1, 1}};
  g_autoptr (GError) error = NULL;
  float out[40 * 40 * 3];

  describe (&image, &spec, &bytes);
  gboolean whole = allocate (&image, &bytes);
  g_autoptr (EffnetFrontend) frontend = effnet_frontend_new (&spec, NULL);
  FUZZ_CHECK (frontend != NULL);
  if (whole && effnet_frontend_run (frontend, &image, NULL, out, NULL, &error)) {
    for (unsigned i = 0; i < spec.width * spec.height * 3; i++)
      FUZZ_CHECK (out[i] >= 0.0f && out[i] <= 1.0001f);
  } else if (whole) {
    FUZZ_CHECK (error != NULL && error->code == EFFNET_ERROR_FRAME);
    FUZZ_CHECK (g_utf8_validate (error->message, -1, NULL));
  }
  for (unsigned p = 0; p < 4; p++)
    g_free ((void *)image.data[p]);
  return 0;
}
