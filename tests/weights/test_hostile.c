/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every rule of the safetensors loader has a file here that breaks it and nothing else. */
#include "files.h"
#include "weights/tensors.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define F32_4 "{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}"

static void
assert_refused (const char *path, EffnetError code, const char *fragments)
{
  GError *error = NULL;

  g_assert_null (effnet_tensor_table_open (path, NULL));
  g_assert_null (effnet_tensor_table_open (path, &error));
  test_assert_error (&error, code, fragments);
}

typedef struct {
  const char *header;
  size_t n_data; /* bytes behind the header */
  const char *fragments;
} Rule;

static const Rule rules[] = {
    /* the text */
    {"", 0, "x.safetensors|ends before its last bracket"},
    {"   ", 0, "ends before"},
    {"[]", 0, "begin"},
    {"null", 0, "begin"},
    {"\"{}\"", 0, "begin"},
    {"{\"a\xff\":1}", 0, "UTF-8"},
    {"{\"a\":" F32_4, 16, "ends before"},
    {"{\"a", 0, "middle of a string"},
    {"{\"a\\", 0, "middle of a string"},
    {"{\"a\\\"", 0, "middle of a string"},
    {"{}{}", 0, "goes on"},
    {"{}]", 0, "goes on"},
    {"{\"a\":}", 0, "not JSON"},
    {"{\"a\":[}]", 0, "not JSON"},
    {"{\"a\" " F32_4 "}", 16, "not JSON"},
    {"{\"a\":" F32_4 ",}", 16, "not JSON"},
    {"{\"a\nb\":" F32_4 "}", 16, "control character 0x0a"},
    {"{\"a\\u0000b\":" F32_4 "}", 16, "NUL"},
    {"{\"\\ud800\":" F32_4 "}", 16, "\\ud800"},
    {"{\"\\ud800\\u0041\":" F32_4 "}", 16, "\\ud800"},
    {"{\"\\ud800udc00\":" F32_4 "}", 16, "\\ud800"},
    {"{\"\\udc00\\ud800\":" F32_4 "}", 16, "\\udc00"},
    {"{\"\\u00g0\":" F32_4 "}", 16, "escape"},
    {"{\"\\u00", 0, "escape"},
    {"{\"\\ud800\\", 0, "\\ud800"},
    {"{\"\\200\":" F32_4 "}", 16, "0x32"},
    {"{\"\\a\":" F32_4 "}", 16, "0x61"},
    {"{\"\\", 0, "middle of a string"},
    {"{/* \" */\"a\":" F32_4 "}", 16, "0x2f"},
    {"{'a':" F32_4 "}", 16, "0x27"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}", 16, "0x2d"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4.0],\"data_offsets\":[0,16]}}", 16, "0x2e"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4e0],\"data_offsets\":[0,16]}}", 16, "0x65"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[010],\"data_offsets\":[0,40]}}", 40, "starts with 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,18446744073709551632]}}", 16,
     "20 digits"},
    {"{\"a\":null}", 0, "0x6e"},
    {"{\"a\":[[[[0]]]]}", 0, "deeper than 4"},
    /* names */
    {"{\"a\":" F32_4 ",\"a\":" F32_4 "}", 16, "key \"a\" twice"},
    {"{\"a\":" F32_4 ",\"\\u0061\":" F32_4 "}", 16, "key \"a\" twice"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16,
     "key \"dtype\" twice"},
    {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "key \"k\" twice"},
    /* metadata */
    {"{\"__metadata__\":1}", 0, "__metadata__|object"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__|\"k\""},
    {"{\"__metadata__\":{\"k\":{}}}", 0, "__metadata__|\"k\""},
    /* one tensor */
    {"{\"a\":1}", 0, "\"a\"|not described"},
    {"{\"a\":[]}", 0, "\"a\"|not described"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],\"evil\":1}}", 16,
     "\"a\"|\"evil\""},
    {"{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}", 16, "\"a\"|no dtype"},
    {"{\"a\":{\"dtype\":1,\"shape\":[4],\"data_offsets\":[0,16]}}", 16, "\"a\"|no dtype"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16, "\"a\"|\"F33\""},
    {"{\"a\":{\"dtype\":\"f32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16, "\"a\"|\"f32\""},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}", 16, "\"a\"|no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,16]}}", 16, "\"a\"|no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"4\"],\"data_offsets\":[0,16]}}", 16,
     "\"a\"|entry 0|whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2,[2]],\"data_offsets\":[0,16]}}", 16,
     "\"a\"|entry 1|whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,4],\"data_offsets\":[0,16]}}", 16,
     "\"a\"|9 dimensions|8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[999999999999999999,999999999999999999],"
     "\"data_offsets\":[0,16]}}",
     16, "\"a\"|memory could hold"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
     "\"a\"|memory could hold"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952,1],\"data_offsets\":[0,0]}}", 0,
     "19 digits"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2147483648,1073741824],\"data_offsets\":[0,0]}}", 0,
     "\"a\"|0 bytes|[2147483648, 1073741824]"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", 16, "\"a\"|no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":16}}", 16, "\"a\"|no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0]}}", 16, "\"a\"|no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,8,16]}}", 16,
     "\"a\"|no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,\"16\"]}}", 16,
     "\"a\"|no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}", 16, "\"a\"|[16, 0]"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,17]}}", 16,
     "\"a\"|[0, 17]|16 bytes|cut short"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,999999999999999999]}}", 16,
     "\"a\"|cut short"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,12]}}", 12,
     "\"a\"|12 bytes|F32|[4]"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16,
     "\"a\"|16 bytes|F16|[4]"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,0]}}", 0, "\"a\"|0 bytes|[]"},
    /* how they lie together */
    {"{}", 1, "1 bytes|end at 0"},
    {"{\"a\":" F32_4 "}", 17, "17 bytes|end at 16"},
    {"{\"a\":" F32_4 ",\"b\":" F32_4 "}", 16, "\"b\"|overlaps"},
    {"{\"a\":" F32_4 ",\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[15,16]}}", 16,
     "\"b\"|overlaps"},
    {"{\"a\":" F32_4 ",\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[17,18]}}", 18,
     "\"b\"|begins at byte 17|16"},
    {"{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2,
     "\"b\"|begins at byte 1"},
    {"{\"a\":" F32_4 ",\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[3,3]}}", 16,
     "overlaps"},
};

