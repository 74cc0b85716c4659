/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The endpoint: libsoup in a thread and a context of its own, of low priority. What it answers is
 * made once in CACHED, however often it is asked for. */
#include "metrics/connections.h"
#include "metrics/metrics.h"
#include "metrics/registry.h"
#include "metrics/soup.h"
#include "nice.h"

#include <string.h>
#include <sys/socket.h>

#define CACHED      (100 * G_TIME_SPAN_MILLISECOND)
#define REQUEST_MAX 256  /* bytes of a path and query that are looked at */
#define BODY_MAX    4096 /* bytes of a request's body, which nobody reads */
#define PATIENCE    (300 * G_TIME_SPAN_MILLISECOND) /* with the end of the thread */
#define BACKLOG     1024                            /* connections that wait to be accepted */
#define TEXT        "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct _GstEffnetMetricsServer {
  char *key; /* "ADDRESS PORT", the port as it was asked for */
  char *url;
  guint refs;           /* under the lock: elements that opened it */
  gatomicrefcount ends; /* who frees it last: the thread, or whoever stops that */
  GSocket *socket;
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  GMutex end_lock;
  GCond ended;
  gboolean has_ended; /* under its lock */

  /* the thread's */
  SoupServer *http;
  GstEffnetConnections *connections;
  gint64 made_at;    /* monotonic time; 0 = never */
  GBytes *answer[2]; /* Prometheus' own form, OpenMetrics */
};

static const GstEffnetSoup *soup; /* loaded, with the lock, before the first thread of these */
static GMutex lock;
static GList *servers; /* of GstEffnetMetricsServer */

/* ---- answers --------------------------------------------------------------------------------- */

/* For one request a connection: libsoup 3.2 leaks those that stay and that the client closes. */
static void
respond (SoupServerMessage *message, guint status, const char *type, GBytes *body)
{
  SoupMessageHeaders *headers = soup->server_message_get_response_headers (message);

  soup->server_message_set_status (message, status, NULL);
  soup->message_headers_replace (headers, "Connection", "close");
  soup->message_headers_replace (headers, "Content-Type", type);
  soup->message_headers_replace (headers, "Cache-Control", "no-store");
  soup->message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  soup->message_body_append_bytes (soup->server_message_get_response_body (message), body);
}

/* @text: one sentence */
static void
say (SoupServerMessage *message, guint status, const char *text)
{
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  g_autoptr (GBytes) body = g_bytes_new (line, strlen (line));

  respond (message, status, "text/plain; charset=utf-8", body);
}

/* Of what the client accepts, by its weights; whoever asks for neither gets Prometheus' own. */
static gboolean
wants_openmetrics (SoupServerMessage *message)
{
  const char *accept =
      soup->message_headers_get_list (soup->server_message_get_request_headers (message), "Accept");
  GSList *types = accept != NULL ? soup->header_parse_quality_list (accept, NULL) : NULL;
  gboolean found = FALSE, openmetrics = FALSE;

  for (GSList *l = types; l != NULL && !found; l = l->next) {
    const char *type = l->data;

    openmetrics = g_ascii_strncasecmp (type, OPENMETRICS, strcspn (OPENMETRICS, ";")) == 0;
    found = openmetrics || g_ascii_strncasecmp (type, "text/", 5) == 0 || *type == '*';
  }
  soup->header_free_list (types);
  return openmetrics;
}

static void
answer_metrics (GstEffnetMetricsServer *server, SoupServerMessage *message)
{
  gint64 now = g_get_monotonic_time ();
  gboolean openmetrics = wants_openmetrics (message);

  if (server->made_at == 0 || now - server->made_at >= CACHED) {
    g_autoptr (GstEffnetExposition) exposition = gst_effnet_registry_collect ();

    for (guint i = 0; i < 2; i++) {
      g_clear_pointer (&server->answer[i], g_bytes_unref);
      server->answer[i] = gst_effnet_exposition_render (exposition, i == 1);
    }
    server->made_at = now;
  }
  soup->message_headers_replace (soup->server_message_get_response_headers (message), "Vary",
                                 "Accept");
  respond (message, SOUP_STATUS_OK, openmetrics ? OPENMETRICS : TEXT, server->answer[openmetrics]);
}

