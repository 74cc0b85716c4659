/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which frames are classified: the decisions with simulated time, then the element's counters. */
#include "common.h"

#include "classify/load.h"

#define N 3000

/* Frames at @fps with @jitter ns of disorder. Returns: how many are classified.
 * @gap_min: (out): ns, shortest time between two of them */
static guint
simulate (const GstEffnetLoadSettings *settings, double fps, gint64 jitter, guint slower,
          GstClockTime *gap_min)
{
  GRand *rand = g_rand_new_with_seed (7);
  GstClockTime last = GST_CLOCK_TIME_NONE;
  GstEffnetLoad load;
  guint n = 0;

  gst_effnet_load_forget (&load);
  *gap_min = GST_CLOCK_TIME_NONE;
  for (int i = 0; i < N; i++) {
    double disorder = g_rand_double_range (rand, -1.0, 1.0) * (double)jitter;
    GstClockTime time = (GstClockTime)(1e9 + i * 1e9 / fps + disorder);
    GstEffnetLoadFrame frame = {.first = i == 0, .time = time, .slower = slower};
    gboolean infer = gst_effnet_load_ask (&load, settings, &frame) == GST_EFFNET_REASON_NONE;

    gst_effnet_load_pass (&load, settings, &frame, infer);
    if (!infer)
      continue;
    n++;
    if (GST_CLOCK_TIME_IS_VALID (last))
      *gap_min = MIN (*gap_min, time - last);
    last = time;
  }
  g_rand_free (rand);
  return n;
}

/* Never more than asked for, and not much less, whatever the camera's rate and manners. */
static void
test_rate (void)
{
  static const double cameras[] = {5.0, 14.985, 25.0, 29.97, 30.0, 59.94, 240.0};
  static const guint rates[][2] = {{1, 2}, {1, 1}, {7, 1}, {10, 1}, {15, 1}, {20, 1}, {100, 1}};

  for (gsize c = 0; c < G_N_ELEMENTS (cameras); c++) {
    for (gsize r = 0; r < G_N_ELEMENTS (rates); r++) {
      for (int disorder = 0; disorder < 2; disorder++) {
        GstEffnetLoadSettings settings = {
            .interval = 1, .rate_num = rates[r][0], .rate_den = rates[r][1]};
        double rate = (double)rates[r][0] / rates[r][1], fps = cameras[c];
        double seconds = N / fps, wanted = MIN (rate, fps) * seconds;
        GstClockTime gap_min;
        guint n = simulate (&settings, fps, disorder * (gint64)(0.15e9 / fps), 1, &gap_min);

        g_test_message ("%.3f fps, at most %.1f/s: %u in %.1f s", fps, rate, n, seconds);
        g_assert_cmpfloat (n, <=, rate * seconds + 1.5);
        g_assert_cmpfloat (n, >=, 0.97 * wanted - 2.0);
        /* a quarter early after one that was up to a frame late */
        g_assert_cmpfloat ((double)gap_min, >=, 0.74e9 / rate - 1.31e9 / fps);
      }
    }
  }
}

static void
test_interval (void)
{
  GstClockTime gap;

  for (guint interval = 1; interval < 9; interval++) {
    for (guint slower = 0; slower < 4; slower++) {
      GstEffnetLoadSettings settings = {.interval = interval, .rate_den = 1};
      guint step = interval * MAX (slower, 1);

      g_assert_cmpuint (simulate (&settings, 30.0, 0, slower, &gap), ==, (N + step - 1) / step);
    }
  }
}

static GstEffnetReason
ask (const GstEffnetLoad *load, const GstEffnetLoadSettings *settings, GstEffnetLoadFrame frame)
{
  return gst_effnet_load_ask (load, settings, &frame);
}

/* Which reason is named when several hold, and what each leaves as it was. */
static void
test_order (void)
{
  GstEffnetLoadSettings settings = {.interval = 3, .rate_num = 1, .rate_den = 1};
  GstEffnetLoad load;

  gst_effnet_load_forget (&load);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.gap = TRUE, .first = TRUE}), ==,
                   GST_EFFNET_REASON_GAP);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.busy = TRUE, .first = TRUE}), ==,
                   GST_EFFNET_REASON_BUSY);
  gst_effnet_load_pass (&load, &settings, &(GstEffnetLoadFrame){.time = 0}, TRUE);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.busy = TRUE, .time = 1}), ==,
                   GST_EFFNET_REASON_INTERVAL);
  gst_effnet_load_retry (&load); /* nothing was classified: only the rate is left */
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.time = GST_MSECOND}), ==,
                   GST_EFFNET_REASON_RATE);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.time = GST_SECOND, .busy = TRUE}),
                   ==, GST_EFFNET_REASON_BUSY);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.time = GST_SECOND}), ==,
                   GST_EFFNET_REASON_NONE);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.time = 1, .first = TRUE}), ==,
                   GST_EFFNET_REASON_NONE);
}

/* A stream whose time starts over is not silent until the old time is reached; one without times
 * has no rate. */
