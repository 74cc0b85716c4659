/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Slow and plain on purpose. */
#include "reference.h"

#include <math.h>
#include <string.h>

typedef struct {
  gboolean yuv, gray;
  unsigned bits;
  unsigned sub_x, sub_y; /* of chroma */
} Kind;

/* The formats that are stored by the same few rules: the samples of each plane in their order,
 * planes parted by a bar; how many bits, shifted how far; bytes of a sample, negative with the high
 * one first; and how chroma is subsampled. */
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#  define NATIVE 2
#else
#  define NATIVE -2
#endif
typedef struct {
  const char *order;
  unsigned bits, shift;
  int bytes;
  unsigned sub_x, sub_y;
} Rule;

static const Rule rules[] = {
    [EFFNET_PIXEL_FORMAT_NV61] = {"Y|VU", 8, 0, 1, 2, 1},
    [EFFNET_PIXEL_FORMAT_NV24] = {"Y|UV", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_Y41B] = {"Y|U|V", 8, 0, 1, 4, 1},
    [EFFNET_PIXEL_FORMAT_YUV9] = {"Y|U|V", 8, 0, 1, 4, 4},
    [EFFNET_PIXEL_FORMAT_YVU9] = {"Y|V|U", 8, 0, 1, 4, 4},
    [EFFNET_PIXEL_FORMAT_A420] = {"Y|U|V", 8, 0, 1, 2, 2},
    [EFFNET_PIXEL_FORMAT_AV12] = {"Y|UV", 8, 0, 1, 2, 2},
    [EFFNET_PIXEL_FORMAT_AYUV] = {"AYUV", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_VUYA] = {"VUYA", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_V308] = {"YUV", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_IYU2] = {"UYV", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBR] = {"G|B|R", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBRA] = {"G|B|R", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_RGBP] = {"R|G|B", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_BGRP] = {"B|G|R", 8, 0, 1, 1, 1},
    [EFFNET_PIXEL_FORMAT_I422_10LE] = {"Y|U|V", 10, 0, 2, 2, 1},
    [EFFNET_PIXEL_FORMAT_Y444_10LE] = {"Y|U|V", 10, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBR_10LE] = {"G|B|R", 10, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBRA_10LE] = {"G|B|R", 10, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_I420_12LE] = {"Y|U|V", 12, 0, 2, 2, 2},
    [EFFNET_PIXEL_FORMAT_I422_12LE] = {"Y|U|V", 12, 0, 2, 2, 1},
    [EFFNET_PIXEL_FORMAT_Y444_12LE] = {"Y|U|V", 12, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBR_12LE] = {"G|B|R", 12, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBRA_12LE] = {"G|B|R", 12, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_A420_10LE] = {"Y|U|V", 10, 0, 2, 2, 2},
    [EFFNET_PIXEL_FORMAT_A422_10LE] = {"Y|U|V", 10, 0, 2, 2, 1},
    [EFFNET_PIXEL_FORMAT_A444_10LE] = {"Y|U|V", 10, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_Y444_16LE] = {"Y|U|V", 16, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_P012_LE] = {"Y|UV", 12, 4, 2, 2, 2},
    [EFFNET_PIXEL_FORMAT_P016_LE] = {"Y|UV", 16, 0, 2, 2, 2},
    [EFFNET_PIXEL_FORMAT_Y212_LE] = {"YUYV", 12, 4, 2, 2, 1},
    [EFFNET_PIXEL_FORMAT_Y412_LE] = {"UYVA", 12, 4, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_ARGB64_LE] = {"ARGB", 16, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_RGBA64_LE] = {"RGBA", 16, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_BGRA64_LE] = {"BGRA", 16, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_ABGR64_LE] = {"ABGR", 16, 0, 2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GRAY16_BE] = {"Y", 16, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_I420_10BE] = {"Y|U|V", 10, 0, -2, 2, 2},
    [EFFNET_PIXEL_FORMAT_I422_10BE] = {"Y|U|V", 10, 0, -2, 2, 1},
    [EFFNET_PIXEL_FORMAT_Y444_10BE] = {"Y|U|V", 10, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBR_10BE] = {"G|B|R", 10, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBRA_10BE] = {"G|B|R", 10, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_I420_12BE] = {"Y|U|V", 12, 0, -2, 2, 2},
    [EFFNET_PIXEL_FORMAT_I422_12BE] = {"Y|U|V", 12, 0, -2, 2, 1},
    [EFFNET_PIXEL_FORMAT_Y444_12BE] = {"Y|U|V", 12, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBR_12BE] = {"G|B|R", 12, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_GBRA_12BE] = {"G|B|R", 12, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_A420_10BE] = {"Y|U|V", 10, 0, -2, 2, 2},
    [EFFNET_PIXEL_FORMAT_A422_10BE] = {"Y|U|V", 10, 0, -2, 2, 1},
    [EFFNET_PIXEL_FORMAT_A444_10BE] = {"Y|U|V", 10, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_Y444_16BE] = {"Y|U|V", 16, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_P010_10BE] = {"Y|UV", 10, 6, -2, 2, 2},
    [EFFNET_PIXEL_FORMAT_P012_BE] = {"Y|UV", 12, 4, -2, 2, 2},
    [EFFNET_PIXEL_FORMAT_P016_BE] = {"Y|UV", 16, 0, -2, 2, 2},
    [EFFNET_PIXEL_FORMAT_Y212_BE] = {"YUYV", 12, 4, -2, 2, 1},
    [EFFNET_PIXEL_FORMAT_Y412_BE] = {"UYVA", 12, 4, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_ARGB64_BE] = {"ARGB", 16, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_RGBA64_BE] = {"RGBA", 16, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_BGRA64_BE] = {"BGRA", 16, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_ABGR64_BE] = {"ABGR", 16, 0, -2, 1, 1},
    [EFFNET_PIXEL_FORMAT_Y210] = {"YUYV", 10, 6, 2, 2, 1},
    [EFFNET_PIXEL_FORMAT_V216] = {"UYVY", 16, 0, 2, 2, 1},
    [EFFNET_PIXEL_FORMAT_ARGB64] = {"ARGB", 16, 0, NATIVE, 1, 1},
    [EFFNET_PIXEL_FORMAT_AYUV64] = {"AYUV", 16, 0, NATIVE, 1, 1},
    [EFFNET_PIXEL_FORMAT_RGB16] = {"RRRRRGGGGGGBBBBB", 8, 0, NATIVE, 1, 1},
    [EFFNET_PIXEL_FORMAT_BGR16] = {"BBBBBGGGGGGRRRRR", 8, 0, NATIVE, 1, 1},
    [EFFNET_PIXEL_FORMAT_RGB15] = {"xRRRRRGGGGGBBBBB", 8, 0, NATIVE, 1, 1},
    [EFFNET_PIXEL_FORMAT_BGR15] = {"xBBBBBGGGGGRRRRR", 8, 0, NATIVE, 1, 1},
    [EFFNET_PIXEL_FORMAT_R210] = {"xxRRRRRRRRRRGGGGGGGGGGBBBBBBBBBB", 10, 0, -4, 1, 1},
    [EFFNET_PIXEL_FORMAT_RGB10A2_LE] = {"xxBBBBBBBBBBGGGGGGGGGGRRRRRRRRRR", 10, 0, 4, 1, 1},
    [EFFNET_PIXEL_FORMAT_BGR10A2_LE] = {"xxRRRRRRRRRRGGGGGGGGGGBBBBBBBBBB", 10, 0, 4, 1, 1},
    [EFFNET_PIXEL_FORMAT_Y410] = {"xxVVVVVVVVVVYYYYYYYYYYUUUUUUUUUU", 10, 0, 4, 1, 1},
    [EFFNET_PIXEL_FORMAT_V210] = {"UYVYUYVYUYVY", 10, 0, 4, 2, 1},
};