/* With "?max-age=SECONDS" a stream that stands still is a failure. */
static void
answer_health (SoupServerMessage *message, GHashTable *query)
{
  const char *text = query != NULL ? g_hash_table_lookup (query, "max-age") : NULL;
  g_autofree char *complaint = NULL;
  char *end = NULL;
  double seconds = text != NULL ? g_ascii_strtod (text, &end) : 0;

  if (text != NULL && (*text == '\0' || *end != '\0' || !(seconds > 0 && seconds < 1e9))) {
    say (message, SOUP_STATUS_BAD_REQUEST,
         "max-age is a number of seconds, as in /health?max-age=30");
    return;
  }
  if (text != NULL)
    complaint = gst_effnet_registry_complain ((GstClockTime)(seconds * 1e9));
  say (message, complaint != NULL ? SOUP_STATUS_SERVICE_UNAVAILABLE : SOUP_STATUS_OK,
       complaint != NULL ? complaint : "ok");
}

static void
answer (SoupServer *http, SoupServerMessage *message, const char *path, GHashTable *query,
        gpointer data)
{
  (void)http;
  if (strcmp (path, "/metrics") == 0)
    answer_metrics (data, message);
  else if (strcmp (path, "/health") == 0)
    answer_health (message, query);
  else
    say (message, SOUP_STATUS_NOT_FOUND, "There are /metrics and /health here.");
}

/* A body is not kept; one that is long, or of unknown length, ends the connection. */
static gboolean
has_large_body (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup->server_message_get_request_headers (message);
  goffset length = soup->message_headers_get_content_length (headers);

  soup->message_body_set_accumulate (soup->server_message_get_request_body (message), FALSE);
  return soup->message_headers_get_encoding (headers) == SOUP_ENCODING_CHUNKED || length < 0 ||
         length > BODY_MAX;
}

/* When the headers are read, before there is a body. */
static void
check (SoupServer *http, SoupServerMessage *message, const char *path, GHashTable *query,
       gpointer data)
{
  GstEffnetMetricsServer *server = data;
  const char *method = soup->server_message_get_method (message);
  const char *search = g_uri_get_query (soup->server_message_get_uri (message));

  (void)http;
  (void)query;
  if (has_large_body (message)) {
    say (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "Requests have no body here.");
    gst_effnet_connections_end (server->connections,
                                soup->server_message_get_remote_address (message));
  } else if (strcmp (method, "GET") != 0 && strcmp (method, "HEAD") != 0) {
    soup->message_headers_replace (soup->server_message_get_response_headers (message), "Allow",
                                   "GET, HEAD");
    say (message, SOUP_STATUS_METHOD_NOT_ALLOWED, "Only GET and HEAD are answered.");
  } else if (strlen (path) + (search != NULL ? strlen (search) : 0) > REQUEST_MAX) {
    say (message, SOUP_STATUS_REQUEST_URI_TOO_LONG, "The path is too long.");
  }
}

/* ---- thread ---------------------------------------------------------------------------------- */

static void
server_unref (GstEffnetMetricsServer *server)
{
  if (!g_atomic_ref_count_dec (&server->ends))
    return;
  for (guint i = 0; i < 2; i++)
    g_clear_pointer (&server->answer[i], g_bytes_unref);
  g_clear_object (&server->socket);
  g_clear_pointer (&server->loop, g_main_loop_unref);
  g_clear_pointer (&server->context, g_main_context_unref);
  g_mutex_clear (&server->end_lock);
  g_cond_clear (&server->ended);
  g_free (server->url);
  g_free (server->key);
  g_free (server);
}

static void
take_over (GIOStream *stream, GSocketAddress *local, GSocketAddress *remote, gpointer owner)
{
  const GstEffnetMetricsServer *server = owner;

  soup->server_accept_iostream (server->http, stream, local, remote, NULL);
}

