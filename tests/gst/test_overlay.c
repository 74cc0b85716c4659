/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnetoverlay on frames whose metadata is written by hand: what it says, where it draws, that it
 * leaves the rest alone, and that it draws only when something has changed. */
#include <math.h>
#include <string.h>

#include "common.h"
#include "handmade.h"
#include "overlay/captions.h"

#define WIDTH  320
#define HEIGHT 240

static const GstEffnetCaptionSettings usual = {TRUE, TRUE, 2 * GST_SECOND, NULL, FALSE};

static GstEffnetRecord
record_of (const char *label, double score)
{
  GstEffnetRecord record = handmade_record (label, 3, score);

  record.fresh = TRUE;
  return record;
}

/* What is shown of @records, one text a line. */
static char *
texts (const GstEffnetRecord *records, guint n, const GstEffnetCaptionSettings *settings)
{
  g_autoptr (GstBuffer) buffer = gst_buffer_new ();
  g_autoptr (GString) out = g_string_new (NULL);
  GstVideoInfo info;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, WIDTH, HEIGHT);
  g_assert_true (gst_effnet_schema_attach (buffer, records, n));
  g_autoptr (GArray) captions = gst_effnet_captions_read (buffer, &info, settings);
  for (guint i = 0; i < captions->len; i++) {
    const GstEffnetCaption *one = &g_array_index (captions, GstEffnetCaption, i);
    g_string_append_printf (out, "%s%s|", one->text, one->faint ? " (faint)" : "");
  }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static void
assert_texts (const GstEffnetRecord *records, guint n, const GstEffnetCaptionSettings *settings,
              const char *expected)
{
  g_autofree char *text = texts (records, n, settings);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_texts (void)
{
  GstEffnetCaptionSettings settings = usual;
  GstEffnetRecord record = record_of ("tabby cat", 0.934), parts[2];

  assert_texts (&record, 1, &usual, "tabby cat  93 %|");
  settings.scores = FALSE;
  assert_texts (&record, 1, &settings, "tabby cat|");
  record.stable = (GstEffnetEntry){"tabby cat", 3, 0};
  assert_texts (&record, 1, &usual, "tabby cat  93 %|");
  record.stable = (GstEffnetEntry){"espresso", 5, 0}; /* whose score is not known */
  assert_texts (&record, 1, &usual, "espresso|");
  record.fresh = FALSE;
  record.age = GST_SECOND;
  assert_texts (&record, 1, &usual, "espresso|");
  record.age = 5 * GST_SECOND + 7;
  assert_texts (&record, 1, &usual, "espresso, 5 s ago (faint)|");
  record.age = 300 * GST_SECOND;
  assert_texts (&record, 1, &usual, "espresso, 5 min ago (faint)|");
  record = record_of ("x", -2.5);
  assert_texts (&record, 1, &usual, "x  -2.50|");
  gst_effnet_record_set_unknown (&record, 0.2);
  assert_texts (&record, 1, &usual, "unknown  20 % (faint)|");
  record = record_of ("", 0);
  assert_texts (&record, 1, &usual, "");
  parts[0] = parts[1] = record_of ("open", 0.5);
  gst_effnet_record_set_part (&parts[0], 0, 0, 100, 100);
  gst_effnet_record_set_part (&parts[1], 100, 0, 100, 100);
  parts[0].region = "gate";
  parts[1].region = "car";
  parts[1].roi_id = 4;
  assert_texts (parts, 2, &usual, "gate: open  50 %|open  50 %|");
  parts[0].head = "weather";
  assert_texts (parts, 2, &usual, "gate: weather: open  50 %|open  50 %|");
  settings = usual;
  settings.parts = FALSE;
  assert_texts (parts, 2, &settings, "");
  settings = usual;
  settings.element = (char *)"gate";
  assert_texts (&record, 1, &settings, "");
}

/* Two elements on one buffer: each text says whose it is. */
static void
test_elements (void)
{
  g_autoptr (GstBuffer) buffer = gst_buffer_new ();
  GstEffnetRecord records[2] = {record_of ("tabby cat", 0.9), record_of ("tabby cat", 0.9)};
  GstEffnetCaptionSettings settings = usual;
  GstVideoInfo info;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, WIDTH, HEIGHT);
  records[1].element = "window";
  for (guint i = 0; i < 2; i++)
    g_assert_true (gst_effnet_schema_attach (buffer, &records[i], 1));
  g_autoptr (GArray) all = gst_effnet_captions_read (buffer, &info, &usual);
  settings.element = (char *)"window";
  g_autoptr (GArray) one = gst_effnet_captions_read (buffer, &info, &settings);
  g_assert_cmpuint (all->len, ==, 2);
  g_assert_cmpstr (g_array_index (all, GstEffnetCaption, 0).text, ==, "door: tabby cat  90 %");
  g_assert_cmpstr (g_array_index (all, GstEffnetCaption, 1).text, ==, "window: tabby cat  90 %");
  g_assert_cmpuint (one->len, ==, 1);
  g_assert_cmpstr (g_array_index (one, GstEffnetCaption, 0).text, ==, "tabby cat  90 %");
}

