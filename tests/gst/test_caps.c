/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Caps that are not taken, by event and in the middle of a stream, and data without any: a sentence
 * that names them and what to put before the element. Fields, and pixels that are not square. */
#include "common.h"

#include <string.h>

/* A sticky event counts as sent, also when it is refused. */
static void
send_caps (GstHarness *h, const char *text)
{
  GstCaps *caps = gst_caps_from_string (text);

  gst_harness_push_event (h, gst_event_new_caps (caps));
  gst_caps_unref (caps);
}

static void
test_refused (void)
{
  static const char *const cases[][3] = {
      {"video/x-raw,format=RGB8P,width=64,height=64", "RGB8P", "\"videoconvert\""},
      {"video/x-raw,format=I420,width=20000,height=64", "20000", "\"videoscale\""},
      {"video/x-raw(memory:GLMemory),format=RGBA,width=64,height=64", "GLMemory", "gldownload"},
      {"video/x-raw(memory:VASurface),format=NV12,width=64,height=64", "VASurface", "vapostproc"},
      {"video/x-h264,stream-format=byte-stream,alignment=nal", "video/x-h264", "\"h264parse\""},
      {"video/x-h265", "video/x-h265", "\"h265parse\""},
      {"image/png", "image/png", "pngdec"},
      {"image/webp", "image/webp", "decodebin"},
      {"audio/x-raw,format=S16LE,rate=8000,channels=1", "audio/x-raw", "decodebin"},
      {"application/x-rtp", "application/x-rtp", "decodebin"},
  };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (cases); i++) {
    const char *const *c = cases[i / 2];
    GstHarness *h = harness_new (NULL, NULL);

    if (i % 2 == 0) {
      gst_harness_push_event (h, gst_event_new_stream_start ("test"));
    } else { /* in the middle */
      set_i420_caps (h, 64, 48);
      gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
    }
    send_caps (h, c[0]);
    harness_expect (h, GST_MESSAGE_WARNING, c[1], c[2], "not taken", NULL);
    send_caps (h, c[0]);
    g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0); /* once */
    harness_free (h);
  }
}

static void
test_contradiction (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  gst_harness_push_event (h, gst_event_new_stream_start ("test"));
  /* fields without the feature that says so */
  send_caps (h, "video/x-raw,format=I420,width=64,height=48,interlace-mode=alternate");
  harness_expect (h, GST_MESSAGE_WARNING, "describe no frame", NULL);
  harness_free (h);
}

/* The element's error comes before the source's, which says nothing. */
static void
test_without_caps (void)
{
  char *path = source_path ("pipelines/media/cat.jpg");
  char *line = g_strdup_printf ("filesrc location=\"%s\" ! effnetclassify ! fakesink", path);
  GstElement *pipeline = gst_parse_launch (line, NULL);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 20 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE);
  g_assert_nonnull (strstr (error->message, "decodebin"));
  g_assert_nonnull (strstr (error->message, "jpegparse"));
  g_error_free (error);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  g_free (line);
  g_free (path);
}

static double
espresso_of (const char *caps, int height)
{
  GstHarness *h = harness_new (NULL, NULL);
  GstBuffer *photo = photo_frame ("coffee.jpg", 256, height), *out;
  double confidence;

  gst_harness_set_src_caps_str (h, caps);
  out = push_pull (h, gst_buffer_copy_region (photo, GST_BUFFER_COPY_MEMORY, 0, (gsize)-1));
  gst_buffer_unref (photo);
  g_assert_cmpstr (gst_structure_get_string (result_of (out), "label"), ==, "espresso");
  g_assert_cmpuint (result_uint (result_of (out), "frame-height"), ==, (guint)height);
  confidence = result_double (result_of (out), "confidence");
  gst_buffer_unref (out);
  harness_free (h);
  return confidence;
}

/* A buffer has every second line: pixels that are twice as high. */
static void
test_fields (void)
{
  double field = espresso_of ("video/x-raw(format:Interlaced),format=I420,width=256,height=256,"
                              "interlace-mode=alternate,field-order=top-field-first,"
                              "framerate=30/1",
                              128);

  g_assert_cmpfloat (field, ==,
                     espresso_of ("video/x-raw,format=I420,width=256,height=128,framerate=30/1,"
                                  "pixel-aspect-ratio=1/2",
                                  128));
}

/* Of a part of the frame: by a crop meta, or as a region of interest. */
static double
part_of (const char *caps, GstBuffer *photo, guint y, guint height, gboolean crop)
{
  GstHarness *h = harness_new ("inference-region", crop ? 0 : 1, NULL);
  GstBuffer *in = gst_buffer_copy_region (photo, GST_BUFFER_COPY_MEMORY, 0, (gsize)-1), *out;
  double confidence;

  if (crop) {
    GstVideoCropMeta *meta = gst_buffer_add_video_crop_meta (in);

    meta->x = 40;
    meta->y = y;
    meta->width = 200;
    meta->height = height;
  } else {
    gst_buffer_add_video_region_of_interest_meta (in, "cup", 40, y, 200, height);
  }
  gst_harness_set_src_caps_str (h, caps);
  out = push_pull (h, in);
  confidence = result_double (result_of (out), "confidence");
  if (!crop) {
    g_assert_cmpuint (result_uint (result_of (out), "y"), ==, 60);
    g_assert_cmpuint (result_uint (result_of (out), "height"), ==, 41);
  }
  gst_buffer_unref (out);
  harness_free (h);
  return confidence;
}

/* Metas count the frame's lines, as caps do: 81 from the 121st on are 41 of a field. */
static void
test_parts_of_fields (void)
{
  GstBuffer *photo = photo_frame ("coffee.jpg", 256, 128);

  for (int crop = 0; crop <= 1; crop++)
    g_assert_cmpfloat (
        part_of ("video/x-raw(format:Interlaced),format=I420,width=256,height=256,"
                 "interlace-mode=alternate,field-order=top-field-first,framerate=30/1",
                 photo, 121, 81, crop),
        ==,
        part_of ("video/x-raw,format=I420,width=256,height=128,framerate=30/1,"
                 "pixel-aspect-ratio=1/2",
                 photo, 60, 41, crop));
  gst_buffer_unref (photo);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/caps/refused", test_refused);
  g_test_add_func ("/gst/caps/contradiction", test_contradiction);
  g_test_add_func ("/gst/caps/without-caps", test_without_caps);
  g_test_add_func ("/gst/caps/fields", test_fields);
  g_test_add_func ("/gst/caps/parts-of-fields", test_parts_of_fields);
  return g_test_run ();
}
