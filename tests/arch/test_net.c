/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table, the scaling and the JSON against published figures and figures worked out by hand. */
#include "arch/net.h"

#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>

static EffnetNet *
net_of (const char *variant)
{
  GError *error = NULL;
  EffnetNet *net = effnet_net_new (variant, 0, 1000, EFFNET_PADDING_AUTO, &error);
  g_assert_no_error (error);
  return net;
}

/* Counted on the PyTorch models, to the digits of the paper's table. */
static void
test_published (void)
{
  static const struct {
    const char *variant;
    unsigned side;
    const char *parameters; /* millions */
    int digits;
    const char *multiply_adds; /* billions */
  } rows[] = {
      {"b0", 224, "5.29", 3, "0.386"},
      {"b1", 240, "7.79", 3, "0.687"},
      {"b2", 260, "9.11", 3, "0.994"},
      {"b3", 300, "12.23", 3, "1.827"},
      {"b4", 380, "19.34", 3, "4.394"},
      {"b5", 456, "30.39", 2, "10.27"},
      {"b6", 528, "43.04", 2, "19.07"},
      {"b7", 600, "66.35", 2, "37.75"},
      /* as their papers have them, the parameters to timm's digits */
      {"tinynet-a", 192, "6.19", 3, "0.337"},
      {"tinynet-b", 188, "3.73", 3, "0.201"},
      {"tinynet-c", 184, "2.46", 3, "0.100"},
      {"tinynet-d", 152, "2.34", 3, "0.052"},
      {"tinynet-e", 106, "2.04", 3, "0.024"},
      {"mnasnet-100", 224, "4.38", 3, "0.314"},
      {"mnasnet-small", 224, "2.03", 3, "0.068"},
      {"semnasnet-100", 224, "3.89", 3, "0.312"},
      {"mobilenetv2-100", 224, "3.50", 3, "0.301"},
      {"mobilenetv2-140", 224, "6.11", 3, "0.582"},
      {"spnasnet-100", 224, "4.42", 3, "0.333"},
      {"fbnetc-100", 224, "5.57", 3, "0.385"},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (EffnetNet) net = net_of (rows[i].variant);
    g_autofree char *parameters = g_strdup_printf ("%.2f", effnet_net_parameters (net) / 1e6);
    g_autofree char *multiply_adds =
        g_strdup_printf ("%.*f", rows[i].digits, effnet_net_multiply_adds (net) / 1e9);
    g_assert_cmpstr (parameters, ==, rows[i].parameters);
    g_assert_cmpstr (multiply_adds, ==, rows[i].multiply_adds);
    g_assert_cmpuint (net->resolution, ==, rows[i].side);
    g_assert_cmpuint (net->in_height, ==, rows[i].side);
    g_assert_cmpuint (net->in_width, ==, rows[i].side);
  }
}

/* As their authors or timm's table of results say; multiply-adds to two digits, and with some tools
 * batch norms count, too. Of V2-S the paper's first edition says 24 M and 8.8 B. */
static void
test_published_later (void)
{
  static const struct {
    const char *variant, *parameters; /* millions */
    double multiply_adds;             /* billions, within 1.5 % */
  } rows[] = {
      {"es", "5.44", 1.81},     {"em", "6.90", 3.04},      {"el", "10.59", 8.00},
      {"v2-b0", "7.14", 0.72},  {"v2-b1", "8.14", 1.21},   {"v2-b2", "10.10", 1.72},
      {"v2-b3", "14.36", 3.04}, {"v2-s", "21.46", 8.4},    {"v2-m", "54.14", 24.7},
      {"v2-l", "118.52", 56.3}, {"v2-xl", "208.12", 94.0},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (EffnetNet) net = net_of (rows[i].variant);
    g_autofree char *parameters = g_strdup_printf ("%.2f", effnet_net_parameters (net) / 1e6);
    double published = rows[i].multiply_adds, counted = effnet_net_multiply_adds (net) / 1e9;

    g_assert_cmpstr (parameters, ==, rows[i].parameters);
    g_assert_cmpfloat_with_epsilon (counted, published, 0.015 * published);
  }
}

