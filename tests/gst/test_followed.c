/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What of compressed video is classified beyond its keyframes' turn: triggers, the camera's health,
 * regions that are tracked, a candidate model. The pictures are only known when they are decoded.
 */
#include "coded.h"
#include "common.h"

#include <gst/video/video.h>

#define X264   "x264enc key-int-max=10 bitrate=800 option-string=\"scenecut=0:bframes=0%s\" ! "
#define PARSED "h264parse ! video/x-h264,stream-format=avc,alignment=au"

static Coded *
clip_new (const char *options, int frames)
{
  g_autofree char *line = g_strdup_printf (X264 PARSED, options);

  return coded_new (line, frames, 320, 240);
}

/* @first, ...: names of properties, each with a number */
static GstHarness *
coded_harness (const Coded *coded, const char *first, ...)
{
  GstHarness *h = harness_new ("inference-mode", MODE_SYNC, NULL);
  va_list more;

  gst_element_set_state (h->element, GST_STATE_READY);
  va_start (more, first);
  for (const char *name = first; name != NULL; name = va_arg (more, const char *))
    g_object_set (h->element, name, va_arg (more, int), NULL);
  va_end (more);
  gst_harness_play (h);
  gst_harness_set_src_caps (h, gst_caps_ref (coded->caps));
  return h;
}

/* The access unit @i again, at @seconds. */
static GstBuffer *
unit_at (const Coded *coded, guint i, guint seconds)
{
  GstBuffer *unit = coded_copy_unit (coded, i);

  GST_BUFFER_PTS (unit) = GST_BUFFER_DTS (unit) = seconds * GST_SECOND;
  return unit;
}

static gboolean
push_at (GstHarness *h, const Coded *coded, guint i, guint seconds)
{
  GstBuffer *out = push_pull (h, unit_at (coded, i, seconds));
  gboolean fresh = result_boolean (result_of (out), "fresh");

  gst_buffer_unref (out);
  return fresh;
}

#define TRIGGER_MOTION 2

/* The same keyframe again is no motion, another one is. */
static void
test_trigger (gconstpointer region)
{
  g_autoptr (Coded) coded = NULL;
  GstHarness *h;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = clip_new ("", 21);
  h = coded_harness (coded, "trigger", TRIGGER_MOTION, "inference-region", GPOINTER_TO_INT (region),
                     NULL);
  g_object_set (h->element, "regions", "gate:0,0,0.5,1", NULL);
  g_assert_true (push_at (h, coded, 0, 0));
  for (guint i = 1; i < 4; i++)
    g_assert_false (push_at (h, coded, 0, i));
  g_assert_true (push_at (h, coded, 20, 4));
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 2);
  g_assert_cmpuint (harness_stat (h, "skipped-trigger"), ==, 3);
  harness_count_messages (h, GST_MESSAGE_WARNING); /* of regions that are not asked for */
  harness_free (h);
}

/* A camera that sends the same keyframe for more than five seconds is frozen, until it is not. */
static void
test_frozen (void)
{
  g_autoptr (Coded) coded = NULL;
  guint n_frozen = 0, n_all = 0;
  GstMessage *message;
  GstHarness *h;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = clip_new ("", 21);
  h = coded_harness (coded, "post-messages", 1, NULL);
  for (guint i = 0; i < 5; i++)
    push_at (h, coded, 0, 2 * i);
  push_at (h, coded, 20, 10);
  while ((message = harness_pop_message (h, GST_MESSAGE_ELEMENT)) != NULL) {
    const GstStructure *s = gst_message_get_structure (message);

    if (gst_structure_has_name (s, "effnetclassify-scene")) {
      n_frozen += result_boolean (s, "frozen");
      n_all++;
    }
    gst_message_unref (message);
  }
  g_assert_cmpuint (n_frozen, ==, 1);
  g_assert_cmpuint (n_all, ==, 2);
  harness_free (h);
}

/* Whoever numbers objects puts the regions on access units: a region is classified every 25 of
 * them, a new one at once. */
