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

/* Those that this build has not are no values of the type. */
typedef enum {
  GST_EFFNET_ATTACH_META_CUSTOM = 1 << 0,
  GST_EFFNET_ATTACH_META_ANALYTICS = 1 << 1,
  GST_EFFNET_ATTACH_META_ROI = 1 << 2,
  GST_EFFNET_ATTACH_META_TENSOR = 1 << 3,
} GstEffnetAttachMeta;

#ifdef HAVE_GST_ANALYTICS
#  define GST_EFFNET_ATTACH_META_DEFAULT                                                           \
    (GST_EFFNET_ATTACH_META_CUSTOM | GST_EFFNET_ATTACH_META_ANALYTICS)
#else
#  define GST_EFFNET_ATTACH_META_DEFAULT GST_EFFNET_ATTACH_META_CUSTOM
#endif
/* GstTensorMeta */
#if defined HAVE_GST_ANALYTICS && GST_CHECK_VERSION(1, 26, 0)
#  define GST_EFFNET_HAVE_TENSORS 1
#endif

#define GST_TYPE_EFFNET_ATTACH_META (gst_effnet_attach_meta_get_type ())
GType gst_effnet_attach_meta_get_type (void);

typedef enum {
  GST_EFFNET_POST_MESSAGES_NONE,
  GST_EFFNET_POST_MESSAGES_CHANGE,
  GST_EFFNET_POST_MESSAGES_ALL,
} GstEffnetPostMessages;

#define GST_TYPE_EFFNET_POST_MESSAGES (gst_effnet_post_messages_get_type ())
GType gst_effnet_post_messages_get_type (void);

typedef enum {
  GST_EFFNET_INFERENCE_MODE_AUTO,
  GST_EFFNET_INFERENCE_MODE_SYNC,
  GST_EFFNET_INFERENCE_MODE_ASYNC,
  GST_EFFNET_INFERENCE_MODE_DELAYED,
} GstEffnetInferenceMode;

#define GST_TYPE_EFFNET_INFERENCE_MODE (gst_effnet_inference_mode_get_type ())
GType gst_effnet_inference_mode_get_type (void);

/* Values are in load.h. */
#define GST_TYPE_EFFNET_TRIGGER (gst_effnet_trigger_get_type ())
GType gst_effnet_trigger_get_type (void);
#define GST_TYPE_EFFNET_OVERLOAD_POLICY (gst_effnet_overload_policy_get_type ())
GType gst_effnet_overload_policy_get_type (void);
/* Values are in coded.h. */
#define GST_TYPE_EFFNET_DECODE_FRAMES (gst_effnet_decode_frames_get_type ())
GType gst_effnet_decode_frames_get_type (void);
/* Values are in state.h. */
#define GST_TYPE_EFFNET_SMOOTHING (gst_effnet_smoothing_get_type ())
GType gst_effnet_smoothing_get_type (void);

G_END_DECLS

#endif
