/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish/discovery.h"

#include <string.h>

#include "json.h"
#include "publish/thumbnails.h"
#include "publish/topic.h"

#define STARTED        "online"
#define ENTITIES_MAX   1000
#define STATE_TEMPLATE "{{ (value_json.state or 'None')[:255] }}" /* None: not known */
#define ATTRIBUTES_TEMPLATE                                                                        \
  "{{ {'confidence': value_json.confidence, 'unknown': value_json.unknown, 'top': "                \
  "value_json.top, "                                                                               \
  "'since_ns': value_json.stable_since_ns, 'time': value_json.time, 'model': value_json.model, "   \
  "'sequence': value_json.sequence} | tojson }}"

char *
gst_effnet_discovery_status_topic (const GstEffnetDiscoverySettings *settings)
{
  return g_strconcat (settings->prefix, "/status", NULL);
}

/* Letters, digits and _ that stand for @text and no other. */
static char *
id_of (const char *text)
{
  g_autofree char *slug = gst_effnet_topic_slug (text);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);

  return g_strdup_printf ("effnet_%.60s_%.12s", slug, hash);
}

/* Sensors of one effnetclassify are one device. */
static JsonObject *
device_of (const GstEffnetNewsItem *item)
{
  JsonObject *device = json_object_new ();
  JsonArray *ids = json_array_new ();
  g_autofree char *text = g_strconcat (g_get_host_name (), "/", item->element, NULL);
  g_autofree char *id = id_of (text);
  g_autofree char *name = g_strdup_printf ("%s on %s", item->element, g_get_host_name ());

  json_array_add_string_element (ids, id);
  json_object_set_array_member (device, "identifiers", ids);
  json_object_set_string_member (device, "name", name);
  json_object_set_string_member (device, "manufacturer", "effnet");
  json_object_set_string_member (device, "model", item->model);
  json_object_set_string_member (device, "sw_version", VERSION);
  return device;
}

static JsonObject *
origin_new (void)
{
  JsonObject *origin = json_object_new ();

  json_object_set_string_member (origin, "name", "effnet");
  json_object_set_string_member (origin, "sw_version", VERSION);
  return origin;
}

/* "State", or the part's name, and the head's. */
static char *
name_of (const GstEffnetNewsItem *item)
{
  const char *part = item->is_part ? item->region : "State";

  return *item->head != '\0' ? g_strdup_printf ("%s %s", part, item->head) : g_strdup (part);
}

static JsonObject *
entity_new (const GstEffnetDiscoverySettings *settings, const GstEffnetNewsItem *item,
            const char *id, const char *name)
{
  JsonObject *entity = json_object_new ();

  json_object_set_string_member (entity, "name", name);
  json_object_set_string_member (entity, "unique_id", id);
  json_object_set_int_member (entity, "qos", MIN (settings->qos, 1));
  if (settings->availability != NULL)
    json_object_set_string_member (entity, "availability_topic", settings->availability);
  json_object_set_object_member (entity, "device", device_of (item));
  json_object_set_object_member (entity, "origin", origin_new ());
  return entity;
}

static void
discovery_free (gpointer data)
{
  GstEffnetDiscovery *discovery = data;

  g_free (discovery->topic);
  g_free (discovery->text);
  g_free (discovery);
}

/* Takes @entity. */
static void
add (GPtrArray *list, const GstEffnetDiscoverySettings *settings, const char *component,
     const char *id, JsonObject *entity)
{
  GstEffnetDiscovery *discovery = g_new0 (GstEffnetDiscovery, 1);

  discovery->topic = g_strdup_printf ("%s/%s/%s/config", settings->prefix, component, id);
  discovery->text = gst_effnet_json_text (entity);
  json_object_unref (entity);
  g_ptr_array_add (list, discovery);
}

GPtrArray *
gst_effnet_discovery_describe (const GstEffnetDiscoverySettings *settings,
                               const GstEffnetNewsItem *item)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (discovery_free);
  g_autofree char *id = id_of (item->topic), *name = name_of (item);
  g_autofree char *picture_topic = gst_effnet_thumbnail_topic (item->topic);
  g_autofree char *picture_id = id_of (picture_topic);
  g_autofree char *picture_name = g_strconcat (name, " picture", NULL);
  JsonObject *sensor = entity_new (settings, item, id, name), *picture;

  json_object_set_string_member (sensor, "state_topic", item->topic);
  json_object_set_string_member (sensor, "value_template", STATE_TEMPLATE);
  json_object_set_string_member (sensor, "json_attributes_topic", item->topic);
  json_object_set_string_member (sensor, "json_attributes_template", ATTRIBUTES_TEMPLATE);
  json_object_set_string_member (sensor, "icon", "mdi:cctv");
  if (settings->expire_s > 0)
    json_object_set_int_member (sensor, "expire_after", settings->expire_s);
  add (list, settings, "sensor", id, sensor);
  if (!settings->pictures)
    return list;
  picture = entity_new (settings, item, picture_id, picture_name);
  json_object_set_string_member (picture, "image_topic", picture_topic);
  json_object_set_string_member (picture, "content_type", "image/jpeg");
  add (list, settings, "image", picture_id, picture);
  return list;
}

/* ---- those that are known -------------------------------------------------------------------- */

struct _GstEffnetEntities {
  const GstEffnetDiscoverySettings *settings;
  GHashTable *topics;
  GPtrArray *messages; /* of GPtrArray */
};

GstEffnetEntities *
gst_effnet_entities_new (const GstEffnetDiscoverySettings *settings)
{
  GstEffnetEntities *entities = g_new0 (GstEffnetEntities, 1);

  entities->settings = settings;
  entities->topics = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  entities->messages = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  return entities;
}

void
gst_effnet_entities_free (GstEffnetEntities *entities)
{
  g_hash_table_unref (entities->topics);
  g_ptr_array_unref (entities->messages);
  g_free (entities);
}

gboolean
gst_effnet_entities_add (GstEffnetEntities *entities, const GstEffnetNewsItem *item)
{
  if (entities->settings->prefix == NULL || !item->is_region ||
      g_hash_table_contains (entities->topics, item->topic) ||
      entities->messages->len >= ENTITIES_MAX)
    return FALSE;
  g_hash_table_add (entities->topics, g_strdup (item->topic));
  g_ptr_array_add (entities->messages, gst_effnet_discovery_describe (entities->settings, item));
  return TRUE;
}

guint
gst_effnet_entities_length (const GstEffnetEntities *entities)
{
  return entities->messages->len;
}

const GPtrArray *
gst_effnet_entities_get (const GstEffnetEntities *entities, guint i)
{
  return g_ptr_array_index (entities->messages, i);
}

gboolean
gst_effnet_entities_wanted (GBytes *message)
{
  gsize size;
  const char *text = g_bytes_get_data (message, &size);

  return size == strlen (STARTED) && memcmp (text, STARTED, size) == 0;
}
