/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish/address.h"

#include <effnet/effnet.h>
#include <string.h>

#include "text.h"

static const struct {
  const char *scheme;
  int port;
} kinds[] = {
    [GST_EFFNET_BROKER_MQTT] = {"mqtt", 1883},
    [GST_EFFNET_BROKER_MQTTS] = {"mqtts", 8883},
    [GST_EFFNET_BROKER_KAFKA] = {"kafka", 9092},
};

char *
gst_effnet_address_hide_password (const char *text)
{
  const char *scheme = strstr (text, "://");
  const char *begin = scheme != NULL ? scheme + 3 : text, *at = strrchr (begin, '@');
  const char *colon = at != NULL ? memchr (begin, ':', (gsize)(at - begin)) : NULL;

  if (colon == NULL)
    return g_strdup (text);
  return g_strdup_printf ("%.*s%s", (int)(colon - text), text, at);
}

static gboolean
refuse (const char *text, const char *what, GError **error)
{
  g_autofree char *hidden = gst_effnet_address_hide_password (text);
  g_autofree char *shown = gst_effnet_printable (hidden);

  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "The broker \"%s\" %s; expected mqtt://HOST, mqtts://USER@HOST:PORT, or "
               "kafka://HOST:PORT,HOST:PORT",
               shown, what);
  return FALSE;
}

static gboolean
read_kind (GstEffnetAddress *address, const char *scheme)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    if (g_strcmp0 (scheme, kinds[i].scheme) == 0) {
      address->kind = (GstEffnetBrokerKind)i;
      address->port = kinds[i].port;
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
parse_kafka (GstEffnetAddress *address, const char *list, const char *text, GError **error)
{
  if (*list == '\0' || strpbrk (list, "@/?# \t\n") != NULL)
    return refuse (text, "is no list of HOST:PORT", error);
  address->host = g_strdup (list);
  return TRUE;
}

gboolean
gst_effnet_address_parse (GstEffnetAddress *address, const char *text, GError **error)
{
  g_autofree char *whole =
      strstr (text, "://") != NULL ? g_strdup (text) : g_strconcat ("mqtt://", text, NULL);
  g_autofree char *scheme = g_uri_parse_scheme (whole), *path = NULL, *host = NULL;
  g_autofree char *user = NULL, *password = NULL, *query = NULL, *fragment = NULL;
  int port = -1;

  *address = (GstEffnetAddress){.port = 0};
  if (!read_kind (address, scheme))
    return refuse (text, "has a scheme that is unknown here", error);
  if (address->kind == GST_EFFNET_BROKER_KAFKA)
    return parse_kafka (address, strstr (whole, "://") + 3, text, error);
  if (!g_uri_split_with_user (whole, G_URI_FLAGS_HAS_PASSWORD, NULL, &user, &password, NULL, &host,
                              &port, &path, &query, &fragment, NULL))
    return refuse (text, "cannot be read", error);
  if (host == NULL || *host == '\0')
    return refuse (text, "names no host", error);
  if (strchr (host, '@') != NULL)
    return refuse (text, "has more than one @ (in a password it is written %40)", error);
  for (const char *c = host; *c != '\0'; c++) {
    if ((guchar)*c <= ' ' || *c == 0x7f)
      return refuse (text, "names a host that cannot be", error);
  }
  if (g_strcmp0 (path, "/") > 0 || query != NULL || fragment != NULL)
    return refuse (text, "has a path, which brokers do not", error);
  if (port == 0)
    return refuse (text, "has the port 0", error);
  if (port > 0)
    address->port = port;
  address->host = g_steal_pointer (&host);
  address->user = g_steal_pointer (&user);
  address->password = g_steal_pointer (&password);
  return TRUE;
}

void
gst_effnet_address_clear (GstEffnetAddress *address)
{
  g_clear_pointer (&address->host, g_free);
  g_clear_pointer (&address->user, g_free);
  g_clear_pointer (&address->password, g_free);
}

char *
gst_effnet_address_show (const GstEffnetAddress *address)
{
  gboolean v6 = strchr (address->host, ':') != NULL;

  if (address->kind == GST_EFFNET_BROKER_KAFKA)
    return g_strconcat (kinds[address->kind].scheme, "://", address->host, NULL);
  return g_strdup_printf (v6 ? "%s://[%s]:%d" : "%s://%s:%d", kinds[address->kind].scheme,
                          address->host, address->port);
}

char *
gst_effnet_address_advise (const GstEffnetAddress *address, gboolean answered)
{
  if (answered)
    return g_strdup ("check user, password and client-id, and what the broker's log says");
  if (address->kind == GST_EFFNET_BROKER_KAFKA)
    return g_strdup ("is it running there?");
  return g_strdup_printf ("is it running there (mosquitto -v)? Try: mosquitto_pub -h %s -p %d%s "
                          "-t test -m hello",
                          address->host, address->port,
                          address->kind == GST_EFFNET_BROKER_MQTTS ? " --capath /etc/ssl/certs"
                                                                   : "");
}
