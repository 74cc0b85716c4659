/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's side of teach/: which frames, whose results, who is told. */
#include "classify/learn.h"

#include "classify/heads.h"
#include "classify/instance.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

#define PICTURE_SIDE 96 /* pixels of a side of an exemplar's picture, about */

GType
gst_effnet_save_reasons_get_type (void)
{
  static const GFlagsValue values[] = {
      {GST_EFFNET_SAVE_LOW_MARGIN, "The two best classes are closer than save-margin",
       "low-margin"},
      {GST_EFFNET_SAVE_DISAGREEMENT, "The shadow model has another label", "disagreement"},
      {GST_EFFNET_SAVE_UNKNOWN, "The label is \"unknown\"", "unknown"},
      {GST_EFFNET_SAVE_LABEL_CHANGE,
       "The label (with smoothing the stable one) is another than before", "label-change"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("GstEffnetSaveReasons", values));
  return type;
}

/* ---- told by other threads ------------------------------------------------------------------- */

static void
use_head (gpointer owner, EffnetHead *head)
{
  gst_effnet_classify_set_taught (owner, head);
}

static void
tell (gpointer owner, GstStructure *news)
{
  gst_element_post_message (owner, gst_message_new_element (owner, news));
}

static void
warn (gpointer owner, const GError *error)
{
  GST_ELEMENT_WARNING (owner, RESOURCE, WRITE, ("%s", error->message), ("the stream goes on"));
}

static const GstEffnetTeacherFuncs teacher_funcs = {use_head, tell, warn};

/* ---- life ------------------------------------------------------------------------------------ */

void
gst_effnet_classify_init_learning (GstEffnetClassify *self)
{
  self->learn = (GstEffnetLearn){.reasons = GST_EFFNET_SAVE_ALL,
                                 .max_bytes = G_GUINT64_CONSTANT (1) << 30,
                                 .interval = GST_SECOND};
  self->frame_settings.inference.keep.margin = 0.2;
  gst_effnet_teacher_init (&self->learn.teacher, &teacher_funcs, self);
  gst_effnet_saver_init (&self->learn.saver, warn, self);
}

void
gst_effnet_classify_clear_learning (GstEffnetClassify *self)
{
  gst_effnet_teacher_clear (&self->learn.teacher);
  gst_effnet_saver_clear (&self->learn.saver);
  g_free (self->learn.teach_file);
  g_free (self->learn.save_folder);
}

/* The saver of the folder before ends, and one of the present folder begins. */
static void
reopen_saver (GstEffnetClassify *self, gboolean started)
{
  GstEffnetSaver *saver = &self->learn.saver;
  g_autofree char *folder = NULL;
  g_autoptr (GError) error = NULL;

  gst_effnet_saver_close (saver);
  GST_OBJECT_LOCK (self);
  folder = g_strdup (self->learn.save_folder);
  gst_effnet_saver_set_limits (saver, self->learn.max_bytes, self->learn.interval);
  GST_OBJECT_UNLOCK (self);
  if (started && folder != NULL && !gst_effnet_saver_open (saver, folder, &error))
    warn (self, error);
}

void
gst_effnet_classify_settle_saver (GstEffnetClassify *self)
{
  gboolean started, wanted;

  GST_OBJECT_LOCK (self);
  started = self->started;
  wanted = self->learn.wants_saver;
  self->learn.wants_saver = FALSE;
  gst_effnet_saver_set_limits (&self->learn.saver, self->learn.max_bytes, self->learn.interval);
  GST_OBJECT_UNLOCK (self);
  if (started && wanted)
    reopen_saver (self, TRUE);
}

gboolean
gst_effnet_classify_start_learning (GstEffnetClassify *self, const GstEffnetEngine *engine)
{
  const GstEffnetSource source = {engine->model, engine->backbone, engine->info.n_features};
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  path = g_strdup (self->learn.teach_file);
  GST_OBJECT_UNLOCK (self);
  if (path != NULL && !gst_effnet_teacher_open (&self->learn.teacher, path, &source, &error)) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
    return FALSE;
  }
  reopen_saver (self, TRUE);
  return TRUE;
}