static const Rule *
rule_of (EffnetPixelFormat format)
{
  return format > EFFNET_PIXEL_FORMAT_JPEG ? &rules[format] : NULL;
}

static Kind
kind_of (EffnetPixelFormat format)
{
  const Rule *r = rule_of (format);

  if (r != NULL)
    return (Kind){strpbrk (r->order, "UV") != NULL, strlen (r->order) == 1, r->bits, r->sub_x,
                  r->sub_y};
  switch (format) {
  case EFFNET_PIXEL_FORMAT_GRAY8:
    return (Kind){FALSE, TRUE, 8, 1, 1};
  case EFFNET_PIXEL_FORMAT_GRAY16_LE:
    return (Kind){FALSE, TRUE, 16, 1, 1};
  case EFFNET_PIXEL_FORMAT_I420:
  case EFFNET_PIXEL_FORMAT_YV12:
  case EFFNET_PIXEL_FORMAT_NV12:
  case EFFNET_PIXEL_FORMAT_NV21:
    return (Kind){TRUE, FALSE, 8, 2, 2};
  case EFFNET_PIXEL_FORMAT_P010_10LE:
  case EFFNET_PIXEL_FORMAT_I420_10LE:
    return (Kind){TRUE, FALSE, 10, 2, 2};
  case EFFNET_PIXEL_FORMAT_Y42B:
  case EFFNET_PIXEL_FORMAT_NV16:
  case EFFNET_PIXEL_FORMAT_YUY2:
  case EFFNET_PIXEL_FORMAT_UYVY:
  case EFFNET_PIXEL_FORMAT_YVYU:
  case EFFNET_PIXEL_FORMAT_VYUY:
    return (Kind){TRUE, FALSE, 8, 2, 1};
  case EFFNET_PIXEL_FORMAT_Y444:
    return (Kind){TRUE, FALSE, 8, 1, 1};
  default:
    return (Kind){FALSE, FALSE, 8, 1, 1};
  }
}

