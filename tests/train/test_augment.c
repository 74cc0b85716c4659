/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Altered copies: the same for a seed, as different as is said, of any frame; and no frame that is
 * broken becomes one. */
#include <math.h>
#include <string.h>

#include "../weights/files.h"
#include "effnet/train.h"

#define WIDTH  640
#define HEIGHT 480
#define SEEDS  64
#define SIDE   32

typedef struct {
  EffnetModel *model;
  EffnetSession *session;
  EffnetAugmenter *augmenter;
  uint8_t *pixels; /* darker on the left */
  EffnetImage frame;
} Place;

static void
set_up (Place *place, gconstpointer data)
{
  const EffnetModelOptions options = {.variant = "lite0", .synthetic_seed = 1, .input_size = SIDE};
  const EffnetSessionOptions session_options = {.frontend_only = TRUE,
                                                .resize_mode = EFFNET_RESIZE_MODE_STRETCH};

  (void)data;
  place->model = effnet_model_open (NULL, &options, NULL);
  place->session = effnet_session_new (place->model, &session_options, NULL);
  place->augmenter = effnet_augmenter_new (place->model);
  place->pixels = g_new (uint8_t, WIDTH * HEIGHT * 3);
  for (unsigned i = 0; i < WIDTH * HEIGHT * 3; i++)
    place->pixels[i] = (uint8_t)(80 + 80 * (i / 3 % WIDTH) / WIDTH);
  place->frame = (EffnetImage)EFFNET_IMAGE_INIT;
  place->frame.format = EFFNET_PIXEL_FORMAT_RGB;
  place->frame.width = WIDTH;
  place->frame.height = HEIGHT;
  place->frame.data[0] = place->pixels;
  place->frame.stride[0] = WIDTH * 3;
}

static void
tear_down (Place *place, gconstpointer data)
{
  (void)data;
  effnet_augmenter_free (place->augmenter);
  effnet_session_free (place->session);
  effnet_model_unref (place->model);
  g_free (place->pixels);
}

/* Green of the left and right halves, 0..255. */
static void
halves (Place *place, const EffnetImage *image, double *left, double *right)
{
  static float input[SIDE * SIDE * 3];
  double sums[2] = {0, 0};

  g_assert_true (effnet_session_preprocess (place->session, image, input, NULL));
  for (unsigned i = 0; i < SIDE * SIDE; i++)
    sums[i % SIDE >= SIDE / 2] += (double)input[3 * i + 1] * 0.224 + 0.456;
  *left = sums[0] * 255 / (SIDE * SIDE / 2);
  *right = sums[1] * 255 / (SIDE * SIDE / 2);
}

static EffnetImage
alter (Place *place, const EffnetImage *frame, uint64_t seed)
{
  EffnetImage altered;
  GError *error = NULL;

  g_assert_true (effnet_augmenter_run (place->augmenter, frame, seed, &altered, &error));
  g_assert_no_error (error);
  g_assert_cmpint (altered.format, ==, EFFNET_PIXEL_FORMAT_JPEG);
  return altered;
}

static void
test_range (Place *place, gconstpointer data)
{
  double darkest = 255, brightest = 0;
  unsigned flips = 0, width, height, most_w = 0, least_w = WIDTH;

  (void)data;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    EffnetImage altered = alter (place, &place->frame, seed);
    double left, right;

    halves (place, &altered, &left, &right);
    flips += left > right;
    darkest = MIN (darkest, (left + right) / 2);
    brightest = MAX (brightest, (left + right) / 2);
    g_assert_true (effnet_session_get_frame_size (place->session, &altered, &width, &height, NULL));
    most_w = MAX (most_w, width);
    least_w = MIN (least_w, width);
    g_assert_cmpuint (MIN (width, height), >=, SIDE); /* enough for the network */
  }
  g_assert_cmpuint (flips, >, SEEDS / 4);
  g_assert_cmpuint (flips, <, SEEDS * 3 / 4);
  g_assert_cmpfloat (darkest, >, 120 * 0.7 * 0.9);
  g_assert_cmpfloat (darkest, <, 120 * 0.8);
  g_assert_cmpfloat (brightest, <, 120 * 1.3 * 1.1);
  g_assert_cmpfloat (brightest, >, 120 * 1.2);
  g_assert_cmpuint (least_w, <, most_w);
  g_assert_cmpuint (least_w * 10, >=, most_w * 7);
}

static void
test_same (Place *place, gconstpointer data)
{
  g_autofree void *first = NULL;
  EffnetAugmenter *other = effnet_augmenter_new (place->model);
  EffnetImage altered = alter (place, &place->frame, 5), again;
  size_t size = altered.size;

  (void)data;
  first = g_memdup2 (altered.data[0], size);
  altered = alter (place, &place->frame, 6);
  g_assert_true (altered.size != size || memcmp (altered.data[0], first, size) != 0);
  g_assert_true (effnet_augmenter_run (other, &place->frame, 5, &again, NULL));
  g_assert_cmpmem (again.data[0], again.size, first, size);
  effnet_augmenter_free (other);
}

/* Small, tall, upside down, grey, a JPEG, and another size after it. */
static void
test_frames (Place *place, gconstpointer data)
{
  EffnetImage small = place->frame, grey = place->frame, turned = place->frame;
  double left, right;
  g_autoptr (GBytes) file = effnet_encode_jpeg (place->pixels, WIDTH, HEIGHT, 90, NULL);
  EffnetImage jpeg = EFFNET_IMAGE_INIT;

  (void)data;
  small.width = 3;
  small.height = 1;
  alter (place, &small, 1);
  grey.format = EFFNET_PIXEL_FORMAT_GRAY8;
  grey.width = 100;
  grey.height = 4000;
  grey.stride[0] = 100;
  alter (place, &grey, 1);
  turned.orientation = 6;
  alter (place, &turned, 2);
  jpeg.format = EFFNET_PIXEL_FORMAT_JPEG;
  jpeg.data[0] = g_bytes_get_data (file, &jpeg.size);
  for (uint64_t seed = 0; seed < 4; seed++) { /* as of the pixels that it holds */
    double others[2];
    EffnetImage altered = alter (place, &jpeg, seed);

    halves (place, &altered, &left, &right);
    altered = alter (place, &place->frame, seed);
    halves (place, &altered, &others[0], &others[1]);
    g_assert_cmpfloat_with_epsilon (left, others[0], 3);
    g_assert_cmpfloat_with_epsilon (right, others[1], 3);
  }
}

static void
test_broken (Place *place, gconstpointer data)
{
  EffnetImage broken = EFFNET_IMAGE_INIT, altered;
  GError *error = NULL;

  (void)data;
  broken.format = EFFNET_PIXEL_FORMAT_JPEG;
  broken.data[0] = "\xff\xd8\xff\xe0 no more";
  broken.size = 12;
  g_assert_false (effnet_augmenter_run (place->augmenter, &broken, 1, &altered, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  g_clear_error (&error);
  alter (place, &place->frame, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add (path, Place, NULL, set_up, function, tear_down)
  ADD ("/train/augment/range", test_range);
  ADD ("/train/augment/same", test_same);
  ADD ("/train/augment/frames", test_frames);
  ADD ("/train/augment/broken", test_broken);
  return g_test_run ();
}