static void
assert_stages (const char *variant, unsigned stem, const unsigned *channels,
               const unsigned *repeats, unsigned head)
{
  g_autoptr (EffnetNet) net = net_of (variant);
  unsigned n = 0;

  g_assert_cmpuint (net->stem_channels, ==, stem);
  g_assert_cmpuint (net->head_channels, ==, head);
  g_assert_cmpuint (net->n_stages, ==, 7);
  for (unsigned stage = 0; stage < 7; stage++) {
    for (unsigned i = 0; i < repeats[stage]; i++, n++) {
      g_assert_cmpuint (n, <, net->n_blocks);
      g_assert_cmpuint (net->blocks[n].stage, ==, stage);
      g_assert_cmpuint (net->blocks[n].index, ==, i);
      g_assert_cmpuint (net->blocks[n].out_channels, ==, channels[stage]);
    }
  }
  g_assert_cmpuint (n, ==, net->n_blocks);
}

#define STAGES(...) ((const unsigned[7]){__VA_ARGS__})

/* The channels worked out by hand: for phi = 1 width 1.1 (16 -> 17.6 -> 16: 9 % down is allowed; 24
 * -> 26.4 -> 24; 40 -> 44 -> 48; 112 -> 123.2 -> 120), depth 1.2 and side 257.6. For phi = 2
 * width 1.21 (16 -> 19.4 -> 16 is 17 % down, so 24; 24 -> 29.04 -> 32; 1280 -> 1548.8 -> 1552),
 * depth 1.44, side 296.24. For phi = -1 width 0.909 (24 -> 21.8 -> 24, 40 -> 36.4 -> 40: halves go
 * up), depth 0.833, side 194.78. */
static void
test_phi (void)
{
  assert_stages ("phi:0", 32, STAGES (16, 24, 40, 80, 112, 192, 320), STAGES (1, 2, 2, 3, 3, 4, 1),
                 1280);
  assert_stages ("phi:1", 32, STAGES (16, 24, 48, 88, 120, 208, 352), STAGES (2, 3, 3, 4, 4, 5, 2),
                 1408);
  assert_stages ("phi:2", 40, STAGES (24, 32, 48, 96, 136, 232, 384), STAGES (2, 3, 3, 5, 5, 6, 2),
                 1552);
  assert_stages ("phi:-1", 32, STAGES (16, 24, 40, 72, 104, 176, 288), STAGES (1, 2, 2, 3, 3, 4, 1),
                 1160);
  g_autoptr (EffnetNet) zero = net_of ("phi:0");
  g_autoptr (EffnetNet) one = net_of ("phi:1");
  g_autoptr (EffnetNet) two = net_of ("phi:2.0");
  g_autoptr (EffnetNet) below = net_of ("phi:-1");
  g_assert_cmpuint (zero->resolution, ==, 224);
  g_assert_cmpuint (one->resolution, ==, 258);
  g_assert_cmpuint (two->resolution, ==, 296);
  g_assert_cmpuint (below->resolution, ==, 195);
  g_assert_cmpfloat_with_epsilon (two->width, 1.21, 1e-12);
  g_assert_cmpfloat_with_epsilon (two->depth, 1.44, 1e-12);
  g_assert_cmpstr (two->variant, ==, "phi:2");
  g_autoptr (EffnetNet) b0 = net_of ("b0");
  g_assert_cmpmem (b0->blocks, b0->n_blocks * sizeof (EffnetBlock), zero->blocks,
                   zero->n_blocks * sizeof (EffnetBlock));
}

static void
test_lite (void)
{
  assert_stages ("lite0", 32, STAGES (16, 24, 40, 80, 112, 192, 320), STAGES (1, 2, 2, 3, 3, 4, 1),
                 1280);
  assert_stages ("lite4", 32, STAGES (24, 32, 56, 112, 160, 272, 448), STAGES (1, 4, 4, 6, 6, 8, 1),
                 1280);
  g_autoptr (EffnetNet) net = net_of ("lite4");
  g_assert_cmpint (net->activation, ==, EFFNET_ACTIVATION_RELU6);
  for (unsigned i = 0; i < net->n_blocks; i++) {
    g_assert_cmpint (net->blocks[i].se_place, ==, EFFNET_SE_NONE);
    g_assert_cmpuint (net->blocks[i].se_channels, ==, 0);
  }
}

