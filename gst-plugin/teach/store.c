/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file, numbers little-endian, without gaps:
 *
 *   "EFFTEACH"            8 bytes
 *   format                u32: 1
 *   features              u32: floats of an embedding
 *   backbone              64 bytes: sha256 of the weights, hexadecimal
 *   current, last         u32, u32
 *   versions, exemplars   u32, u32: how many follow
 *   a version             number u32, before u32, accuracy f64
 *   an exemplar           time i64, label length u32, JPEG length u32, label, JPEG, floats
 *   sha256                32 bytes, of all before */
#define _GNU_SOURCE /* flock, O_NOFOLLOW */
#include "teach/store.h"
#include "teach/store_format.h"
#include "memory.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_MAX ((gsize)256 << 20)

/* ---- exemplars ------------------------------------------------------------------------------- */

GstEffnetExemplar *
gst_effnet_exemplar_new (const char *label, GBytes *embedding, GBytes *jpeg)
{
  GstEffnetExemplar *exemplar = g_new0 (GstEffnetExemplar, 1);

  g_atomic_ref_count_init (&exemplar->refs);
  exemplar->label = g_strdup (label);
  exemplar->time = g_get_real_time ();
  exemplar->embedding = g_bytes_ref (embedding);
  if (jpeg != NULL && g_bytes_get_size (jpeg) <= GST_EFFNET_PICTURE_BYTES)
    exemplar->jpeg = g_bytes_ref (jpeg);
  return exemplar;
}

GstEffnetExemplar *
gst_effnet_exemplar_ref (GstEffnetExemplar *exemplar)
{
  g_atomic_ref_count_inc (&exemplar->refs);
  return exemplar;
}

void
gst_effnet_exemplar_unref (GstEffnetExemplar *exemplar)
{
  if (!g_atomic_ref_count_dec (&exemplar->refs))
    return;
  g_free (exemplar->label);
  g_clear_pointer (&exemplar->embedding, g_bytes_unref);
  g_clear_pointer (&exemplar->jpeg, g_bytes_unref);
  g_free (exemplar);
}

static gboolean
is_label (const char *label, gsize length)
{
  return length > 0 && length <= GST_EFFNET_LABEL_BYTES &&
         g_utf8_validate (label, (gssize)length, NULL);
}

gboolean
gst_effnet_label_check (const char *label, GError **error)
{
  if (label != NULL && is_label (label, strlen (label)))
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "A label to teach is %s; expected text of 1 to %d bytes in UTF-8",
               label == NULL || *label == '\0' ? "empty" : "too long, or no text",
               GST_EFFNET_LABEL_BYTES);
  return FALSE;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct {
  const guint8 *at;
  gsize left;
} Reader;

/* Returns: (nullable): NULL when there are fewer than @n bytes */
static const guint8 *
take (Reader *r, gsize n)
{
  const guint8 *bytes = r->at;

  if (r->left < n)
    return NULL;
  r->at += n;
  r->left -= n;
  return bytes;
}

/* Numbers behind the end are 0: whoever reads them checks `left` by what follows. */
static guint32
take_u32 (Reader *r)
{
  const guint8 *bytes = take (r, 4);
  guint32 number = 0;

  if (bytes != NULL)
    memcpy (&number, bytes, sizeof number); /* nothing in the file is aligned */
  return GUINT32_FROM_LE (number);
}

static guint64
read_u64 (const guint8 *bytes)
{
  guint64 number;

  memcpy (&number, bytes, sizeof number);
  return GUINT64_FROM_LE (number);
}

static gboolean
read_version (GstEffnetStore *store, Reader *r)
{
  guint32 number = take_u32 (r), before = take_u32 (r);
  GstEffnetVersion version = {.number = number, .before = before};
  const guint8 *accuracy = take (r, 8);
  guint64 bits;

  if (accuracy == NULL || version.number == 0 || version.number > store->last ||
      version.before >= version.number)
    return FALSE;
  bits = read_u64 (accuracy);
  memcpy (&version.accuracy, &bits, sizeof bits);
  g_array_append_val (store->versions, version);
  return version.accuracy >= 0.0 && version.accuracy <= 1.0;
}

