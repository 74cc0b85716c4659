/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A text of named regions, and a walk over the regions of interest of a buffer, whichever way a
 * detector attached them. */
#include "classify/regions.h"
#include "memory.h"
#include "text.h"

#ifdef HAVE_GST_ANALYTICS
#  include <gst/analytics/analytics.h>
#endif
#include <gst/video/video.h>
#include <math.h>
#include <string.h>

#ifdef HAVE_GST_ANALYTICS
#  define AND_DETECTIONS " and GstAnalyticsODMtd"
#else
#  define AND_DETECTIONS ""
#endif

#define SLACK       1e-9 /* of a fraction: 0.7 + 0.3 may pass 1 by a rounding */
#define REGIONS_MAX 1000

GType
gst_effnet_inference_region_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_INFERENCE_REGION_FULL_FRAME, "The frame as a whole", "full-frame"},
      {GST_EFFNET_INFERENCE_REGION_ROI_LIST,
       "Each GstVideoRegionOfInterestMeta" AND_DETECTIONS " of the buffer, of object-class if that "
       "is set",
       "roi-list"},
      {GST_EFFNET_INFERENCE_REGION_REGIONS, "Each part of the property regions", "regions"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetInferenceRegion", values));
  return type;
}

void
gst_effnet_region_settings_copy (GstEffnetRegionSettings *to, const GstEffnetRegionSettings *from)
{
  *to = *from;
  g_array_ref (to->named);
  if (to->object_class != NULL)
    g_ref_string_acquire (to->object_class);
}

void
gst_effnet_region_settings_clear (GstEffnetRegionSettings *settings)
{
  g_clear_pointer (&settings->named, g_array_unref);
  g_clear_pointer (&settings->object_class, g_ref_string_release);
}

gboolean
gst_effnet_region_is_named (const char *name, const char *other)
{
  return name == other || strcmp (name, other) == 0;
}

/* ---- the property regions -------------------------------------------------------------------- */

/* "0.1,0.2,0.3,0.4", the same in every locale. FALSE when @text is not four numbers. */
static gboolean
parse_numbers (const char *text, double v[4])
{
  for (guint i = 0; i < 4; i++) {
    char *end;

    v[i] = g_ascii_strtod (text, &end);
    if (end == text)
      return FALSE;
    while (g_ascii_isspace (*end))
      end++;
    if (*end != (i < 3 ? ',' : '\0'))
      return FALSE;
    text = end + 1;
  }
  return TRUE;
}

/* What is wrong with the fractions, or NULL. Written so that NaN is wrong. */
static const char *
find_fault (const double v[4])
{
  if (!(v[0] >= 0 && v[0] < 1 && v[1] >= 0 && v[1] < 1))
    return "its corner is outside the frame, x and y must be 0 or more and less than 1";
  if (!(v[2] > 0 && v[3] > 0))
    return "it is empty, width and height must be more than 0";
  if (!(v[0] + v[2] <= 1 + SLACK))
    return "it passes the right edge, x + width must be 1 at most";
  if (!(v[1] + v[3] <= 1 + SLACK))
    return "it passes the bottom edge, y + height must be 1 at most";
  return NULL;
}

static gboolean
parse_region (const char *part, GArray *regions, GError **error)
{
  const char *colon = strchr (part, ':'), *fault;
  g_autofree char *name = g_strndup (part, colon != NULL ? (gsize)(colon - part) : 0);
  g_autofree char *shown = gst_effnet_printable (part);
  GstEffnetNamedRegion region;
  double v[4];

  g_strstrip (name);
  if (colon == NULL || *name == '\0' || !parse_numbers (colon + 1, v)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "\"%s\" is not a region; expected NAME:X,Y,WIDTH,HEIGHT, as in "
                 "gate:0.1,0.2,0.3,0.4, with ';' between regions",
                 shown);
    return FALSE;
  }
  fault = find_fault (v);
  if (fault != NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "\"%s\": %s; numbers are fractions of the frame", shown, fault);
    return FALSE;
  }
  for (guint i = 0; i < regions->len; i++) {
    if (strcmp (g_array_index (regions, GstEffnetNamedRegion, i).name, name) == 0) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                   "\"%s\": there already is a region of that name; each needs a name of its "
                   "own",
                   shown);
      return FALSE;
    }
  }
  region = (GstEffnetNamedRegion){g_steal_pointer (&name), v[0], v[1], v[2], v[3]};
  g_array_append_val (regions, region);
  return TRUE;
}

