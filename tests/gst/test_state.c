/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rules about classes, and stable classes, by themselves: sequences by hand, and random ones
 * against an oracle that keeps all of a part's history and starts from its beginning for each
 * answer. */
#include "common.h"
#include "state.h"

#include <math.h>
#include <string.h>

#define NONE    GST_EFFNET_CLASS_NONE
#define UNKNOWN GST_EFFNET_CLASS_UNKNOWN

static const char *const labels[] = {"cat", "dog", "tench, Tinca tinca", "crane", "Crane",
                                     NULL,  "7",   "\xc3\x84pfel"};

#define N_CLASSES G_N_ELEMENTS (labels)

/* ---- rules ----------------------------------------------------------------------------------- */

static GstEffnetClassFilter *
filter_new (const char *allow, const char *deny, const char *thresholds, double threshold,
            double unknown, char **complaint)
{
  const char *texts[] = {allow, deny, thresholds};
  GError *error = NULL;
  GstEffnetClassRules *rules = gst_effnet_class_rules_new (texts, threshold, unknown, &error);
  GstEffnetClassFilter *filter;
  char *unexpected = NULL;

  g_assert_no_error (error);
  filter = gst_effnet_class_filter_new (rules, labels, N_CLASSES,
                                        complaint != NULL ? complaint : &unexpected);
  g_assert_null (unexpected);
  gst_effnet_class_rules_unref (rules);
  return filter;
}

/* "1100...": which classes a rule leaves. */
static void
assert_allowed (const char *allow, const char *deny, const char *expected)
{
  GstEffnetClassFilter *filter = filter_new (allow, deny, NULL, 0.0, 0.0, NULL);

  for (guint i = 0; i < N_CLASSES; i++)
    g_assert_cmpint (filter->floor[i] != HUGE_VAL, ==, expected[i] == '1');
  gst_effnet_class_filter_free (filter);
}

static void
test_names (void)
{
  assert_allowed (NULL, NULL, "11111111");
  assert_allowed ("", "", "11111111");
  assert_allowed ("cat", NULL, "10000000");
  assert_allowed (" CAT , dog ,", NULL, "11000000");
  assert_allowed ("tench", NULL, "00100000");
  assert_allowed ("tench, Tinca tinca", NULL, "00100000");
  assert_allowed ("crane", NULL, "00011000"); /* both that are called so */
  assert_allowed ("5", NULL, "00000100");     /* has no name */
  assert_allowed ("7", NULL, "00000010");     /* a name before a number */
  assert_allowed ("\xc3\xa4PFEL", NULL, "00000001");
  assert_allowed (NULL, "cat,1", "00111111");
  assert_allowed ("cat,dog", "dog", "10000000");
}

static void
test_unknown_names (void)
{
  static const struct {
    const char *allow, *words[4];
  } rows[] = {
      {"cta", {"class-allow", "\"cta\"", "\"cat\"", NULL}},
      {"cat,bus,8", {"\"bus\"", "\"8\"", "of its 8 classes", NULL}},
      {"tinca", {"\"tinca\"", "near", "Tinca tinca", NULL}},
      {"cat,-1", {"\"-1\"", NULL}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    char *complaint = NULL;
    GstEffnetClassFilter *filter = filter_new (rows[i].allow, NULL, NULL, 0.0, 0.0, &complaint);

    g_assert_nonnull (complaint);
    for (const char *const *word = rows[i].words; *word != NULL; word++) {
      if (strstr (complaint, *word) == NULL)
        g_error ("\"%s\" does not say %s", complaint, *word);
    }
    g_assert_null (strstr (complaint, "xyz"));
    g_assert_cmpint (filter->floor[0] != HUGE_VAL, ==, strstr (rows[i].allow, "cat") != NULL);
    g_free (complaint);
    gst_effnet_class_filter_free (filter);
  }
}

static void
test_texts_that_are_none (void)
{
  static const char *const texts[] = {"cat",      "cat=",     "=0.5",       "cat=high",
                                      "cat=1.5",  "cat=-0.1", "cat=nan",    "cat=0.5,dog",
                                      "\xff=0.5", "c\x01t",   "\x1b[31m=2", "\xe2\x80\xae\n=x"};

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    const char *all[] = {NULL, NULL, texts[i]};
    GError *error = NULL;

    g_assert_null (gst_effnet_class_rules_new (all, 0.0, 0.0, &error));
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
    g_assert_nonnull (strstr (error->message, "class-thresholds"));
    g_assert_null (strpbrk (error->message, "\x01\x1b\n"));
    g_assert_null (strstr (error->message, "\xe2\x80\xae"));
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_error_free (error);
  }
}

