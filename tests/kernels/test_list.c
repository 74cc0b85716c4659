/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The list as a table: rows are well formed, the choice climbs down the ladder with EFFNET_ISA and
 * is the same each time, packing follows the formula of the contract. */
#define _POSIX_C_SOURCE 200809L
#include <glib.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "squares.h"

static void
test_well_formed (void)
{
  gsize n;
  const EffnetKernel *rows = effnet_kernels (&n);
  gboolean reference_seen[EFFNET_OP_COUNT][EFFNET_DTYPE_COUNT] = {{FALSE}};

  for (gsize i = 0; i < n; i++) {
    const EffnetKernel *row = &rows[i];

    g_test_message ("%s", row->name);
    g_assert_true (g_str_has_prefix (row->name, "effnet_"));
    g_assert_nonnull (strstr (row->name, effnet_op_name (row->op)));
    g_assert_nonnull (row->call.gemm);
    g_assert_false (
        reference_seen[row->op][row->dtype]); /* the reference is the last of its kind */
    if (row->op == EFFNET_OP_GEMM || row->op == EFFNET_OP_GEMM_S8 || row->op == EFFNET_OP_CONV) {
      g_assert_cmpint (row->packing, ==, EFFNET_PACKING_PANELS);
      g_assert_true (row->mr > 0 && row->kr > 0 && row->k_multiple > 0);
    } else {
      g_assert_true (row->packing != EFFNET_PACKING_PANELS && row->mr == 0 && row->kr == 0);
    }
    if (row->isa == EFFNET_ISA_REF) /* serves every shape */
      g_assert_true (row->kernel == 0 && row->stride == 0 && row->k_multiple <= 1);
    if (row->isa == EFFNET_ISA_REF)
      reference_seen[row->op][row->dtype] = TRUE;
    for (gsize j = 0; j < i; j++)
      g_assert_cmpstr (row->name, !=, rows[j].name);
  }
  for (int op = 0; op < EFFNET_OP_COUNT; op++) {
    g_assert_true (reference_seen[op][EFFNET_DTYPE_F32]);
    if (!effnet_op_is_float ((EffnetKernelOp)op))
      g_assert_true (reference_seen[op][EFFNET_DTYPE_BF16]);
  }
}

/* Every operation is served, by a rung the cap leaves. */
static void
check_choices (EffnetIsa highest)
{
  static const unsigned shapes[][2] = {{3, 1}, {3, 2}, {5, 1}, {5, 2}, {7, 3}};

  for (int op = 0; op < EFFNET_OP_COUNT; op++)
    for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
      for (int half = 0; half < 2; half++) {
        EffnetDtype dtype = half ? EFFNET_DTYPE_BF16 : EFFNET_DTYPE_F32;
        unsigned kernel = shapes[i][0], stride = shapes[i][1];
        EffnetKernelShape shape = {.kernel = kernel, .stride = stride, .k = stride};
        const EffnetKernel *row = effnet_kernel_find ((EffnetKernelOp)op, dtype, shape);

        g_assert_nonnull (row);
        g_assert_true (row == effnet_kernel_find ((EffnetKernelOp)op, dtype, shape));
        g_assert_true (row->op == (EffnetKernelOp)op && effnet_kernel_usable (row));
        g_assert_true (effnet_kernel_serves (row, shape));
        g_assert_cmpint (row->isa, <=, highest);
      }
  g_assert_null (effnet_kernel_find (EFFNET_OP_GEMM, EFFNET_DTYPE_F16, (EffnetKernelShape){0}));
}

