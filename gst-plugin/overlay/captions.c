/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results of effnetclassify come first; of GstAnalytics only what they do not say already. */
#include "overlay/captions.h"

#include <string.h>

#include "wording.h"

#ifdef HAVE_GST_ANALYTICS
#  include <gst/analytics/analytics.h>
#endif

static void
clear_caption (gpointer data)
{
  GstEffnetCaption *caption = data;

  g_free (caption->text);
  gst_clear_buffer (&caption->map.values);
}

/* In seconds, then in minutes: what changes all the time is drawn all the time. */
static void
append_age (GString *text, GstClockTime age)
{
  guint64 seconds = age / GST_SECOND;

  if (seconds < 120)
    g_string_append_printf (text, ", %" G_GUINT64_FORMAT " s ago", seconds);
  else
    g_string_append_printf (text, ", %" G_GUINT64_FORMAT " min ago", seconds / 60);
}

/* The score is that of the label shown. @several: elements have classified. */
static void
add_record (GArray *list, const GstEffnetRecord *record, gboolean several,
            const GstEffnetCaptionSettings *settings)
{
  gboolean scored;
  g_autofree char *label = gst_effnet_wording_label (record, &scored);
  g_autoptr (GString) text = g_string_new (NULL);
  GstEffnetCaption caption = {.percent = -1, .part = record->is_part};

  if (label[0] == '\0' || (record->is_part && !settings->parts))
    return;
  gst_effnet_wording_append_names (text, record, several);
  g_string_append (text, label);
  if (settings->scores && scored)
    caption.percent = gst_effnet_wording_append_score (text, record->best.score);
  caption.faint = g_str_equal (label, GST_EFFNET_UNKNOWN);
  if (GST_CLOCK_TIME_IS_VALID (record->age) && record->age > settings->stale_after) {
    append_age (text, record->age);
    caption.faint = TRUE;
  }
  for (guint i = 0; i < 4; i++)
    caption.box[i] = (float)CLAMP (record->box[i], 0, 1);
  if (settings->maps && scored && record->activation_map.values != NULL) {
    caption.map = record->activation_map;
    gst_buffer_ref (caption.map.values);
  }
  caption.text = g_string_free (g_steal_pointer (&text), FALSE);
  g_array_append_val (list, caption);
}

/* Returns: whether one of the parts is a region of interest of a detector */
static gboolean
add_results (GArray *list, GstBuffer *buffer, const GstEffnetCaptionSettings *settings)
{
  gboolean detected = FALSE;
  const GstStructure *s;
  gpointer state = NULL;
  guint n_results = 0;

  while (gst_effnet_schema_iterate (buffer, &state) != NULL)
    n_results++;
  state = NULL;
  while ((s = gst_effnet_schema_iterate (buffer, &state)) != NULL) {
    guint n = gst_effnet_schema_n_parts (s);
    GstEffnetRecord record;

    for (guint i = 0; i < n; i++) {
      if (!gst_effnet_schema_read (gst_effnet_schema_get_part (s, i), &record, NULL))
        continue;
      if (settings->element != NULL && g_strcmp0 (settings->element, record.element) != 0)
        break;
      detected |= record.roi_id >= 0;
      add_record (list, &record, n_results > 1 && settings->element == NULL, settings);
    }
  }
  return detected;
}

#ifdef HAVE_GST_ANALYTICS

/* The most probable class of @classes. */
static void
append_class (GString *text, GstAnalyticsClsMtd *classes, const GstEffnetCaptionSettings *settings,
              GstEffnetCaption *caption)
{
  gsize best = 0, n = gst_analytics_cls_mtd_get_length (classes);

  for (gsize i = 1; i < n; i++) {
    if (gst_analytics_cls_mtd_get_level (classes, i) >
        gst_analytics_cls_mtd_get_level (classes, best))
      best = i;
  }
  if (n == 0)
    return;
  g_string_append_printf (text, "%s%s", text->len > 0 ? ": " : "",
                          g_quark_to_string (gst_analytics_cls_mtd_get_quark (classes, best)));
  if (settings->scores)
    caption->percent =
        gst_effnet_wording_append_score (text, gst_analytics_cls_mtd_get_level (classes, best));
}

