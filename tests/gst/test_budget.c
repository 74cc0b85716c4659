/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * latency-budget's decisions in simulated time: a camera, a network whose runs cost what its input
 * has pixels, and others in the queue; then the element. */
#include "common.h"

#include "classify/budget.h"

#define MS    GST_MSECOND
#define FRAME (GST_SECOND / 30)
#define FULL  224

typedef struct {
  GstEffnetBudget budget;
  GstClockTime now;
  guint frame;
  GRand *rand;
  double work;      /* ms of a run with the full input */
  double wait;      /* ms in the queue, when every frame is classified */
  double knee;      /* not 0: there is no wait at all from this interval on */
  double noise;     /* of the work, 0..1 */
  guint steps[6];   /* taken, by reason */
  GString *history; /* their reasons' initials */
} Stream;

static void
stream_init (Stream *s, guint64 budget_ms)
{
  *s = (Stream){.now = GST_SECOND, .rand = g_rand_new_with_seed (3), .noise = 0.1};
  s->history = g_string_new (NULL);
  gst_effnet_budget_init (&s->budget);
  gst_effnet_budget_set_model (&s->budget, FULL);
  g_assert_cmpint (gst_effnet_budget_set (&s->budget, budget_ms * MS), ==, GST_EFFNET_BUDGET_STAY);
}

static void
stream_clear (Stream *s)
{
  g_rand_free (s->rand);
  g_string_free (s->history, TRUE);
}

/* One frame that is classified; returns what was decided. */
static GstEffnetBudgetStep
classify (Stream *s)
{
  double share = (double)s->budget.side * s->budget.side / (FULL * FULL);
  double work = s->work * share * g_rand_double_range (s->rand, 1.0 - s->noise, 1.0);
  double wait = s->knee > 0.0 && s->budget.slower >= s->knee ? 0.0 : s->wait / s->budget.slower;
  GstEffnetBudgetJob job = {.arrived = s->now,
                            .now = s->now + (GstClockTime)((work + wait) * (double)MS),
                            .wait_ns = (guint64)(wait * (double)MS),
                            .side = s->budget.side};
  GstEffnetBudgetStep step = gst_effnet_budget_add (&s->budget, &job);

  s->steps[step]++;
  if (step != GST_EFFNET_BUDGET_STAY)
    g_string_append_c (s->history, gst_effnet_budget_text (step)[0]);
  g_assert_true (s->budget.side == FULL || s->budget.side % 32 == 0);
  g_assert_cmpuint (s->budget.side, >=, 128);
  g_assert_cmpuint (s->budget.side, <=, FULL);
  g_assert_cmpuint (s->budget.slower, >=, 1);
  g_assert_cmpuint (s->budget.slower, <=, GST_EFFNET_BUDGET_SLOWEST);
  return step;
}

static void
run (Stream *s, double seconds)
{
  GstClockTime end = s->now + (GstClockTime)(seconds * 1e9);

  for (; s->now < end; s->now += FRAME) {
    if (s->frame++ % s->budget.slower == 0)
      classify (s);
  }
}

/* What fits is left alone, and so is everything without a budget. */
static void
test_fits (void)
{
  for (guint64 budget = 0; budget <= 50; budget += 50) {
    Stream s;

    stream_init (&s, budget);
    s.work = budget > 0 ? 30.0 : 3000.0;
    s.wait = budget > 0 ? 19.0 : 900.0;
    run (&s, 60.0);
    g_assert_cmpstr (s.history->str, ==, "");
    stream_clear (&s);
  }
}

/* One step to the side that fits, which then stays: that it nearly fits as it was is no room. */
static void
test_slow_inference (void)
{
  static const struct {
    double work;
    guint64 budget;
    guint side;
  } rows[] = {{60.0, 40, 160}, {45.0, 40, 160}, {41.0, 40, 192}, {90.0, 40, 128}, {30.0, 26, 160}};

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    Stream s;

    stream_init (&s, rows[i].budget);
    s.work = rows[i].work;
    run (&s, 1200.0);
    g_assert_cmpstr (s.history->str, ==, "i");
    g_assert_cmpuint (s.budget.side, ==, rows[i].side);
    g_assert_cmpuint (s.budget.slower, ==, 1);
    g_assert_cmpuint (s.budget.p95, <=, rows[i].budget * MS);
    stream_clear (&s);
  }
}