static void
assert_like (const char *variant, const char *canonical, const char *other)
{
  g_autoptr (EffnetNet) net = net_of (variant), like = net_of (other);

  g_assert_cmpstr (net->variant, ==, canonical);
  g_assert_cmpuint (net->resolution, ==, like->resolution);
  g_assert_cmpuint (net->stem_channels, ==, like->stem_channels);
  g_assert_cmpuint (net->head_channels, ==, like->head_channels);
  g_assert_cmpint (net->activation, ==, like->activation);
  g_assert_cmpmem (net->blocks, net->n_blocks * sizeof (EffnetBlock), like->blocks,
                   like->n_blocks * sizeof (EffnetBlock));
}

/* The coefficients of a family are those of its members, whichever of them is named; phi scales
 * from the member on. Lite keeps its ends. */
static void
test_scaled (void)
{
  assert_like ("b0:phi:1.50", "b0:phi:1.5", "phi:1.5");
  assert_like ("b0:1.4,1.8,380", "b0:1.4,1.8,380", "b4");
  assert_like ("tf_efficientnet_b3:1.40,1.8,380", "b3:1.4,1.8,380", "b4");
  assert_like ("lite0:1.4,1.8,300", "lite0:1.4,1.8,300", "lite4");
  assert_like ("tinynet_a:0.51,0.6,106", "tinynet-a:0.51,0.6,106", "tinynet-e");
  assert_like ("b0-seend-all:phi:0", "b0-seend-all:phi:0", "b0-seend-all");
  assert_stages ("lite0:phi:1", 32, STAGES (16, 24, 48, 88, 120, 208, 352),
                 STAGES (1, 3, 3, 4, 4, 5, 1), 1280);
  g_autoptr (EffnetNet) lite = net_of ("lite0:phi:1");
  g_autoptr (EffnetNet) twice = net_of ("b3:phi:1");
  g_assert_cmpuint (lite->resolution, ==, 258);
  g_assert_cmpuint (twice->resolution, ==, 345);
  g_assert_cmpfloat_with_epsilon (twice->width, 1.32, 1e-12);
  g_assert_cmpfloat_with_epsilon (twice->depth, 1.68, 1e-12);
}

static unsigned
share_of_b0 (const char *variant)
{
  g_autoptr (EffnetNet) net = net_of (variant);
  g_autoptr (EffnetNet) b0 = net_of ("b0");

  return (unsigned)(1e4 * (double)effnet_net_parameters (net) / (double)effnet_net_parameters (b0) +
                    0.5);
}

/* Without squeeze-excites the parameters fall by 3, 8 and 12 %, as published (cut, not rounded);
 * at the end they still gate a sixth of the channels. */
static void
test_squeeze_excite (void)
{
  static const char *const wheres[] = {"noskip", "hasskip", "all"};
  static const struct {
    const char *what;
    EffnetSePlace place;
    unsigned shares[3]; /* of B0's parameters, in 1e-4 */
  } rows[] = {{"nose", EFFNET_SE_NONE, {9663, 9133, 8796}},
              {"seend", EFFNET_SE_AFTER_PROJECT, {9756, 9278, 9035}}};

  for (size_t r = 0; r < G_N_ELEMENTS (rows); r++) {
    for (unsigned w = 0; w < 3; w++) {
      g_autofree char *variant = g_strdup_printf ("b0-%s-%s", rows[r].what, wheres[w]);
      g_autoptr (EffnetNet) net = net_of (variant);

      for (unsigned i = 0; i < net->n_blocks; i++) {
        const EffnetBlock *b = &net->blocks[i];
        gboolean changed = w == 2 || b->has_skip == (w == 1);

        g_assert_cmpint (b->se_place, ==, changed ? rows[r].place : EFFNET_SE_AFTER_DEPTHWISE);
        g_assert_cmpuint (b->se_channels, ==,
                          b->se_place == EFFNET_SE_NONE ? 0 : b->in_channels / 4);
      }
      g_assert_cmpuint (share_of_b0 (variant), ==, rows[r].shares[w]);
    }
  }
}

/* The parameters are those of B0 within 2 %; inside a block all convolutions have the output's
 * channels, or twice as many where channels or size change. */
