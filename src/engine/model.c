/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A model's life: found, opened, checked, folded, packed, shared. Everything about it is decided
 * here, and all errors of a model are raised by the time effnet_model_open() returns. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "bind/bind.h"
#include "bind/checkpoint.h"
#include "bind/synthetic.h"
#include "engine/choose.h"
#include "engine/engine.h"
#include "quant/means_file.h"
#include "threads/fork.h"

/* Models in use, so that the same file opened twice is one: key -> EffnetModel. Opens are
 * serialised: a second open of the same file shares the model of the first. Taking a reference
 * never waits for an open. */
static GMutex open_lock, cache_lock;
static GHashTable *cache;
static void (*watcher) (const EffnetModel *model);

static void
before_fork (void)
{
  g_mutex_lock (&cache_lock);
}

static void
after_fork (void)
{
  g_mutex_unlock (&cache_lock);
}

/* Who was opening a model is not in the child; the cache was not being changed. */
static void
in_child (void)
{
  g_mutex_init (&open_lock);
  after_fork ();
}

static void
model_free (EffnetModel *model)
{
  g_free (model->key);
  g_free (model->path);
  g_free (model->name);
  g_free (model->notice);
  g_free (model->stored);
  effnet_net_free (model->net);
  effnet_plan_free (model->plan);
  effnet_arena_clear (&model->weights);
  effnet_card_free (model->card);
  g_strfreev (model->labels);
  effnet_hash_free (model->hash);
  g_free (model->backbone);
  effnet_hash_free (model->backbone_hash);
  g_free (model);
}

/* A file replaced on disk, or written to, is another model: what a status says of it changes then,
 * whatever its name, size and time of modification. */
static char *
stat_identity (const char *path, const struct stat *info)
{
  return g_strdup_printf ("%s:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT
                          ":%" G_GINT64_FORMAT ".%ld:%" G_GINT64_FORMAT ".%ld",
                          path, (guint64)info->st_dev, (guint64)info->st_ino,
                          (guint64)info->st_size, (gint64)info->st_mtim.tv_sec,
                          (long)info->st_mtim.tv_nsec, (gint64)info->st_ctim.tv_sec,
                          (long)info->st_ctim.tv_nsec);
}

static char *
file_identity (const char *path)
{
  struct stat info;

  if (path == NULL)
    return g_strdup ("");
  if (stat (path, &info) != 0) /* opening says what is wrong */
    return g_strdup_printf ("%s:missing", path);
  return stat_identity (path, &info);
}

/* What a model depends on beside its weights: asked before the card and the labels are read, so
 * that no later open finds what was replaced meanwhile. */
static char *
settings_key (const EffnetModelFiles *files, const EffnetModelOptions *o, EffnetDtype dtype)
{
  g_autofree char *config = file_identity (files->card);
  g_autofree char *folder = g_path_get_dirname (files->card != NULL ? files->card : "");
  g_autofree char *beside = g_build_filename (folder, EFFNET_CARD_PREPROCESSOR, NULL);
  g_autofree char *processor = file_identity (files->card != NULL ? beside : NULL);
  g_autofree char *labels = file_identity (o->labels_file);
  g_autofree char *head = file_identity (files->head);
  g_autofree char *beside_weights =
      files->weights != NULL ? effnet_means_path (files->weights) : NULL;
  g_autofree char *means = file_identity (beside_weights);

  return g_strdup_printf ("%s|%s|%s|%s|%s|%s|%d|%d|%a|%" G_GUINT64_FORMAT "|%u|%d", head, config,
                          processor, labels, means, o->variant != NULL ? o->variant : "",
                          (int)dtype, (int)o->padding, o->bn_epsilon, (guint64)o->synthetic_seed,
                          o->input_size, (int)effnet_cpu_best ());
}

/* @opened: of the weights when they were opened; NULL = ask for what is there now. */
static char *
cache_key (const EffnetModelFiles *files, const struct stat *opened, const char *settings)
{
  g_autofree char *file =
      opened != NULL ? stat_identity (files->weights, opened) : file_identity (files->weights);

  return g_strconcat (file, "|", settings, NULL);
}

