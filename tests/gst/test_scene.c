/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is told of a scene, against sequences whose truth is known: two photographs, seen by a
 * camera with noise, and what GStreamer's own elements make of them. */
#include "common.h"

#include "scene.h"

#include <string.h>

#define WIDTH  320
#define HEIGHT 240
#define FRAME  (100 * GST_MSECOND)

/* A camera that looks at pictures, and what is told of them. */
typedef struct {
  EffnetModel *model;
  EffnetSession *session;
  EffnetModelInfo info;
  GstEffnetScene *scene;
  guint32 seed;
  float *nhwc;
  GstClockTime time;
  guint8 pixels[HEIGHT][WIDTH][3];
  GstEffnetSceneLook look;
} Camera;

static Camera *
camera_new (EffnetResizeMode mode)
{
  Camera *c = g_new0 (Camera, 1);
  EffnetSessionOptions options = {.threads = 1, .resize_mode = mode};
  GError *error = NULL;

  c->model = effnet_model_open (NULL, NULL, &error);
  g_assert_no_error (error);
  c->session = effnet_session_new (c->model, &options, &error);
  g_assert_no_error (error);
  effnet_model_get_info (c->model, &c->info);
  c->scene = gst_effnet_scene_new (c->info.input_width, c->info.input_height, c->info.input_mean,
                                   c->info.input_std);
  c->seed = 3;
  c->nhwc = g_new (float, (gsize)c->info.input_width * c->info.input_height * 3);
  return c;
}

static void
camera_free (Camera *c)
{
  gst_effnet_scene_free (c->scene);
  g_free (c->nhwc);
  effnet_session_free (c->session);
  effnet_model_unref (c->model);
  g_free (c);
}

/* RGB, of the photograph @name from column @left on, through the elements of @effect. */
static GstBuffer *
view_new (const char *name, guint left, const char *effect)
{
  char *relative = g_build_filename ("pipelines", "media", name, NULL);
  char *line = g_strdup_printf ("jpegdec ! videoconvert ! videoscale ! "
                                "video/x-raw,width=480,height=%d,pixel-aspect-ratio=1/1 ! "
                                "videocrop left=%u right=%u ! videoconvert ! %s ! videoconvert ! "
                                "videoscale add-borders=false ! capsfilter "
                                "caps=video/x-raw,format=RGB,width=%d,height=%d,"
                                "pixel-aspect-ratio=1/1",
                                HEIGHT, left, 480 - WIDTH - left, effect, WIDTH, HEIGHT);
  GstBuffer *view = picture_through (relative, line);

  g_free (line);
  g_free (relative);
  return view;
}

static void
set_view (Camera *c, GstBuffer *view)
{
  g_assert_cmpuint (gst_buffer_extract (view, 0, c->pixels, sizeof c->pixels), ==,
                    sizeof c->pixels);
}

static void
look (Camera *c)
{
  EffnetImage image = {.format = EFFNET_PIXEL_FORMAT_RGB,
                       .width = WIDTH,
                       .height = HEIGHT,
                       .data = {(const guint8 *)c->pixels},
                       .stride = {WIDTH * 3}};
  GError *error = NULL;

  g_assert_true (effnet_session_preprocess (c->session, &image, c->nhwc, &error));
  gst_effnet_scene_look (c->scene, c->nhwc, c->time, &c->look);
  c->time += FRAME;
}

static void
say (const GstEffnetSceneLook *seen)
{
  g_test_message ("states %#x: luma %.3f, chroma %.4f, contrast %.4f, detail %.4f, motion %.4f, "
                  "distance %.3f, shift %.3f %.3f",
                  seen->states, seen->luma, seen->chroma, seen->contrast, seen->detail,
                  seen->motion, seen->distance, seen->shift_x, seen->shift_y);
}

/* One frame, with noise of up to @noise steps. */
static void
shoot (Camera *c, GstBuffer *view, int noise)
{
  guint8 *pixel = (guint8 *)c->pixels;

  set_view (c, view);
  for (gsize i = 0; i < sizeof c->pixels && noise > 0; i++) {
    int value;

    c->seed = c->seed * 1664525 + 1013904223; /* Numerical Recipes' generator */
    value = pixel[i] + (int)((c->seed >> 16) % (guint)(2 * noise + 1)) - noise;
    pixel[i] = (guint8)CLAMP (value, 0, 255);
  }
  look (c);
  say (&c->look);
}

