/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A frame as libeffnet reads it: layout, colorimetry, geometry. A part of effnet/effnet.h, which
 * includes it; not to be included alone. */
#ifndef EFFNET_IMAGE_H
#define EFFNET_IMAGE_H

#include <stddef.h>

#define EFFNET_DAMAGE_MAX 0.1 /* share of a JPEG's picture; more is an error */

/**
 * EffnetPixelFormat:
 *
 * Memory layouts of a frame, under GStreamer's names: bytes in memory order, planes in the order of
 * GstVideoFrame. #EFFNET_PIXEL_FORMAT_JPEG is a whole JPEG file of `size` bytes at `data[0]`.
 */
typedef enum {
  EFFNET_PIXEL_FORMAT_UNKNOWN,
  EFFNET_PIXEL_FORMAT_RGB,
  EFFNET_PIXEL_FORMAT_BGR,
  EFFNET_PIXEL_FORMAT_RGBX,
  EFFNET_PIXEL_FORMAT_BGRX,
  EFFNET_PIXEL_FORMAT_XRGB,
  EFFNET_PIXEL_FORMAT_XBGR,
  EFFNET_PIXEL_FORMAT_RGBA,
  EFFNET_PIXEL_FORMAT_BGRA,
  EFFNET_PIXEL_FORMAT_ARGB,
  EFFNET_PIXEL_FORMAT_ABGR,
  EFFNET_PIXEL_FORMAT_GRAY8,
  EFFNET_PIXEL_FORMAT_GRAY16_LE,
  EFFNET_PIXEL_FORMAT_I420,
  EFFNET_PIXEL_FORMAT_YV12,
  EFFNET_PIXEL_FORMAT_Y42B,
  EFFNET_PIXEL_FORMAT_Y444,
  EFFNET_PIXEL_FORMAT_NV12,
  EFFNET_PIXEL_FORMAT_NV21,
  EFFNET_PIXEL_FORMAT_NV16,
  EFFNET_PIXEL_FORMAT_YUY2,
  EFFNET_PIXEL_FORMAT_UYVY,
  EFFNET_PIXEL_FORMAT_YVYU,
  EFFNET_PIXEL_FORMAT_VYUY,
  EFFNET_PIXEL_FORMAT_P010_10LE,
  EFFNET_PIXEL_FORMAT_I420_10LE,
  EFFNET_PIXEL_FORMAT_JPEG,
  EFFNET_PIXEL_FORMAT_NV61,
  EFFNET_PIXEL_FORMAT_NV24,
  EFFNET_PIXEL_FORMAT_Y41B,
  EFFNET_PIXEL_FORMAT_YUV9,
  EFFNET_PIXEL_FORMAT_YVU9,
  EFFNET_PIXEL_FORMAT_A420,
  EFFNET_PIXEL_FORMAT_AV12,
  EFFNET_PIXEL_FORMAT_AYUV,
  EFFNET_PIXEL_FORMAT_VUYA,
  EFFNET_PIXEL_FORMAT_V308,
  EFFNET_PIXEL_FORMAT_IYU2,
  EFFNET_PIXEL_FORMAT_GBR,
  EFFNET_PIXEL_FORMAT_GBRA,
  EFFNET_PIXEL_FORMAT_RGBP,
  EFFNET_PIXEL_FORMAT_BGRP,
  EFFNET_PIXEL_FORMAT_I422_10LE,
  EFFNET_PIXEL_FORMAT_Y444_10LE,
  EFFNET_PIXEL_FORMAT_GBR_10LE,
  EFFNET_PIXEL_FORMAT_GBRA_10LE,
  EFFNET_PIXEL_FORMAT_I420_12LE,
  EFFNET_PIXEL_FORMAT_I422_12LE,
  EFFNET_PIXEL_FORMAT_Y444_12LE,
  EFFNET_PIXEL_FORMAT_GBR_12LE,
  EFFNET_PIXEL_FORMAT_GBRA_12LE,
  EFFNET_PIXEL_FORMAT_A420_10LE,
  EFFNET_PIXEL_FORMAT_A422_10LE,
  EFFNET_PIXEL_FORMAT_A444_10LE,
  EFFNET_PIXEL_FORMAT_Y444_16LE,
  EFFNET_PIXEL_FORMAT_P012_LE,
  EFFNET_PIXEL_FORMAT_P016_LE,
  EFFNET_PIXEL_FORMAT_Y212_LE,
  EFFNET_PIXEL_FORMAT_Y412_LE,
  EFFNET_PIXEL_FORMAT_ARGB64_LE,
  EFFNET_PIXEL_FORMAT_RGBA64_LE,
  EFFNET_PIXEL_FORMAT_BGRA64_LE,
  EFFNET_PIXEL_FORMAT_ABGR64_LE,
  EFFNET_PIXEL_FORMAT_GRAY16_BE,
  EFFNET_PIXEL_FORMAT_I420_10BE,
  EFFNET_PIXEL_FORMAT_I422_10BE,
  EFFNET_PIXEL_FORMAT_Y444_10BE,
  EFFNET_PIXEL_FORMAT_GBR_10BE,
  EFFNET_PIXEL_FORMAT_GBRA_10BE,
  EFFNET_PIXEL_FORMAT_I420_12BE,
  EFFNET_PIXEL_FORMAT_I422_12BE,
  EFFNET_PIXEL_FORMAT_Y444_12BE,
  EFFNET_PIXEL_FORMAT_GBR_12BE,
  EFFNET_PIXEL_FORMAT_GBRA_12BE,
  EFFNET_PIXEL_FORMAT_A420_10BE,
  EFFNET_PIXEL_FORMAT_A422_10BE,
  EFFNET_PIXEL_FORMAT_A444_10BE,
  EFFNET_PIXEL_FORMAT_Y444_16BE,
  EFFNET_PIXEL_FORMAT_P010_10BE,
  EFFNET_PIXEL_FORMAT_P012_BE,
  EFFNET_PIXEL_FORMAT_P016_BE,
  EFFNET_PIXEL_FORMAT_Y212_BE,
  EFFNET_PIXEL_FORMAT_Y412_BE,
  EFFNET_PIXEL_FORMAT_ARGB64_BE,
  EFFNET_PIXEL_FORMAT_RGBA64_BE,
  EFFNET_PIXEL_FORMAT_BGRA64_BE,
  EFFNET_PIXEL_FORMAT_ABGR64_BE,
  EFFNET_PIXEL_FORMAT_Y210,
  EFFNET_PIXEL_FORMAT_V216,
  EFFNET_PIXEL_FORMAT_ARGB64,
  EFFNET_PIXEL_FORMAT_AYUV64,
  EFFNET_PIXEL_FORMAT_RGB16,
  EFFNET_PIXEL_FORMAT_BGR16,
  EFFNET_PIXEL_FORMAT_RGB15,
  EFFNET_PIXEL_FORMAT_BGR15,
  EFFNET_PIXEL_FORMAT_R210,
  EFFNET_PIXEL_FORMAT_RGB10A2_LE,
  EFFNET_PIXEL_FORMAT_BGR10A2_LE,
  EFFNET_PIXEL_FORMAT_Y410,
  EFFNET_PIXEL_FORMAT_V210,
} EffnetPixelFormat;

