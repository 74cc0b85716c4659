/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Presets: those of the plugin are there without a file, set what they are for, and give way to
 * those that a user saves. */
#include "common.h"

#include <glib/gstdio.h>

typedef struct {
  const char *preset, *property, *text;
} Setting;

/* What each is for; all set `qos`. */
static const Setting settings[] = {
    {"live-low-latency", "inference-mode", "async"},
    {"live-low-latency", "decode-frames", "keyframes"},
    {"live-low-latency", "qos", "true"},
    {"throughput", "inference-mode", "delayed"},
    {"throughput", "qos", "false"},
    {"low-power", "trigger", "motion+scene-change"},
    {"low-power", "max-inference-rate", "1/1"},
    {"archive", "inference-mode", "sync"},
    {"archive", "sparse-rows", "false"},
    {"archive", "overload-policy", "block"},
};

static void
assert_setting (GstElement *element, const char *name, const char *text)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), name);
  GValue value = G_VALUE_INIT, expected = G_VALUE_INIT;

  g_assert_nonnull (pspec);
  g_value_init (&expected, pspec->value_type);
  g_assert_true (gst_value_deserialize (&expected, text));
  g_object_get_property (G_OBJECT (element), name, &value);
  if (gst_value_compare (&value, &expected) != GST_VALUE_EQUAL)
    g_error ("%s is not %s", name, text);
  g_value_unset (&value);
  g_value_unset (&expected);
}

/* No name is misspelt, or GLib complains, which is an error here. */
static void
test_built_in (void)
{
  static const char *const names[] = {"live-low-latency", "throughput", "low-power", "archive"};
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstPreset *preset = GST_PRESET (element);
  char **there = gst_preset_get_preset_names (preset), *comment = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_assert_true (g_strv_contains ((const char *const *)there, names[i]));
    g_assert_true (gst_preset_get_meta (preset, names[i], "comment", &comment));
    g_assert_cmpuint (strlen (comment), >, 20);
    g_clear_pointer (&comment, g_free);
    g_assert_true (gst_preset_load_preset (preset, names[i]));
    for (guint k = 0; k < G_N_ELEMENTS (settings); k++) {
      if (g_str_equal (settings[k].preset, names[i]))
        assert_setting (element, settings[k].property, settings[k].text);
    }
  }
  g_assert_false (gst_preset_load_preset (preset, "no-such-preset"));
  g_assert_false (gst_preset_get_meta (preset, "archive", "colour", &comment));
  g_strfreev (there);
  gst_object_unref (element);
}

static void
test_saved (void)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstPreset *preset = GST_PRESET (element);
  char **there;

  g_object_set (element, "inference-interval", 7, "top-k", 3, NULL);
  g_assert_true (gst_preset_save_preset (preset, "mine"));
  g_assert_true (gst_preset_save_preset (preset, "archive"));
  there = gst_preset_get_preset_names (preset);
  g_assert_cmpuint (g_strv_length (there), ==, 5);
  g_strfreev (there);
  g_object_set (element, "inference-interval", 1, NULL);
  g_assert_true (gst_preset_load_preset (preset, "archive"));
  assert_setting (element, "inference-interval", "7");
  g_assert_true (gst_preset_delete_preset (preset, "archive"));
  g_assert_true (gst_preset_load_preset (preset, "archive"));
  assert_setting (element, "inference-interval", "1");
  g_assert_true (gst_preset_load_preset (preset, "mine"));
  assert_setting (element, "inference-interval", "7");
  gst_object_unref (element);
}

int
main (int argc, char **argv)
{
  g_autofree char *home = g_dir_make_tmp (NULL, NULL), *command = NULL;
  int code;

  g_setenv ("XDG_DATA_HOME", home, TRUE); /* where saved presets go */
  test_init (&argc, &argv);
  g_test_add_func ("/gst/presets/built-in", test_built_in);
  g_test_add_func ("/gst/presets/saved", test_saved);
  code = g_test_run ();
  command = g_strdup_printf ("rm -r %s", home);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  return code;
}
