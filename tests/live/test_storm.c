/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-storm [SEQUENCES [FIRST]]: sequences of what an application may do to a pipeline in any
 * order: states, seeks, flushes, caps, every property, models that are swapped, branches that come
 * and go. Each is seeded with its number. Nothing hangs, nothing is critical, an error is a
 * sentence about a setting, and afterwards the element starts again with the defaults. STORM_TRACE
 * in the environment prints each step. */
#include "counter.h"
#include "settings.h"

#include "../gst/common.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE 60 /* seconds, which no step takes on the busiest machine */

typedef struct {
  Settings settings;
  GstElement *pipeline, *element, *tee;
  GPtrArray *branches; /* of GstElement: bins behind the tee */
  GstCaps *caps;
} Storm;

static char *small_model; /* beside the default one, to swap with */
static char *folder;      /* for what is taught and saved */

static const char camera_line[] = "videotestsrc is-live=true ! capsfilter name=caps "
                                  "caps=video/x-raw,width=160,height=120,framerate=30/1 ! ",
                  file_line[] = "videotestsrc num-buffers=300 ! capsfilter name=caps "
                                "caps=video/x-raw,width=160,height=120,framerate=30/1 ! ",
                  jpeg_line[] = "videotestsrc is-live=true ! "
                                "video/x-raw,width=160,height=120,framerate=30/1 ! jpegenc ! ",
                  clip_line[] = "filesrc name=clip ! matroskademux ! vp8dec ! ",
                  h264_line[] =
                      "videotestsrc is-live=true ! "
                      "video/x-raw,width=160,height=120,framerate=30/1 ! x264enc "
                      "tune=zerolatency speed-preset=ultrafast key-int-max=5 ! h264parse ! "
                      "video/x-h264,alignment=au ! ",
                  tee_line[] = "videotestsrc is-live=true ! capsfilter name=caps "
                               "caps=video/x-raw,width=64,height=48,framerate=60/1 ! tee name=tee "
                               "allow-not-linked=true tee. ! queue leaky=downstream ! ";
static const char *const sinks[] = {
    "fakesink sync=true", "fakesink sync=false",
    "queue ! fakesink sync=true qos=true max-lateness=0",
    "queue leaky=upstream ! fakesink sync=true throttle-time=50000000"};

/* ---- the watchdog ---------------------------------------------------------------------------- */

static GMutex lock;
static GCond changed;
static char *step; /* that runs; NULL at the end */
static gint64 began;
static gboolean trace;

static void
enter (guint sequence, const char *what)
{
  g_mutex_lock (&lock);
  g_free (step);
  step = g_strdup_printf ("sequence %u: %s", sequence, what);
  began = g_get_monotonic_time ();
  g_mutex_unlock (&lock);
  if (trace)
    g_printerr ("%s\n", step);
}

static gpointer
watch (gpointer data)
{
  (void)data;
  g_mutex_lock (&lock);
  while (step != NULL) {
    g_cond_wait_until (&changed, &lock, g_get_monotonic_time () + G_USEC_PER_SEC);
    if (step != NULL && g_get_monotonic_time () - began > PATIENCE * G_USEC_PER_SEC)
      g_error ("hangs in %s", step);
  }
  g_mutex_unlock (&lock);
  return NULL;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int
roll (const Storm *self, int n)
{
  return g_rand_int_range (self->settings.rand, 0, n);
}

static GstPadProbeReturn
add_rois (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstBuffer *buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
  guint64 n = GST_BUFFER_OFFSET (buffer);

  (void)pad, (void)user_data;
  for (guint i = 0; i < n % 4; i++)
    gst_buffer_add_video_region_of_interest_meta (buffer, i % 2 ? "face" : "car", i * 20, i * 10,
                                                  40, 30)
        ->id = (int)i;
  GST_PAD_PROBE_INFO_DATA (info) = buffer;
  return GST_PAD_PROBE_OK;
}

static void
change_state (Storm *self)
{
  static const GstState states[] = {GST_STATE_PLAYING, GST_STATE_PLAYING, GST_STATE_PLAYING,
                                    GST_STATE_PAUSED,  GST_STATE_READY,   GST_STATE_NULL};

  gst_element_set_state (self->pipeline, states[roll (self, G_N_ELEMENTS (states))]);
}

/* Without a flush a seek waits for a sink that waits to play: with any element. */
static void
seek (Storm *self)
{
  static const double rates[] = {1.0, 2.0, -1.0, 0.5};

  gst_element_seek (self->pipeline, rates[roll (self, G_N_ELEMENTS (rates))], GST_FORMAT_TIME,
                    GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, roll (self, 2000) * GST_MSECOND,
                    GST_SEEK_TYPE_SET, 5 * GST_SECOND);
}

/* As an element upstream may: nothing flows until the segment is there again. */
static void
flush (Storm *self)
{
  GstPad *pad = gst_element_get_static_pad (self->element, "sink");
  GstEvent *segment = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);

  if (segment != NULL) {
    gst_pad_send_event (pad, gst_event_new_flush_start ());
    if (roll (self, 2))
      g_usleep ((gulong)roll (self, 5000));
    GST_PAD_STREAM_LOCK (pad);
    gst_pad_send_event (pad, gst_event_new_flush_stop (roll (self, 2)));
    gst_pad_send_event (pad, segment);
    GST_PAD_STREAM_UNLOCK (pad);
  }
  gst_object_unref (pad);
}

