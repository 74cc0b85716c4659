/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pictures to train on, what their classes may be called, and what belongs together by name. */
#include "cli/train.h"

#include "cli/source.h"

#include <string.h>

#define FEWEST_DIGITS 3 /* of the number in the name of a clip's frame */

static void
item_free (gpointer data)
{
  TrainItem *item = data;

  g_free (item->path);
  g_strfreev (item->labels);
  g_free (item->sequence);
  g_free (item);
}

TrainList *
train_list_new (void)
{
  TrainList *list = g_new0 (TrainList, 1);

  list->items = g_ptr_array_new_with_free_func (item_free);
  list->labels = g_ptr_array_new_with_free_func (g_free);
  return list;
}

void
train_list_free (TrainList *list)
{
  if (list == NULL)
    return;
  g_ptr_array_unref (list->items);
  g_ptr_array_unref (list->labels);
  g_free (list);
}

static gboolean
is_clip_name (const char *path)
{
  static const char *const endings[] = {
      "mp4", "m4v", "mov", "mkv", "webm", "avi",   "ts",   "mts",  "m2ts", "mpg", "mpeg", "ogv",
      "ogg", "wmv", "flv", "3gp", "mjpg", "mjpeg", "h264", "h265", "ivf",  "y4m", NULL};
  const char *dot = strrchr (path, '.');
  g_autofree char *lower = dot != NULL ? g_ascii_strdown (dot + 1, -1) : NULL;

  return lower != NULL && g_strv_contains (endings, lower);
}

/* "FOLDER/gate_" of "FOLDER/gate_0017.jpg": what frames of one clip have in common. Cameras number
 * all their pictures, whatever they show. NULL for another name. */
static char *
sequence_of (const char *path)
{
  static const char *const cameras[] = {"img",   "image", "dsc",     "dscn", "dscf", "pxl",
                                        "photo", "pic",   "picture", "mvi",  "p",    "cimg",
                                        "sam",   "wp",    "",        NULL};
  const char *slash = strrchr (path, '/'), *dot = strrchr (path, '.');
  const char *name = slash != NULL ? slash + 1 : path, *digits;
  g_autofree char *stem = NULL, *lower = NULL;

  if (dot == NULL || dot < name)
    dot = path + strlen (path);
  for (digits = dot; digits > name && g_ascii_isdigit (digits[-1]); digits--)
    ;
  if (dot - digits < FEWEST_DIGITS)
    return NULL;
  stem = g_strndup (name, (gsize)(digits - name));
  lower = g_ascii_strdown (stem, -1);
  g_strdelimit (lower, "_-. ", '\0'); /* up to the first of them */
  if (g_strv_contains (cameras, lower))
    return NULL;
  return g_strndup (path, (gsize)(digits - path));
}

void
train_list_add (TrainList *list, char *path, char **labels)
{
  TrainItem *item = g_new0 (TrainItem, 1);

  item->path = path;
  item->labels = labels;
  item->is_clip = is_clip_name (path);
  item->sequence = item->is_clip ? NULL : sequence_of (path);
  g_ptr_array_add (list->items, item);
}

gboolean
train_check_label (const char *label, GError **error)
{
  const char *why = NULL;

  if (!g_utf8_validate (label, -1, NULL))
    why = "is not valid UTF-8";
  else if (*label == '\0')
    why = "is empty";
  else if (strchr (label, '/') != NULL)
    why = "holds a slash";
  for (const char *c = label; why == NULL && *c != '\0'; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c)))
      why = "holds a control character";
  if (why == NULL)
    return TRUE;
  g_autofree char *shown = cli_printable (label, 100);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "the class name '%s' %s; give the class another name", shown, why);
  return FALSE;
}

void
train_list_sort (TrainList *list)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < list->items->len; i++) {
    const TrainItem *item = list->items->pdata[i];

    for (char **label = item->labels; label != NULL && *label != NULL; label++)
      if (g_hash_table_add (seen, *label))
        g_ptr_array_add (list->labels, g_strdup (*label));
  }
  g_ptr_array_sort (list->labels, source_compare_names);
}
