/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MQTT 3.1.1 and 5. Each connection is a new client with the same id, so that nothing is sent again
 * behind the courier's back: what an earlier connection left open, the courier decides.
 * libmosquitto stops here, and is used by one thread only. */
#include <effnet/effnet.h>
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "publish/wire.h"
#include "text.h"

#define CONNECT_US   (10 * G_USEC_PER_SEC) /* from the first packet to the broker's answer */
#define PAUSE_MIN_MS 500                   /* between two attempts, doubled each time */
#define PAUSE_MAX_MS 15000
#define TICK_MS      250 /* how often libmosquitto looks at its clock */
#define CERTIFICATES "/etc/ssl/certs"
#define PAYLOAD_MAX  (1 << 20) /* bytes of a message that comes in */

typedef struct {
  GstEffnetLink *link;
  struct mosquitto *mosq;
  GHashTable *tokens; /* message id -> guint64 * */
  int answered;       /* a message id whose answer came before its token was known */
  gboolean is_up, connecting, refused;
  gint64 deadline; /* of the connecting */
  char *reason;    /* (nullable): why there is no connection */
} Mqtt;

static void
set_reason (Mqtt *self, const char *reason)
{
  g_free (self->reason);
  self->reason = g_strdup (reason);
}

/* ---- what libmosquitto tells ----------------------------------------------------------------- */

static void
on_connect (struct mosquitto *mosq, void *obj, int code, int flags,
            const mosquitto_property *properties)
{
  Mqtt *self = obj;

  (void)mosq, (void)flags, (void)properties;
  if (code != 0) {
    g_autofree char *text = g_strdup_printf (
        "it answers: %s", self->link->settings->v5 ? mosquitto_reason_string (code)
                                                   : mosquitto_connack_string (code));
    set_reason (self, text);
    self->refused = TRUE;
    return;
  }
  self->is_up = TRUE;
  gst_effnet_wire_emit_up (self->link);
}

static void
on_disconnect (struct mosquitto *mosq, void *obj, int code, const mosquitto_property *properties)
{
  Mqtt *self = obj;

  (void)mosq, (void)properties;
  if (self->reason == NULL && self->is_up)
    set_reason (self, code > 0x80 && self->link->settings->v5 ? mosquitto_reason_string (code)
                                                              : mosquitto_strerror (code));
}

static void
answer (Mqtt *self, GstEffnetLinkEventKind kind, int id, const char *text)
{
  guint64 *token = g_hash_table_lookup (self->tokens, GINT_TO_POINTER (id));

  if (token == NULL) {
    self->answered = id;
    return;
  }
  gst_effnet_wire_emit (self->link, kind, *token, text);
  g_hash_table_remove (self->tokens, GINT_TO_POINTER (id));
}

static void
on_publish (struct mosquitto *mosq, void *obj, int id, int code,
            const mosquitto_property *properties)
{
  (void)mosq, (void)properties;
  if (code >= 0x80)
    answer (obj, GST_EFFNET_LINK_REFUSED, id, mosquitto_reason_string (code));
  else
    answer (obj, GST_EFFNET_LINK_SENT, id, NULL);
}

static void
on_subscribe (struct mosquitto *mosq, void *obj, int id, int n, const int *granted)
{
  (void)mosq, (void)n, (void)granted;
  answer (obj, GST_EFFNET_LINK_SUBSCRIBED, id, NULL);
}

static void
on_unsubscribe (struct mosquitto *mosq, void *obj, int id)
{
  (void)mosq;
  answer (obj, GST_EFFNET_LINK_UNSUBSCRIBED, id, NULL);
}

static void
on_message (struct mosquitto *mosq, void *obj, const struct mosquitto_message *message)
{
  Mqtt *self = obj;

  (void)mosq;
  if (message->payloadlen >= 0 && message->payloadlen <= PAYLOAD_MAX)
    gst_effnet_wire_emit_message (self->link, message->topic, message->payload,
                                  (gsize)message->payloadlen);
}

/* TLS says here what was wrong. */
static void
on_log (struct mosquitto *mosq, void *obj, int level, const char *text)
{
  (void)mosq;
  if (level == MOSQ_LOG_ERR) {
    g_autofree char *shown = gst_effnet_printable (text);
    set_reason (obj, shown);
  }
}

/* ---- connecting ------------------------------------------------------------------------------ */

