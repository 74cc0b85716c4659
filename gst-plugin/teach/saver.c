/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A picture first, then its line: a picture without a line is sound, a line without a picture is
 * not. */
#define _GNU_SOURCE /* O_CLOEXEC, lstat */
#include "teach/saver.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#define QUALITY     90                /* libjpeg's */
#define RETRY_AFTER (10 * GST_SECOND) /* a failure */

void
gst_effnet_example_free (GstEffnetExample *example)
{
  g_clear_pointer (&example->picture, gst_effnet_picture_unref);
  g_clear_pointer (&example->input, g_bytes_unref);
  gst_clear_buffer (&example->embedding);
  g_free (example->label);
  g_free (example->other);
  g_free (example->region);
  g_free (example->head);
  g_free (example->element);
  g_strfreev (example->labels);
  g_free (example->scores);
  g_free (example);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Returns: (transfer full): a name for the folder of a label */
static char *
folder_of (const char *label)
{
  char *name = g_strdup (*label != '\0' ? label : "none");

  for (char *c = name; *c != '\0'; c++) {
    if (*c == G_DIR_SEPARATOR || g_ascii_iscntrl (*c) || (c == name && *c == '.'))
      *c = '_';
  }
  return name;
}

static const char *const reason_names[] = {"low-margin", "disagreement", "unknown", "label-change"};

/* Returns: (transfer full): as 20260131T120000.123456Z-low-margin.jpg */
static char *
name_of (const GstEffnetExample *example)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (example->time / G_USEC_PER_SEC);
  g_autofree char *second = g_date_time_format (time, "%Y%m%dT%H%M%S");
  guint first = 0;

  while (first < G_N_ELEMENTS (reason_names) - 1 && !(example->reasons & 1u << first))
    first++;
  return g_strdup_printf ("%s.%06uZ-%s.jpg", second, (guint)(example->time % G_USEC_PER_SEC),
                          reason_names[first]);
}

static void
add_member (JsonBuilder *b, const char *name, const char *value)
{
  if (value == NULL)
    return;
  json_builder_set_member_name (b, name);
  json_builder_add_string_value (b, value);
}

/* Returns: (transfer full): the line of the index, with its end */
static char *
line_of (const GstEffnetExample *example, const char *file)
{
  g_autoptr (JsonBuilder) b = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *json = NULL;

  json_builder_begin_object (b);
  add_member (b, "file", file);
  add_member (b, "label", example->label);
  json_builder_set_member_name (b, "reasons");
  json_builder_begin_array (b);
  for (guint i = 0; i < G_N_ELEMENTS (reason_names); i++) {
    if (example->reasons & 1u << i)
      json_builder_add_string_value (b, reason_names[i]);
  }
  json_builder_end_array (b);
  json_builder_set_member_name (b, "margin");
  json_builder_add_double_value (b, example->margin);
  json_builder_set_member_name (b, "labels");
  json_builder_begin_array (b);
  for (guint i = 0; example->labels[i] != NULL; i++)
    json_builder_add_string_value (b, example->labels[i]);
  json_builder_end_array (b);
  json_builder_set_member_name (b, "scores");
  json_builder_begin_array (b);
  for (guint i = 0; example->labels[i] != NULL; i++)
    json_builder_add_double_value (b, example->scores[i]);
  json_builder_end_array (b);
  add_member (b, "shadow-label", example->other);
  add_member (b, "region", example->region);
  add_member (b, "head", example->head);
  add_member (b, "element", example->element);
  if (GST_CLOCK_TIME_IS_VALID (example->running_time)) {
    json_builder_set_member_name (b, "running-time");
    json_builder_add_int_value (b, (gint64)example->running_time);
  }
  json_builder_end_object (b);
  root = json_builder_get_root (b);
  json = json_to_string (root, FALSE);
  return g_strconcat (json, "\n", NULL);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Bytes of the files in @folder, and in the folders of it. */
static guint64
measure (const char *folder, guint depth)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  guint64 bytes = 0;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    GStatBuf info;

    if (g_lstat (path, &info) != 0)
      continue;
    if (S_ISREG (info.st_mode))
      bytes += (guint64)info.st_size;
    else if (S_ISDIR (info.st_mode) && depth > 0)
      bytes += measure (path, depth - 1);
  }
  g_clear_pointer (&dir, g_dir_close);
  return bytes;
}