/* In characters, of the part and not of the text. */
static void
test_place_in_text (void)
{
  static const char *const texts[][2] = {{"cat", "class-thresholds:1: \"cat\""},
                                         {"caf\xc3\xa9=0.5,,  dog", "class-thresholds:13: "},
                                         {"cat=0.5,dog=2,", "class-thresholds:9: \"dog=2\""}};

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    const char *all[] = {NULL, NULL, texts[i][0]};
    GError *error = NULL;

    g_assert_null (gst_effnet_class_rules_new (all, 0.0, 0.0, &error));
    g_test_message ("%s", error->message);
    g_assert_nonnull (strstr (error->message, texts[i][1]));
    g_error_free (error);
  }
}

static void
test_answers (void)
{
  static const float scores[N_CLASSES] = {0.3f, 0.4f, 0.1f, 0.05f, 0.05f, 0.05f, 0.05f, 0.0f};
  static const struct {
    const char *allow, *deny, *thresholds;
    double threshold, unknown;
    int answer;
    double best;
    guint n;
  } rows[] = {
      {NULL, NULL, NULL, 0.0, 0.0, 1, 0.4, 8},
      {NULL, "dog", NULL, 0.0, 0.0, 0, 0.3, 7},
      {"5", NULL, NULL, 0.0, 0.0, 5, 0.05, 1},
      {NULL, NULL, NULL, 0.25, 0.0, 1, 0.4, 2},
      {NULL, NULL, NULL, 0.5, 0.0, NONE, 0.4, 0},
      {NULL, NULL, "cat=0.2", 0.5, 0.0, 0, 0.4, 1}, /* its own counts */
      {NULL, NULL, "dog=0.6", 0.0, 0.0, 0, 0.4, 7},
      {"cat", NULL, "dog=0.1", 0.0, 0.0, 0, 0.3, 1}, /* a threshold allows nothing */
      {NULL, NULL, NULL, 0.0, 0.45, UNKNOWN, 0.4, 8},
      {NULL, NULL, NULL, 0.5, 0.45, UNKNOWN, 0.4, 0},
      {NULL, NULL, NULL, 0.0, (double)0.4f, 1, 0.4, 8}, /* just reaches it */
      {NULL, NULL, NULL, 0.5, 0.35, NONE, 0.4, 0},
      {NULL, "dog", NULL, 0.0, 0.35, UNKNOWN, 0.3, 7}, /* what is left out does not count */
      {"cat", "cat", NULL, 0.0, 0.35, NONE, 0.0, 0},
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    GstEffnetClassFilter *filter = filter_new (rows[i].allow, rows[i].deny, rows[i].thresholds,
                                               rows[i].threshold, rows[i].unknown, NULL);
    EffnetScore top[N_CLASSES + 1];
    guint n = gst_effnet_class_filter_top (filter, scores, G_N_ELEMENTS (top), top);
    double best;

    g_assert_cmpint (gst_effnet_class_filter_answer (filter, scores, &best), ==, rows[i].answer);
    g_assert_cmpfloat_with_epsilon (best, rows[i].best, 1e-7);
    g_assert_cmpuint (n, ==, rows[i].n);
    for (guint k = 0; k + 1 < n; k++)
      g_assert_true (top[k].score > top[k + 1].score ||
                     (top[k].score == top[k + 1].score && top[k].id < top[k + 1].id));
    if (n > 0 && rows[i].answer >= 0)
      g_assert_cmpint ((int)top[0].id, ==, rows[i].answer);
    if (n > 1)
      g_assert_cmpuint (gst_effnet_class_filter_top (filter, scores, 1, top), ==, 1);
    gst_effnet_class_filter_free (filter);
  }
}

/* Without rules the ranking is the library's. */
static void
test_ranking (void)
{
  GstEffnetClassFilter *filter = filter_new (NULL, NULL, NULL, 0.0, 0.0, NULL);
  GRand *rand = g_rand_new_with_seed (1);

  for (guint round = 0; round < 500; round++) {
    guint k = (guint)g_rand_int_range (rand, 1, N_CLASSES + 1);
    EffnetScore want[N_CLASSES], got[N_CLASSES];
    float scores[N_CLASSES];
    EffnetResult result = {.probabilities = scores, .n_classes = N_CLASSES};

    for (guint i = 0; i < N_CLASSES; i++)
      scores[i] = (float)g_rand_int_range (rand, -2, 3);
    g_assert_cmpuint (effnet_result_top_k (&result, k, want), ==, k);
    g_assert_cmpuint (gst_effnet_class_filter_top (filter, scores, k, got), ==, k);
    g_assert_cmpmem (got, k * sizeof *got, want, k * sizeof *want);
  }
  g_rand_free (rand);
  gst_effnet_class_filter_free (filter);
}

