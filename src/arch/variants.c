/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of variants. A new member is a new row; no code elsewhere knows a variant's name. What
 * other collections call them is in names.c. */
#include "arch/table.h"

#include <string.h>

#define SE    EFFNET_SE_AFTER_DEPTHWISE, 0.25
#define NO_SE EFFNET_SE_NONE, 0.0

#define MB   EFFNET_BLOCK_MBCONV
#define FU   EFFNET_BLOCK_FUSED
#define C31  EFFNET_BLOCK_CONV31
#define C131 EFFNET_BLOCK_CONV131

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

/* B0 without its first stage, and with plain convolutions in place of its second. What their
 * middle channels are is not published; as many as they give out make it the fast member that it is
 * said to be. */
static const EffnetStageRow compact_stages[] = {
  {C31, 3, 2, 1, 24, 2, NO_SE, TRUE, 24},
  {MB, 5, 2, 6, 40, 2, SE, TRUE, 0},
  {MB, 3, 2, 6, 80, 3, SE, TRUE, 0},
  {MB, 5, 1, 6, 112, 3, SE, TRUE, 0},
  {MB, 5, 2, 6, 192, 4, SE, TRUE, 0},
  {MB, 3, 1, 6, 320, 1, SE, TRUE, 0},
};

/* The same with the other kind of block of plain convolutions. */
static const EffnetStageRow compact131_stages[] = {
  {C131, 3, 2, 1, 24, 2, NO_SE, TRUE, 24},
  {MB, 5, 2, 6, 40, 2, SE, TRUE, 0},
  {MB, 3, 2, 6, 80, 3, SE, TRUE, 0},
  {MB, 5, 1, 6, 112, 3, SE, TRUE, 0},
  {MB, 5, 2, 6, 192, 4, SE, TRUE, 0},
  {MB, 3, 1, 6, 320, 1, SE, TRUE, 0},
};

/* EfficientNet-EdgeTPU (Gupta and Tan, 2019). The first block widens as if the stem had 24. */
static const EffnetStageRow edgetpu_stages[] = {
  {FU, 3, 1, 4, 24, 1, NO_SE, FALSE, 24},
  {FU, 3, 2, 8, 32, 2, NO_SE, TRUE, 0},
  {FU, 3, 2, 8, 48, 4, NO_SE, TRUE, 0},
  {MB, 5, 2, 8, 96, 5, NO_SE, TRUE, 0},
  {MB, 5, 1, 8, 144, 4, NO_SE, TRUE, 0},
  {MB, 5, 2, 8, 192, 2, NO_SE, TRUE, 0},
};

/* EfficientNetV2 (Tan and Le, 2021): S is table 4; the others as their authors released them. */
static const EffnetStageRow v2_base_stages[] = {
  {FU, 3, 1, 1, 16, 1, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 32, 2, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 48, 2, NO_SE, TRUE, 0},
  {MB, 3, 2, 4, 96, 3, SE, TRUE, 0},
  {MB, 3, 1, 6, 112, 5, SE, TRUE, 0},
  {MB, 3, 2, 6, 192, 8, SE, TRUE, 0},
};

static const EffnetStageRow v2_s_stages[] = {
  {FU, 3, 1, 1, 24, 2, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 48, 4, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 64, 4, NO_SE, TRUE, 0},
  {MB, 3, 2, 4, 128, 6, SE, TRUE, 0},
  {MB, 3, 1, 6, 160, 9, SE, TRUE, 0},
  {MB, 3, 2, 6, 256, 15, SE, TRUE, 0},
};

static const EffnetStageRow v2_m_stages[] = {
  {FU, 3, 1, 1, 24, 3, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 48, 5, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 80, 5, NO_SE, TRUE, 0},
  {MB, 3, 2, 4, 160, 7, SE, TRUE, 0},
  {MB, 3, 1, 6, 176, 14, SE, TRUE, 0},
  {MB, 3, 2, 6, 304, 18, SE, TRUE, 0},
  {MB, 3, 1, 6, 512, 5, SE, TRUE, 0},
};

static const EffnetStageRow v2_l_stages[] = {
  {FU, 3, 1, 1, 32, 4, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 64, 7, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 96, 7, NO_SE, TRUE, 0},
  {MB, 3, 2, 4, 192, 10, SE, TRUE, 0},
  {MB, 3, 1, 6, 224, 19, SE, TRUE, 0},
  {MB, 3, 2, 6, 384, 25, SE, TRUE, 0},
  {MB, 3, 1, 6, 640, 7, SE, TRUE, 0},
};

