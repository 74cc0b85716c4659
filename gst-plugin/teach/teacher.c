/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The store is changed under the lock and at once; the worker saves copies of it, as many changes
 * at a time as there are. */
#include "teach/teacher.h"

#include "teach/training.h"

#include <string.h>

#define QUALITY 85 /* of an exemplar's picture, libjpeg's */

enum { TASK_SAVE = 1, TASK_TRAIN };

/* A part of the newest frame. */
typedef struct {
  char *part;
  GstBuffer *embedding;
  GBytes *picture; /* [height][width][3] bytes */
  guint width, height;
} Seen;

static void
clear_seen (gpointer at)
{
  Seen *seen = at;

  g_free (seen->part);
  gst_buffer_unref (seen->embedding);
  g_bytes_unref (seen->picture);
}

void
gst_effnet_teacher_init (GstEffnetTeacher *teacher, const GstEffnetTeacherFuncs *funcs,
                         gpointer owner)
{
  *teacher = (GstEffnetTeacher){.funcs = funcs, .owner = owner};
  g_mutex_init (&teacher->lock);
  teacher->cancellable = g_cancellable_new ();
  teacher->heads = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)effnet_head_unref);
  teacher->seen = g_array_new (FALSE, FALSE, sizeof (Seen));
  g_array_set_clear_func (teacher->seen, clear_seen);
  teacher->coming = g_array_new (FALSE, FALSE, sizeof (Seen));
  g_array_set_clear_func (teacher->coming, clear_seen);
}

void
gst_effnet_teacher_clear (GstEffnetTeacher *teacher)
{
  gst_effnet_teacher_close (teacher);
  g_array_unref (teacher->seen);
  g_array_unref (teacher->coming);
  g_hash_table_unref (teacher->heads);
  g_object_unref (teacher->cancellable);
  g_mutex_clear (&teacher->lock);
}

/* ---- worker ---------------------------------------------------------------------------------- */

/* With the lock: changes are written soon. */
static void
save_soon (GstEffnetTeacher *teacher)
{
  if (!teacher->wants_save)
    gst_effnet_worker_push (teacher->worker, GINT_TO_POINTER (TASK_SAVE));
  teacher->wants_save = TRUE;
}

static void
warn (GstEffnetTeacher *teacher, GError *error)
{
  teacher->funcs->warn (teacher->owner, error);
  g_error_free (error);
}

static void
save (GstEffnetTeacher *teacher)
{
  GstEffnetStoreCopy *copy;
  GError *error = NULL;

  g_mutex_lock (&teacher->lock);
  teacher->wants_save = FALSE;
  copy = gst_effnet_store_copy (teacher->store);
  g_mutex_unlock (&teacher->lock);
  if (!gst_effnet_store_copy_write (copy, &error))
    warn (teacher, error);
}

/* What was trained becomes the version in use. Returns: its number, or 0 */
static guint
take_version (GstEffnetTeacher *teacher, GstEffnetTraining *training, GError **error)
{
  g_autofree char *folder = NULL, *stale = NULL;
  guint number, gone;

  g_mutex_lock (&teacher->lock);
  folder = gst_effnet_store_get_folder (teacher->store, teacher->store->last + 1);
  g_mutex_unlock (&teacher->lock);
  if (!gst_effnet_training_save (training, folder, error))
    return 0;
  g_mutex_lock (&teacher->lock);
  gone = gst_effnet_store_add_version (teacher->store, training->accuracy);
  number = teacher->store->current;
  g_hash_table_insert (teacher->heads, GUINT_TO_POINTER (number), effnet_head_ref (training->head));
  if (gone != 0) {
    g_hash_table_remove (teacher->heads, GUINT_TO_POINTER (gone));
    stale = gst_effnet_store_get_folder (teacher->store, gone);
  }
  save_soon (teacher);
  g_mutex_unlock (&teacher->lock);
  if (stale != NULL)
    gst_effnet_training_remove (stale);
  return number;
}

