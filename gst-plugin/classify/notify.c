/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A thread of GStreamer's does what the next buffer would do: takes up what is finished, tells of
 * it, and sends off what found no room. */
#include "classify/notify.h"

#include "classify/pass.h"
#include "classify/takeup.h"

#define LAST_RESULT (2 * G_USEC_PER_SEC) /* of a stream that ends: waited for no longer */

/* With decode-frames=all: pictures that came while there was no room are decoded, the last one of
 * them is classified, and not only when another one comes. */
static GstFlowReturn
send_off_pending (GstEffnetClassify *self, GstEffnetPass *frame)
{
  GstBuffer *last = gst_effnet_coded_get_pending (&self->coded);

  if (last == NULL || !self->owes || !gst_effnet_stream_is_free (&self->stream))
    return GST_FLOW_OK;
  self->owes = FALSE;
  frame->buffer = last;
  gst_effnet_load_pass (&self->load, &frame->settings.load, &frame->load, TRUE);
  GST_OBJECT_LOCK (self);
  self->stats.reasons[GST_EFFNET_REASON_BUSY]--;
  GST_OBJECT_UNLOCK (self);
  return gst_effnet_pass_send_off (self, frame);
}

/* With the lock, which it gives up. */
static void
notify_alone (GstEffnetClassify *self)
{
  GstBuffer *buffer = gst_buffer_new ();
  GstEffnetPass frame;
  GstFlowReturn ret;

  GST_BUFFER_PTS (buffer) = self->last_pts;
  gst_effnet_pass_begin (self, &frame, buffer);
  gst_effnet_classify_use_regions (self, &frame.settings.inference.regions);
  ret = gst_effnet_pass_take_up (self, &frame, G_MAXUINT);
  if (ret == GST_FLOW_OK && self->labels.is_unsaid && self->results.engine != NULL)
    gst_effnet_pass_tell (self, &frame);
  gst_effnet_classify_announce_scene (self, buffer);
  if (ret == GST_FLOW_OK)
    ret = send_off_pending (self, &frame);
  if (self->owed == GST_FLOW_OK)
    self->owed = ret;
  GST_OBJECT_LOCK (self);
  self->running = NULL;
  GST_OBJECT_UNLOCK (self);
  gst_effnet_classify_leave_way (self);
  gst_effnet_pass_clear (&frame);
  gst_buffer_unref (buffer);
}

static void
notify_now (GstElement *element, gpointer data)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (element);
  gboolean goes_on;

  (void)data;
  g_mutex_lock (&self->way);
  gst_effnet_stream_note_notified (&self->stream);
  GST_OBJECT_LOCK (self);
  goes_on = self->started && !self->cancelled;
  GST_OBJECT_UNLOCK (self);
  if (goes_on && self->mode == GST_EFFNET_INFERENCE_MODE_ASYNC)
    notify_alone (self);
  else
    g_mutex_unlock (&self->way);
}

void
gst_effnet_classify_notify_soon (GstObject *element)
{
  gst_element_call_async (GST_ELEMENT (element), notify_now, NULL, NULL);
}

void
gst_effnet_classify_finish_stream (GstEffnetClassify *self)
{
  gint64 end = g_get_monotonic_time () + LAST_RESULT;

  gst_effnet_delay_drain (&self->delay);
  if (self->mode != GST_EFFNET_INFERENCE_MODE_ASYNC)
    return;
  do {
    if (!gst_effnet_stream_wait (&self->stream, end))
      return;
    g_mutex_lock (&self->way);
    notify_alone (self);
  } while (gst_effnet_stream_is_busy (&self->stream) && g_get_monotonic_time () < end);
}
