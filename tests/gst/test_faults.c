/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bad frames: each is counted and goes on without a result, one warning tells of many, and the next
 * good frame is classified. */
#include "common.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static GstBuffer *
make_jpeg (int width, int height)
{
  GstHarness *encode = gst_harness_new_parse ("jpegenc");
  GstBuffer *jpeg;

  set_i420_caps (encode, width, height);
  jpeg = push_pull (encode, grey_frame (width, height, 120, 0));
  gst_harness_teardown (encode);
  return jpeg;
}

/* @words: in the warning; NULL = this one is within the silence after another */
static void
assert_bad (GstHarness *h, GstBuffer *buffer, const char *words)
{
  guint64 errors = harness_stat (h, "errors");
  GstBuffer *out = push_pull (h, buffer);
  GstMessage *message = harness_pop_message (h, GST_MESSAGE_WARNING);

  g_assert_true (out == buffer);
  g_assert_null (result_of (out));
  g_assert_cmpuint (harness_stat (h, "errors"), ==, errors + 1);
  if (words == NULL) {
    g_assert_null (message);
  } else {
    GError *error = NULL;

    g_assert_nonnull (message);
    gst_message_parse_warning (message, &error, NULL);
    g_test_message ("%s", error->message);
    g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE);
    if (strstr (error->message, words) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, words);
    g_error_free (error);
    gst_message_unref (message);
  }
  gst_buffer_unref (out);
}

static void
assert_good (GstHarness *h, GstBuffer *buffer)
{
  GstBuffer *out = push_pull (h, buffer);

  g_assert_nonnull (result_of (out));
  g_assert_true (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
}

static GstHarness *
jpeg_harness (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  gst_harness_set_src_caps (h, gst_caps_from_string ("image/jpeg"));
  return h;
}

static void
test_zero_byte_jpeg (void)
{
  GstHarness *h = jpeg_harness ();
  GstBuffer *jpeg = make_jpeg (320, 240);

  assert_bad (h, gst_buffer_new (), "empty");
  assert_good (h, gst_buffer_ref (jpeg));
  gst_buffer_unref (jpeg);
  harness_free (h);
}

static void
test_garbage_jpeg (void)
{
  GstHarness *h = jpeg_harness ();
  GstBuffer *jpeg = make_jpeg (320, 240);
  static const char text[] = "this is not a picture";

  assert_bad (h, gst_buffer_new_memdup (text, sizeof text), "JPEG");
  assert_bad (h, gst_buffer_copy_region (jpeg, GST_BUFFER_COPY_ALL, 0, 20), NULL);
  assert_bad (h, gst_buffer_copy_region (jpeg, GST_BUFFER_COPY_ALL, 0, 2), NULL);
  assert_good (h, jpeg);
  harness_free (h);
}

/* Cut or flipped anywhere: a result or a counted error, never a crash or a stopped stream. */
static void
test_damaged_jpeg (void)
{
  GstHarness *h = jpeg_harness ();
  GstBuffer *jpeg = make_jpeg (320, 240);
  gsize size = gst_buffer_get_size (jpeg);
  GRand *rand = g_rand_new_with_seed (1);
  guint64 frames = 0;

  for (gsize cut = 1; cut < size; cut += size / 40) {
    gst_buffer_unref (push_pull (h, gst_buffer_copy_region (jpeg, GST_BUFFER_COPY_ALL, 0, cut)));
    frames++;
  }
  for (int i = 0; i < 60; i++) {
    GstBuffer *copy = gst_buffer_copy_deep (jpeg);
    GstMapInfo map;

    gst_buffer_map (copy, &map, GST_MAP_READWRITE);
    map.data[g_rand_int_range (rand, 0, (int)size)] ^= (guint8)(1 << g_rand_int_range (rand, 0, 8));
    gst_buffer_unmap (copy, &map);
    gst_buffer_unref (push_pull (h, copy));
    frames++;
  }
  g_assert_cmpuint (harness_stat (h, "frames"), ==, frames);
  g_assert_cmpuint (harness_stat (h, "errors") + harness_stat (h, "inferences"), ==, frames);
  g_assert_cmpuint (harness_stat (h, "errors"), >, 0);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), <=,
                    1 + (guint)(frames / 10)); /* seconds may pass on a slow machine */
  assert_good (h, jpeg);
  g_rand_free (rand);
  harness_free (h);
}

