/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One table of properties: name, place, and what it is. */
#define _GNU_SOURCE /* O_CLOEXEC */
#include "publish/settings.h"

#include <effnet/effnet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish/topic.h"
#include "text.h"

#define PASSWORD_ENV "EFFNET_MQTT_PASSWORD"
#define PASSWORD_MAX 65535 /* bytes, of MQTT; a token may take thousands */
#define TOPICS                                                                                     \
  (1u << GST_EFFNET_TOPIC_ELEMENT | 1u << GST_EFFNET_TOPIC_REGION | 1u << GST_EFFNET_TOPIC_HEAD |  \
   1u << GST_EFFNET_TOPIC_MODEL)
#define FIXED_TOPICS (1u << GST_EFFNET_TOPIC_HOST | 1u << GST_EFFNET_TOPIC_PUBLISHER)

typedef enum { TEXT, SECRET, ADDRESS, FLAG, CHOICE, NUMBER, COUNT } Kind;

typedef struct {
  const char *name, *nick, *blurb;
  Kind kind;
  gsize at;
  const char *text;         /* by default; of CHOICE its type */
  guint64 value, low, high; /* by default, and bounds */
} Property;

#define AT(member) offsetof (GstEffnetPublishSettings, member)

/* clang-format off */
static const Property properties[] = {
  {"broker", "Broker", "mqtt://HOST:PORT, mqtts://USER@HOST:PORT (TLS) or kafka://HOST:PORT,...; a password "
   "in it cannot be read back", ADDRESS, AT (broker), "mqtt://localhost", 0, 0, 0},
  {"client-id", "Client id", "By which the broker knows this publisher; unset: one that stays with the spool",
   TEXT, AT (client_id), NULL, 0, 0, 0},
  {"user", "User", "Name at the broker; unset: that of broker, if any", TEXT, AT (user), NULL, 0, 0, 0},
  {"password", "Password", "Better: password-file, or the environment's " PASSWORD_ENV, SECRET,
   AT (password), NULL, 0, 0, 0},
  {"password-file", "Password file", "A file whose first line is the password", TEXT, AT (password_file),
   NULL, 0, 0, 0},
  {"ca-file", "CA file", "PEM file of who may vouch for the broker; unset: the system's", TEXT, AT (ca_file),
   NULL, 0, 0, 0},
  {"cert-file", "Certificate file", "PEM file of this client's certificate", TEXT, AT (cert_file), NULL,
   0, 0, 0},
  {"key-file", "Key file", "PEM file of the certificate's key", TEXT, AT (key_file), NULL, 0, 0, 0},
  {"tls-insecure", "TLS insecure", "Take a certificate that is for another host", FLAG, AT (tls_insecure),
   NULL, FALSE, 0, 0},
  {"protocol", "Protocol", "Version of MQTT", CHOICE, AT (protocol), "GstEffnetPublishProtocol", 0, 0, 0},
  {"keepalive", "Keepalive", "Seconds after which a silent connection is tested", COUNT, AT (keepalive), NULL,
   30, 5, 65535},
  {"topic", "Topic", "Where records go; {element}, {region}, {head}, {model}, {host} and {publisher} are "
   "replaced", TEXT, AT (topic), "effnet/{host}/{element}/{region}", 0, 0, 0},
  {"availability-topic", "Availability topic", "Where \"online\" stands while this element runs, else "
   "\"offline\"; {host} and {publisher} are replaced; empty: none", TEXT, AT (availability_topic),
   "effnet/{host}/{publisher}/availability", 0, 0, 0},
  {"element", "Element", "Publish the results of the element of this name only; unset: of all", TEXT,
   AT (element), NULL, 0, 0, 0},
  {"mqtt-qos", "QoS", "MQTT's quality of service of records", CHOICE, AT (qos), "GstEffnetPublishQos", 1, 0, 0},
  {"retain", "Retain", "The broker keeps the newest record of each topic for who comes later", FLAG,
   AT (retain), NULL, TRUE, 0, 0},
  {"records", "Records", "Which results are published", CHOICE, AT (records), "GstEffnetPublishRecords",
   GST_EFFNET_RECORDS_CHANGE, 0, 0},
  {"heartbeat", "Heartbeat", "A state that does not change is told again after this time, while frames come "
   "(ns; 0: never)", NUMBER, AT (heartbeat), NULL, 60 * GST_SECOND, 0, G_MAXINT64},
  {"discovery", "Discovery", "Announce each region to Home Assistant", FLAG, AT (discovery), NULL, FALSE, 0, 0},
  {"discovery-prefix", "Discovery prefix", "Where Home Assistant looks for what is announced", TEXT,
   AT (discovery_prefix), "homeassistant", 0, 0, 0},
  {"thumbnails", "Thumbnails", "With each change of state a JPEG of the part goes to its topic with /picture; of "
   "raw video and JPEG", FLAG, AT (thumbnails), NULL, FALSE, 0, 0},
  {"thumbnail-size", "Thumbnail size", "Pixels of the longer side of pictures of raw video; JPEGs go as they came",
   COUNT, AT (thumbnail_size), NULL, 320, 16, 4096},
  {"spool", "Spool", "File for records that wait for the broker, which also outlast this process; unset: "
   "in memory", TEXT, AT (spool), NULL, 0, 0, 0},
  {"spool-max-records", "Spool records", "One more takes the place of the oldest", NUMBER,
   AT (spool_max_records), NULL, 100000, 1, G_MAXINT64},
  {"spool-max-bytes", "Spool bytes", "The same in bytes of topics and records", NUMBER, AT (spool_max_bytes),
   NULL, 64 << 20, 1024, G_MAXINT64},
  {"drain-timeout", "Drain timeout", "How long a stop waits for what is under way to the broker (ns)", NUMBER,
   AT (drain_timeout), NULL, 2 * GST_SECOND, 0, 60 * GST_SECOND},
};
/* clang-format on */

