/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * LZW as GIF has it (CompuServe's GIF89a specification, appendix F): of each code only how many
 * pixels it stands for. */
#include "cli/gif.h"

#define CODES    4096
#define BITS_MAX 12

typedef struct {
  const Bytes *bytes;
  gsize at, left; /* the next byte, and how many are left of its block */
  guint32 bits;   /* read, and not used yet */
  unsigned n_bits;
} Codes;

/* -1: the blocks have ended. */
static int
next_code (Codes *codes, unsigned width)
{
  while (codes->n_bits < width) {
    if (codes->left == 0) {
      codes->left = (gsize)bytes_number (codes->bytes, codes->at++, 1);
      if (codes->left == 0)
        return -1;
    }
    if (codes->at >= codes->bytes->size)
      return -1;
    codes->bits |= (guint32)codes->bytes->data[codes->at++] << codes->n_bits;
    codes->n_bits += 8;
    codes->left--;
  }
  int code = (int)(codes->bits & ((1u << width) - 1));
  codes->bits >>= width;
  codes->n_bits -= width;
  return code;
}

gboolean
gif_is_whole (const Bytes *bytes, gsize at, guint64 n)
{
  Codes codes = {.bytes = bytes, .at = at + 1};
  unsigned width = (unsigned)bytes_number (bytes, at, 1), bits = width + 1, next = 0;
  int clear = 1 << MIN (width, BITS_MAX), last = -1, code;
  guint32 pixels[CODES]; /* of each code */

  if (width == 0 || width >= BITS_MAX)
    return FALSE;
  for (int i = 0; i < clear; i++)
    pixels[i] = 1;
  next = (unsigned)clear + 2;
  while (n > 0) {
    code = next_code (&codes, bits);
    if (code == clear) {
      bits = width + 1;
      next = (unsigned)clear + 2;
      last = -1;
      continue;
    }
    if (code < 0 || code == clear + 1 || (last < 0 && code > clear) ||
        (unsigned)code > MIN (next, CODES - 1))
      return FALSE;
    if (last >= 0 && next < CODES) {
      pixels[next++] = pixels[last] + 1;
      bits += next == 1u << bits && bits < BITS_MAX;
    }
    n -= MIN (n, pixels[code]);
    last = code;
  }
  return TRUE;
}
