/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `camera ! effnetclassify` with nothing in between, for the cameras of cameras.txt: with all their
 * modes to choose from, and with each mode alone. */
#include <string.h>

#include "camera.h"
#include "common.h"

typedef struct {
  char *label;     /* of the first message */
  char *advice;    /* the element's first warning */
  char *error;     /* the first error, whoever's */
  GstCaps *agreed; /* at the sink */
} Outcome;

static void
outcome_clear (Outcome *o)
{
  g_free (o->label);
  g_free (o->advice);
  g_free (o->error);
  gst_clear_caps (&o->agreed);
}

static char *
text_of (GstMessage *message)
{
  GError *error = NULL;
  char *text;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  text = g_strdup (error->message);
  g_error_free (error);
  return text;
}

/* FALSE at the end. */
static gboolean
note (Outcome *o, GstMessage *message)
{
  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ELEMENT:
    if (o->label == NULL)
      o->label = g_strdup (gst_structure_get_string (gst_message_get_structure (message), "label"));
    return TRUE;
  case GST_MESSAGE_WARNING:
    if (o->advice == NULL)
      o->advice = text_of (message);
    return TRUE;
  case GST_MESSAGE_ERROR:
    o->error = text_of (message);
    return FALSE;
  default:
    return FALSE; /* EOS */
  }
}

static void
run (GstCaps *modes, Outcome *o)
{
  GstElement *pipeline = gst_pipeline_new (NULL), *source = camera_source_new (modes, 2);
  GstElement *classify = gst_element_factory_make ("effnetclassify", NULL);
  GstElement *sink = gst_element_factory_make ("fakesink", NULL);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  gboolean more = TRUE;

  *o = (Outcome){0};
  gst_bin_add_many (GST_BIN (pipeline), source, classify, sink, NULL);
  g_assert_true (gst_element_link_many (source, classify, sink, NULL));
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (more) {
    GstMessage *message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND,
                                                      GST_MESSAGE_ELEMENT | GST_MESSAGE_WARNING |
                                                          GST_MESSAGE_ERROR | GST_MESSAGE_EOS);

    g_assert_nonnull (message);
    more = note (o, message);
    gst_message_unref (message);
  }
  o->agreed = gst_pad_get_current_caps (pad);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pad);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

static int
height_of (const GstCaps *caps)
{
  int height = 0;

  gst_structure_get_int (gst_caps_get_structure (caps, 0), "height", &height);
  return height;
}

static void
assert_classified (const char *camera, const Outcome *o)
{
  char *agreed = o->agreed != NULL ? gst_caps_to_string (o->agreed) : g_strdup ("nothing");

  g_test_message ("%s: %s: %s", camera, agreed, o->label);
  if (o->error != NULL || o->advice != NULL || o->label == NULL)
    g_error ("%s: %s: error %s, warning %s, label %s", camera, agreed, o->error, o->advice,
             o->label);
  if (height_of (o->agreed) >= 240)
    g_assert_cmpstr (o->label, ==, "espresso");
  g_free (agreed);
}

static void
test_choice (gconstpointer data)
{
  const Camera *camera = data;
  GstCaps *all = gst_caps_new_empty ();
  gboolean plain = FALSE;
  Outcome o;

  for (guint i = 0; i < camera->modes->len; i++) {
    if (!camera_mode_is_plain (camera->modes->pdata[i]))
      continue;
    all = gst_caps_merge (all, gst_caps_ref (camera->modes->pdata[i]));
    plain = TRUE;
  }
  if (plain) {
    run (all, &o);
    assert_classified (camera->name, &o);
    outcome_clear (&o);
  } else {
    g_test_skip ("all it sends is H.264, and there is no encoder or no decoder of it");
  }
  gst_caps_unref (all);
}

static void
test_modes (gconstpointer data)
{
  const Camera *camera = data;

  for (guint i = 0; i < camera->modes->len; i++) {
    GstCaps *mode = camera->modes->pdata[i];
    Outcome o;

    if (!camera_mode_is_plain (mode))
      continue;
    if (!gst_structure_has_field_typed (gst_caps_get_structure (mode, 0), "width", G_TYPE_INT)) {
      GstCaps *small = gst_caps_copy (mode); /* the largest is the choice's; here 642x482 */

      gst_caps_set_simple (small, "width", G_TYPE_INT, 642, "height", G_TYPE_INT, 482, NULL);
      run (small, &o);
      assert_classified (camera->name, &o);
      outcome_clear (&o);
      gst_caps_set_simple (small, "width", G_TYPE_INT, 32, "height", G_TYPE_INT, 32, NULL);
      run (small, &o);
      gst_caps_unref (small);
    } else {
      run (mode, &o);
    }
    assert_classified (camera->name, &o);
    outcome_clear (&o);
  }
}

/* Formats that cameras have and the element has not. */
static void
test_advice (void)
{
  static const char *const cases[][2] = {
      {"video/x-raw,format=RGB8P,width=64,height=48,framerate=30/1", "\"videoconvert\""},
      {"video/x-bayer,format=rggb,width=64,height=48,framerate=30/1", "bayer2rgb"},
      {"video/x-h265,alignment=nal,width=64,height=48,framerate=30/1", "\"h265parse\""},
      {"video/mpeg,mpegversion=4,width=64,height=48,framerate=30/1", "decodebin"},
      {"image/png,width=64,height=48,framerate=30/1", "pngdec"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstCaps *caps = gst_caps_from_string (cases[i][0]);
    Outcome o;

    run (caps, &o);
    g_test_message ("%s", o.advice);
    g_assert_nonnull (o.error);
    g_assert_nonnull (o.advice);
    g_assert_nonnull (strstr (o.advice, cases[i][1]));
    outcome_clear (&o);
    gst_caps_unref (caps);
  }
}

int
main (int argc, char **argv)
{
  GPtrArray *cameras;
  int ret;

  test_init (&argc, &argv);
  cameras = cameras_read ();
  g_assert_cmpuint (cameras->len, >=, 5);
  for (guint i = 0; i < cameras->len; i++) {
    const Camera *camera = cameras->pdata[i];
    char *choice = g_strdup_printf ("/gst/cameras/choice/%s", camera->name);
    char *modes = g_strdup_printf ("/gst/cameras/modes/%s", camera->name);

    g_test_add_data_func (choice, camera, test_choice);
    g_test_add_data_func (modes, camera, test_modes);
    g_free (choice);
    g_free (modes);
  }
  g_test_add_func ("/gst/cameras/advice", test_advice);
  ret = g_test_run ();
  g_ptr_array_unref (cameras);
  return ret;
}
