/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What makes Home Assistant show a state by itself: for each topic a retained message that
 * describes a sensor, and one that describes a picture (home-assistant.io, "MQTT discovery"). The
 * invariant: the same topic gives the same unique_id, on any day and in any process. Sends nothing.
 */
#ifndef GST_EFFNET_PUBLISH_DISCOVERY_H
#define GST_EFFNET_PUBLISH_DISCOVERY_H

#include "publish/news.h"

G_BEGIN_DECLS

typedef struct {
  char *prefix;             /* (nullable): NULL: no discovery */
  const char *availability; /* (nullable): its topic */
  gboolean pictures;        /* there are thumbnails */
  guint expire_s; /* after so many seconds without a record a state is not known; 0: never */
  int qos;
} GstEffnetDiscoverySettings;

/* One message. */
typedef struct {
  char *topic, *text;
} GstEffnetDiscovery;

/* Where Home Assistant says that it has started, with "online"; free with g_free() */
char *gst_effnet_discovery_status_topic (const GstEffnetDiscoverySettings *settings);
/* Returns: (transfer full) (element-type GstEffnetDiscovery): what announces the state and the
 * picture of @item's topic */
GPtrArray *gst_effnet_discovery_describe (const GstEffnetDiscoverySettings *settings,
                                          const GstEffnetNewsItem *item);

/* Those that have been announced: they are announced again when Home Assistant starts. */
typedef struct _GstEffnetEntities GstEffnetEntities;

/* @settings: borrowed */
GstEffnetEntities *gst_effnet_entities_new (const GstEffnetDiscoverySettings *settings);
void gst_effnet_entities_free (GstEffnetEntities *entities);
/* FALSE: the topic of @item is known, or is of a part that is not there for good. */
gboolean gst_effnet_entities_add (GstEffnetEntities *entities, const GstEffnetNewsItem *item);
guint gst_effnet_entities_length (const GstEffnetEntities *entities);
/* Returns: (transfer none) (element-type GstEffnetDiscovery): the messages of the @i-th */
const GPtrArray *gst_effnet_entities_get (const GstEffnetEntities *entities, guint i);
/* Whether a message at the status topic says that Home Assistant has started, and knows nothing. */
gboolean gst_effnet_entities_wanted (GBytes *message);

G_END_DECLS

#endif
