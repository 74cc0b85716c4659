/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of variants. A new member is a new row; no code elsewhere knows a variant's name. What
 * other collections call them is in names.c. */
#include "arch/table.h"

#include <string.h>

#define SE    EFFNET_SE_AFTER_DEPTHWISE, 0.25
#define NO_SE EFFNET_SE_NONE, 0.0

#define SKIP   EFFNET_ROW_SKIP
#define JOINS  EFFNET_ROW_JOINS
#define WIDENS EFFNET_ROW_WIDENS

#define MB   EFFNET_BLOCK_MBCONV
#define FU   EFFNET_BLOCK_FUSED
#define C31  EFFNET_BLOCK_CONV31
#define C131 EFFNET_BLOCK_CONV131
#define MECO EFFNET_BLOCK_MECO

/* Columns: kind, kernel, stride, expand, out, repeats, SE, skip, what expand is of. */
/* clang-format off */

/* Tan and Le, 2019, table 1, rows 2 to 8. */
static const EffnetStageRow baseline_stages[] = {
  {MB, 3, 1, 1, 16, 1, SE, SKIP, 0},
  {MB, 3, 2, 6, 24, 2, SE, SKIP, 0},
  {MB, 5, 2, 6, 40, 2, SE, SKIP, 0},
  {MB, 3, 2, 6, 80, 3, SE, SKIP, 0},
  {MB, 5, 1, 6, 112, 3, SE, SKIP, 0},
  {MB, 5, 2, 6, 192, 4, SE, SKIP, 0},
  {MB, 3, 1, 6, 320, 1, SE, SKIP, 0},
};

/* The same blocks for integer hardware: no squeeze-excite, an activation with an upper end. */
static const EffnetStageRow lite_stages[] = {
  {MB, 3, 1, 1, 16, 1, NO_SE, SKIP, 0},
  {MB, 3, 2, 6, 24, 2, NO_SE, SKIP, 0},
  {MB, 5, 2, 6, 40, 2, NO_SE, SKIP, 0},
  {MB, 3, 2, 6, 80, 3, NO_SE, SKIP, 0},
  {MB, 5, 1, 6, 112, 3, NO_SE, SKIP, 0},
  {MB, 5, 2, 6, 192, 4, NO_SE, SKIP, 0},
  {MB, 3, 1, 6, 320, 1, NO_SE, SKIP, 0},
};

/* What was before: MnasNet (Tan et al., 2019) without squeeze-excite, B1, and with it, A1; its
 * small one; MobileNetV2 (Sandler et al., 2018); Single-Path NAS (Stamoulis et al., 2019); FBNet-C
 * (Wu et al., 2019). */
static const EffnetStageRow mnasnet_stages[] = {
  {MB, 3, 1, 1, 16, 1, NO_SE, 0, 0},
  {MB, 3, 2, 3, 24, 3, NO_SE, SKIP, 0},
  {MB, 5, 2, 3, 40, 3, NO_SE, SKIP, 0},
  {MB, 5, 2, 6, 80, 3, NO_SE, SKIP, 0},
  {MB, 3, 1, 6, 96, 2, NO_SE, SKIP, 0},
  {MB, 5, 2, 6, 192, 4, NO_SE, SKIP, 0},
  {MB, 3, 1, 6, 320, 1, NO_SE, 0, 0},
};

static const EffnetStageRow semnasnet_stages[] = {
  {MB, 3, 1, 1, 16, 1, NO_SE, 0, 0},
  {MB, 3, 2, 6, 24, 2, NO_SE, SKIP, 0},
  {MB, 5, 2, 3, 40, 3, SE, SKIP, 0},
  {MB, 3, 2, 6, 80, 4, NO_SE, SKIP, 0},
  {MB, 3, 1, 6, 112, 2, SE, SKIP, 0},
  {MB, 5, 2, 6, 160, 3, SE, SKIP, 0},
  {MB, 3, 1, 6, 320, 1, NO_SE, SKIP, 0},
};

static const EffnetStageRow mnasnet_small_stages[] = {
  {MB, 3, 1, 1, 8, 1, NO_SE, SKIP, 0},
  {MB, 3, 2, 3, 16, 1, NO_SE, SKIP, 0},
  {MB, 3, 2, 6, 16, 2, NO_SE, SKIP, 0},
  {MB, 5, 2, 6, 32, 4, SE, SKIP, 0},
  {MB, 3, 1, 6, 32, 3, SE, SKIP, 0},
  {MB, 5, 2, 6, 88, 3, SE, SKIP, 0},
  {MB, 3, 1, 6, 144, 1, NO_SE, SKIP, 0},
};