static int
set_tls (Mqtt *self)
{
  const GstEffnetLinkSettings *s = self->link->settings;
  int code;

  if (s->address.kind != GST_EFFNET_BROKER_MQTTS)
    return MOSQ_ERR_SUCCESS;
  if (s->ca_file == NULL && s->cert_file == NULL)
    code = mosquitto_int_option (self->mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
  else
    code = mosquitto_tls_set (self->mosq, s->ca_file, s->ca_file == NULL ? CERTIFICATES : NULL,
                              s->cert_file, s->key_file, NULL);
  if (code == MOSQ_ERR_SUCCESS && s->insecure)
    code = mosquitto_tls_insecure_set (self->mosq, true);
  return code;
}

static int
set_up (Mqtt *self)
{
  const GstEffnetLinkSettings *s = self->link->settings;
  int code = mosquitto_int_option (self->mosq, MOSQ_OPT_PROTOCOL_VERSION,
                                   s->v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);

  mosquitto_int_option (self->mosq, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_max_inflight_messages_set (self->mosq, 0);
  mosquitto_connect_v5_callback_set (self->mosq, on_connect);
  mosquitto_disconnect_v5_callback_set (self->mosq, on_disconnect);
  mosquitto_publish_v5_callback_set (self->mosq, on_publish);
  mosquitto_subscribe_callback_set (self->mosq, on_subscribe);
  mosquitto_unsubscribe_callback_set (self->mosq, on_unsubscribe);
  mosquitto_message_callback_set (self->mosq, on_message);
  mosquitto_log_callback_set (self->mosq, on_log);
  if (code == MOSQ_ERR_SUCCESS && s->address.user != NULL)
    code = mosquitto_username_pw_set (self->mosq, s->address.user, s->address.password);
  if (code == MOSQ_ERR_SUCCESS && s->will_topic != NULL)
    code = mosquitto_will_set (self->mosq, s->will_topic, (int)strlen (s->will), s->will,
                               s->will_qos, true);
  return code == MOSQ_ERR_SUCCESS ? set_tls (self) : code;
}

/* libmosquitto's own look-up cannot be cancelled: it comes after one that can. */
static gboolean
resolve (Mqtt *self)
{
  g_autoptr (GResolver) resolver = g_resolver_get_default ();
  g_autoptr (GError) error = NULL;
  GList *found = g_resolver_lookup_by_name (resolver, self->link->settings->address.host,
                                            self->link->cancellable, &error);

  g_resolver_free_addresses (found);
  if (found == NULL)
    set_reason (self, error->message);
  return found != NULL;
}

static gboolean
begin (Mqtt *self)
{
  const GstEffnetLinkSettings *s = self->link->settings;
  int code;

  g_clear_pointer (&self->reason, g_free);
  g_hash_table_remove_all (self->tokens);
  self->is_up = self->refused = FALSE;
  if (!resolve (self))
    return FALSE;
  self->mosq = mosquitto_new (s->client_id, true, self);
  code = self->mosq != NULL ? set_up (self) : MOSQ_ERR_NOMEM;
  self->connecting = TRUE;
  self->deadline = g_get_monotonic_time () + CONNECT_US;
  if (code == MOSQ_ERR_SUCCESS)
    code =
        mosquitto_connect_async (self->mosq, s->address.host, s->address.port, (int)s->keepalive);
  if (code == MOSQ_ERR_SUCCESS)
    return TRUE;
  if (self->reason == NULL)
    set_reason (self, code == MOSQ_ERR_ERRNO ? g_strerror (errno) : mosquitto_strerror (code));
  return FALSE;
}

static void
end (Mqtt *self)
{
  g_clear_pointer (&self->mosq, mosquitto_destroy);
  if (!gst_effnet_wire_ends (self->link))
    gst_effnet_wire_emit (self->link, GST_EFFNET_LINK_DOWN, self->refused,
                          self->reason != NULL ? self->reason : "it closed the connection");
  self->is_up = FALSE;
}

/* ---- a connection ---------------------------------------------------------------------------- */

static int
publish (Mqtt *self, const GstEffnetCall *call, int *id)
{
  return mosquitto_publish (self->mosq, id, call->topics[0], (int)g_bytes_get_size (call->data),
                            g_bytes_get_data (call->data, NULL), call->qos, call->retain);
}

static void
perform (Mqtt *self, const GstEffnetCall *call)
{
  int n = (int)g_strv_length (call->topics), id = 0, code;

  self->answered = -1;
  if (call->kind == GST_EFFNET_CALL_PUBLISH)
    code = publish (self, call, &id);
  else if (call->kind == GST_EFFNET_CALL_SUBSCRIBE)
    code = mosquitto_subscribe_multiple (self->mosq, &id, n, call->topics, 0, 0, NULL);
  else
    code = mosquitto_unsubscribe_multiple (self->mosq, &id, n, call->topics, NULL);
  if (code == MOSQ_ERR_SUCCESS && self->answered != id)
    g_hash_table_insert (self->tokens, GINT_TO_POINTER (id),
                         g_memdup2 (&call->token, sizeof call->token));
  else if (code == MOSQ_ERR_SUCCESS) /* QoS 0 */
    gst_effnet_wire_emit (self->link, GST_EFFNET_LINK_SENT, call->token, NULL);
  else if (code != MOSQ_ERR_NO_CONN && code != MOSQ_ERR_CONN_LOST && code != MOSQ_ERR_ERRNO)
    gst_effnet_wire_emit (self->link, GST_EFFNET_LINK_REFUSED, call->token,
                          mosquitto_strerror (code));
}

/* FALSE: the socket is no connection, and says why. */
static gboolean
check_connected (Mqtt *self, int fd)
{
  int error = 0;
  socklen_t length = sizeof error;

  if (!self->connecting)
    return TRUE;
  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error != 0) {
    set_reason (self, g_strerror (error));
    return FALSE;
  }
  self->connecting = FALSE;
  return TRUE;
}

/* All that has come; libmosquitto takes one packet at a time, and TLS may hold more of them. */
static int
read_all (Mqtt *self)
{
  int code = MOSQ_ERR_SUCCESS;

  for (guint i = 0; i < 100 && code == MOSQ_ERR_SUCCESS; i++) {
    errno = 0;
    code = mosquitto_loop_read (self->mosq, 1);
    if (errno == EAGAIN)
      break;
  }
  return code;
}

/* FALSE: the connection is no more. */
static gboolean
turn (Mqtt *self)
{
  int fd = mosquitto_socket (self->mosq), code = MOSQ_ERR_SUCCESS;
  gboolean writes = self->connecting || mosquitto_want_write (self->mosq);
  gushort came =
      gst_effnet_wire_wait (self->link, fd, (gushort)(G_IO_IN | (writes ? G_IO_OUT : 0)), TICK_MS);

  if (came != 0 && !check_connected (self, fd))
    return FALSE;
  if (came & (G_IO_IN | G_IO_HUP | G_IO_ERR))
    code = read_all (self);
  if (code == MOSQ_ERR_SUCCESS && (came & G_IO_OUT))
    code = mosquitto_loop_write (self->mosq, 1);
  if (code == MOSQ_ERR_SUCCESS)
    code = mosquitto_loop_misc (self->mosq);
  if (code == MOSQ_ERR_SUCCESS && !self->is_up && g_get_monotonic_time () > self->deadline) {
    set_reason (self, "it does not answer");
    return FALSE;
  }
  if (code != MOSQ_ERR_SUCCESS && self->reason == NULL)
    set_reason (self, mosquitto_strerror (code));
  return code == MOSQ_ERR_SUCCESS && mosquitto_socket (self->mosq) >= 0;
}

static void
perform_all (Mqtt *self)
{
  GstEffnetCall *call;

  while (self->is_up && (call = gst_effnet_wire_pop (self->link)) != NULL) {
    perform (self, call);
    gst_effnet_call_free (call);
  }
}

static void
stay (Mqtt *self)
{
  gboolean alive = TRUE;

  while (alive && !gst_effnet_wire_ends (self->link)) {
    alive = turn (self);
    if (alive)
      perform_all (self);
  }
  if (!alive || !self->is_up)
    return;
  perform_all (self);
  mosquitto_disconnect (self->mosq);
  while (mosquitto_socket (self->mosq) >= 0 && mosquitto_want_write (self->mosq) &&
         gst_effnet_wire_has_time (self->link)) {
    if (!turn (self))
      break;
  }
}

/* Calls are of a connection; those that come while there is none are dropped. */
static void
pause_for (GstEffnetLink *link, int ms)
{
  gint64 until = g_get_monotonic_time () + (gint64)ms * 1000, now;
  GstEffnetCall *call;

  while (!gst_effnet_wire_ends (link) && (now = g_get_monotonic_time ()) < until) {
    gst_effnet_wire_wait (link, -1, 0, (int)((until - now) / 1000) + 1);
    while ((call = gst_effnet_wire_pop (link)) != NULL)
      gst_effnet_call_free (call);
  }
}

void
gst_effnet_mqtt_run (GstEffnetLink *link)
{
  Mqtt self = {.link = link};
  int pause = PAUSE_MIN_MS;

  self.tokens = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  while (!gst_effnet_wire_ends (link)) {
    gboolean was_up;

    if (begin (&self))
      stay (&self);
    was_up = self.is_up;
    end (&self);
    pause = was_up ? PAUSE_MIN_MS : pause;
    pause_for (link, pause);
    pause = MIN (pause * 2, PAUSE_MAX_MS);
  }
  g_free (self.reason);
  g_hash_table_unref (self.tokens);
}

/* ---- settings -------------------------------------------------------------------------------- */

static gboolean
check_file (const char *path, const char *what, GError **error)
{
  g_autofree char *shown = NULL;

  if (path == NULL || access (path, R_OK) == 0)
    return TRUE;
  shown = gst_effnet_printable (path);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "The %s %s cannot be read: %s", what, shown,
               g_strerror (errno));
  return FALSE;
}

gboolean
gst_effnet_mqtt_check (const GstEffnetLinkSettings *settings, GError **error)
{
  static gsize once;

  if ((settings->cert_file == NULL) != (settings->key_file == NULL)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "cert-file and key-file belong together; one of them is not set");
    return FALSE;
  }
  if (settings->address.kind != GST_EFFNET_BROKER_MQTTS &&
      (settings->ca_file != NULL || settings->cert_file != NULL || settings->insecure)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "The broker is not reached by TLS, but ca-file, cert-file or tls-insecure is set; "
                 "expected an address that begins with mqtts://");
    return FALSE;
  }
  if (!check_file (settings->ca_file, "ca-file", error) ||
      !check_file (settings->cert_file, "cert-file", error) ||
      !check_file (settings->key_file, "key-file", error))
    return FALSE;
  if (g_once_init_enter (&once)) {
    mosquitto_lib_init ();
    g_once_init_leave (&once, 1);
  }
  return TRUE;
}