/* @frames more, in all of which the states are @states. */
static void
expect (Camera *c, GstBuffer *view, guint frames, guint states)
{
  for (guint i = 0; i < frames; i++) {
    shoot (c, view, 2);
    g_assert_cmphex (c->look.states, ==, states);
    g_assert_cmphex (c->look.changed, ==, 0);
  }
}

/* Until the states become @states, after @from to @to frames. */
static void
await (Camera *c, GstBuffer *view, guint from, guint to, guint states)
{
  for (guint i = 1;; i++) {
    shoot (c, view, 2);
    if (c->look.changed == 0) {
      g_assert_cmpuint (i, <, to);
      continue;
    }
    g_assert_cmphex (c->look.states, ==, states);
    g_assert_cmpuint (i, >=, from);
    return;
  }
}

static const char *const photos[] = {"cat.jpg", "coffee.jpg"};

/* Each fault alone comes after a second, goes after two, and is taken for no other. */
static void
test_faults (void)
{
  static const struct {
    const char *effect;
    guint state;
  } rows[] = {
      {"videobalance brightness=-1 saturation=0", GST_EFFNET_SCENE_BLACK},
      {"videobalance brightness=0.95 saturation=0.2", GST_EFFNET_SCENE_OVEREXPOSED},
      {"videobalance saturation=0", GST_EFFNET_SCENE_GREY},
      {"videoscale ! video/x-raw,width=40,height=30 ! videoscale method=lanczos",
       GST_EFFNET_SCENE_BLURRED},
  };

  for (gsize p = 0; p < G_N_ELEMENTS (photos); p++) {
    GstBuffer *normal = view_new (photos[p], 0, "identity");

    for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
      Camera *c = camera_new (EFFNET_RESIZE_MODE_STRETCH);
      GstBuffer *bad = view_new (photos[p], 0, rows[i].effect);

      expect (c, normal, 20, 0);
      await (c, bad, 10, 13, rows[i].state);
      expect (c, bad, 30, rows[i].state);
      await (c, normal, 20, 23, 0);
      expect (c, normal, 30, 0);
      gst_buffer_unref (bad);
      camera_free (c);
    }
    gst_buffer_unref (normal);
  }
}

/* What comes and goes twice a second never is a state; what comes and goes slowly is one each time.
 */
static void
test_hysteresis (void)
{
  Camera *c = camera_new (EFFNET_RESIZE_MODE_STRETCH);
  GstBuffer *normal = view_new ("cat.jpg", 0, "identity");
  GstBuffer *black = view_new ("cat.jpg", 0, "videobalance brightness=-1 saturation=0");

  for (int i = 0; i < 8; i++) {
    expect (c, black, 5, 0);
    expect (c, normal, 5, 0);
  }
  await (c, black, 10, 13, GST_EFFNET_SCENE_BLACK);
  for (int i = 0; i < 8; i++) {
    expect (c, normal, 10, GST_EFFNET_SCENE_BLACK);
    expect (c, black, 5, GST_EFFNET_SCENE_BLACK);
  }
  gst_effnet_scene_forget (c->scene);
  expect (c, normal, 20, 0);
  gst_buffer_unref (normal);
  gst_buffer_unref (black);
  camera_free (c);
}

/* Noise tells a camera from a picture of one. */
static void
test_frozen (void)
{
  Camera *c = camera_new (EFFNET_RESIZE_MODE_STRETCH);
  GstBuffer *view = view_new ("coffee.jpg", 80, "identity");

  for (int round = 0; round < 2; round++) {
    expect (c, view, 80, 0);
    for (int i = 0; i < 70; i++) {
      shoot (c, view, 0);
      g_assert_cmphex (c->look.states, ==, i > 50 ? GST_EFFNET_SCENE_FROZEN : 0);
    }
    for (int i = 0; i < 20; i++) {
      shoot (c, view, 1); /* the least noise there is */
      g_assert_cmphex (c->look.states, ==, GST_EFFNET_SCENE_FROZEN);
    }
    shoot (c, view, 1);
    g_assert_cmphex (c->look.states, ==, 0);
  }
  gst_buffer_unref (view);
  camera_free (c);
}