static const EffnetStageRow v2_xl_stages[] = {
  {FU, 3, 1, 1, 32, 4, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 64, 8, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 96, 8, NO_SE, TRUE, 0},
  {MB, 3, 2, 4, 192, 16, SE, TRUE, 0},
  {MB, 3, 1, 6, 256, 24, SE, TRUE, 0},
  {MB, 3, 2, 6, 512, 32, SE, TRUE, 0},
  {MB, 3, 1, 6, 640, 8, SE, TRUE, 0},
};

/* timm's own S and M, made from the paper before its authors' code was there. */
static const EffnetStageRow v2_rw_s_stages[] = {
  {C31, 3, 1, 1, 24, 2, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 48, 4, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 64, 4, NO_SE, TRUE, 0},
  {MB, 3, 2, 4, 128, 6, SE, TRUE, 0},
  {MB, 3, 1, 6, 160, 9, SE, TRUE, 0},
  {MB, 3, 2, 6, 272, 15, SE, TRUE, 0},
};

static const EffnetStageRow v2_rw_m_stages[] = {
  {C31, 3, 1, 1, 24, 3, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 48, 5, NO_SE, TRUE, 0},
  {FU, 3, 2, 4, 64, 5, NO_SE, TRUE, 0},
  {MB, 3, 2, 4, 128, 8, SE, TRUE, 0},
  {MB, 3, 1, 6, 160, 15, SE, TRUE, 0},
  {MB, 3, 2, 6, 272, 24, SE, TRUE, 0},
};

#define STAGES(rows) rows, G_N_ELEMENTS (rows)
#define SWISH        EFFNET_ACTIVATION_SWISH

/* Columns: stages, stem, head, activation, scale_ends, round_far. */
static const EffnetFamily baseline = {STAGES (baseline_stages), 32, 1280, SWISH, TRUE, FALSE};
static const EffnetFamily lite = {STAGES (lite_stages), 32, 1280, EFFNET_ACTIVATION_RELU6, FALSE, FALSE};
static const EffnetFamily compact = {STAGES (compact_stages), 32, 1280, SWISH, TRUE, FALSE};
static const EffnetFamily compact131 = {STAGES (compact131_stages), 32, 1280, SWISH, TRUE, FALSE};
static const EffnetFamily edgetpu = {STAGES (edgetpu_stages), 32, 1280, EFFNET_ACTIVATION_RELU, TRUE, FALSE};
static const EffnetFamily v2_base = {STAGES (v2_base_stages), 32, 1280, SWISH, TRUE, TRUE};
static const EffnetFamily v2_s = {STAGES (v2_s_stages), 24, 1280, SWISH, TRUE, FALSE};
static const EffnetFamily v2_m = {STAGES (v2_m_stages), 24, 1280, SWISH, TRUE, FALSE};
static const EffnetFamily v2_l = {STAGES (v2_l_stages), 32, 1280, SWISH, TRUE, FALSE};
static const EffnetFamily v2_xl = {STAGES (v2_xl_stages), 32, 1280, SWISH, TRUE, FALSE};
static const EffnetFamily v2_rw_s = {STAGES (v2_rw_s_stages), 24, 1792, SWISH, TRUE, FALSE};
static const EffnetFamily v2_rw_m = {STAGES (v2_rw_m_stages), 24, 1792, SWISH, TRUE, FALSE};

/* The side is that of the published accuracy; of V2 it is larger than that of training. */
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
  {"b0-compact", &compact, 1.0, 1.0, 224},
  {"b0-compact131", &compact131, 1.0, 1.0, 224},
  {"es", &edgetpu, 1.0, 1.0, 224},
  {"em", &edgetpu, 1.0, 1.1, 240},
  {"el", &edgetpu, 1.2, 1.4, 300},
  {"v2-b0", &v2_base, 1.0, 1.0, 224},
  {"v2-b1", &v2_base, 1.0, 1.1, 240},
  {"v2-b2", &v2_base, 1.1, 1.2, 260},
  {"v2-b3", &v2_base, 1.2, 1.4, 300},
  {"v2-s", &v2_s, 1.0, 1.0, 384},
  {"v2-m", &v2_m, 1.0, 1.0, 480},
  {"v2-l", &v2_l, 1.0, 1.0, 480},
  {"v2-xl", &v2_xl, 1.0, 1.0, 512},
  {"v2-rw-t", &v2_s, 0.8, 0.9, 288},
  {"v2-rw-s", &v2_rw_s, 1.0, 1.0, 384},
  {"v2-rw-m", &v2_rw_m, 1.2, 1.0, 416},
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
