/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where libjpeg's decoder has a file's bytes from: bytes before the start and a second start marker
 * are left out, and behind the end there is an end marker. The invariant: nothing is copied. */
#ifndef EFFNET_IMAGE_JPEG_SOURCE_H
#define EFFNET_IMAGE_JPEG_SOURCE_H

#include <glib.h>
#include <stdint.h>

struct jpeg_decompress_struct; /* of jpeglib.h */

typedef struct _EffnetJpegSource EffnetJpegSource;

/* More bytes are asked for than there are. */
typedef void (*EffnetJpegEndFunc) (struct jpeg_decompress_struct *d);

EffnetJpegSource *effnet_jpeg_source_new (EffnetJpegEndFunc ended);
void effnet_jpeg_source_free (EffnetJpegSource *source);
void effnet_jpeg_source_attach (EffnetJpegSource *source, struct jpeg_decompress_struct *d);
/* @file: [size] bytes, which stay until the next call, or until nothing is read any more */
void effnet_jpeg_source_begin (EffnetJpegSource *source, const uint8_t *file, size_t size);
/* Bytes were missing since then. */
gboolean effnet_jpeg_source_ran_out (const EffnetJpegSource *source);

#endif
