/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The report as a page: headline, what is wrong, and then the numbers behind it. No script, nothing
 * from elsewhere; foreign text is made printable and escaped in text() only. */
#include "cli/report.h"

#include "cli/text.h"

#define SHOWN_CLASSES 50 /* rows of a table of confusions */

#define MAX_TEXT 120 /* characters of a name */

static const char *const head_html =
    "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
    "<meta name='viewport' content='width=device-width'>"
    "<style>"
    ":root{--ink:#1b1f24;--soft:#59636e;--line:#d1d9e0;--ground:#fff;--mark:9,105,218;--bad:#"
    "cf222e}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;"
    "--ground:#0d1117;--mark:68,147,248;--bad:#f85149}}"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);"
    "max-width:960px;margin:24px auto;padding:0 16px}"
    "h1{font-size:26px;margin:0}h2{font-size:18px;margin:36px 0 8px}"
    ".soft{color:var(--soft)}.big{font-size:20px;margin:12px 0}.bad{color:var(--bad)}"
    "table{border-collapse:collapse}td,th{padding:3px 10px;border:1px solid var(--line);"
    "text-align:right;font-weight:400}th{color:var(--soft)}td:first-child,th:first-child{text-"
    "align:left}"
    ".scroll{overflow-x:auto}.charts{display:flex;flex-wrap:wrap;gap:16px}"
    "figure{margin:0;flex:1 1 400px;max-width:460px}figcaption{color:var(--soft)}"
    "svg{width:100%;font:12px system-ui,sans-serif}svg text{fill:var(--soft)}"
    ".axis{fill:none;stroke:var(--soft)}.grid{stroke:var(--line)}.bar{fill:rgb(var(--mark))}"
    ".ideal{stroke:var(--soft);stroke-dasharray:4}.line{fill:none;stroke:rgb(var(--mark));"
    "stroke-width:2}.dot{fill:rgb(var(--mark))}"
    ".pictures{display:flex;flex-wrap:wrap}.pictures div{width:170px;font-size:13px;"
    "margin:0 12px 12px 0;word-break:break-word}.pictures "
    "img{width:100%;border-radius:4px;display:block}"
    "code{background:rgba(var(--mark),.1);padding:1px 4px;border-radius:3px}"
    "</style>";

static void
text (GString *out, const char *foreign)
{
  g_autofree char *printable = cli_printable (foreign, MAX_TEXT);
  g_autofree char *escaped = g_markup_escape_text (printable, -1);

  g_string_append (out, escaped);
}

static void
percent (GString *out, double share)
{
  cli_append_number (out, share * 100, 1);
  g_string_append (out, " %");
}

static void
section (GString *out, const char *title)
{
  g_string_append_printf (out, "<h2>%s</h2>", title);
}

static void
cell (GString *out, double value, int digits)
{
  g_string_append (out, "<td>");
  cli_append_number (out, value, digits);
  g_string_append (out, "</td>");
}

/* "name | value" */
static void
row (GString *out, const char *name, double value, int digits)
{
  g_string_append_printf (out, "<tr><td>%s</td>", name);
  cell (out, value, digits);
  g_string_append (out, "</tr>");
}

/* ---- the head of the page -------------------------------------------------------------------- */

static void
headline (GString *out, const char *how, const EffnetEvaluation *e)
{
  g_string_append_printf (out, "<p class='big'>%s: <b>", how);
  percent (out, e->accuracy);
  g_string_append_printf (out,
                          "</b> right <span class='soft'>(%" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                          " answers; 95 %% interval ",
                          e->n_right, e->n_answers);
  percent (out, e->low);
  g_string_append (out, " to ");
  percent (out, e->high);
  g_string_append (out, ")</span></p>");
}

static void
top (GString *out, const CliReport *report)
{
  EffnetHeadInfo head;

  effnet_head_get_info (report->head, &head);
  g_string_append (out, head_html);
  g_string_append (out, "<title>");
  text (out, report->name);
  g_string_append (out, "</title></head><body><h1>");
  text (out, report->name);
  g_string_append (out, "</h1><p class='soft'>");
  for (unsigned k = 0; k < report->n_labels; k++) {
    g_string_append (out, k == 0 ? "" : ", ");
    text (out, report->labels[k]);
  }
  g_string_append_printf (out, " &middot; %" G_GSIZE_FORMAT " pictures",
                          report->validated->set.n_rows);
  if (head.backbone != NULL) {
    g_string_append (out, " &middot; on ");
    text (out, head.backbone);
  }
  g_string_append (out, " &middot; ");
  cli_append_number (out, report->seconds, 1);
  g_string_append (out, " s<br><code>");
  text (out, report->command);
  g_string_append (out, "</code></p>");
  if (report->held_out != NULL)
    headline (out, "On pictures that were kept back", report->held_out->evaluation);
  headline (out, report->held_out != NULL ? "Cross-validated on all others" : "Cross-validated",
            report->validated->evaluation);
}

