/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libjpeg's encoder, and a walk over the segments of a header. */
#include "encode.h"

#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

void
encode_picture (unsigned x, unsigned y, unsigned width, unsigned height, unsigned char *rgb)
{
  double u = (x + 0.5) / width, v = (y + 0.5) / height;
  double disc = (u - 0.6) * (u - 0.6) + (v - 0.45) * (v - 0.45);
  rgb[0] = (unsigned char)(40 + 170 * u);
  rgb[1] = (unsigned char)(200 - 150 * v);
  rgb[2] = (unsigned char)(60 + 120 * u * v);
  if (disc < 0.04) {
    rgb[0] = 220;
    rgb[1] = 180;
    rgb[2] = 40;
  }
}

static void
set_up (struct jpeg_compress_struct *c, const EncodeSpec *s)
{
  static const J_COLOR_SPACE space[] = {JCS_UNKNOWN, JCS_GRAYSCALE, JCS_UNKNOWN, JCS_RGB, JCS_CMYK};
  /* one scan per component, as jpegtran's scripts write it: all coefficients, no approximation */
  static const jpeg_scan_info scans[3] = {
      {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};

  c->image_width = s->width;
  c->image_height = s->height;
  c->input_components = (int)s->components;
  c->in_color_space = space[s->components];
  jpeg_set_defaults (c);
  if (s->rgb)
    jpeg_set_colorspace (c, JCS_RGB);
  if (s->ycck)
    jpeg_set_colorspace (c, JCS_YCCK);
  if (s->rgb || s->ycck)
    c->write_Adobe_marker = TRUE;
  jpeg_set_quality (c, s->quality ? s->quality : 90, TRUE);
  c->arith_code = s->arithmetic;
  c->restart_interval = s->restart;
  if (s->h > 0) {
    c->comp_info[0].h_samp_factor = (int)s->h;
    c->comp_info[0].v_samp_factor = (int)s->v;
  }
  if (s->scan_each) {
    c->scan_info = scans;
    c->num_scans = 3;
  }
  if (s->progressive)
    jpeg_simple_progression (c);
}

GByteArray *
encode (const EncodeSpec *s)
{
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr err;
  unsigned char *bytes = NULL;
  unsigned long size = 0;
  g_autofree unsigned char *line = g_malloc ((size_t)s->width * s->components);

  c.err = jpeg_std_error (&err); /* exits on an error: a broken test */
  jpeg_create_compress (&c);
  jpeg_mem_dest (&c, &bytes, &size);
  set_up (&c, s);
  jpeg_start_compress (&c, TRUE);
  for (unsigned y = 0; y < s->height; y++) {
    JSAMPROW row = line;
    for (unsigned x = 0; x < s->width; x++) {
      unsigned char rgb[4] = {0, 0, 0, 240};
      encode_picture (x, y, s->width, s->height, rgb);
      for (unsigned k = 0; s->components == 4 && k < 3; k++)
        rgb[k] = (unsigned char)(rgb[k] * 255 / rgb[3]); /* inverted, as Adobe's programs do */
      if (s->components == 1)
        rgb[0] = (unsigned char)((rgb[0] * 299 + rgb[1] * 587 + rgb[2] * 114) / 1000);
      for (unsigned k = 0; k < s->components; k++)
        line[x * s->components + k] = rgb[k];
    }
    jpeg_write_scanlines (&c, &row, 1);
  }
  jpeg_finish_compress (&c);
  jpeg_destroy_compress (&c);
  GByteArray *file = g_byte_array_new ();
  g_byte_array_append (file, bytes, (guint)size);
  free (bytes);
  return file;
}

static long
find_from (const GByteArray *file, guint at, unsigned char code)
{
  while (at + 4 <= file->len && file->data[at] == 0xff) {
    if (file->data[at + 1] == code)
      return (long)at;
    if (file->data[at + 1] == 0xda)
      break;
    at += 2u + file->data[at + 2] * 256u + file->data[at + 3];
  }
  return -1;
}

long
encode_find (const GByteArray *file, unsigned char code)
{
  return find_from (file, 2, code);
}

void
encode_drop (GByteArray *file, unsigned char code)
{
  long at;
  while ((at = encode_find (file, code)) >= 0) {
    const unsigned char *s = file->data + at;
    g_byte_array_remove_range (file, (guint)at, 2u + s[2] * 256u + s[3]);
  }
}
