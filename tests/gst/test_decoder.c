/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keyframes found and decoded alone, against the parser's flags and against the picture that a
 * decoder which sees the whole stream puts out. */
#include "codec.h"
#include "coded.h"
#include "common.h"
#include "decoder.h"
#include "keyframe.h"

#include <string.h>

#define SIDE_X 320
#define SIDE_Y 240

typedef struct {
  const char *name, *encoder, *line, *decoder;
  gboolean refresh; /* gradual: a keyframe at the start only */
} Stream;

#define X264(options) "x264enc key-int-max=10 bitrate=600 option-string=\"" options "\" ! "
#define X265(options) "x265enc key-int-max=10 bitrate=600 option-string=\"" options "\" ! "

static const Stream streams[] = {
    {"h264/bytes", "x264enc",
     X264 ("scenecut=0:bframes=0") "video/x-h264,profile=baseline ! h264parse ! "
                                   "video/x-h264,stream-format=byte-stream,alignment=au",
     "h264parse ! avdec_h264 max-threads=1", FALSE},
    {"h264/avc-b-frames", "x264enc",
     X264 ("scenecut=0:bframes=3:b-pyramid=strict") "h264parse ! "
                                                    "video/x-h264,stream-format=avc,alignment=au",
     "h264parse ! avdec_h264 max-threads=1", FALSE},
    {"h264/avc3-slices", "x264enc",
     X264 ("scenecut=0:slices=4:bframes=2") "h264parse ! "
                                            "video/x-h264,stream-format=avc3,alignment=au",
     "h264parse ! avdec_h264 max-threads=1", FALSE},
    {"h264/open-gop", "x264enc",
     X264 ("scenecut=0:open-gop=1:bframes=3:b-adapt=0:ref=16") "h264parse ! video/x-h264,"
                                                               "stream-format=byte-stream,"
                                                               "alignment=au",
     "h264parse ! avdec_h264 max-threads=1", FALSE},
    {"h264/interlaced", "x264enc",
     X264 ("scenecut=0:tff=1:bframes=0") "h264parse ! "
                                         "video/x-h264,stream-format=byte-stream,alignment=au",
     "h264parse ! avdec_h264 max-threads=1", FALSE},
    {"h264/refresh", "x264enc",
     X264 ("intra-refresh=1:bframes=0") "h264parse ! "
                                        "video/x-h264,stream-format=avc,alignment=au",
     "h264parse ! avdec_h264 max-threads=1", TRUE},
    {"h264/refresh-b-frames", "x264enc",
     X264 ("intra-refresh=1:bframes=2") "h264parse ! "
                                        "video/x-h264,stream-format=byte-stream,alignment=au",
     "h264parse ! avdec_h264 max-threads=1", TRUE},
    {"h265/bytes", "x265enc",
     X265 ("scenecut=0:open-gop=0:repeat-headers=1") "h265parse ! video/x-h265,"
                                                     "stream-format=byte-stream,alignment=au",
     "h265parse ! avdec_h265 max-threads=1", FALSE},
    {"h265/hvc1-open-gop", "x265enc",
     X265 ("scenecut=0:open-gop=1:bframes=4") "h265parse ! "
                                              "video/x-h265,stream-format=hvc1,alignment=au",
     "h265parse ! avdec_h265 max-threads=1", FALSE},
    {"h265/hev1", "x265enc",
     X265 ("scenecut=0:open-gop=0") "h265parse ! "
                                    "video/x-h265,stream-format=hev1,alignment=au",
     "h265parse ! avdec_h265 max-threads=1", FALSE},
};

static GstEffnetKeyframes *
finder_new (const GstCaps *caps)
{
  GError *error = NULL;
  GstEffnetKeyframes *keyframes = gst_effnet_keyframes_new (caps, &error);

  g_assert_no_error (error);
  return keyframes;
}

static GstBuffer *
decode_units (GstEffnetDecoder *decoder, GstBufferList *units, GstEffnetFormat *format,
              GError **error)
{
  for (guint i = 0; i < gst_buffer_list_length (units); i++) {
    if (!gst_effnet_decoder_push (decoder, gst_buffer_list_get (units, i), error))
      return NULL;
  }
  return gst_effnet_decoder_finish (decoder, format, error);
}

