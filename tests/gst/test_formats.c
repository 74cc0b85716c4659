/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every format x odd sizes x strides through the element, against the same picture as tightly
 * packed RGB given to the library directly.
 *
 * Why the bound is small: the pictures are chosen so that every format can say them exactly. Grey
 * levels 0, 85, 170, 255 are luma 16, 89, 162, 235 (a step of 73 = 85 * 219 / 255), chroma 128
 * whatever its subsampling, and shift or repetition makes them 10 and 16 bits wide. Colours are
 * single triples within 0.05 of whole RGB levels. What is left is the rounding of the way from
 * pixels to the network's input, under 1/255 a pixel; BOUND is what that may do to a probability.
 */
#include "common.h"

#define BOUND  0.004 /* absolute, of a probability */
#define TOP_K  5
#define COMMON 25 /* formats that see every size; the others see two */

static double worst; /* difference seen so far */
static EffnetModel *model;
static EffnetSession *session;

/* 1 or 2: blocks with edges at uneven places, so that a wrong stride or offset moves them. */
static int
block_at (int x, int y, int width, int height)
{
  return 1 + (((x * 3 >= width) + (y * 5 >= height * 2) + (x * 7 >= width * 5)) & 1);
}

static void
blocks_yuv (int x, int y, int width, int height, guint8 *c)
{
  c[0] = (guint8)(16 + 73 * block_at (x, y, width, height));
  c[1] = c[2] = 128;
}

static void
blocks_rgb (int x, int y, int width, int height, guint8 *c)
{
  c[0] = c[1] = c[2] = (guint8)(85 * block_at (x, y, width, height));
}

static guint8 solid[3];

static void
solid_pixel (int x, int y, int width, int height, guint8 *c)
{
  (void)x, (void)y, (void)width, (void)height;
  memcpy (c, solid, 3);
}

/* The library's word on a tight RGB picture. */
static void
reference (int width, int height, PixelFunc pixel, EffnetScore *top)
{
  guint8 *rgb = g_malloc ((gsize)width * (gsize)height * 3); /* [height][width][3] */
  EffnetImage image = EFFNET_IMAGE_INIT;
  EffnetResult result;
  GError *error = NULL;

  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++)
      pixel (x, y, width, height, rgb + ((gsize)y * (gsize)width + (gsize)x) * 3);
  }
  image.format = EFFNET_PIXEL_FORMAT_RGB;
  image.width = (unsigned)width;
  image.height = (unsigned)height;
  image.data[0] = rgb;
  image.stride[0] = (ptrdiff_t)width * 3;
  effnet_session_classify (session, &image, &result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (effnet_result_top_k (&result, TOP_K, top), ==, TOP_K);
  g_free (rgb);
}

/* Each class of the expected list is in the result with the same probability, unless it is so near
 * to the fifth that rounding may exchange them. */
static void
assert_same_scores (const GstStructure *s, const EffnetScore *expected, const char *what)
{
  const GValue *ids = gst_structure_get_value (s, "label-ids");
  const GValue *scores = gst_structure_get_value (s, "scores");

  g_assert_cmpuint (gst_value_list_get_size (ids), ==, TOP_K);
  for (guint i = 0; i < TOP_K; i++) {
    gboolean found = (double)(expected[i].score - expected[TOP_K - 1].score) < 2 * BOUND;

    for (guint j = 0; j < TOP_K; j++) {
      double score = g_value_get_double (gst_value_list_get_value (scores, j));

      if (g_value_get_int (gst_value_list_get_value (ids, j)) != (int)expected[i].id)
        continue;
      found = TRUE;
      worst = MAX (worst, ABS (score - (double)expected[i].score));
      if (ABS (score - (double)expected[i].score) > BOUND)
        g_error ("%s: class %u has %.5f, as RGB it has %.5f", what, expected[i].id, score,
                 (double)expected[i].score);
    }
    if (!found)
      g_error ("%s: class %u with %.5f is not in the result", what, expected[i].id,
               (double)expected[i].score);
  }
}

static void
set_caps (GstHarness *h, const GstVideoInfo *info)
{
  gst_harness_set_src_caps (h, gst_video_info_to_caps (info));
}

static void
check_frame (GstHarness *h, const GstVideoInfo *info, int pad, PixelFunc pixel,
             const EffnetScore *expected)
{
  GstBuffer *buffer = frame_new (info, pad, pixel), *out;
  char *what = g_strdup_printf ("%s %dx%d, lines %d bytes longer", GST_VIDEO_INFO_NAME (info),
                                GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info), pad);

  out = push_pull (h, buffer);
  if (result_of (out) == NULL)
    g_error ("%s: no result", what);
  assert_same_scores (result_of (out), expected, what);
  gst_buffer_unref (out);
  g_free (what);
}

