/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels -> a JPEG file in memory. As in jpeg.c, libjpeg's errors end at a setjmp in here. */
#include "base/error.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "base/limits.h"

#define FULL_CHROMA_ABOVE 90 /* quality */

typedef struct {
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr err;
  jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
} Writer;

static void
on_error (j_common_ptr common)
{
  Writer *writer = common->client_data;
  common->err->format_message (common, writer->message);
  longjmp (writer->jump, 1);
}

static void
on_message (j_common_ptr common, int level)
{
  (void)common;
  (void)level;
}

/* @file: allocated by libjpeg with malloc(), also where FALSE is returned. */
static gboolean
write_file (Writer *writer, const uint8_t *rgb, unsigned quality, unsigned char **file,
            unsigned long *size)
{
  struct jpeg_compress_struct *c = &writer->c;
  size_t stride = (size_t)3 * c->image_width;

  if (setjmp (writer->jump))
    return FALSE;
  jpeg_mem_dest (c, file, size);
  jpeg_set_defaults (c);
  jpeg_set_quality (c, (int)quality, TRUE);
  if (quality > FULL_CHROMA_ABOVE)
    c->comp_info[0].h_samp_factor = c->comp_info[0].v_samp_factor = 1;
  jpeg_start_compress (c, TRUE);
  while (c->next_scanline < c->image_height) {
    JSAMPROW line = (JSAMPROW)(rgb + c->next_scanline * stride); /* it is only read */
    jpeg_write_scanlines (c, &line, 1);
  }
  jpeg_finish_compress (c);
  return TRUE;
}

/* The structure libjpeg works on; FALSE where it found no memory for it. */
static gboolean
make_compressor (Writer *writer)
{
  writer->c.err = jpeg_std_error (&writer->err);
  writer->err.error_exit = on_error;
  writer->err.emit_message = on_message;
  writer->c.client_data = writer;
  if (setjmp (writer->jump))
    return FALSE;
  jpeg_create_compress (&writer->c);
  return TRUE;
}

GBytes *
effnet_encode_jpeg (const uint8_t *rgb, unsigned width, unsigned height, unsigned quality,
                    GError **error)
{
  Writer writer = {0};
  unsigned char *file = NULL;
  unsigned long size = 0;
  gboolean ok;

  if (width < 1 || width > EFFNET_FRAME_SIDE_MAX || height < 1 || height > EFFNET_FRAME_SIDE_MAX ||
      quality < 1 || quality > 100) {
    effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                 "a JPEG file of %ux%u pixels with quality %u cannot be written: sides are 1 to "
                 "%u, the quality 1 to 100",
                 width, height, quality, EFFNET_FRAME_SIDE_MAX);
    return NULL;
  }
  ok = make_compressor (&writer);
  if (ok) {
    writer.c.image_width = width;
    writer.c.image_height = height;
    writer.c.input_components = 3;
    writer.c.in_color_space = JCS_RGB;
    ok = write_file (&writer, rgb, quality, &file, &size);
  }
  jpeg_destroy_compress (&writer.c);
  if (!ok) {
    free (file);
    effnet_fail (error, EFFNET_ERROR_IO, "a JPEG file of %ux%u pixels could not be written: %s",
                 width, height, writer.message);
    return NULL;
  }
  return g_bytes_new_with_free_func (file, size, free, file);
}