/* Borrows, decodes, gives back. */
static char *
decode (const GstCaps *stream, const char *factory, GstBufferList *units, GstClockTime *pts)
{
  g_autoptr (GstCaps) caps = gst_effnet_decoder_caps_new (stream);
  GstEffnetDecoder *decoder;
  GstEffnetFormat format;
  GError *error = NULL;
  GstBuffer *picture;
  GstCaps *raw;
  char *sum;

  decoder = gst_effnet_decoder_borrow (caps, factory, &error);
  g_assert_no_error (error);
  picture = decode_units (decoder, units, &format, &error);
  g_assert_no_error (error);
  raw = gst_video_info_to_caps (&format.info);
  sum = picture_checksum (picture, raw);
  *pts = GST_BUFFER_PTS (picture);
  gst_caps_unref (raw);
  gst_buffer_unref (picture);
  gst_effnet_decoder_give_back (decoder);
  return sum;
}

/* Each picture that is said to decode alone does, to what the stream's decoder has there. */
static void
test_stream (gconstpointer data)
{
  const Stream *stream = data;
  g_autoptr (Coded) coded = NULL;
  g_autoptr (GstEffnetKeyframes) keyframes = NULL;
  GHashTable *pictures;
  guint n = 0;

  if (!coded_needs (stream->encoder, "avdec_h264", "avdec_h265", NULL))
    return;
  coded = coded_new (stream->line, 60, SIDE_X, SIDE_Y);
  pictures = coded_decode_all (coded, stream->decoder);
  keyframes = finder_new (coded->caps);
  gst_effnet_decoder_join ();
  for (guint i = 0; i < coded->units->len; i++) {
    GstBuffer *unit = g_ptr_array_index (coded->units, i);
    GstEffnetUnit kind = gst_effnet_keyframes_look (keyframes, unit);
    gboolean delta = GST_BUFFER_FLAG_IS_SET (unit, GST_BUFFER_FLAG_DELTA_UNIT);
    GstBufferList *units;
    GstClockTime pts;
    char *sum;

    g_test_message ("%s %u: %d%s", stream->name, i, (int)kind, delta ? "" : " (not a delta)");
    if (!stream->refresh)
      g_assert_true ((kind == GST_EFFNET_UNIT_KEY) == !delta);
    if (kind != GST_EFFNET_UNIT_KEY && kind != GST_EFFNET_UNIT_WHOLE)
      continue;
    units = gst_effnet_keyframes_take (keyframes, unit);
    g_assert_nonnull (units);
    g_assert_true ((gst_buffer_list_length (units) > 1) == (kind == GST_EFFNET_UNIT_WHOLE));
    sum = decode (coded->caps, NULL, units, &pts);
    g_assert_nonnull (coded_picture_at (pictures, pts));
    g_assert_cmpstr (sum, ==, coded_picture_at (pictures, pts));
    if (kind == GST_EFFNET_UNIT_KEY)
      g_assert_cmpuint (pts, ==, GST_BUFFER_PTS (unit));
    g_free (sum);
    gst_buffer_list_unref (units);
    n++;
  }
  g_assert_cmpuint (n, >=, stream->refresh ? 3 : 5);
  gst_effnet_decoder_leave ();
  g_hash_table_unref (pictures);
}

/* ---- one decoder, many streams --------------------------------------------------------------- */

#define PLAIN                                                                                      \
  X264 ("scenecut=0:bframes=0:repeat-headers=0")                                                   \
  "h264parse config-interval=0 ! video/x-h264,stream-format=avc,alignment=au"

static char *
decode_key (GstEffnetKeyframes *keyframes, const Coded *coded, guint i)
{
  GstBuffer *unit = g_ptr_array_index (coded->units, i);
  GstBufferList *units;
  GstClockTime pts;
  char *sum;

  g_assert_cmpint (gst_effnet_keyframes_look (keyframes, unit), ==, GST_EFFNET_UNIT_KEY);
  units = gst_effnet_keyframes_take (keyframes, unit);
  sum = decode (coded->caps, NULL, units, &pts);
  g_assert_cmpuint (pts, ==, GST_BUFFER_PTS (unit));
  gst_buffer_list_unref (units);
  return sum;
}