/**
 * EffnetColorMatrix:
 * @EFFNET_COLOR_MATRIX_DEFAULT: BT.601 up to 576 lines, BT.709 above
 */
typedef enum {
  EFFNET_COLOR_MATRIX_DEFAULT,
  EFFNET_COLOR_MATRIX_BT601,
  EFFNET_COLOR_MATRIX_BT709,
  EFFNET_COLOR_MATRIX_BT2020,
  EFFNET_COLOR_MATRIX_SMPTE240M,
  EFFNET_COLOR_MATRIX_FCC,
} EffnetColorMatrix;

/**
 * EffnetColorRange:
 * @EFFNET_COLOR_RANGE_DEFAULT: limited (16..235) for YUV, full for RGB and grey
 */
typedef enum {
  EFFNET_COLOR_RANGE_DEFAULT,
  EFFNET_COLOR_RANGE_FULL,
  EFFNET_COLOR_RANGE_LIMITED,
} EffnetColorRange;

/**
 * EffnetChromaSite:
 * @EFFNET_CHROMA_SITE_DEFAULT: left
 * @EFFNET_CHROMA_SITE_LEFT: on the left column, between lines (MPEG-2)
 * @EFFNET_CHROMA_SITE_CENTER: in the middle of its luma samples (JPEG, MPEG-1)
 * @EFFNET_CHROMA_SITE_TOP_LEFT: on the top left luma sample (BT.2020)
 */
