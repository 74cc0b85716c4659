/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file is MAGIC and records: number of features, scale, the features as bytes of -127 to 127
 * times the scale (1.3 kB for 1280 features; distances change by less than 0.01), and a checksum.
 * One more is appended in one write; with twice as many as are known it is replaced as a whole. */
#define _GNU_SOURCE /* O_CLOEXEC, ftruncate */
#include "teach/known.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define MAGIC    "EFFKNOW1"
#define ALIKE    0.3 /* distance of two frames a moment apart, at most */
#define FILE_MAX (16 << 20)

typedef struct {
  guint32 n;
  float scale;
} Head;

#define SUM_LENGTH 8 /* of the checksum: the start of a SHA-256 */

void
gst_effnet_known_init (GstEffnetKnown *known)
{
  *known =
      (GstEffnetKnown){.units = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_buffer_unref)};
}

void
gst_effnet_known_clear (GstEffnetKnown *known)
{
  g_ptr_array_unref (known->units);
  g_free (known->path);
}

void
gst_effnet_known_close (GstEffnetKnown *known)
{
  g_ptr_array_set_size (known->units, 0);
  known->next = known->n_in_file = 0;
  g_clear_pointer (&known->path, g_free);
}

/* ---- likeness -------------------------------------------------------------------------------- */

GstBuffer *
gst_effnet_known_normalise (GstBuffer *embedding)
{
  GstBuffer *unit = gst_buffer_copy_deep (embedding);
  double sum = 0.0, length;
  GstMapInfo map;
  gsize n;

  if (!gst_buffer_map (unit, &map, GST_MAP_READWRITE))
    return unit;
  n = map.size / sizeof (float);
  for (gsize i = 0; i < n; i++)
    sum += (double)((float *)(void *)map.data)[i] * (double)((float *)(void *)map.data)[i];
  length = sum > 0.0 ? sqrt (sum) : 1.0;
  for (gsize i = 0; i < n; i++)
    ((float *)(void *)map.data)[i] /= (float)length;
  gst_buffer_unmap (unit, &map);
  return unit;
}

/* sqrt (2 - 2 cos) of two of length 1; those of different networks are far apart. */
static double
distance_of (GstBuffer *a, GstBuffer *b)
{
  GstMapInfo one, other;
  double cosine = 0.0;

  if (gst_buffer_get_size (a) != gst_buffer_get_size (b))
    return 2.0;
  gst_buffer_map (a, &one, GST_MAP_READ);
  gst_buffer_map (b, &other, GST_MAP_READ);
  for (gsize i = 0; i < one.size / sizeof (float); i++)
    cosine += (double)((float *)(void *)one.data)[i] * (double)((float *)(void *)other.data)[i];
  gst_buffer_unmap (a, &one);
  gst_buffer_unmap (b, &other);
  return sqrt (MAX (2.0 - 2.0 * cosine, 0.0));
}

gboolean
gst_effnet_known_has_alike (const GstEffnetKnown *known, GstBuffer *unit)
{
  for (guint i = 0; i < known->units->len; i++) {
    if (distance_of (unit, g_ptr_array_index (known->units, i)) < ALIKE)
      return TRUE;
  }
  return FALSE;
}

static void
remember (GstEffnetKnown *known, GstBuffer *unit)
{
  if (known->units->len < GST_EFFNET_KNOWN_MAX) {
    g_ptr_array_add (known->units, unit);
    return;
  }
  gst_buffer_unref (g_ptr_array_index (known->units, known->next));
  g_ptr_array_index (known->units, known->next) = unit;
  known->next = (known->next + 1) % GST_EFFNET_KNOWN_MAX;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void
sum_of (gconstpointer bytes, gsize n, guint8 sum[SUM_LENGTH])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize length = sizeof digest;

  g_checksum_update (checksum, bytes, (gssize)n);
  g_checksum_get_digest (checksum, digest, &length);
  memcpy (sum, digest, SUM_LENGTH);
}

