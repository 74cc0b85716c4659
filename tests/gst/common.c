/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See common.h. */
#include "common.h"

#include <stdarg.h>
#include <string.h>

void
test_init (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  gst_init (argc, argv);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR | G_LOG_LEVEL_WARNING);
  if (!gst_registry_check_feature_version (gst_registry_get (), "effnetclassify", 0, 0, 0))
    g_error ("effnetclassify is not registered: GST_PLUGIN_PATH=%s", g_getenv ("GST_PLUGIN_PATH"));
}

char *
source_path (const char *relative)
{
  return g_build_filename (g_getenv ("EFFNET_SOURCE_ROOT"), relative, NULL);
}

/* ---- harness --------------------------------------------------------------------------------- */

GstHarness *
harness_new (const char *first_property, ...)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstBus *bus = gst_bus_new ();
  GstHarness *h;
  va_list args;

  va_start (args, first_property);
  if (first_property != NULL)
    g_object_set_valist (G_OBJECT (element), first_property, args);
  va_end (args);
  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  g_assert_cmpint (GST_STATE (h->element), ==, GST_STATE_PLAYING);
  return h;
}

GstMessage *
harness_pop_message (GstHarness *h, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (h->element);
  GstMessage *message = gst_bus_pop_filtered (bus, type);

  gst_object_unref (bus);
  return message;
}

guint
harness_count_messages (GstHarness *h, GstMessageType type)
{
  GstMessage *message;
  guint n = 0;

  while ((message = harness_pop_message (h, type)) != NULL) {
    gst_message_unref (message);
    n++;
  }
  return n;
}

void
harness_free (GstHarness *h)
{
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_ERROR), ==, 0);
  gst_element_set_state (h->element, GST_STATE_NULL);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
}

guint64
harness_stat (GstHarness *h, const char *name)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_object_get (h->element, "stats", &stats, NULL);
  g_assert_nonnull (stats);
  g_assert_true (gst_structure_get_uint64 (stats, name, &value));
  gst_structure_free (stats);
  return value;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Fills @meta_offset and @stride with planes @pad bytes wider and @pad bytes apart. */
static gsize
padded_layout (const GstVideoInfo *info, int pad, gsize *offset, gint *stride)
{
  gsize size = (gsize)pad;

  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    guint c = 0;

    while (GST_VIDEO_FORMAT_INFO_PLANE (info->finfo, c) != p)
      c++;
    offset[p] = size;
    stride[p] = GST_VIDEO_INFO_PLANE_STRIDE (info, p) + pad;
    size += (gsize)stride[p] * (gsize)GST_VIDEO_INFO_COMP_HEIGHT (info, c) + (gsize)pad;
  }
  return size;
}

/* @value: 8 bits; wider components get the same level: limited YUV by shift, grey by repetition. */
static void
put_component (guint8 *at, const GstVideoFormatInfo *finfo, guint c, guint8 value)
{
  guint depth = GST_VIDEO_FORMAT_INFO_DEPTH (finfo, c);

  if (depth == 8) {
    *at = value;
  } else if (GST_VIDEO_FORMAT_INFO_IS_GRAY (finfo)) {
    GST_WRITE_UINT16_LE (at, value * 257u);
  } else {
    GST_WRITE_UINT16_LE (at, (guint)value << (depth - 8 + GST_VIDEO_FORMAT_INFO_SHIFT (finfo, c)));
  }
}

GstBuffer *
frame_new (const GstVideoInfo *info, int pad, PixelFunc pixel)
{
  gsize offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];
  gsize size = pad != 0 ? padded_layout (info, pad, offset, stride) : GST_VIDEO_INFO_SIZE (info);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  int width = GST_VIDEO_INFO_WIDTH (info), height = GST_VIDEO_INFO_HEIGHT (info);
  GstVideoFrame frame;

  gst_buffer_memset (buffer, 0, 0xa5, size); /* padding that would show if it were read */
  if (pad != 0)
    gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (info),
                                    (guint)width, (guint)height, GST_VIDEO_INFO_N_PLANES (info),
                                    offset, stride);
  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&frame) && c < 3; c++) {
    int w_sub = GST_VIDEO_FORMAT_INFO_W_SUB (info->finfo, c);
    int h_sub = GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, c);

    for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, c); y++) {
      guint8 *line = (guint8 *)GST_VIDEO_FRAME_COMP_DATA (&frame, c) +
                     y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c);

      for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, c); x++) {
        guint8 component[3] = {0};

        pixel (x << w_sub, y << h_sub, width, height, component);
        put_component (line + x * GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, c), info->finfo, c,
                       component[c]);
      }
    }
  }
  gst_video_frame_unmap (&frame);
  return buffer;
}

GstBuffer *
grey_frame (int width, int height, guint8 grey, int n)
{
  GstVideoInfo info;
  GstBuffer *buffer;

  g_assert_true (
      gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, (guint)width, (guint)height));
  buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&info), NULL);
  gst_buffer_memset (buffer, 0, 128, GST_VIDEO_INFO_SIZE (&info));
  gst_buffer_memset (buffer, 0, grey, GST_VIDEO_INFO_PLANE_OFFSET (&info, 1));
  GST_BUFFER_PTS (buffer) = gst_util_uint64_scale ((guint64)n, GST_SECOND, 30);
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 30;
  return buffer;
}

void
set_i420_caps (GstHarness *h, int width, int height)
{
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, "I420", "width",
                                       G_TYPE_INT, width, "height", G_TYPE_INT, height, "framerate",
                                       GST_TYPE_FRACTION, 30, 1, NULL);

  gst_harness_set_src_caps (h, caps);
}

/* ---- results --------------------------------------------------------------------------------- */

GstBuffer *
push_pull (GstHarness *h, GstBuffer *buffer)
{
  GstBuffer *out;

  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  g_assert_nonnull (out);
  return out;
}

const GstStructure *
result_of (GstBuffer *buffer)
{
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, META_NAME);

  return meta != NULL ? gst_custom_meta_get_structure (meta) : NULL;
}

guint
result_uint (const GstStructure *s, const char *field)
{
  guint value = 0;

  if (!gst_structure_get_uint (s, field, &value))
    g_error ("no uint %s in a result", field);
  return value;
}

int
result_int (const GstStructure *s, const char *field)
{
  int value = 0;

  if (!gst_structure_get_int (s, field, &value))
    g_error ("no int %s in a result", field);
  return value;
}

double
result_double (const GstStructure *s, const char *field)
{
  double value = 0.0;

  if (!gst_structure_get_double (s, field, &value))
    g_error ("no double %s in a result", field);
  return value;
}

guint64
result_uint64 (const GstStructure *s, const char *field)
{
  guint64 value = 0;

  if (!gst_structure_get_uint64 (s, field, &value))
    g_error ("no uint64 %s in a result", field);
  return value;
}

gboolean
result_boolean (const GstStructure *s, const char *field)
{
  gboolean value = FALSE;

  if (!gst_structure_get_boolean (s, field, &value))
    g_error ("no boolean %s in a result", field);
  return value;
}

guint
result_list_length (const GstStructure *s, const char *field)
{
  const GValue *list = gst_structure_get_value (s, field);

  g_assert_nonnull (list);
  g_assert_true (GST_VALUE_HOLDS_LIST (list));
  return gst_value_list_get_size (list);
}