static gboolean
choose_dtype (EffnetPrecision precision, EffnetDtype *dtype, GError **error)
{
  gboolean fast_bf16 = effnet_cpu_has (EFFNET_ISA_AVX512_BF16) || effnet_cpu_has (EFFNET_ISA_AMX);

  *dtype = EFFNET_DTYPE_F32;
  switch (precision) {
  case EFFNET_PRECISION_AUTO:
    *dtype = fast_bf16 ? EFFNET_DTYPE_BF16 : EFFNET_DTYPE_F32;
    return TRUE;
  case EFFNET_PRECISION_FP32:
    return TRUE;
  case EFFNET_PRECISION_BF16:
    *dtype = EFFNET_DTYPE_BF16;
    return TRUE;
  case EFFNET_PRECISION_INT8:
    *dtype = EFFNET_DTYPE_S8;
    return TRUE;
  default:
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, "unknown precision %d",
                 (int)precision);
    return FALSE;
  }
}

static gboolean
check_options (const EffnetModelOptions *o, GError **error)
{
  if (!(o->bn_epsilon >= 0 && o->bn_epsilon <= 1)) {
    g_set_error (
        error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
        "batch-norm epsilon %g is out of range; expected 0 (the card's) or a number up to 1",
        o->bn_epsilon);
    return FALSE;
  }
  if (o->padding > EFFNET_PADDING_SYMMETRIC) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, "unknown padding %d", (int)o->padding);
    return FALSE;
  }
  return TRUE;
}

/* Layers being packed, a tile each. */
typedef struct {
  EffnetModel *model;
  const EffnetBound *bound;
  const EffnetMeans *means; /* or NULL: biases are left as they are */
  GMutex lock;
  GError *error; /* of the lowest layer, so that it does not depend on the order of the threads */
  size_t failed;
} Packing;

static void
pack_tile (void *user, size_t tile, unsigned worker)
{
  Packing *packing = user;
  EffnetModel *model = packing->model;
  GError *error = NULL;

  (void)worker;
  if (effnet_pack_layer (&model->plan->layers[tile], &packing->bound[tile],
                         packing->means != NULL ? packing->means->of[tile] : NULL,
                         model->weights.base, &error))
    return;
  g_mutex_lock (&packing->lock);
  if (packing->error == NULL || tile < packing->failed) {
    g_clear_error (&packing->error);
    packing->error = g_steal_pointer (&error);
    packing->failed = tile;
  }
  g_mutex_unlock (&packing->lock);
  g_clear_error (&error);
}

static gboolean
pack_weights (EffnetModel *model, const EffnetBound *bound, const EffnetMeans *means,
              GError **error)
{
  const EffnetPlan *plan = model->plan;
  Packing packing = {.model = model, .bound = bound, .means = means};
  EffnetPool *pool;

  if (effnet_arena_init (&model->weights, plan->weight_bytes) != 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "%s needs %" G_GSIZE_FORMAT " MB for its weights, which the system does not give",
                 model->net->variant, plan->weight_bytes >> 20);
    return FALSE;
  }
  g_mutex_init (&packing.lock);
  pool = effnet_pool_get (0);
  effnet_pool_run (pool, plan->n_layers, pack_tile, &packing);
  effnet_pool_unref (pool);
  g_mutex_clear (&packing.lock);
  if (packing.error == NULL)
    return TRUE;
  g_propagate_error (error, packing.error);
  return FALSE;
}

/* Where weights are rounded. */
static gboolean
find_means (EffnetModel *model, const EffnetTensorTable *tensors, const EffnetBound *bound,
            EffnetMeans **means, GError **error)
{
  if (model->plan->precision != EFFNET_DTYPE_F32)
    return effnet_find_means (model->net, tensors, bound, means, &model->correction, &model->notice,
                              error);
  return effnet_means_are_known (bound, model->plan->n_layers, &model->has_statistics, error);
}

