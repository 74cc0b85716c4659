/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GStreamer's own analytics, and what DL Streamer's elements look for. */
#include "classify/carriers.h"

#include "classify/enums.h"

#ifdef HAVE_GST_ANALYTICS
#  include <gst/analytics/analytics.h>
#endif
#include <gst/video/video.h>

/* ---- GstAnalytics ---------------------------------------------------------------------------- */

#ifdef HAVE_GST_ANALYTICS

static GQuark
quark_of (const GstEffnetEntry *entry)
{
  char text[GST_EFFNET_LABEL_LENGTH];

  return g_quark_from_string (gst_effnet_entry_get_label (entry, text));
}

static void
add_classes (GstAnalyticsRelationMeta *meta, const GstEffnetRecord *record, int detection)
{
  gfloat levels[EFFNET_TOP_K_MAX];
  GQuark quarks[EFFNET_TOP_K_MAX];
  guint n = MIN (record->n_entries, EFFNET_TOP_K_MAX);
  GstAnalyticsClsMtd classes;

  for (guint i = 0; i < n; i++) {
    levels[i] = (gfloat)record->entries[i].score;
    quarks[i] = quark_of (&record->entries[i]);
  }
  if (!gst_analytics_relation_meta_add_cls_mtd (meta, n, levels, quarks, &classes) || detection < 0)
    return;
  gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_CONTAIN, (guint)detection,
                                            classes.id);
  gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_IS_PART_OF, classes.id,
                                            (guint)detection);
}

void
gst_effnet_carriers_add_classes (GstBuffer *buffer, const GstEffnetRecord *records,
                                 const GstEffnetPick *places, guint n)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);

  for (guint i = 0; i < n; i++) {
    if (records[i].n_entries == 0)
      continue;
    if (meta == NULL)
      meta = gst_buffer_add_analytics_relation_meta (buffer);
    add_classes (meta, &records[i], places[i].detection);
  }
}

#else

void
gst_effnet_carriers_add_classes (GstBuffer *buffer, const GstEffnetRecord *records,
                                 const GstEffnetPick *places, guint n)
{
  (void)buffer;
  (void)records;
  (void)places;
  (void)n;
}

#endif

/* ---- DL Streamer ----------------------------------------------------------------------------- */

/* Its tools list an object's attributes by name: elements in a row, and heads, need names of their
 * own. */
static GstStructure *
param_new (const GstEffnetRecord *record)
{
  const char *name = *record->head != '\0' ? record->head : record->element;
  char text[GST_EFFNET_LABEL_LENGTH];

  return gst_structure_new (
      "classification", "label", G_TYPE_STRING, gst_effnet_entry_get_label (&record->best, text),
      "label_id", G_TYPE_INT, record->best.id, "confidence", G_TYPE_DOUBLE, record->best.score,
      "model_name", G_TYPE_STRING, record->model, "attribute_name", G_TYPE_STRING, name, "type",
      G_TYPE_STRING, "classification_result", NULL);
}

/* Of each record whose place it is; those without a class add nothing. */
static void
add_params_to (GstVideoRegionOfInterestMeta *roi, int index, const GstEffnetRecord *records,
               const GstEffnetPick *places, guint n)
{
  for (guint i = 0; i < n; i++) {
    if (places[i].meta == index && records[i].n_entries > 0)
      gst_video_region_of_interest_meta_add_param (roi, param_new (&records[i]));
  }
}

void
gst_effnet_carriers_add_params (GstBuffer *buffer, const GstEffnetRecord *records,
                                const GstEffnetPick *places, guint n)
{
  gpointer state = NULL;
  GstMeta *meta;

  for (int i = 0; (meta = gst_buffer_iterate_meta_filtered (
                       buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) != NULL;
       i++)
    add_params_to ((GstVideoRegionOfInterestMeta *)meta, i, records, places, n);
}

/* ---- GstTensorMeta --------------------------------------------------------------------------- */

#ifdef GST_EFFNET_HAVE_TENSORS

void
gst_effnet_carriers_add_scores (GstBuffer *buffer, GstBuffer *scores)
{
  GstTensor **tensors;
  gsize dims[2] = {1, 0};

  if (scores == NULL)
    return;
  dims[1] = gst_buffer_get_size (scores) / sizeof (float);
  tensors = g_new (GstTensor *, 1);
  tensors[0] = gst_tensor_new_simple (g_quark_from_static_string (GST_EFFNET_TENSOR_ID),
                                      GST_TENSOR_DATA_TYPE_FLOAT32, gst_buffer_ref (scores),
                                      GST_TENSOR_DIM_ORDER_ROW_MAJOR, G_N_ELEMENTS (dims), dims);
  gst_tensor_meta_set (gst_buffer_add_tensor_meta (buffer), 1, tensors);
}

#else

void
gst_effnet_carriers_add_scores (GstBuffer *buffer, GstBuffer *scores)
{
  (void)buffer;
  (void)scores;
}

#endif