/* As much as helps, and one word that it is not enough. */
static void
test_impossible (void)
{
  Stream s;

  stream_init (&s, 40);
  s.work = 400.0;
  run (&s, 600.0);
  g_assert_cmpstr (s.history->str, ==, "ie");
  g_assert_cmpuint (s.budget.side, ==, 128);
  g_assert_cmpuint (s.budget.slower, ==, 1);
  s.wait = 4000.0; /* and others come */
  run (&s, 600.0);
  g_assert_cmpstr (s.history->str, ==, "iewwwwe");
  stream_clear (&s);
}

/* The queue is long: the interval grows, and comes back when the others have gone. */
static void
test_wait (void)
{
  Stream s;

  stream_init (&s, 40);
  s.work = 10.0;
  s.wait = 100.0;
  run (&s, 60.0);
  g_assert_cmpstr (s.history->str, ==, "ww");
  g_assert_cmpuint (s.budget.slower, ==, 4);
  g_assert_cmpuint (s.budget.side, ==, FULL);
  s.wait = 2.0;
  run (&s, 60.0);
  g_assert_cmpstr (s.history->str, ==, "wwrr");
  g_assert_cmpuint (s.budget.slower, ==, 1);
  stream_clear (&s);
}

/* The last step is undone first, and each only after there was room for two seconds. */
static void
test_order (void)
{
  GstClockTime last;
  guint sides[3];
  Stream s;

  stream_init (&s, 40);
  s.work = 60.0;
  run (&s, 10.0);
  s.wait = 30.0;
  run (&s, 10.0);
  g_assert_cmpstr (s.history->str, ==, "iww");
  g_assert_cmpuint (s.budget.slower, ==, 4);
  s.work = 5.0;
  s.wait = 0.0;
  last = s.now;
  for (guint i = 0; i < 3; s.now += FRAME) {
    if (classify (&s) == GST_EFFNET_BUDGET_STAY)
      continue;
    g_assert_cmpuint (s.now - last, >=, (i > 0 ? 2 * GST_SECOND : 0));
    last = s.now;
    sides[i++] = s.budget.side;
    g_assert_cmpuint (s.now, <, 40 * GST_SECOND);
  }
  g_assert_cmpstr (s.history->str, ==, "iwwrrr");
  g_assert_cmpuint (sides[0], ==, 160);
  g_assert_cmpuint (sides[1], ==, 160);
  g_assert_cmpuint (sides[2], ==, FULL);
  g_assert_cmpuint (s.budget.slower, ==, 1);
  stream_clear (&s);
}

/* Half the room there was: the input grows as far as it fits. */
static void
test_part_of_the_way (void)
{
  Stream s;

  stream_init (&s, 40);
  s.work = 95.0;
  run (&s, 10.0);
  g_assert_cmpuint (s.budget.side, ==, 128);
  s.work = 50.0;
  run (&s, 10.0);
  g_assert_cmpuint (s.budget.side, ==, 160);
  s.work = 30.0;
  run (&s, 10.0);
  g_assert_cmpuint (s.budget.side, ==, FULL);
  g_assert_cmpstr (s.history->str, ==, "irr");
  stream_clear (&s);
}

/* Where the step back never lasts it is tried ever more seldom, at any rate of frames. */
static void
test_no_oscillation (void)
{
  for (int slow = 0; slow < 2; slow++) {
    Stream s;

    stream_init (&s, 40);
    s.work = 10.0;
    s.wait = 100.0;
    s.knee = 2.0;
    if (slow) {
      for (int i = 0; i < 3600; i++, s.now += GST_SECOND)
        classify (&s);
    } else {
      run (&s, 3600.0);
    }
    g_test_message ("%s: %s", slow ? "1 fps" : "30 fps", s.history->str);
    g_assert_cmpuint (s.steps[GST_EFFNET_BUDGET_ROOM], >, 3);
    g_assert_cmpuint (s.steps[GST_EFFNET_BUDGET_ROOM], <, slow ? 40 : 20);
    g_assert_cmpuint (s.budget.hold, ==, GST_EFFNET_BUDGET_HOLD_MAX);
    /* what does last makes it short again */
    s.wait = 0.0;
    run (&s, 3600.0);
    g_assert_cmpuint (s.budget.slower, ==, 1);
    s.wait = 100.0;
    run (&s, 10.0);
    g_assert_cmpuint (s.budget.hold, <=, 4 * GST_EFFNET_BUDGET_HOLD);
    stream_clear (&s);
  }
}

