/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection to a broker that makes itself again whenever it breaks, in a thread of its own.
 * mqtt.c and kafka.c are what stands behind it. The invariant: no call here waits for the network,
 * except gst_effnet_link_free(), which waits for what it cancels. */
#ifndef GST_EFFNET_PUBLISH_LINK_H
#define GST_EFFNET_PUBLISH_LINK_H

#include "publish/address.h"

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_LINK_UP,   /* what was sent over an earlier connection is not sent again by itself */
  GST_EFFNET_LINK_DOWN, /* or it did not come up; `text` says why */
  GST_EFFNET_LINK_SENT, /* the broker has it, or, with QoS 0, the network */
  GST_EFFNET_LINK_REFUSED,    /* the broker, or the protocol, does not take it; `text` says why */
  GST_EFFNET_LINK_MESSAGE,    /* `topic` and `payload` of a subscription */
  GST_EFFNET_LINK_SUBSCRIBED, /* or refused */
  GST_EFFNET_LINK_UNSUBSCRIBED,
} GstEffnetLinkEventKind;

typedef struct {
  GstEffnetLinkEventKind kind;
  /* that of the call which this answers; of UP the number of the connection, of DOWN 1 where the
   * broker itself said no */
  guint64 token;
  char *topic;
  GBytes *payload;
  char *text;
} GstEffnetLinkEvent;

/* Called in the link's thread, which it must not keep waiting, or, where a call has no room, in the
 * caller's. @event: (transfer full) */
typedef void (*GstEffnetLinkFunc) (GstEffnetLinkEvent *event, gpointer data);

typedef struct {
  GstEffnetAddress address;
  char *client_id;
  gboolean v5;                          /* MQTT 5 instead of 3.1.1 */
  guint keepalive;                      /* seconds */
  char *ca_file, *cert_file, *key_file; /* (nullable) */
  gboolean insecure;                    /* any name in the broker's certificate */
  char *will_topic, *will;              /* (nullable): the broker says it when we are gone */
  int will_qos;
} GstEffnetLinkSettings;

/* What is to be published. */
typedef struct {
  guint64 token;
  const char *topic;
  const char *key; /* of Kafka */
  gconstpointer data;
  gsize size;
  int qos; /* 0..2 */
  gboolean retain;
} GstEffnetLetter;

typedef struct _GstEffnetLink GstEffnetLink;

/* @settings: borrowed until gst_effnet_link_free(). Returns: (nullable): NULL with EFFNET_ERROR_IO
 * or EFFNET_ERROR_ARGUMENT: a file cannot be read, or this build knows no such broker */
GstEffnetLink *gst_effnet_link_new (const GstEffnetLinkSettings *settings, GstEffnetLinkFunc func,
                                    gpointer data, GError **error);
/* Ends the connection properly once what was published has left, which it waits for @wait_us at
 * most. */
void gst_effnet_link_free (GstEffnetLink *link, gint64 wait_us);
/* Calls from now on are for the connection with that number; where it is no more, nothing comes of
 * them. */
void gst_effnet_link_accept (GstEffnetLink *link, guint64 connection);
void gst_effnet_link_publish (GstEffnetLink *link, const GstEffnetLetter *letter);
/* @topics: NULL-terminated */
void gst_effnet_link_subscribe (GstEffnetLink *link, guint64 token, char *const *topics);
void gst_effnet_link_unsubscribe (GstEffnetLink *link, guint64 token, char *const *topics);

void gst_effnet_link_event_free (GstEffnetLinkEvent *event);

G_END_DECLS

#endif
