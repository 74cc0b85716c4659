/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sound files and tables made in memory: what is found, and every half-precision number there is.
 */
#define _POSIX_C_SOURCE 200809L /* utimensat */
#include "files.h"
#include "weights/tensors.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__SSE2__)
#  include <xmmintrin.h>
#endif

/* From the definition: (-1)^s 2^(e - bias) 1.f, 2^(1 - bias) 0.f when e is 0. */
static double
value_of (unsigned bits, int exponent_bits, int fraction_bits)
{
  int bias = (1 << (exponent_bits - 1)) - 1;
  int fraction = (int)(bits & ((1u << fraction_bits) - 1));
  int exponent = (int)(bits >> fraction_bits & ((1u << exponent_bits) - 1));
  double sign = bits & 0x8000u ? -1.0 : 1.0;

  if (exponent == (1 << exponent_bits) - 1)
    return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
  if (exponent == 0)
    return sign * ldexp (fraction, 1 - bias - fraction_bits);
  return sign * ldexp (fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

/* As in a host process that has told its CPU to treat subnormals as zero. */
static void
read_flushing (const EffnetTensor *tensor, float *out)
{
#if defined(__SSE2__)
  unsigned before = _mm_getcsr ();
  _mm_setcsr (before | 0x8040); /* FTZ, DAZ */
  g_assert_true (effnet_tensor_read (tensor, out, NULL));
  _mm_setcsr (before);
#else
  g_assert_true (effnet_tensor_read (tensor, out, NULL));
#endif
}

/* @n elements from @first on are those of the whole. */
static void
assert_part (const EffnetTensor *tensor, size_t first, size_t n)
{
  g_autofree float *whole = g_new (float, tensor->n_elements);
  g_autofree float *part = g_new (float, n);

  g_assert_true (effnet_tensor_read (tensor, whole, NULL));
  g_assert_true (effnet_tensor_read_part (tensor, first, n, part, NULL));
  g_assert_cmpmem (part, n * sizeof *part, whole + first, n * sizeof *part);
}

static void
assert_all_values (TestFolder *folder, const char *dtype, int exponent_bits, int fraction_bits)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *header =
      g_strdup_printf ("{\"h\":{\"dtype\":\"%s\",\"shape\":[256,256],\"data_offsets\":[1,131073]},"
                       "\"odd\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                       dtype);
  g_autofree float *out = g_new (float, 65536);
  GError *error = NULL;
  uint64_t length = GUINT64_TO_LE (strlen (header));

  g_byte_array_append (bytes, (const guint8 *)&length, 8);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)strlen (header));
  g_byte_array_append (bytes, (const guint8 *)"", 1);
  for (unsigned i = 0; i < 65536; i++)
    g_byte_array_append (bytes, (guint8[]){(guint8)i, (guint8)(i >> 8)}, 2);
  g_autofree char *path = test_put (folder, "all", bytes->data, bytes->len);
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, &error);
  g_assert_no_error (error);
  assert_part (effnet_tensor_table_find (table, "h"), 3, 60000);
  read_flushing (effnet_tensor_table_find (table, "h"), out);
  for (unsigned i = 0; i < 65536; i++) {
    double expected = value_of (i, exponent_bits, fraction_bits);
    if (isnan (expected))
      g_assert_true (isnan (out[i]));
    else
      g_assert_true ((double)out[i] == expected);
    g_assert_cmpint (signbit (out[i]) != 0, ==, i >= 0x8000);
  }
}

static void
test_f16 (TestFolder *folder, gconstpointer data)
{
  (void)data;
  assert_all_values (folder, "F16", 5, 10);
}

static void
test_bf16 (TestFolder *folder, gconstpointer data)
{
  (void)data;
  assert_all_values (folder, "BF16", 8, 7);
}

static void
test_f32 (TestFolder *folder, gconstpointer data)
{
  static const uint32_t bits[] = {0,          0x80000000, 1,          0x807fffff,
                                  0x3f800000, 0x7f800000, 0xff7fffff, 0x7fc00001};
  static const char header[] =
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[0,32]}} ";
  uint8_t file[8 + sizeof header - 1 + sizeof bits] = {sizeof header - 1};
  float out[8];

  (void)data;
  memcpy (file + 8, header, sizeof header - 1);
  for (size_t i = 0; i < sizeof bits; i++)
    file[8 + sizeof header - 1 + i] = (uint8_t)(bits[i / 4] >> 8 * (i % 4));
  g_autofree char *path = test_put (folder, "f32", file, sizeof file);
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, NULL);
  g_assert_nonnull (table);
  g_assert_true (effnet_tensor_read (effnet_tensor_table_find (table, "w"), out, NULL));
  g_assert_cmpmem (out, sizeof out, bits, sizeof bits);
}