static gboolean
fail (GError **error, const char *path, int code)
{
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "save-examples: %s cannot be written: %s",
               path, g_strerror (code));
  return FALSE;
}

static gboolean
append_line (const char *folder, const char *line, GError **error)
{
  g_autofree char *path = g_build_filename (folder, GST_EFFNET_SAVER_INDEX, NULL);
  int code = gst_effnet_append (path, O_CREAT, line, strlen (line));

  return code == 0 || fail (error, path, code);
}

static gboolean
write_example (const char *folder, const char *file, const char *line, GBytes *jpeg, GError **error)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autofree char *directory = g_path_get_dirname (path);
  g_autoptr (GError) failure = NULL;
  gsize size;
  gconstpointer data = g_bytes_get_data (jpeg, &size);

  if (g_mkdir_with_parents (directory, 0777) != 0)
    return fail (error, directory, errno);
  if (!g_file_set_contents_full (path, data, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT, 0666,
                                 &failure)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "save-examples: %s", failure->message);
    return FALSE;
  }
  return append_line (folder, line, error);
}

static GBytes *
jpeg_of (GstEffnetExample *example, GError **error)
{
  if (example->input != NULL)
    return effnet_encode_jpeg (g_bytes_get_data (example->input, NULL), example->width,
                               example->height, QUALITY, error);
  return gst_effnet_picture_encode (example->picture,
                                    example->part.width > 0 ? &example->part : NULL,
                                    GST_EFFNET_KEPT_SIDE, error);
}

/* ---- worker ---------------------------------------------------------------------------------- */

/* FALSE when @size more bytes are too many, of which the owner hears once. */
static gboolean
has_room (GstEffnetSaver *saver, guint64 size)
{
  g_autoptr (GError) error = NULL;
  gboolean has_room;

  g_mutex_lock (&saver->lock);
  has_room = saver->max_bytes == 0 || saver->stats.bytes + size <= saver->max_bytes;
  if (!has_room) {
    saver->is_full = TRUE;
    saver->stats.dropped++;
    g_set_error (&error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "save-examples: %s has %" G_GUINT64_FORMAT " bytes, save-max-bytes is "
                 "%" G_GUINT64_FORMAT ": no more examples are saved. Sort and move them, or allow "
                 "more",
                 saver->folder, saver->stats.bytes, saver->max_bytes);
  }
  g_mutex_unlock (&saver->lock);
  if (error != NULL)
    saver->warn (saver->owner, error);
  return has_room;
}

static void
note_failure (GstEffnetSaver *saver, const GError *error)
{
  g_mutex_lock (&saver->lock);
  saver->stats.failed++;
  saver->next = gst_util_get_timestamp () + RETRY_AFTER;
  g_mutex_unlock (&saver->lock);
  if (!saver->has_warned)
    saver->warn (saver->owner, error);
  saver->has_warned = TRUE;
}

/* FALSE: it is not there, and another like it may come. */
static gboolean
save (GstEffnetSaver *saver, GstEffnetExample *example)
{
  g_autofree char *class = folder_of (example->label);
  g_autofree char *name = name_of (example);
  g_autofree char *file = g_build_filename (class, name, NULL);
  g_autofree char *line = line_of (example, file);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) jpeg = jpeg_of (example, &error);
  guint64 size = jpeg != NULL ? g_bytes_get_size (jpeg) + strlen (line) : 0;

  if (jpeg != NULL && !has_room (saver, size))
    return FALSE;
  if (jpeg == NULL || !write_example (saver->folder, file, line, jpeg, &error)) {
    note_failure (saver, error);
    return FALSE;
  }
  saver->has_warned = FALSE;
  g_mutex_lock (&saver->lock);
  saver->stats.saved++;
  saver->stats.bytes += size;
  g_mutex_unlock (&saver->lock);
  return TRUE;
}

static void
run (gpointer task, gpointer owner)
{
  GstEffnetSaver *saver = owner;
  GstEffnetExample *example = task;
  g_autoptr (GstBuffer) unit = gst_effnet_known_normalise (example->embedding);

  if (!saver->is_measured) {
    guint64 bytes = measure (saver->folder, 1);

    g_mutex_lock (&saver->lock);
    saver->stats.bytes = bytes;
    g_mutex_unlock (&saver->lock);
    saver->is_measured = TRUE;
    gst_effnet_known_open (&saver->known, saver->folder);
  }
  if (gst_effnet_known_has_alike (&saver->known, unit)) {
    g_mutex_lock (&saver->lock);
    saver->stats.duplicates++;
    g_mutex_unlock (&saver->lock);
  } else if (save (saver, example)) {
    gst_effnet_known_add (&saver->known, g_steal_pointer (&unit));
  }
  gst_effnet_example_free (example);
}