static void
train (GstEffnetTeacher *teacher)
{
  GstEffnetTraining training = {0};
  GError *error = NULL;
  guint number = 0;

  g_mutex_lock (&teacher->lock);
  gst_effnet_training_begin (&training, teacher->store);
  g_mutex_unlock (&teacher->lock);
  if (gst_effnet_training_run (&training, teacher->cancellable, &error))
    number = take_version (teacher, &training, &error);
  g_mutex_lock (&teacher->lock);
  teacher->is_training = FALSE;
  g_mutex_unlock (&teacher->lock);
  if (number != 0) {
    teacher->funcs->use (teacher->owner, training.head);
    teacher->funcs->tell (teacher->owner, gst_effnet_training_to_structure (&training, number));
  } else if (g_error_matches (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED)) {
    g_error_free (error);
  } else {
    g_prefix_error (&error, "Training what was taught: ");
    warn (teacher, error);
  }
  gst_effnet_training_clear (&training);
}

static void
run (gpointer task, gpointer owner)
{
  if (GPOINTER_TO_INT (task) == TASK_SAVE)
    save (owner);
  else
    train (owner);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* The heads of the versions that the store knows; one that cannot be opened is none to go back to.
 */
static void
load_heads (GstEffnetTeacher *teacher)
{
  GstEffnetStore *store = teacher->store;

  for (guint i = store->versions->len; i-- > 0;) {
    guint number = g_array_index (store->versions, GstEffnetVersion, i).number;
    g_autofree char *folder = gst_effnet_store_get_folder (store, number);
    GError *error = NULL;
    EffnetHead *head = effnet_head_open (folder, &error);

    if (head != NULL) {
      g_hash_table_insert (teacher->heads, GUINT_TO_POINTER (number), head);
      continue;
    }
    g_array_remove_index (store->versions, i);
    if (store->current == number)
      store->current = 0;
    g_prefix_error (&error, "Version %u of what was taught: ", number);
    warn (teacher, error);
  }
}

static EffnetHead *
current_head (GstEffnetTeacher *teacher)
{
  return g_hash_table_lookup (teacher->heads, GUINT_TO_POINTER (teacher->store->current));
}

gboolean
gst_effnet_teacher_open (GstEffnetTeacher *teacher, const char *path, const GstEffnetSource *source,
                         GError **error)
{
  GstEffnetStore *store = gst_effnet_store_open (path, source, error);
  GstEffnetWorker *worker;
  GError *failure = NULL;

  if (store == NULL)
    return FALSE;
  worker = gst_effnet_worker_new ("effnet-teach", run, teacher, &failure);
  if (worker == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "teach-file %s needs a thread: %s",
                 store->shown, failure->message);
    g_error_free (failure);
    gst_effnet_store_free (store);
    return FALSE;
  }
  g_cancellable_reset (teacher->cancellable);
  teacher->worker = worker;
  g_mutex_lock (&teacher->lock);
  teacher->store = store;
  teacher->wants_save = teacher->is_training = FALSE;
  g_mutex_unlock (&teacher->lock);
  load_heads (teacher); /* nobody else looks at the versions yet */
  if (current_head (teacher) != NULL)
    teacher->funcs->use (teacher->owner, current_head (teacher));
  g_mutex_lock (&teacher->lock);
  teacher->is_open = TRUE;
  g_mutex_unlock (&teacher->lock);
  return TRUE;
}

void
gst_effnet_teacher_close (GstEffnetTeacher *teacher)
{
  GstEffnetWorker *worker = teacher->worker;

  if (worker == NULL)
    return;
  g_mutex_lock (&teacher->lock);
  teacher->is_open = FALSE;
  g_array_set_size (teacher->seen, 0);
  g_array_set_size (teacher->coming, 0);
  g_mutex_unlock (&teacher->lock);
  g_cancellable_cancel (teacher->cancellable);
  gst_effnet_worker_free (worker);
  if (teacher->wants_save) /* since the last task */
    save (teacher);
  teacher->worker = NULL;
  g_mutex_lock (&teacher->lock);
  g_clear_pointer (&teacher->store, gst_effnet_store_free);
  g_hash_table_remove_all (teacher->heads);
  g_mutex_unlock (&teacher->lock);
}

gboolean
gst_effnet_teacher_is_open (GstEffnetTeacher *teacher)
{
  gboolean is_open;

  g_mutex_lock (&teacher->lock);
  is_open = teacher->is_open;
  g_mutex_unlock (&teacher->lock);
  return is_open;
}

/* ---- what is seen ---------------------------------------------------------------------------- */