/* ---- stable classes, by hand ----------------------------------------------------------------- */

static GstEffnetState
feed (GstEffnetStates *states, const GstEffnetStateSettings *settings, const char *part, int number,
      GstClockTime time, int best)
{
  GstEffnetObservation observation = {
      .part = part, .number = number, .head = "", .running_time = time, .best = best};

  gst_effnet_states_advance (states, time);
  return gst_effnet_states_feed (states, settings, &observation);
}

/* Classes as letters, '-' none, '?' unknown, a result a second. */
static void
assert_sequence (const GstEffnetStateSettings *settings, const char *raw, const char *stable)
{
  GstEffnetStates *states = gst_effnet_states_new ();
  int before = NONE;
  GstClockTime since = GST_CLOCK_TIME_NONE;

  g_assert_cmpuint (strlen (raw), ==, strlen (stable));
  for (guint i = 0; raw[i] != '\0'; i++) {
    int best = raw[i] == '-' ? NONE : raw[i] == '?' ? UNKNOWN : raw[i] - 'A';
    int want = stable[i] == '-' ? NONE : stable[i] == '?' ? UNKNOWN : stable[i] - 'A';
    GstEffnetState state = feed (states, settings, "full-frame", -1, i * GST_SECOND, best);

    if (state.id != want)
      g_error ("%s: the stable class of result %u is %d, not %d", raw, i, state.id, want);
    g_assert_cmpint (state.changed, ==, want != before);
    if (state.changed) {
      g_assert_cmpint (state.before, ==, before);
      since = i * GST_SECOND;
    }
    g_assert_cmpuint (state.since, ==, since);
    before = want;
  }
  gst_effnet_states_free (states);
}

static void
test_sequences (void)
{
  const GstEffnetSmoothing vote = GST_EFFNET_SMOOTHING_VOTE;
  const GstClockTime held = 4 * GST_SECOND;
  const GstEffnetStateSettings plain = {vote, 1, 1, 0}, patient = {vote, 1, 3, 0},
                               majority = {vote, 3, 1, 0}, holding = {vote, 1, 1, held},
                               both = {vote, 1, 2, held};

  assert_sequence (&plain, "AABA-?A", "AABA-?A");
  /* the third in a row; another challenger starts over, and so does the stable one */
  assert_sequence (&patient, "AAABBCBBB", "--AAAAAAB");
  assert_sequence (&patient, "AAABBABB", "--AAAAAA");
  assert_sequence (&patient, "AAA---???",
                   "--AAA--"
                   "-?");
  /* two of three; of equals the stable one stays, before the first the newest counts */
  assert_sequence (&majority, "AABBCDD", "AAABBBD");
  assert_sequence (&majority, "ABABAB", "AAABAB");
  /* from the change on at least that long; the first of all is not held up */
  assert_sequence (&holding, "ABBBBBA", "AAAABBB");
  assert_sequence (&both, "AABBBBBBA", "-AAAABBBB");
}

/* Scores that jump: the average crosses where alpha = 2 / (3 + 1) says. */
static void
test_average (void)
{
  GstEffnetStateSettings settings = {GST_EFFNET_SMOOTHING_EMA, 3, 1, 0};
  GstEffnetClassFilter *filter = filter_new (NULL, NULL, NULL, 0.0, 0.45, NULL);
  GstEffnetStates *states = gst_effnet_states_new ();
  /* averages of cat: 0.9 0.5 0.7 0.4 0.25; of dog: 0.1 0.3 0.2 0.3 0.45 */
  static const float cat[] = {0.9f, 0.1f, 0.9f, 0.1f, 0.1f},
                     dog[] = {0.1f, 0.5f, 0.1f, 0.4f, 0.61f};
  static const int want[] = {0, 0, 0, UNKNOWN, 1};

  for (guint i = 0; i < G_N_ELEMENTS (cat); i++) {
    float scores[N_CLASSES] = {cat[i], dog[i]};
    GstEffnetObservation observation = {"full-frame",   -1,   "",     1,
                                        i * GST_SECOND, NONE, scores, filter};

    gst_effnet_states_advance (states, i * GST_SECOND);
    g_assert_cmpint (gst_effnet_states_feed (states, &settings, &observation).id, ==, want[i]);
  }
  gst_effnet_states_free (states);
  gst_effnet_class_filter_free (filter);
}

/* ---- an oracle ------------------------------------------------------------------------------- */

