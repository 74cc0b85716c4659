/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Caps that cannot be taken are seen in two ways: as a query, and as an event that the pad
 * refuses. */
#include "classify/queries.h"

#include "classify/advice.h"
#include "classify/mode.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

/* Says once in a stream what would have to come instead. */
static void
advise (GstEffnetClassify *self, const GstCaps *offered)
{
  g_autofree char *advice = gst_effnet_advice_new (offered);
  gboolean advised;

  if (advice == NULL || !GST_PAD_IS_ACTIVE (GST_BASE_TRANSFORM_SINK_PAD (self)))
    return;
  GST_OBJECT_LOCK (self);
  advised = self->advised;
  self->advised = TRUE;
  GST_OBJECT_UNLOCK (self);
  if (!advised)
    GST_ELEMENT_WARNING (self, STREAM, WRONG_TYPE, ("%s", advice),
                         ("offered: %" GST_PTR_FORMAT, (gpointer)offered));
}

/* A caps event that the pad is going to refuse: sink_event() does not get it. */
GstPadProbeReturn
gst_effnet_classify_watch_caps (GstPad *pad, GstPadProbeInfo *info, gpointer self)
{
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  GstCaps *caps;

  if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
    return GST_PAD_PROBE_OK;
  gst_event_parse_caps (event, &caps);
  if (!gst_pad_query_accept_caps (pad, caps))
    advise (self, caps);
  return GST_PAD_PROBE_OK;
}

/* What the element adds to what upstream says: nothing where buffers do not wait. */
static void
add_latency (GstEffnetClassify *self, GstQuery *query)
{
  GstEffnetInferenceMode mode;
  GstClockTime min, max, own;
  gboolean live;

  gst_query_parse_latency (query, &live, &min, &max);
  GST_OBJECT_LOCK (self);
  mode = gst_effnet_mode_of (self->mode_setting, live);
  own = self->latency.announced;
  GST_OBJECT_UNLOCK (self);
  if (!live || mode == GST_EFFNET_INFERENCE_MODE_ASYNC)
    return;
  if (GST_CLOCK_TIME_IS_VALID (max))
    max += own;
  GST_DEBUG_OBJECT (self, "adds a latency of %" GST_TIME_FORMAT, GST_TIME_ARGS (own));
  gst_query_set_latency (query, live, min + own, max);
}

gboolean
gst_effnet_classify_query (GstBaseTransform *base, GstPadDirection direction, GstQuery *query)
{
  GstBaseTransformClass *parent = g_type_class_peek (GST_TYPE_BASE_TRANSFORM);
  GstCaps *offered, *taken;

  if (direction == GST_PAD_SINK && GST_QUERY_IS_SERIALIZED (query))
    gst_effnet_delay_drain (&GST_EFFNET_CLASSIFY_CAST (base)->delay);
  if (!parent->query (base, direction, query))
    return FALSE;
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE (query) == GST_QUERY_LATENCY)
    add_latency (GST_EFFNET_CLASSIFY_CAST (base), query);
  if (direction == GST_PAD_SINK && GST_QUERY_TYPE (query) == GST_QUERY_CAPS) {
    gst_query_parse_caps (query, &offered);
    gst_query_parse_caps_result (query, &taken);
    if (offered != NULL && taken != NULL && gst_caps_is_empty (taken))
      advise (GST_EFFNET_CLASSIFY_CAST (base), offered);
  }
  return TRUE;
}
