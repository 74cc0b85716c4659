/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties of effnetpublish as users set them, and what the rooms beside it make of them. The
 * invariant: secrets can be set and never read. */
#ifndef GST_EFFNET_PUBLISH_SETTINGS_H
#define GST_EFFNET_PUBLISH_SETTINGS_H

#include "publish/courier.h"
#include "publish/news.h"

G_BEGIN_DECLS

typedef struct {
  char *broker, *client_id, *user, *password, *password_file;
  char *ca_file, *cert_file, *key_file;
  gboolean tls_insecure;
  gint protocol; /* 0: MQTT 3.1.1, 1: 5 */
  guint keepalive;
  char *topic, *availability_topic, *element;
  gint qos;
  gboolean retain;
  gint records; /* GstEffnetRecords */
  guint64 heartbeat;
  char *spool;
  guint64 spool_max_records, spool_max_bytes;
  guint64 drain_timeout;
  gboolean discovery, thumbnails;
  char *discovery_prefix;
  guint thumbnail_size;
} GstEffnetPublishSettings;

/* Installs the properties; their ids begin with @first. Returns: the first id that is free */
guint gst_effnet_publish_install (GObjectClass *klass, guint first);
void gst_effnet_publish_settings_init (GstEffnetPublishSettings *settings, GObjectClass *klass);
void gst_effnet_publish_settings_clear (GstEffnetPublishSettings *settings);
/* @index: the property's id - first. */
void gst_effnet_publish_set (GstEffnetPublishSettings *settings, guint index, const GValue *value);
void gst_effnet_publish_get (const GstEffnetPublishSettings *settings, guint index, GValue *value);

/* What the courier and the news need, checked. @name: of the element. FALSE with @error: nothing is
 * to be cleared then */
gboolean gst_effnet_publish_resolve (const GstEffnetPublishSettings *settings, const char *name,
                                     GstEffnetCourierSettings *courier, GstEffnetNewsSettings *news,
                                     GError **error);
void gst_effnet_publish_resolved_clear (GstEffnetCourierSettings *courier,
                                        GstEffnetNewsSettings *news);

G_END_DECLS

#endif
