/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <glib/gstdio.h>
#include <string.h>

void
test_folder_set_up (TestFolder *folder, gconstpointer data)
{
  GError *error = NULL;

  (void)data;
  folder->path = g_dir_make_tmp (NULL, &error);
  g_assert_no_error (error);
}

void
test_folder_tear_down (TestFolder *folder, gconstpointer data)
{
  GDir *dir = g_dir_open (folder->path, 0, NULL);
  const char *name;

  (void)data;
  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder->path, name, NULL);
    g_assert_cmpint (g_remove (path), ==, 0);
  }
  g_dir_close (dir);
  g_assert_cmpint (g_rmdir (folder->path), ==, 0);
  g_clear_pointer (&folder->path, g_free);
}

char *
test_put (TestFolder *folder, const char *name, const void *bytes, size_t n)
{
  char *path = g_build_filename (folder->path, name, NULL);
  GError *error = NULL;

  g_remove (path); /* a new file each time, and none that waits for the disk */
  g_file_set_contents_full (path, bytes, (gssize)n, G_FILE_SET_CONTENTS_NONE, 0644, &error);
  g_assert_no_error (error);
  return path;
}

char *
test_put_text (TestFolder *folder, const char *name, const char *text)
{
  return test_put (folder, name, text, strlen (text));
}

char *
test_put_tensors (TestFolder *folder, uint64_t said, const char *header, size_t n_header,
                  size_t n_data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (int i = 0; i < 8; i++)
    g_byte_array_append (bytes, &(guint8){(guint8)(said >> 8 * i)}, 1);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)n_header);
  for (size_t i = 0; i < n_data; i++)
    g_byte_array_append (bytes, &(guint8){(guint8)i}, 1);
  return test_put (folder, "x.safetensors", bytes->data, bytes->len);
}

void
test_assert_error (GError **error, EffnetError code, const char *fragments)
{
  g_auto (GStrv) each = g_strsplit (fragments, "|", -1);

  g_assert_nonnull (*error);
  g_test_message ("%s", (*error)->message);
  g_assert_error (*error, EFFNET_ERROR, (int)code);
  g_assert_true (g_utf8_validate ((*error)->message, -1, NULL));
  g_assert_null (strchr ((*error)->message, '\n'));
  for (char **one = each; *one != NULL; one++) {
    if (strstr ((*error)->message, *one) == NULL)
      g_test_message ("does not hold \"%s\"", *one);
    g_assert_nonnull (strstr ((*error)->message, *one));
  }
  g_clear_error (error);
}
