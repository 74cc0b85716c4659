/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which caps the element takes, and what becomes of the stream with new ones. */
#ifndef GST_EFFNET_CAPS_H
#define GST_EFFNET_CAPS_H

#include "classify/instance.h"

G_BEGIN_DECLS

GstCaps *gst_effnet_classify_transform_caps (GstBaseTransform *base, GstPadDirection direction,
                                             GstCaps *caps, GstCaps *filter);
gboolean gst_effnet_classify_set_caps (GstBaseTransform *base, GstCaps *in, GstCaps *out);
gboolean gst_effnet_classify_accept_caps (GstBaseTransform *base, GstPadDirection direction,
                                          GstCaps *caps);

G_END_DECLS

#endif
