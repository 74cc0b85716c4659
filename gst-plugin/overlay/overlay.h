/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The type of the element `effnetoverlay`, and its registration. */
#ifndef GST_EFFNET_OVERLAY_H
#define GST_EFFNET_OVERLAY_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_EFFNET_OVERLAY (gst_effnet_overlay_get_type ())
G_DECLARE_FINAL_TYPE (GstEffnetOverlay, gst_effnet_overlay, GST, EFFNET_OVERLAY, GstBin)
GST_ELEMENT_REGISTER_DECLARE (effnetoverlay)

G_END_DECLS

#endif