static void
test_equal_channels (void)
{
  static const char *const variants[] = {"b0-meco", "b0-meco-wide"};

  for (unsigned v = 0; v < 2; v++) {
    g_autoptr (EffnetNet) net = net_of (variants[v]);

    g_assert_cmpint (abs ((int)share_of_b0 (variants[v]) - 10000), <=, 200);
    g_assert_cmpuint (net->n_blocks, ==, 16);
    for (unsigned i = 0; i < net->n_blocks; i++) {
      const EffnetBlock *b = &net->blocks[i];

      g_assert_cmpint (b->kind, ==, EFFNET_BLOCK_MECO);
      g_assert_cmpuint (b->expand_channels, ==, b->out_channels * (b->has_skip ? 1 : v + 1));
    }
  }
}

/* A stage of two rows: its first block widens six times, the others three. */
static void
test_joined (void)
{
  g_autoptr (EffnetNet) net = net_of ("spnasnet-100");
  const EffnetBlock *b = &net->blocks[4]; /* behind one block and three */

  g_assert_cmpuint (net->n_stages, ==, 7);
  for (unsigned i = 0; i < 4; i++) {
    g_assert_cmpuint (b[i].stage, ==, 2);
    g_assert_cmpuint (b[i].index, ==, i);
    g_assert_cmpuint (b[i].kernel, ==, i == 0 ? 5 : 3);
    g_assert_cmpuint (b[i].expand_channels, ==, b[i].in_channels * (i == 0 ? 6 : 3));
  }
  g_assert_cmpuint (b[4].stage, ==, 3);
  g_assert_cmpuint (b[4].index, ==, 0);
}

/* What must hold in any net, whatever its numbers. */
static void
test_chain (void)
{
  static const char *const others[] = {"phi:-10",    "phi:-3.7",     "phi:0.3", "phi:15",
                                       "l2:10,20,8", "b0:.05,.05,1", NULL};
  static const unsigned sides[] = {1, 2, 3, 31, 32, 33, 224, 8192};

  for (int list = 0; list < 2; list++) {
    const char *const *name = list == 0 ? effnet_arch_names () : others;
    for (; *name != NULL; name++) {
      for (size_t s = 0; s < 2 * G_N_ELEMENTS (sides); s++) {
        gboolean same = s % 2 == 0;
        g_autoptr (EffnetNet) net = effnet_net_new (
            *name, sides[s / 2], 7, same ? EFFNET_PADDING_SAME : EFFNET_PADDING_SYMMETRIC, NULL);
        unsigned channels = net->stem_channels, side = net->stem_height;
        g_assert_cmpuint (side, ==, (sides[s / 2] + 1) / 2);
        for (unsigned i = 0; i < net->n_blocks; i++) {
          const EffnetBlock *b = &net->blocks[i];
          g_assert_cmpuint (b->in_channels, ==, channels);
          g_assert_cmpuint (b->in_height, ==, side);
          g_assert_cmpuint (b->in_width, ==, side);
          g_assert_cmpuint (b->out_channels % 8, ==, 0);
          g_assert_cmpuint (b->out_height, ==, (side + b->stride - 1) / b->stride);
          g_assert_true (!b->has_skip || (b->stride == 1 && channels == b->out_channels));
          g_assert_true (b->has_project || b->expand_channels == b->out_channels);
          if (b->kind == EFFNET_BLOCK_MBCONV)
            g_assert_true (b->has_expand || b->expand_channels == b->in_channels);
          channels = b->out_channels;
          side = b->out_height;
        }
        g_assert_cmpuint (net->head_height, ==, side);
        g_assert_cmpuint (side, >=, 1);
        g_assert_cmpuint (effnet_net_multiply_adds (net), <, G_MAXUINT64 / 1024);
      }
    }
  }
}

/* A window fits where its last sample is not past the padded end: counted one by one. */
static void
test_conv (void)
{
  for (unsigned in = 1; in < 70; in++) {
    for (unsigned kernel = 1; kernel <= 7; kernel += 2) {
      for (unsigned stride = 1; stride <= 3; stride++) {
        unsigned pad = (kernel - 1) / 2, n = 0;
        for (unsigned at = 0; at + kernel <= in + 2 * pad; at += stride)
          n++;
        g_assert_cmpuint (effnet_conv_out (in, kernel, stride, EFFNET_PADDING_SYMMETRIC), ==, n);
        g_assert_cmpuint (effnet_conv_pad (in, kernel, stride, EFFNET_PADDING_SYMMETRIC), ==, pad);
        for (n = 0; n * stride < in;)
          n++;
        g_assert_cmpuint (effnet_conv_out (in, kernel, stride, EFFNET_PADDING_SAME), ==, n);
        int total = (int)((n - 1) * stride + kernel) - (int)in;
        pad = total > 0 ? (unsigned)total / 2 : 0;
        g_assert_cmpuint (effnet_conv_pad (in, kernel, stride, EFFNET_PADDING_SAME), ==, pad);
      }
    }
  }
}

