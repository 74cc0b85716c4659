/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Element and tool read one frame the same way: every raw format, and every set of chroma-site
 * flags, through the element and through the tool's source, against the library on the same bytes.
 * The tool's pipeline gets the frame from a source element of this file, by its URI. */
#include "cli/source.h"
#include "common.h"
#include "gst-plugin/video.h"

#include <gst/base/gstpushsrc.h>

#define SCHEME "effnettest"
#define TOP_K  3

static GstCaps *source_caps;
static GstBuffer *source_buffer;
static gboolean source_turns; /* a buffer for each of `turns`, behind its tag */
static EffnetSession *session;

/* As Exif counts, from 1 on. */
static const char *const turns[] = {"rotate-0",        "flip-rotate-0",   "rotate-180",
                                    "flip-rotate-180", "flip-rotate-270", "rotate-90",
                                    "flip-rotate-90",  "rotate-270"};

/* ---- a source of one buffer ------------------------------------------------------------------ */

typedef struct {
  GstPushSrc parent;
  guint n; /* buffers so far */
} OneSrc;

typedef struct {
  GstPushSrcClass parent_class;
} OneSrcClass;

static GstURIType
one_src_uri_type (GType type)
{
  (void)type;
  return GST_URI_SRC;
}

static const gchar *const *
one_src_protocols (GType type)
{
  static const gchar *const protocols[] = {SCHEME, NULL};

  (void)type;
  return protocols;
}

static gchar *
one_src_get_uri (GstURIHandler *handler)
{
  (void)handler;
  return g_strdup (SCHEME "://frame");
}

static gboolean
one_src_set_uri (GstURIHandler *handler, const gchar *uri, GError **error)
{
  (void)handler, (void)uri, (void)error;
  return TRUE;
}

static void
one_src_uri_init (gpointer iface, gpointer data)
{
  GstURIHandlerInterface *handler = iface;

  (void)data;
  handler->get_type = one_src_uri_type;
  handler->get_protocols = one_src_protocols;
  handler->get_uri = one_src_get_uri;
  handler->set_uri = one_src_set_uri;
}

GType one_src_get_type (void);
G_DEFINE_TYPE_WITH_CODE (OneSrc, one_src, GST_TYPE_PUSH_SRC,
                         G_IMPLEMENT_INTERFACE (GST_TYPE_URI_HANDLER, one_src_uri_init))

static GstCaps *
one_src_get_caps (GstBaseSrc *base, GstCaps *filter)
{
  (void)base, (void)filter;
  return gst_caps_ref (source_caps);
}

static GstFlowReturn
one_src_create (GstPushSrc *push, GstBuffer **buffer)
{
  OneSrc *self = (OneSrc *)push;

  if (self->n == (source_turns ? G_N_ELEMENTS (turns) : 1))
    return GST_FLOW_EOS;
  if (source_turns)
    gst_pad_push_event (
        GST_BASE_SRC_PAD (push),
        gst_event_new_tag (gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, turns[self->n], NULL)));
  self->n++;
  *buffer = gst_buffer_copy (source_buffer);
  return GST_FLOW_OK;
}

static void
one_src_class_init (OneSrcClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS (klass);

  gst_element_class_add_pad_template (
      element, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_CAPS_ANY));
  gst_element_class_set_static_metadata (element, "One frame", "Source", "A frame of a test",
                                         "The effnet developers");
  GST_BASE_SRC_CLASS (klass)->get_caps = one_src_get_caps;
  GST_PUSH_SRC_CLASS (klass)->create = one_src_create;
}

static void
one_src_init (OneSrc *self)
{
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_TIME);
}

/* ---- three ways ------------------------------------------------------------------------------ */

static void
classify (const EffnetImage *image, EffnetScore *top)
{
  EffnetResult result;
  GError *error = NULL;

  effnet_session_classify (session, image, &result, &error);
  g_assert_no_error (error);
  effnet_result_top_k (&result, TOP_K, top);
}

static void
assert_element (GstHarness *h, const EffnetScore *want, const char *what)
{
  GstBuffer *out;
  const GValue *ids, *scores;

  gst_harness_set_src_caps (h, gst_caps_ref (source_caps));
  out = push_pull (h, gst_buffer_copy (source_buffer));
  ids = gst_structure_get_value (result_of (out), "label-ids");
  scores = gst_structure_get_value (result_of (out), "scores");
  for (guint i = 0; i < TOP_K; i++) {
    int id = g_value_get_int (gst_value_list_get_value (ids, i));
    double score = g_value_get_double (gst_value_list_get_value (scores, i));

    if (id != (int)want[i].id || score != (double)want[i].score)
      g_error ("%s: the element says class %d %.9g, the library class %u %.9g", what, id, score,
               want[i].id, (double)want[i].score);
  }
  gst_buffer_unref (out);
}