/* ---- properties ------------------------------------------------------------------------------ */

static void
register_choices (void)
{
  static const GEnumValue protocols[] = {
      {0, "MQTT 3.1.1", "3.1.1"}, {1, "MQTT 5", "5"}, {0, NULL, NULL}};
  static const GEnumValue qualities[] = {{0, "At most once", "0"},
                                         {1, "Acknowledged", "1"},
                                         {2, "Acknowledged twice", "2"},
                                         {0, NULL, NULL}};
  static const GEnumValue records[] = {
      {GST_EFFNET_RECORDS_CHANGE, "A state that is another one, and heartbeats", "change"},
      {GST_EFFNET_RECORDS_FRESH, "Each result, once", "fresh"},
      {GST_EFFNET_RECORDS_ALL, "Results on every frame, repeated ones too", "all"},
      {0, NULL, NULL}};
  static gsize once;

  if (g_once_init_enter (&once)) {
    gst_type_mark_as_plugin_api (g_enum_register_static ("GstEffnetPublishProtocol", protocols), 0);
    gst_type_mark_as_plugin_api (g_enum_register_static ("GstEffnetPublishQos", qualities), 0);
    gst_type_mark_as_plugin_api (g_enum_register_static ("GstEffnetPublishRecords", records), 0);
    g_once_init_leave (&once, 1);
  }
}

static GParamSpec *
spec_of (const Property *p)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  switch (p->kind) {
  case SECRET:
    return g_param_spec_string (p->name, p->nick, p->blurb, NULL, flags & ~G_PARAM_READABLE);
  case FLAG:
    return g_param_spec_boolean (p->name, p->nick, p->blurb, p->value != 0, flags);
  case CHOICE:
    return g_param_spec_enum (p->name, p->nick, p->blurb, g_type_from_name (p->text),
                              (gint)p->value, flags);
  case NUMBER:
    return g_param_spec_uint64 (p->name, p->nick, p->blurb, p->low, p->high, p->value, flags);
  case COUNT:
    return g_param_spec_uint (p->name, p->nick, p->blurb, (guint)p->low, (guint)p->high,
                              (guint)p->value, flags);
  default:
    return g_param_spec_string (p->name, p->nick, p->blurb, p->text, flags);
  }
}

guint
gst_effnet_publish_install (GObjectClass *klass, guint first)
{
  register_choices ();
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    g_object_class_install_property (klass, first + i, spec_of (&properties[i]));
  return first + G_N_ELEMENTS (properties);
}

static gpointer
place_of (const GstEffnetPublishSettings *settings, guint index)
{
  return (char *)settings + properties[index].at;
}

void
gst_effnet_publish_set (GstEffnetPublishSettings *settings, guint index, const GValue *value)
{
  gpointer at = place_of (settings, index);

  switch (properties[index].kind) {
  case FLAG:
    *(gboolean *)at = g_value_get_boolean (value);
    break;
  case CHOICE:
    *(gint *)at = g_value_get_enum (value);
    break;
  case NUMBER:
    *(guint64 *)at = g_value_get_uint64 (value);
    break;
  case COUNT:
    *(guint *)at = g_value_get_uint (value);
    break;
  default:
    g_free (*(char **)at);
    *(char **)at = g_value_dup_string (value);
  }
}

