/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Numbers and texts in the bytes of a picture; beyond the end there are zeros. Private to
 * picture*.c and gif.c. */
#ifndef EFFNET_CLI_PICTURE_BYTES_H
#define EFFNET_CLI_PICTURE_BYTES_H

#include <glib.h>
#include <string.h>

typedef struct {
  const guint8 *data;
  gsize size;
  gboolean little_endian;
} Bytes;

/* @n bytes at @at as a number; 0 beyond the end. */
static inline guint64
bytes_number (const Bytes *bytes, gsize at, unsigned n)
{
  guint64 value = 0;

  if (at > bytes->size || n > bytes->size - at)
    return 0;
  for (unsigned i = 0; i < n; i++)
    value = value << 8 | bytes->data[at + (bytes->little_endian ? n - 1 - i : i)];
  return value;
}

static inline gboolean
bytes_hold (const Bytes *bytes, gsize at, const char *text)
{
  gsize n = strlen (text);

  return at <= bytes->size && n <= bytes->size - at && memcmp (bytes->data + at, text, n) == 0;
}

static inline gboolean
bytes_end_before (const Bytes *bytes, guint64 at, guint64 n)
{
  return at > bytes->size || n > bytes->size - at;
}

#endif
