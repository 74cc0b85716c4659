/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/sniff.h"

#include <glib.h>
#include <string.h>

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

static const char fetch_again[] = "`git lfs pull` or models/fetch gets the file itself";
static const char convert[] =
    "with PyTorch `python3 -c \"import sys, torch, safetensors.torch as s; "
    "s.save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])\" FILE "
    "model.safetensors` converts a state dict";
static const char page[] = "the download went wrong";

/* clang-format off */
static const Signature signatures[] = {
  AT (0, "version https://git-lfs", "a Git LFS pointer", fetch_again),
  AT (0, "PK\3\4", "a zip archive, as PyTorch saves checkpoints", convert),
  AT (0, "PK\5\6", "an empty zip archive", NULL),
  AT (0, "\x80\2", "a Python pickle, as PyTorch saved checkpoints before", convert),
  AT (0, "\x80\3", "a Python pickle", convert),
  AT (0, "\x80\4", "a Python pickle", convert),
  AT (0, "\x80\5", "a Python pickle", convert),
  AT (0, "\x89HDF\r\n", "an HDF5 file, as Keras saves models", NULL),
  AT (4, "TFL3", "a TensorFlow Lite model", NULL),
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
  AT (257, "ustar", "a tar archive", "unpack it"),
  AT (0, "\x7f" "ELF", "a program", NULL),
  AT (0, "GGUF", "a GGUF model", NULL),
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
  *advice = page;
  return is_web_page (bytes, MIN (n, EFFNET_SNIFF_BYTES)) ? "an HTML or XML page" : NULL;
}