/* Streams of different sizes take turns in the same decoder, which makes no thread. */
static void
test_shared (void)
{
  static const int sides[][2] = {{320, 240}, {640, 360}, {176, 144}};
  Coded *coded[3];
  GHashTable *pictures[3];
  GstEffnetKeyframes *keyframes[3];
  guint threads = 0;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  for (guint s = 0; s < 3; s++) {
    coded[s] = coded_new (PLAIN, 31, sides[s][0], sides[s][1]);
    pictures[s] = coded_decode_all (coded[s], "h264parse ! avdec_h264 max-threads=1");
    keyframes[s] = finder_new (coded[s]->caps);
  }
  gst_effnet_decoder_join ();
  for (guint i = 0; i <= 30; i += 10) {
    for (guint s = 0; s < 3; s++) {
      char *sum = decode_key (keyframes[s], coded[s], i);
      GstBuffer *unit = g_ptr_array_index (coded[s]->units, i);

      g_assert_cmpstr (sum, ==, coded_picture_at (pictures[s], GST_BUFFER_PTS (unit)));
      g_free (sum);
      if (threads == 0)
        threads = count_threads ();
      g_assert_cmpuint (count_threads (), ==, threads);
    }
  }
  gst_effnet_decoder_leave ();
  for (guint s = 0; s < 3; s++) {
    gst_effnet_keyframes_free (keyframes[s]);
    g_hash_table_unref (pictures[s]);
    coded_free (coded[s]);
  }
}

/* Lent twice it is two, given back and lent again it is the same one. */
static void
test_lending (void)
{
  GstCaps *stream = gst_caps_from_string ("video/x-h264,stream-format=avc,alignment=au,width=64");
  GstCaps *caps = gst_effnet_decoder_caps_new (stream);
  GstEffnetDecoder *one, *two, *again;

  if (!coded_needs ("avdec_h264", NULL))
    goto out;
  gst_effnet_decoder_join ();
  one = gst_effnet_decoder_borrow (caps, "avdec_h264", NULL);
  two = gst_effnet_decoder_borrow (caps, "avdec_h264", NULL);
  g_assert_true (one != two);
  g_assert_cmpstr (gst_effnet_decoder_get_name (one), ==, "avdec_h264");
  gst_effnet_decoder_give_back (one);
  again = gst_effnet_decoder_borrow (caps, "avdec_h264", NULL);
  g_assert_true (again == one);
  gst_effnet_decoder_give_back (again);
  gst_effnet_decoder_leave ();        /* frees the first */
  gst_effnet_decoder_give_back (two); /* at once freed, since nobody is left */
out:
  gst_caps_unref (caps);
  gst_caps_unref (stream);
}

/* What nobody borrows is freed after a while, though nobody else gives one back. */
static void
test_idle (void)
{
  GstCaps *stream = gst_caps_from_string ("video/x-h264,stream-format=avc,alignment=au,width=64");
  GstCaps *caps = gst_effnet_decoder_caps_new (stream);

  if (coded_needs ("avdec_h264", NULL)) {
    gst_effnet_decoder_join ();
    for (guint turn = 0; turn < 2; turn++) {
      gst_effnet_decoder_give_back (gst_effnet_decoder_borrow (caps, NULL, NULL));
      g_assert_cmpuint (gst_effnet_decoder_count_idle (), ==, 1);
      for (guint i = 0; i < 1000 && gst_effnet_decoder_count_idle () > 0; i++)
        g_usleep (10000);
      g_assert_cmpuint (gst_effnet_decoder_count_idle (), ==, 0);
    }
    gst_effnet_decoder_give_back (gst_effnet_decoder_borrow (caps, NULL, NULL));
    gst_effnet_decoder_leave ();
    g_assert_cmpuint (gst_effnet_decoder_count_idle (), ==, 0);
  }
  gst_caps_unref (caps);
  gst_caps_unref (stream);
}