static const EffnetStageRow mobilenetv2_stages[] = {
  {MB, 3, 1, 1, 16, 1, NO_SE, SKIP, 0},
  {MB, 3, 2, 6, 24, 2, NO_SE, SKIP, 0},
  {MB, 3, 2, 6, 32, 3, NO_SE, SKIP, 0},
  {MB, 3, 2, 6, 64, 4, NO_SE, SKIP, 0},
  {MB, 3, 1, 6, 96, 3, NO_SE, SKIP, 0},
  {MB, 3, 2, 6, 160, 3, NO_SE, SKIP, 0},
  {MB, 3, 1, 6, 320, 1, NO_SE, SKIP, 0},
};

static const EffnetStageRow spnasnet_stages[] = {
  {MB, 3, 1, 1, 16, 1, NO_SE, 0, 0},
  {MB, 3, 2, 3, 24, 3, NO_SE, SKIP, 0},
  {MB, 5, 2, 6, 40, 1, NO_SE, SKIP, 0},
  {MB, 3, 1, 3, 40, 3, NO_SE, SKIP | JOINS, 0},
  {MB, 5, 2, 6, 80, 1, NO_SE, SKIP, 0},
  {MB, 3, 1, 3, 80, 3, NO_SE, SKIP | JOINS, 0},
  {MB, 5, 1, 6, 96, 1, NO_SE, SKIP, 0},
  {MB, 5, 1, 3, 96, 3, NO_SE, SKIP | JOINS, 0},
  {MB, 5, 2, 6, 192, 4, NO_SE, SKIP, 0},
  {MB, 3, 1, 6, 320, 1, NO_SE, 0, 0},
};

static const EffnetStageRow fbnetc_stages[] = {
  {MB, 3, 1, 1, 16, 1, NO_SE, SKIP | WIDENS, 0},
  {MB, 3, 2, 6, 24, 1, NO_SE, SKIP, 0},
  {MB, 3, 1, 1, 24, 2, NO_SE, SKIP | JOINS | WIDENS, 0},
  {MB, 5, 2, 6, 32, 1, NO_SE, SKIP, 0},
  {MB, 5, 1, 3, 32, 1, NO_SE, SKIP | JOINS, 0},
  {MB, 5, 1, 6, 32, 1, NO_SE, SKIP | JOINS, 0},
  {MB, 3, 1, 6, 32, 1, NO_SE, SKIP | JOINS, 0},
  {MB, 5, 2, 6, 64, 1, NO_SE, SKIP, 0},
  {MB, 5, 1, 3, 64, 1, NO_SE, SKIP | JOINS, 0},
  {MB, 5, 1, 6, 64, 2, NO_SE, SKIP | JOINS, 0},
  {MB, 5, 1, 6, 112, 3, NO_SE, SKIP, 0},
  {MB, 5, 1, 3, 112, 1, NO_SE, SKIP | JOINS, 0},
  {MB, 5, 2, 6, 184, 4, NO_SE, SKIP, 0},
  {MB, 3, 1, 6, 352, 1, NO_SE, SKIP, 0},
};

/* B0 without its first stage, and with plain convolutions in place of its second. What their
 * middle channels are is not published; as many as they give out make it the fast member that it is
 * said to be. */
static const EffnetStageRow compact_stages[] = {
  {C31, 3, 2, 1, 24, 2, NO_SE, SKIP, 24},
  {MB, 5, 2, 6, 40, 2, SE, SKIP, 0},
  {MB, 3, 2, 6, 80, 3, SE, SKIP, 0},
  {MB, 5, 1, 6, 112, 3, SE, SKIP, 0},
  {MB, 5, 2, 6, 192, 4, SE, SKIP, 0},
  {MB, 3, 1, 6, 320, 1, SE, SKIP, 0},
};

/* The same with the other kind of block of plain convolutions. */
static const EffnetStageRow compact131_stages[] = {
  {C131, 3, 2, 1, 24, 2, NO_SE, SKIP, 24},
  {MB, 5, 2, 6, 40, 2, SE, SKIP, 0},
  {MB, 3, 2, 6, 80, 3, SE, SKIP, 0},
  {MB, 5, 1, 6, 112, 3, SE, SKIP, 0},
  {MB, 5, 2, 6, 192, 4, SE, SKIP, 0},
  {MB, 3, 1, 6, 320, 1, SE, SKIP, 0},
};

