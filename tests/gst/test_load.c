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
  static const GstEffnetOverload expected[] = {
      [GST_EFFNET_OVERLOAD_POLICY_AUTO] = GST_EFFNET_OVERLOAD_GO_ON,
      [GST_EFFNET_OVERLOAD_POLICY_SKIP_INFERENCE] = GST_EFFNET_OVERLOAD_GO_ON,
      [GST_EFFNET_OVERLOAD_POLICY_DROP_FRAME] = GST_EFFNET_OVERLOAD_DROP,
      [GST_EFFNET_OVERLOAD_POLICY_BLOCK] = GST_EFFNET_OVERLOAD_WAIT,
  };

  for (guint policy = 0; policy < G_N_ELEMENTS (expected); policy++) {
    GstEffnetLoadSettings settings = {.policy = policy};

    for (guint reason = 0; reason < GST_EFFNET_N_REASONS; reason++) {
      gboolean overload = reason == GST_EFFNET_REASON_BUSY || reason == GST_EFFNET_REASON_LATE;

      g_assert_cmpint (gst_effnet_load_overload (&settings, reason), ==,
                       overload ? expected[policy] : GST_EFFNET_OVERLOAD_GO_ON);
    }
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

/* ---- trigger --------------------------------------------------------------------------------- */

/* The two photographs in turn, ten frames each. @jpeg: as files, decoded where they are classified
 */
static void
run_photos (GstHarness *h, gboolean jpeg, int frames)
{
  GstBuffer *photos[2];

  for (int i = 0; i < 2; i++) {
    photos[i] = photo_frame (i == 0 ? "cat.jpg" : "coffee.jpg", 320, 240);
    if (jpeg)
      photos[i] = encode_jpeg (photos[i], 320, 240);
  }
  if (jpeg)
    gst_harness_set_src_caps_str (h, "image/jpeg,width=320,height=240,framerate=30/1");
  else
    set_i420_caps (h, 320, 240);
  for (int n = 0; n < frames; n++) {
    GstBuffer *out = push_pull (h, stamped (gst_buffer_copy_deep (photos[n / 10 % 2]), n));

    g_assert_nonnull (result_of (out));
    g_assert_cmpint (result_boolean (result_of (out), "fresh"), ==, n % 10 == 0);
    gst_buffer_unref (out);
  }
  gst_buffer_unref (photos[0]);
  gst_buffer_unref (photos[1]);
}

/* What changed is classified at once, what did not is not; the result is repeated. */
static void
test_trigger (void)
{
  static const guint triggers[] = {GST_EFFNET_TRIGGER_MOTION, GST_EFFNET_TRIGGER_SCENE_CHANGE,
                                   GST_EFFNET_TRIGGER_MOTION | GST_EFFNET_TRIGGER_SCENE_CHANGE};

  for (gsize i = 0; i < G_N_ELEMENTS (triggers); i++) {
    for (int jpeg = 0; jpeg < 2; jpeg++) {
      for (int regions = 0; regions < 2; regions++) {
        GstHarness *h = harness_new ("trigger", triggers[i], NULL);

        if (regions)
          g_object_set (h->element, "regions", "a:0,0,0.5,0.5;b:0.2,0.2,0.6,0.7",
                        "inference-region", 2, NULL);
        run_photos (h, jpeg, 45);
        g_assert_cmpuint (harness_stat (h, "inferences"), ==, regions ? 10 : 5);
        g_assert_cmpuint (harness_stat (h, "skipped-trigger"), ==, 40);
        g_assert_cmpuint (harness_stat (h, "skipped"), ==, 40);
        g_assert_cmpuint (harness_stat (h, "frames"), ==, 45);
        harness_free (h);
      }
    }
  }
}

/* In a live stream the frame that starts something is classified a moment later; one inference for
 * each photograph, however many frames show it. */
static void
test_trigger_async (void)
{
  for (int jpeg = 0; jpeg < 2; jpeg++) {
    GstHarness *h =
        harness_new ("inference-mode", MODE_ASYNC, "trigger", GST_EFFNET_TRIGGER_MOTION, NULL);
    GstBuffer *photo = photo_frame ("cat.jpg", 320, 240);

    if (jpeg)
      photo = encode_jpeg (photo, 320, 240);
    if (jpeg)
      gst_harness_set_src_caps_str (h, "image/jpeg,width=320,height=240,framerate=30/1");
    else
      set_i420_caps (h, 320, 240);
    for (int n = 0; n < 400 && harness_stat (h, "skipped-trigger") < 20; n++) {
      gst_buffer_unref (push_pull (h, stamped (gst_buffer_copy_deep (photo), n)));
      g_usleep (5000);
    }
    g_assert_cmpuint (harness_stat (h, "skipped-trigger"), >=, 20);
    /* the second may have been looked at before the first had its result */
    g_assert_cmpuint (harness_stat (h, "inferences"), >=, 1);
    g_assert_cmpuint (harness_stat (h, "inferences"), <=, 3);
    gst_buffer_unref (photo);
    harness_free (h);
  }
}

/* A new model has not seen the picture that does not change; and a trigger that names nothing is
 * no trigger. */
static void
test_trigger_settings (void)
{
  GstHarness *h = harness_new ("trigger", GST_EFFNET_TRIGGER_MOTION, NULL);
  char *folder = source_path ("models/lite0");
  guint trigger;

  set_i420_caps (h, 320, 240);
  for (int n = 0; n < 5; n++)
    gst_buffer_unref (push_pull (h, stamped (photo_frame ("cat.jpg", 320, 240), n)));
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 1);
  g_object_set (h->element, "model-file", folder, NULL);
  for (int n = 5; n < 2000 && harness_stat (h, "inferences") < 2; n++) {
    gst_buffer_unref (push_pull (h, stamped (photo_frame ("cat.jpg", 320, 240), n)));
    g_usleep (2000);
  }
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 2);
  g_object_set (h->element, "trigger", 0, NULL);
  harness_expect (h, GST_MESSAGE_WARNING, "trigger names nothing", "motion", NULL);
  g_object_get (h->element, "trigger", &trigger, NULL);
  g_assert_cmpuint (trigger, ==, GST_EFFNET_TRIGGER_MOTION);
  g_free (folder);
  harness_free (h);
}

