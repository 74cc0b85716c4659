/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-soak [SECONDS [STREAMS]]: live streams of mixed formats and sizes in one process on one
 * model, more of them than it can follow, for a while (half a minute at least). Memory and threads
 * stay, each stream gets its share, and one that is killed and made anew every two seconds disturbs
 * nobody. */
#include "../gst/common.h"

#include <stdlib.h>

#define ROUND 2 /* seconds between two looks; a stream lives as long */

typedef struct {
  GstElement *pipeline, *element;
  guint arrived, last_arrived;
  guint64 last_inferences;
  gint64 last_time, longest_gap; /* us, between two buffers at the sink */
  guint64 total;                 /* inferences since the first look */
} Stream;

/* One look at the process. */
typedef struct {
  double seconds, megabytes;
  guint threads;
} Look;

static const char *const cameras[] = {
    "video/x-raw,format=NV12,width=640,height=480,framerate=15/1",
    "video/x-raw,format=I420,width=322,height=242,framerate=25/1",
    "video/x-raw,format=YUY2,width=640,height=360,framerate=15/1",
    "video/x-raw,format=RGB,width=320,height=240,framerate=30/1",
    "video/x-raw,format=I420,width=320,height=240,framerate=15/1 ! jpegenc",
    "video/x-raw,format=GRAY8,width=800,height=600,framerate=15/1",
};
static const char compressed[] =
    "video/x-raw,format=I420,width=320,height=240,framerate=15/1 ! x264enc "
    "tune=zerolatency speed-preset=ultrafast key-int-max=15 ! h264parse ! "
    "video/x-h264,alignment=au";

static guint seconds = 60, n_streams = 16;

static GstPadProbeReturn
on_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Stream *stream = user_data;
  gint64 now = g_get_monotonic_time ();

  (void)pad, (void)info;
  if (stream->last_time > 0)
    stream->longest_gap = MAX (stream->longest_gap, now - stream->last_time);
  stream->last_time = now;
  g_atomic_int_inc (&stream->arrived);
  return GST_PAD_PROBE_OK;
}

/* A compressed stream is classified at its keyframes only: it asks for less than its share. */
static gboolean
is_compressed (guint i)
{
  return i % 8 == 7;
}

