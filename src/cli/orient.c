/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/orient.h"

static GQuark
orientation_quark (void)
{
  return g_quark_from_static_string ("effnet-orientation");
}

static GstPadProbeReturn
on_data (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstEffnetTagged *now = data;

  (void)pad;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
    gst_mini_object_set_qdata (GST_MINI_OBJECT (GST_PAD_PROBE_INFO_BUFFER (info)),
                               orientation_quark (),
                               GUINT_TO_POINTER (gst_effnet_tagged_orientation (now)), NULL);
  else
    gst_effnet_tagged_note (now, GST_PAD_PROBE_INFO_EVENT (info));
  return GST_PAD_PROBE_OK;
}

void
orient_watch (GstElement *sink, GstEffnetTagged *now)
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