/* Mobile equal-channel convolutions: a reconstruction, since the published tables are not to be
 * had. The stages and repeats of B0, and so much wider that the parameters are B0's. */
#define MECO_STAGES(ratio)                                                                         \
  {                                                                                                \
    {MECO, 3, 1, ratio, 16, 1, SE, SKIP, 0},                                                       \
    {MECO, 3, 2, ratio, 24, 2, SE, SKIP, 0},                                                       \
    {MECO, 5, 2, ratio, 40, 2, SE, SKIP, 0},                                                       \
    {MECO, 3, 2, ratio, 80, 3, SE, SKIP, 0},                                                       \
    {MECO, 5, 1, ratio, 112, 3, SE, SKIP, 0},                                                      \
    {MECO, 5, 2, ratio, 192, 4, SE, SKIP, 0},                                                      \
    {MECO, 3, 1, ratio, 320, 1, SE, SKIP, 0},                                                      \
  }
static const EffnetStageRow meco_stages[] = MECO_STAGES (1);
static const EffnetStageRow meco_wide_stages[] = MECO_STAGES (2);

/* EfficientNet-EdgeTPU (Gupta and Tan, 2019). The first block widens as if the stem had 24. */
static const EffnetStageRow edgetpu_stages[] = {
  {FU, 3, 1, 4, 24, 1, NO_SE, 0, 24},
  {FU, 3, 2, 8, 32, 2, NO_SE, SKIP, 0},
  {FU, 3, 2, 8, 48, 4, NO_SE, SKIP, 0},
  {MB, 5, 2, 8, 96, 5, NO_SE, SKIP, 0},
  {MB, 5, 1, 8, 144, 4, NO_SE, SKIP, 0},
  {MB, 5, 2, 8, 192, 2, NO_SE, SKIP, 0},
};

/* EfficientNetV2 (Tan and Le, 2021): S is table 4; the others as their authors released them. */
static const EffnetStageRow v2_base_stages[] = {
  {FU, 3, 1, 1, 16, 1, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 32, 2, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 48, 2, NO_SE, SKIP, 0},
  {MB, 3, 2, 4, 96, 3, SE, SKIP, 0},
  {MB, 3, 1, 6, 112, 5, SE, SKIP, 0},
  {MB, 3, 2, 6, 192, 8, SE, SKIP, 0},
};

static const EffnetStageRow v2_s_stages[] = {
  {FU, 3, 1, 1, 24, 2, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 48, 4, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 64, 4, NO_SE, SKIP, 0},
  {MB, 3, 2, 4, 128, 6, SE, SKIP, 0},
  {MB, 3, 1, 6, 160, 9, SE, SKIP, 0},
  {MB, 3, 2, 6, 256, 15, SE, SKIP, 0},
};

static const EffnetStageRow v2_m_stages[] = {
  {FU, 3, 1, 1, 24, 3, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 48, 5, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 80, 5, NO_SE, SKIP, 0},
  {MB, 3, 2, 4, 160, 7, SE, SKIP, 0},
  {MB, 3, 1, 6, 176, 14, SE, SKIP, 0},
  {MB, 3, 2, 6, 304, 18, SE, SKIP, 0},
  {MB, 3, 1, 6, 512, 5, SE, SKIP, 0},
};

static const EffnetStageRow v2_l_stages[] = {
  {FU, 3, 1, 1, 32, 4, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 64, 7, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 96, 7, NO_SE, SKIP, 0},
  {MB, 3, 2, 4, 192, 10, SE, SKIP, 0},
  {MB, 3, 1, 6, 224, 19, SE, SKIP, 0},
  {MB, 3, 2, 6, 384, 25, SE, SKIP, 0},
  {MB, 3, 1, 6, 640, 7, SE, SKIP, 0},
};

static const EffnetStageRow v2_xl_stages[] = {
  {FU, 3, 1, 1, 32, 4, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 64, 8, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 96, 8, NO_SE, SKIP, 0},
  {MB, 3, 2, 4, 192, 16, SE, SKIP, 0},
  {MB, 3, 1, 6, 256, 24, SE, SKIP, 0},
  {MB, 3, 2, 6, 512, 32, SE, SKIP, 0},
  {MB, 3, 1, 6, 640, 8, SE, SKIP, 0},
};