static void
test_rules (TestFolder *folder, gconstpointer data)
{
  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (rules); i++) {
    size_t n = strlen (rules[i].header);
    g_autofree char *shown = g_strescape (rules[i].header, NULL);
    g_test_message ("%s", shown);
    g_autofree char *path = test_put_tensors (folder, n, rules[i].header, n, rules[i].n_data);
    assert_refused (path, EFFNET_ERROR_FORMAT, rules[i].fragments);
  }
}

static void
test_length (TestFolder *folder, gconstpointer data)
{
  static const struct {
    uint64_t said;
    const char *fragments;
  } lengths[] = {
      {3, "3 bytes, but 2 follow"},
      {100000000, "100000000 bytes, but 2 follow"},
      {100000001, "100000001"},
      {G_MAXUINT64, "18446744073709551615"},
      {G_MAXUINT64 - 7, "18446744073709551608"},
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autofree char *path = test_put_tensors (folder, lengths[i].said, "{}", 2, 0);
    assert_refused (path, EFFNET_ERROR_FORMAT, lengths[i].fragments);
  }
  for (size_t n = 0; n < 8; n++) {
    g_autofree char *path = test_put (folder, "short", "\2\0\0\0\0\0\0\0", n);
    g_autofree char *fragment =
        n == 0 ? g_strdup ("empty") : g_strdup_printf ("%zu bytes|8 bytes", n);
    assert_refused (path, EFFNET_ERROR_FORMAT, fragment);
  }
}

/* What people have under a model's name is said to be what it is, with what to do. */
static void
test_other_formats (TestFolder *folder, gconstpointer data)
{
#define ROW(bytes, words)                                                                          \
  {                                                                                                \
    bytes, sizeof (bytes) - 1, words                                                               \
  }
  static const struct {
    const char *bytes;
    size_t n;
    const char *words;
  } rows[] = {
      ROW ("PK\3\4\0\0\10\10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\12\0\0\0z/data.pkl",
           "PyTorch|effnet convert"),
      ROW ("PK\3\4\0\0\10\10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\13\0\0\0config.json", "Keras"),
      ROW ("PK\3\4\0\0\10\10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0a.txt",
           "zip archive|unpack"),
      ROW ("\x80\2\x8a\nl\xfc\x9c"
           "F\xf9 j\xa8P\x19.",
           "before 1.6|effnet convert"),
      ROW ("\x89HDF\r\n\x1a\n", "HDF5"),
      ROW ("\x1c\0\0\0TFL3\0\0\0\0", "TensorFlow Lite"),
      ROW ("\x08\x07\x12\x07pytorch\x1a", "ONNX"),
      ROW ("version https://git-lfs.github.com/spec/v1\noid", "Git LFS|git lfs pull"),
      ROW ("<!DOCTYPE html><html><title>404</title>", "HTML|download"),
      ROW ("{\"error\":\"Repository not found\"}", "JSON|download"),
      ROW ("Entry not found\n", "plain text|download"),
      ROW ("\x1f\x8b\x08\0\0\0\0\0", "gzip|unpack"),
      ROW ("7z\xbc\xaf\x27\x1c\0\4", "7-zip|unpack"),
  };
#undef ROW

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *path = test_put (folder, "model.safetensors", rows[i].bytes, rows[i].n);
    assert_refused (path, EFFNET_ERROR_FORMAT, rows[i].words);
  }
}