/* A header that asks for 65535 x 65535 pixels in a file of two kilobytes. */
static void
test_absurd_jpeg_size (void)
{
  GstHarness *h = jpeg_harness ();
  GstBuffer *jpeg = make_jpeg (320, 240);
  GstMapInfo map;
  gsize at = 0;

  gst_buffer_map (jpeg, &map, GST_MAP_READWRITE);
  while (at + 9 < map.size && !(map.data[at] == 0xff && map.data[at + 1] == 0xc0))
    at++;
  g_assert_cmpuint (at + 9, <, map.size);
  memset (map.data + at + 5, 0xff, 4); /* SOF0: length, precision, height, width */
  gst_buffer_unmap (jpeg, &map);
  assert_bad (h, jpeg, "pixels");
  harness_free (h);
}

static void
test_short_frames (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  set_i420_caps (h, 64, 48); /* 4608 bytes */
  assert_bad (h, gst_buffer_new (), "has 0 bytes");
  assert_bad (h, gst_buffer_new_allocate (NULL, 1, NULL), NULL);
  assert_bad (h, gst_buffer_new_allocate (NULL, 4607, NULL), NULL);
  assert_good (h, grey_frame (64, 48, 90, 0));
  harness_free (h);
}

/* ---- a GstVideoMeta that lies ---------------------------------------------------------------- */

/* What a meta says of a frame of 64 x 48; 0 planes, sides, format: as it is. */
typedef struct {
  GstVideoFormat of; /* the caps' */
  GstVideoFormat format;
  guint width, height, n_planes;
  guint plane; /* which the two below are for */
  gsize offset;
  gint stride;
} Lie;

#define I420  GST_VIDEO_FORMAT_I420
#define GREY  GST_VIDEO_FORMAT_GRAY8
#define SOUND 48 * 64 /* bytes of the first plane */

static const Lie lies[] = {
    {.of = I420, .plane = 0, .stride = 640},
    {.of = I420, .plane = 2, .offset = SOUND + 32 * 24 + 1, .stride = 32},
    {.of = I420, .plane = 1, .offset = 0, .stride = -32},
    {.of = I420, .width = 6400},
    {.of = I420, .height = 4},
    {.of = I420, .format = GST_VIDEO_FORMAT_RGB, .n_planes = 1},
    {.of = I420, .format = GST_VIDEO_FORMAT_NV12},
    {.of = I420, .n_planes = 1},
    {.of = I420, .n_planes = 4},
    {.of = I420, .n_planes = G_MAXUINT},
    {.of = GREY, .n_planes = 2},
    /* lines that count as a negative number of bytes where 32 bits are signed */
    {.of = GREY, .width = 0x80000000},
    {.of = GREY, .width = 0xc0000000, .stride = 4096},
    {.of = GREY, .width = 0x80000000, .stride = 1 << 22},
    {.of = GREY, .width = G_MAXUINT, .stride = 1},
    {.of = GREY, .height = 0x80000000},
    {.of = GREY, .height = 0x80000000, .stride = 1},
    {.of = GREY, .height = G_MAXUINT, .stride = -1, .offset = 64},
    {.of = I420, .width = 0x80000000, .height = 0x80000000},
    {.of = GST_VIDEO_FORMAT_RGBA, .width = 0x40000010}, /* 4 bytes each */
    {.of = GST_VIDEO_FORMAT_RGBA, .width = 65537, .stride = 4},
    {.of = GREY, .stride = G_MAXINT},
    {.of = GREY, .stride = G_MININT},
    {.of = GREY, .stride = G_MININT, .offset = SOUND - 64},
    {.of = GREY, .offset = 1},
    {.of = GREY, .offset = SOUND},
    {.of = GREY, .offset = G_MAXINT64},
    {.of = GREY, .offset = (gsize)G_MAXINT64 + 1},
    {.of = GREY, .offset = G_MAXSIZE},
    {.of = GREY, .offset = G_MAXSIZE - SOUND},
    {.of = GREY, .offset = SOUND - 65, .stride = -64},
    /* of six pixels in 16 bytes */
    {.of = GST_VIDEO_FORMAT_v210, .offset = 1},
    {.of = GST_VIDEO_FORMAT_v210, .width = 0x80000000},
    {.of = GST_VIDEO_FORMAT_v210, .height = 49},
};

static void
add_lie (GstBuffer *buffer, const GstVideoInfo *info, const Lie *lie)
{
  GstVideoMeta *meta =
      gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE, lie->of, 64, 48);

  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    meta->offset[p] = GST_VIDEO_INFO_PLANE_OFFSET (info, p);
    meta->stride[p] = GST_VIDEO_INFO_PLANE_STRIDE (info, p);
  }
  meta->format = lie->format != 0 ? lie->format : lie->of;
  meta->width = lie->width != 0 ? lie->width : 64;
  meta->height = lie->height != 0 ? lie->height : 48;
  meta->n_planes = lie->n_planes != 0 ? lie->n_planes : GST_VIDEO_INFO_N_PLANES (info);
  if (lie->stride != 0)
    meta->stride[lie->plane] = lie->stride;
  if (lie->offset != 0 || lie->plane > 0)
    meta->offset[lie->plane] = lie->offset;
}

