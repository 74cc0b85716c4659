/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Label files: what is tolerated, and what would shift names silently. */
#include "files.h"
#include "weights/card.h"

#include <string.h>

static void
test_tolerated (TestFolder *folder, gconstpointer data)
{
  static const char *const texts[] = {
      "red fox\ncaf\xc3\xa9\n 7\n",
      "red fox\ncaf\xc3\xa9\n 7",
      "red fox\r\ncaf\xc3\xa9\r\n 7\r\n",
      "red fox\r\ncaf\xc3\xa9\n 7\r\n\r\n\n",
      "\xef\xbb\xbfred fox\ncaf\xc3\xa9\n 7\n",
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (texts); i++) {
    GError *error = NULL;
    g_autofree char *path = test_put_text (folder, "labels.txt", texts[i]);
    g_auto (GStrv) labels = effnet_labels_load (path, 3, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (g_strv_length (labels), ==, 3);
    g_assert_cmpstr (labels[0], ==, "red fox");
    g_assert_cmpstr (labels[1], ==, "caf\xc3\xa9");
    g_assert_cmpstr (labels[2], ==, " 7");
  }
}

static void
assert_refused (const char *path, unsigned n_classes, EffnetError code, const char *fragments)
{
  GError *error = NULL;

  g_assert_null (effnet_labels_load (path, n_classes, NULL));
  g_assert_null (effnet_labels_load (path, n_classes, &error));
  test_assert_error (&error, code, fragments);
}

static void
test_refused (TestFolder *folder, gconstpointer data)
{
  static const struct {
    const char *text;
    EffnetError code;
    const char *fragments;
  } rows[] = {
      {"a\nb\n", EFFNET_ERROR_MISMATCH, "labels.txt|2 classes|model has 3"},
      {"a\nb\nc\nd", EFFNET_ERROR_MISMATCH, "labels.txt|4 classes|model has 3"},
      {"", EFFNET_ERROR_MISMATCH, "labels.txt|0 classes|model has 3"},
      {"\n\n\n", EFFNET_ERROR_MISMATCH, "labels.txt|0 classes"},
      {"a\n\nc\n", EFFNET_ERROR_FORMAT, "labels.txt|line 2 is empty|class 1"},
      {"\na\nb\nc\n", EFFNET_ERROR_FORMAT, "labels.txt|line 1 is empty"},
      {"a\n\r\nc\n", EFFNET_ERROR_FORMAT, "labels.txt|line 2 is empty"},
      {"a\nb\xff\nc\n", EFFNET_ERROR_FORMAT, "labels.txt|UTF-8"},
      {"a\nb\nc\xc3", EFFNET_ERROR_FORMAT, "labels.txt|UTF-8"},
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *path = test_put_text (folder, "labels.txt", rows[i].text);
    assert_refused (path, 3, rows[i].code, rows[i].fragments);
  }
  g_autofree char *with_nul = test_put (folder, "nul.txt", "a\0b\nc\nd", 7);
  assert_refused (with_nul, 3, EFFNET_ERROR_FORMAT, "nul.txt|UTF-8");
}

static void
test_not_a_file (TestFolder *folder, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (folder->path, "missing.txt", NULL);
  size_t n = (16u << 20) + 1;
  g_autofree char *bytes = g_malloc (n);

  (void)data;
  assert_refused (missing, 3, EFFNET_ERROR_NOT_FOUND, "Label file|missing.txt");
  assert_refused (folder->path, 3, EFFNET_ERROR_IO, "a folder");
  assert_refused ("/dev/zero", 3, EFFNET_ERROR_IO, "device");
  memset (bytes, 'x', n);
  g_autofree char *path = test_put (folder, "long.txt", bytes, n);
  assert_refused (path, 3, EFFNET_ERROR_FORMAT, "long.txt|16777216 bytes");
  g_autofree char *fits = test_put (folder, "fits.txt", bytes, n - 1);
  g_auto (GStrv) labels = effnet_labels_load (fits, 1, NULL);
  g_assert_nonnull (labels);
  g_assert_cmpuint (strlen (labels[0]), ==, n - 1);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/weights/labels/" name, TestFolder, NULL, test_folder_set_up, function,             \
              test_folder_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("tolerated", test_tolerated);
  ADD ("refused", test_refused);
  ADD ("not-a-file", test_not_a_file);
  return g_test_run ();
}
