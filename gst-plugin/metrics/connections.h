/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who is connected. The invariants: there are GST_EFFNET_CONNECTIONS_MAX at most, the one that has
 * been idle longest goes for a new one, and none stays for long without a request that is answered:
 * so that whoever opens thousands, or sends a byte now and then, costs nothing and keeps nobody
 * out. */
#ifndef GST_EFFNET_METRICS_CONNECTIONS_H
#define GST_EFFNET_METRICS_CONNECTIONS_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define GST_EFFNET_CONNECTIONS_MAX  64
#define GST_EFFNET_CONNECTIONS_IDLE 30 /* s, without an answered request */

typedef struct _GstEffnetConnections GstEffnetConnections;

/* Takes over what is accepted; references are its own. */
typedef void (*GstEffnetAcceptFunc) (GIOStream *stream, GSocketAddress *local,
                                     GSocketAddress *remote, gpointer owner);

/* Accepts in the thread's default context, whose thread alone uses it from now on. */
GstEffnetConnections *gst_effnet_connections_new (GSocketListener *listener,
                                                  GstEffnetAcceptFunc func, gpointer owner);
/* Accepts no more, and iterates the context until nothing of it is on its way. */
void gst_effnet_connections_free (GstEffnetConnections *connections);
/* A request of the one that was accepted with this very @remote is answered. */
void gst_effnet_connections_note (GstEffnetConnections *connections, GSocketAddress *remote);
/* Ends it, whatever it does. */
void gst_effnet_connections_end (GstEffnetConnections *connections, GSocketAddress *remote);

G_END_DECLS

#endif
