/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Streams through effnetclassify: caps, buffers of any size with any metas, events, regions, as the
 * input says. Nothing outside a buffer is read, no flow but OK, not-negotiated, EOS and error, and
 * what is said of a frame is a number. The plugin is the one that was built with this. */
#include "input.h"
#include "mini.h"
#include "take.h"

#include <glib/gstdio.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define META_NAME "EffnetClassificationMeta"
#define BYTES_MAX ((size_t)1 << 20) /* of one buffer */

static char *model_path;
/* They hold the model and the threads, 1 and 2, from one input to the next. */
static GstElement *keepers[2];

/* GStreamer's registry and types are never freed. */
const char *__asan_default_options (void);
const char *
__asan_default_options (void)
{
  return "detect_leaks=0:allocator_may_return_null=1";
}

/* abort () rather than GLib's own trap: the fuzzer keeps the input. Warnings, of which odd streams
 * make many, are not printed. */
static void
on_log (const char *domain, GLogLevelFlags level, const char *text, gpointer user)
{
  if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) == 0)
    return;
  g_log_default_handler (domain, level & ~G_LOG_FLAG_FATAL, text, user);
  abort ();
}

static void
leave (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (keepers); i++)
    gst_element_set_state (keepers[i], GST_STATE_NULL);
  g_unlink (model_path);
}

static GstElement *
make_element (guint threads)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);

  FUZZ_CHECK (element != NULL);
  g_object_set (element, "model-file", model_path, "variant", MINI_VARIANT, "threads", threads,
                NULL);
  return element;
}

static void
enter (void)
{
  size_t body = 0;

  if (model_path != NULL)
    return;
  g_setenv ("GST_PLUGIN_PATH", PLUGIN_FOLDER, TRUE);
  g_setenv ("GST_PLUGIN_SYSTEM_PATH", "", TRUE);
  g_setenv ("GST_REGISTRY_FORK", "no", TRUE);
  g_setenv ("GST_REGISTRY_UPDATE", "yes", TRUE);
  g_autofree char *registry = g_strdup_printf ("%s/fuzz-registry-%d", g_get_tmp_dir (), getpid ());
  g_setenv ("GST_REGISTRY", registry, TRUE);
  gst_init (NULL, NULL);
  g_unlink (registry);
  g_log_set_default_handler (on_log, NULL);
  gst_debug_set_default_threshold (GST_LEVEL_NONE);
  int fd = g_file_open_tmp ("effnet-fuzz-XXXXXX.safetensors", &model_path, NULL);
  GString *header = mini_header (EFFNET_DIALECT_FOLDED, 7, &body);
  FUZZ_CHECK (fd >= 0);
  mini_write (fd, header, body);
  close (fd);
  g_string_free (header, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (keepers); i++) {
    keepers[i] = make_element (i + 1);
    FUZZ_CHECK (gst_element_set_state (keepers[i], GST_STATE_READY) == GST_STATE_CHANGE_SUCCESS);
  }
  atexit (leave);
}

/* A word of the input, of bytes that are no NUL. */
static char *
take_text (Bytes *bytes, size_t most)
{
  size_t n = take (bytes, 1);

  n = MIN (MIN (n, most), bytes->left);
  char *text = g_strndup ((const char *)bytes->at, n);
  bytes->at += n;
  bytes->left -= n;
  if (!g_utf8_validate (text, -1, NULL)) {
    char *valid = g_utf8_make_valid (text, -1);
    g_free (text);
    text = valid;
  }
  return text;
}

/* A side: small most of the time, else at an edge of what numbers can say. */
static guint
take_side (Bytes *bytes)
{
  static const guint edges[] = {
      0, 1, 16384, 16385, 65536, G_MAXINT32, 0x80000000, G_MAXUINT32, G_MAXUINT32 - 15, 0x40000000};
  guint how = take (bytes, 1);
  return how < 200 ? 1 + how : edges[how % G_N_ELEMENTS (edges)];
}