/* ---- overload -------------------------------------------------------------------------------- */

static void
push_late (GstHarness *h, int n)
{
  gst_harness_push_upstream_event (
      h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, GST_SECOND, 200 * GST_MSECOND));
  g_assert_cmpint (gst_harness_push (h, grey_frame (64, 48, 90, n)), ==, GST_FLOW_OK);
}

static void
test_policy_late (void)
{
  static const struct {
    GstEffnetOverloadPolicy policy;
    guint out, inferences, dropped;
  } rows[] = {
      {GST_EFFNET_OVERLOAD_POLICY_AUTO, 2, 1, 0},
      {GST_EFFNET_OVERLOAD_POLICY_SKIP_INFERENCE, 2, 1, 0},
      {GST_EFFNET_OVERLOAD_POLICY_DROP_FRAME, 1, 1, 1},
      {GST_EFFNET_OVERLOAD_POLICY_BLOCK, 2, 2, 0},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    GstHarness *h = harness_new ("overload-policy", rows[i].policy, NULL);

    set_i420_caps (h, 64, 48);
    g_assert_cmpint (gst_harness_push (h, grey_frame (64, 48, 90, 0)), ==, GST_FLOW_OK);
    push_late (h, 1);
    g_assert_cmpuint (gst_harness_buffers_received (h), ==, rows[i].out);
    g_assert_cmpuint (harness_stat (h, "inferences"), ==, rows[i].inferences);
    g_assert_cmpuint (harness_stat (h, "dropped"), ==, rows[i].dropped);
    g_assert_cmpuint (harness_stat (h, "frames"), ==, 2);
    harness_free (h);
  }
}

/* Frames that come as fast as they can, each of many inferences. */
static void
test_policy_busy (void)
{
  for (int policy = 0; policy < 4; policy++) {
    GstHarness *h =
        harness_new ("inference-mode", MODE_ASYNC, "overload-policy", policy, "inference-region",
                     REGIONS, "regions", "a:0,0,1,1;b:0,0,1,1;c:0,0,1,1;d:0,0,1,1", NULL);
    guint out;

    set_i420_caps (h, 64, 48);
    for (int n = 0; n < 30; n++)
      g_assert_cmpint (gst_harness_push (h, grey_frame (64, 48, 90, n)), ==, GST_FLOW_OK);
    out = gst_harness_buffers_received (h);
    g_assert_cmpuint (harness_stat (h, "frames"), ==, 30);
    g_assert_cmpuint (out, ==, 30 - harness_stat (h, "dropped"));
    if (policy == GST_EFFNET_OVERLOAD_POLICY_BLOCK) {
      g_assert_cmpuint (harness_stat (h, "skipped"), ==, 0);
    } else {
      g_assert_cmpuint (harness_stat (h, "skipped-busy"), >, 0);
    }
    if (policy == GST_EFFNET_OVERLOAD_POLICY_DROP_FRAME)
      g_assert_cmpuint (harness_stat (h, "dropped"), ==, harness_stat (h, "skipped-busy"));
    else
      g_assert_cmpuint (out, ==, 30);
    harness_free (h);
  }
}