/* @epsilon: 0 = the dialect's. */
static gboolean
build_plan (EffnetModel *model, const EffnetTensorTable *tensors, const EffnetTensorTable *head,
            EffnetDtype dtype, double epsilon, GError **error)
{
  size_t n_layers;
  g_autofree EffnetBound *bound =
      effnet_bind (model->net, tensors, head, epsilon, &n_layers, error);
  g_autoptr (EffnetMeans) means = NULL;

  if (bound == NULL)
    return FALSE;
  model->bn_epsilon = epsilon;
  model->plan = effnet_plan_new (model->net, dtype, NULL, error);
  if (model->plan == NULL)
    return FALSE;
  model->stored = g_strdup (effnet_tensor_table_note (tensors, EFFNET_NOTE_STORED));
  effnet_model_note_precision (model, dtype);
  if (find_means (model, tensors, bound, &means, error) &&
      pack_weights (model, bound, means, error))
    return TRUE;
  g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));
  g_prefix_error (error, "%s: ", file);
  return FALSE;
}

/* The label file's, else the card's, which then must be sound. */
static gboolean
load_labels (EffnetModel *model, const char *labels_file, GError **error)
{
  unsigned n = model->net->n_classes;

  if (labels_file != NULL) {
    model->labels = effnet_labels_load (labels_file, n, error);
    return model->labels != NULL;
  }
  if (model->card->labels_error != NULL) {
    g_propagate_error (error, g_error_copy (model->card->labels_error));
    g_prefix_error (error, "mend the names of the card, or name a label file: ");
    return FALSE;
  }
  model->labels = g_steal_pointer (&model->card->labels);
  if (model->labels == NULL || g_strv_length (model->labels) == n)
    return TRUE;
  g_autofree char *shown = effnet_printable (model->path);
  return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                      "%s has a classifier for %u classes, but its card names %u", shown, n,
                      g_strv_length (model->labels));
}

/* A file written to in place while it was read may be half the old and half the new one. */
static gboolean
take_hash (EffnetTensorTable *tensors, EffnetHash **hash, GError **error)
{
  *hash = effnet_tensor_table_steal_hash (tensors);
  if (effnet_hash_is_unchanged (*hash))
    return TRUE;
  g_autofree char *shown = effnet_printable (effnet_tensor_table_name (tensors));
  return effnet_fail (error, EFFNET_ERROR_IO,
                      "%s was written to while it was read; write the new file beside it, then "
                      "rename it over the old one (mv)",
                      shown);
}

/* The model's hash is that of the head, which says whose it is in its metadata. A head on another
 * backbone gives answers as sure as wrong. */
static gboolean
take_hashes (EffnetModel *model, EffnetTensorTable *tensors, EffnetTensorTable *head,
             GError **error)
{
  if (head == NULL)
    return take_hash (tensors, &model->hash, error);
  if (!take_hash (head, &model->hash, error) || !take_hash (tensors, &model->backbone_hash, error))
    return FALSE;
  const char *found = effnet_hash_get (model->backbone_hash), *said = model->card->backbone_sha256;
  if (said != NULL && g_ascii_strcasecmp (found, said) == 0)
    return TRUE;
  g_autofree char *shown = effnet_printable (model->path);
  g_autofree char *backbone = effnet_printable (model->backbone);
  return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                      "the head %s was trained on a backbone of sha256 %.12s..., but %s has "
                      "%.12s...; put the right one there, or train the head again",
                      shown, said != NULL ? said : "(not said)", backbone, found);
}

static gboolean
open_file (EffnetModel *model, const EffnetModelFiles *files, const EffnetModelOptions *o,
           EffnetDtype dtype, GError **error)
{
  g_autoptr (EffnetTensorTable) tensors = NULL, head = NULL;
  g_autoptr (GString) notice = g_string_new (NULL);
  EffnetChoice choice = {0};

  model->card = files->card != NULL ? effnet_card_load (files->card, error) : effnet_card_new ();
  if (model->card == NULL)
    return FALSE;
  tensors = effnet_checkpoint_open (files->weights, notice, error);
  if (tensors == NULL)
    return FALSE;
  if (files->head != NULL && (head = effnet_tensor_table_open (files->head, error)) == NULL)
    return FALSE;
  if (!effnet_choose (o, files, tensors, head, &model->card, &choice, notice, error))
    return FALSE;
  model->net = effnet_net_new_sized (choice.variant, choice.input_height, choice.input_width,
                                     choice.n_classes, choice.padding, error);
  if (model->net == NULL || !effnet_choose_check_input (o, files, model->card, model->net->variant,
                                                        model->net->resolution, error))
    return FALSE;
  if (notice->len > 0)
    model->notice = g_strdup (notice->str);
  return build_plan (model, tensors, head, dtype,
                     o->bn_epsilon > 0 ? o->bn_epsilon : model->card->bn_epsilon, error) &&
         take_hashes (model, tensors, head, error) && load_labels (model, o->labels_file, error);
}

