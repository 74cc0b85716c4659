/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish/wire.h"

#include <unistd.h>

void
gst_effnet_call_free (GstEffnetCall *call)
{
  g_strfreev (call->topics);
  g_free (call->key);
  g_clear_pointer (&call->data, g_bytes_unref);
  g_free (call);
}

gboolean
gst_effnet_wire_ends (GstEffnetLink *link)
{
  gboolean ends;

  g_mutex_lock (&link->lock);
  ends = link->ends != 0;
  g_mutex_unlock (&link->lock);
  return ends;
}

gboolean
gst_effnet_wire_has_time (GstEffnetLink *link)
{
  gboolean has;

  g_mutex_lock (&link->lock);
  has = link->ends == 0 || g_get_monotonic_time () < link->ends;
  g_mutex_unlock (&link->lock);
  return has;
}

GstEffnetCall *
gst_effnet_wire_pop (GstEffnetLink *link)
{
  GstEffnetCall *call;

  g_mutex_lock (&link->lock);
  while ((call = g_queue_pop_head (&link->calls)) != NULL && call->connection != link->connection)
    gst_effnet_call_free (call);
  g_mutex_unlock (&link->lock);
  return call;
}

gushort
gst_effnet_wire_wait (GstEffnetLink *link, int fd, gushort events, int timeout_ms)
{
  GPollFD polled[2] = {{link->wake[0], G_IO_IN, 0}, {fd, events, 0}};
  char bytes[64];

  if (g_poll (polled, fd >= 0 ? 2 : 1, timeout_ms) <= 0)
    return 0;
  while (polled[0].revents != 0 && read (link->wake[0], bytes, sizeof bytes) == sizeof bytes)
    continue;
  return fd >= 0 ? polled[1].revents : 0;
}

void
gst_effnet_wire_emit_up (GstEffnetLink *link)
{
  guint64 connection;

  g_mutex_lock (&link->lock);
  connection = ++link->connection;
  g_mutex_unlock (&link->lock);
  gst_effnet_wire_emit (link, GST_EFFNET_LINK_UP, connection, NULL);
}

void
gst_effnet_wire_emit (GstEffnetLink *link, GstEffnetLinkEventKind kind, guint64 token,
                      const char *text)
{
  GstEffnetLinkEvent *event = g_new0 (GstEffnetLinkEvent, 1);

  event->kind = kind;
  event->token = token;
  event->text = g_strdup (text);
  link->func (event, link->data);
}

void
gst_effnet_wire_emit_message (GstEffnetLink *link, const char *topic, gconstpointer payload,
                              gsize size)
{
  GstEffnetLinkEvent *event = g_new0 (GstEffnetLinkEvent, 1);

  event->kind = GST_EFFNET_LINK_MESSAGE;
  event->topic = g_strdup (topic);
  event->payload = g_bytes_new (payload, size);
  link->func (event, link->data);
}
