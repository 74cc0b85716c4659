/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The type of the element `effnetrecord`, and its registration. */
#ifndef GST_EFFNET_RECORD_H
#define GST_EFFNET_RECORD_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_EFFNET_RECORDER (gst_effnet_recorder_get_type ())
G_DECLARE_FINAL_TYPE (GstEffnetRecorder, gst_effnet_recorder, GST, EFFNET_RECORDER, GstElement)
GST_ELEMENT_REGISTER_DECLARE (effnetrecord)

G_END_DECLS

#endif