/* ---- pictures -------------------------------------------------------------------------------- */

static GstHarness *
overlay_new (const char *caps, const char *property, const char *value)
{
  GstHarness *h = gst_harness_new ("effnetoverlay");

  if (property != NULL)
    gst_util_set_object_arg (G_OBJECT (h->element), property, value);
  gst_harness_set_src_caps_str (h, caps);
  return h;
}

static GstBuffer *
black (const char *caps, GstVideoInfo *info)
{
  g_autoptr (GstCaps) c = gst_caps_from_string (caps);
  GstBuffer *buffer;

  g_assert_true (gst_video_info_from_caps (info, c));
  buffer = gst_buffer_new_allocate (NULL, info->size, NULL);
  gst_buffer_memset (buffer, 0, 0, info->size);
  return buffer;
}

/* What comes out of @h for a black frame with @records; NULL: without a meta. */
static GstBuffer *
through (GstHarness *h, const char *caps, const GstEffnetRecord *records, guint n)
{
  GstVideoInfo info;
  GstBuffer *buffer = black (caps, &info), *out;

  if (n > 0)
    g_assert_true (gst_effnet_schema_attach (buffer, records, n));
  out = gst_harness_push_and_pull (h, buffer);
  g_assert_nonnull (out);
  return out;
}

/* The box around all that is not black of a grey frame: left, top, right, bottom. */
static gboolean
drawn_box (GstBuffer *buffer, int width, int height, int box[4])
{
  GstMapInfo map;
  int stride = GST_ROUND_UP_4 (width);

  box[0] = width, box[1] = height, box[2] = box[3] = -1;
  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      if (map.data[y * stride + x] == 0)
        continue;
      box[0] = MIN (box[0], x);
      box[1] = MIN (box[1], y);
      box[2] = MAX (box[2], x);
      box[3] = MAX (box[3], y);
    }
  }
  gst_buffer_unmap (buffer, &map);
  return box[2] >= 0;
}

#define GREY_CAPS "video/x-raw,format=GRAY8,width=320,height=240,framerate=30/1"

static void
test_places (void)
{
  static const char *const positions[] = {"top-left",    "top",    "top-right",
                                          "bottom-left", "bottom", "bottom-right"};
  GstEffnetRecord record = record_of ("tabby cat", 0.9);

  for (guint i = 0; i < G_N_ELEMENTS (positions); i++) {
    GstHarness *h = overlay_new (GREY_CAPS, "position", positions[i]);
    g_autoptr (GstBuffer) none = through (h, GREY_CAPS, NULL, 0);
    g_autoptr (GstBuffer) out = through (h, GREY_CAPS, &record, 1);
    int box[4];

    g_assert_false (drawn_box (none, WIDTH, HEIGHT, box));
    g_assert_true (drawn_box (out, WIDTH, HEIGHT, box));
    g_assert_cmpint (box[3] - box[1], <, HEIGHT / 6);
    g_assert_cmpint (box[2] - box[0], <, WIDTH / 2);
    g_assert_cmpint (i < 3 ? box[3] : HEIGHT - box[1], <, HEIGHT / 4);
    if (i % 3 == 1)
      g_assert_cmpint (ABS (box[0] + box[2] - WIDTH), <, 16);
    else
      g_assert_cmpint (i % 3 == 0 ? box[0] : WIDTH - box[2], <, 16);
    gst_harness_teardown (h);
  }
}