typedef struct {
  float scores[3];
  int best;
  GstClockTime time;
} Seen;

/* The smoothed answer after the first @n of @seen, with all of them looked at. */
static int
smoothed_of (const GstEffnetStateSettings *s, const Seen *seen, guint n, int stable)
{
  double mean[3] = {0};
  int best = NONE, votes[5] = {0};

  if (s->smoothing == GST_EFFNET_SMOOTHING_VOTE) {
    int most = 0;

    for (guint i = n > s->window ? n - s->window : 0; i < n; i++) {
      votes[seen[i].best + 2]++;
      most = MAX (most, votes[seen[i].best + 2]);
    }
    if (votes[stable + 2] == most)
      return stable;
    for (guint i = n; i-- > 0;) {
      if (votes[seen[i].best + 2] == most)
        return seen[i].best;
    }
  }
  for (guint c = 0; c < 3; c++) { /* the sum of alpha (1 - alpha)^age, the rest on the first */
    double alpha = 2.0 / (s->window + 1.0);

    mean[c] = pow (1 - alpha, n - 1) * (double)seen[0].scores[c];
    for (guint i = 1; i < n; i++)
      mean[c] += alpha * pow (1 - alpha, n - 1 - i) * (double)seen[i].scores[c];
    if (mean[c] >= 0.3 && (best < 0 || mean[c] > mean[best]))
      best = (int)c;
  }
  return best;
}

static int
oracle (const GstEffnetStateSettings *s, const Seen *seen, guint n)
{
  int stable = NONE, answers[200];
  GstClockTime since = 0;

  for (guint i = 0; i < n; i++) {
    guint row = 0;

    answers[i] = smoothed_of (s, seen, i + 1, stable);
    while (row <= i && answers[i - row] == answers[i])
      row++;
    if (answers[i] == stable || row < s->switch_after)
      continue;
    if (since > 0 && seen[i].time - since < s->hold_time)
      continue;
    stable = answers[i];
    since = seen[i].time;
    for (guint k = 0; k <= i; k++)
      answers[k] = -3; /* the count starts over */
  }
  return stable;
}