#define SYNTHETIC_CLASSES 1000

static gboolean
open_synthetic (EffnetModel *model, const EffnetModelOptions *o, EffnetDtype dtype, GError **error)
{
  g_autoptr (EffnetTensorTable) tensors = NULL;

  model->card = effnet_card_new ();
  model->net = effnet_net_new (o->variant != NULL ? o->variant : "b0", o->input_size,
                               SYNTHETIC_CLASSES, o->padding, error);
  if (model->net == NULL)
    return FALSE;
  tensors = effnet_synthetic_new (model->net, o->synthetic_seed, error);
  return tensors != NULL && build_plan (model, tensors, NULL, dtype, o->bn_epsilon, error) &&
         load_labels (model, o->labels_file, error);
}

static EffnetModel *
model_new (const EffnetModelFiles *files, const EffnetModelOptions *o, EffnetDtype dtype,
           GError **error)
{
  EffnetModel *model = g_new0 (EffnetModel, 1);
  gboolean ok;

  model->refs = 1;
  model->path = g_strdup (files->head != NULL ? files->head : files->weights);
  model->backbone = g_strdup (files->head != NULL ? files->weights : NULL);
  ok = files->weights != NULL ? open_file (model, files, o, dtype, error)
                              : open_synthetic (model, o, dtype, error);
  if (!ok) {
    model_free (model);
    return NULL;
  }
  model->name = g_strdup (model->card->architecture != NULL ? model->card->architecture
                                                            : model->net->variant);
  model->parameters = effnet_net_parameters (model->net);
  model->multiply_adds = effnet_net_multiply_adds (model->net);
  return model;
}

/* A new reference, or NULL. */
static EffnetModel *
cache_lookup (const char *key)
{
  EffnetModel *model;

  g_mutex_lock (&cache_lock);
  model = cache != NULL ? g_hash_table_lookup (cache, key) : NULL;
  if (model != NULL)
    model->refs++;
  g_mutex_unlock (&cache_lock);
  return model;
}

/* Under the key of what was opened, which may have come since it was looked for: then the model
 * that is there already takes the place of @model. Takes @key. */
static EffnetModel *
cache_insert (EffnetModel *model, char *key)
{
  EffnetModel *other = cache_lookup (key);

  model->key = key;
  if (other != NULL) {
    model_free (model);
    return other;
  }
  g_mutex_lock (&cache_lock);
  if (cache == NULL)
    cache = g_hash_table_new (g_str_hash, g_str_equal);
  g_hash_table_insert (cache, key, model);
  g_mutex_unlock (&cache_lock);
  return model;
}

static const struct stat *
opened_weights (const EffnetModel *model)
{
  return effnet_hash_opened (model->backbone_hash != NULL ? model->backbone_hash : model->hash);
}

EffnetModel *
effnet_model_open (const char *path, const EffnetModelOptions *options, GError **error)
{
  static gsize once;
  EffnetModelOptions o = {0};
  g_autofree char *found = NULL, *settings = NULL, *key = NULL;
  EffnetModelFiles files = {0};
  EffnetModel *model;
  EffnetDtype dtype;

  if (options != NULL)
    o = *options;
  if (g_strcmp0 (o.variant, "auto") == 0 || g_strcmp0 (o.variant, "") == 0)
    o.variant = NULL;
  if (!effnet_check_memory (error, "Opening a model", 0) || !check_options (&o, error) ||
      !choose_dtype (o.precision, &dtype, error))
    return NULL;
  if (path == NULL && o.synthetic_seed == 0) {
    path = found = effnet_model_find (o.variant, error);
    if (found == NULL)
      return NULL;
    if (!effnet_arch_is_name (o.variant)) /* but a model's, whose card says the variant */
      o.variant = NULL;
  }
  if (path != NULL && !effnet_find_files (path, &files, error))
    return NULL;

  effnet_at_fork (&once, before_fork, after_fork, in_child);
  settings = settings_key (&files, &o, dtype);
  key = cache_key (&files, NULL, settings);
  g_mutex_lock (&open_lock);
  model = cache_lookup (key);
  if (model == NULL) {
    model = model_new (&files, &o, dtype, error);
    if (model != NULL)
      model = cache_insert (model, cache_key (&files, opened_weights (model), settings));
  }
  g_mutex_unlock (&open_lock);
  effnet_model_files_clear (&files);
  return model;
}

