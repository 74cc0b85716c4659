/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who names what a part of a frame shows: heads on the features of one model, in order; without
 * heads the model's own classifier is the only one. Made when model, heads or rules change. The
 * invariant: it is immutable, so that any thread may look. */
#ifndef GST_EFFNET_LINEUP_H
#define GST_EFFNET_LINEUP_H

#include "classes.h"
#include "classify/engine.h"
#include "headlist.h"
#include "schema.h"

G_BEGIN_DECLS

typedef struct {
  char *name;         /* owned; "" where there are no heads */
  EffnetHead *head;   /* (nullable): a reference; NULL: the model's own classifier */
  EffnetHead *card;   /* (nullable): the same, or what the model's folder says of its own */
  EffnetModel *model; /* the lineup's engine's, as the card is */
  guint n_classes;
  guint64 class_list; /* a checksum, never 0: where it is the same, class numbers compare */
  guint64 identity;   /* a checksum, of classes and of what gives them scores */
  GstEffnetClassFilter *filter; /* owned; which classes count */
} GstEffnetHead;

typedef struct {
  gatomicrefcount refs;
  GstEffnetEngine *engine; /* a reference */
  guint n;                 /* at least one */
  gboolean is_starved;     /* no memory for its filters: it answers nothing */
  GstEffnetHead heads[];
} GstEffnetLineup;

/* @list: (nullable): NULL: the model's own classes only
 * @complaint: (out) (nullable): (transfer full): a sentence about classes that no head has, or
 *   heads that are for another model and so left out, or that it is starved */
GstEffnetLineup *gst_effnet_lineup_new (GstEffnetEngine *engine, const GstEffnetHeadList *list,
                                        const GstEffnetClassRules *rules, char **complaint);
GstEffnetLineup *gst_effnet_lineup_ref (GstEffnetLineup *lineup);
void gst_effnet_lineup_unref (GstEffnetLineup *lineup);
/* @scores: (out): [n_classes] of a head that is not the model's own. @margin, @entropy: as
 * EffnetResult has them, of the same. Returns: TRUE when the features are like nothing that was
 * trained */
gboolean gst_effnet_head_answer (const GstEffnetHead *head, const EffnetResult *from,
                                 const GstEffnetRunSettings *run, float *scores, double *margin,
                                 double *entropy);
/* Returns: (nullable): the name of a class, as long as the lineup is there */
const char *gst_effnet_head_get_label (const GstEffnetHead *head, guint id);
/* Returns: the class @id, or GST_EFFNET_CLASS_NONE or _UNKNOWN, as an entry of a result */
GstEffnetEntry gst_effnet_head_name (const GstEffnetHead *head, int id, double score);

G_END_DECLS

#endif