typedef enum {
  EFFNET_CHROMA_SITE_DEFAULT,
  EFFNET_CHROMA_SITE_LEFT,
  EFFNET_CHROMA_SITE_CENTER,
  EFFNET_CHROMA_SITE_TOP_LEFT,
} EffnetChromaSite;

/**
 * EffnetImage:
 * @format: layout of the pixels
 * @width: pixels a line, 1..EFFNET_FRAME_SIDE_MAX; for JPEG 0, it is read from the file
 * @height: lines, 1..EFFNET_FRAME_SIDE_MAX; for JPEG 0
 * @data: start of each plane; for JPEG the file at `data[0]`
 * @stride: bytes from one line of a plane to the next
 * @size: bytes at `data[0]`, for JPEG only
 * @matrix: coefficients of YUV
 * @range: full or limited
 * @chroma_site: where the chroma samples sit
 * @par_n: pixel aspect ratio, numerator; 0 means 1
 * @par_d: pixel aspect ratio, denominator; 0 means 1
 * @crop_x: left edge of the part to classify, in pixels
 * @crop_y: top edge
 * @crop_width: its width; 0 means up to the right edge
 * @crop_height: its height; 0 means down to the bottom edge
 * @orientation: how the pixels are stored, 1..8 as Exif's tag 0x0112 counts; 0 means what a JPEG's
 *   Exif says, and upright (1) for pixels and for a JPEG that says nothing
 * @bits: of formats of 16 bits, where the sensor has fewer: 8..16, the codes are 0..2^bits - 1; 0
 *   means all
 *
 * A frame as the camera gave it. All memory stays the caller's. Width, height, pixel aspect ratio
 * and crop describe the pixels as they are stored; the network sees the upright picture, and
 * regions and effnet_session_get_frame_size() count in it.
 */
typedef struct {
  EffnetPixelFormat format;
  unsigned width, height;
  const void *data[4];
  ptrdiff_t stride[4];
  size_t size;
  EffnetColorMatrix matrix;
  EffnetColorRange range;
  EffnetChromaSite chroma_site;
  unsigned par_n, par_d;
  unsigned crop_x, crop_y, crop_width, crop_height;
  unsigned orientation;
  unsigned bits;
  void *reserved[8];
} EffnetImage;

/* clang-format off */
#define EFFNET_IMAGE_INIT {EFFNET_PIXEL_FORMAT_UNKNOWN, 0, 0, {NULL}, {0}, 0,                      \
  EFFNET_COLOR_MATRIX_DEFAULT, EFFNET_COLOR_RANGE_DEFAULT, EFFNET_CHROMA_SITE_DEFAULT,             \
  0, 0, 0, 0, 0, 0, 0, 0, {NULL}}
/* clang-format on */

/**
 * EffnetRegion:
 * @x: left edge, in upright pixels of the visible part of the frame (within the frame's own crop)
 * @y: top edge
 * @width: its width; 0 means up to the right edge
 * @height: its height; 0 means down to the bottom edge
 *
 * A part of a frame that is classified on its own.
 */
typedef struct {
  unsigned x, y, width, height;
} EffnetRegion;

#endif
