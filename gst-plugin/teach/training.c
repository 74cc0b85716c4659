/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One softmax head on one thread. What is calibrated on held-out exemplars (thresholds, unknown) is
 * left out while these are few: numbers from a handful of pictures would hide right answers. */
#include "teach/training.h"
#include "memory.h"

#include <effnet/effnet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define CALIBRATED_FROM 50  /* exemplars of each label */
#define LEFT_OUT_MAX    300 /* exemplars of which each is left out once; of more, fold by fold */

void
gst_effnet_training_begin (GstEffnetTraining *training, const GstEffnetStore *store)
{
  g_autoptr (GPtrArray) labels = gst_effnet_store_get_labels (store, &training->counts);

  training->model = effnet_model_ref (store->model);
  training->n_features = store->n_features;
  training->exemplars = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_effnet_exemplar_unref);
  for (guint i = 0; i < store->exemplars->len; i++)
    g_ptr_array_add (training->exemplars,
                     gst_effnet_exemplar_ref (g_ptr_array_index (store->exemplars, i)));
  training->labels = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < labels->len; i++)
    g_ptr_array_add (training->labels, g_strdup (g_ptr_array_index (labels, i)));
  g_ptr_array_add (training->labels, NULL);
}

void
gst_effnet_training_clear (GstEffnetTraining *training)
{
  g_clear_pointer (&training->head, effnet_head_unref);
  g_ptr_array_unref (training->exemplars);
  g_ptr_array_unref (training->labels);
  g_array_unref (training->counts);
  effnet_model_unref (training->model);
}

/* ---- the set --------------------------------------------------------------------------------- */

typedef struct {
  EffnetTrainSet set;
  float *features;
  uint8_t *targets;
  guint *classes; /* [rows] */
} Rows;

static gboolean
no_memory (GError **error)
{
  g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                       "Training needs more memory than the system gives");
  return FALSE;
}

/* FALSE with IO. */
static gboolean
fill_rows (Rows *rows, const GstEffnetTraining *training, GError **error)
{
  guint n = training->exemplars->len, n_classes = training->counts->len;
  gsize d = training->n_features;

  if (!gst_effnet_check_memory ("Training", n * (d * sizeof (float) + n_classes + sizeof (guint)),
                                error))
    return FALSE;
  rows->features = g_try_new (float, n *d);
  rows->targets = g_try_new0 (uint8_t, n * (gsize)n_classes);
  rows->classes = g_try_new0 (guint, n);
  if (rows->features == NULL || rows->targets == NULL || rows->classes == NULL)
    return no_memory (error);
  for (guint i = 0; i < n; i++) {
    const GstEffnetExemplar *exemplar = g_ptr_array_index (training->exemplars, i);

    memcpy (rows->features + i * d, g_bytes_get_data (exemplar->embedding, NULL),
            d * sizeof (float));
    while (strcmp (g_ptr_array_index (training->labels, rows->classes[i]), exemplar->label) != 0)
      rows->classes[i]++;
    rows->targets[i * (gsize)n_classes + rows->classes[i]] = 1;
  }
  rows->set = (EffnetTrainSet){.n_rows = n,
                               .n_features = training->n_features,
                               .n_classes = n_classes,
                               .features = rows->features,
                               .targets = rows->targets};
  return TRUE;
}

static void
clear_rows (Rows *rows)
{
  g_free (rows->features);
  g_free (rows->targets);
  g_free (rows->classes);
}

/* Share of rows whose best logit is their class's. */
static double
accuracy_of (const Rows *rows, const float *logits)
{
  gsize n_right = 0, k = rows->set.n_classes;

  for (gsize i = 0; i < rows->set.n_rows; i++) {
    guint best = 0;

    for (guint c = 1; c < k; c++) {
      if (logits[i * k + c] > logits[i * k + best])
        best = c;
    }
    n_right += best == rows->classes[i];
  }
  return (double)n_right / (double)rows->set.n_rows;
}

/* ---- training -------------------------------------------------------------------------------- */