static const struct {
  const char *name, *row;
} foreign_names[] = {
    {"b0", "b0"},
    {"L2", "l2"},
    {"lite4", "lite4"},
    {"efficientnet_b0", "b0"},
    {"tf_efficientnet_b8", "b8"},
    {"tf_efficientnet_l2", "l2"},
    {"tf_efficientnet_l2_ns_475", "l2"},
    {"tf_efficientnet_b7_ns", "b7"},
    {"tf_efficientnet_b7.ns_jft_in1k", "b7"},
    {"tf_efficientnet_b6_ap", "b6"},
    {"timm/efficientnet_b1.ft_in1k", "b1"},
    {"hf-hub:timm/tf_efficientnet_lite3.in1k", "lite3"},
    {"efficientnet_lite0", "lite0"},
    {"efficientnet-b0", "b0"},
    {"EfficientNet-B5", "b5"},
    {"EfficientNet-Lite2", "lite2"},
    {"efficientnetv2_s", "v2-s"},
    {"tf_efficientnetv2_b0.in1k", "v2-b0"},
    {"tf_efficientnetv2_xl_in21k", "v2-xl"},
    {"tf_efficientnetv2_m.in21k_ft_in1k", "v2-m"},
    {"efficientnet_v2_l", "v2-l"},
    {"efficientnetv2_rw_t.ra2_in1k", "v2-rw-t"},
    {"gc_efficientnetv2_rw_t.agc_in1k", NULL},
    {"efficientnetv2-b3", "v2-b3"},
    {"EfficientNetV2S", "v2-s"},
    {"EfficientNetB0", "b0"},
    {"efficientnetv2", NULL},
    {"efficientnetv2_b4", NULL},
    {"efficientnet_es", "es"},
    {"tf_efficientnet_el.in1k", "el"},
    {"efficientnet_es_pruned.in1k", NULL},
    {"efficientnet-edgetpu-M", "em"},
    {"efficientnet-edgetpu", NULL},
    {"efficientnet_b0_compact", "b0-compact"},
    {"tf_efficientnet_cc_b0_4e", NULL},
    {"efficientnet_b1_pruned", NULL},
    {"efficientnet_b0_g16_evos", NULL},
    {"efficientnet_b0_gn", NULL},
    {"tinynet_a.in1k", "tinynet-a"},
    {"mobilenetv2_110d.ra_in1k", "mobilenetv2-110d"},
    {"mobilenetv2_100", "mobilenetv2-100"},
    {"efficientnet_mobilenetv2_100", NULL},
    {"tf_mobilenetv2_100", NULL},
    {"mobilenetv3_large_100", NULL},
    {"mnasnet_100_", NULL},
    {"efficientnet_b0_nose_all", "b0-nose-all"},
    {"b0:phi:1", NULL},
    {"efficientnet_b9", NULL},
    {"efficientnet_b10", NULL},
    {"efficientnet_lite", NULL},
    {"efficientnet_lite5", NULL},
    {"efficientnet_b0.", NULL},
    {"efficientnet_", NULL},
    {"tf_b0", NULL},
    {"b0.ra_in1k", NULL},
    {"resnet50", NULL},
    {"phi:1", NULL},
    {" b0", NULL},
    {"", NULL},
    {NULL, NULL},
};

static void
test_names (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (foreign_names); i++) {
    g_test_message ("%s", foreign_names[i].name);
    g_assert_cmpstr (effnet_arch_from_name (foreign_names[i].name), ==, foreign_names[i].row);
  }
  for (const char *const *name = effnet_arch_names (); *name != NULL; name++) {
    g_autoptr (EffnetNet) net = net_of (*name);
    g_assert_cmpstr (net->variant, ==, *name);
    g_assert_cmpstr (effnet_arch_from_name (*name), ==, *name);
  }
}

