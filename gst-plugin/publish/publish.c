/* SPDX-License-Identifier: LGPL-2.1-or-later
 */
/**
 * SECTION:element-effnetpublish
 * @title: effnetpublish
 * @short_description: Tells an MQTT broker, or Kafka, what effnetclassify found
 *
 * A sink for buffers of any kind with the metadata of #element-effnetclassify. When the state of a
 * part of the picture is another one, a record goes to the broker: its stable label where
 * #GstEffnetClassify:smoothing gives one, else its label. A state that stays is told again every
 * #GstEffnetPublish:heartbeat, as long as frames come. Nothing here ever waits for the network: the
 * stream hands records to a thread, which hands them to the spool.
 *
 * ## Records
 *
 * A record is a JSON object with the fields of the project's result.schema.json, and
 * `state` (the label that counts), `changed`, `heartbeat`, `publisher` (16 hexadecimal digits) and
 * `sequence`, a number that rises by one from record to record. Heartbeats have the number of the
 * newest record.
 *
 * ## What once means
 *
 * With QoS 1 or 2 each record is put into the spool before it is sent, is sent in the order of its
 * number, and leaves the spool when the broker has acknowledged it and all before it. MQTT alone
 * promises "at least once" then: a record whose acknowledgement got lost would be sent again. To
 * avoid that, the element asks the broker after every connection that broke, and after a start,
 * for the retained records of the topics in question: `publisher` and `sequence` say which ones it
 * has, and only the others are sent. That needs #GstEffnetPublish:retain, a broker that keeps what
 * it retains, the right to subscribe to the topics, and #GstEffnetPublish:spool where records shall
 * outlast the process. Without these a record may come twice, with the same `sequence`.
 *
 * A gap in `sequence` is a record that was lost; the property #GstEffnetPublish:stats counts those
 * by reason: `lost-queue` (the thread was too slow), `lost-spool` (the spool was full, the oldest
 * went), `lost-disk` (neither file nor memory took it), `lost-refused` (the broker did not take
 * it), `lost-stopped` (it was in memory only when the element stopped).
 *
 * ## Kafka
 *
 * Where it was built in, `kafka://HOST:PORT,HOST:PORT` names brokers of Kafka. The slashes of a
 * topic are dots there, and `_` stands for what is neither letter, digit, `-` nor `.`; a record's
 * key is the topic as it was. One idempotent producer sends each record once; nothing is asked
 * back, so that what was under way when a process ended may come twice, with the same `sequence`.
 * With #GstEffnetPublish:ca-file or #GstEffnetPublish:cert-file it is TLS. Availability, discovery,
 * QoS and retained messages are MQTT's.
 *
 * ## Example launch lines
 *
 * To the broker on this machine, where there is one; without one the stream goes on, and a warning
 * says so:
 * |[
 * gst-launch-1.0 -q videotestsrc num-buffers=30 ! effnetclassify ! effnetpublish
 * ]|
 * With a spool that outlasts the process, and a state that must hold for a while:
 * |[
 * gst-launch-1.0 -q videotestsrc num-buffers=30 ! effnetclassify name=gate smoothing=vote \
 *   ! effnetpublish topic=house/{element}/{region} spool=gate.spool
 * ]|
 */
/* Settings and the courier's place are under the object lock; all else belongs to the streaming
 * thread. */
#include "publish/publish.h"

#include "metrics/metrics.h"
#include "publish/settings.h"
#include "schema_json.h"
#include "video.h"

GST_DEBUG_CATEGORY_STATIC (gst_effnet_publish_debug);
#define GST_CAT_DEFAULT gst_effnet_publish_debug

struct _GstEffnetPublish {
  GstBaseSink parent;

  /* under the object lock */
  GstEffnetPublishSettings settings;
  GstEffnetCourier *courier;        /* (nullable): not started */
  GstEffnetCourierStats last_stats; /* when there is none */

  /* from start to stop */
  GstEffnetCourierSettings courier_settings;
  GstEffnetNewsSettings news_settings;
  GstEffnetNews *news;
  GstVideoInfo info; /* of raw video in plain memory */
  gboolean is_raw, is_jpeg;
  GstEffnetTagged tagged;
};

G_DEFINE_TYPE (GstEffnetPublish, gst_effnet_publish, GST_TYPE_BASE_SINK)

static gboolean
register_element (GstPlugin *plugin)
{
  GST_DEBUG_CATEGORY_INIT (gst_effnet_publish_debug, "effnetpublish", 0, "effnet's publisher");
  return gst_element_register (plugin, "effnetpublish", GST_RANK_NONE, GST_TYPE_EFFNET_PUBLISH);
}

GST_ELEMENT_REGISTER_DEFINE_CUSTOM (effnetpublish, register_element)

enum { PROP_0, PROP_STATS, PROP_SETTINGS };

