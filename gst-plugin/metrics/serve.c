/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an application is told of the endpoint that its element opens. */
#include "metrics/metrics.h"

GstEffnetMetricsServer *
gst_effnet_metrics_serve (GstElement *element, const char *address, guint port)
{
  g_autoptr (GError) error = NULL;
  GstEffnetMetricsServer *server = gst_effnet_metrics_open (address, port, &error);
  g_autofree char *name =
      g_strconcat (GST_OBJECT_NAME (gst_element_get_factory (element)), "-metrics", NULL);
  const char *advice = "";

  if (server != NULL) {
    gst_element_post_message (
        element,
        gst_message_new_element (GST_OBJECT (element),
                                 gst_structure_new (name, "url", G_TYPE_STRING,
                                                    gst_effnet_metrics_get_url (server), NULL)));
    return server;
  }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    advice = ". 'ss -ltnp' names who has it; set metrics-port to another, or to 0 for any";
  GST_ELEMENT_WARNING (
      element, RESOURCE, SETTINGS,
      ("There are no metrics on port %u of %s: %s%s", port, address, error->message, advice),
      ("the stream goes on"));
  return NULL;
}