static gboolean
is_calibrated (const GstEffnetTraining *training)
{
  for (guint i = 0; i < training->counts->len; i++) {
    if (g_array_index (training->counts, guint, i) < CALIBRATED_FROM)
      return FALSE;
  }
  return TRUE;
}

/* Each row by a head that was trained without it, or without its fold. */
static gboolean
measure (GstEffnetTraining *training, const Rows *rows, const EffnetTrainOptions *options,
         const EffnetHead *head, const EffnetTrainReport *report, GCancellable *cancellable,
         GError **error)
{
  g_autofree float *logits = NULL;

  if (rows->set.n_rows > LEFT_OUT_MAX && report->logits != NULL) {
    training->accuracy = accuracy_of (rows, report->logits);
    return TRUE;
  }
  logits = g_try_new (float, rows->set.n_rows * rows->set.n_classes);
  if (logits == NULL)
    return no_memory (error);
  if (!effnet_head_leave_one_out (head, &rows->set, options, cancellable, logits, error))
    return FALSE;
  training->accuracy = accuracy_of (rows, logits);
  return TRUE;
}

/* The same with names, and with where it comes from. */
static EffnetHead *
finish (const GstEffnetTraining *training, const EffnetHead *head, GError **error)
{
  EffnetHeadInfo info;

  effnet_head_get_info (head, &info);
  info.labels = (const char *const *)training->labels->pdata;
  if (!is_calibrated (training)) {
    info.thresholds = NULL;
    info.temperature = 1.0;
  }
  info.n_pictures = training->exemplars->len;
  info.accuracy = training->accuracy;
  return effnet_head_new (&info, error);
}

gboolean
gst_effnet_training_run (GstEffnetTraining *training, GCancellable *cancellable, GError **error)
{
  const EffnetTrainOptions options = {.kind = EFFNET_HEAD_SOFTMAX,
                                      .balanced = TRUE,
                                      .threads = 1,
                                      .no_unknown = !is_calibrated (training)};
  GstClockTime start = gst_util_get_timestamp ();
  g_autoptr (EffnetTrainReport) report = NULL;
  g_autoptr (EffnetHead) head = NULL;
  Rows rows = {.features = NULL};

  if (fill_rows (&rows, training, error))
    head = effnet_head_train (&rows.set, &options, NULL, NULL, cancellable, &report, error);
  if (head != NULL && measure (training, &rows, &options, head, report, cancellable, error))
    training->head = finish (training, head, error);
  clear_rows (&rows);
  training->ns = gst_util_get_timestamp () - start;
  return training->head != NULL;
}

/* ---- folders --------------------------------------------------------------------------------- */

gboolean
gst_effnet_training_save (const GstEffnetTraining *training, const char *folder, GError **error)
{
  const EffnetHeadSaveOptions options = {.head_only = TRUE};
  g_autofree char *parent = g_path_get_dirname (folder);

  if (g_mkdir (parent, 0777) != 0 && errno != EEXIST) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "%s cannot be made: %s", parent,
                 g_strerror (errno));
    return FALSE;
  }
  gst_effnet_training_remove (folder);
  return effnet_head_save (training->head, training->model, folder, &options, error);
}

/* Files that were put in there stay, and so does the folder then. */
void
gst_effnet_training_remove (const char *folder)
{
  static const char *const names[] = {"head.safetensors", "unknown.safetensors", "config.json"};

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);

    g_unlink (path);
  }
  g_rmdir (folder);
}

GstStructure *
gst_effnet_training_to_structure (const GstEffnetTraining *training, guint version)
{
  GstStructure *s =
      gst_structure_new ("effnetclassify-trained", "version", G_TYPE_UINT, version, "exemplars",
                         G_TYPE_UINT, training->exemplars->len, "accuracy", G_TYPE_DOUBLE,
                         training->accuracy, "train-ns", G_TYPE_UINT64, training->ns, NULL);

  gst_effnet_set_labels (s, training->labels->pdata, training->counts);
  return s;
}