/* timm's own S and M, made from the paper before its authors' code was there. */
static const EffnetStageRow v2_rw_s_stages[] = {
  {C31, 3, 1, 1, 24, 2, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 48, 4, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 64, 4, NO_SE, SKIP, 0},
  {MB, 3, 2, 4, 128, 6, SE, SKIP, 0},
  {MB, 3, 1, 6, 160, 9, SE, SKIP, 0},
  {MB, 3, 2, 6, 272, 15, SE, SKIP, 0},
};

static const EffnetStageRow v2_rw_m_stages[] = {
  {C31, 3, 1, 1, 24, 3, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 48, 5, NO_SE, SKIP, 0},
  {FU, 3, 2, 4, 64, 5, NO_SE, SKIP, 0},
  {MB, 3, 2, 4, 128, 8, SE, SKIP, 0},
  {MB, 3, 1, 6, 160, 15, SE, SKIP, 0},
  {MB, 3, 2, 6, 272, 24, SE, SKIP, 0},
};

#define STAGES(rows) rows, G_N_ELEMENTS (rows)
#define EFFICIENT    "efficientnet_"
#define V2           "efficientnet"
#define SWISH        EFFNET_ACTIVATION_SWISH
#define RELU         EFFNET_ACTIVATION_RELU
#define RELU6        EFFNET_ACTIVATION_RELU6

#define FAR        EFFNET_SCALING_ROUND_FAR
#define FIXED_HEAD EFFNET_SCALING_FIXED_HEAD
#define LEAST_HEAD EFFNET_SCALING_LEAST_HEAD
#define FIXED      (EFFNET_SCALING_FIXED_STEM | FIXED_HEAD | EFFNET_SCALING_FIXED_ENDS)
/* TinyNet (Han et al., 2020): fewer of everything, by the nearest number. */
#define TINY (EFFNET_SCALING_FIXED_STEM | LEAST_HEAD | EFFNET_SCALING_ROUND_DEPTH)

/* B0 with its squeeze-excites moved or removed: in blocks without a skip, and with one. */
#define B0_WITH(without, with) \
  {STAGES (baseline_stages), 32, 1280, SWISH, 0, (const EffnetSePlace[]){without, with}, EFFICIENT}
#define IN   EFFNET_SE_AFTER_DEPTHWISE
#define END  EFFNET_SE_AFTER_PROJECT
#define GONE EFFNET_SE_NONE

/* Columns: rows, stem, head, activation, scaling, places of squeeze-excite, timm's prefix. */
static const EffnetFamily baseline = {STAGES (baseline_stages), 32, 1280, SWISH, 0, NULL, EFFICIENT};
static const EffnetFamily lite = {STAGES (lite_stages), 32, 1280, RELU6, FIXED, NULL, EFFICIENT};

