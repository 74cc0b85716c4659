/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A scene is of one size of input: another model's begins anew. */
#include "classify/watch.h"

void
gst_effnet_watch_init (GstEffnetWatch *watch)
{
  *watch = (GstEffnetWatch){0};
  g_mutex_init (&watch->lock);
}

void
gst_effnet_watch_clear (GstEffnetWatch *watch)
{
  g_clear_pointer (&watch->scene, gst_effnet_scene_free);
  g_mutex_clear (&watch->lock);
}

void
gst_effnet_watch_forget (GstEffnetWatch *watch)
{
  g_mutex_lock (&watch->lock);
  if (watch->scene != NULL)
    gst_effnet_scene_forget (watch->scene);
  watch->look = (GstEffnetSceneLook){0};
  watch->told = 0;
  watch->n = watch->look_ns = 0;
  g_mutex_unlock (&watch->lock);
}

static gboolean
is_for (const GstEffnetScene *scene, const EffnetModelInfo *info)
{
  return scene != NULL && gst_effnet_scene_is_for (scene, info->input_width, info->input_height,
                                                   info->input_mean, info->input_std);
}

/* With the lock. */
static gboolean
see (GstEffnetWatch *watch, const float *nhwc, GstClockTime time, GstEffnetTrigger trigger,
     gboolean wanted)
{
  GstClockTime start = gst_util_get_timestamp ();
  GstEffnetScene *scene = watch->scene;

  gst_effnet_scene_look (scene, nhwc, GST_CLOCK_TIME_IS_VALID (time) ? time : start, &watch->look);
  wanted |= (trigger & GST_EFFNET_TRIGGER_ALWAYS) != 0;
  if (trigger & GST_EFFNET_TRIGGER_MOTION)
    wanted |= gst_effnet_scene_has_motion (scene, &watch->look);
  if (trigger & GST_EFFNET_TRIGGER_SCENE_CHANGE)
    wanted |= gst_effnet_scene_has_changed (scene, &watch->look);
  if (wanted)
    gst_effnet_scene_keep (scene);
  watch->n++;
  watch->look_ns += gst_util_get_timestamp () - start;
  return wanted;
}

gboolean
gst_effnet_watch_see (GstEffnetWatch *watch, const EffnetModelInfo *info, const float *nhwc,
                      GstClockTime time, GstEffnetTrigger trigger, gboolean wanted)
{
  gboolean infer = TRUE;

  g_mutex_lock (&watch->lock);
  if (!is_for (watch->scene, info)) {
    gst_effnet_scene_free (watch->scene);
    watch->scene = gst_effnet_scene_new (info->input_width, info->input_height, info->input_mean,
                                         info->input_std);
  }
  if (watch->scene != NULL)
    infer = see (watch, nhwc, time, trigger, wanted);
  g_mutex_unlock (&watch->lock);
  return infer;
}

static char *
names_of (guint states)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < GST_EFFNET_SCENE_N_STATES; i++) {
    if (states >> i & 1)
      g_string_append_printf (names, "%s%s", names->len > 0 ? "," : "",
                              gst_effnet_scene_state_name (i));
  }
  return g_string_free (names, FALSE);
}

GstStructure *
gst_effnet_watch_take_news (GstEffnetWatch *watch)
{
  GstStructure *news = NULL;

  g_mutex_lock (&watch->lock);
  if (watch->look.states != watch->told) {
    g_autofree char *changed = names_of (watch->look.states ^ watch->told);

    news = gst_effnet_scene_look_to_structure (&watch->look, "effnetclassify-scene");
    gst_structure_set (news, "changed", G_TYPE_STRING, changed, NULL);
    watch->told = watch->look.states;
  }
  g_mutex_unlock (&watch->lock);
  return news;
}

GstStructure *
gst_effnet_watch_to_structure (GstEffnetWatch *watch)
{
  GstStructure *s = NULL;

  g_mutex_lock (&watch->lock);
  if (watch->n > 0) {
    s = gst_effnet_scene_look_to_structure (&watch->look, "effnet-scene");
    gst_structure_set (s, "looks", G_TYPE_UINT64, watch->n, "look-mean", G_TYPE_UINT64,
                       watch->look_ns / watch->n, NULL);
  }
  g_mutex_unlock (&watch->lock);
  return s;
}
