/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack.h"

#include <string.h>

#include "base/checked.h"

static uint32_t
element_at (const EffnetFormat *f, const uint8_t *at)
{
  uint32_t v = 0;

  for (unsigned i = 0; i < f->element; i++)
    v |= (uint32_t)at[i] << 8 * (f->big_endian ? f->element - 1u - i : i);
  return v;
}

/* @n samples of whole elements or of fields; a field of fewer bits than others has its highest ones
 * repeated below. */
static void
unpack_line (const EffnetFormat *f, const EffnetComponent *k, const uint8_t *line, unsigned n,
             uint16_t *out)
{
  size_t step = (size_t)k->step * f->element;
  unsigned missing = k->field != 0 ? f->bits - k->field : 0;
  uint32_t mask = k->field != 0 ? (1u << k->field) - 1 : UINT16_MAX;

  line += k->field != 0 ? 0 : (size_t)k->offset * f->element;
  for (unsigned x = 0; x < n; x++, line += step) {
    uint32_t v = element_at (f, line) >> (k->field != 0 ? k->offset : 0) & mask;
    out[x] = (uint16_t)(missing != 0 ? v << missing | v >> (k->field - missing) : v);
  }
}

/* v210: words of three samples of 10 bits, in the order U Y V Y. */
static void
unpack_v210_line (unsigned component, const uint8_t *line, unsigned n, uint16_t *out)
{
  static const uint8_t first[3] = {1, 0, 2}, apart[3] = {2, 4, 4};

  for (unsigned x = 0; x < n; x++) {
    unsigned at = first[component] + x * apart[component];
    const uint8_t *w = line + 4 * (size_t)(at / 3);
    uint32_t word = w[0] | (uint32_t)w[1] << 8 | (uint32_t)w[2] << 16 | (uint32_t)w[3] << 24;
    out[x] = (uint16_t)(word >> 10 * (at % 3) & 1023);
  }
}

static void
unpack_plane (const EffnetFormat *f, unsigned component, const EffnetImage *image, EffnetStop *stop,
              uint16_t *out)
{
  const EffnetComponent *k = &f->component[component];
  unsigned n = effnet_subsampled (image->width, k->sub_x);
  unsigned lines = effnet_subsampled (image->height, k->sub_y);

  for (unsigned y = 0; y < lines && !effnet_stop_now (stop); y++, out += n) {
    const uint8_t *line =
        (const uint8_t *)image->data[k->plane] + (ptrdiff_t)y * image->stride[k->plane];
    if (f->layout == EFFNET_SAMPLES_V210)
      unpack_v210_line (component, line, n, out);
    else
      unpack_line (f, k, line, n, out);
    for (unsigned x = 0; G_BYTE_ORDER == G_BIG_ENDIAN && x < n; x++)
      out[x] = GUINT16_SWAP_LE_BE (out[x]);
  }
}

static gboolean
reserve (EffnetUnpacked *unpacked, size_t samples, const char *name, GError **error)
{
  if (samples <= unpacked->room)
    return TRUE;
  effnet_unpacked_clear (unpacked);
  unpacked->samples = g_try_new (uint16_t, samples);
  if (unpacked->samples == NULL)
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "%s frame: no memory to unpack %" G_GSIZE_FORMAT
                        " samples; use a smaller frame or another format",
                        name, samples);
  unpacked->room = samples;
  return TRUE;
}

gboolean
effnet_unpack (EffnetUnpacked *unpacked, const EffnetImage *image, EffnetStop *stop,
               EffnetImage *planar, EffnetFormat *format, GError **error)
{
  const EffnetFormat *stored = effnet_format (image->format);
  size_t at[3] = {0}, total = 0;

  for (unsigned c = 0; c < stored->n_components; c++) {
    const EffnetComponent *k = &stored->component[c];
    at[c] = total;
    total += (size_t)effnet_subsampled (image->width, k->sub_x) *
             effnet_subsampled (image->height, k->sub_y);
  }
  if (!reserve (unpacked, total, stored->name, error))
    return FALSE;
  *planar = *image;
  *format = *stored;
  format->layout = EFFNET_SAMPLES_APART;
  format->n_planes = stored->n_components;
  format->element = 2;
  format->big_endian = 0;
  for (unsigned c = 0; c < stored->n_components; c++) {
    const EffnetComponent *k = &stored->component[c];
    format->component[c] = (EffnetComponent){(uint8_t)c, 0, 1, k->sub_x, k->sub_y, 0};
    planar->data[c] = unpacked->samples + at[c];
    planar->stride[c] = (ptrdiff_t)(2 * (size_t)effnet_subsampled (image->width, k->sub_x));
    unpack_plane (stored, c, image, stop, unpacked->samples + at[c]);
  }
  return TRUE;
}

void
effnet_unpacked_clear (EffnetUnpacked *unpacked)
{
  g_free (unpacked->samples);
  memset (unpacked, 0, sizeof *unpacked);
}
