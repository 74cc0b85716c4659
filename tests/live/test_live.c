/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cameras with a model that takes several frames' time, beside the same pipeline with identity in
 * the element's place, at the same time: every frame arrives, in order and as it was, without
 * delay; a sink that is strict about time drops none for the element's sake; and each result is,
 * bit for bit, that of the frame it says it is of. */
#include "watch.h"

#include "../gst/common.h"

#define WIDTH  320
#define HEIGHT 240
#define TRIES  5

typedef struct {
  const char *name;
  const char *line; /* from the caps behind the source to the element */
  const char *sink;
  guint fps, frames;
  gboolean strict_sink; /* it drops what is late */
} Camera;

static const char decoded[] =
    "x264enc pass=quant quantizer=0 tune=zerolatency speed-preset=ultrafast key-int-max=30 ! "
    "h264parse ! avdec_h264 max-threads=1 ! video/x-raw,format=I420 !";

static const Camera cameras[] = {
    {"raw", "", "sync=false", 60, 360, FALSE},
    {"raw-strict-sink", "", "sync=true qos=true max-lateness=5000000", 60, 360, TRUE},
    {"h264", decoded, "sync=false", 30, 180, FALSE},
    {"h264-strict-sink", decoded, "sync=true qos=true max-lateness=5000000", 30, 180, TRUE},
};

static char *folder;     /* of the slow model */
static Counter *counter; /* which knows its results */

static void
start (Watch *watch, const Camera *camera, const char *element)
{
  char *line = g_strdup_printf (
      "videotestsrc name=src pattern=black ! video/x-raw,format=I420,width=%d,height=%d,"
      "framerate=%u/1 ! %s %s ! fakesink name=sink %s",
      WIDTH, HEIGHT, camera->fps, camera->line, element, camera->sink);

  *watch = (Watch){.counter = counter, .fps = camera->fps, .frames = camera->frames};
  watch_start (watch, line);
  g_free (line);
}

static void
report (const char *name, const Watch *watch)
{
  g_test_message (
      "%s: %u frames, %" G_GUINT64_FORMAT " rendered, %" G_GUINT64_FORMAT
      " dropped, median lag %" G_GINT64_FORMAT " us, %u results, %u fresh, %u before the "
      "first, %" G_GINT64_FORMAT " kB grown",
      name, watch->arrived, watch->rendered, watch->dropped,
      watch_median_lag (watch, watch->arrived * 2 / 3) / 1000, watch->claims->len, watch->fresh,
      watch->before, ((gint64)watch->resident - (gint64)watch->settled) / 1024);
}

/* What holds however busy the machine is. A strict sink's word makes a decoder drop frames. */
static void
assert_true_to_the_stream (const Camera *camera, const Watch *watch)
{
  if (!camera->strict_sink)
    g_assert_cmpuint (watch->arrived, ==, watch->frames);
  g_assert_cmpuint (watch->out_of_order, ==, 0);
  g_assert_cmpuint (watch->other_picture, ==, 0);
}

static void
assert_true_results (const Watch *watch)
{
  g_test_message ("age: median %" G_GUINT64_FORMAT " ms, 95 of 100 under %" G_GUINT64_FORMAT " ms",
                  watch_age (watch, 0.5) / 1000000, watch_age (watch, 0.95) / 1000000);
  g_assert_cmpuint (watch->claims->len, >=, 3);
  g_assert_cmpuint (watch->without, ==, 0);
  g_assert_cmpuint (watch->wrong_age, ==, 0);
  g_assert_cmpuint (watch->backwards, ==, 0);
  for (guint i = 0; i < watch->claims->len; i++) {
    const Claim *claim = &g_array_index (watch->claims, Claim, i);

    if (!counter_check (counter, claim->frame, claim->result)) {
      char *text = gst_structure_to_string (claim->result);

      g_error ("not the result of frame %" G_GUINT64_FORMAT ": %s", claim->frame, text);
    }
  }
}

/* What a busy machine may spoil: FALSE. A late frame that identity's decoder drops is dropped by
 * this sink, so that those on the screen are counted. */
static gboolean
is_undisturbed (const Camera *camera, const Watch *watch, const Watch *beside)
{
  GstClockTimeDiff allowed = 2 * GST_SECOND / camera->fps;
  guint late = camera->frames * 2 / 3;

  return MIN (watch->arrived, beside->arrived) > late &&
         watch_median_lag (watch, late) <= watch_median_lag (beside, late) + allowed &&
         watch->rendered >= beside->rendered &&
         watch->resident < MAX (watch->settled, beside->settled) + (8u << 20);
}