static void
change_caps (Storm *self)
{
  static const char *const formats[] = {"I420", "NV12", "YUY2", "RGB", "GRAY8"};
  GstElement *filter = gst_bin_get_by_name (GST_BIN (self->pipeline), "caps");
  GstCaps *caps;

  if (filter == NULL)
    return;
  caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING,
                              formats[roll (self, G_N_ELEMENTS (formats))], "width", G_TYPE_INT,
                              1 + roll (self, 400), "height", G_TYPE_INT, 1 + roll (self, 300),
                              "framerate", GST_TYPE_FRACTION, 30, 1, NULL);
  g_object_set (filter, "caps", caps, NULL);
  gst_caps_unref (caps);
  gst_object_unref (filter);
}

static void
query (Storm *self)
{
  GstQuery *latency = gst_query_new_latency ();

  gst_element_query (self->pipeline, latency);
  gst_query_unref (latency);
  settings_read_all (self->element);
}

static void
add_branch (Storm *self)
{
  GstElement *bin =
      gst_parse_bin_from_description ("queue leaky=downstream max-size-buffers=2 ! effnetclassify "
                                      "inference-interval=3 ! fakesink async=false "
                                      "sync=false",
                                      TRUE, NULL);
  GstPad *source, *sink;

  gst_bin_add (GST_BIN (self->pipeline), bin);
  gst_element_sync_state_with_parent (bin);
  source = gst_element_request_pad_simple (self->tee, "src_%u");
  sink = gst_element_get_static_pad (bin, "sink");
  g_assert_cmpint (gst_pad_link (source, sink), ==, GST_PAD_LINK_OK);
  g_object_set_data_full (G_OBJECT (bin), "pad", source, gst_object_unref);
  gst_object_unref (sink);
  g_ptr_array_add (self->branches, bin);
}

static GstPadProbeReturn
unlink_idle (GstPad *pad, GstPadProbeInfo *info, gpointer done)
{
  GstPad *peer = gst_pad_get_peer (pad);

  (void)info;
  if (peer != NULL) {
    gst_pad_unlink (pad, peer);
    gst_object_unref (peer);
  }
  g_atomic_int_set ((int *)done, TRUE);
  return GST_PAD_PROBE_REMOVE;
}

static void
remove_branch (Storm *self)
{
  guint i = (guint)roll (self, (int)self->branches->len);
  GstElement *bin = g_ptr_array_index (self->branches, i);
  GstPad *pad = g_object_get_data (G_OBJECT (bin), "pad");
  int done = FALSE;

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_IDLE, unlink_idle, &done, NULL);
  while (!g_atomic_int_get (&done)) /* the watchdog looks at it */
    g_usleep (500);
  gst_element_release_request_pad (self->tee, pad);
  gst_element_set_state (bin, GST_STATE_NULL);
  gst_bin_remove (GST_BIN (self->pipeline), bin);
  g_ptr_array_remove_index_fast (self->branches, i);
}

static void
change_branches (Storm *self)
{
  if (self->tee == NULL)
    return;
  if (self->branches->len < 3 && roll (self, 2))
    add_branch (self);
  else if (self->branches->len > 0)
    remove_branch (self);
}

/* Labels enough for a training, which may still go on when the next step is taken. */
static void
teach (Storm *self)
{
  static const char *const labels[] = {"a", "b"};
  gboolean done;

  for (guint i = 0; i < 6; i++) {
    g_signal_emit_by_name (self->element, "teach", labels[i % 2], &done);
    g_usleep ((gulong)roll (self, 3000));
  }
  g_signal_emit_by_name (self->element, "train", &done);
  if (roll (self, 2))
    g_signal_emit_by_name (self->element, "rollback", &done);
}