/* In the middle of a byte-stream the size changes; parameter sets come with it. */
static void
test_new_size (void)
{
  static const char line[] = X264 ("scenecut=0:bframes=0") "h264parse config-interval=-1 ! "
                                                           "video/x-h264,stream-format=byte-stream,"
                                                           "alignment=au";
  g_autoptr (GstEffnetKeyframes) keyframes = NULL;
  static const int sides[][2] = {{320, 240}, {128, 96}, {320, 240}};

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  gst_effnet_decoder_join ();
  for (guint s = 0; s < 3; s++) {
    g_autoptr (Coded) coded = coded_new (line, 11, sides[s][0], sides[s][1]);
    GHashTable *pictures = coded_decode_all (coded, "h264parse ! avdec_h264 max-threads=1");
    char *sum;

    gst_caps_set_simple (coded->caps, "width", G_TYPE_INT, 320, "height", G_TYPE_INT, 240, NULL);
    if (keyframes == NULL)
      keyframes = finder_new (coded->caps);
    sum = decode_key (keyframes, coded, 10);
    g_assert_cmpstr (
        sum, ==,
        coded_picture_at (pictures, GST_BUFFER_PTS ((GstBuffer *)coded->units->pdata[10])));
    g_free (sum);
    g_hash_table_unref (pictures);
  }
  gst_effnet_decoder_leave ();
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

/* Makes the slice's header unreadable. */
static void
spoil_slice (GstMapInfo *map)
{
  GstEffnetNalReader reader = {.data = map->data, .size = map->size, .length_size = 4};
  GstEffnetNal nal;

  while (gst_effnet_nal_next (&reader, &nal)) {
    if (gst_effnet_nal_get_kind (GST_EFFNET_CODEC_H264, &nal) == GST_EFFNET_NAL_SLICE)
      memset (map->data + (nal.data - map->data) + 1, 0, 8);
  }
}

/* A keyframe with bytes changed or missing is an error or a picture, since decoders conceal much,
 * and the next one is right. */
static void
test_damage (void)
{
  g_autoptr (Coded) coded = NULL;
  g_autoptr (GstEffnetKeyframes) keyframes = NULL;
  g_autoptr (GstCaps) caps = NULL;
  GRand *rand = g_rand_new_with_seed (7);
  guint n_failed = 0;
  char *right, *sum;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    goto out;
  coded = coded_new (PLAIN, 11, SIDE_X, SIDE_Y);
  keyframes = finder_new (coded->caps);
  caps = gst_effnet_decoder_caps_new (coded->caps);
  gst_effnet_decoder_join ();
  right = decode_key (keyframes, coded, 10);
  for (guint n = 0; n < 40; n++) {
    GstBuffer *unit = coded_copy_unit (coded, 10);
    GstBufferList *units;
    GstMapInfo map;

    gst_buffer_map (unit, &map, GST_MAP_READWRITE);
    if (n % 4 == 0)
      spoil_slice (&map);
    for (guint i = 0; n % 4 != 0 && i < 50; i++)
      map.data[g_rand_int_range (rand, 40, (int)map.size)] = (guint8)g_rand_int (rand);
    gst_buffer_unmap (unit, &map);
    if (n % 2 == 1)
      gst_buffer_set_size (unit, g_rand_int_range (rand, 40, (int)map.size));
    gst_effnet_keyframes_look (keyframes, unit);
    units = gst_effnet_keyframes_take (keyframes, unit);
    if (units != NULL) {
      GstEffnetDecoder *decoder = gst_effnet_decoder_borrow (caps, NULL, NULL);
      GstEffnetFormat format;
      GError *error = NULL;
      GstBuffer *picture = decode_units (decoder, units, &format, &error);

      g_assert_true ((picture == NULL) == (error != NULL));
      if (picture == NULL)
        g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
      n_failed += picture == NULL;
      g_clear_error (&error);
      gst_clear_buffer (&picture);
      gst_buffer_list_unref (units);
      gst_effnet_decoder_give_back (decoder);
    }
    gst_buffer_unref (unit);
    sum = decode_key (keyframes, coded, 10);
    g_assert_cmpstr (sum, ==, right);
    g_free (sum);
  }
  g_assert_cmpuint (n_failed, >=, 10);
  gst_effnet_decoder_leave ();
  g_free (right);
out:
  g_rand_free (rand);
}

static void
expect_error (GError *error, EffnetError code, const char *word)
{
  g_assert_error (error, EFFNET_ERROR, (int)code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, word));
  g_error_free (error);
}

