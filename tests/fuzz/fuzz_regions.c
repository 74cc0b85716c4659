/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any text as the property `regions`, any regions of interest on a buffer, any size of frame: a
 * sentence, or picks that lie inside the frame. */
#include "classify/regions.h"
#include "input.h"
#include "take.h"

#include <gst/video/video.h>
#include <string.h>

const char *__asan_default_options (void);
const char *
__asan_default_options (void)
{
  return "detect_leaks=0"; /* types of GStreamer's */
}

static guint
take_side (Bytes *bytes)
{
  static const guint edges[] = {0, 1, 16384, G_MAXINT32, 0x80000000, G_MAXUINT32, 0xc0000000};
  guint how = take (bytes, 1);
  return how < 240 ? how * 3 : edges[how % G_N_ELEMENTS (edges)];
}

static GstBuffer *
take_buffer (Bytes *bytes)
{
  static const char *const types[] = {"face", "car", "", "a:b", "gate"};
  GstBuffer *buffer = gst_buffer_new ();

  for (guint n = take (bytes, 1) % 6; n > 0; n--) {
    GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta (
        buffer, types[take (bytes, 1) % G_N_ELEMENTS (types)], take_side (bytes), take_side (bytes),
        take_side (bytes), take_side (bytes));
    roi->id = (gint)take (bytes, 1) % 3;
  }
  return buffer;
}

static void
check_picks (const GArray *picks, guint width, guint height)
{
  for (guint i = 0; i < picks->len; i++) {
    const GstEffnetPick *pick = &g_array_index (picks, GstEffnetPick, i);
    const EffnetRegion *rect = &pick->rect;
    FUZZ_CHECK (pick->name == NULL || g_utf8_validate (pick->name, -1, NULL));
    if (rect->x == 0 && rect->y == 0 && rect->width == 0 && rect->height == 0)
      continue;
    FUZZ_CHECK (rect->width > 0 && rect->width <= width && rect->x <= width - rect->width);
    FUZZ_CHECK (rect->height > 0 && rect->height <= height && rect->y <= height - rect->height);
  }
}

static char *
take_text (Bytes *bytes)
{
  size_t n = take (bytes, 2);

  n = MIN (n, bytes->left);
  char *text = g_strndup ((const char *)bytes->at, n);

  bytes->at += n;
  bytes->left -= n;
  return text;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const guint sides[] = {1, 2, 3, 640, 16384};
  Bytes bytes = {data, size};
  GstEffnetRegionSettings settings = {.mode = GST_EFFNET_INFERENCE_REGION_REGIONS};
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) picks = NULL;

  if (!gst_is_initialized ())
    gst_init (NULL, NULL);
  g_autofree char *text = take_text (&bytes);
  g_autoptr (GstBuffer) buffer = take_buffer (&bytes);
  picks = g_array_new (FALSE, TRUE, sizeof (GstEffnetPick));
  settings.named = gst_effnet_regions_parse (text, &error);
  if (error != NULL) {
    FUZZ_CHECK (settings.named == NULL && g_utf8_validate (error->message, -1, NULL));
    for (const char *c = error->message; *c != '\0'; c++)
      FUZZ_CHECK ((guchar)*c >= ' ' && *c != 0x7f);
    settings.named = g_array_new (FALSE, FALSE, sizeof (GstEffnetNamedRegion));
  }
  FUZZ_CHECK (settings.named != NULL);
  unsigned how = take (&bytes, 1);
  const GstEffnetStorage storage = {(guint)size % 9, size / 9 % 2};
  for (guint i = 0; i < 3; i++) {
    guint width = sides[how % G_N_ELEMENTS (sides)], height = sides[how / 8 % G_N_ELEMENTS (sides)];
    settings.mode = (GstEffnetInferenceRegion)i;
    gst_effnet_regions_wants (&settings, buffer);
    g_array_set_size (picks, 0);
    gst_effnet_regions_pick (&settings, buffer, width, height, &storage, picks);
    check_picks (picks, width, height);
  }
  gst_effnet_region_settings_clear (&settings);
  return 0;
}