/* ---- life ------------------------------------------------------------------------------------ */

void
gst_effnet_saver_init (GstEffnetSaver *saver, void (*warn) (gpointer owner, const GError *error),
                       gpointer owner)
{
  *saver = (GstEffnetSaver){.owner = owner, .warn = warn};
  g_mutex_init (&saver->control);
  g_mutex_init (&saver->lock);
  gst_effnet_known_init (&saver->known);
}

void
gst_effnet_saver_clear (GstEffnetSaver *saver)
{
  gst_effnet_saver_close (saver);
  g_free (saver->folder);
  gst_effnet_known_clear (&saver->known);
  g_mutex_clear (&saver->lock);
  g_mutex_clear (&saver->control);
}

/* With the lock `control`. */
static void
stop_worker (GstEffnetSaver *saver)
{
  GstEffnetWorker *worker;

  g_mutex_lock (&saver->lock);
  worker = g_steal_pointer (&saver->worker);
  g_mutex_unlock (&saver->lock);
  g_clear_pointer (&worker, gst_effnet_worker_free);
  gst_effnet_known_close (&saver->known);
}

gboolean
gst_effnet_saver_open (GstEffnetSaver *saver, const char *folder, GError **error)
{
  GError *failure = NULL;
  GstEffnetWorker *worker;

  g_mutex_lock (&saver->control);
  stop_worker (saver);
  g_mutex_lock (&saver->lock);
  g_free (saver->folder);
  saver->folder = g_strdup (folder);
  saver->stats = (GstEffnetSaverStats){0};
  saver->is_full = saver->is_measured = saver->has_warned = FALSE;
  saver->next = 0;
  g_mutex_unlock (&saver->lock);
  worker = gst_effnet_worker_new ("effnet-save", run, saver, &failure);
  g_mutex_lock (&saver->lock);
  saver->worker = worker;
  g_mutex_unlock (&saver->lock);
  g_mutex_unlock (&saver->control);
  if (worker != NULL)
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "save-examples %s needs a thread: %s", folder,
               failure->message);
  g_error_free (failure);
  return FALSE;
}

void
gst_effnet_saver_close (GstEffnetSaver *saver)
{
  g_mutex_lock (&saver->control);
  stop_worker (saver);
  g_mutex_unlock (&saver->control);
}

void
gst_effnet_saver_set_limits (GstEffnetSaver *saver, guint64 max_bytes, GstClockTime interval)
{
  g_mutex_lock (&saver->lock);
  if (saver->max_bytes != max_bytes)
    saver->is_full = FALSE;
  saver->max_bytes = max_bytes;
  saver->interval = interval;
  g_mutex_unlock (&saver->lock);
}

gboolean
gst_effnet_saver_is_due (GstEffnetSaver *saver)
{
  gboolean is_due;

  g_mutex_lock (&saver->lock);
  is_due = saver->worker != NULL && !saver->is_full && gst_util_get_timestamp () >= saver->next;
  g_mutex_unlock (&saver->lock);
  return is_due;
}

void
gst_effnet_saver_offer (GstEffnetSaver *saver, GstEffnetExample *example)
{
  GstClockTime now = gst_util_get_timestamp ();

  g_mutex_lock (&saver->lock);
  if (saver->worker != NULL && !saver->is_full && now >= saver->next) {
    if (gst_effnet_worker_get_waiting (saver->worker) < GST_EFFNET_SAVER_WAITING) {
      gst_effnet_worker_push (saver->worker, g_steal_pointer (&example));
      saver->next = now + saver->interval;
    } else {
      saver->stats.dropped++;
    }
  }
  g_mutex_unlock (&saver->lock);
  g_clear_pointer (&example, gst_effnet_example_free);
}

GstEffnetSaverStats
gst_effnet_saver_get_stats (GstEffnetSaver *saver)
{
  GstEffnetSaverStats stats;

  g_mutex_lock (&saver->lock);
  stats = saver->stats;
  g_mutex_unlock (&saver->lock);
  return stats;
}