static void
put_record (GByteArray *to, GstBuffer *unit)
{
  guint start = to->len;
  Head head = {0};
  float most = 0.0f;
  guint8 sum[SUM_LENGTH];
  GstMapInfo map;

  gst_buffer_map (unit, &map, GST_MAP_READ);
  head.n = (guint32)(map.size / sizeof (float));
  for (guint32 i = 0; i < head.n; i++)
    most = MAX (most, fabsf (((float *)(void *)map.data)[i]));
  head.scale = most > 0.0f && isfinite (most) ? most / 127.0f : 1.0f;
  g_byte_array_append (to, (const guint8 *)&head, sizeof head);
  for (guint32 i = 0; i < head.n; i++) {
    float value = ((float *)(void *)map.data)[i] / head.scale;
    gint8 byte = isfinite (value) ? (gint8)lrintf (CLAMP (value, -127.0f, 127.0f)) : 0;

    g_byte_array_append (to, (const guint8 *)&byte, 1);
  }
  gst_buffer_unmap (unit, &map);
  sum_of (to->data + start, to->len - start, sum);
  g_byte_array_append (to, sum, sizeof sum);
}

/* Returns: the record's bytes; 0 when what is there is none */
static gsize
take_record (GstEffnetKnown *known, const guint8 *bytes, gsize left)
{
  guint8 sum[SUM_LENGTH];
  Head head;
  gsize size;
  float *values;

  if (left < sizeof head)
    return 0;
  memcpy (&head, bytes, sizeof head);
  size = sizeof head + (gsize)head.n + SUM_LENGTH;
  if (head.n == 0 || size > left || !isfinite (head.scale))
    return 0;
  sum_of (bytes, size - SUM_LENGTH, sum);
  if (memcmp (sum, bytes + size - SUM_LENGTH, SUM_LENGTH) != 0)
    return 0;
  values = g_new (float, head.n);
  for (guint32 i = 0; i < head.n; i++)
    values[i] = (float)(gint8)bytes[sizeof head + i] * head.scale;
  g_autoptr (GstBuffer) plain = gst_buffer_new_wrapped (values, head.n * sizeof (float));
  remember (known, gst_effnet_known_normalise (plain));
  known->n_in_file++;
  return size;
}

/* All that is known, the oldest first. */
static void
rewrite (GstEffnetKnown *known)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();

  g_byte_array_append (all, (const guint8 *)MAGIC, strlen (MAGIC));
  for (guint i = 0; i < known->units->len; i++)
    put_record (all, g_ptr_array_index (known->units, (known->next + i) % known->units->len));
  if (g_file_set_contents_full (known->path, (const char *)all->data, all->len,
                                G_FILE_SET_CONTENTS_CONSISTENT, 0666, NULL))
    known->n_in_file = known->units->len;
}

int
gst_effnet_append (const char *path, int flags, gconstpointer bytes, gsize size)
{
  int file = g_open (path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | flags, 0666), code = 0;
  gssize written;

  if (file < 0)
    return errno;
  written = write (file, bytes, size);
  if (written < 0)
    code = errno;
  else if (written < (gssize)size) /* the write has moved to its own end */
    code = ftruncate (file, lseek (file, 0, SEEK_CUR) - written) == 0 ? ENOSPC : errno;
  close (file);
  return code;
}

void
gst_effnet_known_open (GstEffnetKnown *known, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, GST_EFFNET_KNOWN_FILE, NULL);
  g_autofree char *bytes = NULL;
  gsize size = 0, at = strlen (MAGIC), taken;
  GStatBuf info;

  gst_effnet_known_close (known);
  if (g_lstat (path, &info) == 0) {
    if (!S_ISREG (info.st_mode) || info.st_size > FILE_MAX ||
        !g_file_get_contents (path, &bytes, &size, NULL) || size < at ||
        memcmp (bytes, MAGIC, at) != 0)
      return;
    while ((taken = take_record (known, (const guint8 *)bytes + at, size - at)) > 0)
      at += taken;
  }
  known->path = g_steal_pointer (&path);
  if (at < size)
    rewrite (known);
}

void
gst_effnet_known_add (GstEffnetKnown *known, GstBuffer *unit)
{
  g_autoptr (GByteArray) record = g_byte_array_new ();

  remember (known, unit);
  if (known->path == NULL)
    return;
  put_record (record, unit);
  if (known->n_in_file == 0 || known->n_in_file >= 2 * GST_EFFNET_KNOWN_MAX)
    rewrite (known);
  else if (gst_effnet_append (known->path, O_NOFOLLOW, record->data, record->len) == 0)
    known->n_in_file++;
  else
    rewrite (known);
}
