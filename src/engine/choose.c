/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/choose.h"

#include <string.h>

#include "arch/net.h"
#include "base/text.h"

#define CARD_AREA_MAX 4 /* times the variant's own */

/* Starts a sentence of the notice. */
static void
begin (GString *notice)
{
  if (notice->len > 0)
    g_string_append (notice, "; ");
}

/* FALSE when the card cannot be that of the tensors. */
static gboolean
card_fits (const EffnetCard *card, EffnetDialect dialect, const EffnetTensorTable *tensors)
{
  EffnetGuess guess = effnet_dialect_guess (dialect, tensors);
  const char *said = effnet_arch_from_name (card->architecture);
  unsigned n = effnet_dialect_classes (dialect, tensors);

  if (guess.is_whole && card->architecture != NULL &&
      (said == NULL || (strcmp (said, guess.variant) != 0 && g_strcmp0 (said, guess.twin) != 0)))
    return FALSE;
  if (card->n_classes != 0 && card->n_classes != n)
    return FALSE;
  return card->labels == NULL || g_strv_length (card->labels) == n;
}

/* A card in the same folder need not be that of a file with another name. */
static void
judge_card (const EffnetModelFiles *files, EffnetDialect dialect, const EffnetTensorTable *tensors,
            EffnetCard **card, GString *notice)
{
  if (files->card == NULL || files->is_cards || dialect == EFFNET_DIALECT_UNKNOWN)
    return;
  g_autofree char *shown = effnet_printable (files->card);
  g_autofree char *file = effnet_printable (files->weights);
  begin (notice);
  if (card_fits (*card, dialect, tensors)) {
    g_string_append_printf (
        notice, "the card %s is taken to be that of %s, whose name does not say so", shown, file);
    return;
  }
  g_string_append_printf (notice, "the card %s describes another model than %s and is not used",
                          shown, file);
  effnet_card_free (*card);
  *card = effnet_card_new ();
}

/* timm's names say who trained the weights: tf_ ones come from TensorFlow, others do not. The same
 * names without tf_ say nothing of the checkpoints of other programs. */
static EffnetPadding
padding_of_name (const char *name, EffnetDialect dialect)
{
  if (name == NULL)
    return EFFNET_PADDING_AUTO;
  const char *slash = strrchr (name, '/');
  const char *start = slash != NULL ? slash + 1 : name;
  if (g_ascii_strncasecmp (start, "tf_", 3) == 0)
    return EFFNET_PADDING_SAME;
  const char *row = effnet_arch_from_name (start);
  gboolean is_timms = g_ascii_strncasecmp (start, "efficientnet", 12) == 0 ||
                      (row != NULL && *effnet_arch_timm_prefix (row) == '\0');
  return dialect == EFFNET_DIALECT_TIMM && is_timms ? EFFNET_PADDING_SYMMETRIC
                                                    : EFFNET_PADDING_AUTO;
}

/* The option, the card, the names of the architecture; then those of the tensors: lukemelas',
 * Transformers' and folded files come from TensorFlow, torchvision's from PyTorch, timm's from
 * either. */
static EffnetPadding
choose_padding (const EffnetModelOptions *o, const EffnetCard *card, EffnetDialect dialect,
                const EffnetTensorTable *tensors, GString *notice)
{
  EffnetPadding padding = o->padding;

  if (padding == EFFNET_PADDING_AUTO)
    padding = card->padding;
  if (padding == EFFNET_PADDING_AUTO)
    padding = padding_of_name (card->architecture, dialect);
  if (padding == EFFNET_PADDING_AUTO)
    padding = padding_of_name (o->variant, dialect);
  if (padding != EFFNET_PADDING_AUTO)
    return padding;
  if (dialect != EFFNET_DIALECT_TIMM && dialect != EFFNET_DIALECT_TORCHVISION)
    return EFFNET_PADDING_SAME;
  if (dialect == EFFNET_DIALECT_TIMM) {
    g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));
    begin (notice);
    g_string_append_printf (notice,
                            "padding symmetric is a guess for %s: nothing says who trained it, and "
                            "timm's tf_ models give wrong answers with it; padding \"same\", or "
                            "variant tf_efficientnet_..., is for those",
                            file);
  }
  return EFFNET_PADDING_SYMMETRIC;
}

/* Checkpoints were trained with one or the other, and nothing in the tensors tells. */
static void
note_range (const EffnetCard *card, const EffnetTensorTable *tensors, GString *notice)
{
  if (card->says_range)
    return;
  g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));
  begin (notice);
  g_string_append_printf (notice,
                          "ImageNet's mean and std are a guess for %s: no card says those it was "
                          "trained with, and others give wrong answers",
                          file);
}

