/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Samples -> the text that Prometheus reads, in either of its forms: its own (0.0.4) and
 * OpenMetrics 1.0. They differ in how families are announced, not in samples. The invariants:
 * whatever names and labels hold, the text is well-formed; samples of a family stand together. */
#ifndef GST_EFFNET_METRICS_EXPOSITION_H
#define GST_EFFNET_METRICS_EXPOSITION_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_FAMILY_COUNTER,
  GST_EFFNET_FAMILY_GAUGE,
  GST_EFFNET_FAMILY_INFO, /* the value is 1, and the labels say it */
  GST_EFFNET_FAMILY_HISTOGRAM,
} GstEffnetFamilyType;

typedef struct {
  const char *name; /* without "_total" and "_info", with the unit at its end */
  GstEffnetFamilyType type;
  const char *unit; /* (nullable) */
  const char *help; /* without quotes and line ends */
} GstEffnetFamily;

typedef struct _GstEffnetExposition GstEffnetExposition;

GstEffnetExposition *gst_effnet_exposition_new (void);
void gst_effnet_exposition_free (GstEffnetExposition *exposition);
/* Adds @name="@value" to @labels, escaped; bytes that are not UTF-8 are replaced. */
void gst_effnet_labels_add (GString *labels, const char *name, const char *value);
/* Returns: (transfer full): characters that a name of a metric may not have become '_' */
char *gst_effnet_metric_name (const char *prefix, const char *name);
/* @family: copied; the first of a name decides. @labels: of gst_effnet_labels_add(); no two samples
 * of a family have the same */
void gst_effnet_exposition_add (GstEffnetExposition *exposition, const GstEffnetFamily *family,
                                const char *labels, double value);
/* @bounds: [@n], rising, in seconds; @counts: [@n + 1] between them, the last above all; @sum: of
 * all, in seconds */
void gst_effnet_exposition_add_histogram (GstEffnetExposition *exposition,
                                          const GstEffnetFamily *family, const char *labels,
                                          const double *bounds, const guint64 *counts, guint n,
                                          double sum);
/* Returns: (transfer full): the text, UTF-8 */
GBytes *gst_effnet_exposition_render (const GstEffnetExposition *exposition, gboolean openmetrics);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstEffnetExposition, gst_effnet_exposition_free)

G_END_DECLS

#endif