/* What the element says of its queue and of the scheduler adds up with what it did. */
static void
test_queue_stats (void)
{
  GstHarness *h = harness_new ("threads", 1, "model-instance-id", "alone", NULL);
  GstHarness *other = harness_new ("threads", 1, "model-instance-id", "alone", NULL);
  const GstStructure *queue, *scheduler;
  GstStructure *stats;

  set_i420_caps (h, 64, 48);
  set_i420_caps (other, 64, 48);
  for (int n = 0; n < 10; n++) {
    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, n)));
    gst_buffer_unref (push_pull (other, grey_frame (64, 48, 90, n)));
  }
  g_object_get (h->element, "stats", &stats, NULL);
  queue = gst_value_get_structure (gst_structure_get_value (stats, "queue"));
  scheduler = gst_value_get_structure (gst_structure_get_value (stats, "scheduler"));
  g_assert_cmpuint (result_uint64 (queue, "started"), ==, 10);
  g_assert_cmpuint (result_uint64 (queue, "turns"), ==, 10);
  g_assert_cmpuint (result_uint64 (scheduler, "started"), >=, 20); /* and one to warm up */
  g_assert_cmpuint (result_uint (scheduler, "streams"), ==, 2);    /* none for candidates */
  g_assert_cmpuint (result_uint (scheduler, "executors"), ==, 1);
  g_assert_cmpuint (result_uint (scheduler, "sessions"), ==, 1);
  g_assert_cmpuint (result_uint64 (scheduler, "busy"), >=, result_uint64 (queue, "busy"));
  g_assert_cmpfloat (result_double (scheduler, "utilisation"), >, 0.0);
  g_assert_cmpfloat (result_double (scheduler, "utilisation"), <=, 1.0);
  g_assert_cmpuint (result_uint64 (stats, "latency-p50"), >, result_uint64 (stats, "infer-p50"));
  g_assert_cmpuint (result_uint64 (stats, "latency-p99"), >=, result_uint64 (stats, "latency-p50"));
  gst_structure_free (stats);
  harness_free (other);
  harness_free (h);
}

/* ---- scene ----------------------------------------------------------------------------------- */

static const GstStructure *
scene_message (GstHarness *h, GstMessage **message)
{
  while ((*message = harness_pop_message (h, GST_MESSAGE_ELEMENT)) != NULL) {
    if (gst_message_has_name (*message, "effnetclassify-scene"))
      return gst_message_get_structure (*message);
    gst_message_unref (*message);
  }
  return NULL;
}

/* A cover on the lens, told once when it comes and once when it goes. */
static void
test_scene_messages (void)
{
  GstHarness *h = harness_new ("inference-interval", 10, NULL);
  GstBuffer *photo = photo_frame ("cat.jpg", 320, 240);
  GstMessage *message;
  const GstStructure *s;

  set_i420_caps (h, 320, 240);
  for (int n = 0; n < 300; n++) {
    gboolean covered = n >= 100 && n < 200;
    GstBuffer *frame = gst_buffer_copy_deep (photo);

    if (covered) { /* with a little noise, or it would be frozen, too */
      gst_buffer_memset (frame, 0, 16 + (n / 10) % 2, 320 * 240);
      gst_buffer_memset (frame, 320 * 240, 128, 320 * 120);
    } else {
      gst_buffer_memset (frame, 0, (guint8)(n / 10 % 2 * 60), 1000);
    }
    gst_buffer_unref (push_pull (h, stamped (frame, n)));
  }
  s = scene_message (h, &message);
  g_assert_nonnull (s);
  g_assert_cmpstr (gst_structure_get_string (s, "changed"), ==, "black");
  g_assert_true (result_boolean (s, "black"));
  g_assert_false (result_boolean (s, "frozen"));
  g_assert_cmpfloat (result_double (s, "luma"), <, 0.01);
  g_assert_cmpuint (result_uint64 (s, "running-time"), ==,
                    gst_util_uint64_scale (130, GST_SECOND, 30));
  gst_message_unref (message);
  s = scene_message (h, &message);
  g_assert_nonnull (s);
  g_assert_cmpstr (gst_structure_get_string (s, "changed"), ==, "black");
  g_assert_false (result_boolean (s, "black"));
  gst_message_unref (message);
  g_assert_null (scene_message (h, &message));
  gst_buffer_unref (photo);
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
  g_test_add_func ("/load/trigger/sync", test_trigger);
  g_test_add_func ("/load/trigger/async", test_trigger_async);
  g_test_add_func ("/load/trigger/settings", test_trigger_settings);
  g_test_add_func ("/load/policy/late", test_policy_late);
  g_test_add_func ("/load/policy/busy", test_policy_busy);
  g_test_add_func ("/load/queue-stats", test_queue_stats);
  g_test_add_func ("/load/scene", test_scene_messages);
  return g_test_run ();
}