/* Somebody pushed the camera: where to is known, and ten seconds later it is at home there. */
static void
test_moved (void)
{
  static const guint places[] = {60, 100, 30, 90}; /* of 480, where 320 are seen */

  for (gsize p = 0; p < G_N_ELEMENTS (photos); p++) {
    Camera *c = camera_new (EFFNET_RESIZE_MODE_STRETCH);
    GstBuffer *view = view_new (photos[p], places[0], "identity");

    expect (c, view, 40, 0);
    for (gsize i = 1; i < G_N_ELEMENTS (places); i++) {
      double truth = ((double)places[i - 1] - (double)places[i]) / WIDTH;

      gst_buffer_unref (view);
      view = view_new (photos[p], places[i], "videobalance contrast=0.9 brightness=0.05");
      await (c, view, 10, 13, GST_EFFNET_SCENE_MOVED);
      g_assert_cmpfloat_with_epsilon (c->look.shift_x, truth, 0.015);
      g_assert_cmpfloat_with_epsilon (c->look.shift_y, 0.0, 0.015);
      await (c, view, 98, 103, 0);
      g_assert_cmpfloat (c->look.shift_x, !=, 0.0);
      expect (c, view, 30, 0);
      g_assert_cmpfloat (c->look.shift_x, ==, 0.0);
    }
    gst_buffer_unref (view);
    camera_free (c);
  }
}

/* Something that is nowhere like what is behind it. */
static void
draw (Camera *c, int left, int top, int side)
{
  for (int y = top; y < top + side; y++) {
    for (int x = left; x < left + side; x++) {
      for (int k = 0; k < 3; k++)
        c->pixels[y][x][k] = (guint8)(c->pixels[y][x][k] + 128);
    }
  }
}

/* Noise and a cloud are no motion; a thing of a two-hundredth of the picture is, as long as it goes
 * on, but it is no change of the scene. */
static void
test_motion (void)
{
  for (gsize p = 0; p < G_N_ELEMENTS (photos); p++) {
    Camera *c = camera_new (EFFNET_RESIZE_MODE_STRETCH);
    GstBuffer *view = view_new (photos[p], 0, "identity");
    GstBuffer *cloud = view_new (photos[p], 0, "videobalance brightness=-0.03");

    shoot (c, view, 4);
    g_assert_true (gst_effnet_scene_has_motion (c->scene, &c->look)); /* the first */
    g_assert_true (gst_effnet_scene_has_changed (c->scene, &c->look));
    gst_effnet_scene_keep (c->scene);
    for (int i = 0; i < 50; i++) {
      shoot (c, i % 10 < 5 ? view : cloud, 4);
      g_assert_false (gst_effnet_scene_has_motion (c->scene, &c->look));
      g_assert_false (gst_effnet_scene_has_changed (c->scene, &c->look));
    }
    for (int i = 0; i < 20; i++) {
      set_view (c, view);
      draw (c, 20 + 12 * MIN (i, 10), 100, 20); /* and then it stands */
      look (c);
      g_assert_cmpint (gst_effnet_scene_has_motion (c->scene, &c->look), ==, i <= 10);
      g_assert_false (gst_effnet_scene_has_changed (c->scene, &c->look));
      gst_effnet_scene_keep (c->scene);
    }
    gst_buffer_unref (view);
    gst_buffer_unref (cloud);
    camera_free (c);
  }
}

static void
test_scene_change (void)
{
  Camera *c = camera_new (EFFNET_RESIZE_MODE_STRETCH);
  GstBuffer *views[2] = {view_new ("cat.jpg", 0, "identity"),
                         view_new ("coffee.jpg", 0, "identity")};

  for (int i = 0; i < 60; i++) {
    shoot (c, views[i / 10 % 2], 2);
    g_assert_cmpint (gst_effnet_scene_has_changed (c->scene, &c->look), ==, i % 10 == 0);
    g_assert_cmpint (gst_effnet_scene_has_motion (c->scene, &c->look), ==, i % 10 == 0);
    if (i % 10 == 0)
      gst_effnet_scene_keep (c->scene);
  }
  gst_buffer_unref (views[0]);
  gst_buffer_unref (views[1]);
  camera_free (c);
}

