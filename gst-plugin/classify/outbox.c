/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An item is a message, or a signal with its arguments. */
#include "classify/outbox.h"

#include "classify/instance.h"

#include <gobject/gvaluecollector.h>

#define GST_CAT_DEFAULT gst_effnet_classify_debug

#define VALUES 7 /* at most: the source, and the arguments */

typedef struct {
  GList link;
  GstMessage *message; /* NULL: a signal */
  guint signal;
  guint n_values;
  GValue values[VALUES];
} Item;

static Item *
append (GstEffnetOutbox *outbox)
{
  Item *item = g_new0 (Item, 1);

  item->link.data = item;
  g_queue_push_tail_link (&outbox->items, &item->link);
  return item;
}

void
gst_effnet_outbox_init (GstEffnetOutbox *outbox)
{
  g_queue_init (&outbox->items);
}

void
gst_effnet_outbox_add (GstEffnetOutbox *outbox, GstMessage *message)
{
  append (outbox)->message = message;
}

void
gst_effnet_outbox_add_problem (GstEffnetOutbox *outbox, gpointer source, GstMessageType type,
                               GQuark domain, int code, const char *detail, const char *format, ...)
{
  g_autoptr (GError) error = NULL;
  GstMessage *message;
  va_list args;

  va_start (args, format);
  error = g_error_new_valist (domain, code, format, args);
  va_end (args);
  if (type == GST_MESSAGE_ERROR)
    message = gst_message_new_error (source, error, detail);
  else if (type == GST_MESSAGE_WARNING)
    message = gst_message_new_warning (source, error, detail);
  else
    message = gst_message_new_info (source, error, detail);
  GST_INFO_OBJECT (source, "%s: %s", gst_message_type_get_name (type), error->message);
  gst_effnet_outbox_add (outbox, message);
}

void
gst_effnet_outbox_add_signal (GstEffnetOutbox *outbox, guint signal, gpointer source, ...)
{
  Item *item = append (outbox);
  va_list args;
  GType type;

  item->signal = signal;
  g_value_init (&item->values[item->n_values], G_OBJECT_TYPE (source));
  g_value_set_object (&item->values[item->n_values++], source);
  va_start (args, source);
  while ((type = va_arg (args, GType)) != 0 && item->n_values < VALUES) {
    g_autofree char *problem = NULL;

    G_VALUE_COLLECT_INIT (&item->values[item->n_values], type, args, 0, &problem);
    item->n_values++;
    g_assert (problem == NULL);
  }
  va_end (args);
}

void
gst_effnet_outbox_take (GstEffnetOutbox *outbox, GstEffnetOutbox *taken)
{
  *taken = *outbox;
  g_queue_init (&outbox->items);
}

void
gst_effnet_outbox_send (GstEffnetOutbox *outbox, GstElement *element)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&outbox->items)) != NULL) {
    Item *item = link->data;

    if (item->message != NULL)
      gst_element_post_message (element, item->message);
    else
      g_signal_emitv (item->values, item->signal, 0, NULL);
    for (guint i = 0; i < item->n_values; i++)
      g_value_unset (&item->values[i]);
    g_free (item);
  }
}