static void
send_caps (GstHarness *h, Bytes *bytes, GstVideoInfo *info)
{
  static const char *const more[] = {
      "",
      ",interlace-mode=(string)alternate",
      ",interlace-mode=(string)mixed",
      ",pixel-aspect-ratio=(fraction)300/1",
      ",pixel-aspect-ratio=(fraction)1/2147483647",
      ",colorimetry=(string)2:4:7:1",
      ",chroma-site=(string)dv",
      ",multiview-mode=(string)separated,views=(int)2",
      ",framerate=(fraction)0/1",
      ",max-framerate=(fraction)1/1",
  };
  guint f = 2 + take (bytes, 1) % 120, width = 1 + take (bytes, 1), height = 1 + take (bytes, 1);
  const char *name = gst_video_format_to_string ((GstVideoFormat)f);
  g_autofree char *text = g_strdup_printf (
      "video/x-raw,format=(string)%s,width=(int)%u,height=(int)%u%s", name != NULL ? name : "I420",
      width, height, more[take (bytes, 1) % G_N_ELEMENTS (more)]);
  GstCaps *caps = gst_caps_from_string (text);

  gst_video_info_init (info);
  if (caps == NULL || !gst_video_info_from_caps (info, caps))
    gst_video_info_set_format (info, GST_VIDEO_FORMAT_GRAY8, width, height);
  if (caps != NULL)
    gst_harness_push_event (h, gst_event_new_caps (caps));
  gst_clear_caps (&caps);
}

static void
send_jpeg_caps (GstHarness *h, Bytes *bytes, GstVideoInfo *info)
{
  GstCaps *caps = gst_caps_new_empty_simple ("image/jpeg");

  gst_video_info_init (info);
  if (take (bytes, 1) & 1)
    gst_caps_set_simple (caps, "width", G_TYPE_INT, (int)take_side (bytes), "height", G_TYPE_INT,
                         (int)take_side (bytes), NULL);
  gst_harness_push_event (h, gst_event_new_caps (caps));
  gst_caps_unref (caps);
}

static void
add_video_meta (GstBuffer *buffer, const GstVideoInfo *info, Bytes *bytes)
{
  GstVideoMeta *meta =
      gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 1, 1);
  guint how = take (bytes, 1);

  meta->format = how & 1 ? (GstVideoFormat)(take (bytes, 1) % 130) : GST_VIDEO_INFO_FORMAT (info);
  meta->width = how & 2 ? take_side (bytes) : (guint)GST_VIDEO_INFO_WIDTH (info);
  meta->height = how & 4 ? take_side (bytes) : (guint)GST_VIDEO_INFO_HEIGHT (info);
  meta->n_planes = how & 8 ? take (bytes, 4) : GST_VIDEO_INFO_N_PLANES (info);
  for (guint p = 0; p < GST_VIDEO_MAX_PLANES; p++) {
    meta->offset[p] = GST_VIDEO_INFO_PLANE_OFFSET (info, p);
    meta->stride[p] = GST_VIDEO_INFO_PLANE_STRIDE (info, p);
    if (how & 16)
      meta->offset[p] = (gsize)take (bytes, 4) << (take (bytes, 1) % 36);
    if (how & 32)
      meta->stride[p] = (gint)take (bytes, 4);
    if (how & 64)
      meta->stride[p] = (gint)(0 - (guint)meta->stride[p]);
  }
}

static void
add_metas (GstBuffer *buffer, const GstVideoInfo *info, Bytes *bytes)
{
  guint how = take (bytes, 1);

  if (how & 1)
    add_video_meta (buffer, info, bytes);
  if (how & 2) {
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);
    crop->x = take_side (bytes);
    crop->y = take_side (bytes);
    crop->width = take_side (bytes);
    crop->height = take_side (bytes);
  }
  for (guint n = how >> 2 & 7; n > 0; n--) {
    g_autofree char *type = take_text (bytes, 12);
    GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta (
        buffer, type, take_side (bytes), take_side (bytes), take_side (bytes), take_side (bytes));
    roi->id = (gint)take (bytes, 1);
    roi->parent_id = (gint)take (bytes, 1) - 1;
  }
}

/* Exactly so many bytes, in one piece or some, that reading past is seen. */
static GstBuffer *
make_buffer (size_t size, Bytes *bytes)
{
  GstBuffer *buffer = gst_buffer_new ();
  guint pieces = take (bytes, 1) % 4, fill = take (bytes, 1);

  for (size_t done = 0; done < size;) {
    size_t n = pieces > 0 ? 1 + take (bytes, 2) : size;
    n = MIN (n, size - done);
    guint8 *data = g_malloc (n);
    size_t own = MIN (n, bytes->left / 2);
    memset (data, (int)fill, n);
    if (fill & 1) {
      memcpy (data, bytes->at, own);
      bytes->at += own;
      bytes->left -= own;
    }
    gst_buffer_append_memory (buffer, gst_memory_new_wrapped (0, data, n, 0, n, data, g_free));
    done += n;
    pieces -= pieces > 0;
  }
  return buffer;
}