static void
clear_named (gpointer region)
{
  g_free (((GstEffnetNamedRegion *)region)->name);
}

/* Whether the name in @part may be carried by results. */
static gboolean
is_text (const char *part)
{
  if (!g_utf8_validate (part, -1, NULL))
    return FALSE;
  for (const char *c = part; *c != '\0'; c = g_utf8_next_char (c)) {
    if (g_unichar_iscntrl (g_utf8_get_char (c)))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_part (const char *part, guint index, GError **error)
{
  if (index >= REGIONS_MAX) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, "more than %u regions; expected fewer",
                 REGIONS_MAX);
    return FALSE;
  }
  if (!is_text (part)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "number %u is not text, or has a control character; expected "
                 "NAME:X,Y,WIDTH,HEIGHT in UTF-8",
                 index + 1);
    return FALSE;
  }
  return TRUE;
}

GArray *
gst_effnet_regions_parse (const char *text, GError **error)
{
  g_auto (GStrv) parts = NULL;
  GArray *regions;

  if (!gst_effnet_check_text ("regions", text, 64, error))
    return NULL;
  regions = g_array_new (FALSE, FALSE, sizeof (GstEffnetNamedRegion));
  parts = g_strsplit (text != NULL ? text : "", ";", -1);
  g_array_set_clear_func (regions, clear_named);
  for (char **part = parts; *part != NULL; part++) {
    g_strstrip (*part);
    if (**part == '\0' && part[1] == NULL)
      continue; /* after the last ';' */
    if (!check_part (*part, regions->len, error) || !parse_region (*part, regions, error)) {
      g_prefix_error (error, "regions:%u: ", gst_effnet_part_position (text, ';', regions->len));
      g_clear_pointer (&regions, g_array_unref);
      break;
    }
  }
  return regions;
}

/* ---- picking --------------------------------------------------------------------------------- */

/* Fractions to pixels: edges to the nearest, one pixel at least. */
static void
to_pixels (double start, double length, guint size, guint *at, guint *n)
{
  guint from = (guint)floor (start * size + 0.5), to = (guint)floor ((start + length) * size + 0.5);

  from = MIN (from, size - 1);
  *at = from;
  *n = CLAMP (to, from + 1, size) - from;
}

static void
pick_named (const GstEffnetRegionSettings *settings, guint width, guint height, GArray *picks)
{
  for (guint i = 0; i < settings->named->len; i++) {
    const GstEffnetNamedRegion *r = &g_array_index (settings->named, GstEffnetNamedRegion, i);
    GstEffnetPick pick = {
        .name = r->name, .roi_id = -1, .unique = TRUE, .meta = -1, .detection = -1};

    to_pixels (r->x, r->width, width, &pick.rect.x, &pick.rect.width);
    to_pixels (r->y, r->height, height, &pick.rect.y, &pick.rect.height);
    g_array_append_val (picks, pick);
  }
}

/* A region of interest as it came with the buffer. */
typedef struct {
  const char *name; /* (nullable) */
  int id;
  gboolean lasts; /* the number is the object's from frame to frame */
  gint64 x, y, width, height;
  int meta, detection; /* of GstEffnetPick */
} Roi;

/* An iterator over the ROIs of a buffer. */
typedef struct {
  GstBuffer *buffer;
  gpointer meta, detection;
  int n_metas;
  gboolean past_metas; /* asked again after its last meta, a buffer starts over */
} Walk;