/* Text that is too long is cut, and a part at the edge has its label inside. */
static void
test_edges (void)
{
  GstHarness *h = overlay_new (GREY_CAPS, NULL, NULL);
  g_autofree char *many = g_strnfill (4000, 'W');
  GstEffnetRecord record = record_of (many, 0.9), part = record_of ("open", 0.9);
  int box[4];

  g_autoptr (GstBuffer) wide = through (h, GREY_CAPS, &record, 1);
  g_assert_true (drawn_box (wide, WIDTH, HEIGHT, box));
  g_assert_cmpint (box[3] - box[1], <, HEIGHT / 6);
  gst_effnet_record_set_part (&part, 200, 0, 120, 60);
  part.region = "door";
  g_autoptr (GstBuffer) out = through (h, GREY_CAPS, &part, 1);
  g_assert_true (drawn_box (out, WIDTH, HEIGHT, box));
  g_assert_cmpint (box[1], ==, 0);
  g_assert_cmpint (box[3], ==, 59);
  g_assert_cmpint (box[2], ==, 319);
  gst_harness_teardown (h);
}

/* ---- activation maps ------------------------------------------------------------------------- */

#define RGB_CAPS "video/x-raw,format=RGB,width=320,height=240,framerate=30/1"

/* Of @height x 2 numbers, over the place @box of the part. */
static GstEffnetActivationMap
map_of (const float *values, guint height, double left, double top, double w, double h)
{
  gsize size = height * 2 * sizeof *values;
  GstEffnetActivationMap map = {gst_buffer_new_memdup (values, size), height, 2, {left, top, w, h}};
  return map;
}

static void
assert_color (GstBuffer *rgb, int x, int y, int red, int green, int blue)
{
  guint8 got[3];

  gst_buffer_extract (rgb, (gsize)y * WIDTH * 3 + (gsize)x * 3, got, 3);
  if (ABS (got[0] - red) + ABS (got[1] - green) + ABS (got[2] - blue) > 6)
    g_test_message ("%d,%d: %d %d %d, not %d %d %d", x, y, got[0], got[1], got[2], red, green,
                    blue);
  g_assert_cmpint (ABS (got[0] - red) + ABS (got[1] - green) + ABS (got[2] - blue), <=, 6);
}

/* The hottest place is red, what is half as hot green; against the class, and beyond the map and
 * the part, the picture is as it was. */
static void
test_map_colors (void)
{
  static const float values[] = {4, 2, 0, -8};
  GstEffnetRecord record = record_of ("tabby cat", 0.9);
  GstHarness *h = overlay_new (RGB_CAPS, "show-activation-map", "true");

  record.activation_map = map_of (values, 2, 0.25, 0, 0.5, 1); /* a centre crop */
  g_autoptr (GstBuffer) crop = through (h, RGB_CAPS, &record, 1);
  assert_color (crop, 90, 30, 76, 0, 0); /* dark red, of 0.6 opacity on black */
  assert_color (crop, 230, 30, 76, 153, 76);
  assert_color (crop, 160, 30, 153, 76, 0); /* between the two */
  assert_color (crop, 230, 230, 0, 0, 0);
  assert_color (crop, 70, 30, 0, 0, 0);
  assert_color (crop, 250, 30, 0, 0, 0);
  g_object_set (h->element, "activation-map-opacity", 1.0, NULL);
  g_autoptr (GstBuffer) opaque = through (h, RGB_CAPS, &record, 1);
  assert_color (opaque, 90, 30, 127, 0, 0);
  gst_effnet_record_set_part (&record, 160, 0, 160, 120);
  gst_buffer_replace (&record.activation_map.values, NULL);
  record.activation_map = map_of (values, 2, -0.5, 0, 2, 1); /* a letterbox */
  g_autoptr (GstBuffer) part = through (h, RGB_CAPS, &record, 1);
  assert_color (part, 165, 26, 143, 0, 0); /* beside the first column of the map */
  assert_color (part, 150, 26, 0, 0, 0);
  assert_color (part, 315, 26, 143, 255, 112);
  gst_buffer_unref (record.activation_map.values);
  gst_harness_teardown (h);
}

/* Nothing is drawn of it when it is not asked for, of a label it does not explain, of a map without
 * evidence or with a number that is none, and of the second head of a part. */
static void
test_map_not_drawn (void)
{
  static const float values[][2] = {{4, 4}, {-1, 0}, {NAN, 4}};
  GstEffnetRecord records[2] = {record_of ("tabby cat", 0.9), record_of ("tabby cat", 0.9)};
  GstEffnetRecord *record = &records[0];

  for (guint i = 0; i < 5; i++) {
    GstHarness *h = overlay_new (RGB_CAPS, "show-activation-map", i == 0 ? "false" : "true");

    record->activation_map = map_of (values[i < 3 ? i : 0], 1, 0, 0, 1, 1);
    record->stable = (GstEffnetEntry){i == 3 ? "espresso" : "", i == 3 ? 5 : -1, 0};
    if (i == 4) { /* of which only the first has a map that shows */
      records[0].head = "own";
      records[1] = records[0];
      records[1].activation_map = map_of (values[0], 1, 0, 0, 1, 1);
    }
    g_autoptr (GstBuffer) out = through (h, RGB_CAPS, records, i == 4 ? 2 : 1);
    assert_color (out, 160, 30, i == 4 ? 76 : 0, 0, 0);
    gst_buffer_unref (record->activation_map.values);
    if (i == 4)
      gst_buffer_unref (records[1].activation_map.values);
    gst_harness_teardown (h);
  }
}