/* Names in any order, spaces, padding behind the header, tensors without elements. */
static void
test_sound (TestFolder *folder, gconstpointer data)
{
  static const char header[] =
      " \t\n\r{ \"z/\\u00e9\\ud83d\\ude00\" : {\"shape\":[1,2,3,1,1,1,1,1], "
      "\"data_offsets\":[3,15],"
      "\"dtype\":\"F16\"}, \"n\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
      "\"none\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[3,3]},"
      "\"one\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[15,17]},"
      "\"__metadata__\":{\"format\":\"pt\",\"\":\"\"}}      ";
  GError *error = NULL;

  (void)data;
  g_autofree char *path = test_put_tensors (folder, strlen (header), header, strlen (header), 17);
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (effnet_tensor_table_name (table), ==, path);
  g_assert_cmpuint (effnet_tensor_table_size (table), ==, 4);
  g_assert_cmpstr (effnet_tensor_table_nth (table, 0)->name, ==, "n");
  g_assert_cmpstr (effnet_tensor_table_nth (table, 1)->name, ==, "none");
  g_assert_cmpstr (effnet_tensor_table_nth (table, 3)->name, ==, "one");
  g_assert_null (effnet_tensor_table_find (table, "__metadata__"));
  g_assert_null (effnet_tensor_table_find (table, "Z"));
  const EffnetTensor *z = effnet_tensor_table_find (table, "z/\xc3\xa9\xf0\x9f\x98\x80");
  g_assert_true (z == effnet_tensor_table_nth (table, 2));
  g_assert_true (z->is_float);
  g_assert_cmpint (z->dtype, ==, EFFNET_DTYPE_F16);
  g_assert_cmpuint (z->n_dims, ==, 8);
  g_assert_cmpuint (z->n_elements, ==, 6);
  float values[6]; /* F16 of the bytes 3, 4, 5 ... */
  g_assert_true (effnet_tensor_read (z, values, NULL));
  g_assert_cmpfloat (values[0], ==, 0x1.00cp-14f);
  g_autofree char *shape = effnet_tensor_shape_string (z);
  g_assert_cmpstr (shape, ==, "[1, 2, 3, 1, 1, 1, 1, 1]");
  g_assert_false (effnet_tensor_table_find (table, "n")->is_float);
  g_assert_cmpstr (effnet_tensor_table_find (table, "n")->dtype_name, ==, "U8");
  g_assert_cmpuint (effnet_tensor_table_find (table, "one")->n_elements, ==, 1);
  float untouched = 7.0f;
  g_assert_true (effnet_tensor_read (effnet_tensor_table_find (table, "none"), &untouched, NULL));
  g_assert_cmpfloat (untouched, ==, 7.0f);
}

static void
test_dtypes (TestFolder *folder, gconstpointer data)
{
  static const struct {
    const char *name;
    unsigned bytes;
    gboolean is_float;
  } rows[] = {
      {"F32", 4, TRUE},      {"F16", 2, TRUE},      {"BF16", 2, TRUE},  {"F64", 8, TRUE},
      {"I64", 8, FALSE},     {"I32", 4, FALSE},     {"I16", 2, FALSE},  {"I8", 1, FALSE},
      {"U64", 8, FALSE},     {"U32", 4, FALSE},     {"U16", 2, FALSE},  {"U8", 1, FALSE},
      {"F8_E5M2", 1, FALSE}, {"F8_E4M3", 1, FALSE}, {"BOOL", 1, FALSE},
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *header =
        g_strdup_printf ("{\"t\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%u]}}",
                         rows[i].name, 3 * rows[i].bytes);
    g_autofree char *path =
        test_put_tensors (folder, strlen (header), header, strlen (header), 3 * rows[i].bytes);
    g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, NULL);
    g_assert_nonnull (table);
    const EffnetTensor *tensor = effnet_tensor_table_find (table, "t");
    g_assert_cmpstr (tensor->dtype_name, ==, rows[i].name);
    g_assert_cmpint (tensor->is_float, ==, rows[i].is_float);
    if (tensor->is_float)
      g_assert_cmpuint (effnet_dtype_size (tensor->dtype), ==, rows[i].bytes);
  }
}

