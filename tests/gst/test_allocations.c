/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A buffer like the last one allocates nothing in the element but its place in the scheduler's
 * queue, as long as it needs no metadata and no message: those are GStreamer's. Counted is all that
 * happens while transform_ip() runs, in all threads. */
#include "allocations.h"
#include "common.h"

#include <gst/base/gstbasetransform.h>

#define QUEUE_CALLS 2                 /* the scheduler's, of a job that waits for its turn */
#define JPEG_CALLS  (3 + QUEUE_CALLS) /* libjpeg's: the frame's size, and the picture */

static GstFlowReturn (*transform_ip) (GstBaseTransform *base, GstBuffer *buffer);
static guint calls; /* of the newest buffer */

static GstFlowReturn
counted_transform_ip (GstBaseTransform *base, GstBuffer *buffer)
{
  GstFlowReturn ret;

  allocations_start ();
  ret = transform_ip (base, buffer);
  calls = allocations_stop ();
  return ret;
}

static GstHarness *
counted_harness (const char *mode, const char *regions, guint interval)
{
  GstHarness *h = harness_new ("attach-meta", 0, "post-messages", 0, "inference-interval", interval,
                               "regions", regions, NULL);
  GstBaseTransformClass *klass = GST_BASE_TRANSFORM_GET_CLASS (h->element);

  gst_util_set_object_arg (G_OBJECT (h->element), "inference-region", mode);
  if (klass->transform_ip != counted_transform_ip)
    transform_ip = klass->transform_ip;
  klass->transform_ip = counted_transform_ip;
  return h;
}

/* What a message about a new latency takes, if there was one. */
static guint
latency_calls (GstHarness *h)
{
  return harness_count_messages (h, GST_MESSAGE_LATENCY);
}

/* Two buffers to grow the arrays, then none grows. */
static void
check (const char *mode, const char *regions, guint interval)
{
  GstHarness *h = counted_harness (mode, regions, interval);

  set_i420_caps (h, 320, 240);
  for (guint n = 0; n < 8; n++) {
    GstBuffer *buffer = grey_frame (320, 240, 90, (int)n);

    gst_buffer_add_video_region_of_interest_meta (buffer, "car", 8 + 2 * n, 8, 100, 90)->id = 1;
    gst_buffer_add_video_region_of_interest_meta (buffer, "bus", 100, 60 + 2 * n, 80, 70)->id = 2;
    gst_buffer_unref (push_pull (h, buffer));
    if (n >= 2 * interval && calls > QUEUE_CALLS + latency_calls (h))
      g_error ("%s, inference-interval %u: buffer %u allocates %u times", mode, interval, n, calls);
  }
  g_assert_cmpuint (harness_stat (h, "errors"), ==, 0);
  g_assert_cmpuint (harness_stat (h, "inferences"), >, 0);
  harness_free (h);
}

static void
test_raw (void)
{
  static const char *const modes[] = {"full-frame", "regions", "roi-list"};

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    check (modes[i], "gate:0,0,0.5,0.5;door:0.25,0.25,0.5,0.75", 1);
    check (modes[i], "gate:0,0,0.5,0.5;door:0.25,0.25,0.5,0.75", 3);
  }
}

static void
test_jpeg (void)
{
  GstHarness *h = counted_harness ("full-frame", NULL, 1);

  gst_harness_set_src_caps_str (h, "image/jpeg,framerate=30/1");
  for (guint n = 0; n < 6; n++) {
    gst_buffer_unref (push_pull (h, encode_jpeg (grey_frame (320, 240, 90, (int)n), 320, 240)));
    if (n >= 2)
      g_assert_cmpuint (calls, <=, JPEG_CALLS + latency_calls (h));
  }
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 6);
  harness_free (h);
}

/* The counter counts at all: with metadata GStreamer allocates. */
static void
test_counter (void)
{
  GstHarness *h = counted_harness ("full-frame", NULL, 1);

  gst_element_set_state (h->element, GST_STATE_READY);
  gst_util_set_object_arg (G_OBJECT (h->element), "attach-meta", "custom");
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  set_i420_caps (h, 320, 240);
  gst_buffer_unref (push_pull (h, grey_frame (320, 240, 90, 0)));
  g_assert_cmpuint (calls, >, 0);
  harness_free (h);
}

static void
test_skipped (void)
{
  g_test_skip ("the heap of this build cannot be counted");
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  if (!allocations_counted ()) {
    g_test_add_func ("/gst/allocations/skipped", test_skipped);
    return g_test_run ();
  }
  g_test_add_func ("/gst/allocations/raw", test_raw);
  g_test_add_func ("/gst/allocations/jpeg", test_jpeg);
  g_test_add_func ("/gst/allocations/counter", test_counter);
  return g_test_run ();
}
