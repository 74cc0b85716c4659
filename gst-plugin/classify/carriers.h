/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results in the forms that other elements read, beside the one in schema.h. The invariant: what
 * others put on a buffer stays; each result is added once. */
#ifndef GST_EFFNET_CARRIERS_H
#define GST_EFFNET_CARRIERS_H

#include "classify/regions.h"
#include "schema.h"

G_BEGIN_DECLS

/* As GStreamer's classifiertensordecoder knows it. */
#define GST_EFFNET_TENSOR_ID "classification-generic-softmaxed-out"

/* Of each call: @buffer's metadata can be written; @records: [n]; @places: [n], where each is on
 * @buffer. A record without a class adds nothing. */

/* One GstAnalyticsClsMtd a record, its classes the best first. For a GstAnalyticsODMtd the two are
 * related: it contains the classes, which are part of it. */
void gst_effnet_carriers_add_classes (GstBuffer *buffer, const GstEffnetRecord *records,
                                      const GstEffnetPick *places, guint n);
/* A parameter "classification" for each record of each GstVideoRegionOfInterestMeta that is a
 * place.
 */
void gst_effnet_carriers_add_params (GstBuffer *buffer, const GstEffnetRecord *records,
                                     const GstEffnetPick *places, guint n);
/* A GstTensorMeta with one tensor, [1][classes]. @scores: (nullable): floats */
void gst_effnet_carriers_add_scores (GstBuffer *buffer, GstBuffer *scores);

G_END_DECLS

#endif