static void
test_lying_meta (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (lies); i++) {
    GstHarness *h = harness_new (NULL, NULL);
    GstVideoInfo info;
    GstBuffer *buffer;

    g_test_message ("lie %u", i);
    gst_video_info_set_format (&info, lies[i].of, 64, 48);
    buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&info), NULL);
    gst_buffer_memset (buffer, 0, 90, GST_VIDEO_INFO_SIZE (&info));
    add_lie (buffer, &info, &lies[i]);
    gst_harness_set_src_caps (h, gst_video_info_to_caps (&info));
    assert_bad (h, buffer, "GstVideoMeta");
    set_i420_caps (h, 64, 48);
    assert_good (h, grey_frame (64, 48, 90, 1));
    harness_free (h);
  }
}

/* @sizes: of the memories, up to a -1 */
static GstBuffer *
in_memories (const int *sizes)
{
  GstBuffer *buffer = gst_buffer_new ();
  gsize offset[4] = {0, SOUND, SOUND + 32 * 24, 0};
  gint stride[4] = {64, 32, 32, 0};

  for (; *sizes >= 0; sizes++)
    gst_buffer_append_memory (buffer, gst_allocator_alloc (NULL, (gsize)*sizes, NULL));
  gst_buffer_memset (buffer, 0, 90, gst_buffer_get_size (buffer));
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, I420, 64, 48, 3, offset,
                                  stride);
  return buffer;
}

/* A plane each, as cameras' drivers have them, with empty memories between; then planes that pass
 * from one memory to another, which GStreamer maps in part. */
static void
test_several_memories (void)
{
  static const int sound[] = {0, SOUND, 0, 32 * 24, 32 * 24, 0, -1};
  static const int two[] = {SOUND, 2 * 32 * 24, -1};
  static const int torn[] = {SOUND - 64, 64, 2 * 32 * 24, -1};
  static const int short_by_one[] = {SOUND, 32 * 24, 32 * 24 - 1, -1};
  static const int none[] = {0, 0, -1};
  GstHarness *h = harness_new (NULL, NULL);

  set_i420_caps (h, 64, 48);
  assert_good (h, in_memories (sound));
  assert_good (h, in_memories (two));
  assert_bad (h, in_memories (torn), "GstVideoMeta");
  assert_bad (h, in_memories (short_by_one), NULL);
  assert_bad (h, in_memories (none), NULL);
  harness_free (h);
}

/* A crop that is not inside, as a sum that wraps or not. */
static void
test_lying_crop (void)
{
  static const guint crops[][4] = {
      {64, 0, 1, 1},         {0, 48, 1, 1},         {0, 0, 65, 48}, {60, 0, G_MAXUINT - 58, 48},
      {G_MAXUINT, 0, 1, 48}, {0, 1, 64, G_MAXUINT}, {1, 0, 64, 48},
  };

  for (guint i = 0; i < G_N_ELEMENTS (crops); i++) {
    GstHarness *h = harness_new (NULL, NULL);
    GstBuffer *buffer = grey_frame (64, 48, 90, 0);
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);

    crop->x = crops[i][0];
    crop->y = crops[i][1];
    crop->width = crops[i][2];
    crop->height = crops[i][3];
    set_i420_caps (h, 64, 48);
    assert_bad (h, buffer, "crop");
    harness_free (h);
  }
}

/* A bad frame does not use up the interval: the next one is tried at once. */
static void
test_bad_frame_and_interval (void)
{
  GstHarness *h = harness_new ("inference-interval", 3, NULL);
  static const gboolean fresh[] = {TRUE, FALSE, FALSE, FALSE, TRUE, FALSE, FALSE, TRUE};

  set_i420_caps (h, 64, 48);
  for (guint i = 0; i < G_N_ELEMENTS (fresh); i++) {
    GstBuffer *out;

    if (i == 3) {
      assert_bad (h, gst_buffer_new (), "has 0 bytes");
      continue;
    }
    out = push_pull (h, grey_frame (64, 48, 90, (int)i));
    g_assert_cmpint (result_boolean (result_of (out), "fresh"), ==, fresh[i]);
    gst_buffer_unref (out);
  }
  harness_free (h);
}

