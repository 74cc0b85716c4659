/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What link.c and the protocols behind it share: calls come in by a queue, events go out by a
 * function. Nobody else includes this. */
#ifndef GST_EFFNET_PUBLISH_WIRE_H
#define GST_EFFNET_PUBLISH_WIRE_H

#include <gio/gio.h>

#include "publish/link.h"

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_CALL_PUBLISH,
  GST_EFFNET_CALL_SUBSCRIBE,
  GST_EFFNET_CALL_UNSUBSCRIBE
} GstEffnetCallKind;

typedef struct {
  GstEffnetCallKind kind;
  guint64 token, connection;
  char **topics; /* of a publication the first is the topic */
  char *key;
  GBytes *data;
  int qos;
  gboolean retain;
} GstEffnetCall;

/* The thread's function; it returns soon after gst_effnet_wire_ends(). */
typedef void (*GstEffnetWireFunc) (GstEffnetLink *link);

struct _GstEffnetLink {
  const GstEffnetLinkSettings *settings;
  GstEffnetLinkFunc func;
  gpointer data;
  GstEffnetWireFunc run;
  GThread *thread;
  GCancellable *cancellable; /* of what may take long when it ends */
  int wake[2];               /* a pipe: readable where there is a call, or the end */

  GMutex lock;
  GQueue calls;       /* of GstEffnetCall * */
  gint64 ends;        /* until when, of the monotonic clock; 0: it goes on */
  guint64 connection; /* the number of the newest one */
  guint64 accepted;   /* the one that calls are for */
};

/* Each is of the link's thread. */
gboolean gst_effnet_wire_ends (GstEffnetLink *link);
/* Returns: whether what is left to do has time yet, at the end */
gboolean gst_effnet_wire_has_time (GstEffnetLink *link);
/* Returns: (transfer full) (nullable): the next call for the newest connection */
GstEffnetCall *gst_effnet_wire_pop (GstEffnetLink *link);
void gst_effnet_call_free (GstEffnetCall *call);
/* Waits for a call, the end, or @events on @fd, which may be -1. Returns: what came on @fd */
gushort gst_effnet_wire_wait (GstEffnetLink *link, int fd, gushort events, int timeout_ms);
/* There is a new connection. */
void gst_effnet_wire_emit_up (GstEffnetLink *link);
/* Of any thread. */
void gst_effnet_wire_emit (GstEffnetLink *link, GstEffnetLinkEventKind kind, guint64 token,
                           const char *text);
void gst_effnet_wire_emit_message (GstEffnetLink *link, const char *topic, gconstpointer payload,
                                   gsize size);

/* The protocols. FALSE: what @settings names cannot be used. */
gboolean gst_effnet_mqtt_check (const GstEffnetLinkSettings *settings, GError **error);
void gst_effnet_mqtt_run (GstEffnetLink *link);
#ifdef HAVE_KAFKA
void gst_effnet_kafka_run (GstEffnetLink *link);
#endif

G_END_DECLS

#endif