/* One of forty may be late; jobs of before a step, and of another input, say nothing. */
static void
test_samples (void)
{
  Stream s;
  GstEffnetBudgetJob stale;

  stream_init (&s, 40);
  s.work = 10.0;
  for (int i = 0; i < 3000; i++, s.now += FRAME) {
    s.wait = i % 41 == 7 ? 500.0 : 0.0;
    classify (&s);
  }
  g_assert_cmpstr (s.history->str, ==, "");
  s.work = 60.0;
  s.wait = 0.0;
  run (&s, 5.0);
  g_assert_cmpstr (s.history->str, ==, "i");
  stale = (GstEffnetBudgetJob){.arrived = s.now, .now = s.now + 900 * MS, .side = FULL};
  for (int i = 0; i < 100; i++)
    g_assert_cmpint (gst_effnet_budget_add (&s.budget, &stale), ==, GST_EFFNET_BUDGET_STAY);
  stale.side = s.budget.side;
  stale.arrived = s.budget.stepped_at - 1;
  for (int i = 0; i < 100; i++)
    g_assert_cmpint (gst_effnet_budget_add (&s.budget, &stale), ==, GST_EFFNET_BUDGET_STAY);
  g_assert_cmpuint (s.budget.side, ==, 160);
  stream_clear (&s);
}

static void
test_off (void)
{
  Stream s;

  stream_init (&s, 40);
  s.work = 60.0;
  s.wait = 80.0;
  run (&s, 20.0);
  g_assert_cmpuint (s.budget.side, <, FULL);
  g_assert_cmpuint (s.budget.slower, >, 1);
  g_assert_cmpint (gst_effnet_budget_set (&s.budget, 40 * MS), ==, GST_EFFNET_BUDGET_STAY);
  g_assert_cmpint (gst_effnet_budget_set (&s.budget, 0), ==, GST_EFFNET_BUDGET_OFF);
  g_assert_cmpuint (s.budget.side, ==, FULL);
  g_assert_cmpuint (s.budget.slower, ==, 1);
  g_assert_cmpint (gst_effnet_budget_set (&s.budget, 0), ==, GST_EFFNET_BUDGET_STAY);
  g_assert_cmpint (gst_effnet_budget_set (&s.budget, 40 * MS), ==, GST_EFFNET_BUDGET_STAY);
  g_assert_cmpint (gst_effnet_budget_set (&s.budget, 0), ==, GST_EFFNET_BUDGET_STAY);
  stream_clear (&s);
}

/* Not below about half, in multiples of 32. */
static void
test_sides (void)
{
  static const guint sides[][2] = {{20, 20},   {32, 32},   {64, 32},   {224, 128}, {240, 128},
                                   {260, 128}, {300, 160}, {380, 192}, {456, 224}, {600, 288}};

  for (gsize i = 0; i < G_N_ELEMENTS (sides); i++) {
    GstEffnetBudget budget;

    gst_effnet_budget_init (&budget);
    gst_effnet_budget_set_model (&budget, sides[i][0]);
    gst_effnet_budget_set (&budget, 1 * MS);
    for (int n = 0; n < 100; n++) {
      GstEffnetBudgetJob job = {n * FRAME, (n + 10) * FRAME, 0, budget.side};

      gst_effnet_budget_add (&budget, &job);
    }
    g_assert_cmpuint (budget.side, ==, sides[i][1]);
  }
}

/* A smaller input is not to be had: it is not asked for again. Another model begins with its own
 * size, and what was done to the interval can still be undone. */
static void
test_models (void)
{
  Stream s;

  stream_init (&s, 40);
  s.work = 60.0;
  run (&s, 5.0);
  g_assert_cmpstr (s.history->str, ==, "i");
  gst_effnet_budget_refuse (&s.budget, FULL);
  run (&s, 60.0);
  g_assert_cmpstr (s.history->str, ==, "ie");
  g_assert_cmpuint (s.budget.side, ==, FULL);
  gst_effnet_budget_set_model (&s.budget, FULL);
  s.wait = 45.0;
  run (&s, 20.0);
  g_assert_cmpuint (s.budget.slower, >, 1);
  g_assert_cmpuint (s.budget.side, ==, 160);
  gst_effnet_budget_set_model (&s.budget, FULL);
  g_assert_cmpuint (s.budget.side, ==, FULL);
  s.work = 1.0;
  s.wait = 0.0;
  run (&s, 60.0);
  g_assert_cmpuint (s.budget.slower, ==, 1);
  g_assert_cmpuint (s.budget.n_undo, ==, 0);
  stream_clear (&s);
}

