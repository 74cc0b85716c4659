/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _POSIX_C_SOURCE 200809L
#include "weights/sniff.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "weights/file.h"

typedef struct {
  size_t at; /* bytes from the start */
  const char *bytes;
  size_t n;
  const char *what, *advice;
} Signature;

#define AT(at, bytes, what, advice)                                                                \
  {                                                                                                \
    at, bytes, sizeof (bytes) - 1, what, advice                                                    \
  }

static const char fetch_again[] = "`git lfs pull` or `effnet fetch` gets the file itself";
static const char convert[] = "`effnet convert FILE --output DIR` makes a model folder of it";
static const char no_converter[] =
    "there is no converter for it: save the same network with timm or PyTorch as safetensors, or "
    "`effnet fetch` a published one";
static const char page[] = "the download went wrong";

/* clang-format off */
static const Signature signatures[] = {
  AT (0, "version https://git-lfs", "a Git LFS pointer", fetch_again),
  AT (0, "PK\5\6", "an empty zip archive", NULL),
  AT (0, "\x80\2\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.", "a PyTorch checkpoint as before 1.6",
      convert),
  AT (0, "\x80\2", "a Python pickle, as PyTorch saved checkpoints before 1.6", convert),
  AT (0, "\x80\3", "a Python pickle", convert),
  AT (0, "\x80\4", "a Python pickle", convert),
  AT (0, "\x80\5", "a Python pickle", convert),
  AT (0, "\x89HDF\r\n", "an HDF5 file, as Keras saves models", convert),
  AT (4, "TFL3", "a TensorFlow Lite model", convert),
  AT (0, "\x08\1\x12", "a TensorFlow SavedModel", convert),
  AT (0, "\x81\xa6params", "a Flax checkpoint", no_converter),
  AT (0, "<net ", "an OpenVINO network", no_converter),
  AT (0, "7767517\n", "an ncnn network", no_converter),
  AT (0, "\x93NUMPY", "a NumPy array", NULL),
  AT (0, "\xff\xd8\xff", "a JPEG picture", NULL),
  AT (0, "\x89PNG", "a PNG picture", NULL),
  AT (0, "GIF8", "a GIF picture", NULL),
  AT (0, "RIFF", "a RIFF file (WebP, AVI, WAV)", NULL),
  AT (4, "ftyp", "an MP4 or HEIF file", NULL),
  AT (0, "%PDF", "a PDF file", NULL),
  AT (0, "\x1f\x8b", "a gzip archive", "unpack it"),
  AT (0, "\xfd" "7zXZ", "an xz archive", "unpack it"),
  AT (0, "\x28\xb5\x2f\xfd", "a zstd archive", "unpack it"),
  AT (0, "BZh", "a bzip2 archive", "unpack it"),
  AT (0, "7z\xbc\xaf\x27\x1c", "a 7-zip archive", "unpack it"),
  AT (0, "Rar!\x1a\7", "a RAR archive", "unpack it"),
  AT (257, "ustar", "a tar archive", "unpack it"),
  AT (0, "\x7f" "ELF", "a program", NULL),
  AT (0, "GGUF", "a GGUF model", no_converter),
  AT (0, "SQLite format 3", "an SQLite database", NULL),
  AT (0, "{\\rtf", "an RTF document", "save it as plain text"),
  AT (0, "item {", "a label map in protobuf text", NULL),
};
/* clang-format on */

