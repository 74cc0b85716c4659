/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A store -> its file: copied under the lock, written without it. */
#include "memory.h"
#include "teach/store.h"
#include "teach/store_format.h"

#include <string.h>

#define EXEMPLAR_HEAD 16 /* bytes before its label */

static void
put (GByteArray *to, gconstpointer bytes, gsize n)
{
  g_byte_array_append (to, bytes, (guint)n);
}

static void
put_u32 (GByteArray *to, guint32 number)
{
  number = GUINT32_TO_LE (number);
  put (to, &number, sizeof number);
}

static void
put_u64 (GByteArray *to, guint64 number)
{
  number = GUINT64_TO_LE (number);
  put (to, &number, sizeof number);
}

static void
put_bytes (GByteArray *to, GBytes *bytes)
{
  gsize n = 0;
  gconstpointer data = bytes != NULL ? g_bytes_get_data (bytes, &n) : NULL;

  if (n > 0)
    put (to, data, n);
}

GstEffnetStoreCopy *
gst_effnet_store_copy (const GstEffnetStore *store)
{
  GstEffnetStoreCopy *copy = g_new0 (GstEffnetStoreCopy, 1);

  copy->path = g_strdup (store->path);
  copy->exemplars = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_effnet_exemplar_unref);
  for (guint i = 0; i < store->exemplars->len; i++)
    g_ptr_array_add (copy->exemplars,
                     gst_effnet_exemplar_ref (g_ptr_array_index (store->exemplars, i)));
  copy->head = g_byte_array_new ();
  put (copy->head, MAGIC, strlen (MAGIC));
  put_u32 (copy->head, FORMAT);
  put_u32 (copy->head, store->n_features);
  put (copy->head, store->backbone, HASH_LENGTH);
  put_u32 (copy->head, store->current);
  put_u32 (copy->head, store->last);
  put_u32 (copy->head, store->versions->len);
  put_u32 (copy->head, store->exemplars->len);
  for (guint i = 0; i < store->versions->len; i++) {
    const GstEffnetVersion *version = &g_array_index (store->versions, GstEffnetVersion, i);
    guint64 bits;

    put_u32 (copy->head, version->number);
    put_u32 (copy->head, version->before);
    memcpy (&bits, &version->accuracy, sizeof bits);
    put_u64 (copy->head, bits);
  }
  return copy;
}

static void
put_exemplar (GByteArray *to, const GstEffnetExemplar *exemplar)
{
  put_u64 (to, (guint64)exemplar->time);
  put_u32 (to, (guint32)strlen (exemplar->label));
  put_u32 (to, exemplar->jpeg != NULL ? (guint32)g_bytes_get_size (exemplar->jpeg) : 0);
  put (to, exemplar->label, strlen (exemplar->label));
  put_bytes (to, exemplar->jpeg);
  put_bytes (to, exemplar->embedding);
}

/* Of the file, without its checksum. */
static gsize
bytes_of (const GstEffnetStoreCopy *copy)
{
  gsize bytes = copy->head->len;

  for (guint i = 0; i < copy->exemplars->len; i++) {
    const GstEffnetExemplar *exemplar = g_ptr_array_index (copy->exemplars, i);

    bytes += EXEMPLAR_HEAD + strlen (exemplar->label) + g_bytes_get_size (exemplar->embedding);
    bytes += exemplar->jpeg != NULL ? g_bytes_get_size (exemplar->jpeg) : 0;
  }
  return bytes;
}

static void
free_copy (GstEffnetStoreCopy *copy)
{
  g_ptr_array_unref (copy->exemplars);
  g_byte_array_unref (copy->head);
  g_free (copy->path);
  g_free (copy);
}

gboolean
gst_effnet_store_copy_write (GstEffnetStoreCopy *copy, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GError) failure = NULL;
  guint8 digest[SUM_LENGTH];
  gsize length = sizeof digest;

  /* the list, which doubles as it grows, is copied from its old place to its new one */
  if (!gst_effnet_check_memory ("Writing the teach-file", 3 * bytes_of (copy), error)) {
    free_copy (copy);
    return FALSE;
  }
  for (guint i = 0; i < copy->exemplars->len; i++)
    put_exemplar (copy->head, g_ptr_array_index (copy->exemplars, i));
  g_checksum_update (sum, copy->head->data, copy->head->len);
  g_checksum_get_digest (sum, digest, &length);
  put (copy->head, digest, sizeof digest);
  if (!g_file_set_contents_full (copy->path, (const char *)copy->head->data, copy->head->len,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0666,
                                 &failure))
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "teach-file: %s", failure->message);
  free_copy (copy);
  return failure == NULL;
}
