/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element and its enums; private to the plugin. Each field of the instance says who may touch
 * it: everything of `settings`, the published engine and the counters is under the object lock,
 * which is never held while opening a model, running it, pushing or posting. */
#ifndef GST_EFFNET_CLASSIFY_H
#define GST_EFFNET_CLASSIFY_H

#include "gsteffnetmeta.h"

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_EFFNET_PRECISION (gst_effnet_precision_get_type ())
GType gst_effnet_precision_get_type (void);
#define GST_TYPE_EFFNET_RESIZE_MODE (gst_effnet_resize_mode_get_type ())
GType gst_effnet_resize_mode_get_type (void);

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

/* Properties that a frame looks at; copied once a frame. */
typedef struct {
  guint top_k;
  double threshold;
  GstEffnetScaling scaling;
  guint inference_interval;
  GstEffnetAttachMeta attach_meta;
  GstEffnetPostMessages post_messages;
  int max_errors; /* less than 1: never an error */
  GstEffnetRegionSettings regions;
} GstEffnetFrameSettings;

/* What QOS events of this segment said. */
typedef struct {
  GstClockTime earliest_time; /* running time; NONE = nobody is late */
  double proportion;
  guint64 processed, skipped;
} GstEffnetQos;

#define GST_TYPE_EFFNET_CLASSIFY (gst_effnet_classify_get_type ())
G_DECLARE_FINAL_TYPE (GstEffnetClassify, gst_effnet_classify, GST, EFFNET_CLASSIFY,
                      GstBaseTransform)

struct _GstEffnetClassify {
  GstBaseTransform parent;

  /* object lock */
  GstEffnetModelSettings model_settings;
  GstEffnetFrameSettings frame_settings;
  char *regions;           /* (nullable) the property's text */
  char *regions_complaint; /* (nullable) about a text set when there was no bus yet */
  GstEffnetEngine *engine; /* NULL below READY */
  guint generation; /* of model_settings and of the element's opening; old loads are dropped */
  gboolean advised; /* about what upstream offers, since the start */
  GstEffnetStats stats;
  GstEffnetQos qos;

  /* streaming thread */
  GstEffnetFormat format;
  GstEffnetResults results; /* the newest of this stream */
  guint regions_serial;     /* settings they were picked by */
  guint since_inference;    /* frames since them, that one included */
  GstClockTime inferred_at; /* system time of them */
  GArray *told;             /* of GstEffnetTold */
  guint n_bad;              /* bad frames in a row */
  guint n_unreported;       /* bad frames since the last warning */
  GstClockTime warned_at;   /* system time of it, or NONE */
};

GST_ELEMENT_REGISTER_DECLARE (effnetclassify)

/* gsteffnetprops.c */
void gst_effnet_classify_install_properties (GObjectClass *klass);
/* Posts the error of a failed opening: GST_ELEMENT_ERROR with the library's sentence. */
void gst_effnet_classify_post_open_error (GstEffnetClassify *self, const GError *error);
/* gsteffnetclassify.c; loads the model of the present settings in a worker, then swaps. */
void gst_effnet_classify_reload (GstEffnetClassify *self);
/* Returns: (transfer full) (nullable): the engine in use */
GstEffnetEngine *gst_effnet_classify_ref_engine (GstEffnetClassify *self);
/* gsteffnettransform.c */
GstFlowReturn gst_effnet_classify_transform_ip (GstBaseTransform *base, GstBuffer *buffer);

G_END_DECLS

#endif