void
gst_effnet_publish_get (const GstEffnetPublishSettings *settings, guint index, GValue *value)
{
  gconstpointer at = place_of (settings, index);

  switch (properties[index].kind) {
  case FLAG:
    g_value_set_boolean (value, *(const gboolean *)at);
    break;
  case CHOICE:
    g_value_set_enum (value, *(const gint *)at);
    break;
  case NUMBER:
    g_value_set_uint64 (value, *(const guint64 *)at);
    break;
  case COUNT:
    g_value_set_uint (value, *(const guint *)at);
    break;
  case ADDRESS:
    if (*(char *const *)at != NULL)
      g_value_take_string (value, gst_effnet_address_hide_password (*(char *const *)at));
    break;
  default:
    g_value_set_string (value, *(char *const *)at);
  }
}

void
gst_effnet_publish_settings_init (GstEffnetPublishSettings *settings, GObjectClass *klass)
{
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    gst_effnet_publish_set (
        settings, i,
        g_param_spec_get_default_value (g_object_class_find_property (klass, properties[i].name)));
}

void
gst_effnet_publish_settings_clear (GstEffnetPublishSettings *settings)
{
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    if (properties[i].kind <= ADDRESS)
      g_clear_pointer ((char **)place_of (settings, i), g_free);
  }
}

/* ---- what the rooms need --------------------------------------------------------------------- */

/* Returns: NULL for NULL and "" */
static char *
dup_text (const char *text)
{
  return text != NULL && *text != '\0' ? g_strdup (text) : NULL;
}

/* Whoever reads a pipe or a device waits for what may never come. */
static gboolean
check_files (const GstEffnetPublishSettings *s, GError **error)
{
  const struct {
    const char *property, *path;
  } files[] = {{"spool", s->spool},
               {"password-file", s->password_file},
               {"ca-file", s->ca_file},
               {"cert-file", s->cert_file},
               {"key-file", s->key_file}};
  GStatBuf info;

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *shown = gst_effnet_printable (gst_effnet_or_empty (files[i].path));

    if (*shown == '\0' || g_stat (files[i].path, &info) != 0 || S_ISREG (info.st_mode))
      continue; /* what is missing is named by whoever opens it */
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "%s %s is %s; expected an ordinary file",
                 files[i].property, shown,
                 S_ISDIR (info.st_mode) ? "a folder" : "a pipe, socket or device");
    return FALSE;
  }
  return TRUE;
}

static gboolean
read_password (const char *path, char **password, GError **error)
{
  g_autofree char *shown = gst_effnet_printable (path), *text = g_malloc (PASSWORD_MAX + 2);
  int file = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  gssize n = file >= 0 ? read (file, text, PASSWORD_MAX + 1) : -1;

  if (n < 0)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "The password-file %s cannot be read: %s",
                 shown, g_strerror (errno));
  if (file >= 0)
    close (file);
  if (n < 0)
    return FALSE;
  text[n] = '\0';
  text[strcspn (text, "\r\n")] = '\0';
  if (strlen (text) > PASSWORD_MAX) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "The first line of password-file %s has more than the %d bytes that MQTT allows",
                 shown, PASSWORD_MAX);
    return FALSE;
  }
  *password = g_strdup (text);
  return TRUE;
}

/* The first of: the property, the file, what stands in the address, the environment. */
static gboolean
resolve_login (const GstEffnetPublishSettings *s, GstEffnetAddress *address, GError **error)
{
  if (s->user != NULL) {
    g_free (address->user);
    address->user = dup_text (s->user);
  }
  if (s->password != NULL || s->password_file != NULL)
    g_clear_pointer (&address->password, g_free);
  if (s->password != NULL)
    address->password = g_strdup (s->password);
  else if (s->password_file != NULL && !read_password (s->password_file, &address->password, error))
    return FALSE;
  if (address->user != NULL && address->password == NULL)
    address->password = g_strdup (g_getenv (PASSWORD_ENV));
  if (address->user != NULL || (s->password == NULL && s->password_file == NULL))
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "There is a password without a user; set user, or name it in broker: "
               "mqtt://USER@HOST");
  return FALSE;
}