static const uint8_t *
line (const EffnetImage *image, unsigned plane, unsigned y)
{
  return (const uint8_t *)image->data[plane] + (ptrdiff_t)y * image->stride[plane];
}

static double
two (const uint8_t *at)
{
  return at[0] + 256.0 * at[1];
}

/* Sample (x, y) of @name from a word that is spelled bit by bit, the highest first. */
static double
bits_sample (const EffnetImage *m, const Rule *r, char name, unsigned x, unsigned y)
{
  size_t bytes = (size_t)ABS (r->bytes);
  const uint8_t *at = line (m, 0, y) + x * bytes;
  unsigned v = 0, n = 0;

  for (unsigned i = 0; r->order[i] != '\0'; i++) {
    unsigned bit = (unsigned)(8 * bytes) - 1 - i, byte = bit / 8;
    unsigned stored = at[r->bytes < 0 ? bytes - 1 - byte : byte];
    if (r->order[i] == name)
      v = v << 1 | (stored >> bit % 8 & 1), n++;
  }
  for (unsigned have = n; have < r->bits; have++) /* the highest bits again */
    v = v << 1 | (v >> (n - 1) & 1);
  return v;
}

/* v210: the order of the samples, three to a word from its lowest bits on. */
static double
v210_sample (const EffnetImage *m, const Rule *r, char name, unsigned x, unsigned y)
{
  unsigned n = name == 'Y' ? 6 : 3, left = x % n, at = 0;

  while (r->order[at] != name || left-- > 0)
    at++;
  const uint8_t *w = line (m, 0, y) + x / n * 16 + at / 3 * 4;
  unsigned word = w[0] | (unsigned)w[1] << 8 | (unsigned)w[2] << 16 | (unsigned)w[3] << 24;
  return word >> at % 3 * 10 & 1023;
}

/* Sample (x, y) of @name, where the order of a plane's samples repeats itself. */
static double
ruled_sample (const EffnetImage *m, const Rule *r, char name, unsigned x, unsigned y)
{
  g_auto (GStrv) planes = g_strsplit (r->order, "|", 0);
  unsigned p = 0, seen = 0, n = 0, at = 0;

  if (m->format == EFFNET_PIXEL_FORMAT_V210)
    return v210_sample (m, r, name, x, y);
  if (strlen (r->order) >= 16)
    return bits_sample (m, r, name, x, y);

  while (strchr (planes[p], name) == NULL)
    p++;
  for (const char *o = planes[p]; *o != '\0'; o++)
    n += *o == name; /* samples of it in one round */
  while (planes[p][at] != name || seen++ != x % n)
    at++;
  size_t bytes = (size_t)ABS (r->bytes), index = x / n * strlen (planes[p]) + at;
  const uint8_t *b = line (m, p, y) + index * bytes;
  double v = r->bytes == 1 ? b[0] : r->bytes == 2 ? two (b) : b[1] + 256.0 * b[0];
  return v / (1u << r->shift);
}