/* ---- the stream ------------------------------------------------------------------------------ */

static gboolean
set_caps (GstBaseSink *sink, GstCaps *caps)
{
  GstEffnetPublish *self = GST_EFFNET_PUBLISH (sink);
  const GstCapsFeatures *features = gst_caps_get_features (caps, 0);

  self->is_jpeg = gst_structure_has_name (gst_caps_get_structure (caps, 0), "image/jpeg");
  self->is_raw = gst_structure_has_name (gst_caps_get_structure (caps, 0), "video/x-raw") &&
                 gst_caps_features_contains (features, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY) &&
                 gst_video_info_from_caps (&self->info, caps);
  return TRUE;
}

static gboolean
on_event (GstBaseSink *sink, GstEvent *event)
{
  gst_effnet_tagged_note (&GST_EFFNET_PUBLISH (sink)->tagged, event);
  return GST_BASE_SINK_CLASS (gst_effnet_publish_parent_class)->event (sink, event);
}

/* A copy of the frame for the items that say that something has changed. */
static void
add_picture (GstEffnetPublish *self, GstBuffer *buffer, GPtrArray *items)
{
  unsigned tag = gst_effnet_tagged_orientation (&self->tagged);
  GstEffnetPicture *picture = NULL;

  for (guint i = 0; i < items->len; i++) {
    GstEffnetNewsItem *item = g_ptr_array_index (items, i);

    if (!item->changed || !(self->is_raw || self->is_jpeg) ||
        !gst_effnet_courier_wants_picture (self->courier))
      continue;
    if (picture == NULL)
      picture =
          gst_effnet_picture_new (buffer, self->is_raw ? &self->info : NULL, tag != 0 ? tag : 1);
    item->picture = gst_effnet_picture_ref (picture);
  }
  g_clear_pointer (&picture, gst_effnet_picture_unref);
}

static GstFlowReturn
render (GstBaseSink *sink, GstBuffer *buffer)
{
  GstEffnetPublish *self = GST_EFFNET_PUBLISH (sink);
  GstEffnetMoment moment = gst_effnet_moment_of (&sink->segment, buffer);
  gint64 utc = gst_effnet_utc_of (GST_ELEMENT (self), buffer, moment.running_time);
  g_autoptr (GPtrArray) items = gst_effnet_news_read (
      self->news, buffer, &moment, &self->news_settings, utc, g_get_monotonic_time ());

  if (items != NULL && self->courier_settings.thumbnail_side > 0)
    add_picture (self, buffer, items);
  for (guint i = 0; items != NULL && i < items->len; i++)
    gst_effnet_courier_push (self->courier, g_steal_pointer (&items->pdata[i]));
  return GST_FLOW_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
warn (const char *text, gpointer data)
{
  GST_ELEMENT_WARNING (data, RESOURCE, OPEN_WRITE, ("%s", text), (NULL));
}

static gboolean
start (GstBaseSink *sink)
{
  GstEffnetPublish *self = GST_EFFNET_PUBLISH (sink);
  g_autoptr (GError) error = NULL;
  g_autofree char *name = gst_object_get_name (GST_OBJECT (self));
  GstEffnetCourier *courier = NULL;
  gboolean ok;

  GST_OBJECT_LOCK (self);
  ok = gst_effnet_publish_resolve (&self->settings, name, &self->courier_settings,
                                   &self->news_settings, &error);
  GST_OBJECT_UNLOCK (self);
  if (ok) {
    courier = gst_effnet_courier_new (&self->courier_settings, warn, self, &error);
    if (courier == NULL)
      gst_effnet_publish_resolved_clear (&self->courier_settings, &self->news_settings);
  }
  if (courier == NULL) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
    return FALSE;
  }
  self->news = gst_effnet_news_new ();
  GST_OBJECT_LOCK (self);
  self->courier = courier;
  GST_OBJECT_UNLOCK (self);
  gst_effnet_metrics_join (GST_ELEMENT (self));
  return TRUE;
}

static gboolean
stop (GstBaseSink *sink)
{
  GstEffnetPublish *self = GST_EFFNET_PUBLISH (sink);
  GstEffnetCourier *courier = self->courier;
  GstEffnetCourierStats stats;
  guint64 wait;

  gst_effnet_metrics_leave (GST_ELEMENT (self));
  GST_OBJECT_LOCK (self);
  self->last_stats = gst_effnet_courier_get_stats (courier);
  self->courier = NULL;
  wait = self->settings.drain_timeout;
  GST_OBJECT_UNLOCK (self);
  gst_effnet_courier_free (courier, (gint64)(wait / GST_USECOND), &stats);
  GST_OBJECT_LOCK (self);
  self->last_stats = stats;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&self->news, gst_effnet_news_free);
  gst_effnet_publish_resolved_clear (&self->courier_settings, &self->news_settings);
  if (stats.lost_stopped > 0)
    GST_WARNING_OBJECT (self,
                        "%" G_GUINT64_FORMAT " records had not arrived and are lost: set "
                        "spool to keep them",
                        stats.lost_stopped);
  return TRUE;
}

