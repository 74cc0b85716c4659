/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of variants. A new member is a new row; no code elsewhere knows a variant's name. What
 * other collections call them is in names.c. */
#include "arch/table.h"

#include <string.h>

#define SE    EFFNET_SE_AFTER_DEPTHWISE, 0.25
#define NO_SE EFFNET_SE_NONE, 0.0

#define MB EFFNET_BLOCK_MBCONV

/* Columns: kind, kernel, stride, expand, out, repeats, SE, skip, what expand is of. */
/* clang-format off */

/* Tan and Le, 2019, table 1, rows 2 to 8. */
static const EffnetStageRow baseline_stages[] = {
  {MB, 3, 1, 1, 16, 1, SE, TRUE, 0},
  {MB, 3, 2, 6, 24, 2, SE, TRUE, 0},
  {MB, 5, 2, 6, 40, 2, SE, TRUE, 0},
  {MB, 3, 2, 6, 80, 3, SE, TRUE, 0},
  {MB, 5, 1, 6, 112, 3, SE, TRUE, 0},
  {MB, 5, 2, 6, 192, 4, SE, TRUE, 0},
  {MB, 3, 1, 6, 320, 1, SE, TRUE, 0},
};

/* The same blocks for integer hardware: no squeeze-excite, an activation with an upper end. */
static const EffnetStageRow lite_stages[] = {
  {MB, 3, 1, 1, 16, 1, NO_SE, TRUE, 0},
  {MB, 3, 2, 6, 24, 2, NO_SE, TRUE, 0},
  {MB, 5, 2, 6, 40, 2, NO_SE, TRUE, 0},
  {MB, 3, 2, 6, 80, 3, NO_SE, TRUE, 0},
  {MB, 5, 1, 6, 112, 3, NO_SE, TRUE, 0},
  {MB, 5, 2, 6, 192, 4, NO_SE, TRUE, 0},
  {MB, 3, 1, 6, 320, 1, NO_SE, TRUE, 0},
};

#define STAGES(rows) rows, G_N_ELEMENTS (rows)
#define SWISH        EFFNET_ACTIVATION_SWISH

/* Columns: stages, stem, head, activation, scale_ends, round_far. */
static const EffnetFamily baseline = {STAGES (baseline_stages), 32, 1280, SWISH, TRUE, FALSE};
static const EffnetFamily lite = {STAGES (lite_stages), 32, 1280, EFFNET_ACTIVATION_RELU6, FALSE, FALSE};

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