static const char *
choose_variant (const EffnetModelOptions *o, const EffnetCard *card, EffnetDialect dialect,
                const EffnetTensorTable *tensors, GString *notice, GError **error)
{
  g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));

  if (o->variant != NULL)
    return o->variant;
  if (card->architecture != NULL) {
    const char *variant = effnet_arch_from_name (card->architecture);
    if (variant == NULL) {
      g_autofree char *said = effnet_printable (card->architecture);
      effnet_fail (error, EFFNET_ERROR_UNSUPPORTED,
                   "the card of %s says architecture %s; expected an EfficientNet (%s)", file, said,
                   effnet_arch_summary ());
    }
    return variant;
  }
  EffnetGuess guess = effnet_dialect_guess (dialect, tensors);
  if (guess.is_whole && guess.twin != NULL) {
    begin (notice);
    g_string_append_printf (notice,
                            "variant %s is a guess for %s: %s has tensors of the same names and "
                            "shapes, and gives other answers; variant \"%s\" is for that",
                            guess.variant, file, guess.twin, guess.twin);
  }
  if (guess.is_whole)
    return guess.variant;
  if (dialect == EFFNET_DIALECT_UNKNOWN)
    effnet_dialect_fail_unknown (tensors, error);
  else
    effnet_fail (error, EFFNET_ERROR_NOT_FOUND,
                 "%s has no card (config.json) that says its variant%s%s; name the variant", file,
                 guess.variant != NULL ? "; it looks like " : "",
                 guess.variant != NULL ? guess.variant : "");
  return NULL;
}

static gboolean
choose_classes (const EffnetCard *card, EffnetDialect dialect, const EffnetTensorTable *tensors,
                unsigned *n_classes, GError **error)
{
  g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));

  *n_classes = 1;
  if (dialect == EFFNET_DIALECT_UNKNOWN) /* binding says what is wrong with the names */
    return TRUE;
  *n_classes = effnet_dialect_classes (dialect, tensors);
  if (*n_classes == 0 && !effnet_checkpoint_is_headless (tensors))
    return effnet_checkpoint_fail_head (tensors, dialect, error);
  if (*n_classes == 0 && card->n_classes != 0)
    return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                        "%s holds no classifier, but its card says that it has %u classes", file,
                        card->n_classes);
  return card->n_classes == 0 || card->n_classes == *n_classes ||
         effnet_fail (error, EFFNET_ERROR_MISMATCH,
                      "%s has a classifier for %u classes, but its card says %u", file, *n_classes,
                      card->n_classes);
}

gboolean
effnet_choose (const EffnetModelOptions *options, const EffnetModelFiles *files,
               const EffnetTensorTable *tensors, const EffnetTensorTable *head, EffnetCard **card,
               EffnetChoice *choice, GString *notice, GError **error)
{
  EffnetDialect dialect = effnet_dialect_detect (tensors);

  judge_card (files, dialect, tensors, card, notice);
  choice->variant = choose_variant (options, *card, dialect, tensors, notice, error);
  if (choice->variant == NULL ||
      !choose_classes (*card, head != NULL ? EFFNET_DIALECT_TIMM : dialect,
                       head != NULL ? head : tensors, &choice->n_classes, error))
    return FALSE;
  if ((*card)->is_grey && !effnet_checkpoint_is_grey (tensors, dialect)) {
    g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));
    return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                        "%s is for RGB pictures, but its card says one channel (input_size)", file);
  }
  choice->padding = choose_padding (options, *card, dialect, tensors, notice);
  note_range (*card, tensors, notice);
  choice->input_height = options->input_size > 0 ? options->input_size : (*card)->input_height;
  choice->input_width = options->input_size > 0 ? options->input_size : (*card)->input_width;
  return TRUE;
}

gboolean
effnet_choose_check_input (const EffnetModelOptions *options, const EffnetModelFiles *files,
                           const EffnetCard *card, const char *variant, unsigned resolution,
                           GError **error)
{
  uint64_t area = (uint64_t)card->input_height * card->input_width;

  if (options->input_size > 0 || area <= (uint64_t)CARD_AREA_MAX * resolution * resolution)
    return TRUE;
  g_autofree char *shown = effnet_printable (files->card);
  return effnet_fail (
      error, EFFNET_ERROR_UNSUPPORTED,
      "Model card \"%s\": input_size is %u x %u pixels, more than %d times the area of "
      "%s's own %u: a card may say up to %u; if it is meant, ask for it (input-size "
      "%u)",
      shown, card->input_height, card->input_width, CARD_AREA_MAX, variant, resolution,
      2 * resolution, MAX (card->input_height, card->input_width));
}