void
gst_effnet_classify_stop_learning (GstEffnetClassify *self)
{
  gst_effnet_teacher_close (&self->learn.teacher);
  gst_effnet_classify_set_taught (self, NULL);
  gst_effnet_saver_close (&self->learn.saver);
}

void
gst_effnet_classify_forget_seen (GstEffnetClassify *self)
{
  gst_effnet_teacher_forget_seen (&self->learn.teacher);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Parts of a JPEG are kept as the network saw them: the frame is never decoded as a whole. */
static gboolean
wants_inputs (GstEffnetClassify *self, const GstEffnetInferenceSettings *settings)
{
  return settings->regions.mode != GST_EFFNET_INFERENCE_REGION_FULL_FRAME &&
         self->format.image.format == EFFNET_PIXEL_FORMAT_JPEG;
}

void
gst_effnet_classify_plan_learning (GstEffnetClassify *self, GstEffnetInferenceSettings *settings)
{
  gboolean teaches = gst_effnet_teacher_is_open (&self->learn.teacher);
  gboolean saves = settings->keep.reasons != 0 && gst_effnet_saver_is_due (&self->learn.saver);
  const GstEffnetEngine *engine = self->labels.lineup->engine;

  settings->keep.teaches = teaches;
  settings->keep.picture = saves;
  settings->keep.input_step = 0;
  if (teaches)
    settings->keep.input_step = MAX (engine->info.input_width / PICTURE_SIDE, 1);
  if (saves && wants_inputs (self, settings))
    settings->keep.input_step = 1;
  settings->wanted.embeddings = settings->keep.embeddings || teaches || saves;
}

/* Of the @nth part of those that @job had run by @engine. */
static GstEffnetExample *
example_new (GstEffnetClassify *self, const GstEffnetJob *job, const GstEffnetEngine *engine,
             guint nth, const GstEffnetPick *pick, GstBuffer *embedding)
{
  GstEffnetExample *example = g_new0 (GstEffnetExample, 1);

  if (gst_effnet_picture_is_jpeg (job->frame_copy) && pick->rect.width > 0 &&
      nth < job->inputs->len) {
    example->input = g_bytes_ref (g_ptr_array_index (job->inputs, nth));
    example->width = engine->info.input_width / job->settings.keep.input_step;
    example->height = engine->info.input_height / job->settings.keep.input_step;
  } else {
    example->picture = gst_effnet_picture_ref (job->frame_copy);
    example->part = pick->rect;
  }
  example->embedding = gst_buffer_ref (embedding);
  example->region = g_strdup (pick->name);
  example->element = g_strdup (self->name);
  example->time = g_get_real_time ();
  return example;
}

/* @entries: [n], the best first */
static void
describe (GstEffnetExample *example, const GstEffnetEntry *entries, guint n)
{
  char text[GST_EFFNET_LABEL_LENGTH];

  example->labels = g_new0 (char *, n + 1);
  example->scores = g_new (double, n);
  for (guint i = 0; i < n; i++) {
    example->labels[i] = g_strdup (gst_effnet_entry_get_label (&entries[i], text));
    example->scores[i] = entries[i].score;
  }
  example->label = g_strdup (example->labels[0]);
}

static gboolean
is_changed (GstEffnetClassify *self, const GstEffnetResult *result, const GstEffnetResults *before)
{
  const GstEffnetResult *old;

  if (self->labels.smoothing.smoothing != GST_EFFNET_SMOOTHING_NONE)
    return result->state.changed && result->state.before != GST_EFFNET_CLASS_NONE;
  old = before->engine != NULL ? gst_effnet_results_find (before, &result->pick) : NULL;
  return old != NULL && old->head->class_list == result->head->class_list &&
         old->answer != result->answer;
}

static GstEffnetSaveReasons
reasons_of (GstEffnetClassify *self, const GstEffnetJob *job, const GstEffnetResult *result,
            const GstEffnetResults *before)
{
  guint reasons = 0;

  if (result->answer == GST_EFFNET_CLASS_UNKNOWN)
    reasons |= GST_EFFNET_SAVE_UNKNOWN;
  if (result->margin < job->settings.keep.margin)
    reasons |= GST_EFFNET_SAVE_LOW_MARGIN;
  if (is_changed (self, result, before))
    reasons |= GST_EFFNET_SAVE_LABEL_CHANGE;
  return reasons & job->settings.keep.reasons;
}

static void
keep_example (GstEffnetClassify *self, const GstEffnetJob *job, guint nth,
              const GstEffnetResult *result, const GstEffnetResults *before)
{
  const GstEffnetResults *results = &self->results;
  GstEffnetSaveReasons reasons = reasons_of (self, job, result, before);
  GstEffnetExample *example;

  if (reasons == 0)
    return;
  example = example_new (self, job, results->engine, nth, &result->pick, result->embedding);
  example->reasons = reasons;
  describe (example, &g_array_index (results->entries, GstEffnetEntry, result->first),
            MAX (result->n, 1));
  example->head = g_strdup (result->head->name);
  example->margin = result->margin;
  example->running_time = result->running_time;
  gst_effnet_saver_offer (&self->learn.saver, example);
}

static void
show_teacher (GstEffnetClassify *self, const GstEffnetJob *job, guint nth,
              const GstEffnetResult *result)
{
  const EffnetModelInfo *info = &self->results.engine->info;
  guint step = job->settings.keep.input_step;

  if (nth < job->inputs->len && result->embedding != NULL)
    gst_effnet_teacher_see (&self->learn.teacher, result->pick.name, result->embedding,
                            g_ptr_array_index (job->inputs, nth), info->input_width / step,
                            info->input_height / step);
}

void
gst_effnet_classify_learn (GstEffnetClassify *self, const GstEffnetJob *job,
                           const GstEffnetResults *before)
{
  const GstEffnetResults *results = &self->results;
  guint nth = 0;

  for (guint i = 0; i < gst_effnet_results_length (results); i += results->lineup->n) {
    const GstEffnetResult *result = gst_effnet_results_get (results, i);

    if (result->kept)
      continue;
    if (job->settings.keep.teaches)
      show_teacher (self, job, nth, result);
    if (job->frame_copy != NULL && result->embedding != NULL)
      keep_example (self, job, nth, result, before);
    nth++;
  }
  if (job->settings.keep.teaches)
    gst_effnet_teacher_seen_all (&self->learn.teacher, results->engine->backbone);
}

void
gst_effnet_classify_keep_disagreement (GstEffnetClassify *self, const GstEffnetJob *job,
                                       const GstEffnetResults *results, guint nth,
                                       const GstEffnetDisagreement *d)
{
  const GstEffnetResult *result = gst_effnet_results_get (results, nth * results->lineup->n);
  const GstEffnetEntry entry = {d->label, 0, d->score};
  GstEffnetExample *example;

  if (job->frame_copy == NULL || d->embedding == NULL ||
      !(job->settings.keep.reasons & GST_EFFNET_SAVE_DISAGREEMENT))
    return;
  example = example_new (self, job, results->engine, nth, &result->pick, d->embedding);
  example->reasons = GST_EFFNET_SAVE_DISAGREEMENT;
  describe (example, &entry, 1);
  example->other = g_strdup (d->other);
  example->head = g_strdup ("");
  example->margin = d->margin;
  example->running_time = results->running_time;
  gst_effnet_saver_offer (&self->learn.saver, example);
}

void
gst_effnet_classify_add_learning_stats (GstEffnetClassify *self, GstStructure *stats)
{
  GstStructure *teaching = gst_effnet_teacher_get_stats (&self->learn.teacher);
  GstEffnetSaverStats saver = gst_effnet_saver_get_stats (&self->learn.saver);

  gst_structure_set (stats, "examples-saved", G_TYPE_UINT64, saver.saved, "examples-alike",
                     G_TYPE_UINT64, saver.duplicates, "examples-dropped", G_TYPE_UINT64,
                     saver.dropped, "examples-failed", G_TYPE_UINT64, saver.failed,
                     "examples-bytes", G_TYPE_UINT64, saver.bytes, NULL);
  if (teaching != NULL)
    gst_structure_set (stats, "teaching", GST_TYPE_STRUCTURE, teaching, NULL);
  g_clear_pointer (&teaching, gst_structure_free);
}

/* ---- actions --------------------------------------------------------------------------------- */

/* Returns: @ok; takes @error, of which the application is told. */
static gboolean
answer (GstEffnetClassify *self, gboolean ok, GError *error)
{
  if (error != NULL)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
  g_clear_error (&error);
  return ok;
}

static gboolean
teach_region (GstEffnetClassify *self, const char *region, const char *label)
{
  GError *error = NULL;
  gboolean ok = gst_effnet_teacher_teach (&self->learn.teacher, region, label, &error);

  return answer (self, ok, error);
}

static gboolean
teach (GstEffnetClassify *self, const char *label)
{
  return teach_region (self, NULL, label);
}

static gboolean
forget (GstEffnetClassify *self, const char *label)
{
  GError *error = NULL;
  gboolean ok = gst_effnet_teacher_forget (&self->learn.teacher, label, &error);

  return answer (self, ok, error);
}

static gboolean
train (GstEffnetClassify *self)
{
  GError *error = NULL;
  gboolean ok = gst_effnet_teacher_train (&self->learn.teacher, &error);

  return answer (self, ok, error);
}

static gboolean
rollback (GstEffnetClassify *self)
{
  GError *error = NULL;
  gboolean ok = gst_effnet_teacher_rollback (&self->learn.teacher, &error);

  return answer (self, ok, error);
}

static void
add_action (GType type, const char *name, GCallback callback, guint n, const GType *types)
{
  g_signal_new_class_handler (name, type, G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION, callback, NULL, NULL,
                              NULL, G_TYPE_BOOLEAN, n, n > 0 ? types[0] : G_TYPE_NONE,
                              n > 1 ? types[1] : G_TYPE_NONE);
}

void
gst_effnet_classify_install_learning (GObjectClass *klass)
{
  static const GType texts[] = {G_TYPE_STRING, G_TYPE_STRING};
  GType type = G_OBJECT_CLASS_TYPE (klass);

  /**
   * GstEffnetClassify::teach:
   * @element: the element
   * @label: the class to be, 1 to 200 bytes
   *
   * The newest frame that was classified (of several parts the first) becomes an example of @label
   * in #effnetclassify:teach-file.
   *
   * Returns: FALSE, with a warning, when there is no such frame or no such file
   */
  add_action (type, "teach", G_CALLBACK (teach), 1, texts);
  /**
   * GstEffnetClassify::teach-region:
   * @element: the element
   * @region: the part, by the name that it has in results
   * @label: the class to be
   *
   * The same for another part of the frame.
   *
   * Returns: FALSE as GstEffnetClassify::teach
   */
  add_action (type, "teach-region", G_CALLBACK (teach_region), 2, texts);
  /**
   * GstEffnetClassify::forget:
   * @element: the element
   * @label: what was taught
   *
   * All its examples go; the head in use stays until the next training.
   *
   * Returns: FALSE, with a warning, when there are none
   */
  add_action (type, "forget", G_CALLBACK (forget), 1, texts);
  /**
   * GstEffnetClassify::train:
   * @element: the element
   *
   * Trains a head on all examples, in the background. It takes over between two frames, and an
   * element message `effnetclassify-trained` says so.
   *
   * Returns: FALSE, with a warning, when there are fewer than two labels, or fewer than three
   * examples of one, or a training is under way
   */
  add_action (type, "train", G_CALLBACK (train), 0, texts);
  /**
   * GstEffnetClassify::rollback:
   * @element: the element
   *
   * The head that was in use before the last training is in use again; before the first, none.
   *
   * Returns: FALSE, with a warning, when there is nothing to go back to
   */
  add_action (type, "rollback", G_CALLBACK (rollback), 0, texts);
}