static gboolean
is_finite (const guint8 *bytes, guint n)
{
  for (guint i = 0; i < n; i++) {
    float value;

    memcpy (&value, bytes + i * sizeof value, sizeof value);
    if (!isfinite (value))
      return FALSE;
  }
  return TRUE;
}

/* Floats lie in the file as in memory, on all machines this is built for. */
static gboolean
read_exemplar (GstEffnetStore *store, Reader *r)
{
  const guint8 *time = take (r, 8);
  guint32 label_length = take_u32 (r), jpeg_length = take_u32 (r);
  const char *label = (const char *)take (r, label_length);
  const guint8 *jpeg = take (r, jpeg_length);
  const guint8 *floats = take (r, (gsize)store->n_features * sizeof (float));
  GstEffnetExemplar *exemplar;

  if (time == NULL || label == NULL || jpeg == NULL || floats == NULL ||
      !is_label (label, label_length) || jpeg_length > GST_EFFNET_PICTURE_BYTES ||
      !is_finite (floats, store->n_features))
    return FALSE;
  exemplar = g_new0 (GstEffnetExemplar, 1);
  g_atomic_ref_count_init (&exemplar->refs);
  exemplar->label = g_strndup (label, label_length);
  exemplar->time = (gint64)read_u64 (time);
  exemplar->embedding = g_bytes_new (floats, (gsize)store->n_features * sizeof (float));
  exemplar->jpeg = jpeg_length > 0 ? g_bytes_new (jpeg, jpeg_length) : NULL;
  g_ptr_array_add (store->exemplars, exemplar);
  return TRUE;
}

static gboolean
is_intact (const guint8 *bytes, gsize size)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[SUM_LENGTH];
  gsize length = sizeof digest;

  if (size < SUM_LENGTH)
    return FALSE;
  g_checksum_update (sum, bytes, (gssize)(size - SUM_LENGTH));
  g_checksum_get_digest (sum, digest, &length);
  return memcmp (digest, bytes + size - SUM_LENGTH, SUM_LENGTH) == 0;
}

/* FALSE, with a sentence, also when it is sound but of another network. */
static gboolean
read_head (GstEffnetStore *store, Reader *r, guint32 *n_versions, guint32 *n_exemplars,
           GError **error)
{
  guint32 format = take_u32 (r), n_features = take_u32 (r);
  const char *backbone = (const char *)take (r, HASH_LENGTH);

  if (format != FORMAT) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "teach-file %s has format %u; this version reads format %d: use another name",
                 store->shown, format, FORMAT);
    return FALSE;
  }
  if (backbone == NULL || n_features != store->n_features ||
      strncmp (backbone, store->backbone, HASH_LENGTH) != 0) {
    g_autofree char *start = g_strndup (backbone != NULL ? backbone : "", 8);
    g_autofree char *found = gst_effnet_printable (start);
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "teach-file %s has %u features of the weights %s...; the model in use has %u, "
                 "weights %.8s...: use that model, or another teach-file for this one",
                 store->shown, n_features, found, store->n_features, store->backbone);
    return FALSE;
  }
  store->current = take_u32 (r);
  store->last = take_u32 (r);
  *n_versions = take_u32 (r);
  *n_exemplars = take_u32 (r);
  return TRUE;
}

static gboolean
parse (GstEffnetStore *store, const guint8 *bytes, gsize size, GError **error)
{
  Reader r = {bytes, size};
  const guint8 *magic = take (&r, strlen (MAGIC));
  guint32 n_versions = 0, n_exemplars = 0;
  gboolean ok;

  if (magic == NULL || memcmp (magic, MAGIC, strlen (MAGIC)) != 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "teach-file %s holds something else: nothing is written over it; expected a file "
                 "that effnetclassify made, or a new name",
                 store->shown);
    return FALSE;
  }
  if (!is_intact (bytes, size))
    goto damaged;
  if (!gst_effnet_check_memory ("The teach-file", 2 * size, error))
    return FALSE;
  r.left -= SUM_LENGTH;
  if (!read_head (store, &r, &n_versions, &n_exemplars, error))
    return FALSE;
  ok = n_versions <= GST_EFFNET_VERSIONS_MAX && n_exemplars <= GST_EFFNET_EXEMPLARS_MAX;
  for (guint32 i = 0; ok && i < n_versions; i++)
    ok = read_version (store, &r);
  for (guint32 i = 0; ok && i < n_exemplars; i++)
    ok = read_exemplar (store, &r);
  if (ok && r.left == 0 &&
      (store->current == 0 || gst_effnet_store_find (store, store->current) != NULL))
    return TRUE;