static gboolean
is_web_page (const char *text, size_t n)
{
  static const char *const starts[] = {"<!doctype", "<html", "<?xml", "<head", "<body", "<svg"};

  if (n >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
    text += 3, n -= 3;
  while (n > 0 && g_ascii_isspace (*text))
    text++, n--;
  for (size_t i = 0; i < G_N_ELEMENTS (starts); i++) {
    size_t length = strlen (starts[i]);
    if (n >= length && g_ascii_strncasecmp (text, starts[i], length) == 0)
      return TRUE;
  }
  return FALSE;
}

/* By the name of its first file: a local header has 30 bytes, the name's length at 26. */
static const char *
zip_kind (const char *bytes, size_t n, const char **advice)
{
  size_t length = n > 30 ? (size_t)(guint8)bytes[26] + 256 * (size_t)(guint8)bytes[27] : 0;
  g_autofree char *name = g_strndup (bytes + MIN (n, 30), MIN (length, n - MIN (n, 30)));

  *advice = convert;
  if (*name == '\0')
    return "a zip archive, as PyTorch saves checkpoints";
  if (g_str_has_suffix (name, "/data.pkl") || g_str_has_suffix (name, "/.format_version"))
    return "a PyTorch checkpoint (a zip archive)";
  if (strcmp (name, "metadata.json") == 0 || strcmp (name, "config.json") == 0)
    return "a Keras model (a zip archive)";
  *advice = g_str_has_suffix (name, ".npy") ? no_converter : "unpack it";
  return g_str_has_suffix (name, ".npy") ? "a NumPy archive (npz)" : "a zip archive";
}

/* Protocol buffers: field 1, the version from 3 on, then field 2, who made it. */
static gboolean
is_onnx (const char *bytes, size_t n)
{
  return n > 5 && bytes[0] == 8 && bytes[1] >= 3 && bytes[1] < 32 && bytes[2] == 0x12 &&
         bytes[3] > 0 && g_ascii_isprint (bytes[4]);
}

/* Protocol buffers: field 1, a node whose own fields 1 and 2 are its name and what it does. */
static gboolean
is_graph (const char *bytes, size_t n)
{
  size_t at = 1, length;

  if (n < 16 || bytes[0] != 0x0a)
    return FALSE;
  while (at < 6 && (guint8)bytes[at] >= 0x80) /* the node's length */
    at++;
  length = (guint8)bytes[at + 2];
  return bytes[at + 1] == 0x0a && length > 0 && length < 0x80 && n > at + 3 + length &&
         g_ascii_isalnum (bytes[at + 3]) && bytes[at + 3 + length] == 0x12;
}

const char *
effnet_sniff (const void *bytes, size_t n, const char **advice)
{
  for (size_t i = 0; i < G_N_ELEMENTS (signatures); i++) {
    const Signature *s = &signatures[i];
    if (n < s->at + s->n || memcmp ((const char *)bytes + s->at, s->bytes, s->n) != 0)
      continue;
    *advice = s->advice;
    return s->what;
  }
  if (n >= 4 && memcmp (bytes, "PK\3\4", 4) == 0)
    return zip_kind (bytes, n, advice);
  *advice = convert;
  if (is_onnx (bytes, n))
    return "an ONNX model";
  if (is_graph (bytes, n))
    return "a TensorFlow graph";
  *advice = page;
  return is_web_page (bytes, MIN (n, EFFNET_SNIFF_BYTES)) ? "an HTML or XML page" : NULL;
}

const char *
effnet_sniff_data (const void *bytes, size_t n, const char **advice)
{
  const char *what = effnet_sniff (bytes, n, advice), *text = bytes, *end;

  if (what != NULL)
    return what;
  *advice = page;
  if (n == 0)
    return "empty";
  for (size_t i = 0; i < n; i++)
    if ((guint8)text[i] < ' ' && !g_ascii_isspace (text[i]))
      return NULL;
  if (!g_utf8_validate (text, (gssize)n, &end) && n - (size_t)(end - text) > 3)
    return NULL;
  while (n > 1 && g_ascii_isspace (*text))
    text++, n--;
  return *text == '{' || *text == '[' ? "JSON, as a server says what went wrong" : "plain text";
}

const char *
effnet_sniff_file (const char *path, const char **advice)
{
  char head[EFFNET_SNIFF_BYTES];
  int fd = effnet_file_open (path, "File", NULL);
  gssize n = fd >= 0 ? pread (fd, head, sizeof head, 0) : -1;

  if (fd >= 0)
    close (fd);
  return n >= 0 ? effnet_sniff_data (head, (size_t)n, advice) : NULL;
}
