/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection is ended by shutting its socket down: its owner then sees its end and lets go of it,
 * whereby it leaves the list. */
#include "metrics/connections.h"

#include <sys/socket.h>

#define AT_ONCE      16  /* accepted before others of the context have their turn */
#define LOOK_EVERY   1   /* s */
#define GOODBYE      2   /* s, in which owners let go of what was ended */
#define PAUSE_FAILED 250 /* ms, before another try when the system has no more descriptors */

typedef struct {
  GSocketConnection *stream; /* not owned */
  GSocketAddress *remote;    /* owned */
  gint64 since;              /* monotonic time of its beginning */
  gboolean ended;
} Connection;

struct _GstEffnetConnections {
  GSocket *socket;
  GstEffnetAcceptFunc func;
  gpointer owner;
  GMainContext *context; /* not owned */
  GSource *accepts;      /* (nullable): there is somebody to accept */
  GSource *timer;        /* (nullable): while somebody is connected */
  GList *list;           /* of Connection, the oldest first */
  guint n;               /* that are not ended */
};

static void start_accepting (GstEffnetConnections *connections);

/* What was sent and never read is not waited for by the system, either. */
static void
end (GstEffnetConnections *connections, Connection *c)
{
  GSocket *socket = g_socket_connection_get_socket (c->stream);
  const struct linger at_once = {.l_onoff = 1};

  if (c->ended)
    return;
  c->ended = TRUE;
  connections->n--;
  setsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  g_socket_shutdown (socket, TRUE, TRUE, NULL);
}

/* ---- sources --------------------------------------------------------------------------------- */

static void
stop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* @source: (transfer full) */
static void
start_source (GstEffnetConnections *connections, GSource **where, GSource *source, GSourceFunc func,
              gpointer data)
{
  stop_source (where);
  *where = source;
  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, connections->context);
}

static gboolean
look (gpointer data)
{
  GstEffnetConnections *connections = data;
  gint64 then = g_get_monotonic_time () - GST_EFFNET_CONNECTIONS_SECONDS * G_TIME_SPAN_SECOND;

  for (GList *l = connections->list; l != NULL && ((Connection *)l->data)->since < then;
       l = l->next)
    end (connections, l->data);
  return G_SOURCE_CONTINUE;
}

/* ---- who comes and goes ---------------------------------------------------------------------- */

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
  if (connections->list == NULL && connections->accepts != NULL)
    stop_source (&connections->timer);
}

static void
join (GstEffnetConnections *connections, GSocketConnection *stream)
{
  g_autoptr (GSocketAddress) local = g_socket_connection_get_local_address (stream, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (stream, NULL);
  Connection *c;

  if (local == NULL || remote == NULL) /* it is gone already */
    return;
  for (GList *l = connections->list; l != NULL && connections->n >= GST_EFFNET_CONNECTIONS_MAX;
       l = l->next)
    end (connections, l->data);
  c = g_new (Connection, 1);
  *c = (Connection){stream, g_object_ref (remote), g_get_monotonic_time (), FALSE};
  connections->list = g_list_append (connections->list, c);
  connections->n++;
  g_object_weak_ref (G_OBJECT (stream), leave, connections);
  if (connections->timer == NULL)
    start_source (connections, &connections->timer, g_timeout_source_new_seconds (LOOK_EVERY), look,
                  connections);
  connections->func (G_IO_STREAM (stream), local, remote, connections->owner);
}

static gboolean
try_again (gpointer data)
{
  start_accepting (data);
  return G_SOURCE_REMOVE;
}

static gboolean
accept_some (GSocket *socket, GIOCondition condition, gpointer data)
{
  GstEffnetConnections *connections = data;
  g_autoptr (GError) error = NULL;
  GSocket *accepted = NULL;

  (void)condition;
  for (guint i = 0; i < AT_ONCE && (accepted = g_socket_accept (socket, NULL, &error)); i++) {
    g_autoptr (GSocketConnection) stream = g_socket_connection_factory_create_connection (accepted);

    g_object_unref (accepted);
    join (connections, stream);
  }
  if (error == NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_SOURCE_CONTINUE;
  start_source (connections, &connections->accepts, g_timeout_source_new (PAUSE_FAILED), try_again,
                connections);
  return G_SOURCE_REMOVE;
}

static void
start_accepting (GstEffnetConnections *connections)
{
  start_source (connections, &connections->accepts,
                g_socket_create_source (connections->socket, G_IO_IN, NULL),
                G_SOURCE_FUNC (accept_some), connections);
}

/* ---- life ------------------------------------------------------------------------------------ */

GstEffnetConnections *
gst_effnet_connections_new (GSocket *socket, GstEffnetAcceptFunc func, gpointer owner)
{
  GstEffnetConnections *connections = g_new0 (GstEffnetConnections, 1);

  connections->socket = g_object_ref (socket);
  connections->func = func;
  connections->owner = owner;
  connections->context = g_main_context_get_thread_default ();
  g_socket_set_blocking (socket, FALSE);
  start_accepting (connections);
  return connections;
}

static gboolean
is_time (gpointer late)
{
  *(gboolean *)late = TRUE;
  return G_SOURCE_CONTINUE;
}

void
gst_effnet_connections_free (GstEffnetConnections *connections)
{
  gboolean late = FALSE;

  stop_source (&connections->accepts);
  g_socket_close (connections->socket, NULL);
  for (GList *l = connections->list; l != NULL; l = l->next)
    end (connections, l->data);
  start_source (connections, &connections->timer, g_timeout_source_new_seconds (GOODBYE), is_time,
                &late);
  while (connections->list != NULL && !late)
    g_main_context_iteration (connections->context, TRUE);
  stop_source (&connections->timer);
  while (connections->list != NULL) {
    Connection *c = connections->list->data;

    g_object_weak_unref (G_OBJECT (c->stream), leave, connections);
    leave (connections, G_OBJECT (c->stream));
  }
  g_object_unref (connections->socket);
  g_free (connections);
}

void
gst_effnet_connections_end (GstEffnetConnections *connections, GSocketAddress *remote)
{
  for (GList *l = connections->list; l != NULL; l = l->next) {
    if (((const Connection *)l->data)->remote == remote)
      end (connections, l->data);
  }
}