/* Metadata of any length, with whatever strings may hold, is passed over. */
static void
test_long_metadata (TestFolder *folder, gconstpointer data)
{
  static const char unit[] = "data:image/jpeg;base64,\\\"{}[]:\\\\";
  g_autoptr (GString) header = g_string_new ("{\"__metadata__\":{\"thumbnail\":\"");

  (void)data;
  while (header->len < 3000000)
    g_string_append (header, unit);
  g_string_append (header, "\",\"format\":\"pt\"},\"t\":{\"dtype\":\"U8\",\"shape\":[3],"
                           "\"data_offsets\":[0,3]}}");
  g_autofree char *path = test_put_tensors (folder, header->len, header->str, header->len, 3);
  GError *error = NULL;
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (effnet_tensor_table_size (table), ==, 1);
}

static void
test_long_name (TestFolder *folder, gconstpointer data)
{
  (void)data;
  for (unsigned n = 4096; n <= 4097; n++) {
    g_autofree char *name = g_strnfill (n, 'n');
    g_autofree char *header =
        g_strdup_printf ("{\"%s\" :{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}", name);
    g_autofree char *path = test_put_tensors (folder, strlen (header), header, strlen (header), 3);
    GError *error = NULL;
    g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, &error);

    g_assert_true ((table != NULL) == (n == 4096));
    if (table == NULL)
      test_assert_error (&error, EFFNET_ERROR_FORMAT, "name of 4097 bytes|at most 4096");
  }
}

static void
test_empty (TestFolder *folder, gconstpointer data)
{
  g_autofree char *path = test_put_tensors (folder, 2, "{}", 2, 0);
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, NULL);

  (void)data;
  g_assert_nonnull (table);
  g_assert_cmpuint (effnet_tensor_table_size (table), ==, 0);
}

/* Replacing a file by renaming another over it leaves an open table as it was. */
static void
test_replaced (TestFolder *folder, gconstpointer data)
{
  static const char header[] = "{\"n\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}";
  size_t n = strlen (header);
  g_autofree char *path = test_put_tensors (folder, n, header, n, 4);
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, NULL);
  float values[2];

  (void)data;
  g_assert_nonnull (table);
  g_free (test_put_tensors (folder, 2, "{}", 2, 0)); /* another file under this name */
  g_assert_true (effnet_tensor_read (effnet_tensor_table_nth (table, 0), values, NULL));
  g_assert_cmpfloat (values[1], ==, 0x1.04p-121f); /* bytes 2, 3 */
}

/* A file cut short after it was opened is a sentence, not a signal. */
static void
test_cut_while_read (TestFolder *folder, gconstpointer data)
{
  static const char header[] =
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2048],\"data_offsets\":[0,8192]},"
      "\"b\":{\"dtype\":\"F16\",\"shape\":[9000],\"data_offsets\":[8192,26192]}}";
  size_t n = strlen (header);
  g_autofree char *path = test_put_tensors (folder, n, header, n, 26192);
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, NULL);
  g_autofree float *out = g_new (float, 9000);
  GError *error = NULL;

  (void)data;
  g_assert_nonnull (table);
  g_assert_cmpint (truncate (path, (off_t)(8 + n + 20000)), ==, 0);
  g_assert_true (effnet_tensor_read (effnet_tensor_table_find (table, "a"), out, NULL));
  g_assert_false (effnet_tensor_read (effnet_tensor_table_find (table, "b"), out, &error));
  test_assert_error (&error, EFFNET_ERROR_FORMAT, "tensor b|cut short while it was read");
  g_assert_cmpint (truncate (path, 3), ==, 0);
  g_assert_false (effnet_tensor_read (effnet_tensor_table_find (table, "a"), out, &error));
  test_assert_error (&error, EFFNET_ERROR_FORMAT, "tensor a|cut short while it was read");
}

static void
test_made (void)
{
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_new ("synthetic");
  float *first = effnet_tensor_table_add (table, "a", 2, (size_t[]){3, 5});
  const EffnetTensor *a = effnet_tensor_table_find (table, "a");

  g_assert_nonnull (first);
  for (int i = 0; i < 15; i++)
    g_assert_cmpfloat (first[i], ==, 0.0f);
  first[14] = 2.5f;
  for (int i = 0; i < 1000; i++) {
    g_autofree char *name = g_strdup_printf ("t%d", i);
    g_assert_nonnull (effnet_tensor_table_add (table, name, 1, (size_t[]){1}));
  }
  g_assert_true (effnet_tensor_table_find (table, "a") == a);
  g_assert_true (effnet_tensor_table_nth (table, 0) == a);
  float out[15];
  g_assert_true (effnet_tensor_read (a, out, NULL));
  g_assert_cmpfloat (out[14], ==, 2.5f);
  assert_part (a, 14, 1);
  g_assert_cmpstr (effnet_tensor_table_name (table), ==, "synthetic");
  g_assert_cmpuint (effnet_tensor_table_size (table), ==, 1001);

  g_assert_null (effnet_tensor_table_add (table, "a", 1, (size_t[]){1}));
  g_assert_null (effnet_tensor_table_add (table, "b", 2, (size_t[]){SIZE_MAX, 2}));
  g_assert_null (effnet_tensor_table_add (table, "b", 1, (size_t[]){SIZE_MAX / 2}));
  g_assert_null (effnet_tensor_table_add (table, "b", 9, (size_t[9]){1}));
  g_assert_nonnull (effnet_tensor_table_add (table, "scalar", 0, NULL));
  g_assert_nonnull (effnet_tensor_table_add (table, "none", 1, (size_t[]){0}));
  g_assert_cmpuint (effnet_tensor_table_find (table, "scalar")->n_elements, ==, 1);
  g_autofree char *shape = effnet_tensor_shape_string (effnet_tensor_table_find (table, "scalar"));
  g_assert_cmpstr (shape, ==, "[]");
  effnet_tensor_table_free (NULL);
}