/* Sample (x, y) of component c, as a picture book of the formats. */
static double
sample (const EffnetImage *m, unsigned c, unsigned x, unsigned y)
{
  static const char *const order[] = {
      [EFFNET_PIXEL_FORMAT_RGB] = "RGB",   [EFFNET_PIXEL_FORMAT_BGR] = "BGR",
      [EFFNET_PIXEL_FORMAT_RGBX] = "RGBx", [EFFNET_PIXEL_FORMAT_BGRX] = "BGRx",
      [EFFNET_PIXEL_FORMAT_XRGB] = "xRGB", [EFFNET_PIXEL_FORMAT_XBGR] = "xBGR",
      [EFFNET_PIXEL_FORMAT_RGBA] = "RGBA", [EFFNET_PIXEL_FORMAT_BGRA] = "BGRA",
      [EFFNET_PIXEL_FORMAT_ARGB] = "ARGB", [EFFNET_PIXEL_FORMAT_ABGR] = "ABGR",
  };
  const Rule *r = rule_of (m->format);

  if (r != NULL)
    return ruled_sample (
        m, r, (kind_of (m->format).yuv || kind_of (m->format).gray ? "YUV" : "RGB")[c], x, y);
  switch (m->format) {
  case EFFNET_PIXEL_FORMAT_GRAY8:
    return line (m, 0, y)[x];
  case EFFNET_PIXEL_FORMAT_GRAY16_LE:
    return two (line (m, 0, y) + 2 * x);
  case EFFNET_PIXEL_FORMAT_I420:
  case EFFNET_PIXEL_FORMAT_Y42B:
  case EFFNET_PIXEL_FORMAT_Y444:
    return line (m, c, y)[x];
  case EFFNET_PIXEL_FORMAT_YV12:
    return line (m, c == 0 ? 0 : 3 - c, y)[x];
  case EFFNET_PIXEL_FORMAT_NV12:
  case EFFNET_PIXEL_FORMAT_NV16:
    return c == 0 ? line (m, 0, y)[x] : line (m, 1, y)[2 * x + c - 1];
  case EFFNET_PIXEL_FORMAT_NV21:
    return c == 0 ? line (m, 0, y)[x] : line (m, 1, y)[2 * x + 2 - c];
  case EFFNET_PIXEL_FORMAT_P010_10LE:
    return (c == 0 ? two (line (m, 0, y) + 2 * x) : two (line (m, 1, y) + 4 * x + 2 * (c - 1))) /
           64;
  case EFFNET_PIXEL_FORMAT_I420_10LE:
    return two (line (m, c, y) + 2 * x);
  case EFFNET_PIXEL_FORMAT_YUY2:
    return line (m, 0, y)[c == 0 ? 2 * x : 4 * x + (c == 1 ? 1 : 3)];
  case EFFNET_PIXEL_FORMAT_YVYU:
    return line (m, 0, y)[c == 0 ? 2 * x : 4 * x + (c == 1 ? 3 : 1)];
  case EFFNET_PIXEL_FORMAT_UYVY:
    return line (m, 0, y)[c == 0 ? 2 * x + 1 : 4 * x + (c == 1 ? 0 : 2)];
  case EFFNET_PIXEL_FORMAT_VYUY:
    return line (m, 0, y)[c == 0 ? 2 * x + 1 : 4 * x + (c == 1 ? 2 : 0)];
  default: {
    const char *o = order[m->format];
    return line (m, 0, y)[x * strlen (o) + (size_t)(strchr (o, "RGB"[c]) - o)];
  }
  }
}

