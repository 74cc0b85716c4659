/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names what is no picture: files that people hand over in place of one, told by their first bytes.
 */
#include "cli/picture.h"

#include <string.h>

const char *
picture_other (const guint8 *data, gsize size)
{
  static const struct {
    const char *bytes;
    gsize n;
    const char *what;
  } others[] = {
      {"%PDF", 4, "a PDF document"},
      {"PK\3\4", 4, "a zip archive, or a document that is one"},
      {"\x1f\x8b", 2, "a gzip archive"},
      {"Rar!", 4, "a RAR archive"},
      {"7z\xbc\xaf", 4, "a 7-zip archive"},
      {"BZh", 3, "a bzip2 archive"},
      {"\xfd"
       "7zXZ",
       5, "an xz archive"},
      {"\x28\xb5\x2f\xfd", 4, "a Zstandard archive"},
      {"\x80\2", 2, "a Python pickle"},
      {"\x93NUMPY", 6, "a NumPy array"},
      {"\x89HDF", 4, "an HDF5 file"},
      {"\x7f"
       "ELF",
       4, "a program"},
      {"\xd0\xcf\x11\xe0", 4, "an Office document"},
      {"SQLite format 3", 15, "an SQLite database"},
      {"version https://git-lfs", 23, "a Git LFS pointer: `git lfs pull` gets the file itself"}};

  if (size == 0)
    return "empty";
  if (size > 262 && memcmp (data + 257, "ustar", 5) == 0)
    return "a tar archive";
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (size >= others[i].n && memcmp (data, others[i].bytes, others[i].n) == 0)
      return others[i].what;
  return NULL;
}