damaged:
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
               "teach-file %s is damaged (%" G_GSIZE_FORMAT " bytes): put back a copy of it, or "
               "move it away to begin a new one",
               store->shown, size);
  return FALSE;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Another name, since the file itself is replaced each time it is saved. */
static gboolean
take_lock (GstEffnetStore *store, GError **error)
{
  g_autofree char *path = g_strconcat (store->path, ".lock", NULL);

  store->lock = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (store->lock < 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "teach-file %s: its .lock cannot be made beside it: %s", store->shown,
                 g_strerror (errno));
    return FALSE;
  }
  if (flock (store->lock, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
               "teach-file %s is open in another element or program: give each its own",
               store->shown);
  return FALSE;
}

static gboolean
load (GstEffnetStore *store, GError **error)
{
  g_autofree char *bytes = NULL;
  g_autoptr (GError) failure = NULL;
  GStatBuf info;
  gsize size;

  if (g_stat (store->path, &info) != 0) {
    if (errno == ENOENT)
      return TRUE;
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "teach-file %s cannot be read: %s",
                 store->shown, g_strerror (errno));
    return FALSE;
  }
  if (!S_ISREG (info.st_mode) || (gsize)info.st_size > FILE_MAX) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "teach-file %s is no file that effnetclassify made; expected one of at most %u MB",
                 store->shown, (guint)(FILE_MAX >> 20));
    return FALSE;
  }
  if (g_file_get_contents (store->path, &bytes, &size, &failure))
    return parse (store, (const guint8 *)bytes, size, error);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "teach-file: %s", failure->message);
  return FALSE;
}

GstEffnetStore *
gst_effnet_store_open (const char *path, const GstEffnetSource *source, GError **error)
{
  GstEffnetStore *store = g_new0 (GstEffnetStore, 1);

  store->path = g_strdup (path);
  store->shown = gst_effnet_printable (path);
  store->lock = -1;
  store->model = effnet_model_ref (source->model);
  store->backbone = g_strdup (source->backbone);
  store->n_features = source->n_features;
  store->exemplars = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_effnet_exemplar_unref);
  store->versions = g_array_new (FALSE, FALSE, sizeof (GstEffnetVersion));
  if (strlen (store->backbone) != HASH_LENGTH)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "teach-file %s needs a model from a file: this one has no checksum", store->shown);
  else if (take_lock (store, error) && load (store, error))
    return store;
  gst_effnet_store_free (store);
  return NULL;
}

void
gst_effnet_store_free (GstEffnetStore *store)
{
  if (store->lock >= 0)
    close (store->lock);
  g_ptr_array_unref (store->exemplars);
  g_array_unref (store->versions);
  g_free (store->backbone);
  effnet_model_unref (store->model);
  g_free (store->path);
  g_free (store->shown);
  g_free (store);
}

/* ---- content --------------------------------------------------------------------------------- */

static const char *
label_at (const GstEffnetStore *store, guint i)
{
  return ((GstEffnetExemplar *)g_ptr_array_index (store->exemplars, i))->label;
}

GPtrArray *
gst_effnet_store_get_labels (const GstEffnetStore *store, GArray **counts)
{
  GPtrArray *labels = g_ptr_array_new ();
  GArray *numbers = g_array_new (FALSE, TRUE, sizeof (guint));

  for (guint i = 0; i < store->exemplars->len; i++) {
    const char *label = label_at (store, i);
    guint at;

    if (!g_ptr_array_find_with_equal_func (labels, label, g_str_equal, &at)) {
      at = labels->len;
      g_ptr_array_add (labels, (gpointer)label);
      g_array_set_size (numbers, labels->len);
    }
    g_array_index (numbers, guint, at)++;
  }
  if (counts != NULL)
    *counts = g_array_ref (numbers);
  g_array_unref (numbers);
  return labels;
}