/* The format's limit holds even where the file has the bytes: a sparse one costs nothing. */
static void
test_long_header (TestFolder *folder, gconstpointer data)
{
  g_autofree char *path = test_put_tensors (folder, 100000001, "{}", 2, 0);

  (void)data;
  g_assert_cmpint (truncate (path, 100000001 + 8), ==, 0);
  assert_refused (path, EFFNET_ERROR_FORMAT, "100000001");
}

static void
assert_repeated_refused (TestFolder *folder, const char *head, const char *unit, size_t times,
                         const char *fragments)
{
  GString *header = g_string_new (head);

  for (size_t i = 0; i < times; i++)
    g_string_append (header, unit);
  g_autofree char *path = test_put_tensors (folder, header->len, header->str, header->len, 0);
  g_string_free (header, TRUE);
  assert_refused (path, EFFNET_ERROR_FORMAT, fragments);
}

/* Depths that would end a recursive parser, sizes that would fill memory. */
static void
test_bombs (TestFolder *folder, gconstpointer data)
{
  (void)data;
  assert_repeated_refused (folder, "{\"a\":", "[", 1000000, "deeper than 4");
  assert_repeated_refused (folder, "{\"a\":", "{\"a\":", 1000000, "deeper than 4");
  assert_repeated_refused (folder, "{\"a\":\"\\\"\",\"b\":", "[", 1000000, "deeper than 4");
  assert_repeated_refused (folder, "{\"a\":[0", ",0", 300000, "more than 262144 values");
  assert_repeated_refused (folder, "{\"a\":[[]", ",[]", 300000, "more than 262144 values");
  assert_repeated_refused (folder, "{\"", "long", 250000, "middle of a string");
  assert_repeated_refused (folder, "{\"a\":", "1", 1000000, "digits");
}

/* A name from a file must not be able to write on somebody's terminal or log. */
static void
test_name_in_message (TestFolder *folder, gconstpointer data)
{
  static const char header[] =
      "{\"\\u001b[31m\\n\":{\"dtype\":\"F99\",\"shape\":[4],\"data_offsets\":[0,16]}}";

  (void)data;
  g_autofree char *path = test_put_tensors (folder, strlen (header), header, strlen (header), 16);
  assert_refused (path, EFFNET_ERROR_FORMAT, "\\u001b[31m\\u000a|F99");
  g_autofree char *name = g_strnfill (500, 'x');
  g_autofree char *cut = g_strnfill (100, 'x');
  g_autofree char *longer = g_strdup_printf ("{\"%s\":1}", name);
  g_autofree char *other = test_put_tensors (folder, strlen (longer), longer, strlen (longer), 0);
  g_autofree char *fragment = g_strdup_printf ("tensor \"%s...\"", cut);
  assert_refused (other, EFFNET_ERROR_FORMAT, fragment);
}

static void
test_not_a_file (TestFolder *folder, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (folder->path, "missing", NULL);
  g_autofree char *pipe = g_build_filename (folder->path, "pipe", NULL);
  g_autofree char *file = test_put_text (folder, "file", "x");
  g_autofree char *below = g_build_filename (file, "below", NULL);
  g_autofree char *loop = g_build_filename (folder->path, "loop", NULL);

  (void)data;
  assert_refused (missing, EFFNET_ERROR_NOT_FOUND, "missing");
  assert_refused ("", EFFNET_ERROR_NOT_FOUND, "could not be opened");
  assert_refused (below, EFFNET_ERROR_NOT_FOUND, "below");
  assert_refused (folder->path, EFFNET_ERROR_IO, "a folder");
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  assert_refused (pipe, EFFNET_ERROR_IO, "a pipe");
  assert_refused ("/dev/zero", EFFNET_ERROR_IO, "device");
  g_assert_cmpint (symlink ("loop", loop), ==, 0);
  assert_refused (loop, EFFNET_ERROR_IO, "loop");
}

/* A file of the kernel's that has a size and cannot be mapped. */
static void
test_not_on_disk (void)
{
  static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";

  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR)) {
    g_test_skip ("no such file here");
    return;
  }
  assert_refused (path, EFFNET_ERROR_FORMAT, "enabled|not a safetensors file");
}