static void
assert_refused (const char *variant, unsigned side, unsigned classes, EffnetError code,
                const char *fragment)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (effnet_net_new (variant, side, classes, EFFNET_PADDING_AUTO, &error));
  g_assert_error (error, EFFNET_ERROR, (int)code);
  if (strstr (error->message, fragment) == NULL)
    g_test_message ("\"%s\" does not name \"%s\"", error->message, fragment);
  g_assert_nonnull (strstr (error->message, fragment));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_null (effnet_net_new (variant, side, classes, EFFNET_PADDING_AUTO, NULL));
}

static void
test_refused (void)
{
  assert_refused ("b9", 0, 1000, EFFNET_ERROR_NOT_FOUND, "\"b9\"");
  assert_refused ("b9", 0, 1000, EFFNET_ERROR_NOT_FOUND, "lite4");
  assert_refused ("", 0, 1000, EFFNET_ERROR_NOT_FOUND, "\"\"");
  assert_refused (NULL, 0, 1000, EFFNET_ERROR_NOT_FOUND, "\"\"");
  assert_refused ("b\xff\n", 0, 1000, EFFNET_ERROR_NOT_FOUND, "\\u000a");
  assert_refused ("b0", 8193, 1000, EFFNET_ERROR_ARGUMENT, "8193");
  assert_refused ("b0", G_MAXUINT, 1000, EFFNET_ERROR_ARGUMENT, "4294967295");
  assert_refused ("b0", 224, 1000001, EFFNET_ERROR_ARGUMENT, "1000001");
  assert_refused ("phi:", 0, 1000, EFFNET_ERROR_ARGUMENT, "\"phi:\"");
  assert_refused ("phi:x", 0, 1000, EFFNET_ERROR_ARGUMENT, "phi:x");
  assert_refused ("phi: 1", 0, 1000, EFFNET_ERROR_ARGUMENT, "phi: 1");
  assert_refused ("phi:1,5", 0, 1000, EFFNET_ERROR_ARGUMENT, "phi:1,5");
  assert_refused ("phi:nan", 0, 1000, EFFNET_ERROR_ARGUMENT, "phi:nan");
  assert_refused ("phi:-inf", 0, 1000, EFFNET_ERROR_ARGUMENT, "phi:-inf");
  assert_refused ("phi:1e999", 0, 1000, EFFNET_ERROR_ARGUMENT, "phi:1e999");
  assert_refused ("b9:phi:1", 0, 1000, EFFNET_ERROR_NOT_FOUND, "\"b9:phi:1\"");
  assert_refused (":1,1,224", 0, 1000, EFFNET_ERROR_NOT_FOUND, "\":1,1,224\"");
  assert_refused ("b0:", 0, 1000, EFFNET_ERROR_ARGUMENT, "WIDTH,DEPTH,RESOLUTION");
  assert_refused ("b0:phi:", 0, 1000, EFFNET_ERROR_ARGUMENT, "\"b0:phi:\"");
  assert_refused ("b0:1,1", 0, 1000, EFFNET_ERROR_ARGUMENT, "b0:1,1");
  assert_refused ("b0:1,1,224,", 0, 1000, EFFNET_ERROR_ARGUMENT, "b0:1,1,224,");
  assert_refused ("b0:1, 1,224", 0, 1000, EFFNET_ERROR_ARGUMENT, "b0:1, 1,224");
  assert_refused ("b0:1,1,224.5", 0, 1000, EFFNET_ERROR_ARGUMENT, "224.5");
  assert_refused ("b0:1,1,0", 0, 1000, EFFNET_ERROR_ARGUMENT, "b0:1,1,0");
  assert_refused ("b0:1,1,8193", 0, 1000, EFFNET_ERROR_ARGUMENT, "8193");
  assert_refused ("b0:nan,1,224", 0, 1000, EFFNET_ERROR_ARGUMENT, "nan");
  assert_refused ("b0:-1,1,224", 0, 1000, EFFNET_ERROR_ARGUMENT, "width -1");
  assert_refused ("b0:1,21,224", 0, 1000, EFFNET_ERROR_ARGUMENT, "depth 21");
  assert_refused ("l2:phi:10", 0, 1000, EFFNET_ERROR_ARGUMENT, "width 11.1");
  assert_refused ("phi:15.01", 0, 1000, EFFNET_ERROR_ARGUMENT, "15.01");
  assert_refused ("phi:-10.5", 0, 1000, EFFNET_ERROR_ARGUMENT, "-10.5");
}