void
gst_effnet_teacher_forget_seen (GstEffnetTeacher *teacher)
{
  g_mutex_lock (&teacher->lock);
  g_array_set_size (teacher->seen, 0);
  g_array_set_size (teacher->coming, 0);
  teacher->is_foreign = FALSE;
  g_mutex_unlock (&teacher->lock);
}

void
gst_effnet_teacher_see (GstEffnetTeacher *teacher, const char *part, GstBuffer *embedding,
                        GBytes *picture, guint width, guint height)
{
  Seen seen = {g_strdup (part), gst_buffer_ref (embedding), g_bytes_ref (picture), width, height};

  g_mutex_lock (&teacher->lock);
  if (teacher->is_open && teacher->coming->len < GST_EFFNET_SEEN_MAX)
    g_array_append_val (teacher->coming, seen);
  else
    clear_seen (&seen);
  g_mutex_unlock (&teacher->lock);
}

void
gst_effnet_teacher_seen_all (GstEffnetTeacher *teacher, const char *backbone)
{
  GArray *before;

  g_mutex_lock (&teacher->lock);
  before = teacher->seen;
  teacher->is_foreign = teacher->is_open && strcmp (backbone, teacher->store->backbone) != 0;
  if (teacher->is_foreign)
    g_array_set_size (teacher->coming, 0);
  teacher->seen = teacher->coming;
  teacher->coming = before;
  g_array_set_size (before, 0);
  g_mutex_unlock (&teacher->lock);
}

/* ---- actions --------------------------------------------------------------------------------- */

/* With the lock. */
static gboolean
is_open (GstEffnetTeacher *teacher, GError **error)
{
  if (!teacher->is_open)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "There is no teach-file that is open: set teach-file, and the pipeline to PAUSED "
                 "or PLAYING");
  return teacher->is_open;
}

/* With the lock. Returns: (nullable) */
static const Seen *
find_seen (GstEffnetTeacher *teacher, const char *part, GError **error)
{
  for (guint i = 0; i < teacher->seen->len; i++) {
    const Seen *seen = &g_array_index (teacher->seen, Seen, i);

    if (part == NULL || strcmp (part, seen->part) == 0)
      return seen;
  }
  if (teacher->is_foreign)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "teach-file %s was opened for another model than the one in use now: set the "
                 "pipeline to READY and back, with a teach-file for this model",
                 teacher->store->shown);
  else if (teacher->seen->len == 0)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "No frame of this stream has been classified yet: there is nothing to teach");
  else
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "The newest frame has no part \"%s\"; its first is \"%s\"", part,
                 g_array_index (teacher->seen, Seen, 0).part);
  return NULL;
}

/* Returns: (transfer full): an exemplar that goes without a picture where that cannot be compressed
 */
static GstEffnetExemplar *
exemplar_of (const Seen *seen, const char *label)
{
  g_autoptr (GBytes) jpeg = effnet_encode_jpeg (g_bytes_get_data (seen->picture, NULL), seen->width,
                                                seen->height, QUALITY, NULL);
  g_autoptr (GBytes) embedding = NULL;
  gpointer floats = NULL;
  gsize size = 0;

  gst_buffer_extract_dup (seen->embedding, 0, (gsize)-1, &floats, &size);
  embedding = g_bytes_new_take (floats, size);
  return gst_effnet_exemplar_new (label, embedding, jpeg);
}

gboolean
gst_effnet_teacher_teach (GstEffnetTeacher *teacher, const char *part, const char *label,
                          GError **error)
{
  const Seen *seen;
  gboolean ok;

  if (!gst_effnet_label_check (label, error))
    return FALSE;
  g_mutex_lock (&teacher->lock);
  seen = is_open (teacher, error) ? find_seen (teacher, part, error) : NULL;
  ok = seen != NULL && gst_effnet_store_add (teacher->store, exemplar_of (seen, label), error);
  if (ok)
    save_soon (teacher);
  g_mutex_unlock (&teacher->lock);
  return ok;
}

gboolean
gst_effnet_teacher_forget (GstEffnetTeacher *teacher, const char *label, GError **error)
{
  gboolean ok;

  g_mutex_lock (&teacher->lock);
  ok = is_open (teacher, error);
  if (ok && (label == NULL || gst_effnet_store_forget (teacher->store, label) == 0)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "\"%s\" has not been taught: nothing is forgotten", label != NULL ? label : "");
    ok = FALSE;
  }
  if (ok)
    save_soon (teacher);
  g_mutex_unlock (&teacher->lock);
  return ok;
}