static double
filter (EffnetFilter which, double x)
{
  x = fabs (x);
  if (which == EFFNET_FILTER_BILINEAR)
    return x < 1 ? 1 - x : 0;
  if (x < 1)
    return 1.5 * x * x * x - 2.5 * x * x + 1;
  if (x < 2)
    return -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2;
  return 0;
}

/* Which samples count: every @every-th, sample -@before the first of them. */
typedef struct {
  int every, before;
} Keep;

/* The value at @center of @n samples @step apart, the filter widened by @scale. */
static double
resample (EffnetFilter which, const double *v, size_t step, int n, double center, double scale,
          Keep keep)
{
  double wide = scale > 1 ? scale : 1, support = (which == EFFNET_FILTER_BICUBIC ? 2 : 1) * wide;
  int from = (int)(center - support + 0.5), to = (int)(center + support + 0.5);
  double sum = 0, weights = 0;
  for (int i = from > 0 ? from : 0; i < to && i < n; i++) {
    double w = filter (which, (i + 0.5 - center) / wide);
    if ((i + keep.before) % keep.every != 0)
      continue;
    sum += w * v[(size_t)i * step];
    weights += w;
  }
  return sum / weights;
}

/* Where the middle of resized pixel i lies, and how far pixels are apart, on one axis. */
typedef struct {
  double lo, hi, scale;
  int skip, at, n;
} Side;

static int
python_round (double v)
{
  return (int)nearbyint (v); /* to even, the default mode */
}

static Side
side (double lo, double hi, int resized, int n)
{
  Side s = {lo, hi, (hi - lo) / resized, 0, 0, n};
  if (resized >= n) {
    s.skip = python_round ((resized - n) / 2.0);
  } else {
    s.at = (n - resized) / 2;
    s.n = resized;
  }
  return s;
}

static void
lay_out (const EffnetImage *m, const EffnetInputSpec *spec, Side *x, Side *y)
{
  double w = m->crop_width ? m->crop_width : m->width - m->crop_x;
  double h = m->crop_height ? m->crop_height : m->height - m->crop_y;
  double par = (m->par_n ? m->par_n : 1.0) / (m->par_d ? m->par_d : 1.0), dw = w * par;
  int size = (int)spec->width, rw = size, rh = size;

  if (spec->mode == EFFNET_RESIZE_MODE_CENTER_CROP) {
    int s = (int)floor (size / spec->crop_pct);
    rw = dw <= h ? s : (int)(s * dw / h);
    rh = dw <= h ? (int)(s * h / dw) : s;
  } else if (spec->mode == EFFNET_RESIZE_MODE_STRETCH && spec->squash) {
    rw = rh = (int)floor (size / spec->crop_pct);
  } else if (spec->mode == EFFNET_RESIZE_MODE_LETTERBOX) {
    rw = dw >= h ? size : (int)MAX (1, floor (size * dw / h + 0.5));
    rh = dw >= h ? (int)MAX (1, floor (size * h / dw + 0.5)) : size;
  }
  *x = side (m->crop_x, m->crop_x + w, rw, size);
  *y = side (m->crop_y, m->crop_y + h, rh, size);
}

