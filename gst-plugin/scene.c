/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Numbers of one frame -> states, each with a limit to come, another to go, and a time to last. */
#include "scene.h"

#include "grid.h"

#include <string.h>

#define COMES_AFTER    (1 * GST_SECOND) /* a state seen for so long is on */
#define GOES_AFTER     (2 * GST_SECOND) /* unseen for so long, off */
#define FROZEN_AFTER   (5 * GST_SECOND)
#define MOVED_FOR      (10 * GST_SECOND) /* then where the scene is now is its place */
#define REFERENCE_TIME (20 * GST_SECOND) /* in which the reference follows the scene */
#define LOOKS_MIN      2                 /* frames, besides: they may be far apart */
#define MOTION_CELLS   2
#define DISTANCE_LIMIT 0.33
#define SHIFT_GAIN     0.1 /* of correlation */
#define SHIFT_ENTRIES  2   /* of a profile */

/* Seen above the first limit, unseen below the second. */
#define DARK_COMES   0.98
#define DARK_GOES    0.95
#define BRIGHT_COMES 0.60
#define BRIGHT_GOES  0.45
#define GREY_COMES   0.012 /* chroma below it */
#define GREY_GOES    0.02
#define BLUR_COMES   0.085 /* detail below it; 1/16 has a picture that is smooth */
#define BLUR_GOES    0.11

typedef enum { SIGN_ABSENT, SIGN_UNCLEAR, SIGN_PRESENT } Sign;

typedef struct {
  GstClockTime since; /* of the signs against what is on or off now; NONE: there are none */
  guint looks;        /* with such a sign, in a row */
} Trial;

struct _GstEffnetScene {
  GstEffnetSceneShape shape;
  GstEffnetSceneGrid now, before, kept;
  gboolean has_before, has_kept;
  guint states;
  Trial trials[GST_EFFNET_SCENE_N_STATES];
  GstClockTime time, moved_at; /* of `before`; since when MOVED is on */
  gboolean has_reference;
  float *across, *down; /* profiles of the scene where it usually is */
};

static const char *const names[GST_EFFNET_SCENE_N_STATES] = {"frozen",  "black", "overexposed",
                                                             "blurred", "grey",  "moved"};

GstEffnetScene *
gst_effnet_scene_new (guint width, guint height, const float *mean, const float *std)
{
  GstEffnetScene *scene = g_new0 (GstEffnetScene, 1);

  if (!gst_effnet_scene_shape_init (&scene->shape, width, height, mean, std)) {
    g_free (scene);
    return NULL;
  }
  gst_effnet_scene_grid_init (&scene->now, &scene->shape);
  gst_effnet_scene_grid_init (&scene->before, &scene->shape);
  gst_effnet_scene_grid_init (&scene->kept, &scene->shape);
  scene->across = g_new0 (float, scene->shape.n_x);
  scene->down = g_new0 (float, scene->shape.n_y);
  gst_effnet_scene_forget (scene);
  return scene;
}

void
gst_effnet_scene_free (GstEffnetScene *scene)
{
  if (scene == NULL)
    return;
  gst_effnet_scene_grid_clear (&scene->now);
  gst_effnet_scene_grid_clear (&scene->before);
  gst_effnet_scene_grid_clear (&scene->kept);
  gst_effnet_scene_shape_clear (&scene->shape);
  g_free (scene->across);
  g_free (scene->down);
  g_free (scene);
}

gboolean
gst_effnet_scene_is_for (const GstEffnetScene *scene, guint width, guint height, const float *mean,
                         const float *std)
{
  const GstEffnetSceneShape *shape = &scene->shape;

  return shape->width == width && shape->height == height &&
         memcmp (shape->mean, mean, sizeof shape->mean) == 0 &&
         memcmp (shape->std, std, sizeof shape->std) == 0;
}

void
gst_effnet_scene_forget (GstEffnetScene *scene)
{
  scene->has_before = scene->has_kept = scene->has_reference = FALSE;
  scene->states = 0;
  scene->time = scene->moved_at = GST_CLOCK_TIME_NONE;
  for (guint i = 0; i < GST_EFFNET_SCENE_N_STATES; i++)
    scene->trials[i] = (Trial){.since = GST_CLOCK_TIME_NONE};
}