/* ---- orientation ----------------------------------------------------------------------------- */

static void
push_orientation (GstHarness *h, const char *value)
{
  GstTagList *tags = gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, value, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_tag (tags)));
}

/* Grey, upright, of a stored frame of @width x @height: mirrored if @how is 4 or more, then rotated
 * clockwise by @how % 4 quarters, as GstVideoOrientation's names say. */
static guint8 *
upright (GstBuffer *buffer, int width, int height, guint how)
{
  guint8 *out = g_malloc ((gsize)width * (gsize)height);
  int stride = GST_ROUND_UP_4 (width), w = how % 2 == 1 ? height : width;
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (int y = 0; y < height; y++) {
    for (int i = 0; i < width; i++) {
      guint8 value = map.data[y * stride + i];
      int x = how >= 4 ? width - 1 - i : i;
      switch (how % 4) {
      case 0:
        out[y * w + x] = value;
        break;
      case 1:
        out[x * w + (height - 1 - y)] = value;
        break;
      case 2:
        out[(height - 1 - y) * w + (width - 1 - x)] = value;
        break;
      default:
        out[(width - 1 - x) * w + y] = value;
        break;
      }
    }
  }
  gst_buffer_unmap (buffer, &map);
  return out;
}

static void
test_orientation (void)
{
  static const char *const names[] = {"rotate-0",        "rotate-90",      "rotate-180",
                                      "rotate-270",      "flip-rotate-0",  "flip-rotate-90",
                                      "flip-rotate-180", "flip-rotate-270"};
  static const char *const caps[] = {
      GREY_CAPS, "video/x-raw,format=GRAY8,width=240,height=320,framerate=30/1"};
  static const float values[] = {4, 2, 0, -8, 1, 3};
  GstEffnetRecord record = record_of ("tabby cat", 0.9);
  g_autofree guint8 *expected = NULL;

  record.activation_map = map_of (values, 3, 0.3, 0.1, 0.6, 0.8);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    int width = i % 2 == 1 ? HEIGHT : WIDTH, height = i % 2 == 1 ? WIDTH : HEIGHT;
    GstHarness *h = overlay_new (caps[i % 2], "show-activation-map", "true");
    double sum = 0;

    push_orientation (h, names[i]);
    g_autoptr (GstBuffer) out = through (h, caps[i % 2], &record, 1);
    g_autofree guint8 *turned = upright (out, width, height, i);
    for (guint k = 0; i > 0 && k < WIDTH * HEIGHT; k++)
      sum += ABS ((int)turned[k] - (int)expected[k]);
    if (sum / (WIDTH * HEIGHT) >= 0.5)
      g_test_message ("%s: %g off", names[i], sum / (WIDTH * HEIGHT));
    g_assert_cmpfloat (sum / (WIDTH * HEIGHT), <, 0.5); /* antialiasing differs */
    if (i == 0)
      expected = g_steal_pointer (&turned);
    gst_harness_teardown (h);
  }
  gst_buffer_unref (record.activation_map.values);
}

/* Pixels twice as wide as high: text is as high as ever, and half as wide. */
static void
test_wide_pixels (void)
{
  GstEffnetRecord record = record_of ("tabby cat", 0.9);
  int square[4], wide[4];

  for (guint i = 0; i < 2; i++) {
    const char *caps = i == 0 ? GREY_CAPS : GREY_CAPS ",pixel-aspect-ratio=2/1";
    GstHarness *h = overlay_new (caps, NULL, NULL);
    g_autoptr (GstBuffer) out = through (h, caps, &record, 1);

    g_assert_true (drawn_box (out, WIDTH, HEIGHT, i == 0 ? square : wide));
    gst_harness_teardown (h);
  }
  g_assert_cmpint (ABS ((square[2] - square[0]) - 2 * (wide[2] - wide[0])), <=, 4);
  g_assert_cmpint (ABS ((square[3] - square[1]) - (wide[3] - wide[1])), <=, 1);
}

/* ---- formats, caching, negotiation ----------------------------------------------------------- */