/* A larger one is not to be had: the step back stays to be made, later. */
static void
test_refused_back (void)
{
  Stream s;

  stream_init (&s, 40);
  s.work = 60.0;
  run (&s, 5.0);
  s.work = 5.0;
  while (s.budget.side != FULL && s.now < 60 * GST_SECOND)
    run (&s, 0.03);
  g_assert_cmpuint (s.budget.side, ==, FULL);
  gst_effnet_budget_refuse (&s.budget, 160);
  g_assert_cmpuint (s.budget.side, ==, 160);
  run (&s, 3.0);
  g_assert_cmpuint (s.budget.side, ==, 160);
  run (&s, 10.0);
  g_assert_cmpuint (s.budget.side, ==, FULL);
  g_assert_cmpuint (s.budget.n_undo, ==, 0);
  stream_clear (&s);
}

/* ---- the element ----------------------------------------------------------------------------- */

static guint
stat_uint (GstHarness *h, const char *name)
{
  GstStructure *stats;
  guint value;

  g_object_get (h->element, "stats", &stats, NULL);
  value = result_uint (stats, name);
  gst_structure_free (stats);
  return value;
}

static gboolean
is_step (GstMessage *message, const char *reason)
{
  const GstStructure *s = gst_message_get_structure (message);

  return gst_message_has_name (message, "effnetclassify-adapt") &&
         g_str_equal (gst_structure_get_string (s, "reason"), reason);
}

/* The oldest message about a step of that reason is there, and what it says fits. */
static void
expect_step (GstHarness *h, const char *reason, GstClockTime budget)
{
  GstMessage *message;
  const GstStructure *s;

  while ((message = harness_pop_message (h, GST_MESSAGE_ELEMENT)) != NULL &&
         !is_step (message, reason))
    gst_message_unref (message);
  g_assert_nonnull (message);
  s = gst_message_get_structure (message);
  if (result_uint64 (s, "budget-ns") / 2 != budget) /* it was halved while the step was made */
    g_assert_cmpuint (result_uint64 (s, "budget-ns"), ==, budget);
  g_assert_cmpuint (result_uint (s, "interval"), >=, 1);
  g_assert_cmpuint (result_uint (s, "input-height"), ==, result_uint (s, "input-width"));
  if (g_str_equal (reason, "inference-slow")) {
    g_assert_cmpuint (result_uint64 (s, "latency-ns"), >, result_uint64 (s, "budget-ns"));
    g_assert_cmpuint (result_uint (s, "input-width"), <, 224);
  }
  gst_message_unref (message);
}

typedef struct {
  GstHarness *h;
  GstBuffer *photo;
  gulong pause; /* us, before each frame */
} Camera;

/* One frame. In async mode the next one comes when it has its result, or about then. */
static GstBuffer *
push_photo (const Camera *c)
{
  guint64 n = harness_stat (c->h, "frames");

  g_usleep (c->pause);
  return push_pull (c->h, stamped (gst_buffer_copy_deep (c->photo), (int)n));
}

/* Frames, until the input is of its full size or not. Each has a result and a stable label,
 * whatever model gave it. FALSE: there were @most, and it is not. */
static gboolean
push_until (const Camera *c, gboolean full, int most)
{
  for (int i = 0; i < most; i++) {
    GstBuffer *out;

    if ((stat_uint (c->h, "input-side") == 224) == full)
      return TRUE;
    out = push_photo (c);
    g_assert_cmpstr (gst_structure_get_string (result_of (out), "stable-label"), !=, "");
    gst_buffer_unref (out);
  }
  return FALSE;
}

/* Sets a budget that the full input does not keep, until it is not full any more. Returns: it */
static GstClockTime
make_it_shrink (const Camera *c, GstClockTime budget)
{
  g_object_set (c->h->element, "latency-budget", budget, NULL);
  while (!push_until (c, FALSE, 100)) { /* the machine has become faster */
    budget /= 2;
    g_assert_cmpuint (budget, >, 0);
    g_object_set (c->h->element, "latency-budget", budget, NULL);
  }
  return budget;
}

/* A budget that the model cannot keep with its own input. It is undone at once when there is none
 * any more, and step by step when there is room. The next stream begins with the full size. */
