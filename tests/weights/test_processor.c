/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cards of Transformers: what its processors do to a picture is done, or the card is refused. */
#include "files.h"
#include "weights/card.h"

#include <math.h>

#define PROCESSOR "preprocessor_config.json"
#define SAID      "\"size\": 224, \"resample\": 2, \"image_mean\": [0.5], \"image_std\": [0.25]"

static EffnetCard *
load (TestFolder *folder, const char *card, const char *processor, GError **error)
{
  g_autofree char *text =
      g_strdup_printf ("{\"model_type\": \"efficientnet\", \"image_size\": 224%s}", card);
  g_autofree char *path = test_put_text (folder, "config.json", text);

  g_free (test_put_text (folder, PROCESSOR, processor));
  return effnet_card_load (path, error);
}

typedef struct {
  const char *card, *processor;
  EffnetError code;
  const char *fragments;
} Refused;

static void
test_refused (TestFolder *folder, gconstpointer data)
{
  const EffnetError format = EFFNET_ERROR_FORMAT, other = EFFNET_ERROR_UNSUPPORTED;
  const Refused rows[] = {
      /* steps that no frame goes through */
      {"", "{\"do_resize\": false}", other, PROCESSOR ":1:15|do_resize is false|expected true"},
      {"", "{\"do_pad\": true}", other, "do_pad is true|expected false"},
      {"", "{\"do_flip_channel_order\": true}", other, "do_flip_channel_order is true"},
      /* switches */
      {"", "{\"do_resize\": \"false\"}", format, "do_resize is \"false\"|true or false"},
      {"", "{\"do_rescale\": 0}", format, "do_rescale is 0|true or false"},
      {"", "{\"do_normalize\": \"no\"}", format, "do_normalize is \"no\""},
      {"", "{\"include_top\": 1}", format, "include_top is 1"},
      {"", "{\"rescale_offset\": []}", format, "rescale_offset is []"},
      {"", "{\"do_center_crop\": \"x\"}", format, "do_center_crop is \"x\""},
      /* filters */
      {"", "{\"resample\": 6}", format, "resample is 6|0 to 5"},
      {"", "{\"resample\": -1}", format, "resample is -1"},
      {"", "{\"resample\": 2.5}", format, "resample is 2.5"},
      {"", "{\"resample\": \"bicubic\"}", format, "resample is \"bicubic\""},
      /* sizes */
      {"", "{\"size\": [224, 224]}", format, "size is [224,224]"},
      {"", "{\"size\": {\"height\": 224}}", other, "size is {\"height\":224}|shortest_edge"},
      {"", "{\"size\": {\"longest_edge\": 224}}", other, "size is {\"longest_edge\":224}"},
      {"", "{\"size\": {\"max_height\": 9, \"max_width\": 9}}", other, "size is {\"max_height\""},
      {"", "{\"size\": {\"shortest_edge\": 256}}", other, "shortest_edge|do_center_crop"},
      {"", "{\"size\": {\"shortest_edge\": 0}, \"do_center_crop\": true}", format, "is 0"},
      {"",
       "{\"size\": {\"shortest_edge\": 256}, \"do_center_crop\": true, \"crop_size\": "
       "{\"height\": 224, \"width\": 200}}",
       other, "shortest_edge|square crop_size"},
      {"", "{\"do_center_crop\": true}", other, "crop_size is 289 x 289 of 224 x 224"},
      {"",
       "{\"size\": 256, \"do_center_crop\": true, \"crop_size\": {\"height\": 240, "
       "\"width\": 224}}",
       other, "crop_size is 240 x 224 of 256 x 256|same shape"},
      /* other processors */
      {"", "{\"image_processor_type\": \"ViTImageProcessor\"}", other,
       "image_processor_type is \"ViTImageProcessor\"|its size"},
      {"", "{\"image_processor_type\": \"X\", \"size\": 224}", other, "its resample"},
      {"", "{\"image_processor_type\": 3, \"size\": 224, \"resample\": 2}", other,
       "its image_mean"},
      {"", "{\"image_processor_type\": \"ConvNextImageProcessor\", \"crop_pct\": 0.9, " SAID "}",
       other, "crop_pct is 0.90"},
      /* another network of the same tensors */
      {", \"hidden_act\": \"relu\"", "{}", other, "config.json:1:|hidden_act is \"relu\"|swish"},
      {", \"hidden_act\": 1", "{}", other, "hidden_act is 1"},
      {", \"pooling_type\": \"max\"", "{}", other, "pooling_type is \"max\"|mean"},
      {", \"strides\": [1, 2, 2, 2, 1, 1, 1]", "{}", other, "strides is [1,2,2,2,1,1,1]"},
      {", \"strides\": [1, 2]", "{}", other, "strides is [1,2]"},
      {", \"num_labels\": \"3\"", "{}", format, "num_labels is \"3\""},
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    GError *error = NULL;

    g_test_message ("%s %s", rows[i].card, rows[i].processor);
    g_assert_null (load (folder, rows[i].card, rows[i].processor, &error));
    test_assert_error (&error, rows[i].code, rows[i].fragments);
  }
}

static void
test_obeyed (TestFolder *folder, gconstpointer data)
{
  GError *error = NULL;
  g_autoptr (EffnetCard) card = load (
      folder, ", \"hidden_act\": \"silu\", \"num_labels\": 7, \"strides\": [1,2,2,2,1,2,1]",
      "{\"size\": {\"shortest_edge\": 256}, \"do_center_crop\": true, \"crop_size\": 224}", &error);

  (void)data;
  g_assert_no_error (error);
  g_assert_cmpuint (card->n_classes, ==, 7);
  g_assert_cmpint (card->crop_mode, ==, EFFNET_CROP_CENTER);
  g_assert_cmpfloat (card->crop_pct, ==, 0.875);
  g_assert_cmpuint (card->input_height, ==, 224);
  effnet_card_free (card);

  /* include_top and rescale_offset are EfficientNet's own */
  card =
      load (folder, "",
            "{\"image_processor_type\": \"ViTImageProcessor\", \"rescale_offset\": true, " SAID "}",
            &error);
  g_assert_no_error (error);
  g_assert_cmpint (card->crop_mode, ==, EFFNET_CROP_SQUASH);
  g_assert_cmpint (card->interpolation, ==, EFFNET_INTERPOLATION_BILINEAR);
  g_assert_cmpfloat (card->mean[0], ==, 0.5f);
  g_assert_cmpfloat (card->std[0], ==, 0.25f);
}

/* What is cut out of a size is that size again when it is divided by its share. */
static void
test_shares (TestFolder *folder, gconstpointer data)
{
  (void)data;
  for (unsigned whole = 225; whole < 350; whole += 11) {
    for (unsigned part = 224; part <= whole; part += 5) {
      g_autofree char *text = g_strdup_printf (
          "{\"size\": %u, \"do_center_crop\": true, \"crop_size\": %u}", whole, part);
      g_autoptr (EffnetCard) card = load (folder, "", text, NULL);

      g_assert_nonnull (card);
      g_assert_cmpfloat (floor (part / card->crop_pct), ==, whole);
    }
  }
}

#define ADD(name, function)                                                                        \
  g_test_add ("/weights/processor/" name, TestFolder, NULL, test_folder_set_up, function,          \
              test_folder_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("refused", test_refused);
  ADD ("obeyed", test_obeyed);
  ADD ("shares", test_shares);
  return g_test_run ();
}
