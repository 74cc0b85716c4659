/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * jpeg: a compressed frame -> its component planes, neither upsampled nor colour-converted, at a
 * scale of n / 8 and with only the rows that count. jpeg.c is the only file that sees libjpeg;
 * whatever the decoder does to tell of an error ends there. */
#ifndef EFFNET_IMAGE_JPEG_H
#define EFFNET_IMAGE_JPEG_H

#include "base/stop.h"
#include "image/damage.h"
#include "image/format.h"

typedef struct _EffnetJpeg EffnetJpeg;

typedef struct {
  unsigned width, height; /* pixels, as the file says */
  unsigned orientation;   /* 1..8, as its Exif says; 0 when it says nothing */
  gboolean packed_only;   /* four colours: there are no planes to start with */
  EffnetColorModel model;
} EffnetJpegHeader;

/* A decoded plane. Row y of it is at data + (y - first) * stride; only the rows asked for are
 * there. */
typedef struct {
  unsigned width, height; /* samples at the chosen scale */
  unsigned sub_x, sub_y;  /* luma samples to one */
  unsigned first;         /* row at data */
  uint8_t *data;
  size_t stride; /* bytes */
} EffnetJpegPlane;

/* @stop: (nullable): looked at while decoding; must outlive the decoder. */
EffnetJpeg *effnet_jpeg_new (EffnetStop *stop);
void effnet_jpeg_free (EffnetJpeg *jpeg);

/* The three steps of a frame, in this order; FALSE with FRAME ends it. @data must stay until the
 * last. */
gboolean effnet_jpeg_header (EffnetJpeg *jpeg, const void *data, size_t size,
                             EffnetJpegHeader *header, GError **error);
/* @n: 1..8 eighths. @rgb: let libjpeg interpolate and convert: planes[0] is then packed RGB, the
 * only one. Fills the sizes. */
gboolean effnet_jpeg_start (EffnetJpeg *jpeg, unsigned n, gboolean rgb, EffnetJpegPlane planes[3],
                            GError **error);
/* Decodes rows [lo[c], hi[c]) of each plane c. Too much damage in them is an error; what is less
 * effnet_jpeg_damage() tells. */
gboolean effnet_jpeg_decode (EffnetJpeg *jpeg, const unsigned lo[3], const unsigned hi[3],
                             EffnetJpegPlane planes[3], GError **error);
/* Of the last frame decoded: the warnings, and the share of it that is in doubt. */
void effnet_jpeg_damage (const EffnetJpeg *jpeg, unsigned *warnings, double *share);

#endif
