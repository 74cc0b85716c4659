/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Feature maps, activation maps, and where on a frame they lie. What the numbers of a stage should
 * be, tests/golden/check_stages.py knows. */
#include <effnet/effnet.h>
#include <math.h>
#include <string.h>

#include "open.h"

#define SIDE   64 /* of the network's input */
#define INPUT  (SIDE * SIDE * 3)
#define IMAGES 3
#define ALL    0x1ffu /* stages 0 to 8 */

/* NULL: skipped, since the CPU has another precision in its place. */
static EffnetModel *
open_model (const char *variant, EffnetPrecision precision)
{
  EffnetModelOptions options = {
      .variant = variant, .synthetic_seed = 3, .input_size = SIDE, .precision = precision};

  return test_open_in_precision (&options);
}

static EffnetSession *
new_session (EffnetModel *model, unsigned threads, unsigned stages)
{
  EffnetSessionOptions options = {.threads = threads, .stages = stages};
  g_autoptr (GError) error = NULL;
  EffnetSession *session = effnet_session_new (model, &options, &error);

  g_assert_no_error (error);
  return session;
}

static float *
new_inputs (void)
{
  float *inputs = g_new (float, IMAGES *INPUT);

  for (unsigned i = 0; i < IMAGES * INPUT; i++)
    inputs[i] = (float)((i * 37 + i / 1000) % 101) / 50 - 1;
  return inputs;
}

/* ---- stages ---- */

static void
test_list (void)
{
  g_autoptr (EffnetModel) model = open_model ("lite0", EFFNET_PRECISION_FP32);
  static const unsigned sides[] = {32, 32, 16, 8, 4, 4, 2, 2, 2};
  static const unsigned channels[] = {32, 16, 24, 40, 80, 112, 192, 320, 1280};
  static const int out_index[] = {-1, 0, 1, 2, -1, 3, -1, 4, -1};
  EffnetStage stages[EFFNET_STAGES_MAX];

  g_assert_cmpuint (effnet_model_get_stages (model, stages), ==, G_N_ELEMENTS (sides));
  for (unsigned s = 0; s < G_N_ELEMENTS (sides); s++) {
    g_assert_cmpuint (stages[s].stage, ==, s);
    g_assert_cmpuint (stages[s].height, ==, sides[s]);
    g_assert_cmpuint (stages[s].width, ==, sides[s]);
    g_assert_cmpuint (stages[s].reduction, ==, SIDE / sides[s]);
    g_assert_cmpuint (stages[s].channels, ==, channels[s]);
    g_assert_cmpint (stages[s].out_index, ==, out_index[s]);
  }
  g_assert_cmpstr (stages[0].name, ==, "stem");
  g_assert_cmpstr (stages[7].name, ==, "blocks.6");
  g_assert_cmpstr (stages[8].name, ==, "head");
}

typedef struct {
  EffnetSession *alone;
  const float *inputs;
  EffnetStage stages[EFFNET_STAGES_MAX];
  unsigned n;
} Batch;

static size_t
stage_bytes (const EffnetStage *s)
{
  return (size_t)s->height * s->width * s->channels * sizeof (float);
}

static void
compare (unsigned i, const EffnetResult *result, void *user_data)
{
  Batch *b = user_data;
  g_autoptr (GError) error = NULL;
  EffnetResult one;

  effnet_session_run (b->alone, b->inputs + i * INPUT, &one, &error);
  g_assert_no_error (error);
  for (unsigned s = 0; s < 9; s++) {
    g_assert_nonnull (one.stages[s]);
    if (s == 2 || s == 8)
      g_assert_cmpmem (one.stages[s], stage_bytes (&b->stages[s]), result->stages[s],
                       stage_bytes (&b->stages[s]));
    else
      g_assert_null (result->stages[s]);
  }
  b->n++;
}

