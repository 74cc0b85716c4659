/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See common.h. */
#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

  gst_util_set_object_arg (G_OBJECT (element), "inference-mode", "sync"); /* a harness is live */
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

void
harness_flush (GstHarness *h)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
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
harness_expect (GstHarness *h, GstMessageType type, const char *words, ...)
{
  GstMessage *message = harness_pop_message (h, type);
  GError *error = NULL;
  va_list args;

  g_assert_nonnull (message);
  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  g_test_message ("%s", error->message);
  va_start (args, words);
  for (const char *word = words; word != NULL; word = va_arg (args, const char *)) {
    if (strstr (error->message, word) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, word);
  }
  va_end (args);
  g_error_free (error);
  gst_message_unref (message);
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
element_stat (GstElement *element, const char *name)
{
  GstStructure *stats = NULL;
  guint64 value;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_nonnull (stats);
  value = result_uint64 (stats, name);
  gst_structure_free (stats);
  return value;
}

guint64
harness_stat (GstHarness *h, const char *name)
{
  return element_stat (h->element, name);
}

guint
harness_info (GstHarness *h, const char *name)
{
  GstStructure *info = NULL;
  guint value;

  g_object_get (h->element, "model-info", &info, NULL);
  g_assert_nonnull (info);
  value = result_uint (info, name);
  gst_structure_free (info);
  return value;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static int
plane_rows (const GstVideoInfo *info, guint plane)
{
  guint c = 0;

  while (GST_VIDEO_FORMAT_INFO_PLANE (info->finfo, c) != plane)
    c++;
  return GST_VIDEO_INFO_COMP_HEIGHT (info, c);
}

/* Fills @offset and @stride with planes @pad bytes wider and @pad bytes apart. */
static gsize
padded_layout (const GstVideoInfo *info, int pad, gsize *offset, gint *stride)
{
  gsize size = (gsize)pad;

  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    offset[p] = size;
    stride[p] = GST_VIDEO_INFO_PLANE_STRIDE (info, p) + pad;
    size += (gsize)stride[p] * (gsize)plane_rows (info, p) + (gsize)pad;
  }
  return size;
}

/* @line: [width][4] of the format's unpacked form: A Y U V or A R G B, 8 or 16 bits. Wider
 * components get the same level: limited YUV by shift, RGB and grey by repetition. */
static void
fill_line (void *line, const GstVideoInfo *info, int y, PixelFunc pixel)
{
  const GstVideoFormatInfo *unpacked = gst_video_format_get_info (info->finfo->unpack_format);
  gboolean wide = GST_VIDEO_FORMAT_INFO_DEPTH (unpacked, 0) == 16;
  guint16 scale = GST_VIDEO_INFO_IS_YUV (info) ? 256 : 257;

  for (int x = 0; x < GST_VIDEO_INFO_WIDTH (info); x++) {
    guint8 c[3] = {0};

    pixel (x, y, GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info), c);
    for (int i = 0; i < 4; i++) {
      guint8 value = i == 0 ? 255 : c[i - 1];

      if (wide)
        ((guint16 *)line)[4 * x + i] = (guint16)(value * scale);
      else
        ((guint8 *)line)[4 * x + i] = value;
    }
  }
}

/* GStreamer's packers want aligned lines: without padding. */
static GstBuffer *
tight_frame_new (const GstVideoInfo *info, PixelFunc pixel)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);
  int width = GST_VIDEO_INFO_WIDTH (info);
  void *line = g_malloc ((gsize)width * 4 * sizeof (guint16));
  GstVideoFrame frame;

  gst_buffer_memset (buffer, 0, 0xa5, GST_VIDEO_INFO_SIZE (info));
  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE));
  for (int y = 0; y < GST_VIDEO_INFO_HEIGHT (info); y++) {
    fill_line (line, info, y, pixel);
    info->finfo->pack_func (info->finfo, GST_VIDEO_PACK_FLAG_NONE, line, 0, frame.data,
                            frame.info.stride, GST_VIDEO_CHROMA_SITE_UNKNOWN, y, width);
  }
  gst_video_frame_unmap (&frame);
  g_free (line);
  return buffer;
}

