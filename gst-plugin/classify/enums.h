/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GTypes of the properties that are enums or flags; what they name is in the enums' own headers. */
#ifndef GST_EFFNET_ENUMS_H
#define GST_EFFNET_ENUMS_H

#include <effnet/effnet.h>
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_EFFNET_PRECISION (gst_effnet_precision_get_type ())
GType gst_effnet_precision_get_type (void);
#define GST_TYPE_EFFNET_RESIZE_MODE (gst_effnet_resize_mode_get_type ())
GType gst_effnet_resize_mode_get_type (void);
#define GST_TYPE_EFFNET_ACTIVATION (gst_effnet_activation_get_type ())
GType gst_effnet_activation_get_type (void);
/* Values are EffnetImage's. */
#define GST_TYPE_EFFNET_ORIENTATION (gst_effnet_orientation_get_type ())
GType gst_effnet_orientation_get_type (void);

typedef enum {
  GST_EFFNET_ATTACH_META_CUSTOM = 1 << 0,
} GstEffnetAttachMeta;

#define GST_TYPE_EFFNET_ATTACH_META (gst_effnet_attach_meta_get_type ())
GType gst_effnet_attach_meta_get_type (void);

typedef enum {
  GST_EFFNET_POST_MESSAGES_NONE,
  GST_EFFNET_POST_MESSAGES_CHANGE,
  GST_EFFNET_POST_MESSAGES_ALL,
} GstEffnetPostMessages;

#define GST_TYPE_EFFNET_POST_MESSAGES (gst_effnet_post_messages_get_type ())
GType gst_effnet_post_messages_get_type (void);

G_END_DECLS

#endif