/* The hash of a table's file, which is replaced or written to before anybody asks. */
static EffnetHash *
open_hash (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, &error);

  g_assert_no_error (error);
  EffnetHash *hash = effnet_tensor_table_steal_hash (table);
  g_assert_null (effnet_tensor_table_steal_hash (table));
  return hash;
}

/* Another byte, and the time of modification as it was. */
static void
assert_no_hash_when_forged (TestFolder *folder, const char *header)
{
  g_autofree char *path = test_put_tensors (folder, strlen (header), header, strlen (header), 2);
  EffnetHash *forged = open_hash (path);
  const struct stat *opened = effnet_hash_opened (forged);
  const struct timespec times[2] = {opened->st_atim, opened->st_mtim};
  struct stat now;

  g_usleep (20000); /* a tick of the file system's clock */
  FILE *file = g_fopen (path, "r+b");
  g_assert_cmpint (fseek (file, -1, SEEK_END), ==, 0);
  g_assert_cmpint (fputc (7, file), ==, 7);
  fclose (file);
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
  g_assert_cmpint (stat (path, &now), ==, 0);
  g_assert_cmpint (now.st_mtim.tv_nsec, ==, opened->st_mtim.tv_nsec);
  g_assert_cmpstr (effnet_hash_get (forged), ==, "");
  effnet_hash_free (forged);
}

static void
test_hash (TestFolder *folder, gconstpointer data)
{
  static const char header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}";
  const guint8 bytes[] = {0, 1};
  g_autofree char *path = test_put_tensors (folder, strlen (header), header, strlen (header), 2);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  uint64_t length = GUINT64_TO_LE (strlen (header));

  (void)data;
  g_checksum_update (checksum, (const guchar *)&length, 8);
  g_checksum_update (checksum, (const guchar *)header, (gssize)strlen (header));
  g_checksum_update (checksum, bytes, 2);
  EffnetHash *renamed = open_hash (path), *removed = open_hash (path),
             *never_read = open_hash (path);
  g_autofree char *other = test_put_text (folder, "other", "not this");
  g_assert_cmpint (g_rename (other, path), ==, 0);
  g_assert_cmpstr (effnet_hash_get (renamed), ==, g_checksum_get_string (checksum));
  g_unlink (path);
  g_assert_cmpstr (effnet_hash_get (removed), ==, g_checksum_get_string (checksum));
  g_assert_cmpstr (effnet_hash_get (removed), ==, g_checksum_get_string (checksum));

  g_autofree char *again = test_put_tensors (folder, strlen (header), header, strlen (header), 2);
  EffnetHash *written = open_hash (again);
  FILE *file = g_fopen (again, "ab");
  g_assert_cmpint (fputc (7, file), ==, 7);
  fclose (file);
  g_assert_cmpstr (effnet_hash_get (written), ==, "");
  assert_no_hash_when_forged (folder, header);
  g_assert_cmpstr (effnet_hash_get (NULL), ==, "");
  effnet_hash_free (renamed);
  effnet_hash_free (removed);
  effnet_hash_free (never_read);
  effnet_hash_free (written);
  effnet_hash_free (NULL);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/weights/tensors/" name, TestFolder, NULL, test_folder_set_up, function,            \
              test_folder_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("f16", test_f16);
  ADD ("bf16", test_bf16);
  ADD ("f32", test_f32);
  ADD ("sound", test_sound);
  ADD ("dtypes", test_dtypes);
  ADD ("long-metadata", test_long_metadata);
  ADD ("long-name", test_long_name);
  ADD ("empty", test_empty);
  ADD ("replaced", test_replaced);
  ADD ("cut-while-read", test_cut_while_read);
  ADD ("hash", test_hash);
  g_test_add_func ("/weights/tensors/made", test_made);
  return g_test_run ();
}
