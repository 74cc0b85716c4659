/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element effnetpublish: a sink that hands what is new in the metadata to the courier. */
#ifndef GST_EFFNET_PUBLISH_PUBLISH_H
#define GST_EFFNET_PUBLISH_PUBLISH_H

#include <gst/base/gstbasesink.h>

G_BEGIN_DECLS

#define GST_TYPE_EFFNET_PUBLISH (gst_effnet_publish_get_type ())
G_DECLARE_FINAL_TYPE (GstEffnetPublish, gst_effnet_publish, GST, EFFNET_PUBLISH, GstBaseSink)
GST_ELEMENT_REGISTER_DECLARE (effnetpublish)

G_END_DECLS

#endif