static void
start (Stream *stream, guint i)
{
  char *line = g_strdup_printf (
      "videotestsrc is-live=true pattern=%s ! %s ! effnetclassify name=e post-messages=none ! "
      "fakesink name=sink sync=true async=false",
      i % 2 ? "black" : "white",
      is_compressed (i) ? compressed : cameras[i % G_N_ELEMENTS (cameras)]);
  GError *error = NULL;
  GstElement *sink;
  GstPad *pad;

  stream->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  stream->element = gst_bin_get_by_name (GST_BIN (stream->pipeline), "e");
  sink = gst_bin_get_by_name (GST_BIN (stream->pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, stream, NULL);
  gst_object_unref (pad);
  gst_object_unref (sink);
  stream->last_time = 0;
  stream->last_inferences = 0;
  g_assert_cmpint (gst_element_set_state (stream->pipeline, GST_STATE_PLAYING), !=,
                   GST_STATE_CHANGE_FAILURE);
  g_free (line);
}

static void
assert_no_complaint (Stream *stream)
{
  GstBus *bus = gst_element_get_bus (stream->pipeline);
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
  GError *error = NULL;

  if (message != NULL && GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else if (message != NULL)
    gst_message_parse_warning (message, &error, NULL);
  g_assert_no_error (error);
  gst_bus_set_flushing (bus, TRUE);
  gst_bus_set_flushing (bus, FALSE);
  gst_object_unref (bus);
}

static void
stop (Stream *stream)
{
  assert_no_complaint (stream);
  gst_element_set_state (stream->pipeline, GST_STATE_NULL);
  gst_object_unref (stream->element);
  gst_object_unref (stream->pipeline);
}

/* What each of the streams but the first, which is killed, got since the last look. */
static void
look_at_shares (Stream *streams)
{
  for (guint i = 1; i < n_streams; i++) {
    guint64 now = element_stat (streams[i].element, "inferences");

    streams[i].total += now - streams[i].last_inferences;
    streams[i].last_inferences = now;
  }
}

/* Least squares; megabytes a minute, of the second half: the allocator's arenas have grown by then.
 */
static double
slope (const GArray *looks)
{
  double n = 0, t = 0, m = 0, tt = 0, tm = 0;

  for (guint i = looks->len / 2; i < looks->len; i++) {
    const Look *look = &g_array_index (looks, Look, i);

    n++;
    t += look->seconds;
    m += look->megabytes;
    tt += look->seconds * look->seconds;
    tm += look->seconds * look->megabytes;
  }
  return 60.0 * (n * tm - t * m) / (n * tt - t * t);
}

/* The least that a stream got over what the mean did, or over its frames where those are fewer;
 * compressed ones are left out. @mean: that many inferences. */
static double
fairness (Stream *streams, double *mean)
{
  double sum = 0.0, least = G_MAXDOUBLE;
  guint n = 0;

  for (guint i = 1; i < n_streams; i++) {
    if (is_compressed (i))
      continue;
    sum += (double)streams[i].total;
    n++;
  }
  *mean = MAX (sum, 1.0) / n;
  for (guint i = 1; i < n_streams; i++)
    if (!is_compressed (i))
      least = MIN (least, (double)streams[i].total /
                              MIN (*mean, MAX (1, g_atomic_int_get ((int *)&streams[i].arrived))));
  return least;
}

static void
look_at_arrivals (Stream *streams)
{
  for (guint i = 1; i < n_streams; i++) {
    guint arrived = (guint)g_atomic_int_get ((int *)&streams[i].arrived);

    assert_no_complaint (streams + i);
    if (arrived == streams[i].last_arrived)
      g_test_message ("stream %u: nothing arrived in this round", i);
    streams[i].last_arrived = arrived;
  }
}

static void
assert_steady (const GArray *looks, Stream *streams)
{
  const Look *third = &g_array_index (looks, Look, looks->len / 3),
             *last = &g_array_index (looks, Look, looks->len - 1);
  gint64 now = g_get_monotonic_time (), longest = 0;
  double mean, share = fairness (streams, &mean);
  guint threads = last->threads; /* the fewest of a while: what leaks stays */

  g_assert_cmpuint (looks->len, >=, 6);
  for (guint i = MAX (looks->len - 5, looks->len / 3 + 1); i < looks->len; i++)
    threads = MIN (threads, g_array_index (looks, Look, i).threads);
  for (guint i = 1; i < n_streams; i++)
    longest = MAX (longest, MAX (streams[i].longest_gap, now - streams[i].last_time));
  g_test_message (
      "%u streams: %.1f MB, slope %+.2f MB a minute; %u threads, at the end %u; fairness "
      "%.2f of %.0f inferences; longest gap %d ms",
      n_streams, last->megabytes, slope (looks), third->threads, last->threads, share, mean,
      (int)(longest / 1000));
  g_assert_cmpuint (threads, <=, third->threads + 2); /* GStreamer's own come and go */
  g_assert_cmpfloat (last->megabytes - third->megabytes, <, 4.0 + n_streams / 4.0);
  g_assert_cmpfloat (share, >=, 0.9 - 1.0 / mean); /* nobody has half an inference */
  g_assert_cmpint (longest, <, 5 * G_USEC_PER_SEC);
}

static void
test_soak (void)
{
  Stream *streams = g_new0 (Stream, n_streams);
  GArray *looks = g_array_new (FALSE, FALSE, sizeof (Look));
  gint64 began;

  for (guint i = 0; i < n_streams; i++)
    start (streams + i, i);
  g_usleep (3 * G_USEC_PER_SEC);
  look_at_shares (streams);
  for (guint i = 0; i < n_streams; i++) {
    streams[i].total = 0;
    streams[i].last_arrived = 0;
    g_atomic_int_set ((int *)&streams[i].arrived, 0);
  }
  began = g_get_monotonic_time ();
  while (g_get_monotonic_time () - began < seconds * G_USEC_PER_SEC) {
    Look look;

    stop (streams);
    start (streams, 0);
    g_usleep (ROUND * G_USEC_PER_SEC);
    look.seconds = (double)(g_get_monotonic_time () - began) / G_USEC_PER_SEC;
    look.megabytes = (double)resident_bytes () / (1 << 20);
    look.threads = count_threads ();
    look_at_shares (streams);
    g_array_append_val (looks, look);
    look_at_arrivals (streams);
    g_test_message ("%5.1f s: %.1f MB, %u threads", look.seconds, look.megabytes, look.threads);
  }
  assert_steady (looks, streams);
  for (guint i = 0; i < n_streams; i++)
    stop (streams + i);
  g_array_unref (looks);
  g_free (streams);
}

int
main (int argc, char **argv)
{
  if (argc > 1 && g_ascii_isdigit (*argv[1])) {
    seconds = (guint)atoi (argv[1]);
    if (argc > 2 && g_ascii_isdigit (*argv[2]))
      n_streams = (guint)atoi (argv[2]);
  }
  test_init (&argc, &argv);
  g_test_add_func ("/live/soak", test_soak);
  return g_test_run ();
}
