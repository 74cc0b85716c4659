/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See camera.h. */
#include "camera.h"

#include <gst/base/gstpushsrc.h>
#include <stdio.h>
#include <string.h>

#include "common.h"

/* ---- cameras.txt ----------------------------------------------------------------------------- */

/* How v4l2src spells a FOURCC. Webcams say sRGB, which in YUV means BT.601 coefficients. */
static const struct {
  const char *fourcc, *caps;
} formats[] = {
    {"YUYV", "video/x-raw,format=YUY2,colorimetry=2:4:7:1"},
    {"YVYU", "video/x-raw,format=YVYU,colorimetry=2:4:7:1"},
    {"VYUY", "video/x-raw,format=VYUY,colorimetry=2:4:7:1"},
    {"UYVY", "video/x-raw,format=UYVY,colorimetry=2:4:7:1"},
    {"NV12", "video/x-raw,format=NV12,colorimetry=bt709"},
    {"NV21", "video/x-raw,format=NV21,colorimetry=bt601"},
    {"NV16", "video/x-raw,format=NV16,colorimetry=bt601"},
    {"YU12", "video/x-raw,format=I420,colorimetry=bt601"},
    {"YV12", "video/x-raw,format=YV12,colorimetry=bt601"},
    {"RGB3", "video/x-raw,format=RGB"},
    {"BGR3", "video/x-raw,format=BGR"},
    {"BGR4", "video/x-raw,format=BGRx"},
    {"GREY", "video/x-raw,format=GRAY8"},
    {"MJPG", "image/jpeg,parsed=true,colorimetry=1:4:7:1"},
    {"JPEG", "image/jpeg,parsed=true,colorimetry=1:4:7:1"},
    {"H264", "video/x-h264,stream-format=byte-stream,alignment=au"},
};

static GstCaps *
format_caps (const char *fourcc)
{
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    if (g_str_equal (formats[i].fourcc, fourcc))
      return gst_caps_from_string (formats[i].caps);
  }
  g_error ("cameras.txt: no format %s", fourcc);
  return NULL;
}

static void
set_range (GstStructure *s, const char *field, int from, int to, int step)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_INT_RANGE);
  gst_value_set_int_range_step (&value, from, to, step);
  gst_structure_take_value (s, field, &value);
}

static void
set_size (GstStructure *s, const char *text)
{
  int w, h, w2, h2, step;

  if (sscanf (text, "%dx%d-%dx%d/%d", &w, &h, &w2, &h2, &step) == 5) {
    set_range (s, "width", w, w2, step);
    set_range (s, "height", h, h2, step);
  } else if (sscanf (text, "%dx%d", &w, &h) == 2) {
    gst_structure_set (s, "width", G_TYPE_INT, w, "height", G_TYPE_INT, h, NULL);
  } else {
    g_error ("cameras.txt: no size %s", text);
  }
}

/* @rates: NULL-terminated, may be none: any up to 90. */
static void
set_rates (GstStructure *s, char **rates)
{
  GValue list = G_VALUE_INIT;

  if (*rates == NULL) {
    gst_structure_set (s, "framerate", GST_TYPE_FRACTION_RANGE, 1, 1, 90, 1, NULL);
    return;
  }
  g_value_init (&list, GST_TYPE_LIST);
  for (; *rates != NULL; rates++) {
    GValue rate = G_VALUE_INIT;

    g_value_init (&rate, GST_TYPE_FRACTION);
    gst_value_set_fraction (&rate, (int)(2 * g_ascii_strtod (*rates, NULL)), 2);
    gst_value_list_append_and_take_value (&list, &rate);
  }
  gst_structure_take_value (s, "framerate", &list);
}

static GstCaps *
mode_caps (char **words)
{
  GstCaps *caps = format_caps (words[0]);
  GstStructure *s = gst_caps_get_structure (caps, 0);

  set_size (s, words[1]);
  set_rates (s, words + 2);
  if (gst_structure_has_name (s, "video/x-raw"))
    gst_structure_set (s, "interlace-mode", G_TYPE_STRING, "progressive", NULL);
  gst_structure_set (s, "pixel-aspect-ratio", GST_TYPE_FRACTION, 1, 1, NULL);
  return caps;
}

static void
free_camera (gpointer data)
{
  Camera *camera = data;

  g_ptr_array_unref (camera->modes);
  g_free (camera->name);
  g_free (camera);
}

GPtrArray *
cameras_read (void)
{
  GPtrArray *cameras = g_ptr_array_new_with_free_func (free_camera);
  char *path = source_path ("tests/gst/cameras.txt"), *text, **lines;
  Camera *camera = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    char **words = g_strsplit (*line, " ", -1);

    if (g_str_has_prefix (*line, "camera ")) {
      camera = g_new (Camera, 1);
      camera->name = g_strdup (*line + strlen ("camera "));
      camera->modes = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_caps_unref);
      g_ptr_array_add (cameras, camera);
    } else if (**line != '\0' && **line != '#' && !g_str_has_prefix (*line, "from ")) {
      g_assert_nonnull (camera);
      g_ptr_array_add (camera->modes, mode_caps (words));
    }
    g_strfreev (words);
  }
  g_strfreev (lines);
  g_free (text);
  g_free (path);
  return cameras;
}

static gboolean
has_element (const char *name)
{
  GstElementFactory *factory = gst_element_factory_find (name);
  gboolean has = factory != NULL;

  gst_clear_object (&factory);
  return has;
}

gboolean
camera_mode_is_plain (const GstCaps *mode)
{
  return !gst_structure_has_name (gst_caps_get_structure (mode, 0), "video/x-h264") ||
         (has_element ("x264enc") && has_element ("avdec_h264"));
}