static const struct {
  const char *name;
  void (*run) (Storm *self);
  int weight;
} steps[] = {{"state", change_state, 4}, {"seek", seek, 2},   {"flush", flush, 1},
             {"caps", change_caps, 2},   {"query", query, 1}, {"branches", change_branches, 3},
             {"teach", teach, 3}};

static void
take_step (Storm *self, guint sequence)
{
  int n = roll (self, 28);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    if (n < steps[i].weight) {
      enter (sequence, steps[i].name);
      steps[i].run (self);
      return;
    }
    n -= steps[i].weight;
  }
  if (n == 0) {
    enter (sequence, "an action");
    settings_act (&self->settings, self->element);
  } else {
    char *said;

    enter (sequence, "a property");
    said = settings_set_any (&self->settings, self->element);
    enter (sequence, said);
    g_free (said);
  }
}

/* ---- sequences ------------------------------------------------------------------------------- */

/* An error is about a setting, or about frames where max-errors asks for one; or a neighbour's
 * who was stopped by it, or had no part in it. */
static void
look_at_bus (Storm *self)
{
  GstBus *bus = gst_element_get_bus (self->pipeline);
  GstMessage *message;

  while ((message = gst_bus_pop (bus)) != NULL) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR &&
        g_str_has_prefix (GST_MESSAGE_SRC_NAME (message), "effnetclassify")) {
      GError *error = NULL;

      gst_message_parse_error (message, &error, NULL);
      if (trace)
        g_printerr ("error: %s\n", error->message);
      if (error->domain != GST_RESOURCE_ERROR && strstr (error->message, "max-errors") == NULL)
        g_error ("%s", error->message);
      g_error_free (error);
    }
    gst_message_unref (message);
  }
  gst_object_unref (bus);
}

static const char *
pick_line (const Storm *self)
{
  static const char *const lines[] = {camera_line, camera_line, tee_line, tee_line,
                                      file_line,   jpeg_line,   clip_line};

  if (roll (self, 6) == 0)
    return h264_line;
  return lines[roll (self, G_N_ELEMENTS (lines))];
}

static void
begin (Storm *self, guint sequence)
{
  char *line = g_strconcat (pick_line (self), "effnetclassify name=effnetclassify0 ! ",
                            sinks[roll (self, G_N_ELEMENTS (sinks))], NULL);
  GError *error = NULL;
  GstElement *clip;
  GstPad *pad;

  if (trace)
    g_printerr ("%s\n", line);
  self->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  self->element = gst_bin_get_by_name (GST_BIN (self->pipeline), "effnetclassify0");
  self->tee = gst_bin_get_by_name (GST_BIN (self->pipeline), "tee");
  self->branches = g_ptr_array_new ();
  if (roll (self, 2)) {
    char *path = g_strdup_printf ("%s/taught-%u", folder, sequence);

    g_object_set (self->element, "teach-file", path, NULL);
    g_free (path);
  }
  pad = gst_element_get_static_pad (self->element, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, add_rois, NULL, NULL);
  gst_object_unref (pad);
  clip = gst_bin_get_by_name (GST_BIN (self->pipeline), "clip");
  if (clip != NULL) {
    char *path = source_path ("pipelines/media/pan.webm");

    g_object_set (clip, "location", path, NULL);
    gst_object_unref (clip);
    g_free (path);
  }
  g_free (line);
}

