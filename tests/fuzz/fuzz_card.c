/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a model card and as a label file: an error with a sentence, or values that are
 * within what the header promises. */
#include "input.h"
#include "weights/card.h"

#include <math.h>
#include <string.h>

static void
check_card (const EffnetCard *card)
{
  for (int i = 0; i < 3; i++) {
    FUZZ_CHECK (isfinite (card->mean[i]));
    FUZZ_CHECK (isfinite (1.0f / card->std[i]) && card->std[i] > 0.0f);
  }
  FUZZ_CHECK (card->crop_pct >= 0.01 && card->crop_pct <= 100.0);
  FUZZ_CHECK (card->bn_epsilon >= 0.0 && card->bn_epsilon <= 1.0);
  FUZZ_CHECK (card->input_height <= EFFNET_INPUT_SIDE_MAX &&
              card->input_width <= EFFNET_INPUT_SIDE_MAX);
  FUZZ_CHECK ((card->input_height == 0) == (card->input_width == 0));
  FUZZ_CHECK (card->interpolation <= EFFNET_INTERPOLATION_LANCZOS);
  FUZZ_CHECK (card->crop_mode <= EFFNET_CROP_BORDER);
  FUZZ_CHECK (card->padding <= EFFNET_PADDING_SYMMETRIC);
  FUZZ_CHECK (card->architecture == NULL || g_utf8_validate (card->architecture, -1, NULL));
  FUZZ_CHECK (card->labels_error == NULL || card->labels == NULL);
  FUZZ_CHECK (card->labels_error == NULL ||
              g_utf8_validate (card->labels_error->message, -1, NULL));
  if (card->labels == NULL)
    return;
  FUZZ_CHECK (card->n_classes == 0 || g_strv_length (card->labels) == card->n_classes);
  for (unsigned i = 0; card->labels[i] != NULL; i++)
    FUZZ_CHECK (g_utf8_validate (card->labels[i], -1, NULL));
}

static void
run_labels (const char *path, unsigned n_classes)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) labels = effnet_labels_load (path, n_classes, &error);

  FUZZ_CHECK ((labels == NULL) == (error != NULL));
  if (labels == NULL) {
    FUZZ_CHECK (g_utf8_validate (error->message, -1, NULL));
    return;
  }
  FUZZ_CHECK (g_strv_length (labels) == n_classes);
  for (unsigned i = 0; i < n_classes; i++)
    FUZZ_CHECK (g_utf8_validate (labels[i], -1, NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *path = fuzz_input_path (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetCard) card = effnet_card_load (path, &error);
  unsigned lines = 1;

  FUZZ_CHECK ((card == NULL) == (error != NULL));
  if (card != NULL)
    check_card (card);
  else
    FUZZ_CHECK (g_utf8_validate (error->message, -1, NULL));
  for (size_t i = 0; i + 1 < size; i++)
    lines += data[i] == '\n';
  run_labels (path, lines);
  return 0;
}