/* What to do, if anything: one line for each. */
static void
advice (GString *out, const CliReport *report)
{
  g_autofree char *curve = cli_report_advice (report->curve);
  EffnetHeadInfo head;

  effnet_head_get_info (report->head, &head);
  g_string_append (out, "<ul>");
  if (curve[0] != '\0')
    g_string_append_printf (out, "<li>%s</li>", curve);
  for (unsigned k = 0; k < report->n_labels; k++) {
    size_t n = cli_report_count (report->validated, head.kind, k);
    if (n >= CLI_REPORT_FEW)
      continue;
    g_string_append (out, "<li><b>");
    text (out, report->labels[k]);
    g_string_append_printf (out,
                            "</b> has %" G_GSIZE_FORMAT " pictures: fewer than %d are few.</li>", n,
                            CLI_REPORT_FEW);
  }
  if (report->n_suspects > 0)
    g_string_append_printf (out, "<li>%" G_GSIZE_FORMAT " labels look wrong; see below.</li>",
                            report->n_suspects);
  if (report->unreadable != NULL && report->unreadable[0] != NULL) {
    g_string_append_printf (out, "<li class='bad'>%u pictures could not be read:<ul>",
                            g_strv_length ((char **)report->unreadable));
    for (unsigned i = 0; report->unreadable[i] != NULL && i < CLI_REPORT_PICTURES; i++) {
      g_string_append (out, "<li>");
      text (out, report->unreadable[i]);
      g_string_append (out, "</li>");
    }
    g_string_append (out, "</ul></li>");
  }
  g_string_append (out, "</ul>");
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* @columns: names above, @rows: at the left; [n_rows][n] of @counts, coloured by the share of the
 * row. */
static void
counts_table (GString *out, const char *const *rows, const char *const *columns, unsigned n_rows,
              unsigned n, const size_t *counts)
{
  g_string_append (out, "<div class='scroll'><table><tr><th>is &#8595; classified as &#8594;</th>");
  for (unsigned k = 0; k < n; k++) {
    g_string_append (out, "<th>");
    text (out, columns[k]);
    g_string_append (out, "</th>");
  }
  g_string_append (out, "</tr>");
  for (unsigned i = 0; i < n_rows; i++) {
    size_t sum = 0;

    g_string_append (out, "<tr><td>");
    text (out, rows[i]);
    g_string_append (out, "</td>");
    for (unsigned k = 0; k < n; k++)
      sum += counts[i * n + k];
    for (unsigned k = 0; k < n; k++) {
      size_t count = counts[i * n + k];
      g_string_append_printf (
          out, "<td style='background:rgba(var(--mark),0.%02u)'>%" G_GSIZE_FORMAT "</td>",
          (unsigned)(60 * count / MAX (sum, 1)), count);
    }
    g_string_append (out, "</tr>");
  }
  g_string_append (out, "</table></div>");
}

typedef struct {
  size_t n;
  unsigned given, answered;
} Confused;

static int
most_first (gconstpointer a, gconstpointer b)
{
  const Confused *x = a, *y = b;

  if (x->n != y->n)
    return x->n > y->n ? -1 : 1;
  return x->given != y->given ? (x->given < y->given ? -1 : 1)
                              : (x->answered > y->answered) - (x->answered < y->answered);
}

/* Of more classes than a table shows. */
static void
most_confused (GString *out, const CliReport *report, const EffnetEvaluation *e)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (Confused));

  for (unsigned i = 0; i < e->n_classes; i++)
    for (unsigned j = 0; j < e->n_classes; j++) {
      Confused pair = {e->confusion[(size_t)i * e->n_classes + j], i, j};

      if (i != j && pair.n > 0)
        g_array_append_val (all, pair);
    }
  g_array_sort (all, most_first);
  g_string_append (out, "<table><tr><th>is</th><th>taken for</th><th>pictures</th></tr>");
  for (guint i = 0; i < MIN (all->len, SHOWN_CLASSES); i++) {
    const Confused *pair = &g_array_index (all, Confused, i);

    g_string_append (out, "<tr><td>");
    text (out, report->labels[pair->given]);
    g_string_append (out, "</td><td>");
    text (out, report->labels[pair->answered]);
    g_string_append_printf (out, "</td><td>%" G_GSIZE_FORMAT "</td></tr>", pair->n);
  }
  g_string_append (out, "</table>");
}