static void
test_tracked (gconstpointer mode)
{
  g_autoptr (Coded) coded = NULL;
  GstHarness *h;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = clip_new ("", 51);
  h = coded_harness (coded, "inference-region", ROI_LIST, "reclassify-interval", 25,
                     "inference-mode", GPOINTER_TO_INT (mode), NULL);
  for (guint i = 0; i < coded->units->len; i++) {
    GstBuffer *unit = coded_copy_unit (coded, i), *out;
    guint n_regions = i < 20 ? 1 : 2;

    for (guint id = 0; id < n_regions; id++)
      gst_buffer_add_video_region_of_interest_meta (unit, "car", id * 100, 50, 120, 120)->id =
          (int)id + 7;
    out = push_pull (h, unit);
    if (GPOINTER_TO_INT (mode) == MODE_SYNC) {
      if (i % 10 == 0)
        g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, n_regions);
      if (i == 10)
        g_assert_false (result_boolean (result_of (out), "fresh"));
    } else if (i % 10 == 0) {
      g_usleep (200000);
    }
    gst_buffer_unref (out);
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  /* the first at 0 and 30, the second at 20 and 50 */
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 4);
  g_assert_cmpuint (harness_stat (h, "skipped-tracked"), ==, 2);
  harness_free (h);
}

/* decode-frames=all: after a burst of pictures, most of which find no room, the last one has a
 * result, whether the stream ends there or just pauses. */
static void
test_burst (gconstpointer ends)
{
  g_autoptr (Coded) coded = NULL;
  GstClockTime last, told = GST_CLOCK_TIME_NONE;
  GstMessage *message;
  GstHarness *h;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = clip_new ("", 25);
  last = GST_BUFFER_PTS ((GstBuffer *)g_ptr_array_index (coded->units, 24));
  h = coded_harness (coded, "decode-frames", 1, "inference-mode", MODE_ASYNC, "post-messages", 2,
                     NULL);
  for (guint i = 0; i < coded->units->len; i++)
    gst_buffer_unref (push_pull (h, coded_copy_unit (coded, i)));
  if (ends != NULL)
    gst_harness_push_event (h, gst_event_new_eos ());
  for (guint i = 0; i < (ends != NULL ? 1 : 1000) && told != last; i++) {
    while ((message = harness_pop_message (h, GST_MESSAGE_ELEMENT)) != NULL) {
      told = result_uint64 (gst_message_get_structure (message), "result-pts");
      gst_message_unref (message);
    }
    g_usleep (10000);
  }
  g_assert_cmpuint (told, ==, last);
  g_assert_cmpuint (harness_stat (h, "frames"), ==,
                    harness_stat (h, "inferences") + harness_stat (h, "skipped-busy"));
  harness_free (h);
}

typedef struct {
  const char *name, *options;
  int all;
} Shadowed;

static const Shadowed shadowed[] = {
    {"keyframes", "", 0},
    {"all", "", 1},
    {"refresh", ":intra-refresh=1", 0},
};

/* The candidate sees the pictures that the model in use sees: the same model agrees every time. */
static void
test_shadow (gconstpointer data)
{
  const Shadowed *s = data;
  g_autoptr (Coded) coded = NULL;
  g_autofree char *model = source_path ("models/lite0");
  GstStructure *stats = NULL;
  guint64 compared = 0;
  double distance = 1.0;
  GstHarness *h;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = clip_new (s->options, 31);
  h = coded_harness (coded, "decode-frames", s->all, "shadow-interval", 1, NULL);
  g_object_set (h->element, "shadow-model", model, NULL);
  for (guint turn = 0; turn < 200 && compared < 5; turn++) {
    for (guint i = 0; i < coded->units->len; i++)
      gst_buffer_unref (push_pull (h, coded_copy_unit (coded, i)));
    compared = harness_stat (h, "shadow-compared");
  }
  g_assert_cmpuint (compared, >=, 5);
  g_assert_cmpuint (harness_stat (h, "shadow-agreed"), ==, compared);
  g_object_get (h->element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_double (stats, "shadow-distance", &distance));
  g_assert_cmpfloat (distance, <, 1e-9);
  gst_structure_free (stats);
  harness_count_messages (h, GST_MESSAGE_INFO); /* that the stream is refreshed */
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_data_func ("/followed/trigger/full-frame", GINT_TO_POINTER (FULL_FRAME), test_trigger);
  g_test_add_data_func ("/followed/trigger/regions", GINT_TO_POINTER (REGIONS), test_trigger);
  g_test_add_func ("/followed/frozen", test_frozen);
  g_test_add_data_func ("/followed/tracked/sync", GINT_TO_POINTER (MODE_SYNC), test_tracked);
  g_test_add_data_func ("/followed/tracked/async", GINT_TO_POINTER (MODE_ASYNC), test_tracked);
  g_test_add_data_func ("/followed/burst/pause", NULL, test_burst);
  g_test_add_data_func ("/followed/burst/end", "end", test_burst);
  for (guint i = 0; i < G_N_ELEMENTS (shadowed); i++) {
    g_autofree char *path = g_strdup_printf ("/followed/shadow/%s", shadowed[i].name);

    g_test_add_data_func (path, &shadowed[i], test_shadow);
  }
  return g_test_run ();
}
