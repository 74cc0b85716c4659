/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every raw format as GStreamer's own converter writes it: the library sees the picture that went
 * in. The picture is smooth, so that subsampled chroma costs little. */
#include "common.h"
#include "gst-plugin/video.h"

#define WIDTH  160
#define HEIGHT 120

static void
fill_rgb (GstVideoFrame *frame)
{
  for (int y = 0; y < HEIGHT; y++) {
    guint8 *line = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (frame, 0) +
                   y * GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0);

    for (int x = 0; x < WIDTH; x++) {
      line[4 * x] = (guint8)(30 + x);
      line[4 * x + 1] = (guint8)(220 - y);
      line[4 * x + 2] = (guint8)(60 + x / 2 + y / 2);
      line[4 * x + 3] = 255;
    }
  }
}

/* [n] values of the network's input, in 1/255. */
static float *
input_of (EffnetSession *session, const GstVideoInfo *info, GstBuffer *buffer, gsize n)
{
  float *out = g_new (float, n);
  GstEffnetFormat format;
  GstEffnetFrame frame;
  GError *error = NULL;

  g_assert_true (gst_effnet_format_from_info (&format, info));
  g_assert_true (gst_effnet_frame_map (&frame, &format, buffer, &error));
  effnet_session_preprocess (session, &frame.image, out, &error);
  g_assert_no_error (error);
  gst_effnet_frame_unmap (&frame);
  return out;
}

static GstBuffer *
converted (const GstVideoInfo *from, GstBuffer *buffer, const GstVideoInfo *to)
{
  GstVideoInfo in_info = *from, out_info = *to;
  GstBuffer *result = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (to), NULL);
  GstVideoConverter *converter = gst_video_converter_new (&in_info, &out_info, NULL);
  GstVideoFrame in, out;

  g_assert_nonnull (converter);
  g_assert_true (gst_video_frame_map (&in, &in_info, buffer, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&out, &out_info, result, GST_MAP_WRITE));
  gst_video_converter_frame (converter, &in, &out);
  gst_video_frame_unmap (&out);
  gst_video_frame_unmap (&in);
  gst_video_converter_free (converter);
  return result;
}

/* Of the few bits of some the converter cuts off and dithers the others; else what rounding there
 * and back costs. */
static double
bound_of (const GstVideoInfo *info)
{
  guint bits = 8;

  for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS (info); c++)
    bits = MIN (bits, GST_VIDEO_FORMAT_INFO_DEPTH (info->finfo, c));
  return bits < 8 ? 2 * 255.0 / (1 << bits) : 4;
}

static void
test_all (void)
{
  GError *error = NULL;
  g_autoptr (EffnetModel) model = effnet_model_open (NULL, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, &error);
  GstCaps *all = gst_effnet_video_get_raw_caps ();
  const GValue *list = gst_structure_get_value (gst_caps_get_structure (all, 0), "format");
  EffnetModelInfo model_info;
  GstVideoInfo rgb;
  GstVideoFrame frame;

  effnet_model_get_info (model, &model_info);
  gsize n = (gsize)model_info.input_width * model_info.input_height * 3;
  gst_video_info_set_format (&rgb, GST_VIDEO_FORMAT_RGBA, WIDTH, HEIGHT);
  GstBuffer *picture = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&rgb), NULL);
  g_assert_true (gst_video_frame_map (&frame, &rgb, picture, GST_MAP_WRITE));
  fill_rgb (&frame);
  gst_video_frame_unmap (&frame);
  g_autofree float *want = input_of (session, &rgb, picture, n);

  for (guint i = 0; i < gst_value_list_get_size (list); i++) {
    const char *name = g_value_get_string (gst_value_list_get_value (list, i));
    GstVideoInfo info;
    double worst = 0, bound;

    gst_video_info_set_format (&info, gst_video_format_from_string (name), WIDTH, HEIGHT);
    if (GST_VIDEO_INFO_IS_GRAY (&info))
      continue; /* has no colours to compare; test_formats has it */
    GstBuffer *buffer = converted (&rgb, picture, &info);
    g_autofree float *got = input_of (session, &info, buffer, n);
    for (gsize k = 0; k < n; k++)
      worst = MAX (worst, ABS ((double)got[k] - (double)want[k]));
    worst *= 0.5 * 255; /* the default model's std is 0.5 */
    bound = bound_of (&info);
    if (worst > bound)
      g_test_message ("%s: %.2f/255 off, at most %.2f", name, worst, bound);
    g_assert_cmpfloat (worst, <=, bound);
    gst_buffer_unref (buffer);
  }
  gst_buffer_unref (picture);
  gst_caps_unref (all);
}

/* A decoder's tiles may go on past the frame; a meta that says fewer than the frame has, or more
 * than the memory, is refused before anything is read. */
static void
test_tiles (void)
{
  const GstVideoFormat tiled = GST_VIDEO_FORMAT_NV12_64Z32;
  GstEffnetFormat format;
  GstVideoInfo info;
  gsize offset[GST_VIDEO_MAX_PLANES] = {0};

  gst_video_info_set_format (&info, tiled, WIDTH, HEIGHT);
  g_assert_true (gst_effnet_format_from_info (&format, &info) && format.is_unpacked);
  for (int more = -1; more <= 1; more++) {
    gint stride[GST_VIDEO_MAX_PLANES] = {0};
    GstBuffer *buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&info), NULL);
    GstEffnetFrame frame;
    GError *error = NULL;

    for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (&info); p++) {
      gint tight = GST_VIDEO_INFO_PLANE_STRIDE (&info, p);

      offset[p] = GST_VIDEO_INFO_PLANE_OFFSET (&info, p);
      stride[p] = (gint)GST_VIDEO_TILE_MAKE_STRIDE (GST_VIDEO_TILE_X_TILES (tight) + more,
                                                    GST_VIDEO_TILE_Y_TILES (tight));
    }
    gst_buffer_add_video_meta_full (buffer, 0, tiled, WIDTH, HEIGHT, 2, offset, stride);
    g_assert_true (gst_effnet_frame_map (&frame, &format, buffer, &error) == (more == 0));
    if (more == 0)
      gst_effnet_frame_unmap (&frame);
    else
      g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
    g_clear_error (&error);
    gst_buffer_unref (buffer);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/gst/convert/all", test_all);
  g_test_add_func ("/gst/convert/tiles", test_tiles);
  return g_test_run ();
}
