/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Upright, whoever says how a frame is stored: each orientation by tag, by Exif and by property, of
 * frames that GStreamer's videoflip has put the other way. */
#include "common.h"

#include <math.h>
#include <string.h>

#define WIDTH  320
#define HEIGHT 224

/* As Exif counts; what undoes it, and what videoflip is to do to make it. */
static const struct {
  const char *tag, *maker;
} orientations[] = {
    {"rotate-0", "identity"},    {"flip-rotate-0", "horiz"},   {"rotate-180", "180"},
    {"flip-rotate-180", "vert"}, {"flip-rotate-270", "ul-lr"}, {"rotate-90", "90l"},
    {"flip-rotate-90", "ur-ll"}, {"rotate-270", "90r"},
};

/* The coffee as it would be stored, RGB. */
static GstBuffer *
stored_frame (guint orientation)
{
  char *line = g_strdup_printf ("jpegdec ! videoconvert ! videoscale add-borders=false ! "
                                "capsfilter caps=video/x-raw,format=RGB,width=%d,height=%d,"
                                "pixel-aspect-ratio=1/1 ! videoflip video-direction=%s",
                                WIDTH, HEIGHT, orientations[orientation - 1].maker);
  GstBuffer *made = picture_through ("pipelines/media/coffee.jpg", line);
  GstBuffer *out = gst_buffer_copy_region (made, GST_BUFFER_COPY_MEMORY, 0, (gsize)-1);

  gst_buffer_unref (made);
  g_free (line);
  return out;
}

static void
set_caps (GstHarness *h, guint orientation)
{
  gboolean on_its_side = orientation >= 5;
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, "RGB", "width",
                                       G_TYPE_INT, on_its_side ? HEIGHT : WIDTH, "height",
                                       G_TYPE_INT, on_its_side ? WIDTH : HEIGHT, "framerate",
                                       GST_TYPE_FRACTION, 30, 1, NULL);

  gst_harness_set_src_caps (h, caps);
}

static void
send_tag (GstHarness *h, GstTagScope scope, const char *value)
{
  GstTagList *tags = gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, value, NULL);

  gst_tag_list_set_scope (tags, scope);
  gst_harness_push_event (h, gst_event_new_tag (tags));
}

static double
push_confidence (GstHarness *h, GstBuffer *buffer)
{
  GstBuffer *out = push_pull (h, buffer);
  double confidence = result_double (result_of (out), "confidence");

  g_assert_true (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
  return confidence;
}

/* The same to a rounding: the resize runs along the stored lines. */
static void
assert_upright (double confidence, double upright)
{
  if (fabs (confidence - upright) > 0.01)
    g_error ("%g, upright it is %g", confidence, upright);
}

static double
upright_confidence (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  double confidence;

  set_caps (h, 1);
  confidence = push_confidence (h, stored_frame (1));
  harness_free (h);
  return confidence;
}

static void
test_tags_and_property (void)
{
  double upright = upright_confidence ();

  for (guint o = 1; o <= G_N_ELEMENTS (orientations); o++) {
    GstHarness *h = harness_new (NULL, NULL);
    GstBuffer *out;
    double as_stored;

    set_caps (h, o);
    as_stored = push_confidence (h, stored_frame (o));
    send_tag (h, GST_TAG_SCOPE_STREAM, orientations[o - 1].tag);
    out = push_pull (h, stored_frame (o));
    assert_upright (result_double (result_of (out), "confidence"), upright);
    g_assert_cmpuint (result_uint (result_of (out), "frame-width"), ==, WIDTH);
    g_assert_cmpuint (result_uint (result_of (out), "frame-height"), ==, HEIGHT);
    gst_buffer_unref (out);
    gst_util_set_object_arg (G_OBJECT (h->element), "orientation", "none");
    g_assert_cmpfloat (push_confidence (h, stored_frame (o)), ==, as_stored);
    if (o > 1) {
      send_tag (h, GST_TAG_SCOPE_STREAM, "rotate-0");
      gst_util_set_object_arg (G_OBJECT (h->element), "orientation", orientations[o - 1].tag);
      assert_upright (push_confidence (h, stored_frame (o)), upright);
    }
    harness_free (h);
  }
}

/* The stream's own tag counts more than that of all streams; neither lasts longer than a stream;
 * another tag, or none of this name, changes nothing. */
static void
test_scopes (void)
{
  double upright = upright_confidence ();
  GstHarness *h = harness_new ("inference-interval", 1000, NULL);
  GstBuffer *out;

  set_caps (h, 6);
  send_tag (h, GST_TAG_SCOPE_GLOBAL, "rotate-90");
  assert_upright (push_confidence (h, stored_frame (6)), upright);
  gst_harness_push_event (h, gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "cup", NULL)));
  send_tag (h, GST_TAG_SCOPE_STREAM, "no such thing");
  out = push_pull (h, stored_frame (6)); /* still that result */
  g_assert_false (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
  send_tag (h, GST_TAG_SCOPE_STREAM, "rotate-180");
  set_caps (h, 3);
  assert_upright (push_confidence (h, stored_frame (3)), upright);
  gst_harness_push_event (h, gst_event_new_stream_start ("another"));
  set_caps (h, 1);
  assert_upright (push_confidence (h, stored_frame (1)), upright);
  harness_free (h);
}