/* Good frames that are held behind the bad one do not hide it from upstream. */
static void
test_delayed_error (void)
{
  GstHarness *h = harness_new ("max-errors", 1, NULL);
  GstBuffer *jpeg = make_jpeg (320, 240);
  gboolean found = FALSE;

  gst_element_set_state (h->element, GST_STATE_READY);
  gst_util_set_object_arg (G_OBJECT (h->element), "inference-mode", "delayed");
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_set_src_caps (h, gst_caps_from_string ("image/jpeg"));
  for (int n = 0; n < 4; n++)
    found |=
        gst_harness_push (h, n == 0 ? gst_buffer_new () : gst_buffer_copy (jpeg)) == GST_FLOW_ERROR;
  while (!found && gst_harness_buffers_received (h) < 3)
    g_usleep (1000);
  found |= gst_harness_push (h, jpeg) == GST_FLOW_ERROR;
  g_assert_true (found);
  harness_expect (h, GST_MESSAGE_ERROR, "max-errors", NULL);
  harness_free (h);
}

/* Nobody waits for a pipe, or reads a device without an end. */
static void
test_files_of_publish (void)
{
  static const char *const properties[] = {"password-file", "spool", "ca-file", "cert-file",
                                           "key-file"};
  g_autofree char *folder = g_dir_make_tmp ("effnet-XXXXXX", NULL);
  g_autofree char *fifo = g_build_filename (folder, "fifo", NULL);
  const char *const paths[] = {fifo, folder, "/dev/zero"};

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (paths) * G_N_ELEMENTS (properties); i++) {
    const char *property = properties[i % G_N_ELEMENTS (properties)];
    GstElement *element = gst_element_factory_make ("effnetpublish", NULL);
    GstBus *bus = gst_bus_new ();
    g_autoptr (GError) error = NULL;
    GstMessage *message;

    if (element == NULL) {
      g_test_skip ("built without effnetpublish");
      gst_object_unref (bus);
      break;
    }
    gst_element_set_bus (element, bus);
    g_object_set (element, "broker", "mqtts://u@127.0.0.1:1", property,
                  paths[i / G_N_ELEMENTS (properties)], NULL);
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
                     GST_STATE_CHANGE_FAILURE);
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    gst_message_parse_error (message, &error, NULL);
    g_assert_true (g_str_has_prefix (error->message, property));
    g_assert_nonnull (strstr (error->message, "expected an ordinary file"));
    gst_message_unref (message);
    gst_element_set_state (element, GST_STATE_NULL);
    gst_element_set_bus (element, NULL);
    gst_object_unref (bus);
    gst_object_unref (element);
  }
  g_unlink (fifo);
  g_rmdir (folder);
}

/* MQTT counts a password's bytes in 16 bits: one byte more is an error, not a shorter password. */
static void
test_long_password (void)
{
  g_autoptr (GstElement) element = gst_element_factory_make ("effnetpublish", NULL);
  g_autofree char *folder = g_dir_make_tmp ("effnet-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "password", NULL);
  g_autofree char *text = g_strnfill (65536, 'x');
  g_autoptr (GstBus) bus = gst_bus_new ();

  if (element == NULL) {
    g_test_skip ("built without effnetpublish");
    g_rmdir (folder);
    return;
  }
  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  g_object_set (element, "broker", "mqtts://u@127.0.0.1:1", "password-file", path, NULL);
  for (int fits = 0; fits < 2; fits++) {
    GstMessage *message;

    text[65535] = fits ? '\n' : 'x';
    g_assert_true (g_file_set_contents (path, text, 65536, NULL));
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE,
                     ==, !fits);
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    g_assert_cmpint (message != NULL, ==, !fits);
    if (message != NULL) {
      g_autoptr (GError) error = NULL;

      gst_message_parse_error (message, &error, NULL);
      g_assert_nonnull (strstr (error->message, "65535"));
      gst_message_unref (message);
    }
    gst_element_set_state (element, GST_STATE_NULL);
    gst_bus_set_flushing (bus, TRUE); /* the base class says, too, that it did not start */
    gst_bus_set_flushing (bus, FALSE);
  }
  gst_element_set_bus (element, NULL);
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/faults/zero-byte-jpeg", test_zero_byte_jpeg);
  g_test_add_func ("/gst/faults/garbage-jpeg", test_garbage_jpeg);
  g_test_add_func ("/gst/faults/damaged-jpeg", test_damaged_jpeg);
  g_test_add_func ("/gst/faults/absurd-jpeg-size", test_absurd_jpeg_size);
  g_test_add_func ("/gst/faults/short-frames", test_short_frames);
  g_test_add_func ("/gst/faults/lying-meta", test_lying_meta);
  g_test_add_func ("/gst/faults/several-memories", test_several_memories);
  g_test_add_func ("/gst/faults/lying-crop", test_lying_crop);
  g_test_add_func ("/gst/faults/bad-frame-and-interval", test_bad_frame_and_interval);
  g_test_add_func ("/gst/faults/delayed-error", test_delayed_error);
  g_test_add_func ("/gst/faults/files-of-publish", test_files_of_publish);
  g_test_add_func ("/gst/faults/long-password", test_long_password);
  return g_test_run ();
}
