/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages and signals that wait until no lock is held. The invariant: they go out in the order
 * they came, and what handles them may wait for any other thread. */
#ifndef GST_EFFNET_OUTBOX_H
#define GST_EFFNET_OUTBOX_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct {
  GQueue items;
} GstEffnetOutbox;

void gst_effnet_outbox_init (GstEffnetOutbox *outbox);
/* @message: (transfer full) */
void gst_effnet_outbox_add (GstEffnetOutbox *outbox, GstMessage *message);
/* An error, a warning or an info, as @type says, of @source.
 * @detail: (nullable): for developers */
void gst_effnet_outbox_add_problem (GstEffnetOutbox *outbox, gpointer source, GstMessageType type,
                                    GQuark domain, int code, const char *detail, const char *format,
                                    ...) G_GNUC_PRINTF (7, 8);
/* @source and then the arguments, each with its type, 0 at the end, as collect-by-value has them.
 */
void gst_effnet_outbox_add_signal (GstEffnetOutbox *outbox, guint signal, gpointer source, ...);
/* All that waits goes over to @taken. */
void gst_effnet_outbox_take (GstEffnetOutbox *outbox, GstEffnetOutbox *taken);
/* Without a lock: it is empty then. */
void gst_effnet_outbox_send (GstEffnetOutbox *outbox, GstElement *element);

G_END_DECLS

#endif