/* The raw formats that the pad template names, up to the last of the library's own rows; what
 * follows is GStreamer's to unpack, and test_convert has it. */
static GPtrArray *
template_formats (void)
{
  GstElementFactory *factory = gst_element_factory_find ("effnetclassify");
  const GList *templates = gst_element_factory_get_static_pad_templates (factory);
  GstCaps *caps = gst_static_pad_template_get_caps (templates->data);
  const GValue *list = gst_structure_get_value (gst_caps_get_structure (caps, 0), "format");
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  gboolean has_last = FALSE;

  for (guint i = 0; i < gst_value_list_get_size (list) && !has_last; i++) {
    g_ptr_array_add (names, g_value_dup_string (gst_value_list_get_value (list, i)));
    has_last = g_str_equal (g_ptr_array_index (names, i), "v210");
  }
  gst_caps_unref (caps);
  gst_object_unref (factory);
  return names;
}

static void
test_all_formats_named (void)
{
  static const char *const contract[] = {
      "I420",      "NV12",      "YUY2",      "UYVY",       "YVYU",       "VYUY",      "NV21",
      "NV16",      "YV12",      "Y42B",      "Y444",       "RGB",        "BGR",       "RGBx",
      "BGRx",      "xRGB",      "xBGR",      "RGBA",       "BGRA",       "ARGB",      "ABGR",
      "GRAY8",     "GRAY16_LE", "P010_10LE", "I420_10LE",  "NV61",       "NV24",      "Y41B",
      "YUV9",      "YVU9",      "A420",      "AV12",       "AYUV",       "VUYA",      "v308",
      "IYU2",      "GBR",       "GBRA",      "RGBP",       "BGRP",       "I422_10LE", "Y444_10LE",
      "GBR_10LE",  "GBRA_10LE", "I420_12LE", "I422_12LE",  "Y444_12LE",  "GBR_12LE",  "GBRA_12LE",
      "A420_10LE", "A422_10LE", "A444_10LE", "Y444_16LE",  "P012_LE",    "P016_LE",   "Y212_LE",
      "Y412_LE",   "ARGB64_LE", "RGBA64_LE", "BGRA64_LE",  "ABGR64_LE",  "GRAY16_BE", "I420_10BE",
      "I422_10BE", "Y444_10BE", "GBR_10BE",  "GBRA_10BE",  "I420_12BE",  "I422_12BE", "Y444_12BE",
      "GBR_12BE",  "GBRA_12BE", "A420_10BE", "A422_10BE",  "A444_10BE",  "Y444_16BE", "P010_10BE",
      "P012_BE",   "P016_BE",   "Y212_BE",   "Y412_BE",    "ARGB64_BE",  "RGBA64_BE", "BGRA64_BE",
      "ABGR64_BE", "Y210",      "v216",      "ARGB64",     "AYUV64",     "RGB16",     "BGR16",
      "RGB15",     "BGR15",     "r210",      "RGB10A2_LE", "BGR10A2_LE", "Y410",      "v210"};
  GPtrArray *names = template_formats ();

  for (guint i = 0; i < G_N_ELEMENTS (contract); i++) {
    if (!g_ptr_array_find_with_equal_func (names, contract[i], g_str_equal, NULL))
      g_error ("the pad template does not name %s", contract[i]);
  }
  g_assert_cmpuint (names->len, ==, G_N_ELEMENTS (contract));
  g_ptr_array_unref (names);
}