static void
assert_tool (const EffnetImage *expected, const EffnetScore *want, const char *what)
{
  GError *error = NULL;
  Source *source = source_open (SCHEME "://frame", 60, &error);
  SourceFrame frame;
  EffnetScore top[TOP_K];

  g_assert_no_error (error);
  g_assert_cmpint (source_next (source, &frame, &error), ==, 1);
  g_assert_no_error (error);
  if (frame.image.format != expected->format || frame.image.chroma_site != expected->chroma_site ||
      frame.image.matrix != expected->matrix || frame.image.range != expected->range)
    g_error ("%s: the tool reads format %d site %d matrix %d range %d", what, frame.image.format,
             frame.image.chroma_site, frame.image.matrix, frame.image.range);
  classify (&frame.image, top);
  for (guint i = 0; i < TOP_K; i++) {
    if (top[i].id != want[i].id || top[i].score != want[i].score)
      g_error ("%s: the tool says class %u %.9g, the library class %u %.9g", what, top[i].id,
               (double)top[i].score, want[i].id, (double)want[i].score);
  }
  source_close (source);
}

/* Takes @caps; noise, so that every sample counts. */
static void
check (GstHarness *h, GstCaps *caps, const EffnetImage *expected)
{
  g_autofree char *what = gst_caps_to_string (caps);
  GstVideoInfo info;
  GstVideoFrame frame;
  GstMapInfo map;
  EffnetImage image = *expected;
  EffnetScore want[TOP_K];
  GRand *rand = g_rand_new_with_seed (7);

  g_assert_true (gst_video_info_from_caps (&info, caps));
  source_caps = caps;
  source_buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&info), NULL);
  GST_BUFFER_PTS (source_buffer) = 0;
  gst_buffer_map (source_buffer, &map, GST_MAP_WRITE);
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8)g_rand_int_range (rand, 0, 256);
  gst_buffer_unmap (source_buffer, &map);
  g_rand_free (rand);

  g_assert_true (gst_video_frame_map (&frame, &info, source_buffer, GST_MAP_READ));
  image.width = (unsigned)GST_VIDEO_INFO_WIDTH (&info);
  image.height = (unsigned)GST_VIDEO_INFO_FIELD_HEIGHT (&info);
  for (guint p = 0; p < GST_VIDEO_FRAME_N_PLANES (&frame); p++) {
    image.data[p] = GST_VIDEO_FRAME_PLANE_DATA (&frame, p);
    image.stride[p] = GST_VIDEO_FRAME_PLANE_STRIDE (&frame, p);
  }
  classify (&image, want);
  gst_video_frame_unmap (&frame);
  assert_element (h, want, what);
  assert_tool (&image, want, what);
  gst_buffer_unref (source_buffer);
  gst_caps_unref (caps);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* The two cosited flags decide, as in GStreamer's converter; DV is cosited, on alternate lines.
 * Vertical alone is not in the library and counts as centred. */
static EffnetChromaSite
expected_site (guint flags)
{
  gboolean across = (flags & GST_VIDEO_CHROMA_SITE_H_COSITED) != 0;
  gboolean down = (flags & GST_VIDEO_CHROMA_SITE_V_COSITED) != 0;

  if (flags == GST_VIDEO_CHROMA_SITE_UNKNOWN)
    return EFFNET_CHROMA_SITE_DEFAULT;
  if (!across)
    return EFFNET_CHROMA_SITE_CENTER;
  return down ? EFFNET_CHROMA_SITE_TOP_LEFT : EFFNET_CHROMA_SITE_LEFT;
}

static void
test_flags (void)
{
  GstVideoInfo info;
  GstEffnetFormat format;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, 16, 16);
  for (guint flags = 0; flags < 16; flags++) {
    info.chroma_site = (GstVideoChromaSite)flags;
    g_assert_true (gst_effnet_format_from_info (&format, &info));
    g_assert_cmpint (format.image.chroma_site, ==, expected_site (flags));
  }
}

/* All sets of flags that caps can say: NONE with another is not among them. */
static void
test_chroma_sites (void)
{
  static const char *const sites[] = {"jpeg",     "mpeg2",          "v-cosited",          "cosited",
                                      "alt-line", "mpeg2+alt-line", "v-cosited+alt-line", "dv"};
  GstHarness *h = harness_new ("top-k", TOP_K, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (sites); i++) {
    guint flags = (guint)gst_video_chroma_site_from_string (sites[i]);
    EffnetImage image = EFFNET_IMAGE_INIT;

    g_assert_cmpuint (flags, ==, i > 0 ? 2 * i : 1);
    image.format = EFFNET_PIXEL_FORMAT_I420;
    image.matrix = EFFNET_COLOR_MATRIX_BT601;
    image.range = EFFNET_COLOR_RANGE_LIMITED;
    image.chroma_site = expected_site (flags);
    check (h,
           gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, "I420", "width", G_TYPE_INT,
                                160, "height", G_TYPE_INT, 120, "framerate", GST_TYPE_FRACTION, 30,
                                1, "colorimetry", G_TYPE_STRING, "bt601", "chroma-site",
                                G_TYPE_STRING, sites[i], NULL),
           &image);
  }
  harness_free (h);
}