static void
test_serves (void)
{
  const EffnetKernel any = {.op = EFFNET_OP_GEMM, .k_multiple = 1};
  const EffnetKernel pairs = {.op = EFFNET_OP_GEMM, .k_multiple = 2};
  const EffnetKernel window = {.op = EFFNET_OP_DEPTHWISE, .kernel = 3, .stride = 2};
  const EffnetKernel large = {.op = EFFNET_OP_CONV, .k_least = 16, .size_least = 4};

  g_assert_true (effnet_kernel_serves (&any, (EffnetKernelShape){.k = 3}));
  g_assert_true (effnet_kernel_serves (&pairs, (EffnetKernelShape){.k = 4}));
  g_assert_false (effnet_kernel_serves (&pairs, (EffnetKernelShape){.k = 3}));
  g_assert_true (effnet_kernel_serves (&window, (EffnetKernelShape){.kernel = 3, .stride = 2}));
  g_assert_false (effnet_kernel_serves (&window, (EffnetKernelShape){.kernel = 3, .stride = 1}));
  g_assert_false (effnet_kernel_serves (&window, (EffnetKernelShape){.kernel = 5, .stride = 2}));
  g_assert_true (effnet_kernel_serves (&large, (EffnetKernelShape){.k = 16, .size = 4}));
  g_assert_false (effnet_kernel_serves (&large, (EffnetKernelShape){.k = 15, .size = 4}));
  g_assert_false (effnet_kernel_serves (&large, (EffnetKernelShape){.k = 16, .size = 3}));
}

static void
test_capped (void)
{
  static const struct {
    const char *cap;
    EffnetIsa highest;
  } caps[] = {
      {"ref", EFFNET_ISA_REF},
      {"generic", EFFNET_ISA_GENERIC},
      {"sse2", EFFNET_ISA_GENERIC},
      {"blas", EFFNET_ISA_BLAS},
      {"avx2", EFFNET_ISA_AVX2},
      {"avxvnni", EFFNET_ISA_AVX_VNNI},
      {"vnni256", EFFNET_ISA_VNNI256},
      {"avx512", EFFNET_ISA_AVX512},
      {"avx512vnni", EFFNET_ISA_AVX512_VNNI},
      {"avx512bf16", EFFNET_ISA_AVX512_BF16},
      {"AMX", EFFNET_ISA_AMX},
      {"neon", EFFNET_ISA_NEON},
      {"neondot", EFFNET_ISA_NEON_DOT},
      {"neoni8mm", EFFNET_ISA_NEON_I8MM},
      {"neonbf16", EFFNET_ISA_NEON_BF16},
      {"", EFFNET_ISA_NEON_BF16},
  };

  /* A fork each, since the cap is read once a process; this one never asks. */
  for (gsize i = 0; i < G_N_ELEMENTS (caps); i++) {
    pid_t child = fork ();
    int status;

    g_assert_cmpint (child, >=, 0);
    if (child == 0) {
      g_setenv ("EFFNET_ISA", caps[i].cap, TRUE);
      check_choices (caps[i].highest);
      _exit (0);
    }
    g_assert_cmpint (waitpid (child, &status, 0), ==, child);
    g_test_message ("EFFNET_ISA=%s", caps[i].cap);
    g_assert_cmpint (status, ==, 0);
  }
}

static void
test_packing (void)
{
  static const gsize sizes[][2] = {{1, 1}, {5, 3}, {16, 8}, {33, 17}, {64, 2}, {97, 65}};
  gsize n_rows;
  const EffnetKernel *rows = effnet_kernels (&n_rows);

  for (gsize at = 0; at < n_rows * G_N_ELEMENTS (sizes); at++) {
    const EffnetKernel *row = &rows[at / G_N_ELEMENTS (sizes)];
    gsize n = sizes[at % G_N_ELEMENTS (sizes)][0], k = sizes[at % G_N_ELEMENTS (sizes)][1];
    gsize nr, kr, size, filled = 0;
    g_autofree float *w = g_new (float, n *k);
    g_autofree guchar *packed = NULL;

    if (row->op != EFFNET_OP_GEMM)
      continue;
    nr = row->nr > 0 ? row->nr : n;
    kr = row->kr;
    size = effnet_gemm_packed_size (row, n, k);
    g_assert_cmpuint (size, ==, (n + nr - 1) / nr * nr * ((k + kr - 1) / kr * kr));
    for (gsize i = 0; i < n * k; i++)
      w[i] = (float)(i % 251 + 1); /* bf16 holds these */
    packed = g_malloc (size * effnet_dtype_size (row->dtype) + 1);
    memset (packed, 0xa5, size * effnet_dtype_size (row->dtype) + 1);
    for (gsize first = 0, part; first < n; first += part) { /* in parts across panels */
      part = MIN (first % 3 * 7 + 1, n - first);
      effnet_gemm_pack (row, n, k, first, part, w + first * k, packed);
    }
    for (gsize i = 0; i < size; i++) {
      gsize column = i / ((k + kr - 1) / kr * kr * nr) * nr + i / kr % nr;
      gsize l = i / (nr * kr) % ((k + kr - 1) / kr) * kr + i % kr;
      float found;

      effnet_dtypes[row->dtype].to_float (packed + i * effnet_dtype_size (row->dtype), 1, &found);
      g_assert_cmpfloat (found, ==, column < n && l < k ? w[column * k + l] : 0.0f);
      filled += found != 0.0f;
    }
    g_assert_cmpuint (filled, ==, n * k);
    g_assert_cmpuint (packed[size * effnet_dtype_size (row->dtype)], ==, 0xa5);
  }
}

