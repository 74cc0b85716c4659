/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The report on a training: one HTML page that needs nothing else (pictures and charts are in it),
 * and the same numbers as JSON. The invariant: what it says of accuracy comes from pictures that
 * the head in question did not see. Nothing is computed here that effnet/evaluate.h gives. */
#ifndef EFFNET_CLI_REPORT_H
#define EFFNET_CLI_REPORT_H

#include <json-glib/json-glib.h>

#include "effnet/train.h"

#define CLI_REPORT_PICTURES 12 /* shown at most in each section */
#define CLI_REPORT_FEW      20 /* a class with fewer pictures is said to have few */

/* Pictures, each judged by a head that was trained without it. */
typedef struct {
  EffnetTrainSet set;       /* its targets */
  const char *const *names; /* [set.n_rows] of the pictures: file, or clip and frame */
  const float *logits;      /* [set.n_rows][set.n_classes] */
  const EffnetEvaluation *evaluation;
  const float *distances; /* (nullable): [set.n_rows] */
} CliJudged;

/* A JPEG file of picture @row of @judged, at most about 160 pixels a side; NULL where there is none
 * any more. */
typedef GBytes *(*CliThumbnail) (const CliJudged *judged, size_t row, void *user_data);

/* Two pictures that are nearly the same. */
typedef struct {
  size_t a, b; /* rows of `validated` */
  float distance;
} CliPair;

typedef struct {
  const char *name;          /* of the folder that was written */
  const char *command;       /* as it was typed */
  const char *const *labels; /* [n_labels]; of one logit no and yes */
  unsigned n_labels;
  const EffnetHead *head;
  const EffnetTrainReport *training;
  const CliJudged *validated;    /* what was trained on, by cross-validation */
  const CliJudged *held_out;     /* (nullable): what was kept back */
  const EffnetCurvePoint *curve; /* (nullable): [EFFNET_CURVE_POINTS] */
  const EffnetSuspect *suspects; /* [n_suspects] rows of `validated` */
  size_t n_suspects;
  const CliPair *pairs; /* [n_pairs], the nearest first */
  size_t n_pairs;
  const char *const *unreadable; /* (nullable): "FILE: why", and NULL behind the last */
  double seconds;                /* that it took */
} CliReport;

/* The page; free with g_string_free(). */
GString *cli_report_html (const CliReport *report, CliThumbnail thumbnail, void *user_data);
/* The same as an object; free with json_object_unref(). */
JsonObject *cli_report_json (const CliReport *report);

/* ---- between the files of the report ---- */

/* What the head says of a picture: the class it answers with (of multi-label the wrong one that is
 * the most certain) and its score at the head's temperature. */
typedef struct {
  unsigned given, answered;
  double score;
} CliAnswer;

CliAnswer cli_report_answer (const CliReport *report, const CliJudged *judged, size_t row);
/* Both in words, for multi-label "gate" or "not gate". Free with g_free(). */
void cli_report_words (const CliReport *report, const CliJudged *judged, size_t row,
                       const CliAnswer *answer, char **given, char **answered);
/* Pictures of a class (of one logit: no, yes). */
size_t cli_report_count (const CliJudged *judged, EffnetHeadKind kind, unsigned class);
/* What the learning curve says, in a sentence; "" without one. Free with g_free(). */
char *cli_report_advice (const EffnetCurvePoint *curve);

/* Charts: SVG elements that take their colours from the page. */
void cli_chart_reliability (GString *out, const EffnetEvaluation *evaluation);
void cli_chart_curve (GString *out, const EffnetCurvePoint *curve);

/* @value with @digits behind the point, whatever the locale. */
void cli_append_number (GString *out, double value, int digits);

#endif