static void
test_blocks (void)
{
  static const int sizes[][2] = {{1, 1}, {2, 2}, {3, 5}, {17, 31}, {223, 225}, {641, 479}};
  GPtrArray *names = template_formats ();
  GstHarness *h = harness_new ("top-k", TOP_K, NULL);
  guint64 frames = 0;

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
    EffnetScore expected[TOP_K];

    reference (sizes[s][0], sizes[s][1], blocks_rgb, expected);
    for (guint f = 0; f < names->len; f++) {
      GstVideoFormat format = gst_video_format_from_string (g_ptr_array_index (names, f));
      GstVideoInfo info;
      PixelFunc pixel;

      if (GST_VIDEO_FORMAT_INFO_DEPTH (gst_video_format_get_info (format), 0) < 8)
        continue; /* cannot say these levels; test_convert has it */
      if (f >= COMMON && s != 2 && f % G_N_ELEMENTS (sizes) != s)
        continue;
      g_assert_true (
          gst_video_info_set_format (&info, format, (guint)sizes[s][0], (guint)sizes[s][1]));
      info.fps_n = 30;
      info.fps_d = 1;
      pixel = GST_VIDEO_INFO_IS_YUV (&info) ? blocks_yuv : blocks_rgb;
      set_caps (h, &info);
      check_frame (h, &info, 0, pixel, expected);
      /* odd for bytes, even for samples of two bytes */
      check_frame (h, &info, GST_VIDEO_INFO_COMP_DEPTH (&info, 0) > 8 ? 26 : 13, pixel, expected);
      frames += 2;
    }
  }
  g_assert_cmpuint (harness_stat (h, "errors"), ==, 0);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, frames);
  harness_free (h);
  g_ptr_array_unref (names);
}

/* Y U V and the R G B that the standard's equations give, within 0.05 of whole numbers. */
static const struct {
  GstVideoColorMatrix matrix;
  GstVideoColorRange range;
  guint8 yuv[3], rgb[3];
} colours[] = {
    {GST_VIDEO_COLOR_MATRIX_BT601, GST_VIDEO_COLOR_RANGE_16_235, {86, 157, 154}, {123, 49, 140}},
    {GST_VIDEO_COLOR_MATRIX_BT601, GST_VIDEO_COLOR_RANGE_0_255, {97, 172, 153}, {132, 64, 175}},
    {GST_VIDEO_COLOR_MATRIX_BT709, GST_VIDEO_COLOR_RANGE_16_235, {109, 81, 168}, {180, 97, 9}},
    {GST_VIDEO_COLOR_MATRIX_BT709, GST_VIDEO_COLOR_RANGE_0_255, {66, 156, 168}, {129, 42, 118}},
    {GST_VIDEO_COLOR_MATRIX_BT2020, GST_VIDEO_COLOR_RANGE_16_235, {81, 102, 155}, {121, 63, 20}},
    {GST_VIDEO_COLOR_MATRIX_BT2020, GST_VIDEO_COLOR_RANGE_0_255, {81, 153, 168}, {140, 54, 128}},
    {GST_VIDEO_COLOR_MATRIX_SMPTE240M,
     GST_VIDEO_COLOR_RANGE_16_235,
     {118, 169, 156},
     {169, 93, 204}},
    {GST_VIDEO_COLOR_MATRIX_SMPTE240M, GST_VIDEO_COLOR_RANGE_0_255, {176, 82, 154}, {217, 174, 92}},
};

/* Swapped chroma, a wrong matrix or range, or red for blue would show. */
static void
test_colours (void)
{
  GPtrArray *names = template_formats ();
  GstHarness *h = harness_new ("top-k", TOP_K, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (colours); i++) {
    EffnetScore expected[TOP_K];

    memcpy (solid, colours[i].rgb, 3);
    reference (61, 47, solid_pixel, expected);
    for (guint f = 0; f < names->len; f++) {
      GstVideoFormat format = gst_video_format_from_string (g_ptr_array_index (names, f));
      GstVideoInfo info;

      g_assert_true (gst_video_info_set_format (&info, format, 61, 47));
      if (GST_VIDEO_INFO_IS_GRAY (&info) || GST_VIDEO_INFO_COMP_DEPTH (&info, 0) < 8)
        continue;
      if (GST_VIDEO_INFO_IS_YUV (&info)) {
        /* full range is repeated, not shifted, at 10 bits: another colour */
        if (GST_VIDEO_INFO_COMP_DEPTH (&info, 0) > 8 &&
            colours[i].range == GST_VIDEO_COLOR_RANGE_0_255)
          continue;
        info.colorimetry.matrix = colours[i].matrix;
        info.colorimetry.range = colours[i].range;
        memcpy (solid, colours[i].yuv, 3);
      } else {
        memcpy (solid, colours[i].rgb, 3);
      }
      set_caps (h, &info);
      check_frame (h, &info, 0, solid_pixel, expected);
    }
  }
  harness_free (h);
  g_ptr_array_unref (names);
}

/* Without a colorimetry in caps, GStreamer's defaults hold: BT.601 for small frames, BT.709 for HD.
 */