static gpointer
run (gpointer data)
{
  GstEffnetMetricsServer *server = data;

  gst_effnet_be_nice ();
  g_main_context_push_thread_default (server->context);
  server->http = soup->server_new (NULL, NULL);
  soup->server_add_early_handler (server->http, NULL, check, server, NULL);
  soup->server_add_handler (server->http, NULL, answer, server, NULL);
  server->connections = gst_effnet_connections_new (server->socket, take_over, server);
  g_main_loop_run (server->loop);
  soup->server_disconnect (server->http);
  gst_effnet_connections_free (server->connections);
  g_object_unref (server->http);
  g_main_context_pop_thread_default (server->context);
  g_mutex_lock (&server->end_lock);
  server->has_ended = TRUE;
  g_cond_signal (&server->ended);
  g_mutex_unlock (&server->end_lock);
  server_unref (server);
  return NULL;
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

/* The port is free on return. The thread, of low priority, may need longer where the CPUs are busy:
 * then it is left to end by itself. */
static void
stop (GstEffnetMetricsServer *server)
{
  GSource *source = g_idle_source_new (); /* the loop may not have begun to run */
  gint64 end = g_get_monotonic_time () + PATIENCE;
  gboolean ended;

  shutdown (g_socket_get_fd (server->socket), SHUT_RDWR);
  g_source_set_callback (source, quit, server->loop, NULL);
  g_source_attach (source, server->context);
  g_source_unref (source);
  g_mutex_lock (&server->end_lock);
  while (!server->has_ended && g_cond_wait_until (&server->ended, &server->end_lock, end))
    ;
  ended = server->has_ended;
  g_mutex_unlock (&server->end_lock);
  if (ended)
    g_thread_join (server->thread);
  else
    g_thread_unref (server->thread);
  server_unref (server);
}

/* ---- opening --------------------------------------------------------------------------------- */

static gboolean
listen_at (GstEffnetMetricsServer *server, const char *address, guint port, GError **error)
{
  g_autoptr (GSocketAddress) wanted = g_inet_socket_address_new_from_string (address, port);
  g_autoptr (GSocketAddress) got = NULL;

  if (wanted == NULL) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "\"%s\" is no numeric address",
                 address);
    return FALSE;
  }
  server->socket = g_socket_new (g_socket_address_get_family (wanted), G_SOCKET_TYPE_STREAM,
                                 G_SOCKET_PROTOCOL_TCP, error);
  if (server->socket == NULL)
    return FALSE;
  g_socket_set_listen_backlog (server->socket, BACKLOG);
  if (!g_socket_bind (server->socket, wanted, TRUE, error) ||
      !g_socket_listen (server->socket, error))
    return FALSE;
  got = g_socket_get_local_address (server->socket, error);
  if (got == NULL)
    return FALSE;
  server->url = g_strdup_printf (
      strchr (address, ':') != NULL ? "http://[%s]:%u/metrics" : "http://%s:%u/metrics", address,
      g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (got)));
  return TRUE;
}

/* Returns: (transfer full) (nullable) */
static GstEffnetMetricsServer *
server_new (const char *key, const char *address, guint port, GError **error)
{
  GstEffnetMetricsServer *server = g_new0 (GstEffnetMetricsServer, 1);

  server->key = g_strdup (key);
  server->refs = 1;
  g_atomic_ref_count_init (&server->ends);
  g_mutex_init (&server->end_lock);
  g_cond_init (&server->ended);
  if (listen_at (server, address, port, error)) {
    server->context = g_main_context_new ();
    server->loop = g_main_loop_new (server->context, FALSE);
    g_atomic_ref_count_inc (&server->ends);
    server->thread = g_thread_try_new ("effnet-metrics", run, server, error);
    if (server->thread == NULL)
      server_unref (server);
  }
  if (server->thread == NULL)
    g_clear_pointer (&server, server_unref);
  return server;
}

GstEffnetMetricsServer *
gst_effnet_metrics_open (const char *address, guint port, GError **error)
{
  const char *numeric = strcmp (address, "localhost") == 0 ? "127.0.0.1" : address;
  g_autofree char *key = g_strdup_printf ("%s %u", numeric, port);
  GstEffnetMetricsServer *server = NULL;

  g_mutex_lock (&lock);
  if (soup == NULL)
    soup = gst_effnet_soup_load (error);
  for (GList *l = servers; l != NULL && server == NULL; l = l->next) {
    if (g_str_equal (((GstEffnetMetricsServer *)l->data)->key, key))
      server = l->data;
  }
  if (server != NULL) {
    server->refs++;
  } else if (soup != NULL) {
    server = server_new (key, numeric, port, error);
    if (server != NULL)
      servers = g_list_append (servers, server);
  }
  g_mutex_unlock (&lock);
  return server;
}

void
gst_effnet_metrics_close (GstEffnetMetricsServer *server)
{
  gboolean last;

  if (server == NULL)
    return;
  g_mutex_lock (&lock);
  last = --server->refs == 0;
  if (last)
    servers = g_list_remove (servers, server);
  if (last) /* still with the lock: who opens it anew finds the port free */
    stop (server);
  g_mutex_unlock (&lock);
}

const char *
gst_effnet_metrics_get_url (const GstEffnetMetricsServer *server)
{
  return server->url;
}
