/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Label files: what is tolerated, and what would shift names silently. */
#include "files.h"
#include "weights/card.h"

#include <string.h>

/* Each is "red fox", "cafe" with an accent, "7". */
static const char *const tolerated[] = {
    "red fox\ncaf\xc3\xa9\n 7\n",
    "red fox\ncaf\xc3\xa9\n 7",
    "red fox\r\ncaf\xc3\xa9\r\n 7\r\n",
    "red fox\r\ncaf\xc3\xa9\n 7\r\n\r\n\n",
    "\xef\xbb\xbfred fox\ncaf\xc3\xa9\n 7\n",
    "red fox \ncaf\xc3\xa9\t\n7  \n \n",
    "\"red fox\"\n\"caf\xc3\xa9\"\n\"7\"\n",
    /* numbers are obeyed */
    "0 red fox\n1 caf\xc3\xa9\n2 7\n",
    "2 7\n0 red fox\n1 caf\xc3\xa9\n",
    "0: red fox\n1: caf\xc3\xa9\n2: 7\n",
    "0:red fox\n2:7\n1:caf\xc3\xa9\n",
    "1,caf\xc3\xa9\n0,red fox\n2,7\n",
    "\xef\xbb\xbf"
    "1\tcaf\xc3\xa9\r\n0\tred fox\r\n2\t7\r\n",
    "0;\"red fox\"\n1;\"caf\xc3\xa9\"\n2;7\n",
    "\"0\",\"red fox\"\n\"1\",\"caf\xc3\xa9\"\n\"2\",\"7\"\n",
    "0) red fox\n1) caf\xc3\xa9\n2) 7\n",
    "0. red fox\n1. caf\xc3\xa9\n2. 7\n",
    "0 - red fox\n1 - caf\xc3\xa9\n2 - 7\n",
    "[0] red fox\n[1] caf\xc3\xa9\n[2] 7\n",
    "000 red fox\n001 caf\xc3\xa9\n002 7\n",
    "id,name\n0,red fox\n2,7\n1,caf\xc3\xa9\n",
    "names:\n  0: red fox\n  1: caf\xc3\xa9\n  2: 7\n",
    "red fox,0\n7,2\ncaf\xc3\xa9,1\n",
    "class,index\nred fox,0\n7,2\ncaf\xc3\xa9,1\n",
    "\"red fox\",0\n\"7\",2\n\"caf\xc3\xa9\",1\n",
    "red fox\t0\n7\t2\ncaf\xc3\xa9\t1\n",
    "red fox 0\ncaf\xc3\xa9 1\n7 2\n",
    "red fox: 0\ncaf\xc3\xa9: 1\n7: 2\n",
    "\"red fox\", \"0\"\n\"7\", \"2\"\n\"caf\xc3\xa9\" , \"1\"\n",
    "n01440764 red fox\nn01443537 caf\xc3\xa9\nn01484850 7\n",
    "n01440764\tred fox\nn01443537\tcaf\xc3\xa9\nn01484850\t7\n",
    "2 n01440764 7\n0 n01443537 red fox\n1 n01484850 caf\xc3\xa9\n",
    "n01440764 0 red fox\nn01443537 1 caf\xc3\xa9\nn01484850 2 7\n",
    "0 -> red fox\n1 => caf\xc3\xa9\n2->7\n",
    "red fox\rcaf\xc3\xa9\r7\r",
    "red fox,\ncaf\xc3\xa9,\n7\n",
    "'red fox'\n'caf\xc3\xa9'\n'7'\n",
    "'red fox',\n'caf\xc3\xa9',\n'7',\n",
    "0: 'red fox'\n1: \"caf\xc3\xa9\"\n2: 7\n",
    /* YAML */
    "- red fox\n- caf\xc3\xa9\n- '7'\n",
    "# classes\n- red fox # one\n\n- \"caf\xc3\xa9\"\n- 7",
    "names:\n- red fox\n- caf\xc3\xa9\n- 7\nnc: 3\n",
    "path: ../x\nnc: 3\nnames: ['red fox', 'caf\xc3\xa9', \"7\"]  # three\n",
    "nc: 3\nnames: [red fox, caf\xc3\xa9,\n  7]\n",
    "train: a\nnames:\n  1: caf\xc3\xa9\n  # two\n  0: 'red fox'\n  2: 7\nval: b\n",
    "names: {0: red fox, 2: 7, 1: caf\xc3\xa9}\n",
    /* Python */
    "['red fox', 'caf\xc3\xa9', '7']",
    "{0: 'red fox',\n 1: \"caf\xc3\xa9\",\n 2: '7',}\n",
    "{2:u'7', 0:u'red fox', 1:u'caf\xc3\xa9'}",
    "{'red fox': 0, 'caf\xc3\xa9': 1, '7': 2}",
    "{0: ('n1', 'red fox'), 1: ('n2', 'caf\xc3\xa9'), 2: ('n3', '7')}",
    /* CSV */
    "index,mid,display_name\n0,/m/1,red fox\n1,/m/2,caf\xc3\xa9\n2,/m/3,7\n",
    "index,mid,display_name\n0,m #1,red fox\n1,m #2,caf\xc3\xa9\n2,m #3,7\n",
    "Name;Id;Count\n7;2;\n\"red fox\";0;5\ncaf\xc3\xa9;1;6\n",
    "name\tcount\tcolour\nred fox\t1\tred\ncaf\xc3\xa9\t2\t\n7\t3\tx\n",
    /* JSON */
    "[\"red fox\", \"caf\xc3\xa9\", \"7\"]",
    "\xef\xbb\xbf {\"2\": \"7\", \"0\": \"red fox\", \"1\": \"caf\xc3\xa9\"}",
    "{\"red fox\": 0, \"caf\xc3\xa9\": 1, \"7\": 2}",
    "{\"0\": [\"n1\", \"red fox\"], \"1\": [\"n2\", \"caf\xc3\xa9\"], \"2\": [\"n3\", \"7\"]}",
    "{\"architecture\": \"b0\", \"id2label\": {\"0\": \"red fox\", \"1\": \"caf\xc3\xa9\", "
    "\"2\": \"7\"}}",
};