static void
resolve_availability (const GstEffnetPublishSettings *s, const char *name,
                      GstEffnetCourierSettings *courier)
{
  const char *names[GST_EFFNET_TOPIC_N_NAMES] = {
      [GST_EFFNET_TOPIC_HOST] = g_get_host_name (), [GST_EFFNET_TOPIC_PUBLISHER] = name};

  if (s->availability_topic == NULL || *s->availability_topic == '\0' ||
      courier->link.address.kind == GST_EFFNET_BROKER_KAFKA)
    return;
  courier->link.will_topic = gst_effnet_topic_expand (s->availability_topic, names);
  courier->link.will = g_strdup ("offline");
  courier->link.will_qos = MIN (s->qos, 1); /* the last word has no time for a second answer */
  courier->birth = g_strdup ("online");
}

static void
resolve_extras (const GstEffnetPublishSettings *s, GstEffnetCourierSettings *courier)
{
  GstEffnetDiscoverySettings *discovery = &courier->discovery;

  courier->thumbnail_side = s->thumbnails ? s->thumbnail_size : 0;
  if (!s->discovery || courier->link.address.kind == GST_EFFNET_BROKER_KAFKA)
    return;
  discovery->prefix = dup_text (s->discovery_prefix);
  discovery->availability = courier->link.will_topic;
  discovery->pictures = s->thumbnails;
  discovery->qos = s->qos;
  if (s->records == GST_EFFNET_RECORDS_CHANGE) /* three heartbeats that are missing */
    discovery->expire_s =
        (guint)MIN (gst_util_uint64_scale_ceil (s->heartbeat, 3, GST_SECOND), 1u << 30);
}

static gboolean
check_topics (const GstEffnetPublishSettings *s, GError **error)
{
  return gst_effnet_topic_check (s->topic != NULL ? s->topic : "", TOPICS | FIXED_TOPICS, "topic",
                                 error) &&
         (s->availability_topic == NULL || *s->availability_topic == '\0' ||
          gst_effnet_topic_check (s->availability_topic, FIXED_TOPICS, "availability-topic",
                                  error)) &&
         (s->discovery_prefix == NULL || *s->discovery_prefix == '\0' ||
          gst_effnet_topic_check (s->discovery_prefix, 0, "discovery-prefix", error));
}

gboolean
gst_effnet_publish_resolve (const GstEffnetPublishSettings *s, const char *name,
                            GstEffnetCourierSettings *courier, GstEffnetNewsSettings *news,
                            GError **error)
{
  *courier = (GstEffnetCourierSettings){.spool_max_rows = s->spool_max_records,
                                        .spool_max_bytes = s->spool_max_bytes,
                                        .qos = s->qos,
                                        .retain = s->retain};
  *news =
      (GstEffnetNewsSettings){.records = (GstEffnetRecords)s->records, .heartbeat = s->heartbeat};
  if (!check_topics (s, error) || !check_files (s, error) ||
      !gst_effnet_address_parse (&courier->link.address, s->broker != NULL ? s->broker : "",
                                 error) ||
      !resolve_login (s, &courier->link.address, error)) {
    gst_effnet_publish_resolved_clear (courier, news);
    return FALSE;
  }
  courier->link.client_id = dup_text (s->client_id);
  courier->link.v5 = s->protocol == 1;
  courier->link.keepalive = s->keepalive;
  courier->link.ca_file = dup_text (s->ca_file);
  courier->link.cert_file = dup_text (s->cert_file);
  courier->link.key_file = dup_text (s->key_file);
  courier->link.insecure = s->tls_insecure;
  courier->spool = dup_text (s->spool);
  resolve_availability (s, name, courier);
  resolve_extras (s, courier);
  news->topic = g_strdup (s->topic);
  news->element = dup_text (s->element);
  news->publisher = g_strdup (name);
  return TRUE;
}

void
gst_effnet_publish_resolved_clear (GstEffnetCourierSettings *courier, GstEffnetNewsSettings *news)
{
  gst_effnet_address_clear (&courier->link.address);
  g_clear_pointer (&courier->link.client_id, g_free);
  g_clear_pointer (&courier->link.ca_file, g_free);
  g_clear_pointer (&courier->link.cert_file, g_free);
  g_clear_pointer (&courier->link.key_file, g_free);
  g_clear_pointer (&courier->link.will_topic, g_free);
  g_clear_pointer (&courier->link.will, g_free);
  g_clear_pointer (&courier->birth, g_free);
  g_clear_pointer (&courier->discovery.prefix, g_free);
  g_clear_pointer (&courier->spool, g_free);
  g_clear_pointer (&news->topic, g_free);
  g_clear_pointer (&news->element, g_free);
  g_clear_pointer (&news->publisher, g_free);
}
