/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * format: where each sample of a frame is stored, as data. One row per layout of pixels; nothing in
 * this room knows a format by name but the table. The decoded planes of a JPEG are described by the
 * same struct, filled at run time. Colours are in color.h. */
#ifndef EFFNET_IMAGE_FORMAT_H
#define EFFNET_IMAGE_FORMAT_H

#include "base/error.h"

typedef enum {
  EFFNET_MODEL_GRAY,
  EFFNET_MODEL_RGB,
  EFFNET_MODEL_YUV,
} EffnetColorModel;

typedef enum {
  EFFNET_SAMPLES_APART,  /* each at its bytes, which the filters read as they lie */
  EFFNET_SAMPLES_WIDE,   /* as those, but more than four bytes apart: unpacked first */
  EFFNET_SAMPLES_FIELDS, /* fields of bits of an element: unpacked first */
  EFFNET_SAMPLES_V210,   /* three fields in 32 bits, whichever components come next */
} EffnetSampleLayout;

/* Sample x of the component is element x * step + offset of a line; of fields, bits offset and up
 * of element x * step. */
typedef struct {
  uint8_t plane;
  uint8_t offset, step; /* elements */
  uint8_t sub_x, sub_y; /* luma samples to one of this component: 1, 2, 4 */
  uint8_t field;        /* bits, of fields */
} EffnetComponent;

typedef struct {
  const char *name;
  EffnetColorModel model;
  uint8_t n_planes;
  uint8_t n_components; /* 1 or 3: Y, RGB or YUV in this order; alpha is not listed */
  uint8_t element;      /* bytes: 1, 2, or 4 of fields */
  uint8_t big_endian;   /* the high one comes first */
  uint8_t bits, shift;  /* the code is element >> shift, of this many bits */
  EffnetComponent component[3];
  uint8_t layout; /* EffnetSampleLayout */
} EffnetFormat;

/* One more than the last of EffnetPixelFormat. */
extern const unsigned effnet_format_end;

/* NULL for UNKNOWN, JPEG and numbers outside the enumeration. */
const EffnetFormat *effnet_format (EffnetPixelFormat format);

/* Samples of @component for @luma samples. */
static inline unsigned
effnet_subsampled (unsigned luma, unsigned sub)
{
  return (luma + sub - 1) / sub;
}

/* Bytes one line of @plane takes, and its lines. */
size_t effnet_format_line_bytes (const EffnetFormat *format, unsigned plane, unsigned width);
unsigned effnet_format_lines (const EffnetFormat *format, unsigned plane, unsigned height);

/* FALSE with a sentence when the description of a raw frame cannot be read from. */
gboolean effnet_format_check (const EffnetFormat *format, const EffnetImage *image, GError **error);

#endif
