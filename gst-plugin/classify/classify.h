/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The type of the element `effnetclassify`, and its registration. Its instance is in instance.h,
 * for the files that the class stands on. */
#ifndef GST_EFFNET_CLASSIFY_H
#define GST_EFFNET_CLASSIFY_H

#include "classify/instance.h"

G_BEGIN_DECLS

#define GST_TYPE_EFFNET_CLASSIFY (gst_effnet_classify_get_type ())
G_DECLARE_FINAL_TYPE (GstEffnetClassify, gst_effnet_classify, GST, EFFNET_CLASSIFY,
                      GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE (effnetclassify)

G_END_DECLS

#endif