static void
test_no_permission (TestFolder *folder, gconstpointer data)
{
  g_autofree char *path = test_put_tensors (folder, 2, "{}", 2, 0);
  uid_t user = geteuid ();

  (void)data;
  g_assert_cmpint (g_chmod (folder->path, 0755), ==, 0);
  g_assert_cmpint (g_chmod (path, 0), ==, 0);
  if (user == 0 && seteuid (65534) != 0) {
    g_test_skip ("cannot become another user");
    return;
  }
  assert_refused (path, EFFNET_ERROR_IO, "Permission denied");
  if (user == 0)
    g_assert_cmpint (seteuid (0), ==, 0);
}

static const char small[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                            "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                            "\"b\":{\"dtype\":\"BF16\",\"shape\":[5],\"data_offsets\":[24,34]},"
                            "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[34,42]},"
                            "\"z\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[42,42]}}";

/* The whole file opens; with any number of bytes missing at its end it does not, and neither does
 * it with any prefix of its header in the header's place. */
static void
test_every_prefix (TestFolder *folder, gconstpointer data)
{
  size_t n = strlen (small);
  g_autofree char *path = test_put_tensors (folder, n, small, n, 42);
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, NULL);
  GError *error = NULL;

  (void)data;
  g_assert_nonnull (table);
  for (size_t size = 8 + n + 42; size-- > 0;) {
    g_assert_cmpint (truncate (path, (off_t)size), ==, 0);
    g_assert_null (effnet_tensor_table_open (path, &error));
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT);
    g_clear_error (&error);
  }
  for (size_t size = 0; size < n; size++) {
    g_autofree char *other = test_put_tensors (folder, size, small, size, 42);
    g_assert_null (effnet_tensor_table_open (other, &error));
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT);
    g_clear_error (&error);
  }
}

/* A byte of the header changed: refused or, where the change is in a name, still a sound table. */
static void
test_every_flip (TestFolder *folder, gconstpointer data)
{
  static const char masks[] = {1, 4, 32, (char)128};
  size_t n = strlen (small);
  g_autofree float *out = g_new (float, 64);

  (void)data;
  for (size_t i = 0; i < n * sizeof masks; i++) {
    g_autofree char *header = g_strdup (small);
    g_autoptr (GError) error = NULL;
    header[i / sizeof masks] ^= masks[i % sizeof masks];
    g_autofree char *path = test_put_tensors (folder, n, header, n, 42);
    g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, &error);
    g_assert_true ((table == NULL) == (error != NULL));
    for (size_t t = 0; table != NULL && t < effnet_tensor_table_size (table); t++) {
      const EffnetTensor *tensor = effnet_tensor_table_nth (table, t);
      g_assert_cmpuint (tensor->n_elements, <=, 42);
      if (tensor->is_float)
        g_assert_true (effnet_tensor_read (tensor, out, NULL));
    }
  }
}

/* The default model, cut at every tensor's end. */
static void
test_model_boundaries (TestFolder *folder, gconstpointer data)
{
  const char *root = g_getenv ("EFFNET_SOURCE_ROOT");
  g_autofree char *model =
      g_build_filename (root != NULL ? root : "", "models", "lite0", "model.safetensors", NULL);
  g_autofree char *bytes = NULL;
  gsize n = 0;
  GError *error = NULL;

  (void)data;
  if (!g_file_get_contents (model, &bytes, &n, NULL)) {
    g_test_skip ("no default model");
    return;
  }
  g_autoptr (EffnetTensorTable) whole = effnet_tensor_table_open (model, &error);
  g_assert_no_error (error);
  size_t count = effnet_tensor_table_size (whole);
  g_assert_cmpuint (count, >, 100);
  g_autofree char *path = test_put (folder, "cut.safetensors", bytes, n);
  for (size_t i = count; i-- > 0;) {
    size_t at = effnet_tensor_table_nth (whole, i)->offset;
    g_assert_cmpint (truncate (path, (off_t)at), ==, 0);
    assert_refused (path, EFFNET_ERROR_FORMAT, "cut.safetensors|cut short");
  }
}

#define ADD(name, function)                                                                        \
  g_test_add ("/weights/hostile/" name, TestFolder, NULL, test_folder_set_up, function,            \
              test_folder_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("rules", test_rules);
  ADD ("length", test_length);
  ADD ("long-header", test_long_header);
  ADD ("other-formats", test_other_formats);
  ADD ("bombs", test_bombs);
  ADD ("name-in-message", test_name_in_message);
  ADD ("not-a-file", test_not_a_file);
  g_test_add_func ("/weights/hostile/not-on-disk", test_not_on_disk);
  ADD ("no-permission", test_no_permission);
  ADD ("every-prefix", test_every_prefix);
  ADD ("every-flip", test_every_flip);
  ADD ("model-boundaries", test_model_boundaries);
  return g_test_run ();
}