/* ---- states ---------------------------------------------------------------------------------- */

static Sign
sign_above (double value, double comes, double goes)
{
  if (value >= comes)
    return SIGN_PRESENT;
  return value < goes ? SIGN_ABSENT : SIGN_UNCLEAR;
}

/* Signs for what is already so, and unclear ones, end the trial of the contrary. */
static void
try_state (GstEffnetScene *scene, guint bit, Sign sign, GstClockTime time, GstClockTime comes_after)
{
  gboolean on = (scene->states >> bit & 1) != 0;
  Trial *trial = &scene->trials[bit];

  if (sign == SIGN_UNCLEAR || (sign == SIGN_PRESENT) == on) {
    trial->since = GST_CLOCK_TIME_NONE;
    return;
  }
  if (!GST_CLOCK_TIME_IS_VALID (trial->since) || time < trial->since) {
    *trial = (Trial){time, 1};
    return;
  }
  trial->looks++;
  if (trial->looks < LOOKS_MIN || time - trial->since < (on ? GOES_AFTER : comes_after))
    return;
  scene->states ^= 1u << bit;
  trial->since = GST_CLOCK_TIME_NONE;
}

/* Nothing but black, white or one colour, of which neither place nor sharpness can be told. */
static gboolean
is_plain (const GstEffnetSceneGrid *grid)
{
  return grid->detail <= 0.0 || grid->dark >= DARK_GOES || grid->bright >= BRIGHT_GOES;
}

static Sign
sign_of_blur (const GstEffnetSceneGrid *grid)
{
  if (is_plain (grid))
    return SIGN_UNCLEAR;
  return sign_above (-grid->detail, -BLUR_COMES, -BLUR_GOES);
}

static Sign
sign_of_grey (const GstEffnetSceneGrid *grid)
{
  if (grid->mean_luma < 0.03 || grid->bright > BRIGHT_GOES)
    return SIGN_UNCLEAR; /* black and white have no colours, whatever the camera */
  return sign_above (-grid->chroma, -GREY_COMES, -GREY_GOES);
}

/* ---- the place ------------------------------------------------------------------------------- */

static void
follow (float *reference, const float *profile, guint n, float share)
{
  for (guint i = 0; i < n; i++)
    reference[i] += share * (profile[i] - reference[i]);
}

/* The reference becomes what is seen now, by @share. */
static void
follow_scene (GstEffnetScene *scene, float share)
{
  follow (scene->across, scene->now.across, scene->shape.n_x, share);
  follow (scene->down, scene->now.down, scene->shape.n_y, share);
  scene->has_reference = TRUE;
}

/* Along one side: the shift as a share of it, 0 when there is none. */
static double
find_shift (const float *profile, const float *reference, guint n)
{
  double gain;
  int shift = gst_effnet_scene_profile_shift (profile, reference, n, &gain);

  return ABS (shift) >= SHIFT_ENTRIES && gain >= SHIFT_GAIN ? (double)shift / n : 0.0;
}

static void
see_place (GstEffnetScene *scene, GstClockTime time, GstEffnetSceneLook *look)
{
  const GstEffnetSceneGrid *now = &scene->now;
  GstClockTime passed =
      GST_CLOCK_TIME_IS_VALID (scene->time) && time > scene->time ? time - scene->time : 0;
  guint bit = g_bit_nth_lsf (GST_EFFNET_SCENE_MOVED, -1);
  gboolean was = scene->states & GST_EFFNET_SCENE_MOVED, moved;

  if (is_plain (now))
    return;
  if (!scene->has_reference) {
    follow_scene (scene, 1.0f);
    return;
  }
  look->shift_x = find_shift (now->across, scene->across, scene->shape.n_x);
  look->shift_y = find_shift (now->down, scene->down, scene->shape.n_y);
  moved = look->shift_x != 0.0 || look->shift_y != 0.0;
  if (was && time - scene->moved_at >= MOVED_FOR) {
    follow_scene (scene, 1.0f);
    scene->states &= ~(guint)GST_EFFNET_SCENE_MOVED;
  } else if (!was) {
    try_state (scene, bit, moved ? SIGN_PRESENT : SIGN_ABSENT, time, COMES_AFTER);
    scene->moved_at = time;
    if (!moved)
      follow_scene (scene, MIN (1.0f, (float)passed / (float)REFERENCE_TIME));
  }
}

