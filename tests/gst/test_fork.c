/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A process that forks while its pipelines play: neither side waits for ever, whether the child
 * does nothing, or classifies with a session of its own. */
#include "common.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS 12

typedef enum { NOTHING, EXIT, SESSION } Act;

static gint n_frames; /* atomic */

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  (void)sink, (void)buffer, (void)pad, (void)data;
  g_atomic_int_inc (&n_frames);
}

/* Exit code 0 when it works; SIGALRM ends one that hangs. */
static G_GNUC_NORETURN void
child (Act act)
{
  static const guint8 grey[64 * 64];
  EffnetImage image = EFFNET_IMAGE_INIT;
  EffnetResult result;
  EffnetModel *model;
  EffnetSession *session;
  gboolean ok;

  alarm (60);
  if (act == EXIT)
    exit (0); /* with what runs at the end of a process */
  if (act == NOTHING)
    _exit (0);
  image.format = EFFNET_PIXEL_FORMAT_GRAY8;
  image.width = image.height = 64;
  image.data[0] = grey;
  image.stride[0] = 64;
  model = effnet_model_open (NULL, NULL, NULL);
  session = model != NULL ? effnet_session_new (model, NULL, NULL) : NULL;
  ok = session != NULL && effnet_session_classify (session, &image, &result, NULL);
  effnet_session_free (session);
  effnet_model_unref (model);
  _exit (ok ? 0 : 1);
}

static void
wait_for_frames (void)
{
  gint64 end = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;
  int start = g_atomic_int_get (&n_frames);

  while (g_atomic_int_get (&n_frames) < start + 3) {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (1000);
  }
}

static void
test_fork (gconstpointer mode)
{
  g_autofree char *line = g_strdup_printf (
      "videotestsrc ! video/x-raw,format=I420,width=160,height=120 ! tee name=t ! queue ! "
      "effnetclassify inference-mode=%s ! fakesink name=sink signal-handoffs=true t. ! queue ! "
      "effnetclassify inference-mode=%s ! fakesink",
      (const char *)mode, (const char *)mode);
  GstElement *pipeline = gst_parse_launch (line, NULL), *sink;

  g_assert_nonnull (pipeline);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), NULL);
  gst_object_unref (sink);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < FORKS; i++) {
    int status;
    pid_t pid;

    wait_for_frames ();
    pid = fork ();
    if (pid == 0)
      child ((Act)(i % 3));
    g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
    g_assert_cmpint (status, ==, 0);
  }
  wait_for_frames ();
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
#if !defined(__SANITIZE_THREAD__) /* which ends a process that makes threads after a fork */
  g_test_add_data_func ("/gst/fork/sync", "sync", test_fork);
  g_test_add_data_func ("/gst/fork/async", "async", test_fork);
#endif
  return g_test_run ();
}
