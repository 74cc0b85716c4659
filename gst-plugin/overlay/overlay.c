/* SPDX-License-Identifier: LGPL-2.1-or-later
 */
/**
 * SECTION:element-effnetoverlay
 * @title: effnetoverlay
 * @short_description: Writes on the picture what effnetclassify found
 *
 * Draws the label of each buffer's metadata with a bar for its score, the parts that were
 * classified with their own labels, and how old a result is that is not of this moment. It reads
 * metadata only: #element-effnetclassify may stand anywhere before it, and what other elements say
 * with GstAnalytics is drawn, too (GStreamer 1.24 and newer).
 *
 * A sink that draws overlays itself gets the picture untouched and the text beside it; for others
 * the text is blended into the frame, in every raw format that GStreamer blends. Text is rendered
 * only when it changes.
 *
 * ## Example launch lines
 *
 * The label of a camera on the screen:
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=30 ! effnetclassify ! effnetoverlay ! fakesink
 * ]|
 * Two parts of the picture, each with its label:
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=3 ! video/x-raw,width=1280,height=720 \
 *   ! effnetclassify inference-region=regions regions="gate:0,0.2,0.3,0.8;door:0.6,0.1,0.4,0.9" \
 *   ! effnetoverlay position=top ! fakesink
 * ]|
 * Where the evidence for the label is, in colours from blue to red:
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=3 ! effnetclassify attach-activation-map=true \
 *   ! effnetoverlay show-activation-map=true ! fakesink
 * ]|
 */
/* The element `overlaycomposition` negotiates and blends; here it is told what. Settings are under
 * the object lock; all else belongs to the streaming thread. */
#include "overlay/overlay.h"

#include <gst/video/video.h>

#include "overlay/draw.h"
#include "schema.h"
#include "video.h"

GST_DEBUG_CATEGORY_STATIC (gst_effnet_overlay_debug);
#define GST_CAT_DEFAULT gst_effnet_overlay_debug

/* What overlaycomposition takes; where the memory is no system memory the sink has to draw. */
#define TEMPLATE                                                                                   \
  GST_VIDEO_CAPS_MAKE (GST_VIDEO_OVERLAY_COMPOSITION_BLEND_FORMATS)                                \
  ";" GST_VIDEO_CAPS_MAKE_WITH_FEATURES ("ANY", GST_VIDEO_FORMATS_ALL)

struct _GstEffnetOverlay {
  GstBin parent;
  GstElement *painter; /* (nullable): GStreamer has none */

  /* under the object lock */
  GstEffnetCaptionSettings caption_settings;
  GstEffnetDrawSettings draw_settings;
  gboolean changed; /* a setting */

  /* of the streaming thread */
  GstVideoInfo info;
  GstEffnetTagged tagged;
  GArray *captions;       /* (nullable): what `composition` shows */
  GstEffnetCanvas canvas; /* that it was made for */
  GstVideoOverlayComposition *composition;
};

G_DEFINE_TYPE (GstEffnetOverlay, gst_effnet_overlay, GST_TYPE_BIN)

static gboolean
register_element (GstPlugin *plugin)
{
  GST_DEBUG_CATEGORY_INIT (gst_effnet_overlay_debug, "effnetoverlay", 0, "effnet's overlay");
  return gst_element_register (plugin, "effnetoverlay", GST_RANK_NONE, GST_TYPE_EFFNET_OVERLAY);
}

GST_ELEMENT_REGISTER_DEFINE_CUSTOM (effnetoverlay, register_element)

static GType
position_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_POSITION_TOP_LEFT, "Top left", "top-left"},
      {GST_EFFNET_POSITION_TOP, "Top, in the middle", "top"},
      {GST_EFFNET_POSITION_TOP_RIGHT, "Top right", "top-right"},
      {GST_EFFNET_POSITION_BOTTOM_LEFT, "Bottom left", "bottom-left"},
      {GST_EFFNET_POSITION_BOTTOM, "Bottom, in the middle", "bottom"},
      {GST_EFFNET_POSITION_BOTTOM_RIGHT, "Bottom right", "bottom-right"},
      {0, NULL, NULL},
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstEffnetOverlayPosition", values));
  return type;
}