static void
set_list (GstStructure *s, const char *field, GType type, gconstpointer items, guint n)
{
  GValue list = G_VALUE_INIT;

  g_value_init (&list, GST_TYPE_LIST);
  for (guint i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, type);
    if (type == G_TYPE_STRING)
      g_value_set_string (&value, ((const char *const *)items)[i]);
    else
      g_value_set_uint (&value, ((const guint *)items)[i]);
    gst_value_list_append_and_take_value (&list, &value);
  }
  gst_structure_take_value (s, field, &list);
}

void
gst_effnet_set_labels (GstStructure *s, gconstpointer labels, const GArray *counts)
{
  set_list (s, "labels", G_TYPE_STRING, labels, counts->len);
  set_list (s, "counts", G_TYPE_UINT, counts->data, counts->len);
}

/* Room for one more of @label: the oldest of it goes, or of the label with the most. */
static void
make_room (GstEffnetStore *store, const char *label, GPtrArray *labels, GArray *counts)
{
  guint at;

  if (!g_ptr_array_find_with_equal_func (labels, label, g_str_equal, &at)) {
    at = 0;
    for (guint i = 1; i < labels->len; i++) {
      if (g_array_index (counts, guint, i) > g_array_index (counts, guint, at))
        at = i;
    }
    label = g_ptr_array_index (labels, at);
  }
  for (guint i = 0; i < store->exemplars->len; i++) {
    if (strcmp (label_at (store, i), label) == 0) {
      g_ptr_array_remove_index (store->exemplars, i);
      return;
    }
  }
}

gboolean
gst_effnet_store_add (GstEffnetStore *store, GstEffnetExemplar *exemplar, GError **error)
{
  g_autoptr (GArray) counts = NULL;
  g_autoptr (GPtrArray) labels = gst_effnet_store_get_labels (store, &counts);

  if (labels->len >= GST_EFFNET_TAUGHT_MAX &&
      !g_ptr_array_find_with_equal_func (labels, exemplar->label, g_str_equal, NULL)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "\"%s\" would be label %u of teach-file %s; at most %d can be taught",
                 exemplar->label, labels->len + 1, store->shown, GST_EFFNET_TAUGHT_MAX);
    gst_effnet_exemplar_unref (exemplar);
    return FALSE;
  }
  if (store->exemplars->len >= GST_EFFNET_EXEMPLARS_MAX)
    make_room (store, exemplar->label, labels, counts);
  g_ptr_array_add (store->exemplars, exemplar);
  return TRUE;
}

guint
gst_effnet_store_forget (GstEffnetStore *store, const char *label)
{
  guint n = store->exemplars->len;

  for (guint i = n; i-- > 0;) {
    if (strcmp (label_at (store, i), label) == 0)
      g_ptr_array_remove_index (store->exemplars, i);
  }
  return n - store->exemplars->len;
}

GstEffnetVersion *
gst_effnet_store_find (GstEffnetStore *store, guint number)
{
  for (guint i = 0; i < store->versions->len; i++) {
    GstEffnetVersion *version = &g_array_index (store->versions, GstEffnetVersion, i);

    if (version->number == number)
      return version;
  }
  return NULL;
}

guint
gst_effnet_store_add_version (GstEffnetStore *store, double accuracy)
{
  GstEffnetVersion version = {store->last + 1, store->current, accuracy};
  guint gone = 0;

  if (store->versions->len >= GST_EFFNET_VERSIONS_MAX) {
    gone = g_array_index (store->versions, GstEffnetVersion, 0).number;
    g_array_remove_index (store->versions, 0);
  }
  g_array_append_val (store->versions, version);
  store->last = store->current = version.number;
  return gone;
}

char *
gst_effnet_store_get_folder (const GstEffnetStore *store, guint number)
{
  return g_strdup_printf ("%s.heads/%u", store->path, number);
}