/* ---- the source ------------------------------------------------------------------------------ */

typedef struct {
  GstPushSrc parent;
  GstCaps *modes;
  GstBuffer *frame; /* of the mode agreed on */
  guint n, sent;
} TestCamera;
typedef GstPushSrcClass TestCameraClass;

GType test_camera_get_type (void);
G_DEFINE_TYPE (TestCamera, test_camera, GST_TYPE_PUSH_SRC)

static GstCaps *
get_caps (GstBaseSrc *base, GstCaps *filter)
{
  TestCamera *self = (TestCamera *)base;

  if (GST_STATE (base) == GST_STATE_NULL) /* not open yet: everything, the template */
    return filter != NULL ? gst_caps_ref (filter) : gst_caps_new_any ();
  return filter != NULL ? gst_caps_intersect_full (self->modes, filter, GST_CAPS_INTERSECT_FIRST)
                        : gst_caps_ref (self->modes);
}

static gint64
area (const GstStructure *s)
{
  int width = 0, height = 0;

  gst_structure_get_int (s, "width", &width);
  gst_structure_get_int (s, "height", &height);
  return (gint64)width * height;
}

/* The largest picture, the first of several. */
static GstCaps *
fixate (GstBaseSrc *base, GstCaps *caps)
{
  GstStructure *best = NULL;
  GstCaps *fixed = gst_caps_new_empty ();

  (void)base;
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    GstStructure *s = gst_structure_copy (gst_caps_get_structure (caps, i));

    gst_structure_fixate_field_nearest_int (s, "width", 3840);
    gst_structure_fixate_field_nearest_int (s, "height", 2160);
    gst_structure_fixate_field_nearest_fraction (s, "framerate", 120, 1);
    gst_structure_fixate (s);
    if (best != NULL && area (best) >= area (s)) {
      gst_structure_free (s);
      continue;
    }
    g_clear_pointer (&best, gst_structure_free);
    best = s;
  }
  gst_caps_unref (caps);
  gst_caps_append_structure (fixed, best);
  return fixed;
}

/* The cup of coffee in the form of @caps. */
static GstBuffer *
scene (const GstCaps *caps)
{
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  const char *encoder = "identity", *format = gst_structure_get_string (s, "format");
  const char *colorimetry = NULL;
  int width = 0, height = 0;
  GstBuffer *out;
  char *line;

  if (gst_structure_has_name (s, "image/jpeg"))
    encoder = "jpegenc";
  else if (gst_structure_has_name (s, "video/x-h264"))
    encoder = "x264enc key-int-max=1 tune=zerolatency speed-preset=ultrafast ! "
              "video/x-h264,stream-format=byte-stream,alignment=au ! identity";
  else
    colorimetry = gst_structure_get_string (s, "colorimetry");
  gst_structure_get_int (s, "width", &width);
  gst_structure_get_int (s, "height", &height);
  line = g_strdup_printf (
      "jpegdec ! videoscale add-borders=false ! videoconvert ! "
      "video/x-raw,format=%s,width=%d,height=%d,pixel-aspect-ratio=1/1%s%s ! %s",
      format != NULL ? format : "I420", width, height, colorimetry != NULL ? ",colorimetry=" : "",
      colorimetry != NULL ? colorimetry : "", encoder);
  out = picture_through ("pipelines/media/coffee.jpg", line);
  g_free (line);
  return out;
}

static gboolean
set_caps (GstBaseSrc *base, GstCaps *caps)
{
  TestCamera *self = (TestCamera *)base;

  g_assert_true (gst_caps_is_fixed (caps) && gst_caps_can_intersect (caps, self->modes));
  gst_clear_buffer (&self->frame);
  self->frame = scene (caps);
  return TRUE;
}

static GstFlowReturn
create (GstPushSrc *src, GstBuffer **buffer)
{
  TestCamera *self = (TestCamera *)src;

  if (self->sent == self->n)
    return GST_FLOW_EOS;
  *buffer = gst_buffer_copy_region (self->frame, GST_BUFFER_COPY_MEMORY, 0, (gsize)-1);
  GST_BUFFER_PTS (*buffer) = self->sent++ * GST_SECOND / 30;
  return GST_FLOW_OK;
}

static void
finalize (GObject *object)
{
  TestCamera *self = (TestCamera *)object;

  gst_caps_unref (self->modes);
  gst_clear_buffer (&self->frame);
  G_OBJECT_CLASS (test_camera_parent_class)->finalize (object);
}

static void
test_camera_class_init (TestCameraClass *klass)
{
  GstBaseSrcClass *base = GST_BASE_SRC_CLASS (klass);
  GstCaps *any = gst_caps_new_any ();

  G_OBJECT_CLASS (klass)->finalize = finalize;
  gst_element_class_set_static_metadata (GST_ELEMENT_CLASS (klass), "Camera", "Source/Video",
                                         "Modes of real cameras", "effnet tests");
  gst_element_class_add_pad_template (
      GST_ELEMENT_CLASS (klass), gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, any));
  gst_caps_unref (any);
  base->get_caps = get_caps;
  base->fixate = fixate;
  base->set_caps = set_caps;
  klass->create = create;
}

static void
test_camera_init (TestCamera *self)
{
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_TIME);
}

GstElement *
camera_source_new (GstCaps *modes, guint n)
{
  TestCamera *self = g_object_new (test_camera_get_type (), NULL);

  self->modes = gst_caps_ref (modes);
  self->n = n;
  return GST_ELEMENT (self);
}
