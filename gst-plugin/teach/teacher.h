/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Teaching from a running stream: the newest frame's features become an exemplar of a label, and
 * exemplars become a head, in a thread of its own. The invariants: whoever teaches never waits for
 * training or for a disk; a head in use is replaced as a whole; each version is kept. Knows no
 * element. */
#ifndef GST_EFFNET_TEACH_TEACHER_H
#define GST_EFFNET_TEACH_TEACHER_H

#include "teach/store.h"
#include "teach/worker.h"

#include <effnet/train.h>

G_BEGIN_DECLS

#define GST_EFFNET_TRAINED_MESSAGE "effnetclassify-trained"
#define GST_EFFNET_SEEN_MAX        64 /* parts of a frame that can be taught: the first so many */
#define GST_EFFNET_LABELS_MIN      2  /* for training, */
#define GST_EFFNET_EXEMPLARS_MIN   3  /* of each label */

/* From any thread, and without a lock. */
typedef struct {
  void (*use) (gpointer owner, EffnetHead *head);    /* (nullable): the head in use from now on */
  void (*tell) (gpointer owner, GstStructure *news); /* (transfer full): of a training */
  void (*warn) (gpointer owner, const GError *error);
} GstEffnetTeacherFuncs;

typedef struct {
  const GstEffnetTeacherFuncs *funcs;
  gpointer owner;
  GCancellable *cancellable;
  GstEffnetWorker *worker; /* (nullable): between open and close */

  GMutex lock;
  GstEffnetStore *store; /* (nullable): likewise */
  GHashTable *heads;     /* number of a version -> EffnetHead */
  GArray *seen, *coming; /* of parts of the newest frame, and of the one that is being shown */
  gboolean is_foreign;   /* the newest frame is of another network than the store */
  gboolean is_open;      /* FALSE: nobody may change the store */
  gboolean wants_save, is_training;
} GstEffnetTeacher;

void gst_effnet_teacher_init (GstEffnetTeacher *teacher, const GstEffnetTeacherFuncs *funcs,
                              gpointer owner);
void gst_effnet_teacher_clear (GstEffnetTeacher *teacher);
/* What was taught before is in use at once. FALSE as gst_effnet_store_open() */
gboolean gst_effnet_teacher_open (GstEffnetTeacher *teacher, const char *path,
                                  const GstEffnetSource *source, GError **error);
/* Breaks off a training, and waits until what was taught is on the disk. */
void gst_effnet_teacher_close (GstEffnetTeacher *teacher);

/* Any thread. */
gboolean gst_effnet_teacher_is_open (GstEffnetTeacher *teacher);
/* There is no frame any more that could be taught. */
void gst_effnet_teacher_forget_seen (GstEffnetTeacher *teacher);
/* Of the next frame, by one thread: its parts, then that these were all, and that it is the newest
 * from now on. @picture: [height][width][3] bytes, R G B */
void gst_effnet_teacher_see (GstEffnetTeacher *teacher, const char *part, GstBuffer *embedding,
                             GBytes *picture, guint width, guint height);
/* @backbone: of its features */
void gst_effnet_teacher_seen_all (GstEffnetTeacher *teacher, const char *backbone);

/* The newest frame's first part that is called @part, or, for NULL, its first, is an example of
 * @label. */
gboolean gst_effnet_teacher_teach (GstEffnetTeacher *teacher, const char *part, const char *label,
                                   GError **error);
gboolean gst_effnet_teacher_forget (GstEffnetTeacher *teacher, const char *label, GError **error);
/* Begins; the end is told. */
gboolean gst_effnet_teacher_train (GstEffnetTeacher *teacher, GError **error);
gboolean gst_effnet_teacher_rollback (GstEffnetTeacher *teacher, GError **error);
/* Returns: (transfer full) (nullable): NULL while it is closed */
GstStructure *gst_effnet_teacher_get_stats (GstEffnetTeacher *teacher);

G_END_DECLS

#endif