static gboolean
next_meta (Walk *walk, Roi *roi)
{
  const GstVideoRegionOfInterestMeta *meta;

  if (walk->past_metas)
    return FALSE;
  meta = (const GstVideoRegionOfInterestMeta *)gst_buffer_iterate_meta_filtered (
      walk->buffer, &walk->meta, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
  walk->past_metas = meta == NULL;
  if (meta == NULL)
    return FALSE;
  *roi = (Roi){g_quark_to_string (meta->roi_type),
               meta->id,
               TRUE,
               meta->x,
               meta->y,
               meta->w,
               meta->h,
               walk->n_metas++,
               -1};
  return TRUE;
}

#ifdef HAVE_GST_ANALYTICS
/* A detection's number is its place in this buffer's list; the lasting number is its track's.
 */
static gboolean
next_detection (Walk *walk, Roi *roi)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (walk->buffer);
  GstAnalyticsODMtd od;
  GstAnalyticsTrackingMtd track;
  GstClockTime first, last;
  int x, y, width, height;
  guint64 id;
  gboolean lost;
  gfloat confidence;

  do {
    if (meta == NULL || !gst_analytics_relation_meta_iterate (
                            meta, &walk->detection, gst_analytics_od_mtd_get_mtd_type (), &od))
      return FALSE;
  } while (!gst_analytics_od_mtd_get_location (&od, &x, &y, &width, &height, &confidence));
  *roi = (Roi){g_quark_to_string (gst_analytics_od_mtd_get_obj_type (&od)),
               (int)od.id,
               FALSE,
               x,
               y,
               width,
               height,
               -1,
               (int)od.id};
  if (gst_analytics_relation_meta_get_direct_related (meta, od.id, GST_ANALYTICS_REL_TYPE_ANY,
                                                      gst_analytics_tracking_mtd_get_mtd_type (),
                                                      NULL, &track) &&
      gst_analytics_tracking_mtd_get_info (&track, &id, &first, &last, &lost) && id <= G_MAXINT) {
    roi->id = (int)id;
    roi->lasts = TRUE;
  }
  return TRUE;
}
#else
static gboolean
next_detection (Walk *walk, Roi *roi)
{
  (void)walk;
  (void)roi;
  return FALSE;
}
#endif

/* The next ROI that the settings want. */
static gboolean
next_roi (const GstEffnetRegionSettings *settings, Walk *walk, Roi *roi)
{
  while (next_meta (walk, roi) || next_detection (walk, roi)) {
    if (settings->object_class == NULL || g_strcmp0 (roi->name, settings->object_class) == 0)
      return TRUE;
  }
  return FALSE;
}

/* From the frame's lines to those of one field: every line that it has some of */
static void
to_field (Roi *roi)
{
  gint64 end = roi->y + roi->height;

  roi->y = (roi->y - (roi->y & 1)) / 2;
  roi->height = (end + (end & 1)) / 2 - roi->y;
}

/* What of [start, start + length) lies within [0, size); FALSE for nothing. */
static gboolean
clip (gint64 start, gint64 length, guint size, guint *at, guint *n)
{
  gint64 end = MIN (start + length, size);

  start = MAX (start, 0);
  if (end <= start)
    return FALSE;
  *at = (guint)start;
  *n = (guint)(end - start);
  return TRUE;
}

/* Numbers @pick among those of the same name and number, none of which is unique then. */
static void
set_index (GArray *picks, GstEffnetPick *pick)
{
  pick->unique = TRUE;
  for (guint i = 0; i < picks->len; i++) {
    GstEffnetPick *other = &g_array_index (picks, GstEffnetPick, i);

    if (other->roi_id != pick->roi_id || !gst_effnet_region_is_named (other->name, pick->name))
      continue;
    other->unique = pick->unique = FALSE;
    pick->nth++;
  }
}

