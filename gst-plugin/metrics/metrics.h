/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counters of all elements of the process for Prometheus, and the HTTP endpoint that shows them.
 * The invariants: an element that has joined is shown until it leaves, and never after; no thread
 * of a stream waits for a request. Without libsoup elements join nothing, and no endpoint opens. */
#ifndef GST_EFFNET_METRICS_METRICS_H
#define GST_EFFNET_METRICS_METRICS_H

#include <gio/gio.h>
#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _GstEffnetMetricsServer GstEffnetMetricsServer;

/* Opens an endpoint for @element, and posts a message "NAME-metrics" with its `url`, where NAME is
 * the factory's, or a warning. Returns: (transfer full) (nullable): as gst_effnet_metrics_open() */
GstEffnetMetricsServer *gst_effnet_metrics_serve (GstElement *element, const char *address,
                                                  guint port);

#ifdef HAVE_METRICS

/* In a state change upwards, and not twice. @element has a property `stats`, which is read in the
 * endpoint's thread until it leaves; its name and its pipeline's are those of now. */
void gst_effnet_metrics_join (GstElement *element);
/* In the one downwards; does nothing where the element has not joined. */
void gst_effnet_metrics_leave (GstElement *element);
/* Returns: (transfer full) (nullable): the process's endpoint there, which all who open it share.
 * @address: a numeric address, or "localhost"
 * @port: 0 = any that is free. NULL with G_IO_ERROR, as G_IO_ERROR_ADDRESS_IN_USE */
GstEffnetMetricsServer *gst_effnet_metrics_open (const char *address, guint port, GError **error);
/* @server: (transfer full) (nullable): the last of those who opened it closes it */
void gst_effnet_metrics_close (GstEffnetMetricsServer *server);
/* Returns: (transfer none): "http://127.0.0.1:9431/metrics" */
const char *gst_effnet_metrics_get_url (const GstEffnetMetricsServer *server);

#else

static inline void
gst_effnet_metrics_join (GstElement *element)
{
  (void)element;
}

static inline void
gst_effnet_metrics_leave (GstElement *element)
{
  (void)element;
}

static inline GstEffnetMetricsServer *
gst_effnet_metrics_open (const char *address, guint port, GError **error)
{
  (void)address;
  (void)port;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               "this plugin was built without libsoup: build it with -Dmetrics=enabled "
               "(libsoup-3.0-dev)");
  return NULL;
}

static inline void
gst_effnet_metrics_close (GstEffnetMetricsServer *server)
{
  (void)server;
}

static inline const char *
gst_effnet_metrics_get_url (const GstEffnetMetricsServer *server)
{
  (void)server;
  return "";
}

#endif

G_END_DECLS

#endif