/* The bars beside a picture are no part of it. */
static void
test_letterbox (void)
{
  Camera *c = camera_new (EFFNET_RESIZE_MODE_LETTERBOX);
  GstBuffer *black = view_new ("cat.jpg", 0, "videobalance brightness=-1 saturation=0");

  await (c, black, 10, 13, GST_EFFNET_SCENE_BLACK);
  g_assert_cmpfloat (c->look.luma, <, 0.02);
  gst_buffer_unref (black);
  camera_free (c);
}

/* Any size and shape, no byte beyond: run under the sanitizers. */
static void
test_sizes (void)
{
  static const guint sizes[][2] = {{32, 32}, {33, 47}, {224, 32}, {600, 600}, {260, 300}};
  static const float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.2f, 0.3f, 0.4f};

  g_assert_null (gst_effnet_scene_new (31, 300, mean, std));
  g_assert_null (gst_effnet_scene_new (300, 31, mean, std));
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    gsize n = (gsize)sizes[i][0] * sizes[i][1] * 3;
    GstEffnetScene *scene = gst_effnet_scene_new (sizes[i][0], sizes[i][1], mean, std);
    float *nhwc = g_new (float, n);
    GstEffnetSceneLook seen;

    g_assert_nonnull (scene);
    g_assert_true (gst_effnet_scene_is_for (scene, sizes[i][0], sizes[i][1], mean, std));
    g_assert_false (gst_effnet_scene_is_for (scene, sizes[i][0] + 1, sizes[i][1], mean, std));
    for (gsize k = 0; k < n; k++)
      nhwc[k] = (0.25f - mean[k % 3]) / std[k % 3];
    for (guint frame = 0; frame < 3; frame++) {
      gst_effnet_scene_look (scene, nhwc, frame * FRAME, &seen);
      gst_effnet_scene_keep (scene);
      g_assert_cmpfloat_with_epsilon (seen.luma, 0.25, 1e-4);
      g_assert_cmpfloat_with_epsilon (seen.chroma, 0.0, 1e-4);
    }
    g_free (nhwc);
    gst_effnet_scene_free (scene);
  }
}

/* A look costs next to nothing beside the inference: the bound is five times what was measured. */
static void
test_cost (void)
{
  Camera *c = camera_new (EFFNET_RESIZE_MODE_STRETCH);
  GstBuffer *view = view_new ("cat.jpg", 0, "identity");
  gint64 best_look = G_MAXINT64, best_run = G_MAXINT64;
  EffnetResult result;

  shoot (c, view, 2);
  for (int i = 0; i < 40; i++) {
    gint64 start = g_get_monotonic_time (), middle;

    gst_effnet_scene_look (c->scene, c->nhwc, c->time += FRAME, &c->look);
    gst_effnet_scene_keep (c->scene);
    middle = g_get_monotonic_time ();
    best_look = MIN (best_look, middle - start);
    g_assert_true (effnet_session_run (c->session, c->nhwc, &result, NULL));
    best_run = MIN (best_run, g_get_monotonic_time () - middle);
  }
  g_test_message ("a look takes %" G_GINT64_FORMAT " us, an inference %" G_GINT64_FORMAT " us: "
                  "%.2f %%",
                  best_look, best_run, 100.0 * (double)best_look / (double)best_run);
#ifndef __SANITIZE_ADDRESS__ /* which slows the two down differently */
  g_assert_cmpfloat ((double)best_look, <, 0.05 * (double)best_run);
#endif
  gst_buffer_unref (view);
  camera_free (c);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/scene/faults", test_faults);
  g_test_add_func ("/scene/hysteresis", test_hysteresis);
  g_test_add_func ("/scene/frozen", test_frozen);
  g_test_add_func ("/scene/moved", test_moved);
  g_test_add_func ("/scene/motion", test_motion);
  g_test_add_func ("/scene/scene-change", test_scene_change);
  g_test_add_func ("/scene/letterbox", test_letterbox);
  g_test_add_func ("/scene/sizes", test_sizes);
  g_test_add_func ("/scene/cost", test_cost);
  return g_test_run ();
}