static void
test_element (gconstpointer mode)
{
  GstHarness *h = harness_new ("inference-mode", GPOINTER_TO_INT (mode), "smoothing", 2,
                               "switch-after", 5, NULL);
  Camera c = {h, photo_frame ("cat.jpg", 320, 240),
              GPOINTER_TO_INT (mode) == MODE_ASYNC ? 100000 : 0};
  GstClockTime budget;
  guint side;

  set_i420_caps (h, 320, 240);
  for (int n = 0; n < 12; n++)
    gst_buffer_unref (push_photo (&c));
  c.pause = MIN (c.pause, (gulong)(2 * harness_stat (h, "latency-p50") / 1000));
  g_assert_cmpuint (stat_uint (h, "input-side"), ==, 224);
  budget = make_it_shrink (&c, harness_stat (h, "latency-p50") * 6 / 10);
  expect_step (h, "inference-slow", budget);
  side = stat_uint (h, "input-side");
  g_assert_cmpuint (side % 32, ==, 0);
  g_assert_cmpuint (side, >=, 128);
  g_assert_cmpuint (harness_info (h, "input-width"), ==, side);

  harness_count_messages (h, GST_MESSAGE_ELEMENT);
  g_object_set (h->element, "latency-budget", G_GUINT64_CONSTANT (0), NULL);
  g_assert_true (push_until (&c, TRUE, 3000));
  expect_step (h, "off", 0);
  g_assert_cmpuint (harness_info (h, "input-width"), ==, 224);

  budget = make_it_shrink (&c, budget);
  g_object_set (h->element, "latency-budget", 60 * GST_SECOND, NULL);
  harness_count_messages (h, GST_MESSAGE_ELEMENT);
  g_assert_true (push_until (&c, TRUE, 20000));
  expect_step (h, "room", 60 * GST_SECOND);

  make_it_shrink (&c, budget);
  g_signal_emit_by_name (h->element, "reload"); /* a model of its own size, adapted anew */
  g_assert_true (push_until (&c, TRUE, 3000));
  make_it_shrink (&c, budget);
  gst_element_set_state (h->element, GST_STATE_READY);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  g_assert_cmpuint (stat_uint (h, "input-side"), ==, 224);
  g_assert_cmpuint (stat_uint (h, "interval-factor"), ==, 1);
  gst_buffer_unref (c.photo);
  harness_free (h);
}

static guint64
late_jobs (GstHarness *h)
{
  const GstStructure *queue;
  GstStructure *stats;
  guint64 late;

  g_object_get (h->element, "stats", &stats, NULL);
  queue = gst_value_get_structure (gst_structure_get_value (stats, "queue"));
  late = result_uint64 (queue, "late");
  gst_structure_free (stats);
  return late;
}

/* The scheduler knows by when a frame's turn has to come. */
static void
test_deadline (void)
{
  static const guint64 budgets[] = {0, 1, 60 * GST_SECOND}, late[] = {0, 5, 5};
  GstHarness *h = harness_new (NULL, NULL);

  set_i420_caps (h, 64, 48);
  for (int i = 0; i < 3; i++) {
    g_object_set (h->element, "latency-budget", budgets[i], NULL);
    for (int n = 0; n < 5; n++)
      gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 5 * i + n)));
    g_assert_cmpuint (late_jobs (h), ==, late[i]);
  }
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/budget/fits", test_fits);
  g_test_add_func ("/budget/slow-inference", test_slow_inference);
  g_test_add_func ("/budget/impossible", test_impossible);
  g_test_add_func ("/budget/wait", test_wait);
  g_test_add_func ("/budget/order", test_order);
  g_test_add_func ("/budget/part-of-the-way", test_part_of_the_way);
  g_test_add_func ("/budget/no-oscillation", test_no_oscillation);
  g_test_add_func ("/budget/samples", test_samples);
  g_test_add_func ("/budget/off", test_off);
  g_test_add_func ("/budget/sides", test_sides);
  g_test_add_func ("/budget/models", test_models);
  g_test_add_func ("/budget/refused-back", test_refused_back);
  g_test_add_data_func ("/budget/sync", GINT_TO_POINTER (MODE_SYNC), test_element);
  g_test_add_data_func ("/budget/async", GINT_TO_POINTER (MODE_ASYNC), test_element);
  g_test_add_data_func ("/budget/delayed", GINT_TO_POINTER (MODE_DELAYED), test_element);
  g_test_add_func ("/budget/deadline", test_deadline);
  return g_test_run ();
}