static void
test_formats (void)
{
  GstCaps *all = gst_effnet_video_get_raw_caps ();
  const GValue *list = gst_structure_get_value (gst_caps_get_structure (all, 0), "format");
  const guint n_rows = EFFNET_PIXEL_FORMAT_V210 - 1; /* UNKNOWN and JPEG are not raw */
  GstHarness *h = harness_new ("top-k", TOP_K, NULL);

  g_assert_cmpuint (gst_value_list_get_size (list), >=, n_rows); /* then those to be unpacked */
  for (guint i = 0; i < n_rows; i++) {
    const char *name = g_value_get_string (gst_value_list_get_value (list, i));
    GstVideoInfo info;
    GstEffnetFormat format;
    GstCaps *caps;

    gst_video_info_set_format (&info, gst_video_format_from_string (name), 160, 120);
    info.fps_n = 30;
    caps = gst_video_info_to_caps (&info);
    g_assert_true (gst_effnet_format_from_caps (&format, caps));
    check (h, caps, &format.image);
  }
  harness_free (h);
  gst_caps_unref (all);
}

/* Buffers of every second line. */
static void
test_fields (void)
{
  GstHarness *h = harness_new ("top-k", TOP_K, NULL);
  GstCaps *caps =
      gst_caps_from_string ("video/x-raw(format:Interlaced),format=I420,width=160,height=240,"
                            "interlace-mode=alternate,field-order=top-field-first,framerate=30/1,"
                            "colorimetry=bt601,chroma-site=mpeg2");
  EffnetImage image = EFFNET_IMAGE_INIT;

  image.format = EFFNET_PIXEL_FORMAT_I420;
  image.matrix = EFFNET_COLOR_MATRIX_BT601;
  image.range = EFFNET_COLOR_RANGE_LIMITED;
  image.chroma_site = EFFNET_CHROMA_SITE_LEFT;
  image.par_n = 1;
  image.par_d = 2;
  check (h, caps, &image);
  harness_free (h);
}

/* A stream that turns while it plays: each frame stands as the tag before it says. */
static void
test_turns (void)
{
  GstHarness *h = harness_new ("inference-interval", 1000, NULL);
  GError *error = NULL;
  Source *source;
  SourceFrame frame;
  EffnetScore top[TOP_K];

  source_caps = gst_caps_from_string ("video/x-raw,format=RGB,width=320,height=224,framerate=30/1");
  source_buffer =
      picture_through ("pipelines/media/coffee.jpg",
                       "jpegdec ! videoconvert ! videoscale add-borders=false ! capsfilter "
                       "caps=video/x-raw,format=RGB,width=320,height=224,pixel-aspect-ratio=1/1");
  source_turns = TRUE;
  source = source_open (SCHEME "://frame", 60, &error);
  g_assert_no_error (error);
  gst_harness_set_src_caps (h, gst_caps_ref (source_caps));
  for (guint i = 0; i < G_N_ELEMENTS (turns); i++) {
    GstBuffer *out;

    g_assert_cmpint (source_next (source, &frame, &error), ==, 1);
    g_assert_no_error (error);
    g_assert_cmpuint (frame.image.orientation, ==, i + 1);
    classify (&frame.image, top);
    gst_harness_push_event (
        h, gst_event_new_tag (gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, turns[i], NULL)));
    out = push_pull (h, gst_buffer_copy (source_buffer));
    g_assert_true (result_boolean (result_of (out), "fresh")); /* whatever the interval */
    g_assert_cmpint (result_int (result_of (out), "label-id"), ==, (int)top[0].id);
    g_assert_cmpfloat (result_double (result_of (out), "confidence"), ==, (double)top[0].score);
    gst_buffer_unref (out);
  }
  source_close (source);
  source_turns = FALSE;
  gst_clear_buffer (&source_buffer);
  gst_clear_caps (&source_caps);
  harness_free (h);
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  EffnetModel *model;
  int failed;

  test_init (&argc, &argv);
  gst_element_register (NULL, "effnettestsrc", GST_RANK_PRIMARY, one_src_get_type ());
  model = effnet_model_open (NULL, NULL, &error);
  g_assert_no_error (error);
  session = effnet_session_new (model, NULL, &error);
  g_assert_no_error (error);
  g_test_add_func ("/gst/video/flags", test_flags);
  g_test_add_func ("/gst/video/chroma-sites", test_chroma_sites);
  g_test_add_func ("/gst/video/formats", test_formats);
  g_test_add_func ("/gst/video/fields", test_fields);
  g_test_add_func ("/gst/video/turns", test_turns);
  failed = g_test_run ();
  effnet_session_free (session);
  effnet_model_unref (model);
  return failed;
}