/* A detector may have attached it both ways: then the pick is of both. */
static gboolean
is_picked (GArray *picks, const GstEffnetPick *pick)
{
  for (guint i = 0; i < picks->len; i++) {
    GstEffnetPick *other = &g_array_index (picks, GstEffnetPick, i);

    if (memcmp (&other->rect, &pick->rect, sizeof pick->rect) == 0 &&
        gst_effnet_region_is_named (other->name, pick->name)) {
      if (other->detection < 0)
        other->detection = pick->detection;
      return TRUE;
    }
  }
  return FALSE;
}

/* From the pixels as they are stored, @width x @height of them, to the upright picture. */
static EffnetRegion
to_upright (EffnetRegion r, guint width, guint height, guint orientation)
{
  guint right = width - r.x - r.width, bottom = height - r.y - r.height;

  switch (orientation) {
  case 2:
    return (EffnetRegion){right, r.y, r.width, r.height};
  case 3:
    return (EffnetRegion){right, bottom, r.width, r.height};
  case 4:
    return (EffnetRegion){r.x, bottom, r.width, r.height};
  case 5:
    return (EffnetRegion){r.y, r.x, r.height, r.width};
  case 6:
    return (EffnetRegion){bottom, r.x, r.height, r.width};
  case 7:
    return (EffnetRegion){bottom, right, r.height, r.width};
  case 8:
    return (EffnetRegion){r.y, right, r.height, r.width};
  default:
    return r;
  }
}

/* @width x @height: pixels as they are stored */
static guint
pick_rois (const GstEffnetRegionSettings *settings, GstBuffer *buffer, guint width, guint height,
           const GstEffnetStorage *storage, GArray *picks)
{
  Walk walk = {.buffer = buffer};
  guint outside = 0, orientation = storage->orientation;
  Roi roi;

  while (next_roi (settings, &walk, &roi)) {
    GstEffnetPick pick = {
        .name = roi.name != NULL ? roi.name : "roi",
        .roi_id = roi.id,
        .meta = roi.meta,
        .detection = roi.detection,
    };

    if (storage->is_field)
      to_field (&roi);
    if (!clip (roi.x, roi.width, width, &pick.rect.x, &pick.rect.width) ||
        !clip (roi.y, roi.height, height, &pick.rect.y, &pick.rect.height)) {
      outside++;
      continue;
    }
    pick.rect = to_upright (pick.rect, width, height, orientation);
    if (walk.detection != NULL && is_picked (picks, &pick))
      continue;
    set_index (picks, &pick);
    pick.unique = pick.unique && roi.lasts;
    g_array_append_val (picks, pick);
  }
  return outside;
}

gboolean
gst_effnet_regions_wants (const GstEffnetRegionSettings *settings, GstBuffer *buffer)
{
  Walk walk = {.buffer = buffer};
  Roi roi;

  switch (settings->mode) {
  case GST_EFFNET_INFERENCE_REGION_ROI_LIST:
    return next_roi (settings, &walk, &roi);
  case GST_EFFNET_INFERENCE_REGION_REGIONS:
    return settings->named->len > 0;
  case GST_EFFNET_INFERENCE_REGION_FULL_FRAME:
  default:
    return TRUE;
  }
}

guint
gst_effnet_regions_pick (const GstEffnetRegionSettings *settings, GstBuffer *buffer, guint width,
                         guint height, const GstEffnetStorage *storage, GArray *picks)
{
  gboolean on_its_side = storage->orientation >= 5;
  GstEffnetPick full = {.roi_id = -1, .unique = TRUE, .meta = -1, .detection = -1};

  g_array_set_size (picks, 0);
  switch (settings->mode) {
  case GST_EFFNET_INFERENCE_REGION_ROI_LIST:
    return pick_rois (settings, buffer, on_its_side ? height : width, on_its_side ? width : height,
                      storage, picks);
  case GST_EFFNET_INFERENCE_REGION_REGIONS:
    pick_named (settings, width, height, picks);
    return 0;
  case GST_EFFNET_INFERENCE_REGION_FULL_FRAME:
  default:
    full.name = "full-frame";
    g_array_append_val (picks, full);
    return 0;
  }
}
