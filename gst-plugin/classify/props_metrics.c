/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "classify/props_metrics.h"

enum { METRICS_PORT, METRICS_ADDRESS, METRICS_URL };
#define ADDRESS "127.0.0.1"

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  (void)error; /* is told when it is opened */
  if (index == METRICS_PORT)
    self->metrics.port = g_value_get_int (value);
  else
    gst_effnet_store_string (&self->metrics.address, value);
  return TRUE;
}

static void
get (GstEffnetClassify *self, guint index, GValue *value)
{
  if (index == METRICS_PORT)
    g_value_set_int (value, self->metrics.port);
  else if (index == METRICS_ADDRESS)
    g_value_set_string (value, self->metrics.address != NULL ? self->metrics.address : ADDRESS);
  else if (self->metrics.server != NULL)
    g_value_set_string (value, gst_effnet_metrics_get_url (self->metrics.server));
}

void
gst_effnet_classify_open_metrics (GstEffnetClassify *self)
{
  g_autofree char *address = NULL;
  GstEffnetMetricsServer *server;
  int port;

  GST_OBJECT_LOCK (self);
  port = self->metrics.port;
  address = g_strdup (self->metrics.address != NULL ? self->metrics.address : ADDRESS);
  GST_OBJECT_UNLOCK (self);
  if (port < 0)
    return;
  server = gst_effnet_metrics_serve (GST_ELEMENT (self), address, (guint)port);
  if (server == NULL)
    return;
  GST_OBJECT_LOCK (self);
  self->metrics.server = server;
  GST_OBJECT_UNLOCK (self);
  g_object_notify (G_OBJECT (self), "metrics-url");
}

void
gst_effnet_classify_close_metrics (GstEffnetClassify *self)
{
  GstEffnetMetricsServer *server;

  GST_OBJECT_LOCK (self);
  server = g_steal_pointer (&self->metrics.server);
  GST_OBJECT_UNLOCK (self);
  if (server == NULL)
    return;
  gst_effnet_metrics_close (server);
  g_object_notify (G_OBJECT (self), "metrics-url");
}

static void
install (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + METRICS_PORT,
      g_param_spec_int ("metrics-port", "Metrics port",
                        "TCP port of an HTTP endpoint with /metrics of all elements of the process "
                        "for Prometheus, and /health; 0 = any that is free, -1 = none",
                        -1, 65535, -1, GST_EFFNET_READY_FLAGS));
  g_object_class_install_property (
      klass, first + METRICS_ADDRESS,
      g_param_spec_string ("metrics-address", "Metrics address",
                           "Numeric address it listens on: 127.0.0.1 and ::1 for this machine "
                           "alone, 0.0.0.0 and :: for whoever reaches it, without a password",
                           ADDRESS, GST_EFFNET_READY_FLAGS));
  g_object_class_install_property (
      klass, first + METRICS_URL,
      g_param_spec_string ("metrics-url", "Metrics URL",
                           "Where the metrics are, while they are; also in the element message "
                           "effnetclassify-metrics",
                           NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

const GstEffnetPropertyGroup gst_effnet_metrics_properties = {install, set, get};
