/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics/tally.h"

#include <string.h>

void
gst_effnet_tally_init (GstEffnetTally *tally)
{
  *tally = (GstEffnetTally){.entries = NULL};
  g_mutex_init (&tally->lock);
}

void
gst_effnet_tally_clear (GstEffnetTally *tally)
{
  g_clear_pointer (&tally->entries, g_free);
  g_mutex_clear (&tally->lock);
}

void
gst_effnet_tally_forget (GstEffnetTally *tally)
{
  g_mutex_lock (&tally->lock);
  if (tally->entries == NULL)
    tally->entries = g_new0 (GstEffnetTallyEntry, GST_EFFNET_TALLY_REGIONS);
  tally->n = 0;
  g_mutex_unlock (&tally->lock);
}

/* TRUE when it was another one. */
static gboolean
keep_name (char *kept, const char *name)
{
  gboolean other = strncmp (kept, name, GST_EFFNET_TALLY_NAME - 1) != 0;

  if (other)
    g_strlcpy (kept, name, GST_EFFNET_TALLY_NAME);
  return other;
}

static GstEffnetTallyEntry *
find (GstEffnetTally *tally, const char *region, const char *head)
{
  GstEffnetTallyEntry *e = tally->entries;

  for (guint i = 0; i < tally->n; i++, e++) {
    if (strncmp (e->region, region, sizeof e->region - 1) == 0 &&
        strncmp (e->head, head, sizeof e->head - 1) == 0)
      return e;
  }
  if (tally->n == GST_EFFNET_TALLY_REGIONS)
    return e - 1;
  *e = (GstEffnetTallyEntry){.results = 0};
  if (++tally->n < GST_EFFNET_TALLY_REGIONS) {
    keep_name (e->region, region);
    keep_name (e->head, head);
  }
  return e;
}

void
gst_effnet_tally_add (GstEffnetTally *tally, const char *region, const char *head,
                      const char *label, double score)
{
  GstEffnetTallyEntry *e;

  g_mutex_lock (&tally->lock);
  if (tally->entries != NULL) {
    e = find (tally, region, head);
    e->changes += keep_name (e->label, label != NULL ? label : "");
    e->results++;
    e->score = score;
  }
  g_mutex_unlock (&tally->lock);
}

void
gst_effnet_tally_put (GstEffnetTally *tally, GstStructure *stats)
{
  g_auto (GValue) list = G_VALUE_INIT;

  gst_value_list_init (&list, GST_EFFNET_TALLY_REGIONS);
  g_mutex_lock (&tally->lock);
  for (guint i = 0; i < tally->n; i++) {
    const GstEffnetTallyEntry *e = &tally->entries[i];
    g_autofree char *region = g_utf8_make_valid (e->region, -1); /* it may have been cut */
    g_autofree char *head = g_utf8_make_valid (e->head, -1);
    g_autofree char *label = g_utf8_make_valid (e->label, -1);
    GValue entry = G_VALUE_INIT;

    g_value_init (&entry, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&entry, gst_structure_new ("effnet-region", "region", G_TYPE_STRING, region,
                                                   "head", G_TYPE_STRING, head, "label",
                                                   G_TYPE_STRING, label, "results", G_TYPE_UINT64,
                                                   e->results, "changes", G_TYPE_UINT64, e->changes,
                                                   "score", G_TYPE_DOUBLE, e->score, NULL));
    gst_value_list_append_and_take_value (&list, &entry);
  }
  g_mutex_unlock (&tally->lock);
  gst_structure_set_value (stats, "regions", &list);
}