static void
test_no_decoder (void)
{
  GstCaps *stream = gst_caps_from_string ("video/x-h265,stream-format=hvc1,alignment=au");
  GstCaps *caps = gst_effnet_decoder_caps_new (stream);
  GList *all =
      gst_element_factory_list_get_elements (GST_ELEMENT_FACTORY_TYPE_DECODER, GST_RANK_NONE + 1);
  GArray *ranks = g_array_new (FALSE, FALSE, sizeof (guint));
  GError *error = NULL;
  guint i = 0;

  g_assert_null (gst_effnet_decoder_borrow (caps, "nosuchdec", &error));
  expect_error (g_steal_pointer (&error), EFFNET_ERROR_UNSUPPORTED, "nosuchdec");
  g_assert_null (gst_effnet_decoder_borrow (caps, "identity", &error));
  expect_error (g_steal_pointer (&error), EFFNET_ERROR_UNSUPPORTED, "does not decode H.265");
  for (GList *l = all; l != NULL; l = l->next) {
    guint rank = gst_plugin_feature_get_rank (l->data);

    g_array_append_val (ranks, rank);
    gst_plugin_feature_set_rank (l->data, GST_RANK_NONE);
  }
  g_assert_false (gst_effnet_codec_has_decoder (GST_EFFNET_CODEC_H265, NULL, &error));
  expect_error (g_steal_pointer (&error), EFFNET_ERROR_UNSUPPORTED, "gstreamer1.0-libav");
  for (GList *l = all; l != NULL; l = l->next)
    gst_plugin_feature_set_rank (l->data, g_array_index (ranks, guint, i++));
  g_array_unref (ranks);
  gst_plugin_feature_list_free (all);
  gst_caps_unref (caps);
  gst_caps_unref (stream);
}

/* codec_data that ends anywhere is taken or refused; none at all is refused. */
static void
test_codec_data (void)
{
  static const guint8 avcc[] = {1,    0x42, 0, 0x1e, 0xff, 0xe1, 0,    6,    0x67, 0x42, 0,
                                0x1e, 0xf0, 0, 1,    0,    4,    0x68, 0xce, 0x38, 0x80};
  GError *error = NULL;
  GstCaps *caps = gst_caps_from_string ("video/x-h264,stream-format=avc,alignment=au");

  g_assert_null (gst_effnet_keyframes_new (caps, &error));
  expect_error (g_steal_pointer (&error), EFFNET_ERROR_FORMAT, "h264parse");
  for (gsize n = 1; n <= sizeof avcc; n++) {
    GstBuffer *data = gst_buffer_new_memdup (avcc, n);
    GstEffnetKeyframes *keyframes;

    gst_caps_set_simple (caps, "codec_data", GST_TYPE_BUFFER, data, NULL);
    keyframes = gst_effnet_keyframes_new (caps, &error);
    g_assert_true ((keyframes != NULL) == (n == sizeof avcc));
    g_clear_error (&error);
    g_clear_pointer (&keyframes, gst_effnet_keyframes_free);
    gst_buffer_unref (data);
  }
  gst_caps_unref (caps);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/decoder/shared", test_shared);
  g_test_add_func ("/decoder/lending", test_lending);
  g_test_add_func ("/decoder/idle", test_idle);
  g_test_add_func ("/decoder/new-size", test_new_size);
  g_test_add_func ("/decoder/damage", test_damage);
  g_test_add_func ("/decoder/none", test_no_decoder);
  g_test_add_func ("/decoder/codec-data", test_codec_data);
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++) {
    g_autofree char *path = g_strdup_printf ("/decoder/stream/%s", streams[i].name);

    g_test_add_data_func (path, &streams[i], test_stream);
  }
  return g_test_run ();
}
