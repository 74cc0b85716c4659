/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inference-mode=delayed: what is held and for how long, who is made to wait, and what of it is
 * left out under load. */
#include "common.h"

#define SIDE 96

static GstHarness *
delayed_new (const char *policy, const char *trigger)
{
  GstHarness *h = harness_new ("inference-mode", MODE_DELAYED, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "overload-policy", policy);
  gst_util_set_object_arg (G_OBJECT (h->element), "trigger", trigger);
  set_i420_caps (h, SIDE, SIDE);
  return h;
}

/* A live source is not held up: what does not fit leaves with an older result, or none, in order
 * and at once; an event leaves after what came before it. */
static void
test_live (void)
{
  GstHarness *h = delayed_new ("auto", "always");
  GstClockTime last_result = 0;
  guint n_fresh = 0;

  for (int n = 0; n < 60; n++) {
    g_assert_cmpint (gst_harness_push (h, grey_frame (SIDE, SIDE, 90, n)), ==, GST_FLOW_OK);
    g_usleep (n < 30 ? 0 : 30000); /* as fast as can be, then as a camera */
  }
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 60); /* before the event's end */
  for (int n = 0; n < 60; n++) {
    GstBuffer *out = gst_harness_pull (h);
    const GstStructure *s = result_of (out);

    g_assert_cmpuint (GST_BUFFER_PTS (out), ==, (guint64)n * GST_SECOND / 30);
    if (s != NULL) {
      GstClockTime of = result_uint64 (s, "result-pts");

      g_assert_cmpuint (of, >=, last_result);
      g_assert_cmpuint (of, <=, GST_BUFFER_PTS (out));
      g_assert_true (result_boolean (s, "fresh") == (of == GST_BUFFER_PTS (out)));
      n_fresh += result_boolean (s, "fresh");
      last_result = of;
    }
    gst_buffer_unref (out);
  }
  g_test_message ("%u of 60 with their own result", n_fresh);
  g_assert_cmpuint (n_fresh, >, 0);
  harness_free (h);
}

static void
test_flush (void)
{
  GstHarness *h = delayed_new ("auto", "always");

  for (int round = 0; round < 20; round++) {
    guint before;

    for (int n = 0; n < round; n++)
      g_assert_cmpint (gst_harness_push (h, grey_frame (SIDE, SIDE, 90, n)), ==, GST_FLOW_OK);
    harness_flush (h);
    before = gst_harness_buffers_received (h);
    g_assert_cmpint (gst_harness_push (h, grey_frame (SIDE, SIDE, 90, 1000)), ==, GST_FLOW_OK);
    while (gst_harness_buffers_received (h) < before + 1)
      g_usleep (1000);
    while (gst_harness_buffers_in_queue (h) > 0) {
      GstBuffer *out = gst_harness_pull (h);

      if (GST_BUFFER_PTS (out) >= 30 * GST_SECOND)
        g_assert_cmpuint (result_uint64 (result_of (out), "result-pts"), ==, GST_BUFFER_PTS (out));
      gst_buffer_unref (out);
    }
  }
  harness_free (h);
}

/* What downstream returns goes back upstream. */
static void
test_returns (void)
{
  GstHarness *h = delayed_new ("auto", "always");
  GstFlowReturn ret = GST_FLOW_OK;

  gst_pad_set_active (h->sinkpad, FALSE);
  for (int n = 0; n < 200 && ret == GST_FLOW_OK; n++) {
    ret = gst_harness_push (h, grey_frame (SIDE, SIDE, 90, n));
    g_usleep (10000);
  }
  g_assert_cmpint (ret, ==, GST_FLOW_FLUSHING);
  harness_free (h);
}

typedef struct {
  GMutex lock;
  GCond changed;
  guint n_pushed, n_waited, n_missed;
} Pushed;

/* Waits until another buffer came by while this one is announced. */
static void
wait_for_push (GstElement *element, const GstStructure *result, Pushed *pushed)
{
  gint64 end = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
  guint before;
  gboolean in_time = TRUE;

  (void)element, (void)result;
  g_mutex_lock (&pushed->lock);
  before = pushed->n_pushed;
  while (pushed->n_pushed == before && pushed->n_waited == 0 && in_time)
    in_time = g_cond_wait_until (&pushed->changed, &pushed->lock, end);
  pushed->n_waited++;
  pushed->n_missed += !in_time;
  g_mutex_unlock (&pushed->lock);
}

