/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The property table, of which groups of properties in files of their own are parts. Setters store,
 * under the object lock, and never open a file: what a setting costs is paid in a state change or
 * in a worker (model.c). */
#include "classify/props.h"

#include "classify/heads.h"
#include "classify/model.h"
#include "classify/props_decode.h"
#include "classify/props_labels.h"
#include "classify/props_load.h"
#include "classify/props_meta.h"
#include "classify/props_metrics.h"
#include "classify/props_mode.h"
#include "classify/props_regions.h"
#include "classify/props_teach.h"

enum {
  PROP_0,
  PROP_VARIANT,
  PROP_MODEL_FILE,
  PROP_LABELS_FILE,
  PROP_PRECISION,
  PROP_THREADS,
  PROP_TOP_K,
  PROP_RESIZE_MODE,
  PROP_SPARSE_ROWS,
  PROP_ACTIVATION,
  PROP_ORIENTATION,
  PROP_BITS,
  PROP_POST_MESSAGES,
  PROP_MAX_ERRORS,
  PROP_STATS,
  PROP_MODEL_INFO,
  FIRST_OF_GROUPS = 100,
};

#define GROUP_SIZE    100 /* numbers that a group has for its properties */
#define READY_FLAGS   GST_EFFNET_READY_FLAGS
#define PLAYING_FLAGS GST_EFFNET_PLAYING_FLAGS

static const GstEffnetPropertyGroup *const groups[] = {
    &gst_effnet_region_properties, &gst_effnet_load_properties,    &gst_effnet_meta_properties,
    &gst_effnet_label_properties,  &gst_effnet_mode_properties,    &gst_effnet_decode_properties,
    &gst_effnet_teach_properties,  &gst_effnet_metrics_properties,
};

/* @id: becomes the property's place in the group. Returns: (nullable): the group it is of */
static const GstEffnetPropertyGroup *
group_of (guint *id)
{
  guint n = *id / GROUP_SIZE;

  if (*id < FIRST_OF_GROUPS || n > G_N_ELEMENTS (groups))
    return NULL;
  *id %= GROUP_SIZE;
  return groups[n - 1];
}

void
gst_effnet_store_string (char **where, const GValue *value)
{
  const char *text = g_value_get_string (value);

  g_free (*where);
  *where = text != NULL && *text != '\0' ? g_strdup (text) : NULL;
}

/* With the object lock. */
static void
set_model_setting (GstEffnetClassify *self, guint id, const GValue *value)
{
  self->wants_reload = TRUE;
  switch (id) {
  case PROP_VARIANT:
    gst_effnet_store_string (&self->model_settings.variant, value);
    break;
  case PROP_MODEL_FILE:
    gst_effnet_store_string (&self->model_settings.model_file, value);
    break;
  case PROP_LABELS_FILE:
    gst_effnet_store_string (&self->model_settings.labels_file, value);
    break;
  case PROP_PRECISION:
    self->model_settings.precision = g_value_get_enum (value);
    break;
  case PROP_THREADS:
    self->model_settings.threads = g_value_get_uint (value);
    break;
  default:
    break;
  }
}

static void get_any (GstEffnetClassify *self, guint id, GValue *value, GParamSpec *pspec);

/* TRUE when the property is one for READY and the stream has started: it stays as it is, and
 * whoever asks for something else is told. */
static gboolean
refuse (GstEffnetClassify *self, guint id, const GValue *value, GParamSpec *pspec)
{
  g_auto (GValue) present = G_VALUE_INIT;
  gboolean started;

  if (!(pspec->flags & GST_PARAM_MUTABLE_READY))
    return FALSE;
  g_value_init (&present, G_PARAM_SPEC_VALUE_TYPE (pspec));
  GST_OBJECT_LOCK (self);
  started = self->started;
  get_any (self, id, &present, pspec);
  GST_OBJECT_UNLOCK (self);
  if (started && g_param_values_cmp (pspec, &present, value) != 0) {
    g_autofree char *stays = gst_value_serialize (&present);
    g_autofree char *asked = gst_value_serialize (value);

    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                         ("%s can be set in the states NULL and READY only: %s stays, not %s",
                          pspec->name, stays, asked),
                         (NULL));
  }
  return started;
}

/* A value that cannot be used changes nothing: while playing that is a warning, before the start it
 * keeps the element from starting until the property is set again. */