/* ---- properties ------------------------------------------------------------------------------ */

static GstStructure *
stats_of (GstEffnetPublish *self)
{
  GstEffnetCourierStats s =
      self->courier != NULL ? gst_effnet_courier_get_stats (self->courier) : self->last_stats;
  guint64 lost = s.lost_queue + s.lost_spool + s.lost_disk + s.lost_refused + s.lost_stopped;

  return gst_structure_new (
      "effnetpublish-stats", "connected", G_TYPE_BOOLEAN, s.connected, "connections", G_TYPE_UINT64,
      s.connections, "published", G_TYPE_UINT64, s.published, "recalled", G_TYPE_UINT64, s.recalled,
      "heartbeats", G_TYPE_UINT64, s.heartbeats, "heartbeats-skipped", G_TYPE_UINT64,
      s.heartbeats_skipped, "thumbnails", G_TYPE_UINT64, s.thumbnails, "thumbnails-skipped",
      G_TYPE_UINT64, s.thumbnails_skipped, "spooled", G_TYPE_UINT64, s.spooled, "spooled-bytes",
      G_TYPE_UINT64, s.spooled_bytes, "lost", G_TYPE_UINT64, lost, "lost-queue", G_TYPE_UINT64,
      s.lost_queue, "lost-spool", G_TYPE_UINT64, s.lost_spool, "lost-disk", G_TYPE_UINT64,
      s.lost_disk, "lost-refused", G_TYPE_UINT64, s.lost_refused, "lost-stopped", G_TYPE_UINT64,
      s.lost_stopped, NULL);
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GstEffnetPublish *self = GST_EFFNET_PUBLISH (object);

  (void)spec;
  GST_OBJECT_LOCK (self);
  gst_effnet_publish_set (&self->settings, id - PROP_SETTINGS, value);
  GST_OBJECT_UNLOCK (self);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  GstEffnetPublish *self = GST_EFFNET_PUBLISH (object);

  (void)spec;
  GST_OBJECT_LOCK (self);
  if (id == PROP_STATS)
    g_value_take_boxed (value, stats_of (self));
  else
    gst_effnet_publish_get (&self->settings, id - PROP_SETTINGS, value);
  GST_OBJECT_UNLOCK (self);
}

static void
finalize (GObject *object)
{
  GstEffnetPublish *self = GST_EFFNET_PUBLISH (object);

  gst_effnet_publish_settings_clear (&self->settings);
  G_OBJECT_CLASS (gst_effnet_publish_parent_class)->finalize (object);
}

static void
gst_effnet_publish_class_init (GstEffnetPublishClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseSinkClass *sink = GST_BASE_SINK_CLASS (klass);
  g_autoptr (GstCaps) any = gst_caps_new_any ();

  G_OBJECT_CLASS (klass)->finalize = finalize;
  G_OBJECT_CLASS (klass)->set_property = set_property;
  G_OBJECT_CLASS (klass)->get_property = get_property;
  g_object_class_install_property (
      G_OBJECT_CLASS (klass), PROP_STATS,
      g_param_spec_boxed ("stats", "Stats",
                          "Counters: what arrived, what waits, what was lost and why",
                          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_effnet_publish_install (G_OBJECT_CLASS (klass), PROP_SETTINGS);
  gst_element_class_set_static_metadata (element, "EfficientNet publisher", "Sink/Network",
                                         "Tells an MQTT broker what effnetclassify found",
                                         "The effnet developers");
  gst_element_class_add_pad_template (
      element, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, any));
  sink->start = GST_DEBUG_FUNCPTR (start);
  sink->stop = GST_DEBUG_FUNCPTR (stop);
  sink->set_caps = GST_DEBUG_FUNCPTR (set_caps);
  sink->event = GST_DEBUG_FUNCPTR (on_event);
  sink->render = GST_DEBUG_FUNCPTR (render);
  gst_effnet_schema_register ();
}

/* The clock does not hold the stream, and no buffer of a camera is kept. It prerolls as sinks do:
 * of one that does not, GStreamer's bin can lose the EOS of a clip that is short. */
static void
gst_effnet_publish_init (GstEffnetPublish *self)
{
  GstBaseSink *sink = GST_BASE_SINK (self);

  gst_base_sink_set_sync (sink, FALSE);
  gst_base_sink_set_last_sample_enabled (sink, FALSE);
  gst_effnet_publish_settings_init (&self->settings, G_OBJECT_GET_CLASS (self));
}
