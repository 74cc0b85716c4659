/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tables of what people connect. The first structure of the caps speaks for all. */
#include "classify/advice.h"

#include <effnet/effnet.h>

typedef struct {
  const char *prefix, *elements;
} Advice;

static const Advice of_media[] = {
    {"video/x-bayer", "bayer2rgb ! videoconvert"},
    {"video/x-h264", "h264parse"},
    {"video/x-h265", "h265parse"},
    {"video/x-vp8", "vp8dec"},
    {"video/x-vp9", "vp9dec"},
    {"image/png", "pngdec"},
    {"", "decodebin"},
};

/* Raw video that is not in the memory of the CPU. */
static const Advice of_memory[] = {
    {"memory:GLMemory", "gldownload"},
    {"memory:DMABuf", "glupload ! gldownload"},
    {"memory:VA", "vapostproc"},
    {"memory:NVMM", "nvvideoconvert"},
    {"memory:CUDAMemory", "cudadownload"},
    {"memory:D3D11Memory", "d3d11download"},
    {"memory:D3D12Memory", "d3d12download"},
    {"memory:", "videoconvert"},
};

static const char *
find (const Advice *table, const char *name)
{
  while (!g_str_has_prefix (name, table->prefix))
    table++;
  return table->elements;
}

static gboolean
is_larger (const GstStructure *s, const char *side)
{
  int n;

  return gst_structure_get_int (s, side, &n) && n > EFFNET_FRAME_SIDE_MAX;
}

static const char *
find_for_raw (const GstStructure *s, const GstCapsFeatures *features)
{
  for (guint i = 0; features != NULL && i < gst_caps_features_get_size (features); i++) {
    const char *feature = gst_caps_features_get_nth (features, i);

    if (g_str_has_prefix (feature, "memory:") &&
        !g_str_equal (feature, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY))
      return find (of_memory, feature);
  }
  return is_larger (s, "width") || is_larger (s, "height") ? "videoscale" : "videoconvert";
}

/* "video/x-raw of format Y444_16LE", as far as there is one. */
static char *
describe (const GstStructure *s, const GstCapsFeatures *features)
{
  g_autofree char *in = NULL;
  const char *format = gst_structure_get_string (s, "format");
  int width, height;
  GString *text = g_string_new (gst_structure_get_name (s));

  if (features != NULL && !gst_caps_features_is_any (features) &&
      !gst_caps_features_is_equal (features, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY)) {
    in = gst_caps_features_to_string (features);
    g_string_append_printf (text, "(%s)", in);
  }
  if (format != NULL)
    g_string_append_printf (text, " of format %s", format);
  if (gst_structure_get_int (s, "width", &width) && gst_structure_get_int (s, "height", &height))
    g_string_append_printf (text, ", %d x %d", width, height);
  return g_string_free (text, FALSE);
}

char *
gst_effnet_advice_new (const GstCaps *offered)
{
  const GstCapsFeatures *features;
  const GstStructure *s;
  const char *elements;
  g_autofree char *what = NULL;

  if (gst_caps_is_any (offered) || gst_caps_is_empty (offered))
    return NULL;
  s = gst_caps_get_structure (offered, 0);
  features = gst_caps_get_features (offered, 0);
  what = describe (s, features);
  elements = gst_structure_has_name (s, "video/x-raw")
                 ? find_for_raw (s, features)
                 : find (of_media, gst_structure_get_name (s));
  if (gst_caps_get_size (offered) > 1)
    return g_strdup_printf ("None of the formats that come is taken, the first is %s: put \"%s\" "
                            "before effnetclassify",
                            what, elements);
  return g_strdup_printf ("%s is not taken: put \"%s\" before effnetclassify", what, elements);
}
