/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A frame like the last one allocates nothing, in any raw format and with any number of regions;
 * a JPEG allocates what libjpeg does. */
#include "allocations.h"

#include <effnet/effnet.h>
#include <string.h>

#define JPEG_CALLS 2 /* libjpeg's pools: what README says */

static EffnetSession *session;

static void
fill_image (EffnetImage *image, EffnetPixelFormat format, guint8 *bytes, unsigned side)
{
  *image = (EffnetImage)EFFNET_IMAGE_INIT;
  image->format = format;
  image->width = image->height = side;
  for (unsigned p = 0; p < G_N_ELEMENTS (image->data); p++) { /* large enough for any format */
    image->data[p] = bytes;
    image->stride[p] = (ptrdiff_t)side * 4;
  }
}

static guint
classify (const EffnetImage *image)
{
  EffnetResult result;
  GError *error = NULL;
  guint calls;
  gboolean ok;

  allocations_start ();
  ok = effnet_session_classify (session, image, &result, &error);
  calls = allocations_stop ();
  g_assert_no_error (error);
  g_assert_true (ok);
  return calls;
}

static void
test_raw (void)
{
  enum { SIDE = 320 };
  g_autofree guint8 *bytes = g_malloc (SIDE * SIDE * 4);

  memset (bytes, 77, SIDE * SIDE * 4);
  for (unsigned f = EFFNET_PIXEL_FORMAT_UNKNOWN + 1; f < EFFNET_PIXEL_FORMAT_JPEG; f++) {
    EffnetImage image;

    fill_image (&image, (EffnetPixelFormat)f, bytes, SIDE);
    classify (&image);
    for (unsigned n = 0; n < 3; n++) {
      guint calls = classify (&image);

      if (calls != 0)
        g_error ("format %u allocates %u times a frame", f, calls);
    }
  }
}

static void
ignore_result (unsigned region, const EffnetResult *result, void *user_data)
{
  (void)region, (void)result, (void)user_data;
}

static void
test_regions (void)
{
  enum { SIDE = 320 };
  static const EffnetRegion regions[] = {{0, 0, 100, 90}, {10, 20, 200, 150}, {0, 0, 0, 0}};
  g_autofree guint8 *bytes = g_malloc0 (SIDE * SIDE * 4);
  EffnetImage image;

  fill_image (&image, EFFNET_PIXEL_FORMAT_NV12, bytes, SIDE);
  for (unsigned n = 0; n < 4; n++) {
    GError *error = NULL;
    guint calls;

    allocations_start ();
    effnet_session_classify_regions (session, &image, regions, G_N_ELEMENTS (regions),
                                     ignore_result, NULL, &error);
    calls = allocations_stop ();
    g_assert_no_error (error);
    if (n > 0)
      g_assert_cmpuint (calls, ==, 0);
  }
}

static void
test_jpeg (void)
{
  g_autofree char *path =
      g_build_filename (g_getenv ("EFFNET_SOURCE_ROOT"), "pipelines", "media", "cat.jpg", NULL);
  g_autofree char *bytes = NULL;
  EffnetImage image = EFFNET_IMAGE_INIT;
  gsize size;

  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  image.format = EFFNET_PIXEL_FORMAT_JPEG;
  image.data[0] = bytes;
  image.size = size;
  classify (&image);
  for (unsigned n = 0; n < 3; n++)
    g_assert_cmpuint (classify (&image), ==, JPEG_CALLS);
}

static void
test_skipped (void)
{
  g_test_skip ("the heap of this build cannot be counted");
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  EffnetModel *model;
  int failed;

  g_test_init (&argc, &argv, NULL);
  if (!allocations_counted ()) {
    g_test_add_func ("/engine/allocations/skipped", test_skipped);
    return g_test_run ();
  }
  model = effnet_model_open (NULL, NULL, &error);
  g_assert_no_error (error);
  session = effnet_session_new (model, NULL, &error);
  g_assert_no_error (error);
  g_test_add_func ("/engine/allocations/raw", test_raw);
  g_test_add_func ("/engine/allocations/regions", test_regions);
  g_test_add_func ("/engine/allocations/jpeg", test_jpeg);
  failed = g_test_run ();
  effnet_session_free (session);
  effnet_model_unref (model);
  return failed;
}
