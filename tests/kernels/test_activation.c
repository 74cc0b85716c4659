/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Swish and sigmoid of every row that has them, over the float32 numbers from 2^-40 to 2^7 of both
 * signs in steps of a prime number of ulps, densely around every multiple of 1/16 up to 20 (where
 * segments and range reductions meet), and at numbers far out: within the error kernels.h states.
 * The input reaches the activation untouched as the bias of a product with zeros. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "check.h"

#define CHUNK 4096

typedef struct {
  const EffnetKernel *row;
  double worst, worst_at; /* error / allowed */
} Swept;

typedef struct {
  EffnetActivation activation;
  GArray *rows; /* Swept */
  float *x;     /* [CHUNK] */
  gsize n;
  float *zeros;
  void *packed; /* zeros in any packing */
  void *out;    /* [CHUNK] of T */
} Sweep;

static void
run_row (const Sweep *s, const EffnetKernel *row)
{
  static const void *const no_rows[7] = {NULL};
  const unsigned kernel = row->kernel ? row->kernel : 3, stride = row->stride ? row->stride : 1;

  if (row->op == EFFNET_OP_GEMM) {
    const EffnetGemm g = {.m = 1,
                          .n = CHUNK,
                          .k = row->k_multiple,
                          .a = s->zeros,
                          .lda = row->k_multiple,
                          .b = s->packed,
                          .bias = s->x,
                          .c = s->out,
                          .ldc = CHUNK,
                          .activation = s->activation};
    row->call.gemm (&g);
  } else if (row->op == EFFNET_OP_DEPTHWISE) {
    const EffnetDepthwise d = {.rows = no_rows,
                               .channels = CHUNK,
                               .in_w = kernel,
                               .out_w = 1,
                               .in_stride = CHUNK,
                               .out_stride = CHUNK,
                               .kernel = kernel,
                               .stride = stride,
                               .weights = s->zeros,
                               .weight_stride = CHUNK,
                               .bias = s->x,
                               .out = s->out,
                               .activation = s->activation};
    row->call.depthwise (&d);
  } else if (row->op == EFFNET_OP_STEM) {
    const EffnetStem d = {.rows = (const float *const *)no_rows,
                          .in_w = kernel,
                          .out_w = 1,
                          .n = CHUNK,
                          .kernel = kernel,
                          .stride = stride,
                          .weights = s->zeros,
                          .weight_stride = CHUNK,
                          .bias = s->x,
                          .out = s->out,
                          .activation = s->activation};
    row->call.stem (&d);
  } else {
    const EffnetFc f = {.n = CHUNK,
                        .k = 1,
                        .x = s->zeros,
                        .w = s->zeros,
                        .w_stride = CHUNK,
                        .bias = s->x,
                        .y = s->out,
                        .activation = s->activation};
    row->call.fc (&f);
  }
}

static void
flush_chunk (Sweep *s)
{
  g_autofree double *expected = g_new (double, CHUNK);

  for (; s->n < CHUNK; s->n++)
    s->x[s->n] = 0.0f;
  for (gsize i = 0; i < CHUNK; i++)
    expected[i] = check_activate (s->x[i], s->activation);
  for (guint r = 0; r < s->rows->len; r++) {
    Swept *swept = &g_array_index (s->rows, Swept, r);
    /* what comes out of a fully connected layer is float32 whatever its weights are */
    EffnetDtype dtype = swept->row->op == EFFNET_OP_FC ? EFFNET_DTYPE_F32 : swept->row->dtype;

    run_row (s, swept->row);
    for (gsize i = 0; i < CHUNK; i++) {
      double allowed = check_output_bound (dtype, s->activation, s->x[i], 0.0, 0.0);
      double error = fabs (check_value (s->out, dtype, i) - expected[i]);

      if (!(error / allowed <= swept->worst)) {
        swept->worst = error / allowed;
        swept->worst_at = s->x[i];
      }
    }
  }
  s->n = 0;
}

static void
push (Sweep *s, float x)
{
  s->x[s->n++] = x;
  if (s->n == CHUNK)
    flush_chunk (s);
}

static void
push_bits (Sweep *s, guint32 bits)
{
  float x;

  memcpy (&x, &bits, sizeof x);
  push (s, x);
  push (s, -x);
}

static void
sweep (Sweep *s)
{
  static const float far[] = {0.0f, 87.0f, 88.8f, 90.0f, 103.0f, 1e3f,
                              1e4f, 1e10f, 1e20f, 3e38f, 1e-45f};

  const guint32 step = g_getenv ("EFFNET_TEST_SHORT") != NULL ? 2503 : 251; /* ulps, primes */

  for (guint32 bits = 0x2b800000u /* 2^-40 */; bits < 0x43000000u /* 2^7 */; bits += step)
    push_bits (s, bits);
  for (int sixteenths = 1; sixteenths <= 320; sixteenths++) {
    float at = (float)sixteenths / 16.0f;
    guint32 bits;

    memcpy (&bits, &at, sizeof bits);
    for (guint32 near = bits - 100; near <= bits + 100; near++)
      push_bits (s, near);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (far); i++) {
    push (s, far[i]);
    push (s, -far[i]);
  }
  flush_chunk (s);
}

static void
test_activation (gconstpointer data)
{
  Sweep s = {.activation = (EffnetActivation)GPOINTER_TO_INT (data)};
  gsize n;
  const EffnetKernel *rows = effnet_kernels (&n);

  s.rows = g_array_new (FALSE, FALSE, sizeof (Swept));
  for (gsize i = 0; i < n; i++) {
    const Swept swept = {.row = &rows[i]};

    if (effnet_kernel_usable (&rows[i]) &&
        (rows[i].op == EFFNET_OP_GEMM || rows[i].op == EFFNET_OP_DEPTHWISE ||
         rows[i].op == EFFNET_OP_STEM || rows[i].op == EFFNET_OP_FC))
      g_array_append_val (s.rows, swept);
  }
  s.x = g_new0 (float, CHUNK + 64); /* panels of any width end inside */
  s.zeros = g_new0 (float, CHUNK * 7 * 7 * 3);
  s.packed = g_new0 (float, CHUNK * 64);
  s.out = g_new0 (float, CHUNK);
  sweep (&s);
  for (guint r = 0; r < s.rows->len; r++) {
    const Swept *swept = &g_array_index (s.rows, Swept, r);

    g_test_message ("%s: at most %.3f of the allowed error, at %.9g", swept->row->name,
                    swept->worst, swept->worst_at);
    g_assert_cmpfloat (swept->worst, <=, 1.0);
  }
  g_assert_cmpuint (s.rows->len, >, 0);
  g_array_unref (s.rows);
  g_free (s.x);
  g_free (s.zeros);
  g_free (s.packed);
  g_free (s.out);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/activation/swish", GINT_TO_POINTER (EFFNET_ACTIVATION_SWISH),
                        test_activation);
  g_test_add_data_func ("/activation/sigmoid", GINT_TO_POINTER (EFFNET_ACTIVATION_SIGMOID),
                        test_activation);
  return g_test_run ();
}