static void
add_detection (GArray *list, GstAnalyticsRelationMeta *meta, GstAnalyticsODMtd *detection,
               const GstVideoInfo *info, const GstEffnetCaptionSettings *settings)
{
  g_autoptr (GString) text = g_string_new (NULL);
  GstEffnetCaption caption = {.percent = -1, .part = TRUE};
  GQuark type = gst_analytics_od_mtd_get_obj_type (detection);
  gpointer state = NULL;
  gint x, y, w, h;
  gfloat level;
  GstAnalyticsMtd classes;

  if (!gst_analytics_od_mtd_get_location (detection, &x, &y, &w, &h, &level))
    return;
  g_string_append (text, type != 0 ? g_quark_to_string (type) : "");
  if (gst_analytics_relation_meta_get_direct_related (
          meta, detection->id, GST_ANALYTICS_REL_TYPE_CONTAIN,
          gst_analytics_cls_mtd_get_mtd_type (), &state, &classes))
    append_class (text, (GstAnalyticsClsMtd *)&classes, settings, &caption);
  else if (settings->scores)
    caption.percent = gst_effnet_wording_append_score (text, level);
  caption.box[0] = CLAMP ((float)x / (float)info->width, 0, 1);
  caption.box[1] = CLAMP ((float)y / (float)info->height, 0, 1);
  caption.box[2] = CLAMP ((float)w / (float)info->width, 0, 1);
  caption.box[3] = CLAMP ((float)h / (float)info->height, 0, 1);
  caption.text = g_string_free (g_steal_pointer (&text), FALSE);
  g_array_append_val (list, caption);
}

/* @whole: classes of the whole picture, too. */
static void
add_analytics (GArray *list, GstBuffer *buffer, const GstVideoInfo *info, gboolean whole,
               const GstEffnetCaptionSettings *settings)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  gpointer state = NULL, owner;
  GstAnalyticsMtd mtd, other;

  while (meta != NULL && settings->parts &&
         gst_analytics_relation_meta_iterate (meta, &state, gst_analytics_od_mtd_get_mtd_type (),
                                              &mtd))
    add_detection (list, meta, (GstAnalyticsODMtd *)&mtd, info, settings);
  state = NULL;
  while (meta != NULL && whole &&
         gst_analytics_relation_meta_iterate (meta, &state, gst_analytics_cls_mtd_get_mtd_type (),
                                              &mtd)) {
    g_autoptr (GString) text = g_string_new (NULL);
    GstEffnetCaption caption = {.percent = -1, .box = {0, 0, 1, 1}};

    owner = NULL;
    if (gst_analytics_relation_meta_get_direct_related (
            meta, mtd.id, GST_ANALYTICS_REL_TYPE_IS_PART_OF, gst_analytics_od_mtd_get_mtd_type (),
            &owner, &other))
      continue; /* it stands at its box */
    append_class (text, (GstAnalyticsClsMtd *)&mtd, settings, &caption);
    caption.text = g_string_free (g_steal_pointer (&text), FALSE);
    g_array_append_val (list, caption);
  }
}

#else

static void
add_analytics (GArray *list, GstBuffer *buffer, const GstVideoInfo *info, gboolean whole,
               const GstEffnetCaptionSettings *settings)
{
  (void)list, (void)buffer, (void)info, (void)whole, (void)settings;
}

#endif

GArray *
gst_effnet_captions_read (GstBuffer *buffer, const GstVideoInfo *info,
                          const GstEffnetCaptionSettings *settings)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (GstEffnetCaption));

  g_array_set_clear_func (list, clear_caption);
  if (!add_results (list, buffer, settings) && settings->element == NULL)
    add_analytics (list, buffer, info, list->len == 0, settings);
  return list;
}

/* A result that is repeated has the very buffer that it had before. */
static gboolean
equal_maps (const GstEffnetActivationMap *a, const GstEffnetActivationMap *b)
{
  return a->values == b->values && memcmp (a->box, b->box, sizeof a->box) == 0;
}

gboolean
gst_effnet_captions_equal (const GArray *a, const GArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++) {
    const GstEffnetCaption *x = &g_array_index (a, GstEffnetCaption, i);
    const GstEffnetCaption *y = &g_array_index (b, GstEffnetCaption, i);

    if (x->percent != y->percent || x->part != y->part || x->faint != y->faint ||
        memcmp (x->box, y->box, sizeof x->box) != 0 || strcmp (x->text, y->text) != 0 ||
        !equal_maps (&x->map, &y->map))
      return FALSE;
  }
  return TRUE;
}
