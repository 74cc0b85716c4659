/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A head becomes a folder. The backbone's file is read again to copy from: it must still be the one
 * whose features were trained on. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <string.h>
#include <glib/gstdio.h>

#include "base/text.h"
#include "bind/bind.h"
#include "bind/checkpoint.h"
#include "train/head_file.h"
#include "weights/output.h"
#include "weights/writer.h"

/* The weights of the network behind @model's features, and their hash; NULL = synthetic. */
static const char *
backbone_file (const EffnetModel *model)
{
  return model->backbone != NULL ? model->backbone : model->path;
}

static const char *
backbone_digest (const EffnetModel *model)
{
  return effnet_hash_get (model->backbone != NULL ? model->backbone_hash : model->hash);
}

static gboolean
check_head (const EffnetHeadInfo *head, const EffnetModel *backbone, GError **error)
{
  if (backbone_file (backbone) == NULL)
    return effnet_fail (error, EFFNET_ERROR_UNSUPPORTED,
                        "synthetic weights have no file that a head could be saved with");
  if (head->n_features != backbone->plan->n_features)
    return effnet_fail (error, EFFNET_ERROR_MISMATCH, "the head is for %u features, but %s has %u",
                        head->n_features, backbone->name, backbone->plan->n_features);
  for (unsigned k = 0; head->labels != NULL && k < head->n_classes; k++) {
    const char *label = head->labels[k];
    gboolean ok = g_utf8_validate (label, -1, NULL) && *label != '\0';

    for (const char *c = label; ok && *c != '\0'; c = g_utf8_next_char (c))
      ok = !g_unichar_iscntrl (g_utf8_get_char (c));
    if (!ok) {
      g_autofree char *shown = effnet_printable (label);
      return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                          "the name of class %u is \"%s\"; expected UTF-8 without control "
                          "characters",
                          k, shown);
    }
  }
  return TRUE;
}

/* From @folder to @place, both absolute. */
static char *
relative_path (const char *folder, const char *place)
{
  g_auto (GStrv) from = g_strsplit (folder, "/", -1), to = g_strsplit (place, "/", -1);
  g_autoptr (GPtrArray) parts = g_ptr_array_new ();
  unsigned n = 0;

  while (from[n] != NULL && to[n] != NULL && strcmp (from[n], to[n]) == 0)
    n++;
  for (unsigned i = n; from[i] != NULL; i++)
    g_ptr_array_add (parts, (char *)"..");
  for (unsigned i = n; to[i] != NULL; i++)
    g_ptr_array_add (parts, to[i]);
  if (parts->len == 0)
    g_ptr_array_add (parts, (char *)".");
  g_ptr_array_add (parts, NULL);
  return g_strjoinv ("/", (char **)parts->pdata);
}

/* The folder of a file that is called as in folders, else the file. */
static char *
model_place (const char *file)
{
  g_autofree char *absolute = g_canonicalize_filename (file, NULL);
  g_autofree char *base = g_path_get_basename (absolute);

  return strcmp (base, EFFNET_HEAD_WEIGHTS) == 0 ? g_path_get_dirname (absolute)
                                                 : g_steal_pointer (&absolute);
}

static gboolean
save_unknown (const EffnetHeadInfo *head, const char *path, GError **error)
{
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();

  effnet_tensor_writer_add (writer, "means", 2, (const size_t[]){head->n_means, head->n_features},
                            head->means);
  if (head->n_basis > 0)
    effnet_tensor_writer_add (writer, "basis", 2, (const size_t[]){head->n_basis, head->n_features},
                              head->basis);
  return effnet_tensor_writer_save (writer, path, error);
}

static void
add_classifier (EffnetTensorWriter *writer, const EffnetHeadInfo *head)
{
  effnet_tensor_writer_add (writer, "classifier.weight", 2,
                            (const size_t[]){head->n_classes, head->n_features}, head->weights);
  effnet_tensor_writer_add (writer, "classifier.bias", 1, (const size_t[]){head->n_classes},
                            head->bias);
}

/* A table with a classifier of @net, so that whatever the backbone's file has of it is passed over.
 */
static EffnetTensorTable *
stand_in (const EffnetNet *net, GError **error)
{
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_new ("head");
  size_t shape[] = {net->n_classes, net->head_channels};

  if (effnet_tensor_table_add (table, "classifier.weight", 2, shape) != NULL &&
      effnet_tensor_table_add (table, "classifier.bias", 1, shape) != NULL)
    return g_steal_pointer (&table);
  effnet_fail_memory (error, "the head", shape[0] * shape[1] * sizeof (float));
  return NULL;
}

/* Adds every tensor but the classifier's, under timm's names where it has them. */
static void
add_backbone (EffnetTensorWriter *writer, const EffnetModel *model, EffnetDialect dialect,
              const EffnetBound *bound, size_t n_layers, const EffnetTensorTable *tuned)
{
  EffnetDialect names = effnet_dialect_is_folded (dialect) ? dialect : EFFNET_DIALECT_TIMM;

  for (size_t i = 0; i < n_layers; i++) {
    for (int role = 0; role < EFFNET_ROLE_COUNT; role++) {
      const EffnetTensor *tensor = bound[i].tensors[role], *other = NULL;

      if (tensor == NULL || bound[i].layer.kind == EFFNET_LAYER_CLASSIFIER)
        continue;
      g_autofree char *name =
          effnet_dialect_tensor (names, model->net, &bound[i].layer, (EffnetRole)role);
      if (tuned != NULL)
        other = effnet_tensor_table_find (tuned, name);
      effnet_tensor_writer_copy (writer, name, other != NULL ? other : tensor);
    }
  }
}

