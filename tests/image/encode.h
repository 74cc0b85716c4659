/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JPEG files made on the spot from a synthetic picture. */
#ifndef EFFNET_TESTS_IMAGE_ENCODE_H
#define EFFNET_TESTS_IMAGE_ENCODE_H

#include <glib.h>

typedef struct {
  unsigned width, height;
  unsigned components; /* 1 grey, 3 YCbCr, 4 CMYK */
  unsigned h, v;       /* sampling of the first component; the others have 1x1 */
  gboolean rgb;        /* stored as RGB, told by an Adobe marker */
  gboolean ycck;       /* of 4 components: stored as YCCK */
  gboolean progressive, arithmetic, scan_each; /* scan_each: one sequential scan per component */
  unsigned restart;                            /* MCUs between restart markers, 0 none */
  int quality;                                 /* 0 means 90 */
} EncodeSpec;

GByteArray *encode (const EncodeSpec *spec);
/* Smooth colours, with one sharp disc. @rgb: [3] */
void encode_picture (unsigned x, unsigned y, unsigned width, unsigned height, unsigned char *rgb);

/* Offset of the first marker 0xff @code at or after @from; -1 none. Walks segments up to the first
 * scan. */
long encode_find (const GByteArray *file, unsigned char code);
/* Cuts every segment with marker @code out of the header. */
void encode_drop (GByteArray *file, unsigned char code);

#endif