/* A few stages of a batch on two threads are those of all stages of one image on one. */
static void
check_batch (EffnetModel *model)
{
  g_autoptr (EffnetSession) alone = new_session (model, 1, ALL);
  g_autoptr (EffnetSession) session = new_session (model, 2, 1u << 2 | 1u << 8);
  g_autofree float *inputs = new_inputs ();
  g_autoptr (GError) error = NULL;
  Batch batch = {.alone = alone, .inputs = inputs};

  effnet_model_get_stages (model, batch.stages);
  for (unsigned n = 1; n <= IMAGES; n++) {
    batch.n = 0;
    effnet_session_run_batch (session, inputs, n, compare, &batch, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (batch.n, ==, n);
  }
}

static void
test_batch (gconstpointer precision)
{
  g_autoptr (EffnetModel) model = open_model ("b0", (EffnetPrecision)GPOINTER_TO_INT (precision));

  if (model != NULL)
    check_batch (model);
}

/* What is asked for changes no other result, and the head's mean is the features. */
static void
test_same_result (void)
{
  g_autoptr (EffnetModel) model = open_model ("b0", EFFNET_PRECISION_FP32);
  g_autoptr (EffnetSession) plain = new_session (model, 2, 0), all = new_session (model, 2, ALL);
  g_autofree float *inputs = new_inputs ();
  g_autoptr (GError) error = NULL;
  EffnetResult a, b;

  effnet_session_run (plain, inputs, &a, &error);
  g_assert_no_error (error);
  g_assert_null (a.stages);
  effnet_session_run (all, inputs, &b, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (a.logits, a.n_classes * sizeof (float), b.logits, b.n_classes * sizeof (float));
  for (unsigned c = 0; c < b.n_features; c++) {
    const float *head = b.stages[8] + c;
    double mean = ((double)head[0] + head[1280] + head[2560] + head[3840]) / 4;

    g_assert_cmpfloat_with_epsilon (mean, b.features[c], 1e-6 * MAX (1, fabs (mean)));
  }
}

static void
test_no_such_stage (void)
{
  g_autoptr (EffnetModel) model = open_model ("lite0", EFFNET_PRECISION_FP32);
  EffnetSessionOptions options = {.stages = 1u << 9 | 1};
  g_autoptr (GError) error = NULL;

  g_assert_null (effnet_session_new (model, &options, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==, "stage 9 asked for; lite0 has 0 to 8");
}

/* ---- activation maps ---- */

typedef struct {
  EffnetSession *session;
  float bias; /* of the class, from the first image */
  unsigned n;
} Cam;

#define CLASS 7

/* Mean of the map + bias = logit: the bias that follows from each image is the same. */
static void
check_mean (unsigned i, const EffnetResult *result, void *user_data)
{
  Cam *cam = user_data;
  g_autoptr (GError) error = NULL;
  float map[4], bias;

  effnet_session_activation_map (cam->session, NULL, CLASS, map, &error);
  g_assert_no_error (error);
  bias = result->logits[CLASS] - (map[0] + map[1] + map[2] + map[3]) / 4;
  if (i == 0)
    cam->bias = bias;
  g_assert_cmpfloat_with_epsilon (bias, cam->bias, 2e-5);
  cam->n++;
}

static void
check_activation_map (EffnetModel *model)
{
  g_autoptr (EffnetSession) session = new_session (model, 2, 1u << 8);
  g_autofree float *inputs = new_inputs (), *weights = g_new0 (float, 1280);
  g_autoptr (GError) error = NULL;
  Cam cam = {.session = session};
  EffnetResult result;
  float map[4];

  effnet_session_run_batch (session, inputs, IMAGES, check_mean, &cam, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cam.n, ==, IMAGES);
  check_mean (1,
              &(EffnetResult){
                  .logits = (effnet_session_run (session, inputs, &result, &error), result.logits)},
              &cam);
  weights[5] = 2; /* another classifier: twice a channel */
  effnet_session_activation_map (session, weights, 0, map, &error);
  g_assert_no_error (error);
  for (unsigned p = 0; p < 4; p++)
    g_assert_cmpfloat (map[p], ==, 2 * result.stages[8][p * 1280 + 5]);
}

static void
test_activation_map (gconstpointer precision)
{
  g_autoptr (EffnetModel) model = open_model ("b0", (EffnetPrecision)GPOINTER_TO_INT (precision));

  if (model != NULL)
    check_activation_map (model);
}

static void
test_no_map (void)
{
  g_autoptr (EffnetModel) model = open_model ("lite0", EFFNET_PRECISION_FP32);
  g_autoptr (EffnetSession) session = new_session (model, 1, 0);
  g_autofree float *inputs = new_inputs ();
  g_autoptr (GError) error = NULL;
  EffnetResult result;
  float map[4];

  g_assert_false (effnet_session_activation_map (session, NULL, 0, map, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_clear_error (&error);
  effnet_session_run (session, inputs, &result, &error);
  g_assert_no_error (error);
  g_assert_true (effnet_session_activation_map (session, NULL, 999, map, &error));
  g_assert_false (effnet_session_activation_map (session, NULL, 1000, map, &error));
  g_assert_cmpstr (error->message, ==, "class 1000 asked for; the model has 0 to 999");
  g_clear_error (&error);
  effnet_session_set_cancelled (session, TRUE);
  g_assert_false (effnet_session_run (session, inputs, &result, NULL));
  g_assert_false (effnet_session_activation_map (session, NULL, 0, map, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
}

/* ---- frames ---- */

#define WIDTH  200 /* of the upright frame */
#define HEIGHT 120

/* Where the pixel stored at @x, @y stands upright, by the definition of Exif's orientations;
 * @w x @h: of the stored frame. */
static void
upright (unsigned orientation, int x, int y, int w, int h, int *ux, int *uy)
{
  const int places[][2] = {{x, y}, {w - 1 - x, y}, {w - 1 - x, h - 1 - y}, {x, h - 1 - y},
                           {y, x}, {h - 1 - y, x}, {h - 1 - y, w - 1 - x}, {y, w - 1 - x}};

  *ux = places[orientation - 1][0];
  *uy = places[orientation - 1][1];
}

/* Red counts upright columns, green rows. */
static EffnetImage
ramp (unsigned orientation, guint8 *pixels)
{
  int w = orientation < 5 ? WIDTH : HEIGHT, h = orientation < 5 ? HEIGHT : WIDTH;

  for (int y = 0; y < h; y++) {
    for (int x = 0; x < w; x++) {
      guint8 *p = pixels + (y * w + x) * 3;
      int ux, uy;

      upright (orientation, x, y, w, h, &ux, &uy);
      p[0] = (guint8)ux;
      p[1] = (guint8)uy;
      p[2] = 77;
    }
  }
  return (EffnetImage){.format = EFFNET_PIXEL_FORMAT_RGB,
                       .width = (unsigned)w,
                       .height = (unsigned)h,
                       .data = {pixels},
                       .stride = {w * 3},
                       .orientation = orientation};
}

/* A ramp stays one when it is resampled: its value, rounded to 8 bits, tells the place. */
static void
check_view (EffnetSession *session, const EffnetModelInfo *info, const EffnetImage *image,
            const EffnetRegion *region, int left, int top)
{
  g_autofree float *nhwc = g_new (float, INPUT);
  g_autoptr (GError) error = NULL;
  EffnetView view;

  effnet_session_preprocess_regions (session, image, region, 1, nhwc, &error);
  g_assert_no_error (error);
  effnet_session_get_view (session, image, region, &view, &error);
  g_assert_no_error (error);
  for (int i = 26; i < SIDE - 26; i += 5) { /* far from all edges */
    const float *p = nhwc + (i * SIDE + i) * 3;
    double x = left + view.x + (i + 0.5) * view.width / SIDE - 0.5;
    double y = top + view.y + (i + 0.5) * view.height / SIDE - 0.5;

    g_assert_cmpfloat_with_epsilon (x, 255 * (p[0] * info->input_std[0] + info->input_mean[0]),
                                    0.6);
    g_assert_cmpfloat_with_epsilon (y, 255 * (p[1] * info->input_std[1] + info->input_mean[1]),
                                    0.6);
  }
}

static void
test_view (void)
{
  g_autoptr (EffnetModel) model = open_model ("lite0", EFFNET_PRECISION_FP32);
  g_autoptr (EffnetSession) session = new_session (model, 1, 0);
  g_autofree guint8 *pixels = g_new (guint8, WIDTH * HEIGHT * 3);
  g_autoptr (GError) error = NULL;
  const EffnetRegion region = {.x = 50, .y = 4, .width = 130, .height = 110};
  EffnetModelInfo info;
  EffnetView view;

  effnet_model_get_info (model, &info);
  g_assert_false (
      effnet_session_get_view (session, &(EffnetImage)EFFNET_IMAGE_INIT, NULL, &view, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  g_clear_error (&error);
  for (EffnetResizeMode mode = EFFNET_RESIZE_MODE_STRETCH; mode <= EFFNET_RESIZE_MODE_LETTERBOX;
       mode++) {
    effnet_session_set_resize_mode (session, mode);
    for (unsigned orientation = 1; orientation <= 8; orientation++) {
      EffnetImage image = ramp (orientation, pixels);
      gboolean turned = orientation > 4;

      check_view (session, &info, &image, NULL, 0, 0);
      check_view (session, &info, &image, &region, 0, 0);
      effnet_session_get_view (session, &image, &region, &view, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (view.frame_width, ==, WIDTH);
      g_assert_cmpuint (view.frame_height, ==, HEIGHT);
      image.crop_x = turned ? 5 : 30; /* a part of 140 x 108 from (30, 5), if unmirrored */
      image.crop_y = turned ? 30 : 5;
      image.crop_width = turned ? 108 : 140;
      image.crop_height = turned ? 140 : 108;
      if (orientation == 1 || orientation == 5)
        check_view (session, &info, &image, NULL, 30, 5);
      else if (orientation == 3)
        check_view (session, &info, &image, NULL, WIDTH - 30 - 140, HEIGHT - 5 - 108);
    }
  }
  g_assert_cmpfloat (view.width, ==, 130); /* the region's letterbox, padded above */
  g_assert_cmpfloat_with_epsilon (view.height, 130, 3);
  g_assert_cmpfloat (view.y, <, 0);
  g_assert_cmpfloat (view.x, ==, 50);
}

static void
test_picture (void)
{
  g_autoptr (EffnetModel) model = open_model ("lite0", EFFNET_PRECISION_FP32);
  g_autoptr (EffnetSession) session = new_session (model, 2, 0);
  g_autofree guint8 *pixels = g_new (guint8, WIDTH * HEIGHT * 3);
  g_autofree guint8 *rgb = g_new (guint8, WIDTH * HEIGHT * 3);
  g_autoptr (GError) error = NULL;
  EffnetImage image;

  for (unsigned orientation = 1; orientation <= 8; orientation++) {
    image = ramp (orientation, pixels);
    effnet_session_picture (session, &image, WIDTH, HEIGHT, rgb, &error);
    g_assert_no_error (error);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
      g_assert_cmpuint (rgb[3 * i], ==, i % WIDTH);
      g_assert_cmpuint (rgb[3 * i + 1], ==, i / WIDTH);
    }
    effnet_session_picture (session, &image, WIDTH / 4, HEIGHT / 2, rgb, &error);
    g_assert_no_error (error);
    g_assert_cmpint (ABS (rgb[3 * (10 * (WIDTH / 4) + 20)] - 82), <=, 1); /* (20 + 0.5) * 4 */
    g_assert_cmpint (ABS (rgb[3 * (10 * (WIDTH / 4) + 20) + 1] - 21), <=, 1);
  }
  g_assert_false (effnet_session_picture (session, &image, 0, 10, rgb, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_clear_error (&error);
  image.orientation = 9;
  g_assert_false (effnet_session_picture (session, &image, 10, 10, rgb, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
}

int
main (int argc, char **argv)
{
  gpointer fp32 = GINT_TO_POINTER (EFFNET_PRECISION_FP32);
  gpointer bf16 = GINT_TO_POINTER (EFFNET_PRECISION_BF16);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maps/list", test_list);
  g_test_add_data_func ("/maps/batch/fp32", fp32, test_batch);
  g_test_add_func ("/maps/same-result", test_same_result);
  g_test_add_func ("/maps/no-such-stage", test_no_such_stage);
  g_test_add_data_func ("/maps/activation/fp32", fp32, test_activation_map);
  g_test_add_data_func ("/maps/batch/bf16", bf16, test_batch);
  g_test_add_data_func ("/maps/activation/bf16", bf16, test_activation_map);
  g_test_add_func ("/maps/no-map", test_no_map);
  g_test_add_func ("/maps/view", test_view);
  g_test_add_func ("/maps/picture", test_picture);
  return g_test_run ();
}