static void
test_formats (void)
{
  static const int sizes[][2] = {{1, 1}, {2, 3}, {65, 47}, {320, 240}};
  static const float values[] = {1, 2};
  GstEffnetRecord records[2] = {record_of ("tabby cat", 0.9), record_of ("open", 0.9)};
  g_autoptr (GstElement) probe = gst_element_factory_make ("effnetoverlay", NULL);
  GstPadTemplate *template =
      gst_element_class_get_pad_template (GST_ELEMENT_GET_CLASS (probe), "sink");
  g_autoptr (GstCaps) all = gst_pad_template_get_caps (template);
  const GValue *formats = gst_structure_get_value (gst_caps_get_structure (all, 0), "format");

  gst_object_ref_sink (probe);
  gst_effnet_record_set_part (&records[1], 10, 10, 200, 200);
  records[1].activation_map = map_of (values, 1, 0, 0, 1, 1);
  g_assert_cmpuint (gst_value_list_get_size (formats), >, 60);
  for (guint i = 0; i < gst_value_list_get_size (formats); i++) {
    const char *format = g_value_get_string (gst_value_list_get_value (formats, i));

    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
      g_autofree char *caps =
          g_strdup_printf ("video/x-raw,format=%s,width=%d,height=%d,framerate=30/1", format,
                           sizes[k][0], sizes[k][1]);
      GstHarness *h = overlay_new (caps, "show-activation-map", "true");
      GstVideoInfo info;
      g_autoptr (GstBuffer) plain = black (caps, &info);
      g_autoptr (GstBuffer) out = through (h, caps, records, 2);

      g_assert_cmpuint (gst_buffer_get_size (out), ==, info.size);
      if (sizes[k][0] == WIDTH && strcmp (format, "RGB8P") != 0) {
        g_autofree guint8 *before = g_malloc (info.size);
        gst_buffer_extract (plain, 0, before, info.size);
        if (gst_buffer_memcmp (out, 0, before, info.size) == 0)
          g_test_message ("nothing is drawn on %s", format);
        g_assert_cmpint (gst_buffer_memcmp (out, 0, before, info.size), !=, 0);
      }
      gst_harness_teardown (h);
    }
  }
  gst_buffer_unref (records[1].activation_map.values);
}

static GstVideoOverlayComposition *
composition_of (GstBuffer *buffer)
{
  GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta (buffer);
  return meta != NULL ? meta->overlay : NULL;
}

/* A sink that draws by itself gets the pixels as they were, and the same text as the same object.
 */
static void
test_sink_draws (void)
{
  GstHarness *h = gst_harness_new ("effnetoverlay");
  GstEffnetRecord record = record_of ("tabby cat", 0.9);
  int box[4];

  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_harness_set_src_caps_str (h, GREY_CAPS);
  g_autoptr (GstBuffer) a = through (h, GREY_CAPS, &record, 1);
  record.best.score = 0.9001;
  record.age = 100;
  g_autoptr (GstBuffer) b = through (h, GREY_CAPS, &record, 1);
  g_assert_false (drawn_box (a, WIDTH, HEIGHT, box));
  g_assert_nonnull (composition_of (a));
  g_assert_cmpuint (gst_video_overlay_composition_get_seqnum (composition_of (a)), ==,
                    gst_video_overlay_composition_get_seqnum (composition_of (b)));
  g_object_set (h->element, "font-size", 20.0, NULL);
  g_autoptr (GstBuffer) c = through (h, GREY_CAPS, &record, 1);
  g_assert_cmpuint (gst_video_overlay_composition_get_seqnum (composition_of (b)), !=,
                    gst_video_overlay_composition_get_seqnum (composition_of (c)));
  g_autoptr (GstBuffer) none = through (h, GREY_CAPS, NULL, 0);
  g_assert_null (composition_of (none));
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  gst_effnet_schema_register ();
  g_test_add_func ("/overlay/texts", test_texts);
  g_test_add_func ("/overlay/elements", test_elements);
  g_test_add_func ("/overlay/places", test_places);
  g_test_add_func ("/overlay/edges", test_edges);
  g_test_add_func ("/overlay/map-colors", test_map_colors);
  g_test_add_func ("/overlay/map-not-drawn", test_map_not_drawn);
  g_test_add_func ("/overlay/orientation", test_orientation);
  g_test_add_func ("/overlay/wide-pixels", test_wide_pixels);
  g_test_add_func ("/overlay/formats", test_formats);
  g_test_add_func ("/overlay/sink-draws", test_sink_draws);
  return g_test_run ();
}