static void
push_buffer (GstHarness *h, const GstVideoInfo *info, Bytes *bytes)
{
  guint how = take (bytes, 1);
  size_t size = GST_VIDEO_INFO_FORMAT (info) != GST_VIDEO_FORMAT_UNKNOWN ? info->size : 0;

  if (how & 1 || size == 0)
    size = take (bytes, 2);
  size_t missing = how & 2 ? take (bytes, 1) : 0;
  size -= MIN (size, missing);
  GstBuffer *buffer = make_buffer (MIN (size, BYTES_MAX), bytes);
  GST_BUFFER_PTS (buffer) = how & 4 ? GST_CLOCK_TIME_NONE : (guint64)take (bytes, 4) << (how & 31);
  if (how & 8)
    GST_BUFFER_FLAG_SET (buffer, (GstBufferFlags)(take (bytes, 1) << 4));
  if (how & 16)
    GST_BUFFER_FLAG_SET (buffer, take (bytes, 2) << 16);
  if (GST_VIDEO_INFO_FORMAT (info) != GST_VIDEO_FORMAT_UNKNOWN || how & 32)
    add_metas (buffer, info, bytes);
  GstFlowReturn flow = gst_harness_push (h, buffer);
  FUZZ_CHECK (flow >= GST_FLOW_ERROR && flow <= GST_FLOW_OK);
}

static void
send_event (GstHarness *h, Bytes *bytes)
{
  GstSegment segment;

  switch (take (bytes, 1) % 6) {
  case 0:
    gst_harness_push_event (h, gst_event_new_flush_start ());
    gst_harness_push_event (h, gst_event_new_flush_stop (take (bytes, 1) & 1));
    break;
  case 1:
    gst_segment_init (&segment, GST_FORMAT_TIME);
    segment.rate = take (bytes, 1) & 1 ? -2.0 : 0.5;
    segment.start = take (bytes, 4);
    segment.stop = take (bytes, 4);
    gst_harness_push_event (h, gst_event_new_segment (&segment));
    break;
  case 2:
    gst_harness_push_event (h, gst_event_new_gap (take (bytes, 4), take (bytes, 4)));
    break;
  case 3:
    gst_harness_push_event (h, gst_event_new_stream_start ("again"));
    break;
  case 4:
    gst_harness_push_upstream_event (h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, take (bytes, 1),
                                                           (gint64)take (bytes, 4) << 8,
                                                           take (bytes, 4)));
    break;
  default: {
    g_autofree char *text = take_text (bytes, 20);
    gst_harness_push_event (
        h, gst_event_new_tag (gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, text, NULL)));
  }
  }
}

static void
set_property (GstElement *element, Bytes *bytes)
{
  g_autofree char *text = NULL;

  switch (take (bytes, 1) % 5) {
  case 0:
    text = take_text (bytes, 120);
    g_object_set (element, "regions", text, NULL);
    break;
  case 1:
    text = take_text (bytes, 20);
    g_object_set (element, "object-class", text, NULL);
    break;
  case 2:
    g_object_set (element, "inference-region", take (bytes, 1) % 3, NULL);
    break;
  case 3:
    g_object_set (element, "inference-interval", 1 + take (bytes, 1) % 4, "top-k",
                  1 + take (bytes, 1) % 9, "threshold", take (bytes, 1) / 255.0, NULL);
    break;
  default:
    g_object_set (element, "resize-mode", take (bytes, 1) % 4, "sparse-rows", take (bytes, 1) & 1,
                  NULL);
  }
}

static gboolean
check_number (GQuark field, const GValue *value, gpointer user)
{
  (void)field;
  (void)user;
  if (G_VALUE_HOLDS_DOUBLE (value))
    FUZZ_CHECK (g_value_get_double (value) >= 0 && g_value_get_double (value) < 1e12);
  return TRUE;
}

static void
check_output (GstHarness *h)
{
  GstBuffer *buffer;

  while ((buffer = gst_harness_try_pull (h)) != NULL) {
    GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, META_NAME);
    if (meta != NULL)
      gst_structure_foreach (gst_custom_meta_get_structure (meta), check_number, NULL);
    gst_buffer_unref (buffer);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Bytes bytes = {data, size};
  GstSegment segment;
  GstVideoInfo info;

  enter ();
  GstElement *element = make_element (1 + size % 8 / 7);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");
  gst_harness_push_event (h, gst_event_new_stream_start ("fuzz"));
  send_caps (h, &bytes, &info);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  for (guint i = 0; i < 30 && bytes.left > 0; i++) {
    guint what = take (&bytes, 1) % 16;
    if (what == 0)
      send_caps (h, &bytes, &info);
    else if (what == 1)
      send_jpeg_caps (h, &bytes, &info);
    else if (what < 4)
      send_event (h, &bytes);
    else if (what < 7)
      set_property (element, &bytes);
    else
      push_buffer (h, &info, &bytes);
    check_output (h);
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  check_output (h);
  gst_object_unref (element);
  gst_harness_teardown (h);
  return 0;
}
