/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which parts of a frame are classified: the full frame, named regions, or the regions of interest
 * that came with the buffer. The invariant: every pick lies inside the frame. Cropping and scaling
 * are libeffnet's. */
#ifndef GST_EFFNET_REGIONS_H
#define GST_EFFNET_REGIONS_H

#include <effnet/effnet.h>
#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_INFERENCE_REGION_FULL_FRAME,
  GST_EFFNET_INFERENCE_REGION_ROI_LIST,
  GST_EFFNET_INFERENCE_REGION_REGIONS,
} GstEffnetInferenceRegion;

#define GST_TYPE_EFFNET_INFERENCE_REGION (gst_effnet_inference_region_get_type ())
GType gst_effnet_inference_region_get_type (void);

/* Fractions of the frame, 0..1. */
typedef struct {
  char *name; /* owned */
  double x, y, width, height;
} GstEffnetNamedRegion;

typedef struct {
  GstEffnetInferenceRegion mode;
  GArray *named;      /* of GstEffnetNamedRegion; a reference */
  char *object_class; /* (nullable) a GRefString: ROIs of this type only; NULL = all */
  guint serial;       /* changes with any of the above */
} GstEffnetRegionSettings;

/* One part of one frame. Name, ROI number and index among those of the same name and number
 * identify it within the frame. */
typedef struct {
  const char *name; /* the named region's, or GStreamer's: a ROI's type is interned by it */
  int roi_id;       /* -1: not a ROI */
  guint nth;
  gboolean unique;   /* no other of the frame has this name and number, and the number lasts */
  int meta;          /* which GstVideoRegionOfInterestMeta of the buffer, from 0; -1: none */
  int detection;     /* id of its GstAnalyticsODMtd; -1: none */
  EffnetRegion rect; /* pixels; all 0 = the full frame */
} GstEffnetPick;

/* How the lines of a buffer stand in the frame that its caps and metas count. */
typedef struct {
  guint orientation; /* EffnetImage.orientation */
  gboolean is_field; /* every second line */
} GstEffnetStorage;

/* With references of its own. */
void gst_effnet_region_settings_copy (GstEffnetRegionSettings *to,
                                      const GstEffnetRegionSettings *from);
void gst_effnet_region_settings_clear (GstEffnetRegionSettings *settings);
/* Returns: (transfer full): of GstEffnetNamedRegion; NULL with a sentence about the part of @text
 * that is wrong. NULL and "" are no regions. */
GArray *gst_effnet_regions_parse (const char *text, GError **error);
/* The same part of two frames, or one of the same kind. */
gboolean gst_effnet_region_is_named (const char *name, const char *other);
/* FALSE when nothing of @buffer is to be classified, whatever its size. */
gboolean gst_effnet_regions_wants (const GstEffnetRegionSettings *settings, GstBuffer *buffer);
/* @picks: (out) of GstEffnetPick: what is to be classified of @buffer, a frame of @width x @height
 * upright pixels. Returns: ROIs left out because they are empty or outside. */
guint gst_effnet_regions_pick (const GstEffnetRegionSettings *settings, GstBuffer *buffer,
                               guint width, guint height, const GstEffnetStorage *storage,
                               GArray *picks);

G_END_DECLS

#endif