/* Whoever hears of results holds up their buffer, and no other thread. */
static void
test_signal (void)
{
  GstHarness *h = delayed_new ("auto", "always");
  Pushed pushed = {.n_pushed = 0};

  g_mutex_init (&pushed.lock);
  g_cond_init (&pushed.changed);
  g_signal_connect (h->element, "classified", G_CALLBACK (wait_for_push), &pushed);
  for (int n = 0; n < 30; n++) {
    g_assert_cmpint (gst_harness_push (h, grey_frame (SIDE, SIDE, 90, n)), ==, GST_FLOW_OK);
    g_mutex_lock (&pushed.lock);
    pushed.n_pushed++;
    g_cond_broadcast (&pushed.changed);
    g_mutex_unlock (&pushed.lock);
    g_usleep (10000);
  }
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  harness_free (h);
  g_assert_cmpuint (pushed.n_waited, >, 0);
  g_assert_cmpuint (pushed.n_missed, ==, 0);
  g_mutex_clear (&pushed.lock);
  g_cond_clear (&pushed.changed);
}

/* ---- who waits, what is left out ---------------------------------------------------------------
 */

/* What came out, in order. */
static guint
pull_all (GstHarness *h, guint *n_fresh)
{
  GstClockTime last = 0;
  GstBuffer *out;
  guint n = 0;

  *n_fresh = 0;
  while ((out = gst_harness_try_pull (h)) != NULL) {
    g_assert_true (n == 0 || GST_BUFFER_PTS (out) > last);
    last = GST_BUFFER_PTS (out);
    *n_fresh += result_of (out) != NULL && result_boolean (result_of (out), "fresh");
    n++;
    gst_buffer_unref (out);
  }
  return n;
}

typedef struct {
  const char *policy;
  gboolean all, own; /* of the frames: all arrive, all with results of their own */
} Policy;

static const Policy policies[] = {
    {"skip-inference", TRUE, FALSE},
    {"drop-frame", FALSE, TRUE},
    {"block", TRUE, TRUE},
};

/* Frames faster than they can be classified, where a camera would not wait. */
static void
test_policy (gconstpointer data)
{
  const Policy *p = data;
  GstHarness *h = delayed_new (p->policy, "always");
  guint n, n_fresh;

  for (int i = 0; i < 60; i++) {
    g_assert_cmpint (gst_harness_push (h, grey_frame (SIDE, SIDE, 90, i)), ==, GST_FLOW_OK);
    g_usleep (i < 30 ? 0 : 3000);
  }
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  n = pull_all (h, &n_fresh);
  g_test_message ("%u of 60, %u with their own results", n, n_fresh);
  g_assert_true ((n == 60) == p->all);
  g_assert_true ((n_fresh == n) == p->own);
  g_assert_cmpuint (n_fresh, >, 0);
  g_assert_cmpuint (harness_stat (h, "dropped"), ==, 60 - n);
  harness_free (h);
}

