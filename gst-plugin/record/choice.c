/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/choice.h"

#include <string.h>

#include "wording.h"

#define KNOWN_MAX 1000 /* parts; beyond it those are forgotten that the buffer does not have */

typedef struct {
  char *label;
  GstClockTime running_time; /* of the frame that was classified */
  guint64 seen;              /* number of the buffer */
} Known;

struct _GstEffnetChoice {
  GHashTable *parts; /* text that tells a part from the others -> Known */
  guint64 buffer;    /* number of the present one */
};

static void
free_known (gpointer data)
{
  g_free (((Known *)data)->label);
  g_free (data);
}

GstEffnetChoice *
gst_effnet_choice_new (void)
{
  GstEffnetChoice *choice = g_new0 (GstEffnetChoice, 1);

  choice->parts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_known);
  return choice;
}

void
gst_effnet_choice_free (GstEffnetChoice *choice)
{
  g_hash_table_unref (choice->parts);
  g_free (choice);
}

void
gst_effnet_choice_reset (GstEffnetChoice *choice)
{
  g_hash_table_remove_all (choice->parts);
}

static gboolean
is_gone (gpointer key, gpointer value, gpointer user_data)
{
  const GstEffnetChoice *choice = user_data;

  (void)key;
  return ((const Known *)value)->seen < choice->buffer;
}

/* Regions of interest without a number have one name: then it is which of them it is here. */
static Known *
find_part (GstEffnetChoice *choice, const GstEffnetRecord *record)
{
  for (guint n = 0;; n++) {
    g_autofree char *key =
        g_strdup_printf ("%s\n%s\n%s\n%d\n%d\n%u", record->element, record->region, record->head,
                         record->is_part, record->roi_id, n);
    Known *known = g_hash_table_lookup (choice->parts, key);

    if (known == NULL) {
      known = g_new0 (Known, 1);
      known->running_time = GST_CLOCK_TIME_NONE;
      g_hash_table_insert (choice->parts, g_steal_pointer (&key), known);
    } else if (known->seen == choice->buffer) {
      continue;
    }
    known->seen = choice->buffer;
    return known;
  }
}

static gboolean
take (GstEffnetChoice *choice, GstEffnetRecords which, const GstEffnetRecord *record)
{
  Known *known = find_part (choice, record);
  gboolean scored;
  g_autofree char *label = gst_effnet_wording_label (record, &scored);
  gboolean changed = g_strcmp0 (known->label, label) != 0;
  gboolean fresh =
      record->fresh || known->label == NULL || record->result_running_time != known->running_time;

  g_free (known->label);
  known->label = g_steal_pointer (&label);
  known->running_time = record->result_running_time;
  return which == GST_EFFNET_RECORDS_ALL || (which == GST_EFFNET_RECORDS_FRESH ? fresh : changed);
}

void
gst_effnet_choice_apply (GstEffnetChoice *choice, GstEffnetRecords which, GPtrArray *parts)
{
  GstEffnetRecord record;
  guint kept = 0;

  if (g_hash_table_size (choice->parts) > KNOWN_MAX)
    g_hash_table_foreach_remove (choice->parts, is_gone, choice);
  choice->buffer++;
  for (guint i = 0; i < parts->len; i++) {
    gst_effnet_schema_read (parts->pdata[i], &record, NULL);
    if (take (choice, which, &record))
      parts->pdata[kept++] = parts->pdata[i];
  }
  g_ptr_array_set_size (parts, (gint)kept);
}
