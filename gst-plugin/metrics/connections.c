/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection is ended by shutting its socket down: its owner then sees its end and lets go of it,
 * whereby it leaves the list. */
#include "metrics/connections.h"

#define LOOK_EVERY   1   /* s */
#define GOODBYE      2   /* s, in which owners let go of what was ended */
#define PAUSE_FAILED 250 /* ms, before another try when the system has no more descriptors */

typedef struct {
  GSocketConnection *stream; /* not owned */
  GSocketAddress *remote;    /* owned */
  gint64 since;              /* monotonic time of the newest answer, or of its beginning */
  gboolean ended;
} Connection;

struct _GstEffnetConnections {
  GSocketListener *listener;
  GstEffnetAcceptFunc func;
  gpointer owner;
  GCancellable *cancellable;
  GMainContext *context; /* not owned */
  gboolean accepts;      /* a call of accept is on its way */
  GSource *timer;        /* (nullable): while somebody is connected, or for another try */
  GList *list;           /* of Connection, the one idle longest first */
  guint n;               /* that are not ended */
};

static void accept_next (GstEffnetConnections *connections);

static void
end (GstEffnetConnections *connections, Connection *c)
{
  if (c->ended)
    return;
  c->ended = TRUE;
  connections->n--;
  g_socket_shutdown (g_socket_connection_get_socket (c->stream), TRUE, TRUE, NULL);
}

static GList *
find (GstEffnetConnections *connections, const GSocketAddress *remote)
{
  GList *l = connections->list;

  while (l != NULL && ((const Connection *)l->data)->remote != remote)
    l = l->next;
  return l;
}

static void
stop_timer (GstEffnetConnections *connections)
{
  if (connections->timer == NULL)
    return;
  g_source_destroy (connections->timer);
  g_clear_pointer (&connections->timer, g_source_unref);
}

static void
start_timer (GstEffnetConnections *connections, GSource *source, GSourceFunc func, gpointer data)
{
  stop_timer (connections);
  connections->timer = source;
  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, connections->context);
}

static gboolean
look (gpointer data)
{
  GstEffnetConnections *connections = data;
  gint64 then = g_get_monotonic_time () - GST_EFFNET_CONNECTIONS_IDLE * G_TIME_SPAN_SECOND;

  for (GList *l = connections->list; l != NULL && ((Connection *)l->data)->since < then;
       l = l->next)
    end (connections, l->data);
  return G_SOURCE_CONTINUE;
}

static gboolean
try_again (gpointer data)
{
  GstEffnetConnections *connections = data;

  stop_timer (connections);
  if (connections->list != NULL)
    start_timer (connections, g_timeout_source_new_seconds (LOOK_EVERY), look, connections);
  accept_next (connections);
  return G_SOURCE_REMOVE;
}

/* The stream's last reference is gone. */
static void
leave (gpointer data, GObject *stream)
{
  GstEffnetConnections *connections = data;
  GList *l = connections->list;
  Connection *c;

  while (((Connection *)l->data)->stream != (gpointer)stream)
    l = l->next;
  c = l->data;
  connections->list = g_list_delete_link (connections->list, l);
  if (!c->ended)
    connections->n--;
  g_object_unref (c->remote);
  g_free (c);
  if (connections->list == NULL && connections->accepts &&
      !g_cancellable_is_cancelled (connections->cancellable))
    stop_timer (connections);
}

/* Room for one more. */
static void
end_idle (GstEffnetConnections *connections)
{
  for (GList *l = connections->list; l != NULL && connections->n >= GST_EFFNET_CONNECTIONS_MAX;
       l = l->next)
    end (connections, l->data);
}

static void
join (GstEffnetConnections *connections, GSocketConnection *stream)
{
  g_autoptr (GSocketAddress) local = g_socket_connection_get_local_address (stream, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (stream, NULL);
  Connection *c;

  if (local == NULL || remote == NULL) /* it is gone already */
    return;
  end_idle (connections);
  c = g_new (Connection, 1);
  *c = (Connection){stream, g_object_ref (remote), g_get_monotonic_time (), FALSE};
  connections->list = g_list_append (connections->list, c);
  connections->n++;
  g_object_weak_ref (G_OBJECT (stream), leave, connections);
  if (connections->timer == NULL)
    start_timer (connections, g_timeout_source_new_seconds (LOOK_EVERY), look, connections);
  connections->func (G_IO_STREAM (stream), local, remote, connections->owner);
}

static void
accepted (GObject *listener, GAsyncResult *result, gpointer data)
{
  GstEffnetConnections *connections = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) stream =
      g_socket_listener_accept_finish (G_SOCKET_LISTENER (listener), result, NULL, &error);

  connections->accepts = FALSE;
  if (g_cancellable_is_cancelled (connections->cancellable))
    return;
  if (stream != NULL) {
    join (connections, stream);
    accept_next (connections);
  } else {
    start_timer (connections, g_timeout_source_new (PAUSE_FAILED), try_again, connections);
  }
}

static void
accept_next (GstEffnetConnections *connections)
{
  connections->accepts = TRUE;
  g_socket_listener_accept_async (connections->listener, connections->cancellable, accepted,
                                  connections);
}

GstEffnetConnections *
gst_effnet_connections_new (GSocketListener *listener, GstEffnetAcceptFunc func, gpointer owner)
{
  GstEffnetConnections *connections = g_new0 (GstEffnetConnections, 1);

  connections->listener = g_object_ref (listener);
  connections->func = func;
  connections->owner = owner;
  connections->cancellable = g_cancellable_new ();
  connections->context = g_main_context_get_thread_default ();
  accept_next (connections);
  return connections;
}

static gboolean
is_time (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_CONTINUE;
}

/* Until nobody calls back any more. */
static void
settle (GstEffnetConnections *connections)
{
  gboolean late = FALSE;

  start_timer (connections, g_timeout_source_new_seconds (GOODBYE), is_time, &late);
  while (connections->accepts || (connections->list != NULL && !late))
    g_main_context_iteration (connections->context, TRUE);
  stop_timer (connections);
  while (connections->list != NULL) {
    Connection *c = connections->list->data;

    g_object_weak_unref (G_OBJECT (c->stream), leave, connections);
    leave (connections, G_OBJECT (c->stream));
  }
}

void
gst_effnet_connections_free (GstEffnetConnections *connections)
{
  g_cancellable_cancel (connections->cancellable);
  g_socket_listener_close (connections->listener);
  for (GList *l = connections->list; l != NULL; l = l->next)
    end (connections, l->data);
  settle (connections);
  g_object_unref (connections->listener);
  g_object_unref (connections->cancellable);
  g_free (connections);
}

void
gst_effnet_connections_note (GstEffnetConnections *connections, GSocketAddress *remote)
{
  GList *l = find (connections, remote);

  if (l == NULL)
    return;
  ((Connection *)l->data)->since = g_get_monotonic_time ();
  connections->list = g_list_remove_link (connections->list, l);
  connections->list = g_list_concat (connections->list, l);
}

void
gst_effnet_connections_end (GstEffnetConnections *connections, GSocketAddress *remote)
{
  GList *l = find (connections, remote);

  if (l != NULL)
    end (connections, l->data);
}