/* ---- each buffer ----------------------------------------------------------------------------- */

static GstEffnetCanvas
canvas_of (const GstEffnetOverlay *self)
{
  unsigned tag = gst_effnet_tagged_orientation (&self->tagged);
  GstEffnetCanvas canvas = {GST_VIDEO_INFO_WIDTH (&self->info), GST_VIDEO_INFO_HEIGHT (&self->info),
                            (double)GST_VIDEO_INFO_PAR_N (&self->info) /
                                GST_VIDEO_INFO_PAR_D (&self->info),
                            tag != 0 ? tag : 1};
  return canvas;
}

static gboolean
same_canvas (const GstEffnetCanvas *a, const GstEffnetCanvas *b)
{
  return a->width == b->width && a->height == b->height && a->par == b->par &&
         a->orientation == b->orientation;
}

/* Draws again where what is to be seen has changed. Takes @captions. */
static void
render (GstEffnetOverlay *self, GArray *captions, const GstEffnetCanvas *canvas,
        GstEffnetDrawSettings *settings)
{
  g_clear_pointer (&self->captions, g_array_unref);
  g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
  self->captions = captions;
  self->canvas = *canvas;
  self->composition = gst_effnet_draw (captions, canvas, settings);
  GST_LOG_OBJECT (self, "rendered %u texts", captions->len);
}

/* Returns: (transfer full) (nullable) */
static GstVideoOverlayComposition *
on_draw (GstElement *painter, GstSample *sample, GstEffnetOverlay *self)
{
  GstEffnetCanvas canvas = canvas_of (self);
  GstEffnetDrawSettings draw_settings;
  gboolean changed;
  GArray *captions;

  (void)painter;
  GST_OBJECT_LOCK (self);
  captions = gst_effnet_captions_read (gst_sample_get_buffer (sample), &self->info,
                                       &self->caption_settings);
  changed = self->changed;
  self->changed = FALSE;
  draw_settings = self->draw_settings;
  draw_settings.font = g_strdup (draw_settings.font);
  GST_OBJECT_UNLOCK (self);
  if (self->captions == NULL || changed || !same_canvas (&canvas, &self->canvas) ||
      !gst_effnet_captions_equal (captions, self->captions))
    render (self, captions, &canvas, &draw_settings);
  else
    g_array_unref (captions);
  g_free (draw_settings.font);
  return self->composition != NULL ? gst_video_overlay_composition_ref (self->composition) : NULL;
}

static GstPadProbeReturn
on_event (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstEffnetOverlay *self = user_data;
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  GstCaps *caps;

  (void)pad;
  gst_effnet_tagged_note (&self->tagged, event);
  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    gst_event_parse_caps (event, &caps);
    if (!gst_video_info_from_caps (&self->info, caps))
      gst_video_info_init (&self->info);
  }
  return GST_PAD_PROBE_OK;
}

/* ---- properties ------------------------------------------------------------------------------ */