static void
test_tolerated (TestFolder *folder, gconstpointer data)
{
  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (tolerated); i++) {
    GError *error = NULL;
    g_autofree char *path = test_put_text (folder, "labels.txt", tolerated[i]);
    g_auto (GStrv) labels = effnet_labels_load (path, 3, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (g_strv_length (labels), ==, 3);
    g_assert_cmpstr (labels[0], ==, "red fox");
    g_assert_cmpstr (labels[1], ==, "caf\xc3\xa9");
    g_assert_cmpstr (labels[2], ==, "7");
  }
}

/* As csv.writer and Python write names with commas and quotes. */
static void
test_quoted (TestFolder *folder, gconstpointer data)
{
  static const char *const texts[] = {
      "\"a, b\"\n\"say \"\"c\"\"\"\nd's\n",
      "0,\"a, b\"\n1,\"say \"\"c\"\"\"\n2,d's\n",
      "['a, b', 'say \"c\"', \"d's\"]",
      "['a, b', 'say \"c\"', 'd\\'s']",
      "- 'a, b'\n- 'say \"c\"'\n- 'd''s'\n",
      "id,name,n\n0,\"a, b\",1\n1,\"say \"\"c\"\"\",2\n2,d's,3\n",
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (texts); i++) {
    GError *error = NULL;
    g_test_message ("%s", texts[i]);
    g_autofree char *path = test_put_text (folder, "labels.txt", texts[i]);
    g_auto (GStrv) labels = effnet_labels_load (path, 3, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (labels[0], ==, "a, b");
    g_assert_cmpstr (labels[1], ==, "say \"c\"");
    g_assert_cmpstr (labels[2], ==, "d's");
  }
}

/* Names that only look numbered stay as they are. */
static void
test_names_with_numbers (TestFolder *folder, gconstpointer data)
{
  static const char *const texts[] = {
      "gate 0\ngate 1\ngate 2",
      "boeing 737\nairbus 320\ntupolev 154",
      "0\n1\n2",
      "2\n0\n1",
      "7 up\ncola\nfanta",
      "n01440764\nn01443537\nn01484850",
      "0x\n1x\n2x",
      "tench, Tinca\n\"Weird\" Al\nc",
      "3 mm\nlarge\nsmall",
      "12,5 mm\nlarge\nsmall",
      "'tis\n'twas'\nit''s",
      "-cat\n-dog\n-fox",
      "cat, black\ndog\nfox, red",
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (texts); i++) {
    GError *error = NULL;
    g_test_message ("%s", texts[i]);
    g_autofree char *path = test_put_text (folder, "labels.txt", texts[i]);
    g_auto (GStrv) labels = effnet_labels_load (path, 3, &error);
    g_assert_no_error (error);
    g_autofree char *joined = g_strjoinv ("\n", labels);
    g_assert_cmpstr (joined, ==, texts[i]);
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

typedef struct {
  const char *text;
  EffnetError code;
  const char *fragments;
} Refused;

static void
assert_all_refused (TestFolder *folder, const Refused *rows, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    g_autofree char *path = test_put_text (folder, "labels.txt", rows[i].text);
    assert_refused (path, 3, rows[i].code, rows[i].fragments);
  }
}

static void
test_refused (TestFolder *folder, gconstpointer data)
{
  static const Refused rows[] = {
      {"a\nb\n", EFFNET_ERROR_MISMATCH, "labels.txt|2 classes|model has 3"},
      {"a\nb\nc\nd", EFFNET_ERROR_MISMATCH, "labels.txt|4 classes|model has 3"},
      {"id,name\n0,a\n1,b\n2,c\n3,d\n", EFFNET_ERROR_MISMATCH, "labels.txt|model has 3"},
      {"class,index\na,0\nb,1\nc,2\nd,3\ne,4\n", EFFNET_ERROR_MISMATCH, "labels.txt|model has 3"},
      {"background\na\nb\nc\n", EFFNET_ERROR_MISMATCH, "4 classes|background|has 3|tail -n +2"},
      {"names: [a, b]\n", EFFNET_ERROR_MISMATCH, "labels.txt|2 classes|model has 3"},
      {"names:\n  1: a\n  2: b\n  3: c\n", EFFNET_ERROR_FORMAT, "labels.txt:1:|number 3|0 to 2"},
      {"- name: a\n- name: b\n- name: c\n", EFFNET_ERROR_FORMAT, "labels.txt|YAML|not read"},
      {"- \"a\\tb\"\n- b\n- c\n", EFFNET_ERROR_FORMAT, "labels.txt|YAML|not read"},
      {"id,name,n\n0,a,1\n0,b,2\n1,c,3\n", EFFNET_ERROR_FORMAT, "labels.txt:3:| has the key \"0\""},
      {"names: *x\n", EFFNET_ERROR_FORMAT, "labels.txt|YAML|not read"},
      {"names:\n  a: {b: 0}\n", EFFNET_ERROR_FORMAT, "labels.txt|YAML"},
      {"id,x,y\n0,1,2\n1,1,2\n2,1,2\n", EFFNET_ERROR_FORMAT, "labels.txt|CSV|columns called"},
      {"", EFFNET_ERROR_MISMATCH, "labels.txt|0 classes|model has 3"},
      {"\n\n\n", EFFNET_ERROR_MISMATCH, "labels.txt|0 classes"},
      {"a\n\nc\n", EFFNET_ERROR_FORMAT, "labels.txt:2: |is empty|class 1"},
      {"\na\nb\nc\n", EFFNET_ERROR_FORMAT, "labels.txt:1: |is empty"},
      {"a\n\r\nc\n", EFFNET_ERROR_FORMAT, "labels.txt:2: |is empty"},
      {"a\nb\xff\nc\n", EFFNET_ERROR_FORMAT, "labels.txt|UTF-8"},
      {"a\nb\nc\xc3", EFFNET_ERROR_FORMAT, "labels.txt|UTF-8"},
      {"\xff\xfe"
       "a",
       EFFNET_ERROR_FORMAT, "labels.txt|UTF-16|iconv"},
      /* numbers that may or may not count the classes */
      {"1 a\n2 b\n3 c", EFFNET_ERROR_FORMAT,
       "labels.txt:3: the line gives \"c\" the number 3|0 to 2"},
      {"0 a\n0 b\n1 c", EFFNET_ERROR_FORMAT,
       "labels.txt:2: the line gives the number 0|\"a\"|\"b\""},
      {"0: a\n1: b\n7: c", EFFNET_ERROR_FORMAT, "labels.txt:3: |number 7"},
      {"18446744073709551616,a\n18446744073709551617,b\n18446744073709551618,c",
       EFFNET_ERROR_FORMAT, "labels.txt|\"a\""},
      {"0: a\nb\n2: c", EFFNET_ERROR_FORMAT, "labels.txt:2: |has no number"},
      {"0 a\n1 b\nc", EFFNET_ERROR_FORMAT, "labels.txt:3: |has no number"},
      {"n01440764 1 a\nn01443537 2 b\nn01484850 3 c", EFFNET_ERROR_FORMAT,
       "labels.txt:3: |number 3"},
      {"a,0\nb,1\nc", EFFNET_ERROR_FORMAT, "labels.txt:3: |has no number behind"},
      {"a,0\nb,0\nc,1", EFFNET_ERROR_FORMAT, "labels.txt|number 0"},
      {"a,12\nb,3\nc,1", EFFNET_ERROR_FORMAT, "labels.txt|number 12"},
      {"n01443537 a\nn01440764 b\nn01484850 c", EFFNET_ERROR_FORMAT, "labels.txt:2: |order"},
      {"0,\"a\n1,b\n2,c", EFFNET_ERROR_FORMAT, "labels.txt:1: |quote"},
      {"0,\"\"\n1,b\n2,c", EFFNET_ERROR_FORMAT, "labels.txt:1: |quote"},
      {"id,name\n0,a\n1,\"b\n2,c", EFFNET_ERROR_FORMAT, "labels.txt:3: |quote"},
  };

  (void)data;
  assert_all_refused (folder, rows, G_N_ELEMENTS (rows));
  g_autofree char *with_nul = test_put (folder, "nul.txt", "a\0b\nc\nd", 7);
  assert_refused (with_nul, 3, EFFNET_ERROR_FORMAT, "nul.txt|UTF-16LE");
}

static void
test_other_formats (TestFolder *folder, gconstpointer data)
{
  static const Refused rows[] = {
      /* JSON that is no list of names */
      {"[\"a\", \"b\"]", EFFNET_ERROR_MISMATCH, "labels.txt|2 classes|model has 3"},
      {"[0, 1, 2]", EFFNET_ERROR_FORMAT, "labels.txt:1:2 |class 0|a string"},
      {"{\"architecture\": \"b0\"}", EFFNET_ERROR_FORMAT, "labels.txt|architecture"},
      {"{0: 'a', 1: 'b', 2: 'c'", EFFNET_ERROR_FORMAT, "labels.txt:1:5: |JSON"},
      {"{0: 'a',\n1: 'b',\n1: 'c'}", EFFNET_ERROR_FORMAT, "labels.txt:3:|JSON|\"1\" twice"},
      {"[\"caf\\u00e9\", \"b\", \"c\",]", EFFNET_ERROR_FORMAT, "labels.txt:1:|JSON"},
      {"['caf\\xe9', 'b', 'c']", EFFNET_ERROR_FORMAT, "labels.txt:1:2: |JSON"},
      {"[[[['a']]]]", EFFNET_ERROR_FORMAT, "labels.txt:1:5: |JSON"},
      {"[\"a\",\n \"b\"", EFFNET_ERROR_FORMAT, "labels.txt:2:"},
      /* other things under the name */
      {"<!DOCTYPE html>\nb\nc", EFFNET_ERROR_FORMAT, "labels.txt|HTML"},
      {"\n <html>\nb", EFFNET_ERROR_FORMAT, "labels.txt|HTML"},
      {"<?xml version=\"1.0\"?>\nb\nc", EFFNET_ERROR_FORMAT, "labels.txt|XML"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3", EFFNET_ERROR_FORMAT,
       "labels.txt|Git LFS"},
      {"\x80\x04\x95", EFFNET_ERROR_FORMAT, "labels.txt|pickle"},
      {"PK\x03\x04", EFFNET_ERROR_FORMAT, "labels.txt|zip"},
      {"\xff\xd8\xff\xe0", EFFNET_ERROR_FORMAT, "labels.txt|JPEG"},
      {"\x89PNG\r\n\x1a\n", EFFNET_ERROR_FORMAT, "labels.txt|PNG"},
      {"%PDF-1.4\nb\nc", EFFNET_ERROR_FORMAT, "labels.txt|PDF"},
      {"item {\n id: 1\n}", EFFNET_ERROR_FORMAT, "labels.txt|protobuf"},
  };

  (void)data;
  assert_all_refused (folder, rows, G_N_ELEMENTS (rows));
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
  g_autofree char *wide = test_put (folder, "wide.txt", bytes, n - 1);
  assert_refused (wide, 1, EFFNET_ERROR_FORMAT, "wide.txt:1: |10000 bytes");
  g_autofree char *item = g_strdup_printf ("- a\n- %.70000s\n- c", bytes);
  g_autofree char *yaml = test_put_text (folder, "yaml.txt", item);
  assert_refused (yaml, 3, EFFNET_ERROR_FORMAT, "yaml.txt:2:|70000 bytes");
  g_autofree char *fits = test_put (folder, "fits.txt", bytes, 10000);
  g_auto (GStrv) labels = effnet_labels_load (fits, 1, NULL);
  g_assert_nonnull (labels);
  g_assert_cmpuint (strlen (labels[0]), ==, 10000);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/weights/labels/" name, TestFolder, NULL, test_folder_set_up, function,             \
              test_folder_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("tolerated", test_tolerated);
  ADD ("quoted", test_quoted);
  ADD ("names-with-numbers", test_names_with_numbers);
  ADD ("refused", test_refused);
  ADD ("other-formats", test_other_formats);
  ADD ("not-a-file", test_not_a_file);
  return g_test_run ();
}
