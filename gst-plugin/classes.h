/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which classes count, and from which score on: rules as a person writes them, and what they come
 * to for one list of classes. The invariant: both are immutable, so that any thread may look. Knows
 * no element and no model. */
#ifndef GST_EFFNET_CLASSES_H
#define GST_EFFNET_CLASSES_H

#include <effnet/effnet.h>

G_BEGIN_DECLS

/* What stands for a class where none does. */
#define GST_EFFNET_CLASS_NONE    -1 /* none reaches its threshold */
#define GST_EFFNET_CLASS_UNKNOWN -2 /* the best is too unsure to be named */

/* Texts of rules: classes by name or number with ',' between them. */
typedef enum {
  GST_EFFNET_RULE_ALLOW,      /* these only; without any all are */
  GST_EFFNET_RULE_DENY,       /* not these */
  GST_EFFNET_RULE_THRESHOLDS, /* CLASS=SCORE: counts instead of the common threshold */
  GST_EFFNET_N_RULES,
} GstEffnetRule;

typedef struct {
  gatomicrefcount refs;
  char *texts[GST_EFFNET_N_RULES];  /* (nullable) as they were given */
  char **names[GST_EFFNET_N_RULES]; /* NULL-terminated */
  double *scores;                   /* of each name of GST_EFFNET_RULE_THRESHOLDS */
  double threshold;                 /* what each class must reach; 0 = nothing */
  double unknown;                   /* what the best must reach to be named; 0 = nothing */
} GstEffnetClassRules;

/* Returns: NULL with a sentence about the part of a text that is wrong. @texts: NULL and "" say
 * nothing. */
GstEffnetClassRules *gst_effnet_class_rules_new (const char *const texts[GST_EFFNET_N_RULES],
                                                 double threshold, double unknown, GError **error);
GstEffnetClassRules *gst_effnet_class_rules_ref (GstEffnetClassRules *rules);
void gst_effnet_class_rules_unref (GstEffnetClassRules *rules);

typedef struct {
  guint n; /* classes */
  double unknown;
  double floor[]; /* [n] the score that is enough; HUGE_VAL: none is, the class is left out */
} GstEffnetClassFilter;

/* A name means every class that is called so; where a label has several names, as in "tench, Tinca
 * tinca", each will do; case does not count. What is no name is a number.
 * @labels: [n], entries or all of it may be NULL
 * @complaint: (out) (nullable): (transfer full): a sentence about names that no class has, with
 *   those that are near; NULL when there are none. They say nothing, the others hold
 * Returns: NULL with a complaint when there is no memory */
GstEffnetClassFilter *gst_effnet_class_filter_new (const GstEffnetClassRules *rules,
                                                   const char *const *labels, guint n,
                                                   char **complaint);
/* Returns: what @filter says of the @n classes from @first on. @floors: (nullable): [n] for those
 * of which the rules say nothing. NULL when there is no memory */
GstEffnetClassFilter *gst_effnet_class_filter_slice (const GstEffnetClassFilter *filter,
                                                     guint first, guint n, const float *floors);
void gst_effnet_class_filter_free (GstEffnetClassFilter *filter);
/* The answer for @scores, [n]: the best class that reaches its floor, or one of the two above.
 * @best: (out) (nullable): the best score of all that are not left out; 0 when all are */
int gst_effnet_class_filter_answer (const GstEffnetClassFilter *filter, const float *scores,
                                    double *best);
/* The best classes that reach their floors, as effnet_result_top_k(). Returns: how many */
guint gst_effnet_class_filter_top (const GstEffnetClassFilter *filter, const float *scores, guint k,
                                   EffnetScore *top);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstEffnetClassRules, gst_effnet_class_rules_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstEffnetClassFilter, gst_effnet_class_filter_free)

G_END_DECLS

#endif
