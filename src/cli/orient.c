/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/orient.h"

#include "gst-plugin/video.h"

static GQuark
orientation_quark (void)
{
  return g_quark_from_static_string ("effnet-orientation");
}

static GstPadProbeReturn
on_data (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  unsigned *now = data;

  (void)pad;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    gst_mini_object_set_qdata (GST_MINI_OBJECT (GST_PAD_PROBE_INFO_BUFFER (info)),
                               orientation_quark (), GUINT_TO_POINTER (*now), NULL);
  } else if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_TAG) {
    GstTagList *tags;
    unsigned orientation;

    gst_event_parse_tag (GST_PAD_PROBE_INFO_EVENT (info), &tags);
    orientation = gst_effnet_orientation_from_tags (tags);
    if (orientation != 0)
      *now = orientation;
  } else if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_STREAM_START) {
    *now = 0;
  }
  return GST_PAD_PROBE_OK;
}

void
orient_watch (GstElement *sink, unsigned *now)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (sink, "sink");

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
                     now, NULL);
}

unsigned
orient_of (GstBuffer *buffer)
{
  return GPOINTER_TO_UINT (
      gst_mini_object_get_qdata (GST_MINI_OBJECT (buffer), orientation_quark ()));
}
