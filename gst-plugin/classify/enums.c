/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The names and the help texts of the enums' values. */
#include "classify/enums.h"

#include "coded.h"
#include "classify/load.h"
#include "state.h"

GType
gst_effnet_precision_get_type (void)
{
  static const GEnumValue values[] = {
      {EFFNET_PRECISION_AUTO, "bf16 where the CPU has avx512_bf16 or amx_bf16, else fp32", "auto"},
      {EFFNET_PRECISION_FP32, "32-bit floats", "fp32"},
      {EFFNET_PRECISION_BF16, "16-bit brain floats, sums in 32 bits; fp32 on a CPU without",
       "bf16"},
      {EFFNET_PRECISION_INT8, "8-bit integers in pointwise convolutions, nothing calibrated",
       "int8"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetPrecision", values));
  return type;
}

GType
gst_effnet_resize_mode_get_type (void)
{
  static const GEnumValue values[] = {
      {EFFNET_RESIZE_MODE_AUTO, "What the model's card says", "auto"},
      {EFFNET_RESIZE_MODE_STRETCH, "The whole frame, aspect ratio ignored", "stretch"},
      {EFFNET_RESIZE_MODE_CENTER_CROP, "The middle of the frame", "center-crop"},
      {EFFNET_RESIZE_MODE_LETTERBOX, "The whole frame, aspect ratio kept, with borders",
       "letterbox"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetResizeMode", values));
  return type;
}

GType
gst_effnet_activation_get_type (void)
{
  static const GEnumValue values[] = {
      {EFFNET_OUTPUT_ACTIVATION_AUTO,
       "What the model's card says; else sigmoid for one logit, softmax for more", "auto"},
      {EFFNET_OUTPUT_ACTIVATION_SOFTMAX, "One of the classes: scores add up to 1", "softmax"},
      {EFFNET_OUTPUT_ACTIVATION_SIGMOID, "Each class yes or no by itself", "sigmoid"},
      {EFFNET_OUTPUT_ACTIVATION_NONE, "Scores are the logits", "none"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetActivation", values));
  return type;
}

GType
gst_effnet_orientation_get_type (void)
{
  static const GEnumValue values[] = {
      {0, "What the stream's tag image-orientation or a JPEG's Exif says", "auto"},
      {1, "As it is stored", "none"},
      {2, "Mirrored", "flip-rotate-0"},
      {3, "Rotated by 180 degrees", "rotate-180"},
      {4, "Mirrored, then rotated by 180 degrees", "flip-rotate-180"},
      {5, "Mirrored, then rotated clockwise by 270 degrees", "flip-rotate-270"},
      {6, "Rotated clockwise by 90 degrees", "rotate-90"},
      {7, "Mirrored, then rotated clockwise by 90 degrees", "flip-rotate-90"},
      {8, "Rotated clockwise by 270 degrees", "rotate-270"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetOrientation", values));
  return type;
}

GType
gst_effnet_attach_meta_get_type (void)
{
  static const GFlagsValue values[] = {
      {GST_EFFNET_ATTACH_META_CUSTOM, "GstCustomMeta EffnetClassificationMeta", "custom"},
#ifdef HAVE_GST_ANALYTICS
      {GST_EFFNET_ATTACH_META_ANALYTICS, "GstAnalyticsClsMtd for each result", "analytics"},
#endif
      {GST_EFFNET_ATTACH_META_ROI,
       "A parameter of each classified GstVideoRegionOfInterestMeta, as DL Streamer's elements "
       "read it",
       "roi"},
#ifdef GST_EFFNET_HAVE_TENSORS
      {GST_EFFNET_ATTACH_META_TENSOR,
       "GstTensorMeta: the scores of all classes, of the frame or its first part", "tensor"},
#endif
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("GstEffnetAttachMeta", values));
  return type;
}

GType
gst_effnet_post_messages_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_POST_MESSAGES_NONE, "No messages", "none"},
      {GST_EFFNET_POST_MESSAGES_CHANGE, "When the best class changes", "change"},
      {GST_EFFNET_POST_MESSAGES_ALL, "For every buffer that carries a result", "all"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetPostMessages", values));
  return type;
}

GType
gst_effnet_inference_mode_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_INFERENCE_MODE_AUTO, "async in a live pipeline, else sync", "auto"},
      {GST_EFFNET_INFERENCE_MODE_SYNC, "Each buffer waits for its own result", "sync"},
      {GST_EFFNET_INFERENCE_MODE_ASYNC,
       "Buffers never wait: each carries the newest result there is", "async"},
      {GST_EFFNET_INFERENCE_MODE_DELAYED,
       "Buffers are held until their own result, in order and within bounds", "delayed"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetInferenceMode", values));
  return type;
}

GType
gst_effnet_trigger_get_type (void)
{
  static const GFlagsValue values[] = {
      {GST_EFFNET_TRIGGER_ALWAYS, "Every frame", "always"},
      {GST_EFFNET_TRIGGER_MOTION, "Something moved", "motion"},
      {GST_EFFNET_TRIGGER_SCENE_CHANGE, "A third of the colours are others", "scene-change"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("GstEffnetTrigger", values));
  return type;
}

GType
gst_effnet_overload_policy_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_OVERLOAD_POLICY_AUTO,
       "As skip-inference; a source that is not live waits as inference-mode says", "auto"},
      {GST_EFFNET_OVERLOAD_POLICY_SKIP_INFERENCE, "It goes on without an inference of its own",
       "skip-inference"},
      {GST_EFFNET_OVERLOAD_POLICY_DROP_FRAME, "It is dropped", "drop-frame"},
      {GST_EFFNET_OVERLOAD_POLICY_BLOCK, "It waits until there is room; lateness does not count",
       "block"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetOverloadPolicy", values));
  return type;
}

GType
gst_effnet_decode_frames_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_DECODE_FRAMES_KEYFRAMES, "Those that can be decoded by themselves", "keyframes"},
      {GST_EFFNET_DECODE_FRAMES_ALL, "All of them", "all"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetDecodeFrames", values));
  return type;
}

GType
gst_effnet_smoothing_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_SMOOTHING_NONE, "There are no stable labels", "none"},
      {GST_EFFNET_SMOOTHING_EMA,
       "The best of the scores' moving average, of which the newest are 2 / (window + 1)", "ema"},
      {GST_EFFNET_SMOOTHING_VOTE, "The best class of most results in the window", "vote"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetSmoothing", values));
  return type;
}