EffnetModel *
effnet_model_ref (EffnetModel *model)
{
  g_mutex_lock (&cache_lock);
  model->refs++;
  g_mutex_unlock (&cache_lock);
  return model;
}

void
effnet_model_watch (void (*given_up) (const EffnetModel *model))
{
  g_mutex_lock (&cache_lock);
  watcher = given_up;
  g_mutex_unlock (&cache_lock);
}

void
effnet_model_lend (EffnetModel *model, int change)
{
  g_mutex_lock (&cache_lock);
  model->lent += (unsigned)change;
  g_mutex_unlock (&cache_lock);
}

void
effnet_model_unref (EffnetModel *model)
{
  void (*given_up) (const EffnetModel *) = NULL;
  gboolean last;

  if (model == NULL)
    return;
  g_mutex_lock (&cache_lock);
  last = --model->refs == 0;
  if (!last && model->refs == model->lent)
    given_up = watcher;
  if (last) {
    g_hash_table_remove (cache, model->key);
    if (g_hash_table_size (cache) == 0)
      g_clear_pointer (&cache, g_hash_table_unref);
  }
  g_mutex_unlock (&cache_lock);
  if (last)
    model_free (model);
  else if (given_up != NULL)
    given_up (model);
}

EffnetOutputActivation
effnet_model_activation (const EffnetModel *model, EffnetOutputActivation activation)
{
  if (activation == EFFNET_OUTPUT_ACTIVATION_AUTO)
    activation = model->card->activation;
  if (activation != EFFNET_OUTPUT_ACTIVATION_AUTO)
    return activation;
  return model->net->n_classes == 1 ? EFFNET_OUTPUT_ACTIVATION_SIGMOID
                                    : EFFNET_OUTPUT_ACTIVATION_SOFTMAX;
}

double
effnet_model_temperature (const EffnetModel *model, double temperature)
{
  if (temperature <= 0.0)
    temperature = model->card->temperature;
  return temperature > 0.0 ? temperature : 1.0;
}

void
effnet_model_get_info (const EffnetModel *model, EffnetModelInfo *info)
{
  static const char *const activations[] = {"auto", "softmax", "sigmoid", "none"};
  const EffnetNet *net = model->net;

  *info = (EffnetModelInfo){
      .name = model->name,
      .variant = net->variant,
      .path = model->path,
      .notice = model->notice,
      .precision = effnet_dtypes[model->plan->precision].precision,
      .isa = effnet_isa_name (effnet_cpu_best ()),
      .padding = net->padding == EFFNET_PADDING_SAME ? "same" : "symmetric",
      .activation = activations[effnet_model_activation (model, EFFNET_OUTPUT_ACTIVATION_AUTO)],
      .n_classes = net->n_classes,
      .n_features = model->plan->n_features,
      .input_width = net->in_width,
      .input_height = net->in_height,
      .parameters = model->parameters,
      .multiply_adds = model->multiply_adds,
      .weight_bytes = model->weights.bytes,
      .arena_bytes = model->plan->arena_bytes + model->plan->scratch_bytes,
      .bias_correction = model->correction,
      .stored = model->stored,
  };
  memcpy (info->input_mean, model->card->mean, sizeof info->input_mean);
  memcpy (info->input_std, model->card->std, sizeof info->input_std);
}

const char *
effnet_model_get_label (const EffnetModel *model, unsigned id)
{
  return model->labels != NULL && id < model->net->n_classes ? model->labels[id] : NULL;
}