/* With the lock. */
static gboolean
can_train (GstEffnetTeacher *teacher, GError **error)
{
  g_autoptr (GArray) counts = NULL;
  g_autoptr (GPtrArray) labels = gst_effnet_store_get_labels (teacher->store, &counts);

  if (teacher->is_training) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "A training is under way: wait for the message " GST_EFFNET_TRAINED_MESSAGE);
    return FALSE;
  }
  if (labels->len < GST_EFFNET_LABELS_MIN) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "%u label(s) have been taught; training needs %d at least: teach another one",
                 labels->len, GST_EFFNET_LABELS_MIN);
    return FALSE;
  }
  for (guint i = 0; i < labels->len; i++) {
    guint n = g_array_index (counts, guint, i);

    if (n >= GST_EFFNET_EXEMPLARS_MIN)
      continue;
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "\"%s\" has %u example(s); training needs %d of each label at least: teach it "
                 "again, or forget it",
                 (const char *)g_ptr_array_index (labels, i), n, GST_EFFNET_EXEMPLARS_MIN);
    return FALSE;
  }
  return TRUE;
}

gboolean
gst_effnet_teacher_train (GstEffnetTeacher *teacher, GError **error)
{
  gboolean ok;

  g_mutex_lock (&teacher->lock);
  ok = is_open (teacher, error) && can_train (teacher, error);
  if (ok) {
    teacher->is_training = TRUE;
    gst_effnet_worker_push (teacher->worker, GINT_TO_POINTER (TASK_TRAIN));
  }
  g_mutex_unlock (&teacher->lock);
  return ok;
}

/* With the lock. FALSE when there is none before the one in use, or it is not kept any more. */
static gboolean
go_back (GstEffnetTeacher *teacher, GError **error)
{
  GstEffnetStore *store = teacher->store;
  const GstEffnetVersion *version = gst_effnet_store_find (store, store->current);

  if (version != NULL &&
      (version->before == 0 || gst_effnet_store_find (store, version->before) != NULL)) {
    store->current = version->before;
    save_soon (teacher);
    return TRUE;
  }
  if (version == NULL)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "Nothing that was taught is in use: there is no version to go back from");
  else
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "Version %u of what was taught, which was before %u, is not kept any more; the "
                 "newest %d are",
                 version->before, version->number, GST_EFFNET_VERSIONS_MAX);
  return FALSE;
}

gboolean
gst_effnet_teacher_rollback (GstEffnetTeacher *teacher, GError **error)
{
  EffnetHead *head = NULL;
  gboolean ok;

  g_mutex_lock (&teacher->lock);
  ok = is_open (teacher, error) && go_back (teacher, error);
  if (ok && current_head (teacher) != NULL)
    head = effnet_head_ref (current_head (teacher));
  g_mutex_unlock (&teacher->lock);
  if (ok)
    teacher->funcs->use (teacher->owner, head);
  g_clear_pointer (&head, effnet_head_unref);
  return ok;
}

GstStructure *
gst_effnet_teacher_get_stats (GstEffnetTeacher *teacher)
{
  g_autoptr (GPtrArray) labels = NULL;
  g_autoptr (GArray) counts = NULL;
  const GstEffnetVersion *version;
  GstStructure *stats = NULL;

  g_mutex_lock (&teacher->lock);
  if (teacher->is_open) {
    version = gst_effnet_store_find (teacher->store, teacher->store->current);
    stats = gst_structure_new (
        "effnet-teaching", "exemplars", G_TYPE_UINT, teacher->store->exemplars->len, "version",
        G_TYPE_UINT, teacher->store->current, "versions", G_TYPE_UINT,
        teacher->store->versions->len, "accuracy", G_TYPE_DOUBLE,
        version != NULL ? version->accuracy : 0.0, "training", G_TYPE_BOOLEAN, teacher->is_training,
        "saving", G_TYPE_BOOLEAN, teacher->wants_save, NULL);
    labels = gst_effnet_store_get_labels (teacher->store, &counts);
    gst_effnet_set_labels (stats, labels->pdata, counts);
  }
  g_mutex_unlock (&teacher->lock);
  return stats;
}
