/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a broker is: mqtt://, mqtts:// and kafka:// with user, password, host and port. The
 * invariant: a text made for people or logs never has the password. */
#ifndef GST_EFFNET_PUBLISH_ADDRESS_H
#define GST_EFFNET_PUBLISH_ADDRESS_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_BROKER_MQTT,
  GST_EFFNET_BROKER_MQTTS, /* over TLS */
  GST_EFFNET_BROKER_KAFKA,
} GstEffnetBrokerKind;

typedef struct {
  GstEffnetBrokerKind kind;
  char *host;            /* of Kafka, what stands behind the scheme: a list of HOST:PORT */
  int port;              /* 1..65535 */
  char *user, *password; /* (nullable) */
} GstEffnetAddress;

/* Reads "mqtt://user:password@host:port", or a part of it: the scheme mqtt, no user, and the
 * scheme's port are the defaults. FALSE with EFFNET_ERROR_ARGUMENT; nothing is to be cleared then.
 */
gboolean gst_effnet_address_parse (GstEffnetAddress *address, const char *text, GError **error);
void gst_effnet_address_clear (GstEffnetAddress *address);
/* Returns: "mqtt://host:port"; free with g_free() */
char *gst_effnet_address_show (const GstEffnetAddress *address);
/* Returns: what a person can do when there is no connection; free with g_free(). @answered: the
 * broker said no itself */
char *gst_effnet_address_advise (const GstEffnetAddress *address, gboolean answered);
/* Returns: @text without what may be a password in it; free with g_free() */
char *gst_effnet_address_hide_password (const char *text);

G_END_DECLS

#endif