static void
test_against_oracle (void)
{
  GRand *rand = g_rand_new_with_seed (16);
  GstEffnetClassFilter *filter;
  const char *allow[] = {"0,1,2", NULL, NULL};
  GstEffnetClassRules *rules = gst_effnet_class_rules_new (allow, 0.3, 0.0, NULL);
  char *complaint;

  filter = gst_effnet_class_filter_new (rules, NULL, 3, &complaint);
  for (guint round = 0; round < 400; round++) {
    GstEffnetStateSettings settings = {
        (GstEffnetSmoothing)g_rand_int_range (rand, 1, 3), (guint)g_rand_int_range (rand, 1, 8),
        (guint)g_rand_int_range (rand, 1, 5), (guint64)g_rand_int_range (rand, 0, 6) * GST_SECOND};
    GstEffnetStates *states = gst_effnet_states_new ();
    GstClockTime time = GST_SECOND;
    Seen seen[60];

    for (guint i = 0; i < G_N_ELEMENTS (seen); i++) {
      Seen *now = &seen[i];
      GstEffnetObservation observation = {"a", 1, "", 1, time, NONE, now->scores, filter};

      for (guint c = 0; c < 3; c++)
        now->scores[c] = (float)g_rand_double (rand) * (g_rand_boolean (rand) ? 0.3f : 1.0f);
      now->best = observation.best = gst_effnet_class_filter_answer (filter, now->scores, NULL);
      now->time = time;
      time += (guint64)g_rand_int_range (rand, 1, 3) * GST_SECOND;
      gst_effnet_states_advance (states, now->time);
      g_assert_cmpint (gst_effnet_states_feed (states, &settings, &observation).id, ==,
                       oracle (&settings, seen, i + 1));
    }
    gst_effnet_states_free (states);
  }
  gst_effnet_class_filter_free (filter);
  gst_effnet_class_rules_unref (rules);
  g_rand_free (rand);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void
test_parts_are_apart (void)
{
  const GstEffnetStateSettings settings = {GST_EFFNET_SMOOTHING_VOTE, 1, 2, 0};
  GstEffnetStates *states = gst_effnet_states_new ();
  GstEffnetState state;

  feed (states, &settings, "car", 1, 0, 5);
  feed (states, &settings, "car", 2, 0, 5);
  feed (states, &settings, "bus", 1, 0, 5);
  g_assert_cmpuint (gst_effnet_states_length (states), ==, 3);
  state = feed (states, &settings, "car", 1, GST_SECOND, 5);
  g_assert_cmpint (state.id, ==, 5);
  g_assert_true (state.changed && state.is_news);
  state = feed (states, &settings, "car", 2, GST_SECOND, 6);
  g_assert_cmpint (state.id, ==, NONE);

  /* news until somebody is told, also when the next result comes first */
  state = feed (states, &settings, "car", 1, 2 * GST_SECOND, 5);
  g_assert_true (!state.changed && state.is_news);
  gst_effnet_states_tell (states, "car", 1, "");
  gst_effnet_states_tell (states, "car", 99, "");
  state = feed (states, &settings, "car", 1, 3 * GST_SECOND, 5);
  g_assert_false (state.is_news);
  gst_effnet_states_reset (states);
  g_assert_cmpuint (gst_effnet_states_length (states), ==, 0);
  gst_effnet_states_free (states);
}

/* Out of sight for a moment a part is still known; for long it is not. */
static void
test_absence (void)
{
  const GstEffnetStateSettings settings = {GST_EFFNET_SMOOTHING_VOTE, 1, 1, 0};
  GstEffnetStates *states = gst_effnet_states_new ();
  GstClockTime time = 0;

  feed (states, &settings, "car", 1, time, 5);
  for (guint i = 0; i < 40; i++) /* many results, 4 s */
    feed (states, &settings, "bus", 1, time += GST_SECOND / 10, 6);
  g_assert_cmpint (feed (states, &settings, "car", 1, time, NONE).before, ==, 5);
  for (guint i = 0; i < 5; i++) /* long, but only five results */
    feed (states, &settings, "bus", 1, time += 20 * GST_SECOND, 6);
  g_assert_cmpuint (gst_effnet_states_length (states), ==, 2);
  for (guint i = 0; i < 6; i++)
    feed (states, &settings, "bus", 1, time += 20 * GST_SECOND, 6);
  g_assert_cmpuint (gst_effnet_states_length (states), ==, 1);
  gst_effnet_states_free (states);
}

static void
test_memory_is_bounded (void)
{
  const GstEffnetStateSettings settings = {GST_EFFNET_SMOOTHING_VOTE, 5, 1, 0};
  GstEffnetStates *states = gst_effnet_states_new ();

  for (int i = 0; i < 3 * GST_EFFNET_STATE_PARTS_MAX; i++) {
    GstEffnetObservation car = {.part = "car", .number = i, .head = "", .best = 5};

    gst_effnet_states_feed (states, &settings, &car); /* all in one result, at one time */
    if (i % 100 == 0)
      gst_effnet_states_advance (states, 0);
    g_assert_cmpuint (gst_effnet_states_length (states), <=, GST_EFFNET_STATE_PARTS_MAX);
  }
  g_assert_cmpuint (gst_effnet_states_length (states), >, 0);
  gst_effnet_states_free (states);
}

/* Another window is another question: the votes start over, the stable class stays. */
static void
test_settings_change (void)
{
  GstEffnetStateSettings settings = {GST_EFFNET_SMOOTHING_VOTE, 3, 1, 0};
  GstEffnetStates *states = gst_effnet_states_new ();

  for (guint i = 0; i < 3; i++)
    feed (states, &settings, "a", 1, i, 1);
  g_assert_cmpint (feed (states, &settings, "a", 1, 4, 2).id, ==, 1);
  settings.window = 7;
  g_assert_cmpint (feed (states, &settings, "a", 1, 5, 2).id, ==, 2);
  settings.hold_time = GST_SECOND; /* keeps them */
  settings.window = 7;
  g_assert_cmpint (feed (states, &settings, "a", 1, 6, 1).id, ==, 2);
  gst_effnet_states_free (states);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/state/names", test_names);
  g_test_add_func ("/gst/state/unknown-names", test_unknown_names);
  g_test_add_func ("/gst/state/texts-that-are-none", test_texts_that_are_none);
  g_test_add_func ("/gst/state/place-in-text", test_place_in_text);
  g_test_add_func ("/gst/state/answers", test_answers);
  g_test_add_func ("/gst/state/ranking", test_ranking);
  g_test_add_func ("/gst/state/sequences", test_sequences);
  g_test_add_func ("/gst/state/average", test_average);
  g_test_add_func ("/gst/state/against-oracle", test_against_oracle);
  g_test_add_func ("/gst/state/parts-are-apart", test_parts_are_apart);
  g_test_add_func ("/gst/state/absence", test_absence);
  g_test_add_func ("/gst/state/memory-is-bounded", test_memory_is_bounded);
  g_test_add_func ("/gst/state/settings-change", test_settings_change);
  return g_test_run ();
}
