/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of variants: rows, and the names other collections give to them. A new member is a new
 * row; no code elsewhere knows a variant's name. */
#include "arch/table.h"

#include <string.h>

#define SE    EFFNET_SE_AFTER_DEPTHWISE, 0.25
#define NO_SE EFFNET_SE_NONE, 0.0

/* Tan and Le, table 1, rows 2 to 8. */
/* clang-format off */
static const EffnetStageRow baseline_stages[] = {
  /* kernel, stride, expand, out, repeats, SE, skip */
  {3, 1, 1, 16, 1, SE, TRUE},
  {3, 2, 6, 24, 2, SE, TRUE},
  {5, 2, 6, 40, 2, SE, TRUE},
  {3, 2, 6, 80, 3, SE, TRUE},
  {5, 1, 6, 112, 3, SE, TRUE},
  {5, 2, 6, 192, 4, SE, TRUE},
  {3, 1, 6, 320, 1, SE, TRUE},
};
/* clang-format on */

/* The same blocks for integer hardware: no squeeze-excite, an activation with an upper end. */
/* clang-format off */
static const EffnetStageRow lite_stages[] = {
  /* kernel, stride, expand, out, repeats, SE, skip */
  {3, 1, 1, 16, 1, NO_SE, TRUE},
  {3, 2, 6, 24, 2, NO_SE, TRUE},
  {5, 2, 6, 40, 2, NO_SE, TRUE},
  {3, 2, 6, 80, 3, NO_SE, TRUE},
  {5, 1, 6, 112, 3, NO_SE, TRUE},
  {5, 2, 6, 192, 4, NO_SE, TRUE},
  {3, 1, 6, 320, 1, NO_SE, TRUE},
};
/* clang-format on */

static const EffnetFamily baseline = {
    .stages = baseline_stages,
    .n_stages = G_N_ELEMENTS (baseline_stages),
    .stem_channels = 32,
    .head_channels = 1280,
    .activation = EFFNET_ACTIVATION_SWISH,
    .scale_ends = TRUE,
};

static const EffnetFamily lite = {
    .stages = lite_stages,
    .n_stages = G_N_ELEMENTS (lite_stages),
    .stem_channels = 32,
    .head_channels = 1280,
    .activation = EFFNET_ACTIVATION_RELU6,
    .scale_ends = FALSE,
};

/* clang-format off */
static const EffnetVariant variants[] = {
  /* name, family, width, depth, input side */
  {"b0", &baseline, 1.0, 1.0, 224},
  {"b1", &baseline, 1.0, 1.1, 240},
  {"b2", &baseline, 1.1, 1.2, 260},
  {"b3", &baseline, 1.2, 1.4, 300},
  {"b4", &baseline, 1.4, 1.8, 380},
  {"b5", &baseline, 1.6, 2.2, 456},
  {"b6", &baseline, 1.8, 2.6, 528},
  {"b7", &baseline, 2.0, 3.1, 600},
  {"b8", &baseline, 2.2, 3.6, 672},
  {"l2", &baseline, 4.3, 5.3, 800},
  {"lite0", &lite, 1.0, 1.0, 224},
  {"lite1", &lite, 1.0, 1.1, 240},
  {"lite2", &lite, 1.1, 1.2, 260},
  {"lite3", &lite, 1.2, 1.4, 280},
  {"lite4", &lite, 1.4, 1.8, 300},
};
/* clang-format on */

const char *const *
effnet_arch_names (void)
{
  static const char *names[G_N_ELEMENTS (variants) + 1];
  static gsize ready;

  if (g_once_init_enter (&ready)) {
    for (size_t i = 0; i < G_N_ELEMENTS (variants); i++)
      names[i] = variants[i].name;
    g_once_init_leave (&ready, 1);
  }
  return names;
}

const EffnetVariant *
effnet_variant_find (const char *name)
{
  for (size_t i = 0; i < G_N_ELEMENTS (variants); i++) {
    if (strcmp (variants[i].name, name) == 0)
      return &variants[i];
  }
  return NULL;
}

const EffnetFamily *
effnet_variant_baseline (void)
{
  return &baseline;
}

/* What may follow a name: nothing, a tag of the training (".ns_jft_in1k"), or its older
 * spelling ("_ns", "_ap", "_ns_475"). Anything else would be another architecture ("_pruned",
 * "_g16"). */
static gboolean
is_training_tag (const char *tag)
{
  static const char *const old_tags[] = {"_ns", "_ap", "_aa", "_ns_475", NULL};

  if (tag[0] == '\0')
    return TRUE;
  if (tag[0] == '.')
    return tag[1] != '\0';
  return g_strv_contains (old_tags, tag);
}

const char *
effnet_arch_from_name (const char *name)
{
  if (name == NULL)
    return NULL;
  g_autofree char *lower = g_ascii_strdown (name, -1);
  const char *slash = strrchr (lower, '/'); /* "timm/efficientnet_b0" */
  const char *start = slash != NULL ? slash + 1 : lower;
  const char *part = start;
  const char *found = NULL;
  gboolean prefixed = FALSE;

  if (g_str_has_prefix (part, "tf_"))
    part += strlen ("tf_");
  if (g_str_has_prefix (part, "efficientnet_") || g_str_has_prefix (part, "efficientnet-")) {
    part += strlen ("efficientnet_");
    prefixed = TRUE;
  }
  if (part != start && !prefixed) /* "tf_b0" */
    return NULL;
  for (size_t i = 0; i < G_N_ELEMENTS (variants) && found == NULL; i++) {
    const char *row = variants[i].name;
    if (!g_str_has_prefix (part, row))
      continue;
    const char *tail = part + strlen (row);
    if (prefixed ? is_training_tag (tail) : tail[0] == '\0')
      found = row;
  }
  return found;
}
