/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who is connected, for one request each. The invariants: there are GST_EFFNET_CONNECTIONS_MAX at
 * most, the oldest goes for a new one, and none lasts for longer than
 * GST_EFFNET_CONNECTIONS_SECONDS: so that whoever opens thousands, or sends a byte now and then,
 * costs nothing and keeps nobody out. */
#ifndef GST_EFFNET_METRICS_CONNECTIONS_H
#define GST_EFFNET_METRICS_CONNECTIONS_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define GST_EFFNET_CONNECTIONS_MAX 64
#ifndef GST_EFFNET_CONNECTIONS_SECONDS
#  define GST_EFFNET_CONNECTIONS_SECONDS 10
#endif

typedef struct _GstEffnetConnections GstEffnetConnections;

/* Takes over what is accepted; references are its own. */
typedef void (*GstEffnetAcceptFunc) (GIOStream *stream, GSocketAddress *local,
                                     GSocketAddress *remote, gpointer owner);

/* Accepts in the thread's default context, whose thread alone uses it from now on.
 * @socket: listens */
GstEffnetConnections *gst_effnet_connections_new (GSocket *socket, GstEffnetAcceptFunc func,
                                                  gpointer owner);
/* Closes the socket, and iterates the context until nobody is connected. */
void gst_effnet_connections_free (GstEffnetConnections *connections);
/* Ends the one that was accepted with this very @remote, whatever it does. */
void gst_effnet_connections_end (GstEffnetConnections *connections, GSocketAddress *remote);

G_END_DECLS

#endif