static const EffnetFamily compact = {STAGES (compact_stages), 32, 1280, SWISH, 0, NULL, EFFICIENT};
static const EffnetFamily compact131 = {STAGES (compact131_stages), 32, 1280, SWISH, 0, NULL, EFFICIENT};
static const EffnetFamily edgetpu = {STAGES (edgetpu_stages), 32, 1280, RELU, 0, NULL, EFFICIENT};
static const EffnetFamily v2_base = {STAGES (v2_base_stages), 32, 1280, SWISH, FAR, NULL, V2};
static const EffnetFamily v2_s = {STAGES (v2_s_stages), 24, 1280, SWISH, 0, NULL, V2};
static const EffnetFamily v2_m = {STAGES (v2_m_stages), 24, 1280, SWISH, 0, NULL, V2};
static const EffnetFamily v2_l = {STAGES (v2_l_stages), 32, 1280, SWISH, 0, NULL, V2};
static const EffnetFamily v2_xl = {STAGES (v2_xl_stages), 32, 1280, SWISH, 0, NULL, V2};
static const EffnetFamily v2_rw_s = {STAGES (v2_rw_s_stages), 24, 1792, SWISH, 0, NULL, V2};
static const EffnetFamily v2_rw_m = {STAGES (v2_rw_m_stages), 24, 1792, SWISH, 0, NULL, V2};
static const EffnetFamily nose_noskip = B0_WITH (GONE, IN);
static const EffnetFamily nose_hasskip = B0_WITH (IN, GONE);
static const EffnetFamily nose_all = B0_WITH (GONE, GONE);
static const EffnetFamily seend_noskip = B0_WITH (END, IN);
static const EffnetFamily seend_hasskip = B0_WITH (IN, END);
static const EffnetFamily seend_all = B0_WITH (END, END);
static const EffnetFamily meco = {STAGES (meco_stages), 32, 1280, SWISH, FIXED, NULL, EFFICIENT};
static const EffnetFamily meco_wide = {STAGES (meco_wide_stages), 32, 1280, SWISH, FIXED, NULL, EFFICIENT};
static const EffnetFamily tinynet = {STAGES (baseline_stages), 32, 1280, SWISH, TINY, NULL, ""};
static const EffnetFamily mnasnet = {STAGES (mnasnet_stages), 32, 1280, RELU, FIXED_HEAD, NULL, ""};
static const EffnetFamily semnasnet = {STAGES (semnasnet_stages), 32, 1280, RELU, FIXED_HEAD, NULL, ""};
static const EffnetFamily mnasnet_small = {STAGES (mnasnet_small_stages), 8, 1280, RELU, FIXED_HEAD, NULL, ""};
static const EffnetFamily mobilenetv2 = {STAGES (mobilenetv2_stages), 32, 1280, RELU6, LEAST_HEAD, NULL, ""};
static const EffnetFamily mobilenetv2_d = {STAGES (mobilenetv2_stages), 32, 1280, RELU6, FIXED, NULL, ""};
static const EffnetFamily spnasnet = {STAGES (spnasnet_stages), 32, 1280, RELU, FIXED_HEAD, NULL, ""};
static const EffnetFamily fbnetc = {STAGES (fbnetc_stages), 16, 1984, RELU, FIXED_HEAD, NULL, ""};

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
  {"b0-nose-noskip", &nose_noskip, 1.0, 1.0, 224},
  {"b0-nose-hasskip", &nose_hasskip, 1.0, 1.0, 224},
  {"b0-nose-all", &nose_all, 1.0, 1.0, 224},
  {"b0-seend-noskip", &seend_noskip, 1.0, 1.0, 224},
  {"b0-seend-hasskip", &seend_hasskip, 1.0, 1.0, 224},
  {"b0-seend-all", &seend_all, 1.0, 1.0, 224},
  {"b0-meco", &meco, 1.765, 1.0, 224},
  {"b0-meco-wide", &meco_wide, 1.355, 1.0, 224},
  {"tinynet-a", &tinynet, 1.0, 1.2, 192},
  {"tinynet-b", &tinynet, 0.75, 1.1, 188},
  {"tinynet-c", &tinynet, 0.54, 0.85, 184},
  {"tinynet-d", &tinynet, 0.54, 0.695, 152},
  {"tinynet-e", &tinynet, 0.51, 0.6, 106},
  {"mnasnet-050", &mnasnet, 0.5, 1.0, 224},
  {"mnasnet-075", &mnasnet, 0.75, 1.0, 224},
  {"mnasnet-100", &mnasnet, 1.0, 1.0, 224},
  {"mnasnet-140", &mnasnet, 1.4, 1.0, 224},
  {"mnasnet-small", &mnasnet_small, 1.0, 1.0, 224},
  {"semnasnet-050", &semnasnet, 0.5, 1.0, 224},
  {"semnasnet-075", &semnasnet, 0.75, 1.0, 224},
  {"semnasnet-100", &semnasnet, 1.0, 1.0, 224},
  {"semnasnet-140", &semnasnet, 1.4, 1.0, 224},
  {"mobilenetv2-035", &mobilenetv2, 0.35, 1.0, 224},
  {"mobilenetv2-050", &mobilenetv2, 0.5, 1.0, 224},
  {"mobilenetv2-075", &mobilenetv2, 0.75, 1.0, 224},
  {"mobilenetv2-100", &mobilenetv2, 1.0, 1.0, 224},
  {"mobilenetv2-140", &mobilenetv2, 1.4, 1.0, 224},
  {"mobilenetv2-110d", &mobilenetv2_d, 1.1, 1.2, 224},
  {"mobilenetv2-120d", &mobilenetv2_d, 1.2, 1.4, 224},
  {"spnasnet-100", &spnasnet, 1.0, 1.0, 224},
  {"fbnetc-100", &fbnetc, 1.0, 1.0, 224},
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
