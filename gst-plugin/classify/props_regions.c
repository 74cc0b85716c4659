/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inference-region, regions, object-class, reclassify-interval. */
#include "classify/props_regions.h"

enum { INFERENCE_REGION, REGIONS, OBJECT_CLASS, RECLASSIFY_INTERVAL };

static gboolean
set_regions (GstEffnetClassify *self, const char *text, GError **error)
{
  GstEffnetRegionSettings *regions = &self->frame_settings.inference.regions;
  GArray *named = gst_effnet_regions_parse (text, error);

  if (named == NULL)
    return FALSE;
  g_array_unref (regions->named);
  regions->named = named;
  g_free (self->regions);
  self->regions = g_strdup (text);
  return TRUE;
}

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  GstEffnetRegionSettings *regions = &self->frame_settings.inference.regions;
  const char *class;

  switch (index) {
  case INFERENCE_REGION:
    regions->mode = g_value_get_enum (value);
    break;
  case REGIONS:
    if (!set_regions (self, g_value_get_string (value), error))
      return FALSE;
    break;
  case RECLASSIFY_INTERVAL:
    self->frame_settings.inference.reclassify_interval = g_value_get_uint (value);
    return TRUE;
  default:
    class = g_value_get_string (value);
    g_clear_pointer (&regions->object_class, g_ref_string_release);
    if (class != NULL && *class != '\0')
      regions->object_class = g_ref_string_new (class);
    break;
  }
  regions->serial++;
  return TRUE;
}

static void
get (GstEffnetClassify *self, guint index, GValue *value)
{
  const GstEffnetRegionSettings *regions = &self->frame_settings.inference.regions;

  switch (index) {
  case INFERENCE_REGION:
    g_value_set_enum (value, regions->mode);
    break;
  case REGIONS:
    g_value_set_string (value, self->regions);
    break;
  case RECLASSIFY_INTERVAL:
    g_value_set_uint (value, self->frame_settings.inference.reclassify_interval);
    break;
  default:
    g_value_set_string (value, regions->object_class);
    break;
  }
}

static void
install (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + INFERENCE_REGION,
      g_param_spec_enum ("inference-region", "Inference region",
                         "Which parts of a frame are classified, each by itself and at the "
                         "frame's own resolution",
                         GST_TYPE_EFFNET_INFERENCE_REGION, GST_EFFNET_INFERENCE_REGION_FULL_FRAME,
                         GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + REGIONS,
      g_param_spec_string (
          "regions", "Regions",
          "Named parts for inference-region=regions: NAME:X,Y,WIDTH,HEIGHT "
          "(fractions of the frame, 0 to 1), with ';' between them, as in "
          "gate:0.1,0.2,0.3,0.4;door:0.6,0,0.4,1. A text that cannot be read "
          "leaves the regions before, with a warning; before the start it is an error",
          NULL, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + OBJECT_CLASS,
      g_param_spec_string ("object-class", "Object class",
                           "For inference-region=roi-list: only regions of interest of this type; "
                           "unset = all",
                           NULL, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + RECLASSIFY_INTERVAL,
      g_param_spec_uint ("reclassify-interval", "Reclassify interval",
                         "For inference-region=roi-list: a region whose number identifies it, and "
                         "that has a result, is classified again every Nth frame only; others at "
                         "once (frames)",
                         1, 1000000, 1, GST_EFFNET_PLAYING_FLAGS));
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_INFERENCE_REGION, 0);
}

const GstEffnetPropertyGroup gst_effnet_region_properties = {install, set, get};