/* A pipeline of its own, so that whatever the others are in does not count. */
static void
start_again (Storm *self)
{
  GstElement *pipeline =
      gst_parse_launch ("videotestsrc num-buffers=2 ! "
                        "video/x-raw,width=64,height=48,framerate=30/1 ! identity name=before ! "
                        "fakesink name=after sync=false",
                        NULL);
  GstElement *before = gst_bin_get_by_name (GST_BIN (pipeline), "before"),
             *after = gst_bin_get_by_name (GST_BIN (pipeline), "after");
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  GError *error = NULL;

  settings_reset (self->element);
  gst_bin_add (GST_BIN (pipeline), self->element);
  gst_element_unlink (before, after);
  g_assert_true (gst_element_link_many (before, self->element, after, NULL));
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message =
      gst_bus_timed_pop_filtered (bus, PATIENCE * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (before);
  gst_object_unref (after);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

static void
end (Storm *self, guint sequence)
{
  enter (sequence, "NULL");
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  look_at_bus (self);
  gst_bin_remove (GST_BIN (self->pipeline), self->element);
  enter (sequence, "starting again with the defaults");
  start_again (self);
  g_ptr_array_unref (self->branches);
  g_clear_object (&self->tee);
  gst_object_unref (self->element);
  gst_object_unref (self->pipeline);
}

static void
run_sequence (const SettingsTexts *texts, guint sequence)
{
  Storm storm = {.settings = {.rand = g_rand_new_with_seed (sequence), .texts = texts}};

  enter (sequence, "the start");
  begin (&storm, sequence);
  gst_element_set_state (storm.pipeline, GST_STATE_PLAYING);
  for (int i = 5 + roll (&storm, 20); i > 0; i--) {
    take_step (&storm, sequence);
    look_at_bus (&storm);
    g_usleep (roll (&storm, 2) ? 0 : (gulong)roll (&storm, 30000));
  }
  end (&storm, sequence);
  g_rand_free (storm.settings.rand);
}

static guint n_sequences = 12, first = 1;

static void
test_storm (void)
{
  char *lite0 = source_path ("models/lite0"), *labels = source_path ("models/imagenet-1k.txt");
  char *heads = g_strdup_printf ("a=%s;own=", lite0),
       *taught = g_build_filename (folder, "t", NULL);
  const SettingsTexts texts[] = {
      {"heads", {heads, "own=", "a=/nonexistent", "bad"}},
      {"teach-file", {taught, "/nonexistent/t"}},
      {"save-examples", {folder, "/nonexistent/s"}},
      {"model-file", {lite0, small_model, "/nonexistent"}},
      {"shadow-model", {lite0, small_model, "/nonexistent"}},
      {"labels-file", {labels, "/nonexistent"}},
      {"variant", {"auto", "lite0", "b9"}},
      {"regions", {"a:0,0,1,1", "a:0,0,0.5,0.5;b:0.5,0.5,0.5,0.5", "bad", "a:2,2,1,1"}},
      {"object-class", {"car", "face", "none"}},
      {"class-allow", {"cat,dog", "1,2,3", "tabby", "no such class"}},
      {"class-deny", {"cat,dog", "1,2,3", "tabby", "no such class"}},
      {"class-thresholds", {"tabby=0.6", "1=0.5,2=0.1", "tabby=x"}},
      {"model-instance-id", {"one", "two", ""}},
      {"decoder", {"avdec_h264", "no-such-decoder"}},
      {NULL, {"", "x", "a:1;b=2,c"}},
  };
  GThread *dog = g_thread_new ("watchdog", watch, NULL);
  guint threads = 0;
  gsize resident = 0;

  for (guint i = 0; i < n_sequences; i++) {
    run_sequence (texts, first + i);
    if (i == MIN (n_sequences / 3, 50)) {
      threads = count_threads ();
      resident = resident_bytes ();
    }
  }
  g_test_message ("%u threads, after a third %u; %d MB, after a third %d MB", count_threads (),
                  threads, (int)(resident_bytes () >> 20), (int)(resident >> 20));
  g_assert_cmpuint (count_threads (), <=, threads + 16); /* pools of any number of threads idle */
  g_mutex_lock (&lock);
  g_clear_pointer (&step, g_free);
  g_cond_signal (&changed);
  g_mutex_unlock (&lock);
  g_thread_join (dog);
  g_free (lite0);
  g_free (labels);
  g_free (heads);
  g_free (taught);
}

/* A result that the end of the stream waits for is the last that has to do with its model. */
static void
test_end_and_start (void)
{
  char *line = g_strdup_printf ("videotestsrc is-live=true num-buffers=3 ! "
                                "video/x-raw,width=64,height=48,framerate=200/1 ! effnetclassify "
                                "inference-mode=async model-file=%s ! fakesink",
                                small_model);
  GstElement *pipeline = gst_parse_launch (line, NULL);
  GstBus *bus = gst_element_get_bus (pipeline);

  for (int i = 0; i < 3; i++) {
    GstMessage *message;

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered (bus, PATIENCE * GST_SECOND,
                                          GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
    gst_message_unref (message);
    gst_element_set_state (pipeline, GST_STATE_NULL);
  }
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  g_free (line);
}

int
main (int argc, char **argv)
{
  char *command;
  int result;

  if (argc > 1 && g_ascii_isdigit (*argv[1])) {
    n_sequences = (guint)atoi (argv[1]);
    if (argc > 2 && g_ascii_isdigit (*argv[2]))
      first = (guint)atoi (argv[2]);
  }
  trace = g_getenv ("STORM_TRACE") != NULL;
  test_init (&argc, &argv);
  small_model = model_make ("b0", 10);
  folder = g_dir_make_tmp (NULL, NULL);
  g_test_add_func ("/live/storm", test_storm);
  g_test_add_func ("/live/end-and-start", test_end_and_start);
  step = g_strdup ("the start");
  began = g_get_monotonic_time ();
  result = g_test_run ();
  model_remove (small_model);
  command = g_strdup_printf ("rm -rf '%s'", folder);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (command);
  g_free (folder);
  return result;
}
