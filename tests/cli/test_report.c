/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The report of a training with every section, of numbers that are put in by hand: foreign names do
 * not become markup, numbers arrive, pictures are in it, and the page is well-formed. */
#include <string.h>

#include "cli/report.h"

static const char *const labels[] = {"open", "<script>alert(1)</script>\033[31m"};
static const char *const names[] = {"a.jpg", "b & c.jpg", "clip.mp4 frame 3", "d.jpg"};

static GBytes *
thumbnail (const CliJudged *judged, size_t row, void *user_data)
{
  (void)judged;
  (*(unsigned *)user_data)++;
  return row == 3 ? NULL : g_bytes_new_static ("jpeg", 4);
}

static EffnetHead *
make_head (EffnetHeadKind kind, unsigned n_classes)
{
  static const float weights[2 * 3] = {0}, bias[2] = {0}, thresholds[2] = {0.5f, 0.5f};
  g_autoptr (GError) error = NULL;
  EffnetHeadInfo info = {.kind = kind,
                         .n_classes = n_classes,
                         .n_features = 3,
                         .weights = weights,
                         .bias = bias,
                         .thresholds = thresholds,
                         .temperature = 2,
                         .backbone = "lite0",
                         .accuracy = -1};
  EffnetHead *head = effnet_head_new (&info, &error);
  g_assert_no_error (error);
  return head;
}

/* All of a report; @set_up may change it. */
typedef struct {
  EffnetHead *head;
  EffnetClassResult classes[2];
  size_t confusion[8], wrong[2];
  EffnetEvaluation evaluation;
  CliJudged judged;
  EffnetTrainReport training;
  EffnetCurvePoint curve[EFFNET_CURVE_POINTS];
  EffnetSuspect suspect;
  CliPair pair;
  CliReport report;
} Made;

static void
make (Made *m, EffnetHeadKind kind, const float *logits, const uint8_t *targets, unsigned n_classes)
{
  static const char *const unreadable[] = {"e.jpg: <empty>", NULL};

  *m = (Made){0};
  m->head = make_head (kind, n_classes);
  m->evaluation = (EffnetEvaluation){.kind = kind,
                                     .n_rows = 4,
                                     .n_classes = 2,
                                     .n_answers = 4,
                                     .n_right = 2,
                                     .accuracy = 0.5,
                                     .low = 0.15,
                                     .high = 0.85,
                                     .classes = m->classes,
                                     .confusion = m->confusion,
                                     .n_wrong = 2,
                                     .wrong = m->wrong};
  m->confusion[1] = 17;
  m->wrong[0] = 1;
  m->wrong[1] = 3;
  m->evaluation.bins[14] = (EffnetReliabilityBin){4, 0.97, 0.5};
  m->judged.set = (EffnetTrainSet){4, 3, n_classes, NULL, targets, NULL, NULL};
  m->judged.names = names;
  m->judged.logits = logits;
  m->judged.evaluation = &m->evaluation;
  m->training = (EffnetTrainReport){
      .n_rows = 8, .l2 = 0.01, .n_path = 1, .n_folds = 5, .unknown_flagged = -1};
  for (unsigned i = 0; i < EFFNET_CURVE_POINTS; i++)
    m->curve[i] = (EffnetCurvePoint){4 << i, 4 << i, 0.6 + 0.1 * i, 0.5 + 0.1 * i, 0.7 + 0.1 * i};
  m->suspect = (EffnetSuspect){3, 1, 0, 0.03f, 0.97f};
  m->pair = (CliPair){0, 2, 0.05f};
  m->report = (CliReport){.name = "gate <1>",
                          .command = "effnet train x",
                          .labels = labels,
                          .n_labels = 2,
                          .head = m->head,
                          .training = &m->training,
                          .validated = &m->judged,
                          .curve = m->curve,
                          .suspects = &m->suspect,
                          .n_suspects = 1,
                          .pairs = &m->pair,
                          .n_pairs = 1,
                          .unreadable = unreadable,
                          .seconds = 1.5};
}

static void
ignore_text (GMarkupParseContext *context, const char *text, gsize n, gpointer data, GError **error)
{
  (void)context, (void)text, (void)n, (void)data, (void)error;
}

/* Void elements apart, HTML of this page is XML. */
static void
assert_well_formed (const char *html)
{
  static const GMarkupParser parser = {NULL, NULL, ignore_text, NULL, NULL};
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, NULL, NULL);
  g_autoptr (GRegex) breaks = g_regex_new ("<br>|<(?:meta|img)[^>]*>|<!doctype html>", 0, 0, NULL);
  g_autofree char *xml = g_regex_replace_literal (breaks, html, -1, 0, "", 0, NULL);
  g_autoptr (GRegex) space = g_regex_new ("&middot;", 0, 0, NULL);
  g_autofree char *plain = g_regex_replace_literal (space, xml, -1, 0, ".", 0, NULL);
  g_autoptr (GError) error = NULL;

  g_markup_parse_context_parse (context, plain, -1, &error);
  g_assert_no_error (error);
  g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);
}