/* Weight @l of window @w, [channels][taps], in the order of a packing: (point or tap, channel). */
static double
conv_weight (const EffnetKernel *row, const Squares *squares, const float *w, gsize channels,
             gsize taps, gsize l)
{
  const float *window = w + l % channels * taps;
  gsize point = l / channels;
  double sum = 0.0;

  for (gsize i = 0; row->square > 0 && i < taps; i++)
    sum += squares->g[point / SIDE][i / WINDOW] * (double)window[i] *
           squares->g[point % SIDE][i % WINDOW];
  return row->square > 0 ? sum : (double)window[point];
}

/* Taps and channels as k of a pointwise convolution, whatever parts the weights come in. */
static void
test_conv_packing (void)
{
  static const gsize sizes[][3] = {/* n, channels, kernel */
                                   {1, 2, 1},
                                   {5, 2, 3},
                                   {33, 8, 3},
                                   {70, 4, 5},
                                   {17, 258, 2}};
  gsize n_rows;
  const EffnetKernel *rows = effnet_kernels (&n_rows);
  const Squares squares = squares_new ();

  for (gsize at = 0; at < n_rows * G_N_ELEMENTS (sizes); at++) {
    const EffnetKernel *row = &rows[at / G_N_ELEMENTS (sizes)];
    const gsize *s = sizes[at % G_N_ELEMENTS (sizes)];
    gsize n = s[0], channels = s[1], taps = s[2] * s[2], k = taps * channels, size, depth;
    const EffnetKernelShape shape = {(unsigned)s[2], 1, (1 + row->k_least) * channels, G_MAXSIZE};
    g_autofree float *w = g_new (float, n *k);
    g_autofree guchar *packed = NULL;
    EffnetDtype dtype;

    if (row->op != EFFNET_OP_CONV || !effnet_kernel_serves (row, shape))
      continue;
    dtype = effnet_packed_dtype (row);
    depth = effnet_conv_taps (row, (unsigned)s[2]) * channels;
    for (gsize i = 0; i < n * k; i++)
      w[i] = (float)(i % 251 + 1);
    size = effnet_gemm_packed_size (row, n, depth);
    packed = g_malloc (size * effnet_dtype_size (dtype));
    memset (packed, 0xa5, size * effnet_dtype_size (dtype));
    for (gsize first = 0, part; first < n; first += part) {
      part = MIN (first % 3 * 7 + 1, n - first);
      effnet_conv_pack (row, n, channels, (unsigned)s[2], first, part, w + first * k, packed);
    }
    for (gsize i = 0; i < size; i++) {
      gsize column = i / (depth * row->nr) * row->nr + i / row->kr % row->nr;
      gsize l = i / (row->nr * row->kr) % (depth / row->kr) * row->kr + i % row->kr;
      double expected =
          column < n ? conv_weight (row, &squares, w + column * k, channels, taps, l) : 0.0;
      float found;

      effnet_dtypes[dtype].to_float (packed + i * effnet_dtype_size (dtype), 1, &found);
      /* rounded once, from a sum in double */
      if (row->square > 0 && column < n)
        g_assert_cmpfloat_with_epsilon (found, expected, 0x1p-23 * fabs (expected) + 0x1p-40);
      else
        g_assert_cmpfloat (found, ==, expected);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/list/well-formed", test_well_formed);
  g_test_add_func ("/list/serves", test_serves);
  g_test_add_func ("/list/capped", test_capped);
  g_test_add_func ("/list/packing", test_packing);
  g_test_add_func ("/list/conv-packing", test_conv_packing);
  return g_test_run ();
}
