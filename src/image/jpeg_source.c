/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libjpeg's source manager over bytes that are all there. */
#include "image/jpeg_source.h"

#include <stdio.h>

#include <jpeglib.h>

#include "image/markers.h"

struct _EffnetJpegSource {
  struct jpeg_source_mgr manager; /* first: libjpeg has its address */
  EffnetJpegEndFunc ended;
  const uint8_t *file;
  size_t size;      /* bytes of it */
  size_t given;     /* bytes that were given or left out */
  gboolean ran_out; /* it was asked for more than there is */
};

static void
source_start (j_decompress_ptr d)
{
  (void)d;
}

/* Gives the bytes from @from to the next start marker at or behind @segment, which libjpeg would
 * refuse and which is left out. */
static void
give (EffnetJpegSource *source, size_t from, size_t segment)
{
  size_t end = source->size;
  EffnetSegment s;

  source->given = end;
  while (effnet_markers_next (source->file, source->size, &segment, &s)) {
    if (s.code == EFFNET_MARKER_SOI) {
      end = s.at;
      source->given = segment;
      break;
    }
  }
  source->manager.next_input_byte = source->file + from;
  source->manager.bytes_in_buffer = end - from;
}

/* The end of the bytes looks like the end of the file: bits that are then missing are found missing
 * by the entropy decoder, and a frame that only lacks its end marker is whole. The arithmetic
 * decoder takes missing bytes for zeros and says nothing. */
static boolean
source_fill (j_decompress_ptr d)
{
  static const JOCTET end[2] = {0xff, JPEG_EOI};
  EffnetJpegSource *source = (EffnetJpegSource *)d->src;

  while (source->given < source->size) {
    give (source, source->given, source->given);
    if (d->src->bytes_in_buffer > 0)
      return TRUE;
  }
  source->ended (d);
  source->ran_out = TRUE;
  d->src->next_input_byte = end;
  d->src->bytes_in_buffer = sizeof end;
  return TRUE;
}

static void
source_skip (j_decompress_ptr d, long n)
{
  if (n <= 0)
    return;
  if ((size_t)n > d->src->bytes_in_buffer) {
    source_fill (d);
    return;
  }
  d->src->next_input_byte += n;
  d->src->bytes_in_buffer -= (size_t)n;
}

/* ---- life ------------------------------------------------------------------------------------ */

EffnetJpegSource *
effnet_jpeg_source_new (EffnetJpegEndFunc ended)
{
  EffnetJpegSource *source = g_new0 (EffnetJpegSource, 1);

  source->ended = ended;
  source->manager.init_source = source_start;
  source->manager.fill_input_buffer = source_fill;
  source->manager.skip_input_data = source_skip;
  source->manager.resync_to_restart = jpeg_resync_to_restart;
  source->manager.term_source = source_start;
  return source;
}

void
effnet_jpeg_source_free (EffnetJpegSource *source)
{
  g_free (source);
}

void
effnet_jpeg_source_attach (EffnetJpegSource *source, struct jpeg_decompress_struct *d)
{
  d->src = &source->manager;
}

void
effnet_jpeg_source_begin (EffnetJpegSource *source, const uint8_t *file, size_t size)
{
  size_t start = effnet_markers_start (file, size);

  source->file = file;
  source->size = size;
  source->ran_out = FALSE;
  give (source, start, MIN (start + 2, size));
}

gboolean
effnet_jpeg_source_ran_out (const EffnetJpegSource *source)
{
  return source->ran_out;
}