static void
test_default_colorimetry (void)
{
  GstHarness *h = harness_new ("top-k", TOP_K, NULL);
  EffnetScore expected[TOP_K];
  GstVideoInfo info;
  GstCaps *caps;

  memcpy (solid, colours[2].rgb, 3);
  reference (1280, 720, solid_pixel, expected);
  memcpy (solid, colours[2].yuv, 3);
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_NV12, 1280, 720);
  caps = gst_caps_from_string ("video/x-raw,format=NV12,width=1280,height=720,framerate=30/1");
  gst_harness_set_src_caps (h, caps);
  check_frame (h, &info, 0, solid_pixel, expected);

  memcpy (solid, colours[0].rgb, 3);
  reference (320, 240, solid_pixel, expected);
  memcpy (solid, colours[0].yuv, 3);
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_NV12, 320, 240);
  caps = gst_caps_from_string ("video/x-raw,format=NV12,width=320,height=240,framerate=30/1");
  gst_harness_set_src_caps (h, caps);
  check_frame (h, &info, 0, solid_pixel, expected);
  harness_free (h);
}

/* Blocks in the middle of a frame twice as wide and high, something else around them. */
static void
framed_blocks (int x, int y, int width, int height, guint8 *c)
{
  if (x >= width / 4 && x < width * 3 / 4 && y >= height / 4 && y < height * 3 / 4) {
    blocks_yuv (x - width / 4, y - height / 4, width / 2, height / 2, c);
  } else {
    c[0] = 200;
    c[1] = 90;
    c[2] = 160;
  }
}

/* A decoder's buffer: the picture is the part that a GstVideoCropMeta names. */
static void
test_crop_meta (void)
{
  GstHarness *h = harness_new ("top-k", TOP_K, NULL);
  EffnetScore expected[TOP_K];
  GstVideoInfo outer, inner;
  GstVideoCropMeta *crop;
  GstBuffer *buffer, *out;

  reference (160, 120, blocks_rgb, expected);
  gst_video_info_set_format (&inner, GST_VIDEO_FORMAT_NV12, 160, 120);
  gst_video_info_set_format (&outer, GST_VIDEO_FORMAT_NV12, 320, 240);
  set_caps (h, &inner);
  buffer = frame_new (&outer, 16, framed_blocks);
  crop = gst_buffer_add_video_crop_meta (buffer);
  crop->x = 80;
  crop->y = 60;
  crop->width = 160;
  crop->height = 120;
  out = push_pull (h, buffer);
  g_assert_nonnull (result_of (out));
  assert_same_scores (result_of (out), expected, "the cropped frame");
  gst_buffer_unref (out);
  harness_free (h);
}

/* One JPEG file, and the same pixels as the standard decoder gives them. */
static void
test_jpeg (void)
{
  GstHarness *encode = gst_harness_new_parse ("jpegenc quality=100");
  GstHarness *h = harness_new ("top-k", TOP_K, NULL);
  EffnetScore expected[TOP_K];
  GstVideoInfo info;
  GstBuffer *jpeg, *out;

  reference (447, 335, blocks_rgb, expected);
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_GRAY8, 447, 335);
  info.fps_n = 30;
  info.fps_d = 1;
  set_caps (encode, &info);
  jpeg = push_pull (encode, frame_new (&info, 0, blocks_rgb));
  gst_harness_teardown (encode);
  gst_harness_set_src_caps (h, gst_caps_from_string ("image/jpeg"));
  out = push_pull (h, jpeg);
  g_assert_true (out == jpeg);
  g_assert_nonnull (result_of (out));
  assert_same_scores (result_of (out), expected, "JPEG");
  g_assert_cmpuint (result_uint (result_of (out), "decode-us"), >, 0);
  gst_buffer_unref (out);
  harness_free (h);
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  int failed;

  test_init (&argc, &argv);
  model = effnet_model_open (NULL, NULL, &error);
  g_assert_no_error (error);
  session = effnet_session_new (model, NULL, &error);
  g_assert_no_error (error);
  g_test_add_func ("/gst/formats/all-named", test_all_formats_named);
  g_test_add_func ("/gst/formats/blocks", test_blocks);
  g_test_add_func ("/gst/formats/colours", test_colours);
  g_test_add_func ("/gst/formats/default-colorimetry", test_default_colorimetry);
  g_test_add_func ("/gst/formats/crop-meta", test_crop_meta);
  g_test_add_func ("/gst/formats/jpeg", test_jpeg);
  failed = g_test_run ();
  g_test_message ("worst difference of a probability: %.2g", worst);
  effnet_session_free (session);
  effnet_model_unref (model);
  return failed;
}