/* One component at the size of the output: [y->n][x->n]. */
static void
component (const EffnetImage *m, const EffnetInputSpec *spec, unsigned c, const Side *x,
           const Side *y, double *out)
{
  Kind k = kind_of (m->format);
  unsigned sx = c ? k.sub_x : 1, sy = c ? k.sub_y : 1;
  unsigned x0 = (unsigned)floor (x->lo / sx), x1 = (unsigned)ceil (x->hi / sx);
  unsigned y0 = (unsigned)floor (y->lo / sy), y1 = (unsigned)ceil (y->hi / sy);
  unsigned w = x1 - x0, h = y1 - y0;
  gboolean left = m->chroma_site != EFFNET_CHROMA_SITE_CENTER;
  gboolean top = m->chroma_site == EFFNET_CHROMA_SITE_TOP_LEFT;
  double shift_x = left ? (sx - 1) / (2.0 * sx) : 0, shift_y = top ? (sy - 1) / (2.0 * sy) : 0;
  /* Pillow keeps whole numbers of 0..255 between its two passes; of that the clamp is kept here. */
  double rows = y->scale / sy; /* of the frame, to one of the output */
  unsigned top_row = ((unsigned)y->lo - (unsigned)y->lo % k.sub_y) / sy;
  Keep all = {1, 0}, some = all;
  if (spec->sparse_rows && rows >= 3)
    some = (Keep){(int)(rows / 1.5), (int)(y0 - top_row)};
  gboolean clamp = !k.yuv && spec->filter == EFFNET_FILTER_BICUBIC;
  g_autofree double *row = g_new (double, w), *mid = g_new (double, (size_t)h *(size_t)x->n);

  for (unsigned j = 0; j < h; j++) {
    for (unsigned i = 0; i < w; i++)
      row[i] = sample (m, c, x0 + i, y0 + j);
    for (int i = 0; i < x->n; i++) {
      double at = (x->lo + (x->skip + i + 0.5) * x->scale) / sx + shift_x - x0;
      double v = resample (spec->filter, row, 1, (int)w, at, x->scale / sx, all);
      mid[j * (size_t)x->n + (size_t)i] = clamp ? CLAMP (v, 0, (double)((1u << k.bits) - 1)) : v;
    }
  }
  for (int j = 0; j < y->n; j++)
    for (int i = 0; i < x->n; i++)
      out[j * x->n + i] = resample (spec->filter, mid + i, (size_t)x->n, (int)h,
                                    (y->lo + (y->skip + j + 0.5) * y->scale) / sy + shift_y - y0,
                                    y->scale / sy, some);
}

static void
color (const EffnetImage *m, const double *code, double *rgb)
{
  static const double weights[6][2] = {
      {0, 0}, {0.299, 0.114}, {0.2126, 0.0722}, {0.2627, 0.0593}, {0.212, 0.087}, {0.30, 0.11},
  };
  Kind k = kind_of (m->format);
  double top = (1 << k.bits) - 1, unit = 1 << (k.bits - 8);
  gboolean limited =
      m->range == EFFNET_COLOR_RANGE_DEFAULT ? k.yuv : m->range == EFFNET_COLOR_RANGE_LIMITED;
  double v[3];
  for (unsigned c = 0; c < 3; c++) {
    double u = code[k.gray ? 0 : c];
    v[c] = limited ? (u - 16 * unit) / (219 * unit) : u / top;
    if (k.yuv && c > 0)
      v[c] = (u - 128 * unit) / (limited ? 224 * unit : top);
  }
  if (k.yuv) {
    int matrix = m->matrix ? (int)m->matrix : m->height > 576 ? 2 : 1;
    double kr = weights[matrix][0], kb = weights[matrix][1];
    double y = v[0], r = y + 2 * (1 - kr) * v[2], b = y + 2 * (1 - kb) * v[1];
    v[0] = r;
    v[1] = (y - kr * r - kb * b) / (1 - kr - kb);
    v[2] = b;
  }
  for (unsigned c = 0; c < 3; c++)
    rgb[c] = CLAMP (v[c] * 255, 0, 255);
}

void
reference_run (const EffnetImage *image, const EffnetInputSpec *spec, double *rgb)
{
  unsigned n_components = kind_of (image->format).gray ? 1 : 3;
  Side x, y;

  lay_out (image, spec, &x, &y);
  size_t pixels = (size_t)x.n * (size_t)y.n;
  g_autofree double *planes = g_new0 (double, 3 * pixels);
  for (unsigned c = 0; c < n_components; c++)
    component (image, spec, c, &x, &y, planes + c * pixels);
  for (size_t i = 0; i < (size_t)spec->width * spec->height * 3; i++)
    rgb[i] = NAN;
  for (int j = 0; j < y.n; j++) {
    for (int i = 0; i < x.n; i++) {
      size_t at = (size_t)j * (size_t)x.n + (size_t)i;
      const double code[3] = {planes[at], planes[at + pixels], planes[at + 2 * pixels]};
      color (image, code, rgb + (((size_t)(y.at + j)) * spec->width + (size_t)(x.at + i)) * 3);
    }
  }
}