enum {
  PROP_0,
  PROP_POSITION,
  PROP_FONT,
  PROP_FONT_SIZE,
  PROP_OPACITY,
  PROP_SHOW_SCORE,
  PROP_SHOW_PARTS,
  PROP_SHOW_MAP,
  PROP_MAP_OPACITY,
  PROP_STALE_AFTER,
  PROP_ELEMENT,
};

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GstEffnetOverlay *self = GST_EFFNET_OVERLAY (object);

  GST_OBJECT_LOCK (self);
  self->changed = TRUE;
  switch (id) {
  case PROP_POSITION:
    self->draw_settings.position = (GstEffnetPosition)g_value_get_enum (value);
    break;
  case PROP_FONT:
    g_free (self->draw_settings.font);
    self->draw_settings.font =
        g_value_get_string (value) != NULL ? g_value_dup_string (value) : g_strdup ("");
    break;
  case PROP_FONT_SIZE:
    self->draw_settings.font_size = g_value_get_double (value);
    break;
  case PROP_OPACITY:
    self->draw_settings.opacity = g_value_get_double (value);
    break;
  case PROP_SHOW_SCORE:
    self->caption_settings.scores = g_value_get_boolean (value);
    break;
  case PROP_SHOW_PARTS:
    self->caption_settings.parts = g_value_get_boolean (value);
    break;
  case PROP_SHOW_MAP:
    self->caption_settings.maps = g_value_get_boolean (value);
    break;
  case PROP_MAP_OPACITY:
    self->draw_settings.map_opacity = g_value_get_double (value);
    break;
  case PROP_STALE_AFTER:
    self->caption_settings.stale_after = g_value_get_uint64 (value);
    break;
  case PROP_ELEMENT:
    g_free (self->caption_settings.element);
    self->caption_settings.element = g_value_dup_string (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  GstEffnetOverlay *self = GST_EFFNET_OVERLAY (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_POSITION:
    g_value_set_enum (value, (gint)self->draw_settings.position);
    break;
  case PROP_FONT:
    g_value_set_string (value, self->draw_settings.font);
    break;
  case PROP_FONT_SIZE:
    g_value_set_double (value, self->draw_settings.font_size);
    break;
  case PROP_OPACITY:
    g_value_set_double (value, self->draw_settings.opacity);
    break;
  case PROP_SHOW_SCORE:
    g_value_set_boolean (value, self->caption_settings.scores);
    break;
  case PROP_SHOW_PARTS:
    g_value_set_boolean (value, self->caption_settings.parts);
    break;
  case PROP_SHOW_MAP:
    g_value_set_boolean (value, self->caption_settings.maps);
    break;
  case PROP_MAP_OPACITY:
    g_value_set_double (value, self->draw_settings.map_opacity);
    break;
  case PROP_STALE_AFTER:
    g_value_set_uint64 (value, self->caption_settings.stale_after);
    break;
  case PROP_ELEMENT:
    g_value_set_string (value, self->caption_settings.element);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
install_properties (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, PROP_POSITION,
      g_param_spec_enum ("position", "Position", "Where the label of the whole picture stands",
                         position_get_type (), GST_EFFNET_POSITION_BOTTOM_LEFT, flags));
  g_object_class_install_property (
      klass, PROP_FONT,
      g_param_spec_string ("font-desc", "Font", "Pango's description of the font, without a size",
                           "Sans Bold", flags));
  g_object_class_install_property (
      klass, PROP_FONT_SIZE,
      g_param_spec_double ("font-size", "Font size",
                           "Height of the text in pixels; 0: a 24th of the picture's, at least 13",
                           0, 1000, 0, flags));
  g_object_class_install_property (
      klass, PROP_OPACITY,
      g_param_spec_double ("opacity", "Opacity", "Of the dark ground behind the text, 0 to 1", 0, 1,
                           0.6, flags));
  g_object_class_install_property (klass, PROP_SHOW_SCORE,
                                   g_param_spec_boolean ("show-score", "Show score",
                                                         "Scores as a number and as a bar", TRUE,
                                                         flags));
  g_object_class_install_property (
      klass, PROP_SHOW_PARTS,
      g_param_spec_boolean ("show-regions", "Show regions",
                            "Classified parts of the picture and detected objects, with their "
                            "labels",
                            TRUE, flags));
  g_object_class_install_property (
      klass, PROP_SHOW_MAP,
      g_param_spec_boolean ("show-activation-map", "Show activation map",
                            "Colours where the evidence for the label is; needs "
                            "attach-activation-map=true of effnetclassify",
                            FALSE, flags));
  g_object_class_install_property (
      klass, PROP_MAP_OPACITY,
      g_param_spec_double ("activation-map-opacity", "Activation map opacity",
                           "Of its hottest places, 0 to 1", 0, 1, 0.6, flags));
  g_object_class_install_property (
      klass, PROP_STALE_AFTER,
      g_param_spec_uint64 ("stale-after", "Stale after",
                           "A result older than this is caption with its age, fainter (ns)", 0,
                           G_MAXUINT64, 2 * GST_SECOND, flags));
  g_object_class_install_property (
      klass, PROP_ELEMENT,
      g_param_spec_string ("element", "Element",
                           "Show the results of the element of this name only; unset: of all", NULL,
                           flags));
}

/* ---- life ------------------------------------------------------------------------------------ */

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstEffnetOverlay *self = GST_EFFNET_OVERLAY (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY && self->painter == NULL) {
    GST_ELEMENT_ERROR (self, CORE, MISSING_PLUGIN, (NULL),
                       ("the element overlaycomposition is not there: it is in the package "
                        "gstreamer1.0-plugins-base"));
    return GST_STATE_CHANGE_FAILURE;
  }
  ret = GST_ELEMENT_CLASS (gst_effnet_overlay_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    g_clear_pointer (&self->captions, g_array_unref);
    g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
  }
  return ret;
}

static void
finalize (GObject *object)
{
  GstEffnetOverlay *self = GST_EFFNET_OVERLAY (object);

  g_free (self->draw_settings.font);
  g_free (self->caption_settings.element);
  g_clear_pointer (&self->captions, g_array_unref);
  g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
  G_OBJECT_CLASS (gst_effnet_overlay_parent_class)->finalize (object);
}

static void
gst_effnet_overlay_class_init (GstEffnetOverlayClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  g_autoptr (GstCaps) caps = gst_caps_from_string (TEMPLATE);

  G_OBJECT_CLASS (klass)->finalize = finalize;
  G_OBJECT_CLASS (klass)->set_property = set_property;
  G_OBJECT_CLASS (klass)->get_property = get_property;
  install_properties (G_OBJECT_CLASS (klass));
  gst_element_class_set_static_metadata (element, "EfficientNet overlay", "Filter/Editor/Video",
                                         "Writes on the picture what effnetclassify found",
                                         "The effnet developers");
  gst_element_class_add_pad_template (
      element, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (
      element, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  element->change_state = GST_DEBUG_FUNCPTR (change_state);
  gst_type_mark_as_plugin_api (position_get_type (), 0);
  gst_effnet_schema_register ();
}

static void
add_ghost (GstEffnetOverlay *self, const char *name)
{
  g_autoptr (GstPad) target = gst_element_get_static_pad (self->painter, name);

  gst_element_add_pad (
      GST_ELEMENT (self),
      gst_ghost_pad_new_from_template (
          name, target, gst_element_class_get_pad_template (GST_ELEMENT_GET_CLASS (self), name)));
  if (GST_PAD_IS_SINK (target))
    gst_pad_add_probe (target, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event, self, NULL);
}

static void
gst_effnet_overlay_init (GstEffnetOverlay *self)
{
  gst_video_info_init (&self->info);
  self->draw_settings = (GstEffnetDrawSettings){.position = GST_EFFNET_POSITION_BOTTOM_LEFT,
                                                .font = g_strdup ("Sans Bold"),
                                                .opacity = 0.6,
                                                .map_opacity = 0.6};
  self->caption_settings =
      (GstEffnetCaptionSettings){.scores = TRUE, .parts = TRUE, .stale_after = 2 * GST_SECOND};
  self->painter = gst_element_factory_make ("overlaycomposition", "painter");
  if (self->painter == NULL)
    return;
  gst_bin_add (GST_BIN (self), self->painter);
  g_signal_connect (self->painter, "draw", G_CALLBACK (on_draw), self);
  add_ghost (self, "sink");
  add_ghost (self, "src");
}