/* Regions of interest count in what is stored, results in what is seen. */
static void
test_regions_of_interest (void)
{
  double first = 0.0;

  for (guint o = 1; o <= G_N_ELEMENTS (orientations); o++) {
    GstHarness *h = harness_new ("inference-region", 1, NULL);
    guint width = o >= 5 ? HEIGHT : WIDTH, height = o >= 5 ? WIDTH : HEIGHT;
    /* of the upright picture: 10 from the left, 20 from the top, 200 x 100 */
    static const guint at[][4] = {
        {10, 20, 200, 100}, {110, 20, 200, 100}, {110, 104, 200, 100}, {10, 104, 200, 100},
        {20, 10, 100, 200}, {20, 110, 100, 200}, {104, 110, 100, 200}, {104, 10, 100, 200},
    };
    const guint *r = at[o - 1];
    GstBuffer *buffer = stored_frame (o), *out;

    g_assert_cmpuint (r[0] + r[2], <=, width);
    g_assert_cmpuint (r[1] + r[3], <=, height);
    gst_buffer_add_video_region_of_interest_meta (buffer, "cup", r[0], r[1], r[2], r[3]);
    set_caps (h, o);
    send_tag (h, GST_TAG_SCOPE_STREAM, orientations[o - 1].tag);
    out = push_pull (h, buffer);
    g_assert_cmpuint (result_uint (result_of (out), "x"), ==, 10);
    g_assert_cmpuint (result_uint (result_of (out), "y"), ==, 20);
    g_assert_cmpuint (result_uint (result_of (out), "width"), ==, 200);
    g_assert_cmpuint (result_uint (result_of (out), "height"), ==, 100);
    if (o == 1)
      first = result_double (result_of (out), "confidence");
    assert_upright (result_double (result_of (out), "confidence"), first);
    gst_buffer_unref (out);
    harness_free (h);
  }
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

static GstBuffer *
jpeg_of (guint orientation)
{
  GstHarness *h = gst_harness_new_parse ("jpegenc quality=95");
  GstBuffer *jpeg;

  set_caps (h, orientation);
  jpeg = push_pull (h, stored_frame (orientation));
  gst_harness_teardown (h);
  return jpeg;
}

/* With the one tag, after the start marker. Takes @jpeg. */
static GstBuffer *
with_exif (GstBuffer *jpeg, guint8 orientation)
{
  const guint8 exif[] = {0xff, 0xe1, 0, 34, 'E',         'x', 'i', 'f', 0,    0,    'I', 'I',
                         42,   0,    8, 0,  0,           0,   1,   0,   0x12, 0x01, 3,   0,
                         1,    0,    0, 0,  orientation, 0,   0,   0,   0,    0,    0,   0};
  gsize size = gst_buffer_get_size (jpeg);
  guint8 *bytes = g_malloc (size + sizeof exif);

  gst_buffer_extract (jpeg, 0, bytes, 2);
  memcpy (bytes + 2, exif, sizeof exif);
  gst_buffer_extract (jpeg, 2, bytes + 2 + sizeof exif, size - 2);
  gst_buffer_unref (jpeg);
  return gst_buffer_new_wrapped (bytes, size + sizeof exif);
}

static void
test_jpeg (void)
{
  double upright = upright_confidence ();

  for (guint o = 1; o <= G_N_ELEMENTS (orientations); o++) {
    GstHarness *h = harness_new (NULL, NULL);
    double by_tag, by_exif;

    gst_harness_set_src_caps_str (h, "image/jpeg,framerate=30/1");
    send_tag (h, GST_TAG_SCOPE_GLOBAL, orientations[o - 1].tag);
    by_tag = push_confidence (h, jpeg_of (o));
    send_tag (h, GST_TAG_SCOPE_GLOBAL, "rotate-90"); /* against the file's own word */
    by_exif = push_confidence (h, with_exif (jpeg_of (o), (guint8)o));
    g_assert_cmpfloat (by_tag, ==, by_exif);
    g_assert_cmpfloat (fabs (by_tag - upright), <, 0.1); /* it is a JPEG */
    /* the tag may be of the picture before */
    g_assert_cmpfloat (fabs (push_confidence (h, jpeg_of (1)) - by_tag), <, 0.1);
    harness_free (h);
  }
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/orientation/tags-and-property", test_tags_and_property);
  g_test_add_func ("/gst/orientation/scopes", test_scopes);
  g_test_add_func ("/gst/orientation/regions-of-interest", test_regions_of_interest);
  g_test_add_func ("/gst/orientation/jpeg", test_jpeg);
  return g_test_run ();
}
