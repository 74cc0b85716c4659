/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sessions that only convert: the same numbers as those that classify. */
#include <effnet/effnet.h>
#include <string.h>

#include "open.h"

#define SIDE   64 /* of the network's input */
#define WIDTH  320
#define HEIGHT 200
#define INPUT  (SIDE * SIDE * 3)

static const EffnetRegion regions[] = {
    {.x = 10, .y = 20, .width = 100, .height = 90},
    {.x = 0, .y = 0, .width = WIDTH, .height = HEIGHT},
    {.x = 200, .y = 150, .width = 30, .height = 50},
};
#define REGIONS G_N_ELEMENTS (regions)

static guint8 pixels[HEIGHT][WIDTH][3];

static EffnetImage
frame (void)
{
  return (EffnetImage){.format = EFFNET_PIXEL_FORMAT_RGB,
                       .width = WIDTH,
                       .height = HEIGHT,
                       .data = {&pixels[0][0][0]},
                       .stride = {sizeof pixels[0]}};
}

static EffnetSession *
new_frontend (EffnetModel *model)
{
  EffnetSessionOptions options = {.frontend_only = TRUE, .threads = 4};
  g_autoptr (GError) error = NULL;
  EffnetSession *session = effnet_session_new (model, &options, &error);

  g_assert_no_error (error);
  return session;
}

typedef struct {
  EffnetSession *session;
  const float *inputs; /* [REGIONS][SIDE][SIDE][3] */
  unsigned n;
} Expected;

static void
compare (unsigned region, const EffnetResult *want, void *user_data)
{
  Expected *e = user_data;
  g_autofree float *logits = g_memdup2 (want->logits, want->n_classes * sizeof (float));
  g_autoptr (GError) error = NULL;
  EffnetResult got;

  g_assert_cmpuint (region, ==, e->n++);
  effnet_session_run (e->session, e->inputs + (size_t)region * INPUT, &got, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (got.logits, got.n_classes * sizeof (float), logits,
                   want->n_classes * sizeof (float));
}

static void
test_regions (void)
{
  g_autoptr (EffnetModel) model = test_open_synthetic ("lite0", 4, SIDE);
  g_autoptr (EffnetSession) frontend = new_frontend (model), one = test_new_session (model, 1);
  g_autoptr (EffnetSession) other = test_new_session (model, 1);
  g_autofree float *inputs = g_new0 (float, REGIONS *INPUT), *whole = g_new0 (float, INPUT);
  Expected expected = {.session = other, .inputs = inputs};
  EffnetImage image = frame ();
  g_autoptr (GError) error = NULL;

  effnet_session_preprocess_regions (frontend, &image, regions, REGIONS, inputs, &error);
  g_assert_no_error (error);
  effnet_session_classify_regions (one, &image, regions, REGIONS, compare, &expected, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (expected.n, ==, REGIONS);
  effnet_session_preprocess (frontend, &image, whole, &error);
  g_assert_no_error (error);
  effnet_session_preprocess_regions (one, &image, NULL, 1, inputs, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (inputs, INPUT * sizeof (float), whole, INPUT * sizeof (float));
}

static void
test_refused (void)
{
  g_autoptr (EffnetModel) model = test_open_synthetic ("lite0", 4, SIDE);
  g_autoptr (EffnetSession) frontend = new_frontend (model);
  g_autofree float *input = g_new0 (float, INPUT);
  EffnetRegion beyond = {.x = WIDTH - 5, .y = 0, .width = 10, .height = 10};
  EffnetImage image = frame ();
  g_autoptr (GError) error = NULL;
  EffnetResult result;

  g_assert_true (effnet_session_preprocess_regions (frontend, &image, NULL, 0, NULL, &error));
  g_assert_false (effnet_session_preprocess_regions (frontend, &image, &beyond, 1, input, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  g_clear_error (&error);
  g_assert_false (effnet_session_run (frontend, input, &result, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (effnet_session_classify (frontend, &image, &result, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_clear_error (&error);
  effnet_session_set_cancelled (frontend, TRUE);
  g_assert_false (effnet_session_preprocess (frontend, &image, input, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < sizeof pixels; i++)
    (&pixels[0][0][0])[i] = (guint8)(i * 7 + i / 960);
  g_test_add_func ("/preprocess/regions", test_regions);
  g_test_add_func ("/preprocess/refused", test_refused);
  return g_test_run ();
}