static void
test_times (void)
{
  GstEffnetLoadSettings settings = {.interval = 1, .rate_num = 10, .rate_den = 1};
  GstEffnetLoad load;

  gst_effnet_load_forget (&load);
  gst_effnet_load_pass (&load, &settings, &(GstEffnetLoadFrame){.time = 900 * GST_SECOND}, TRUE);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.time = GST_SECOND}), ==,
                   GST_EFFNET_REASON_NONE);
  gst_effnet_load_pass (&load, &settings, &(GstEffnetLoadFrame){.time = GST_SECOND}, TRUE);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.time = GST_SECOND + 1}), ==,
                   GST_EFFNET_REASON_RATE);
  g_assert_cmpint (ask (&load, &settings, (GstEffnetLoadFrame){.time = GST_CLOCK_TIME_NONE}), ==,
                   GST_EFFNET_REASON_NONE);
  /* three seconds unused are not saved up */
  gst_effnet_load_pass (&load, &settings, &(GstEffnetLoadFrame){.time = 4 * GST_SECOND}, TRUE);
  g_assert_cmpint (
      ask (&load, &settings, (GstEffnetLoadFrame){.time = 4 * GST_SECOND + 50 * GST_MSECOND}), ==,
      GST_EFFNET_REASON_RATE);
}

static void
test_overload (void)
{
  static const struct {
    GstEffnetOverloadPolicy policy;
    GstEffnetReason reason;
    gboolean live;
    GstEffnetOverload expected;
  } rows[] = {
      {GST_EFFNET_OVERLOAD_POLICY_AUTO, GST_EFFNET_REASON_BUSY, TRUE, GST_EFFNET_OVERLOAD_GO_ON},
      {GST_EFFNET_OVERLOAD_POLICY_AUTO, GST_EFFNET_REASON_BUSY, FALSE, GST_EFFNET_OVERLOAD_WAIT},
      {GST_EFFNET_OVERLOAD_POLICY_AUTO, GST_EFFNET_REASON_LATE, FALSE, GST_EFFNET_OVERLOAD_GO_ON},
      {GST_EFFNET_OVERLOAD_POLICY_SKIP_INFERENCE, GST_EFFNET_REASON_BUSY, FALSE,
       GST_EFFNET_OVERLOAD_GO_ON},
      {GST_EFFNET_OVERLOAD_POLICY_DROP_FRAME, GST_EFFNET_REASON_LATE, TRUE,
       GST_EFFNET_OVERLOAD_DROP},
      {GST_EFFNET_OVERLOAD_POLICY_DROP_FRAME, GST_EFFNET_REASON_INTERVAL, TRUE,
       GST_EFFNET_OVERLOAD_GO_ON},
      {GST_EFFNET_OVERLOAD_POLICY_BLOCK, GST_EFFNET_REASON_BUSY, TRUE, GST_EFFNET_OVERLOAD_WAIT},
      {GST_EFFNET_OVERLOAD_POLICY_BLOCK, GST_EFFNET_REASON_LATE, TRUE, GST_EFFNET_OVERLOAD_WAIT},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    GstEffnetLoadSettings settings = {.policy = rows[i].policy};

    g_assert_cmpint (gst_effnet_load_overload (&settings, rows[i].reason, rows[i].live), ==,
                     rows[i].expected);
  }
}

/* ---- the element ----------------------------------------------------------------------------- */

/* A second and a half at 30 frames a second. */
static void
test_element_rate (void)
{
  GstHarness *h = harness_new ("max-inference-rate", 10, 1, NULL);
  guint fresh = 0;

  set_i420_caps (h, 64, 48);
  for (int i = 0; i < 45; i++) {
    GstBuffer *out = push_pull (h, grey_frame (64, 48, 90, i));

    fresh += result_boolean (result_of (out), "fresh");
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (fresh, ==, 15);
  g_assert_cmpuint (harness_stat (h, "frames"), ==, 45);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 15);
  g_assert_cmpuint (harness_stat (h, "skipped"), ==, 30);
  g_assert_cmpuint (harness_stat (h, "skipped-rate"), ==, 30);
  g_object_set (h->element, "max-inference-rate", 0, 1, NULL);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 45)));
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 16);
  harness_free (h);
}

/* Each reason has a counter, and together they are `skipped`. */
static void
test_element_reasons (void)
{
  GstHarness *h = harness_new ("inference-interval", 3, NULL);
  GstBuffer *gap = grey_frame (64, 48, 90, 5);

  set_i420_caps (h, 64, 48);
  for (int i = 0; i < 5; i++)
    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, i)));
  GST_BUFFER_FLAG_SET (gap, GST_BUFFER_FLAG_GAP);
  gst_buffer_unref (push_pull (h, gap));
  gst_harness_push_upstream_event (
      h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, 50 * GST_MSECOND, 200 * GST_MSECOND));
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 6)));
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 2);
  g_assert_cmpuint (harness_stat (h, "skipped-interval"), ==, 3);
  g_assert_cmpuint (harness_stat (h, "skipped-gap"), ==, 1);
  g_assert_cmpuint (harness_stat (h, "skipped-late"), ==, 1);
  g_assert_cmpuint (harness_stat (h, "skipped"), ==, 5);
  gst_message_unref (harness_pop_message (h, GST_MESSAGE_QOS));
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/load/rate", test_rate);
  g_test_add_func ("/load/interval", test_interval);
  g_test_add_func ("/load/order", test_order);
  g_test_add_func ("/load/times", test_times);
  g_test_add_func ("/load/overload", test_overload);
  g_test_add_func ("/load/element/rate", test_element_rate);
  g_test_add_func ("/load/element/reasons", test_element_reasons);
  return g_test_run ();
}
