/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pipeline may become live or stop being so when its source is replaced, which begins a segment.
 */
#include "classify/mode.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

/* Asks upstream. */
static gboolean
is_live (GstBaseTransform *base)
{
  GstQuery *query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (base->sinkpad, query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  gst_query_unref (query);
  return live;
}

GstEffnetInferenceMode
gst_effnet_mode_of (GstEffnetInferenceMode setting, gboolean live)
{
  if (setting != GST_EFFNET_INFERENCE_MODE_AUTO)
    return setting;
  return live ? GST_EFFNET_INFERENCE_MODE_ASYNC : GST_EFFNET_INFERENCE_MODE_SYNC;
}

void
gst_effnet_mode_settle (GstEffnetClassify *self)
{
  static const char *const names[] = {"auto", "sync", "async", "delayed"};
  GstEffnetInferenceMode before = self->mode;
  gboolean live;

  if (self->mode_settled)
    return;
  self->mode_settled = TRUE;
  live = is_live (GST_BASE_TRANSFORM (self));
  g_mutex_lock (&self->way);
  GST_OBJECT_LOCK (self);
  self->mode = gst_effnet_mode_of (self->mode_setting, live);
  self->live = live;
  GST_OBJECT_UNLOCK (self);
  if (self->mode != before) /* jobs on their way are the other mode's */
    gst_effnet_stream_forget (&self->stream);
  gst_effnet_stream_set_notifies (&self->stream, self->mode == GST_EFFNET_INFERENCE_MODE_ASYNC);
  g_mutex_unlock (&self->way);
  GST_DEBUG_OBJECT (self, "%s: inference-mode %s", live ? "live" : "not live", names[self->mode]);
}

void
gst_effnet_classify_set_batch (GstEffnetClassify *self, GstEffnetEngine *engine)
{
  guint size;
  GstClockTime timeout;

  GST_OBJECT_LOCK (self);
  size = self->batch_size;
  timeout = self->batch_timeout;
  GST_OBJECT_UNLOCK (self);
  if (size > 0)
    effnet_scheduler_set_batch (engine->scheduler, size, (int64_t)timeout);
}