/* The backbone's file as it was when the model was opened. */
static EffnetTensorTable *
open_backbone (const EffnetModel *model, GError **error)
{
  g_autoptr (EffnetTensorTable) table = effnet_checkpoint_open (backbone_file (model), NULL, error);

  if (table == NULL)
    return NULL;
  const char *digest = effnet_hash_get (effnet_tensor_table_hash (table));
  if (*digest != '\0' && strcmp (digest, backbone_digest (model)) == 0)
    return g_steal_pointer (&table);
  g_autofree char *shown = effnet_printable (backbone_file (model));
  effnet_fail (error, EFFNET_ERROR_MISMATCH,
               "%s is no longer the file whose features were trained on; train again", shown);
  return NULL;
}

/* Writes the weights, of the whole or of the head alone, and says the batch norms' epsilon. */
static gboolean
save_weights (const EffnetHeadInfo *head, const EffnetModel *model, const EffnetTensorTable *tuned,
              const char *path, gboolean head_only, double *epsilon, GError **error)
{
  g_autoptr (EffnetTensorTable) table = open_backbone (model, error);
  gboolean has_classifier = model->net->n_classes > 0;
  g_autoptr (EffnetTensorTable) classifier = has_classifier ? stand_in (model->net, error) : NULL;
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();
  g_autofree EffnetBound *bound = NULL;
  size_t n_layers = 0;

  if (table == NULL || (has_classifier && classifier == NULL))
    return FALSE;
  bound = effnet_bind (model->net, table, classifier, model->bn_epsilon, &n_layers, error);
  if (bound == NULL)
    return FALSE;
  *epsilon = bound[0].epsilon;
  add_classifier (writer, head);
  if (head_only)
    effnet_tensor_writer_note (writer, "backbone_sha256", backbone_digest (model));
  else
    add_backbone (writer, model, effnet_dialect_detect (table), bound, n_layers, tuned);
  return effnet_tensor_writer_save (writer, path, error);
}

/* What the head does not say of its backbone is said of @backbone. */
static gboolean
save_files (EffnetHeadInfo *head, const EffnetModel *backbone, const EffnetTensorTable *tuned,
            const char *folder, const EffnetHeadSaveOptions *options, GError **error)
{
  gboolean alone = options->head_only;
  const char *weights = alone ? EFFNET_HEAD_ALONE : EFFNET_HEAD_WEIGHTS;
  g_autofree char *absolute = g_canonicalize_filename (folder, NULL);
  g_autofree char *place = model_place (backbone_file (backbone));
  g_autofree char *relative = relative_path (absolute, place);
  g_autofree char *name = g_path_get_basename (place);
  g_autofree char *weights_path = g_build_filename (folder, weights, NULL);
  g_autofree char *other_path =
      g_build_filename (folder, alone ? EFFNET_HEAD_WEIGHTS : EFFNET_HEAD_ALONE, NULL);
  g_autofree char *unknown_path = g_build_filename (folder, EFFNET_HEAD_UNKNOWN, NULL);
  g_autofree char *card_path = g_build_filename (folder, EFFNET_HEAD_CARD, NULL), *card = NULL;
  double epsilon = 0;

  if (head->backbone == NULL)
    head->backbone = name;
  head->backbone_path = options->backbone_path != NULL ? options->backbone_path : relative;
  head->backbone_sha256 = backbone_digest (backbone);
  if (head->version == NULL)
    head->version = effnet_version ();
  if (!save_weights (head, backbone, tuned, weights_path, alone, &epsilon, error))
    return FALSE;
  if (head->unknown_method == EFFNET_UNKNOWN_NONE)
    g_unlink (unknown_path);
  else if (!save_unknown (head, unknown_path, error))
    return FALSE;
  card = effnet_head_card (head, backbone, epsilon, options);
  if (!effnet_output_put (card_path, card, strlen (card), error))
    return FALSE;
  g_unlink (other_path);
  return TRUE;
}

gboolean
effnet_head_save_tuned (const EffnetHead *head, EffnetModel *backbone,
                        const EffnetTensorTable *tuned, const char *folder,
                        const EffnetHeadSaveOptions *options, GError **error)
{
  static const EffnetHeadSaveOptions defaults;
  EffnetHeadInfo info;

  effnet_head_get_info (head, &info);
  if (!check_head (&info, backbone, error))
    return FALSE;
  if (g_mkdir (folder, 0777) != 0 && errno != EEXIST) {
    g_autofree char *shown = effnet_printable (folder);
    return effnet_fail (error, errno == ENOENT ? EFFNET_ERROR_NOT_FOUND : EFFNET_ERROR_IO,
                        "folder \"%s\" could not be made: %s", shown, g_strerror (errno));
  }
  return save_files (&info, backbone, tuned, folder, options != NULL ? options : &defaults, error);
}

gboolean
effnet_head_save (const EffnetHead *head, EffnetModel *backbone, const char *folder,
                  const EffnetHeadSaveOptions *options, GError **error)
{
  return effnet_head_save_tuned (head, backbone, NULL, folder, options, error);
}
