/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file is one GVariant: MAGIC, the key, and an entry for each file with its path, size, time
 * and features. Numbers are in the order of the host, which the key tells. */
#include "cli/index.h"

#include "cli/file.h"
#include "cli/outfile.h"
#include "effnet/effnet.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC     "effnet index 1"
#define TYPE      "(ssa(ayxxay))"
#define MAX_BYTES ((gsize)4 << 30)

typedef struct {
  gint64 size, mtime_ns;
  float *features; /* NULL: not known */
  gboolean used;
} Entry;

struct _Index {
  char *path, *key;
  gsize bytes;         /* of an entry's features */
  GHashTable *entries; /* absolute path -> Entry * */
  gboolean changed;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->features);
  g_free (entry);
}

static void
load_entries (Index *index, GVariant *entries)
{
  GVariantIter iter;
  GVariant *path, *features;
  gint64 size, mtime_ns;

  g_variant_iter_init (&iter, entries);
  while (g_variant_iter_loop (&iter, "(@ayxx@ay)", &path, &size, &mtime_ns, &features)) {
    gsize n;
    const void *data = g_variant_get_fixed_array (features, &n, 1);
    Entry *entry;

    if (n != index->bytes)
      continue;
    entry = g_new0 (Entry, 1);
    entry->size = size;
    entry->mtime_ns = mtime_ns;
    entry->features = g_memdup2 (data, n);
    g_hash_table_replace (index->entries, g_variant_dup_bytestring (path, NULL), entry);
  }
}

/* FALSE for a file that is something else, and must not be replaced. */
static gboolean
load (Index *index, GBytes *bytes, GError **error)
{
  g_autoptr (GVariant) root =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (TYPE), bytes, FALSE));
  g_autoptr (GVariant) entries = NULL;
  const char *magic = "", *key;

  if (g_variant_is_normal_form (root))
    g_variant_get (root, "(&s&s@a(ayxxay))", &magic, &key, &entries);
  if (strcmp (magic, MAGIC) != 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "%s: is no index of 'effnet similar' and is left as it is; remove it or name "
                 "another file",
                 index->path);
    return FALSE;
  }
  if (strcmp (key, index->key) == 0)
    load_entries (index, entries);
  else
    index->changed = TRUE;
  return TRUE;
}

Index *
index_open (const char *path, const char *key, unsigned n_features, GError **error)
{
  g_autoptr (Index) index = g_new0 (Index, 1);
  g_autoptr (GError) why = NULL;
  g_autoptr (GBytes) bytes = NULL;
  int fd;

  index->path = g_strdup (path);
  index->key = g_strdup (key);
  index->bytes = n_features * sizeof (float);
  index->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, entry_free);
  if (path == NULL)
    return g_steal_pointer (&index);
  fd = file_open (path, &why);
  if (fd >= 0) {
    bytes = file_read (fd, MAX_BYTES, &why);
    close (fd);
  } else if (g_error_matches (why, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND)) {
    return g_steal_pointer (&index);
  }
  if (why != NULL) {
    g_propagate_prefixed_error (error, g_steal_pointer (&why), "%s: ", path);
    return NULL;
  }
  return load (index, bytes, error) ? g_steal_pointer (&index) : NULL;
}

const float *
index_find (Index *index, const char *file)
{
  char *path = g_canonicalize_filename (file, NULL);
  Entry *entry = g_hash_table_lookup (index->entries, path);
  struct stat info = {0};
  gint64 mtime_ns;

  if (stat (path, &info) != 0)
    info.st_size = -1;
  mtime_ns = (gint64)info.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + info.st_mtim.tv_nsec;
  if (entry == NULL || entry->size != info.st_size || entry->mtime_ns != mtime_ns) {
    entry = g_new0 (Entry, 1);
    entry->size = info.st_size;
    entry->mtime_ns = mtime_ns;
    g_hash_table_replace (index->entries, path, entry);
  } else {
    g_free (path);
  }
  entry->used = TRUE;
  return entry->features;
}

void
index_add (Index *index, const char *file, const float *features)
{
  g_autofree char *path = g_canonicalize_filename (file, NULL);
  Entry *entry = g_hash_table_lookup (index->entries, path);

  g_assert (entry != NULL);
  g_free (entry->features);
  entry->features = g_memdup2 (features, index->bytes);
  index->changed = TRUE;
}

gboolean
index_save (Index *index, GError **error)
{
  GVariantBuilder builder;
  GHashTableIter iter;
  gpointer path, value;
  g_autoptr (GVariant) root = NULL;
  g_autoptr (OutFile) out = NULL;

  if (index->path == NULL || !index->changed)
    return TRUE;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ayxxay)"));
  g_hash_table_iter_init (&iter, index->entries);
  while (g_hash_table_iter_next (&iter, &path, &value)) {
    const Entry *entry = value;

    if (entry->used && entry->features != NULL)
      g_variant_builder_add (
          &builder, "(@ayxx@ay)", g_variant_new_bytestring (path), entry->size, entry->mtime_ns,
          g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, entry->features, index->bytes, 1));
  }
  root = g_variant_ref_sink (g_variant_new ("(ssa(ayxxay))", MAGIC, index->key, &builder));
  out = out_create (index->path, error);
  return out != NULL &&
         out_write (out, g_variant_get_data (root), g_variant_get_size (root), error) &&
         out_commit (g_steal_pointer (&out), error);
}

void
index_free (Index *index)
{
  if (index == NULL)
    return;
  g_hash_table_unref (index->entries);
  g_free (index->path);
  g_free (index->key);
  g_free (index);
}