static void
assert_says (const char *html, const char *text)
{
  if (strstr (html, text) == NULL)
    g_test_message ("\"%s\" is not in the page", text);
  g_assert_nonnull (strstr (html, text));
}

static void
test_page (void)
{
  static const float logits[4 * 2] = {4, 0, 4, 0, 0, 4, 6, 0};
  static const uint8_t targets[4 * 2] = {1, 0, 0, 1, 0, 1, 0, 1};
  unsigned shown = 0;
  Made m;

  make (&m, EFFNET_HEAD_SOFTMAX, logits, targets, 2);
  g_autoptr (GString) html = cli_report_html (&m.report, thumbnail, &shown);
  assert_well_formed (html->str);
  g_assert_null (strstr (html->str, "<script"));
  g_assert_null (strchr (html->str, '\033'));
  assert_says (html->str, "&lt;script&gt;");
  assert_says (html->str, "gate &lt;1&gt;");
  assert_says (html->str, "b &amp; c.jpg");
  assert_says (html->str, "e.jpg: &lt;empty&gt;");
  assert_says (html->str, "50.0 %");
  assert_says (html->str, ">17<");
  assert_says (html->str, "0.88"); /* 1 / (1 + exp (-4 / 2)) */
  assert_says (html->str, "data:image/jpeg;base64,anBlZw==");
  g_assert_cmpuint (shown, ==, 2 + 1 + 2); /* wrong, suspected, the pair */
  effnet_head_unref (m.head);
}

static void
test_object (void)
{
  static const float logits[4] = {4, 4, -4, -6};
  static const uint8_t targets[4] = {1, 0, 0, 1};
  Made m;

  make (&m, EFFNET_HEAD_ONE_LOGIT, logits, targets, 1);
  g_autoptr (JsonObject) object = cli_report_json (&m.report);
  JsonObject *wrong =
      json_array_get_object_element (json_object_get_array_member (object, "wrong"), 1);
  g_assert_cmpstr (json_object_get_string_member (wrong, "picture"), ==, "d.jpg");
  g_assert_cmpstr (json_object_get_string_member (wrong, "given"), ==, labels[1]);
  g_assert_cmpstr (json_object_get_string_member (wrong, "answered"), ==, labels[0]);
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (wrong, "score"), 0.95257, 1e-4);
  g_assert_cmpint (
      json_object_get_int_member (
          json_array_get_object_element (json_object_get_array_member (object, "classes"), 0),
          "pictures"),
      ==, 2);
  effnet_head_unref (m.head);
}

static void
test_labels (void)
{
  static const float logits[4 * 2] = {4, -4, 4, -4, -4, 4, 6, -4};
  static const uint8_t targets[4 * 2] = {1, 0, 0, 0, 0, 1, 0, 1};
  g_autofree char *given = NULL, *answered = NULL;
  CliAnswer answer;
  Made m;

  make (&m, EFFNET_HEAD_MULTI_LABEL, logits, targets, 2);
  answer = cli_report_answer (&m.report, &m.judged, 3);
  cli_report_words (&m.report, &m.judged, 3, &answer, &given, &answered);
  g_assert_cmpstr (given, ==, "not open");
  g_assert_cmpstr (answered, ==, "open");
  g_autoptr (GString) html = cli_report_html (&m.report, NULL, NULL);
  assert_well_formed (html->str);
  assert_says (html->str, "not open");
  effnet_head_unref (m.head);
}

static void
test_advice (void)
{
  EffnetCurvePoint curve[EFFNET_CURVE_POINTS] = {
      {8, 8, 0.5, 0, 1}, {16, 16, 0.6, 0, 1}, {32, 32, 0.8, 0, 1}, {64, 64, 0.85, 0, 1}};
  g_autofree char *more = cli_report_advice (curve);
  curve[3].accuracy = 0.801;
  g_autofree char *little = cli_report_advice (curve);
  curve[3].accuracy = 1;
  g_autofree char *nothing = cli_report_advice (curve);
  g_autofree char *none = cli_report_advice (NULL);

  assert_says (more, "From 32 to 64 pictures or clips the accuracy went from 80.0 to 85.0 %");
  assert_says (more, "more pictures help.");
  assert_says (little, "help little");
  assert_says (nothing, "nothing left");
  g_assert_cmpstr (none, ==, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/report/page", test_page);
  g_test_add_func ("/cli/report/object", test_object);
  g_test_add_func ("/cli/report/labels", test_labels);
  g_test_add_func ("/cli/report/advice", test_advice);
  return g_test_run ();
}
