/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish/news.h"

#include <string.h>

#include "publish/topic.h"
#include "schema_json.h"

/* A part of the frames, by one element and one head. */
typedef struct {
  char *element, *region, *head;
  int roi_id;
  char *state;
  gint64 told; /* when it was last told, of the clock that never jumps, us */
} Part;

struct _GstEffnetNews {
  GQueue parts; /* of Part *, the one told last at the end */
};

static void
part_free (gpointer data)
{
  Part *part = data;

  g_free (part->element);
  g_free (part->region);
  g_free (part->head);
  g_free (part->state);
  g_free (part);
}

GstEffnetNews *
gst_effnet_news_new (void)
{
  GstEffnetNews *news = g_new0 (GstEffnetNews, 1);

  g_queue_init (&news->parts);
  return news;
}

void
gst_effnet_news_free (GstEffnetNews *news)
{
  g_queue_clear_full (&news->parts, part_free);
  g_free (news);
}

void
gst_effnet_news_item_free (gpointer data)
{
  GstEffnetNewsItem *item = data;

  if (item == NULL)
    return;
  g_free (item->topic);
  g_free (item->state);
  g_free (item->body);
  g_free (item->element);
  g_free (item->region);
  g_free (item->head);
  g_free (item->model);
  g_clear_pointer (&item->picture, gst_effnet_picture_unref);
  g_free (item);
}

/* ---- what has changed ------------------------------------------------------------------------ */

/* Returns: the part's place; a part that is new has no state yet */
static GList *
find_part (GstEffnetNews *news, const GstEffnetRecord *record)
{
  Part *part;

  for (GList *l = news->parts.tail; l != NULL; l = l->prev) {
    part = l->data;
    if (part->roi_id == record->roi_id && strcmp (part->region, record->region) == 0 &&
        strcmp (part->head, record->head) == 0 && strcmp (part->element, record->element) == 0)
      return l;
  }
  if (news->parts.length >= GST_EFFNET_NEWS_PARTS_MAX)
    part_free (g_queue_pop_head (&news->parts));
  part = g_new0 (Part, 1);
  part->element = g_strdup (record->element);
  part->region = g_strdup (record->region);
  part->head = g_strdup (record->head);
  part->roi_id = record->roi_id;
  g_queue_push_tail (&news->parts, part);
  return news->parts.tail;
}

static const char *
state_of (const GstEffnetRecord *record)
{
  return *record->stable.label != '\0' ? record->stable.label : record->best.label;
}

/* Whether to tell; notes it then. */
static gboolean
is_news (GstEffnetNews *news, const GstEffnetRecord *record, const GstEffnetNewsSettings *settings,
         gint64 ticks, GstEffnetNewsItem *item)
{
  GList *place = find_part (news, record);
  Part *part = place->data;
  gboolean due =
      settings->heartbeat > 0 && ticks - part->told >= (gint64)(settings->heartbeat / GST_USECOND);

  item->changed = g_strcmp0 (part->state, state_of (record)) != 0;
  item->is_heartbeat = !item->changed && settings->records == GST_EFFNET_RECORDS_CHANGE && due;
  if (!item->changed && !item->is_heartbeat && settings->records != GST_EFFNET_RECORDS_ALL &&
      !(settings->records == GST_EFFNET_RECORDS_FRESH && record->fresh))
    return FALSE;
  if (item->changed) {
    g_free (part->state);
    part->state = g_strdup (state_of (record));
  }
  part->told = ticks;
  g_queue_unlink (&news->parts, place);
  g_queue_push_tail_link (&news->parts, place);
  return TRUE;
}

/* ---- how it is told -------------------------------------------------------------------------- */

static void
fill_item (GstEffnetNewsItem *item, const GstEffnetRecord *record,
           const GstEffnetNewsSettings *settings)
{
  const char *names[GST_EFFNET_TOPIC_N_NAMES] = {
      [GST_EFFNET_TOPIC_ELEMENT] = record->element,
      [GST_EFFNET_TOPIC_REGION] = record->region,
      [GST_EFFNET_TOPIC_HEAD] = record->head,
      [GST_EFFNET_TOPIC_MODEL] = record->model,
      [GST_EFFNET_TOPIC_HOST] = g_get_host_name (),
      [GST_EFFNET_TOPIC_PUBLISHER] = settings->publisher,
  };

  item->topic = gst_effnet_topic_expand (settings->topic, names);
  item->state = g_utf8_make_valid (state_of (record), -1);
  item->element = g_utf8_make_valid (record->element, -1);
  item->region = g_utf8_make_valid (record->region, -1);
  item->head = g_utf8_make_valid (record->head, -1);
  item->model = g_utf8_make_valid (record->model, -1);
  item->is_region = record->roi_id < 0;
  item->is_part = record->is_part;
  item->box[0] = record->x;
  item->box[1] = record->y;
  item->box[2] = record->width;
  item->box[3] = record->height;
}

/* The result as schema_json.h writes it, without what a broker has no use for, and `state`,
 * `changed` and `heartbeat`. */
static char *
body_new (const GstStructure *part, const GstEffnetMoment *moment, const GstEffnetNewsItem *item,
          gint64 utc_ns)
{
  g_autoptr (JsonObject) object = gst_effnet_schema_json_object (part, moment, utc_ns, NULL);

  json_object_remove_member (object, "embedding");
  json_object_remove_member (object, "activation_map");
  json_object_set_string_member (object, "state", item->state);
  json_object_set_boolean_member (object, "changed", item->changed);
  json_object_set_boolean_member (object, "heartbeat", item->is_heartbeat);
  return gst_effnet_json_text (object);
}

GPtrArray *
gst_effnet_news_read (GstEffnetNews *news, GstBuffer *buffer, const GstEffnetMoment *moment,
                      const GstEffnetNewsSettings *settings, gint64 utc_ns, gint64 ticks)
{
  GPtrArray *items = NULL;
  const GstStructure *s;
  gpointer state = NULL;

  while ((s = gst_effnet_schema_iterate (buffer, &state)) != NULL) {
    guint n = gst_effnet_schema_n_parts (s);

    for (guint i = 0; i < n; i++) {
      const GstStructure *part = gst_effnet_schema_get_part (s, i);
      GstEffnetNewsItem *item, told = {0};
      GstEffnetRecord record;

      if (!gst_effnet_schema_read (part, &record, NULL) ||
          (settings->element != NULL && strcmp (settings->element, record.element) != 0) ||
          !is_news (news, &record, settings, ticks, &told))
        continue;
      item = g_memdup2 (&told, sizeof told);
      fill_item (item, &record, settings);
      item->body = body_new (part, moment, item, utc_ns);
      if (items == NULL)
        items = g_ptr_array_new_with_free_func (gst_effnet_news_item_free);
      g_ptr_array_add (items, item);
    }
  }
  return items;
}
