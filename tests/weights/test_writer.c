/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is written is read back, a copied tensor byte for byte; what cannot be written leaves the
 * file that was there. tests/golden reads such files with the safetensors package. */
#include "files.h"
#include "weights/writer.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const float numbers[6] = {1.5f, -0.0f, 3e-40f, 4, 5, 6};

/* A file with halves and integers, as checkpoints have them. */
static EffnetTensorTable *
open_source (TestFolder *folder)
{
  const char *header = "{\"half\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]},"
                       "\"count\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[6,14]}}";
  g_autofree char *path = test_put_tensors (folder, strlen (header), header, strlen (header), 14);
  EffnetTensorTable *table = effnet_tensor_table_open (path, NULL);

  g_assert_nonnull (table);
  return table;
}

static void
test_round_trip (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetTensorTable) source = open_source (folder), written = NULL;
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();
  g_autofree char *path = g_build_filename (folder->path, "new.safetensors", NULL), *bytes = NULL;
  GError *error = NULL;
  float read[6];
  gsize length;

  (void)data;
  effnet_tensor_writer_note (writer, "backbone", "a \"quoted\" name");
  effnet_tensor_writer_copy (writer, "renamed", effnet_tensor_table_find (source, "half"));
  effnet_tensor_writer_copy (writer, "count", effnet_tensor_table_find (source, "count"));
  effnet_tensor_writer_add (writer, "matrix", 2, (const size_t[]){2, 3}, numbers);
  g_assert_true (effnet_tensor_writer_save (writer, path, &error));
  g_assert_no_error (error);
  written = effnet_tensor_table_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (effnet_tensor_table_size (written), ==, 3);
  const EffnetTensor *matrix = effnet_tensor_table_find (written, "matrix");
  g_assert_cmpuint (matrix->n_dims, ==, 2);
  g_assert_cmpuint (matrix->shape[1], ==, 3);
  g_assert_true (effnet_tensor_read (matrix, read, NULL));
  g_assert_cmpmem (read, sizeof read, numbers, sizeof numbers);
  const EffnetTensor *half = effnet_tensor_table_find (written, "renamed");
  g_assert_cmpstr (half->dtype_name, ==, "F16");
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  g_assert_cmpmem (bytes + half->offset, half->n_bytes, "\0\1\2\3\4\5", 6);
  for (size_t i = 0; i < 3; i++) { /* each at a multiple of its element */
    const EffnetTensor *tensor = effnet_tensor_table_nth (written, i);
    g_assert_cmpuint (tensor->offset % (tensor->n_bytes / tensor->n_elements), ==, 0);
  }
}

/* A limit on the size of files stands for a full disk. */
static void
test_full_disk (TestFolder *folder, gconstpointer data)
{
  g_autofree char *path = test_put_text (folder, "kept", "old"), *text = NULL;
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();
  g_autofree float *many = g_new0 (float, 65536);
  struct rlimit limit, before;
  GError *error = NULL;
  g_autoptr (GDir) dir = NULL;
  unsigned n = 0;

  (void)data;
  effnet_tensor_writer_add (writer, "many", 1, (const size_t[]){65536}, many);
  signal (SIGXFSZ, SIG_IGN);
  getrlimit (RLIMIT_FSIZE, &before);
  limit = before;
  limit.rlim_cur = 4096;
  setrlimit (RLIMIT_FSIZE, &limit);
  g_assert_false (effnet_tensor_writer_save (writer, path, &error));
  setrlimit (RLIMIT_FSIZE, &before);
  test_assert_error (&error, EFFNET_ERROR_IO, "kept|could not be written");
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "old");
  dir = g_dir_open (folder->path, 0, NULL);
  while (g_dir_read_name (dir) != NULL)
    n++;
  g_assert_cmpuint (n, ==, 1);
}

static void
test_cut_source (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetTensorTable) source = open_source (folder);
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();
  g_autofree char *path = g_build_filename (folder->path, "new", NULL);
  GError *error = NULL;

  (void)data;
  effnet_tensor_writer_copy (writer, "half", effnet_tensor_table_find (source, "half"));
  g_assert_cmpint (truncate (effnet_tensor_table_name (source), 100), ==, 0);
  g_assert_false (effnet_tensor_writer_save (writer, path, &error));
  test_assert_error (&error, EFFNET_ERROR_FORMAT, "half|copied from|cut short");
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_no_folder (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();
  g_autofree char *path = g_build_filename (folder->path, "nowhere", "new", NULL);
  GError *error = NULL;

  (void)data;
  g_assert_false (effnet_tensor_writer_save (writer, path, &error));
  test_assert_error (&error, EFFNET_ERROR_NOT_FOUND, "nowhere|could not be created");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
  g_test_add (path, TestFolder, NULL, test_folder_set_up, function, test_folder_tear_down)
  ADD ("/weights/writer/round-trip", test_round_trip);
  ADD ("/weights/writer/full-disk", test_full_disk);
  ADD ("/weights/writer/cut-source", test_cut_source);
  ADD ("/weights/writer/no-folder", test_no_folder);
  return g_test_run ();
}