GstBuffer *
frame_new (const GstVideoInfo *info, int pad, PixelFunc pixel)
{
  GstBuffer *tight = tight_frame_new (info, pixel), *buffer;
  gsize offset[GST_VIDEO_MAX_PLANES], size;
  gint stride[GST_VIDEO_MAX_PLANES];
  GstMapInfo from, to;

  if (pad == 0)
    return tight;
  size = padded_layout (info, pad, offset, stride);
  buffer = gst_buffer_new_allocate (NULL, size, NULL);
  gst_buffer_map (tight, &from, GST_MAP_READ);
  gst_buffer_map (buffer, &to, GST_MAP_WRITE);
  memset (to.data, 0xa5, size); /* padding that would show if it were read */
  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    int row = GST_VIDEO_INFO_PLANE_STRIDE (info, p);

    for (int y = 0; y < plane_rows (info, p); y++)
      memcpy (to.data + offset[p] + (gsize)y * (gsize)stride[p],
              from.data + GST_VIDEO_INFO_PLANE_OFFSET (info, p) + (gsize)y * (gsize)row,
              (gsize)row);
  }
  gst_buffer_unmap (buffer, &to);
  gst_buffer_unmap (tight, &from);
  gst_buffer_unref (tight);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (info),
                                  (guint)GST_VIDEO_INFO_WIDTH (info),
                                  (guint)GST_VIDEO_INFO_HEIGHT (info),
                                  GST_VIDEO_INFO_N_PLANES (info), offset, stride);
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

GstBuffer *
stamped (GstBuffer *buffer, int n)
{
  buffer = gst_buffer_make_writable (buffer);
  GST_BUFFER_PTS (buffer) = gst_util_uint64_scale (n, GST_SECOND, 30);
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 30;
  return buffer;
}

GstBuffer *
picture_through (const char *relative, const char *line)
{
  GstHarness *h = gst_harness_new_parse (line);
  char *path = source_path (relative), *data;
  GstBuffer *out;
  gsize size;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  gst_harness_set_src_caps_str (h, "image/jpeg,framerate=1/1");
  out = push_pull (h, gst_buffer_new_wrapped (data, size));
  gst_harness_teardown (h);
  g_free (path);
  return out;
}

GstBuffer *
photo_frame (const char *name, int width, int height)
{
  char *relative = g_build_filename ("pipelines", "media", name, NULL);
  char *line = g_strdup_printf ("jpegdec ! videoconvert ! videoscale add-borders=false ! "
                                "capsfilter caps=video/x-raw,format=I420,width=%d,height=%d,"
                                "pixel-aspect-ratio=1/1",
                                width, height);
  GstBuffer *out = picture_through (relative, line);

  g_free (line);
  g_free (relative);
  return out;
}

/* Copies @from, @side x @side, to column @x of @to. Chroma at half of all. */
static void
paste (GstVideoFrame *to, const GstVideoInfo *info, GstBuffer *from, int x)
{
  GstVideoFrame frame;

  g_assert_true (gst_video_frame_map (&frame, info, from, GST_MAP_READ));
  for (guint c = 0; c < 3; c++) {
    int rows = GST_VIDEO_FRAME_COMP_HEIGHT (&frame, c);
    guint8 *out = GST_VIDEO_FRAME_COMP_DATA (to, c);
    const guint8 *in = GST_VIDEO_FRAME_COMP_DATA (&frame, c);

    for (int y = 0; y < rows; y++)
      memcpy (out + y * GST_VIDEO_FRAME_COMP_STRIDE (to, c) + (c > 0 ? x / 2 : x),
              in + y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c),
              (gsize)GST_VIDEO_FRAME_COMP_WIDTH (&frame, c));
  }
  gst_video_frame_unmap (&frame);
  gst_buffer_unref (from);
}

GstBuffer *
pair_frame (int side, int n)
{
  GstBuffer *buffer = grey_frame (2 * side, side, 128, n);
  GstVideoInfo info, half;
  GstVideoFrame frame;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, 2 * (guint)side, (guint)side);
  gst_video_info_set_format (&half, GST_VIDEO_FORMAT_I420, (guint)side, (guint)side);
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  paste (&frame, &half, photo_frame ("cat.jpg", side, side), 0);
  paste (&frame, &half, photo_frame ("coffee.jpg", side, side), side);
  gst_video_frame_unmap (&frame);
  return buffer;
}

char *
many_regions (void)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < 999; i++)
    g_string_append_printf (text, "r%d:0.%03d,0,0.001,1;", i, i);
  return g_string_free (text, FALSE);
}

GstBuffer *
encode_jpeg (GstBuffer *i420, int width, int height)
{
  GstHarness *h = gst_harness_new_parse ("jpegenc quality=90");
  GstBuffer *jpeg;

  set_i420_caps (h, width, height);
  jpeg = push_pull (h, i420);
  gst_harness_teardown (h);
  return jpeg;
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

const GstStructure *
result_part (const GstStructure *s, guint i)
{
  const GValue *list = gst_structure_get_value (s, "results");

  g_assert_cmpuint (i, <, result_list_length (s, "results"));
  return gst_value_get_structure (gst_value_list_get_value (list, i));
}

/* ---- the process ------------------------------------------------------------------------------
 */

gsize
resident_bytes (void)
{
  char *text = NULL;
  gulong size = 0, resident = 0;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%lu %lu", &size, &resident), ==, 2);
  g_free (text);
  return resident * (gsize)sysconf (_SC_PAGESIZE);
}

guint
count_threads (void)
{
  GDir *dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  g_dir_close (dir);
  return n;
}
