/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish/flight.h"

typedef struct {
  guint64 token;
  gint64 number;
  gboolean answered, refused;
} Letter;

void
gst_effnet_flight_add (GQueue *flight, guint64 token, gint64 number)
{
  Letter *letter = g_new0 (Letter, 1);

  letter->token = token;
  letter->number = number;
  g_queue_push_tail (flight, letter);
}

GstEffnetArrival
gst_effnet_flight_answer (GQueue *flight, guint64 token, gboolean refused)
{
  GstEffnetArrival arrival = {0};
  Letter *letter;

  for (GList *l = flight->head; l != NULL; l = l->next) {
    letter = l->data;
    if (letter->token == token) {
      letter->answered = TRUE;
      letter->refused = refused;
      break;
    }
  }
  while ((letter = g_queue_peek_head (flight)) != NULL && letter->answered) {
    if (letter->number > 0) {
      arrival.up_to = letter->number;
      arrival.refused += letter->refused != FALSE;
      arrival.arrived += letter->refused == FALSE;
    }
    g_free (g_queue_pop_head (flight));
  }
  return arrival;
}