static void
confusion (GString *out, const CliReport *report, const EffnetEvaluation *e)
{
  static const char *const yes_no[] = {"no", "yes"};

  section (out, "Confusion");
  if (e->kind != EFFNET_HEAD_MULTI_LABEL && e->n_classes > SHOWN_CLASSES) {
    most_confused (out, report, e);
    return;
  }
  if (e->kind != EFFNET_HEAD_MULTI_LABEL) {
    counts_table (out, report->labels, report->labels, e->n_classes, e->n_classes, e->confusion);
    return;
  }
  for (unsigned k = 0; k < e->n_classes; k++) {
    g_string_append (out, "<p>");
    text (out, report->labels[k]);
    g_string_append (out, "</p>");
    counts_table (out, yes_no, yes_no, 2, 2, e->confusion + (size_t)4 * k);
  }
}

static void
classes (GString *out, const CliReport *report, const EffnetEvaluation *e)
{
  EffnetHeadInfo head;

  effnet_head_get_info (report->head, &head);
  section (out, "Classes");
  g_string_append (out, "<div class='scroll'><table><tr><th>class</th><th>pictures</th><th>judged"
                        "</th><th>precision</th><th>recall</th><th>F1</th><th>area under ROC</th>"
                        "<th>threshold</th></tr>");
  for (unsigned k = 0; k < report->n_labels; k++) {
    const EffnetClassResult *result = &e->classes[k];
    size_t n = cli_report_count (report->validated, head.kind, k);

    g_string_append (out, "<tr><td>");
    text (out, report->labels[k]);
    g_string_append_printf (out, "</td><td%s>%" G_GSIZE_FORMAT "</td><td>%" G_GSIZE_FORMAT "</td>",
                            n < CLI_REPORT_FEW ? " class='bad'" : "", n, result->n);
    cell (out, result->precision, 3);
    cell (out, result->recall, 3);
    cell (out, result->f1, 3);
    cell (out, result->roc_area, 3);
    if (head.thresholds != NULL && k < head.n_classes)
      cell (out, head.thresholds[k], 3);
    else
      g_string_append (out, "<td></td>");
    g_string_append (out, "</tr>");
  }
  g_string_append (out, "</table></div>");
}

static void
numbers (GString *out, const CliReport *report)
{
  const EffnetTrainReport *t = report->training;
  EffnetHeadInfo head;

  effnet_head_get_info (report->head, &head);
  section (out, "The training");
  g_string_append (out, "<table>");
  row (out, "feature vectors", (double)t->n_rows, 0);
  row (out, "folds of the cross-validation", t->n_folds, 0);
  row (out, "strength of the L2 penalty", t->l2, 7);
  row (out, "loss at the minimum", t->loss, 6);
  row (out, "temperature", head.temperature, 3);
  row (out, "calibration error before (ECE, 15 bins)", t->ece_before, 4);
  row (out, "calibration error after", t->ece_after, 4);
  if (head.unknown_method != EFFNET_UNKNOWN_NONE) {
    row (out, "unknown from this distance on", head.unknown_threshold, 4);
    row (out, "share of known pictures that are nearer", t->known_accepted, 3);
    if (t->unknown_flagged >= 0) {
      row (out, "share of unknown pictures that are farther", t->unknown_flagged, 3);
      row (out, "area under ROC, known against unknown", t->unknown_area, 3);
    }
  }
  g_string_append (out, "</table>");
  g_string_append (
      out,
      "<p class='soft'>Strength, temperature, thresholds and these errors come from pictures as "
      "they are, not from altered copies, each answered by a head that was trained without "
      "it; the error after at a temperature that was chosen without it, too.</p>");
  if (t->n_path == 0)
    return;
  g_string_append (out, "<p>Strengths compared by cross-validation:</p><table><tr><th>L2</th>"
                        "<th>loss</th><th>accuracy</th></tr>");
  for (unsigned i = 0; i < t->n_path; i++) {
    g_string_append (out, t->path[i].l2 == t->l2 ? "<tr style='font-weight:700'>" : "<tr>");
    cell (out, t->path[i].l2, 7);
    cell (out, t->path[i].loss, 5);
    cell (out, t->path[i].accuracy, 4);
    g_string_append (out, "</tr>");
  }
  g_string_append (out, "</table>");
}

/* ---- pictures -------------------------------------------------------------------------------- */

typedef struct {
  GString *out;
  const CliReport *report;
  CliThumbnail thumbnail;
  void *user_data;
} Page;

static void
picture (const Page *page, const CliJudged *judged, size_t of)
{
  g_autoptr (GBytes) file = NULL;

  if (page->thumbnail != NULL)
    file = page->thumbnail (judged, of, page->user_data);
  if (file != NULL) {
    g_autofree char *base64 =
        g_base64_encode (g_bytes_get_data (file, NULL), g_bytes_get_size (file));
    g_string_append_printf (page->out, "<img alt='' src='data:image/jpeg;base64,%s'>", base64);
  }
  text (page->out, judged->names[of]);
}