static void
set_in_group (GstEffnetClassify *self, const GstEffnetPropertyGroup *group, guint index,
              const GValue *value, const char *name)
{
  GError *error = NULL;
  gboolean started;

  GST_OBJECT_LOCK (self);
  started = self->started;
  g_hash_table_remove (self->complaints, name);
  if (!group->set (self, index, value, &error) && !started)
    g_hash_table_insert (self->complaints, (gpointer)name, g_strdup (error->message));
  GST_OBJECT_UNLOCK (self);
  if (error != NULL && started)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message),
                         ("%s stays as it was", name));
  g_clear_error (&error);
}

gboolean
gst_effnet_classify_settings_are_sound (GstEffnetClassify *self)
{
  g_autofree char *complaint = NULL;
  GHashTableIter iter;
  gpointer sentence;

  GST_OBJECT_LOCK (self);
  g_hash_table_iter_init (&iter, self->complaints);
  if (g_hash_table_iter_next (&iter, NULL, &sentence))
    complaint = g_strdup (sentence);
  GST_OBJECT_UNLOCK (self);
  if (complaint != NULL)
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", complaint), (NULL));
  return complaint == NULL;
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (object);
  guint index = id;
  const GstEffnetPropertyGroup *group = group_of (&index);

  if (refuse (self, id, value, pspec))
    return;
  if (group != NULL) {
    set_in_group (self, group, index, value, pspec->name);
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_VARIANT:
  case PROP_MODEL_FILE:
  case PROP_LABELS_FILE:
  case PROP_PRECISION:
  case PROP_THREADS:
    set_model_setting (self, id, value);
    break;
  case PROP_MAX_ERRORS:
    self->frame_settings.max_errors = g_value_get_int (value);
    break;
  case PROP_TOP_K:
    self->frame_settings.inference.wanted.top_k = g_value_get_uint (value);
    break;
  case PROP_RESIZE_MODE:
    self->frame_settings.inference.run.resize_mode = g_value_get_enum (value);
    break;
  case PROP_SPARSE_ROWS:
    self->frame_settings.inference.run.sparse_rows = g_value_get_boolean (value);
    break;
  case PROP_BITS:
    self->frame_settings.inference.bits = g_value_get_uint (value);
    break;
  case PROP_ORIENTATION:
    self->frame_settings.inference.orientation = (guint)g_value_get_enum (value);
    break;
  case PROP_ACTIVATION:
    self->frame_settings.inference.run.activation = g_value_get_enum (value);
    break;
  case PROP_POST_MESSAGES:
    self->frame_settings.post_messages = g_value_get_enum (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

/* @part: (transfer full) (nullable) */
static void
take_part (GstStructure *stats, const char *field, GstStructure *part)
{
  if (part != NULL)
    gst_structure_set (stats, field, GST_TYPE_STRUCTURE, part, NULL);
  g_clear_pointer (&part, gst_structure_free);
}

static void
get_stats (GstEffnetClassify *self, GValue *value)
{
  GstEffnetStats *copy = g_new (GstEffnetStats, 1);
  GstEffnetEngine *engine;
  EffnetQueueStats queue;
  GstStructure *stats;
  guint slower;

  GST_OBJECT_LOCK (self);
  *copy = self->stats;
  slower = self->budget.slower;
  GST_OBJECT_UNLOCK (self);
  stats = gst_effnet_stats_to_structure (copy);
  gst_effnet_classify_add_shadow_stats (self, stats);
  gst_effnet_classify_add_learning_stats (self, stats);
  gst_effnet_tally_put (&self->tally, stats);
  g_free (copy);
  engine = gst_effnet_classify_ref_engine (self);
  gst_structure_set (stats, "interval-factor", G_TYPE_UINT, slower, NULL);
  if (engine != NULL) {
    gst_structure_set (stats, "input-side", G_TYPE_UINT, engine->info.input_width, NULL);
    effnet_scheduler_get_stats (engine->scheduler, &queue);
    take_part (stats, "scheduler",
               gst_effnet_stats_of_queue (&queue, effnet_scheduler_get_size (engine->scheduler),
                                          engine->settings.instance_id));
    gst_effnet_engine_unref (engine);
  }
  if (gst_effnet_stream_get_stats (&self->stream, &queue))
    take_part (stats, "queue", gst_effnet_stats_of_queue (&queue, 0, NULL));
  take_part (stats, "scene", gst_effnet_watch_to_structure (&self->watch));
  g_value_take_boxed (value, stats);
}

static void
get_model_info (GstEffnetClassify *self, GValue *value)
{
  GstEffnetEngine *engine = gst_effnet_classify_ref_engine (self);

  if (engine == NULL)
    return;
  g_value_take_boxed (value, gst_effnet_engine_get_info (engine));
  gst_effnet_engine_unref (engine);
}

static void
get_setting (GstEffnetClassify *self, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id) {
  case PROP_VARIANT:
    g_value_set_string (value, self->model_settings.variant);
    break;
  case PROP_MODEL_FILE:
    g_value_set_string (value, self->model_settings.model_file);
    break;
  case PROP_LABELS_FILE:
    g_value_set_string (value, self->model_settings.labels_file);
    break;
  case PROP_PRECISION:
    g_value_set_enum (value, self->model_settings.precision);
    break;
  case PROP_THREADS:
    g_value_set_uint (value, self->model_settings.threads);
    break;
  case PROP_TOP_K:
    g_value_set_uint (value, self->frame_settings.inference.wanted.top_k);
    break;
  case PROP_RESIZE_MODE:
    g_value_set_enum (value, self->frame_settings.inference.run.resize_mode);
    break;
  case PROP_SPARSE_ROWS:
    g_value_set_boolean (value, self->frame_settings.inference.run.sparse_rows);
    break;
  case PROP_BITS:
    g_value_set_uint (value, self->frame_settings.inference.bits);
    break;
  case PROP_ORIENTATION:
    g_value_set_enum (value, (int)self->frame_settings.inference.orientation);
    break;
  case PROP_ACTIVATION:
    g_value_set_enum (value, self->frame_settings.inference.run.activation);
    break;
  case PROP_POST_MESSAGES:
    g_value_set_enum (value, self->frame_settings.post_messages);
    break;
  case PROP_MAX_ERRORS:
    g_value_set_int (value, self->frame_settings.max_errors);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (G_OBJECT (self), id, pspec);
    break;
  }
}

static void
get_any (GstEffnetClassify *self, guint id, GValue *value, GParamSpec *pspec)
{
  guint index = id;
  const GstEffnetPropertyGroup *group = group_of (&index);

  if (group != NULL)
    group->get (self, index, value);
  else
    get_setting (self, id, value, pspec);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (object);

  if (id == PROP_STATS) {
    get_stats (self, value);
  } else if (id == PROP_MODEL_INFO) {
    get_model_info (self, value);
  } else {
    GST_OBJECT_LOCK (self);
    get_any (self, id, value, pspec);
    GST_OBJECT_UNLOCK (self);
  }
}

/* One g_object_set() of several properties arrives here once, after all of them are stored: a model
 * and its labels are never loaded half. */
static void
dispatch_properties_changed (GObject *object, guint n, GParamSpec **pspecs)
{
  GObjectClass *parent = g_type_class_peek (GST_TYPE_BASE_TRANSFORM);
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (object);
  gboolean reload, shadow, heads;

  parent->dispatch_properties_changed (object, n, pspecs);
  GST_OBJECT_LOCK (self);
  reload = self->wants_reload;
  self->wants_reload = FALSE;
  shadow = self->wants_shadow;
  self->wants_shadow = FALSE;
  heads = self->wants_heads;
  self->wants_heads = FALSE;
  GST_OBJECT_UNLOCK (self);
  if (reload)
    gst_effnet_classify_reload (self);
  if (shadow)
    gst_effnet_classify_load_shadow (self);
  if (heads)
    gst_effnet_classify_load_heads (self);
  gst_effnet_classify_settle_saver (self);
}

static void
install_model_properties (GObjectClass *klass)
{
  g_autofree char *variants = g_strdup_printf (
      "Member of the family: %s (`effnet info --list` has all), or one of them scaled, as in "
      "b0:phi:1.5 or b0:1.1,1.2,260; phi:X is b0:phi:X; auto = what the model says. Without "
      "model-file it also says which model to look for",
      effnet_variant_summary ());

  g_object_class_install_property (
      klass, PROP_VARIANT,
      g_param_spec_string ("variant", "Variant", g_intern_string (variants), "auto", READY_FLAGS));
  g_object_class_install_property (
      klass, PROP_MODEL_FILE,
      g_param_spec_string (
          "model-file", "Model file",
          "Weights (safetensors) or the folder they are in with config.json; unset = "
          "the installed model of the variant. While playing, the new model takes "
          "over when it is ready; one that cannot be opened leaves the old one",
          NULL, PLAYING_FLAGS));
  g_object_class_install_property (
      klass, PROP_LABELS_FILE,
      g_param_spec_string ("labels-file", "Labels file",
                           "Text file, one class name a line, with or without its number, or JSON, "
                           "YAML or CSV; unset = from the model's card",
                           NULL, PLAYING_FLAGS));
  g_object_class_install_property (
      klass, PROP_PRECISION,
      g_param_spec_enum ("precision", "Precision", "Arithmetic of the network",
                         GST_TYPE_EFFNET_PRECISION, EFFNET_PRECISION_AUTO, READY_FLAGS));
  g_object_class_install_property (
      klass, PROP_THREADS,
      g_param_spec_uint (
          "threads", "Threads",
          "Worker threads, of a pool that all elements with the same number share; 0 = "
          "the CPUs this process may use",
          0, EFFNET_THREADS_MAX, 0, READY_FLAGS));
  g_object_class_install_property (
      klass, PROP_MODEL_INFO,
      g_param_spec_boxed (
          "model-info", "Model information",
          "Name, hash, classes, input size (pixels), precision, instruction set and "
          "memory (bytes) of the open model; unset below READY",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

/* From a frame to scores. */
static void
install_input_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_RESIZE_MODE,
      g_param_spec_enum ("resize-mode", "Resize mode", "How a frame becomes the network's input",
                         GST_TYPE_EFFNET_RESIZE_MODE, EFFNET_RESIZE_MODE_AUTO, PLAYING_FLAGS));
  g_object_class_install_property (
      klass, PROP_SPARSE_ROWS,
      g_param_spec_boolean ("sparse-rows", "Sparse rows",
                            "Of raw frames with three rows or more for each of the network's input "
                            "read only every second one or fewer: half the time or less",
                            FALSE, PLAYING_FLAGS));
  g_object_class_install_property (
      klass, PROP_ORIENTATION,
      g_param_spec_enum ("orientation", "Orientation",
                         "What is done to a frame so that it is classified upright; the buffer "
                         "goes on as it is",
                         GST_TYPE_EFFNET_ORIENTATION, 0, PLAYING_FLAGS));
  g_object_class_install_property (
      klass, PROP_BITS,
      g_param_spec_uint ("bits", "Bits",
                         "Of formats of 16 bits, such as GRAY16_LE: how many the camera uses, "
                         "8 to 16, from the lowest on; 0 = all (bits)",
                         0, 16, 0, PLAYING_FLAGS));
  g_object_class_install_property (
      klass, PROP_ACTIVATION,
      g_param_spec_enum ("activation", "Activation", "How the network's logits become scores",
                         GST_TYPE_EFFNET_ACTIVATION, EFFNET_OUTPUT_ACTIVATION_AUTO, PLAYING_FLAGS));
}

static void
install_frame_properties (GObjectClass *klass)
{
  g_object_class_install_property (klass, PROP_TOP_K,
                                   g_param_spec_uint ("top-k", "Top k",
                                                      "Classes a result lists at most, best first",
                                                      1, EFFNET_TOP_K_MAX, 5, PLAYING_FLAGS));
  g_object_class_install_property (
      klass, PROP_POST_MESSAGES,
      g_param_spec_enum ("post-messages", "Post messages",
                         "Which results are posted as element messages on the bus",
                         GST_TYPE_EFFNET_POST_MESSAGES, GST_EFFNET_POST_MESSAGES_CHANGE,
                         PLAYING_FLAGS));
  g_object_class_install_property (
      klass, PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "Since the stream started: frames, inferences (of frames or their parts), skipped "
          "frames, also by reason (skipped-interval, -rate, -late and so on), errors, dropped, "
          "cancelled and rois-skipped, and p50, p95, p99 of latency, wait, decode, convert and "
          "infer over the newest 512 inferences (ns); age of the newest frame (ns); structures "
          "`queue` (of this stream), `scheduler`, `scene` and `histograms`; a list of structures "
          "`regions`",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
install_error_properties (GObjectClass *klass)
{
  g_object_class_install_property (
      klass, PROP_MAX_ERRORS,
      g_param_spec_int ("max-errors", "Maximum errors",
                        "Stop with an error after this many bad frames in a row, of those that "
                        "were to be classified (1 = at the first; 0 and -1 = never)",
                        -1, G_MAXINT, -1, PLAYING_FLAGS));
}

void
gst_effnet_classify_install_properties (GObjectClass *klass)
{
  klass->set_property = set_property;
  klass->get_property = get_property;
  klass->dispatch_properties_changed = dispatch_properties_changed;
  install_model_properties (klass);
  install_input_properties (klass);
  install_frame_properties (klass);
  install_error_properties (klass);
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    groups[i]->install (klass, FIRST_OF_GROUPS + i * GROUP_SIZE);
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_PRECISION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_RESIZE_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_ACTIVATION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_ORIENTATION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_POST_MESSAGES, 0);
}
