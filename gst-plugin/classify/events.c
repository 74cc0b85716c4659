/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What begins anew with which event. Serialized events go by when nothing is held any more. */
#include "classify/events.h"

#include "classify/mode.h"
#include "classify/notify.h"
#include "classify/transform.h"

void
gst_effnet_classify_forget_stream (GstEffnetClassify *self)
{
  gst_effnet_stream_forget (&self->stream);
  gst_effnet_stream_forget (&self->shadow.stream);
  gst_effnet_results_reset (&self->results);
  self->owes = FALSE;
  gst_effnet_coded_forget (&self->coded);
  gst_effnet_load_forget (&self->load);
  gst_effnet_announcer_forget (&self->announcer);
  gst_effnet_labels_forget (&self->labels);
  gst_effnet_watch_forget (&self->watch);
  gst_effnet_classify_forget_seen (self);
  GST_OBJECT_LOCK (self);
  gst_effnet_qos_forget (&self->qos);
  GST_OBJECT_UNLOCK (self);
}

/* With the lock `way`. */
static void
begin_anew (GstEffnetClassify *self, GstEvent *event)
{
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_STREAM_START:
    gst_effnet_inference_forget (&self->inference);
    gst_effnet_classify_forget_stream (self);
    break;
  case GST_EVENT_SEGMENT:
    gst_event_copy_segment (event, &self->segment);
    gst_effnet_classify_forget_stream (self);
    self->mode_settled = FALSE;
    break;
  case GST_EVENT_TAG:
    if (gst_effnet_inference_note_tags (&self->inference, event))
      gst_effnet_classify_forget_stream (self);
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
    gst_effnet_classify_forget_stream (self);
    GST_OBJECT_LOCK (self);
    self->qos.processed = self->qos.skipped = 0;
    GST_OBJECT_UNLOCK (self);
    break;
  default:
    break;
  }
}

gboolean
gst_effnet_classify_sink_event (GstBaseTransform *base, GstEvent *event)
{
  GstBaseTransformClass *parent = g_type_class_peek (GST_TYPE_BASE_TRANSFORM);
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (base);

  if (GST_EVENT_IS_SERIALIZED (event))
    gst_effnet_classify_await_start (self);
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    gst_effnet_classify_finish_stream (self);
  else if (GST_EVENT_IS_SERIALIZED (event) && GST_EVENT_TYPE (event) != GST_EVENT_FLUSH_STOP)
    gst_effnet_delay_drain (&self->delay);
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START)
    gst_effnet_classify_set_cancelled (self, TRUE);
  else if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    gst_effnet_classify_set_cancelled (self, FALSE);
  if (GST_EVENT_TYPE (event) != GST_EVENT_FLUSH_START) {
    g_mutex_lock (&self->way);
    begin_anew (self, event);
    g_mutex_unlock (&self->way);
  }
  return parent->sink_event (base, event);
}

/* The base class drops late buffers once it sees a QOS event: it never does. */
gboolean
gst_effnet_classify_src_event (GstBaseTransform *base, GstEvent *event)
{
  GstBaseTransformClass *parent = g_type_class_peek (GST_TYPE_BASE_TRANSFORM);
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (base);
  gboolean pass = TRUE, waits, busy;

  if (GST_EVENT_TYPE (event) != GST_EVENT_QOS)
    return parent->src_event (base, event);
  if (gst_base_transform_is_qos_enabled (base)) {
    busy = gst_effnet_stream_is_busy (&self->stream);
    GST_OBJECT_LOCK (self);
    waits = gst_effnet_mode_of (self->mode_setting, self->live) != GST_EFFNET_INFERENCE_MODE_ASYNC;
    pass = gst_effnet_qos_note (&self->qos, event, waits) && !(waits && busy); /* it may be slow */
    GST_OBJECT_UNLOCK (self);
  }
  if (pass)
    return gst_pad_push_event (base->sinkpad, event);
  gst_event_unref (event);
  return TRUE;
}