static void
wrong (const Page *page, const CliJudged *judged)
{
  const EffnetEvaluation *e = judged->evaluation;

  if (e->n_wrong == 0)
    return;
  section (page->out, "Sure and wrong");
  g_string_append_printf (page->out,
                          "<p class='soft'>%" G_GSIZE_FORMAT " pictures are classified "
                          "wrongly by a head that did not see them; the surest first.</p>"
                          "<div class='pictures'>",
                          e->n_wrong);
  for (size_t i = 0; i < MIN (e->n_wrong, CLI_REPORT_PICTURES); i++) {
    CliAnswer answer = cli_report_answer (page->report, judged, e->wrong[i]);
    g_autofree char *given = NULL, *answered = NULL;

    cli_report_words (page->report, judged, e->wrong[i], &answer, &given, &answered);
    g_string_append (page->out, "<div>");
    picture (page, judged, e->wrong[i]);
    g_string_append (page->out, "<br><b>");
    text (page->out, given);
    g_string_append (page->out, "</b> taken for <b class='bad'>");
    text (page->out, answered);
    g_string_append (page->out, "</b> ");
    cli_append_number (page->out, answer.score, 2);
    g_string_append (page->out, "</div>");
  }
  g_string_append (page->out, "</div>");
}

static void
suspects (const Page *page)
{
  const CliReport *report = page->report;
  EffnetHeadInfo head;

  effnet_head_get_info (report->head, &head);
  if (report->n_suspects == 0)
    return;
  section (page->out, "Labels that look wrong");
  g_string_append (page->out, "<p class='soft'>A head trained without the picture finds its label "
                              "unlikely. Look, and move the file if it is.</p>"
                              "<div class='pictures'>");
  for (size_t i = 0; i < MIN (report->n_suspects, CLI_REPORT_PICTURES); i++) {
    const EffnetSuspect *suspect = &report->suspects[i];
    gboolean multi = head.kind == EFFNET_HEAD_MULTI_LABEL;

    g_string_append (page->out, "<div>");
    picture (page, report->validated, suspect->row);
    g_string_append (page->out, "<br>labelled <b>");
    text (page->out, report->labels[suspect->given]);
    g_string_append (page->out, "</b> ");
    cli_append_number (page->out, suspect->score, 2);
    g_string_append (page->out, multi ? ", rather not" : ", rather <b>");
    if (!multi) {
      text (page->out, report->labels[suspect->likely]);
      g_string_append (page->out, "</b> ");
      cli_append_number (page->out, suspect->likely_score, 2);
    }
    g_string_append (page->out, "</div>");
  }
  g_string_append (page->out, "</div>");
}

static void
pairs (const Page *page)
{
  const CliReport *report = page->report;

  if (report->n_pairs == 0)
    return;
  section (page->out, "Nearly the same");
  g_string_append_printf (page->out,
                          "<p class='soft'>%" G_GSIZE_FORMAT " pairs. They always stand on "
                          "the same side of a split, so that nothing is tested on what it was "
                          "trained on.</p><div class='pictures'>",
                          report->n_pairs);
  for (size_t i = 0; i < MIN (report->n_pairs, CLI_REPORT_PICTURES / 2); i++) {
    g_string_append (page->out, "<div>");
    picture (page, report->validated, report->pairs[i].a);
    g_string_append (page->out, "</div><div>");
    picture (page, report->validated, report->pairs[i].b);
    g_string_append (page->out, "<br>distance ");
    cli_append_number (page->out, report->pairs[i].distance, 3);
    g_string_append (page->out, "</div>");
  }
  g_string_append (page->out, "</div>");
}

GString *
cli_report_html (const CliReport *report, CliThumbnail thumbnail, void *user_data)
{
  GString *out = g_string_new (NULL);
  Page page = {out, report, thumbnail, user_data};
  const CliJudged *judged = report->held_out != NULL ? report->held_out : report->validated;

  top (out, report);
  advice (out, report);
  confusion (out, report, judged->evaluation);
  classes (out, report, judged->evaluation);
  wrong (&page, judged);
  suspects (&page);
  pairs (&page);
  section (out, "How far its scores can be trusted, and what more pictures bring");
  g_string_append (out, "<div class='charts'><figure>");
  cli_chart_reliability (out, judged->evaluation);
  g_string_append (out,
                   "<figcaption>Of answers with a score of 0.8, 80 % should be right: bars end "
                   "at the dashed line.</figcaption></figure>");
  if (report->curve != NULL) {
    g_string_append (out, "<figure>");
    cli_chart_curve (out, report->curve);
    g_string_append (out, "<figcaption>Trained on an eighth, a quarter, a half and all, with 95 % "
                          "intervals.</figcaption></figure>");
  }
  g_string_append (out, "</div>");
  numbers (out, report);
  g_string_append (out, "</body></html>\n");
  return out;
}
