/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Built-in presets beside those that GstPreset finds in files. They are in the plugin itself, since
 * files are looked for below GStreamer's own prefix, where a plugin need not be. A file's preset of
 * the same name counts more: it is the user's. */
#include "classify/presets.h"

#include <string.h>

static const struct {
  const char *name, *comment;
  const char *settings; /* property=value, with spaces between */
} presets[] = {
    {"live-low-latency",
     "Cameras whose pictures people watch: no buffer waits, results follow as they are ready",
     "inference-mode=async inference-interval=1 max-inference-rate=0/1 trigger=always "
     "overload-policy=auto sparse-rows=true decode-frames=keyframes batch-size=0 qos=true"},
    {"throughput",
     "Files, as many frames a second as the CPU gives: every frame has its own result",
     "inference-mode=delayed inference-interval=1 max-inference-rate=0/1 trigger=always "
     "overload-policy=auto sparse-rows=true decode-frames=all batch-size=0 qos=false"},
    {"low-power",
     "Cameras that watch for hours: one frame a second where something moves, and only keyframes "
     "are decoded",
     "inference-mode=auto inference-interval=1 max-inference-rate=1/1 trigger=motion+scene-change "
     "overload-policy=auto sparse-rows=true decode-frames=keyframes batch-size=0 qos=true"},
    {"archive",
     "Recordings, complete and exact: every frame waits for its own result, all rows are read",
     "inference-mode=sync inference-interval=1 max-inference-rate=0/1 trigger=always "
     "overload-policy=block sparse-rows=false decode-frames=all batch-size=0 qos=false"},
};

static GstPresetInterface of_files;

static char **
get_names (GstPreset *preset)
{
  char **others = of_files.get_preset_names (preset);
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (presets); i++)
    g_ptr_array_add (names, g_strdup (presets[i].name));
  for (char **name = others; name != NULL && *name != NULL; name++) {
    gboolean is_built_in = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS (presets); i++)
      is_built_in |= g_str_equal (*name, presets[i].name);
    if (!is_built_in)
      g_ptr_array_add (names, g_strdup (*name));
  }
  g_strfreev (others);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (names, FALSE);
}

/* Returns: its number, or G_N_ELEMENTS (presets) for what files have */
static guint
find (GstPreset *preset, const char *name)
{
  char **others = of_files.get_preset_names (preset);
  gboolean in_file = others != NULL && g_strv_contains ((const char *const *)others, name);
  guint i = 0;

  g_strfreev (others);
  while (i < G_N_ELEMENTS (presets) && (in_file || !g_str_equal (presets[i].name, name)))
    i++;
  return i;
}

static gboolean
load (GstPreset *preset, const char *name)
{
  guint i = find (preset, name);
  char **settings;

  if (i == G_N_ELEMENTS (presets))
    return of_files.load_preset (preset, name);
  settings = g_strsplit (presets[i].settings, " ", -1);
  for (char **setting = settings; *setting != NULL; setting++) {
    char *value = strchr (*setting, '=');

    *value = '\0';
    gst_util_set_object_arg (G_OBJECT (preset), *setting, value + 1);
  }
  g_strfreev (settings);
  return TRUE;
}

static gboolean
get_meta (GstPreset *preset, const char *name, const char *tag, char **value)
{
  guint i = find (preset, name);

  if (i == G_N_ELEMENTS (presets))
    return of_files.get_meta (preset, name, tag, value);
  if (!g_str_equal (tag, "comment"))
    return FALSE;
  *value = g_strdup (presets[i].comment);
  return TRUE;
}

void
gst_effnet_classify_init_presets (gpointer iface, gpointer data)
{
  GstPresetInterface *preset = iface;

  (void)data;
  of_files = *preset;
  preset->get_preset_names = get_names;
  preset->load_preset = load;
  preset->get_meta = get_meta;
}