static void
test_camera (gconstpointer data)
{
  const Camera *camera = data;
  gboolean good = FALSE;
  char *element;

  element = g_strdup_printf ("effnetclassify precision=fp32 model-file=%s", folder);
  for (int i = 0; i < TRIES && !good; i++) {
    Watch watch, beside;

    start (&watch, camera, element);
    start (&beside, camera, "identity");
    watch_finish (&beside);
    watch_finish (&watch);
    report ("identity", &beside);
    report ("effnetclassify", &watch);
    assert_true_to_the_stream (camera, &beside);
    assert_true_to_the_stream (camera, &watch);
    assert_true_results (&watch);
    good = is_undisturbed (camera, &watch, &beside);
    watch_clear (&watch);
    watch_clear (&beside);
  }
  g_assert_true (good);
  g_free (element);
}

/* ---- stopping -------------------------------------------------------------------------------- */

typedef enum { TO_NULL, TO_READY, FLUSHING_SEEK } How;

typedef struct {
  const char *name, *source, *element;
  How how;
} Stop;

static const char live[] = "videotestsrc is-live=true", file[] = "videotestsrc";
static const Stop stops[] = {
    {"live/null", live, "", TO_NULL},
    {"live/ready", live, "", TO_READY},
    {"live/seek", live, "", FLUSHING_SEEK},
    {"file/null", file, "", TO_NULL},
    {"file/ready", file, "", TO_READY},
    {"file/seek", file, "", FLUSHING_SEEK},
    {"delayed/null", live, "inference-mode=delayed", TO_NULL},
    {"delayed/ready", live, "inference-mode=delayed", TO_READY},
    {"delayed/seek", live, "inference-mode=delayed", FLUSHING_SEEK},
};

/* Of whole frames, so that one after the other takes the network's full time. */
static char *
many_parts (void)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < 300; i++)
    g_string_append_printf (text, "%sr%d:0,0,1,1", i > 0 ? ";" : "", i);
  return g_string_free (text, FALSE);
}

/* In the middle of the first frame's parts; microseconds. */
static gint64
stop_once (const Stop *stop)
{
  char *parts = many_parts (),
       *line = g_strdup_printf (
           "%s ! video/x-raw,format=I420,width=640,height=480,framerate=30/1 ! effnetclassify "
           "precision=fp32 model-file=%s inference-region=regions regions=\"%s\" %s ! fakesink "
           "sync=false async=false",
           stop->source, folder, parts, stop->element);
  GstElement *pipeline = gst_parse_launch (line, NULL);
  gint64 us;

  g_assert_nonnull (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_usleep (700000);
  us = -g_get_monotonic_time ();
  if (stop->how == FLUSHING_SEEK)
    g_assert_true (gst_element_seek_simple (pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
  else
    gst_element_set_state (pipeline, stop->how == TO_NULL ? GST_STATE_NULL : GST_STATE_READY);
  us += g_get_monotonic_time ();
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_free (line);
  g_free (parts);
  return us;
}

/* The best of a few, since others use the CPUs, too. */
static void
test_stop (gconstpointer data)
{
  const Stop *stop = data;
  gint64 limit = g_getenv ("ASAN_OPTIONS") != NULL ? G_USEC_PER_SEC : 50000, us = limit;

  for (int i = 0; i < 5 && us >= limit; i++) {
    us = stop_once (stop);
    g_test_message ("%d us", (int)us);
  }
  g_assert_cmpint (us, <, limit);
}

int
main (int argc, char **argv)
{
  int result;

  test_init (&argc, &argv);
  folder = model_make ("b4", 10);
  counter = counter_new (WIDTH, HEIGHT, folder);
  for (guint i = 0; i < G_N_ELEMENTS (cameras); i++) {
    char *path = g_strconcat ("/live/camera/", cameras[i].name, NULL);

    g_test_add_data_func (path, cameras + i, test_camera);
    g_free (path);
  }
  for (guint i = 0; i < G_N_ELEMENTS (stops); i++) {
    char *path = g_strconcat ("/live/stop/", stops[i].name, NULL);

    g_test_add_data_func (path, stops + i, test_stop);
    g_free (path);
  }
  result = g_test_run ();
  counter_free (counter);
  model_remove (folder);
  return result;
}