/* ---- a frame --------------------------------------------------------------------------------- */

static void
see_states (GstEffnetScene *scene, GstClockTime time)
{
  const GstEffnetSceneGrid *now = &scene->now;
  gboolean same =
      scene->has_before && gst_effnet_scene_grid_is_same (now, &scene->before, &scene->shape);
  Sign signs[] = {
      same ? SIGN_PRESENT : SIGN_ABSENT,
      sign_above (now->dark, DARK_COMES, DARK_GOES),
      sign_above (now->bright, BRIGHT_COMES, BRIGHT_GOES),
      sign_of_blur (now),
      sign_of_grey (now),
  };

  for (guint i = 0; i < G_N_ELEMENTS (signs); i++)
    try_state (scene, i, signs[i], time, i == 0 ? FROZEN_AFTER : COMES_AFTER);
}

void
gst_effnet_scene_look (GstEffnetScene *scene, const float *nhwc, GstClockTime time,
                       GstEffnetSceneLook *look)
{
  GstEffnetSceneGrid *now = &scene->now, before = scene->before;
  guint states = scene->states;

  scene->before = scene->now; /* their memory changes hands */
  scene->now = before;
  gst_effnet_scene_grid_fill (now, &scene->shape, nhwc);
  *look = (GstEffnetSceneLook){.luma = now->mean_luma,
                               .chroma = now->chroma,
                               .contrast = now->contrast,
                               .detail = now->detail};
  if (now->n > 0) {
    see_states (scene, time);
    see_place (scene, time, look);
  }
  if (scene->has_kept) {
    look->motion = gst_effnet_scene_grid_motion (now, &scene->kept, &scene->shape);
    look->distance = gst_effnet_scene_grid_distance (now, &scene->kept);
  }
  look->states = scene->states;
  look->changed = scene->states ^ states;
  scene->has_before = TRUE;
  scene->time = time;
}

void
gst_effnet_scene_keep (GstEffnetScene *scene)
{
  gst_effnet_scene_grid_copy (&scene->kept, &scene->now, &scene->shape);
  scene->has_kept = TRUE;
}

gboolean
gst_effnet_scene_has_motion (const GstEffnetScene *scene, const GstEffnetSceneLook *look)
{
  return !scene->has_kept || look->motion * scene->now.n > MOTION_CELLS - 0.5;
}

gboolean
gst_effnet_scene_has_changed (const GstEffnetScene *scene, const GstEffnetSceneLook *look)
{
  return !scene->has_kept || look->distance > DISTANCE_LIMIT;
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *
gst_effnet_scene_state_name (guint bit)
{
  return names[bit];
}

GstStructure *
gst_effnet_scene_look_to_structure (const GstEffnetSceneLook *look, const char *name)
{
  GstStructure *s = gst_structure_new_empty (name);

  for (guint i = 0; i < GST_EFFNET_SCENE_N_STATES; i++)
    gst_structure_set (s, names[i], G_TYPE_BOOLEAN, (look->states >> i & 1) != 0, NULL);
  gst_structure_set (s, "luma", G_TYPE_DOUBLE, look->luma, "chroma", G_TYPE_DOUBLE, look->chroma,
                     "contrast", G_TYPE_DOUBLE, look->contrast, "detail", G_TYPE_DOUBLE,
                     look->detail, "motion", G_TYPE_DOUBLE, look->motion, "distance", G_TYPE_DOUBLE,
                     look->distance, "shift-x", G_TYPE_DOUBLE, look->shift_x, "shift-y",
                     G_TYPE_DOUBLE, look->shift_y, NULL);
  return s;
}
