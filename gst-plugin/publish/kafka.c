/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kafka. One idempotent producer, which numbers what it sends, so that a broker takes each message
 * once and in order, however often the connection breaks; there is nothing to be asked back, and no
 * message that a broker has kept for us. librdkafka stops here. */
#include <librdkafka/rdkafka.h>
#include <string.h>

#include "publish/wire.h"

#define ANSWER_MS   1000 /* how long a broker may take to say what it has */
#define TOPIC_BYTES 249  /* Kafka's bound */

/* FALSE: librdkafka does not know it. */
static gboolean
set_option (rd_kafka_conf_t *conf, const char *name, const char *value, char *text, gsize size)
{
  return value == NULL || rd_kafka_conf_set (conf, name, value, text, size) == RD_KAFKA_CONF_OK;
}

/* No broker has decided: this producer is at its end, and what was under way is sent again. */
static gboolean
is_end (rd_kafka_resp_err_t code)
{
  return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
         code == RD_KAFKA_RESP_ERR__FATAL;
}

static void
on_delivery (rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
  guint64 *token = message->_private;

  (void)kafka;
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
    gst_effnet_wire_emit (opaque, GST_EFFNET_LINK_SENT, *token, NULL);
  else if (!is_end (message->err))
    gst_effnet_wire_emit (opaque, GST_EFFNET_LINK_REFUSED, *token, rd_kafka_err2str (message->err));
  g_free (token);
}

/* librdkafka would print. */
static void
on_log (const rd_kafka_t *kafka, int level, const char *facility, const char *text)
{
  (void)kafka, (void)level, (void)facility, (void)text;
}

static rd_kafka_t *
producer_new (GstEffnetLink *link, char *text, gsize size)
{
  const GstEffnetLinkSettings *s = link->settings;
  gboolean has_tls = s->ca_file != NULL || s->cert_file != NULL;
  const char *protocol = has_tls ? (s->address.user != NULL ? "sasl_ssl" : "ssl")
                                 : (s->address.user != NULL ? "sasl_plaintext" : NULL);
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  rd_kafka_t *kafka = NULL;

  rd_kafka_conf_set_dr_msg_cb (conf, on_delivery);
  rd_kafka_conf_set_log_cb (conf, on_log);
  rd_kafka_conf_set_opaque (conf, link);
  if (set_option (conf, "bootstrap.servers", s->address.host, text, size) &&
      set_option (conf, "client.id", s->client_id, text, size) &&
      set_option (conf, "enable.idempotence", "true", text, size) &&
      set_option (conf, "message.timeout.ms", "0", text, size) &&
      set_option (conf, "security.protocol", protocol, text, size) &&
      set_option (conf, "sasl.mechanisms", s->address.user != NULL ? "PLAIN" : NULL, text, size) &&
      set_option (conf, "sasl.username", s->address.user, text, size) &&
      set_option (conf, "sasl.password", s->address.password, text, size) &&
      set_option (conf, "ssl.ca.location", s->ca_file, text, size) &&
      set_option (conf, "ssl.certificate.location", s->cert_file, text, size) &&
      set_option (conf, "ssl.key.location", s->key_file, text, size) &&
      set_option (conf, "ssl.endpoint.identification.algorithm", s->insecure ? "none" : "https",
                  text, size))
    kafka = rd_kafka_new (RD_KAFKA_PRODUCER, conf, text, size);
  if (kafka == NULL)
    rd_kafka_conf_destroy (conf);
  return kafka;
}

/* Letters, digits, _ and -; a dot parts what a slash parts in MQTT. */
static char *
topic_of (const char *topic)
{
  char *name = g_strndup (topic, TOPIC_BYTES);

  for (char *at = name; *at != '\0'; at++) {
    if (*at == '/')
      *at = '.';
    else if (!g_ascii_isalnum (*at) && *at != '-' && *at != '.')
      *at = '_';
  }
  return name;
}

static void
publish (GstEffnetLink *link, rd_kafka_t *kafka, const GstEffnetCall *call)
{
  g_autofree char *topic = topic_of (call->topics[0]);
  guint64 *token = g_memdup2 (&call->token, sizeof call->token);
  gsize size;
  gconstpointer data = g_bytes_get_data (call->data, &size);
  rd_kafka_resp_err_t code = rd_kafka_producev (
      kafka, RD_KAFKA_V_TOPIC (topic), RD_KAFKA_V_MSGFLAGS (RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_KEY (call->key, strlen (call->key)), RD_KAFKA_V_VALUE ((gpointer)data, size),
      RD_KAFKA_V_OPAQUE (token), RD_KAFKA_V_END);

  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  if (!is_end (code))
    gst_effnet_wire_emit (link, GST_EFFNET_LINK_REFUSED, call->token, rd_kafka_err2str (code));
  g_free (token);
}

/* Until a broker answers. FALSE: the end came first. */
static gboolean
reach (GstEffnetLink *link, rd_kafka_t *kafka)
{
  const struct rd_kafka_metadata *about;
  rd_kafka_resp_err_t code;

  while (!gst_effnet_wire_ends (link)) {
    code = rd_kafka_metadata (kafka, 0, NULL, &about, ANSWER_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_metadata_destroy (about);
      gst_effnet_wire_emit_up (link);
      return TRUE;
    }
    gst_effnet_wire_emit (link, GST_EFFNET_LINK_DOWN, 0, rd_kafka_err2str (code));
    gst_effnet_wire_wait (link, -1, 0, ANSWER_MS);
  }
  return FALSE;
}

/* Until the end, or an error that the producer does not recover from. */
static void
stay (GstEffnetLink *link, rd_kafka_t *kafka)
{
  char text[256];

  while (!gst_effnet_wire_ends (link) &&
         rd_kafka_fatal_error (kafka, text, sizeof text) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    GstEffnetCall *call;

    while ((call = gst_effnet_wire_pop (link)) != NULL) {
      if (call->kind == GST_EFFNET_CALL_PUBLISH)
        publish (link, kafka, call);
      gst_effnet_call_free (call);
    }
    rd_kafka_poll (kafka, 0);
    gst_effnet_wire_wait (link, -1, 0, ANSWER_MS);
  }
  if (!gst_effnet_wire_ends (link))
    gst_effnet_wire_emit (link, GST_EFFNET_LINK_DOWN, 1, text);
}

void
gst_effnet_kafka_run (GstEffnetLink *link)
{
  while (!gst_effnet_wire_ends (link)) {
    char text[256] = "";
    rd_kafka_t *kafka = producer_new (link, text, sizeof text);
    rd_kafka_queue_t *queue;

    if (kafka == NULL) {
      gst_effnet_wire_emit (link, GST_EFFNET_LINK_DOWN, 1, text);
      gst_effnet_wire_wait (link, -1, 0, 60 * ANSWER_MS);
      continue;
    }
    queue = rd_kafka_queue_get_main (kafka);
    rd_kafka_queue_io_event_enable (queue, link->wake[1], "", 1);
    if (reach (link, kafka))
      stay (link, kafka);
    rd_kafka_flush (kafka, gst_effnet_wire_has_time (link) ? ANSWER_MS : 0);
    rd_kafka_purge (kafka, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush (kafka, ANSWER_MS);
    rd_kafka_queue_io_event_enable (queue, -1, NULL, 0);
    rd_kafka_queue_destroy (queue);
    rd_kafka_destroy (kafka);
  }
}
