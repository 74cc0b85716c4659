/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A byte of options and any bytes as a JPEG frame: an error with a sentence, or pixels. The frame
 * after it is as good as in a fresh front end. */
#include "image/frontend.h"
#include "input.h"

#define SIDE 24

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  uint8_t how = size > 0 ? data[0] : 0;
  EffnetInputSpec spec = {.height = SIDE, .width = SIDE, .crop_pct = 0.875, .std = {1, 1, 1}};
  EffnetImage image = EFFNET_IMAGE_INIT;
  g_autoptr (GError) error = NULL;
  float out[SIDE * SIDE * 3];

  spec.filter = how & 1 ? EFFNET_FILTER_BICUBIC : EFFNET_FILTER_BILINEAR;
  spec.jpeg_full_scale = (how & 2) != 0;
  spec.mode = (EffnetResizeMode)(EFFNET_RESIZE_MODE_STRETCH + (how >> 2 & 3) % 3);
  g_autoptr (EffnetFrontend) frontend = effnet_frontend_new (&spec, NULL);
  FUZZ_CHECK (frontend != NULL);
  image.format = EFFNET_PIXEL_FORMAT_JPEG;
  image.data[0] = size > 0 ? data + 1 : data;
  image.size = size > 0 ? size - 1 : 0;
  image.crop_x = how >> 4 & 3;
  image.crop_height = how >> 6;
  if (!effnet_frontend_run (frontend, &image, NULL, out, NULL, &error)) {
    FUZZ_CHECK (error != NULL && error->domain == EFFNET_ERROR);
    FUZZ_CHECK (error->code == EFFNET_ERROR_FRAME);
    FUZZ_CHECK (g_utf8_validate (error->message, -1, NULL));
    return 0;
  }
  for (unsigned i = 0; i < SIDE * SIDE * 3; i++)
    FUZZ_CHECK (out[i] >= 0.0f && out[i] <= 1.0001f);
  FUZZ_CHECK (effnet_frontend_run (frontend, &image, NULL, out, NULL, NULL));
  return 0;
}