/* A buffer whose picture did not change leaves with the result of the one that did. */
static void
test_trigger (void)
{
  GstHarness *h = delayed_new ("block", "motion");
  GstClockTime of = 0;

  for (int i = 0; i < 40; i++)
    g_assert_cmpint (
        gst_harness_push (h, i / 20 % 2 ? pair_frame (SIDE, i) : grey_frame (SIDE, SIDE, 90, i)),
        ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  for (int i = 0; i < 40; i++) {
    GstBuffer *out = gst_harness_pull (h);
    const GstStructure *s = result_of (out);

    if (result_boolean (s, "fresh"))
      of = GST_BUFFER_PTS (out);
    g_assert_cmpuint (result_uint64 (s, "result-pts"), ==, of);
    if (i == 0 || i == 20)
      g_assert_true (result_boolean (s, "fresh"));
    gst_buffer_unref (out);
  }
  /* until the first result is there every frame is one that may be the first */
  g_assert_cmpuint (harness_stat (h, "inferences"), <=, 2 * 5);
  g_assert_cmpuint (harness_stat (h, "skipped-trigger"), >=, 30);
  harness_free (h);
}

/* ---- buffers of a pool ----------------------------------------------------------------------- */

static GstBufferPool *
pool_new (GstHarness *h, guint n)
{
  GstBufferPool *pool = gst_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_pad_get_current_caps (h->srcpad);

  gst_buffer_pool_config_set_params (config, caps, SIDE * SIDE * 3 / 2, n, n);
  g_assert_true (gst_buffer_pool_set_config (pool, config));
  g_assert_true (gst_buffer_pool_set_active (pool, TRUE));
  gst_caps_unref (caps);
  return pool;
}

/* With four buffers in all, four are on their way at most, and all arrive. */
static void
test_small_pool (gconstpointer policy)
{
  GstHarness *h = delayed_new (policy, "always");
  GstBufferPool *pool = pool_new (h, 4);
  gint64 start = g_get_monotonic_time ();

  gst_harness_set_drop_buffers (h, TRUE);
  for (guint n = 0; n < 60; n++) {
    GstBuffer *buffer;

    g_assert_cmpint (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), ==, GST_FLOW_OK);
    GST_BUFFER_PTS (buffer) = n * GST_SECOND / 30;
    g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
  }
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 60);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 60 * G_USEC_PER_SEC);
  harness_free (h);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
}

/* What downstream answers: a pool of its own, or nothing. */
static gboolean
answer (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstBufferPool *pool = g_object_get_data (G_OBJECT (pad), "pool");

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return gst_pad_query_default (pad, parent, query);
  if (pool == NULL)
    return FALSE;
  gst_query_add_allocation_pool (query, pool, 100, 2, 4); /* cannot be more than four */
  gst_query_add_allocation_pool (query, pool, 100, 3, 0);
  return TRUE;
}

static guint
least_buffers (GstHarness *h, guint at, guint *max, gboolean *has_pool)
{
  GstCaps *caps = gst_pad_get_current_caps (h->srcpad);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);
  GstBufferPool *pool;
  guint size, min;

  g_assert_true (gst_pad_peer_query (h->srcpad, query));
  gst_query_parse_nth_allocation_pool (query, at, &pool, &size, &min, max);
  g_assert_cmpuint (size, >=, 100);
  *has_pool = pool != NULL;
  gst_clear_object (&pool);
  gst_query_unref (query);
  gst_caps_unref (caps);
  return min;
}

/* Whoever allocates hears how many buffers are held on top of what downstream wants. */
static void
test_allocation (void)
{
  GstHarness *h = delayed_new ("auto", "always");
  GstBufferPool *pool = pool_new (h, 4);
  gboolean has_pool;
  guint max;

  gst_pad_set_query_function (h->sinkpad, answer);
  g_assert_cmpuint (least_buffers (h, 0, &max, &has_pool), ==, 17);
  g_assert_false (has_pool);
  g_object_set_data (G_OBJECT (h->sinkpad), "pool", pool);
  g_assert_cmpuint (least_buffers (h, 0, &max, &has_pool), ==, 2 + 17);
  g_assert_cmpuint (max, ==, 0);
  g_assert_false (has_pool);
  g_assert_cmpuint (least_buffers (h, 1, &max, &has_pool), ==, 3 + 17);
  g_assert_true (has_pool);
  harness_free (h);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/delayed/live", test_live);
  g_test_add_func ("/gst/delayed/flush", test_flush);
  g_test_add_func ("/gst/delayed/returns", test_returns);
  g_test_add_func ("/gst/delayed/signal", test_signal);
  for (guint i = 0; i < G_N_ELEMENTS (policies); i++) {
    g_autofree char *path = g_strdup_printf ("/gst/delayed/policy/%s", policies[i].policy);

    g_test_add_data_func (path, &policies[i], test_policy);
  }
  g_test_add_func ("/gst/delayed/trigger", test_trigger);
  g_test_add_data_func ("/gst/delayed/small-pool/auto", "auto", test_small_pool);
  g_test_add_data_func ("/gst/delayed/small-pool/block", "block", test_small_pool);
  g_test_add_func ("/gst/delayed/allocation", test_allocation);
  return g_test_run ();
}