static gint64
sum_of (JsonObject *object, const char *list, const char *member)
{
  JsonArray *array = json_object_get_array_member (object, list);
  gint64 sum = 0;

  for (guint i = 0; i < json_array_get_length (array); i++)
    sum += json_object_get_int_member (json_array_get_object_element (array, i), member);
  return sum;
}

static void
test_describe (void)
{
  static const char *const members[] = {"parameters", "multiply_adds"};
  static const char *const ends[] = {"stem", "head", "classifier"};
  g_autoptr (EffnetNet) net = net_of ("b3");
  g_autofree char *text = effnet_net_describe (net);
  g_autoptr (JsonNode) root = json_from_string (text, NULL);

  g_assert_nonnull (root);
  JsonObject *top = json_node_get_object (root);
  g_assert_cmpstr (json_object_get_string_member (top, "variant"), ==, "b3");
  g_assert_cmpstr (json_object_get_string_member (top, "padding"), ==, "symmetric");
  g_assert_cmpstr (json_object_get_string_member (top, "activation"), ==, "swish");
  g_assert_cmpfloat (json_object_get_double_member (top, "width"), ==, 1.2);
  g_assert_cmpfloat (json_object_get_double_member (top, "depth"), ==, 1.4);
  g_assert_cmpint (json_object_get_int_member (top, "resolution"), ==, 300);
  g_assert_cmpint (sum_of (top, "stages", "blocks"), ==, net->n_blocks);
  for (size_t m = 0; m < G_N_ELEMENTS (members); m++) {
    gint64 blocks = sum_of (top, "blocks", members[m]), outside = 0;
    g_assert_cmpint (sum_of (top, "stages", members[m]), ==, blocks);
    for (size_t e = 0; e < G_N_ELEMENTS (ends); e++)
      outside +=
          json_object_get_int_member (json_object_get_object_member (top, ends[e]), members[m]);
    g_assert_cmpint (json_object_get_int_member (top, members[m]), ==, blocks + outside);
  }
}

static void
test_describe_lite (void)
{
  g_autoptr (EffnetNet) net = effnet_net_new ("lite3", 300, 5, EFFNET_PADDING_SAME, NULL);
  g_autofree char *text = effnet_net_describe (net);
  g_autoptr (JsonNode) root = json_from_string (text, NULL);
  JsonObject *top = json_node_get_object (root);
  JsonObject *last =
      json_array_get_object_element (json_object_get_array_member (top, "stages"), 6);

  g_assert_cmpstr (json_object_get_string_member (top, "activation"), ==, "relu6");
  g_assert_cmpstr (json_object_get_string_member (top, "padding"), ==, "same");
  g_assert_cmpint (json_object_get_int_member (top, "resolution"), ==, 280);
  g_assert_cmpint (json_object_get_int_member (top, "input_height"), ==, 300);
  g_assert_cmpint (json_object_get_int_member (top, "n_classes"), ==, 5);
  g_assert_cmpint (json_object_get_int_member (last, "blocks"), ==, 1);
  g_assert_cmpstr (json_object_get_string_member (last, "se"), ==, "none");
  g_assert_cmpint (json_object_get_int_member (last, "resolution"), ==, 10);
  effnet_net_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/arch/published", test_published);
  g_test_add_func ("/arch/published-later", test_published_later);
  g_test_add_func ("/arch/phi", test_phi);
  g_test_add_func ("/arch/lite", test_lite);
  g_test_add_func ("/arch/scaled", test_scaled);
  g_test_add_func ("/arch/squeeze-excite", test_squeeze_excite);
  g_test_add_func ("/arch/equal-channels", test_equal_channels);
  g_test_add_func ("/arch/joined", test_joined);
  g_test_add_func ("/arch/chain", test_chain);
  g_test_add_func ("/arch/conv", test_conv);
  g_test_add_func ("/arch/names", test_names);
  g_test_add_func ("/arch/refused", test_refused);
  g_test_add_func ("/arch/describe", test_describe);
  g_test_add_func ("/arch/describe-lite", test_describe_lite);
  return g_test_run ();
}
