/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/jpegs.h"

#include <string.h>

enum { START = 0xd8, END = 0xd9, SCAN = 0xda, APP2 = 0xe2 };

/* One frame of the bytes, as far as it was looked at. */
typedef struct {
  gsize at;         /* the marker, or the data of the scan, that is looked at next */
  gsize end;        /* behind the end marker; 0: it has not come */
  gboolean in_scan; /* @at is */
  gboolean indexed; /* it says where other pictures are */
  guint32 size;     /* height and width; 0: they have not come */
} Frame;

struct _Jpegs {
  GByteArray *bytes; /* from the first frame that was not taken on */
  Frame first, second;
  gboolean many;
};

static gboolean
is_start (const GByteArray *bytes, gsize at)
{
  return at + 2 <= bytes->len && bytes->data[at] == 0xff && bytes->data[at + 1] == START;
}

/* A marker that no length follows. */
static gboolean
is_alone (guint8 marker)
{
  return marker == 0x01 || (marker >= 0xd0 && marker <= START);
}

static gboolean
is_size (guint8 marker)
{
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static guint32
number (const guint8 *data)
{
  return (guint32)data[0] << 8 | data[1];
}

/* Past the data of a scan. FALSE: its end has not come. */
static gboolean
pass_scan (Frame *frame, const GByteArray *bytes)
{
  while (frame->at + 2 <= bytes->len) {
    const guint8 *found = memchr (bytes->data + frame->at, 0xff, bytes->len - 1 - frame->at);

    frame->at = found != NULL ? (gsize)(found - bytes->data) : bytes->len - 1;
    if (found == NULL)
      return FALSE;
    if (found[1] != 0 && found[1] != 0xff && (found[1] < 0xd0 || found[1] >= START)) {
      frame->in_scan = FALSE;
      return TRUE;
    }
    frame->at += found[1] == 0xff ? 1 : 2;
  }
  return FALSE;
}

/* Past one marker and what belongs to it. FALSE: not all of it has come, or it was the last. */
static gboolean
pass_marker (Frame *frame, const GByteArray *bytes)
{
  const guint8 *data = bytes->data + frame->at;
  gsize left = bytes->len - MIN (frame->at, bytes->len), n;

  if (left < 2)
    return FALSE;
  if (data[0] != 0xff || data[1] == 0xff) {
    frame->at++;
    return TRUE;
  }
  if (data[1] == END) {
    frame->end = frame->at + 2;
    return FALSE;
  }
  if (is_alone (data[1])) {
    frame->at += 2;
    return TRUE;
  }
  n = left >= 4 ? 2 + number (data + 2) : 4;
  if (left < n)
    return FALSE;
  if (is_size (data[1]) && n >= 9)
    frame->size = number (data + 5) << 16 | number (data + 7);
  frame->indexed = frame->indexed || (data[1] == APP2 && n >= 8 && !memcmp (data + 4, "MPF", 4));
  frame->in_scan = data[1] == SCAN;
  frame->at += MAX (n, 4);
  return TRUE;
}

static void
look (Frame *frame, const GByteArray *bytes)
{
  while (frame->end == 0)
    if (!(frame->in_scan ? pass_scan (frame, bytes) : pass_marker (frame, bytes)))
      return;
}

gboolean
jpegs_are_named (const char *name)
{
  const char *dot = strrchr (name, '.');
  return dot != NULL && (!g_ascii_strcasecmp (dot, ".mjpg") || !g_ascii_strcasecmp (dot, ".mjpeg"));
}

Jpegs *
jpegs_new (void)
{
  Jpegs *jpegs = g_new0 (Jpegs, 1);

  jpegs->bytes = g_byte_array_new ();
  return jpegs;
}

void
jpegs_free (Jpegs *jpegs)
{
  if (jpegs == NULL)
    return;
  g_byte_array_unref (jpegs->bytes);
  g_free (jpegs);
}

gboolean
jpegs_add (Jpegs *jpegs, const guint8 *data, gsize size, gsize most)
{
  Frame *first = &jpegs->first, *second = &jpegs->second;

  if (size > most - MIN (jpegs->bytes->len, most))
    return FALSE;
  g_byte_array_append (jpegs->bytes, data, (guint)size);
  if (is_start (jpegs->bytes, 0))
    look (first, jpegs->bytes);
  if (!jpegs->many && first->end > 0 && !first->indexed && is_start (jpegs->bytes, first->end)) {
    second->at = MAX (second->at, first->end);
    look (second, jpegs->bytes);
    jpegs->many = first->size != 0 && second->size == first->size && !second->indexed;
  }
  return TRUE;
}

gboolean
jpegs_are_many (const Jpegs *jpegs)
{
  return jpegs->many;
}

GBytes *
jpegs_next (Jpegs *jpegs)
{
  GByteArray *bytes = jpegs->bytes;
  GBytes *frame;
  guint between = 0;

  while (between + 2 <= bytes->len && !is_start (bytes, between))
    between++;
  if (between > 0)
    g_byte_array_remove_range (bytes, 0, between);
  if (!is_start (bytes, 0))
    return NULL;
  look (&jpegs->first, bytes);
  if (jpegs->first.end == 0)
    return NULL;
  frame = g_bytes_new (bytes->data, jpegs->first.end);
  g_byte_array_remove_range (bytes, 0, (guint)jpegs->first.end);
  jpegs->first = (Frame){0};
  return frame;
}

GBytes *
jpegs_steal (Jpegs *jpegs)
{
  GBytes *bytes = g_byte_array_free_to_bytes (jpegs->bytes);

  g_free (jpegs);
  return bytes;
}
