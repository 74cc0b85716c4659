/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cases of the pointwise convolution: sizes around the row's own tile and packing, every
 * activation, with and without residual, in place, and with gaps between pixels. */
#include "check.h"

#include <math.h>

typedef struct {
  gsize m, n, k;
  gsize lda, ldr, ldc;
  EffnetActivation activation;
  enum { NO_RESIDUAL, RESIDUAL, IN_PLACE } residual;
} Shape;

/* float32 [n][k] whose values T can hold, packed for @row */
static const void *
pack_for (Check *check, const EffnetKernel *row, const Shape *s, const float *w)
{
  void *packed = check_bytes (check, row->dtype, effnet_gemm_packed_size (row, s->n, s->k));

  effnet_gemm_pack (row, s->n, s->k, 0, s->n, w, packed);
  check_seal (check, packed);
  return packed;
}

static void
compare (Check *check, const Shape *s, const EffnetGemm *g, const float *w, const void *residual)
{
  EffnetDtype dtype = check->row->dtype;

  for (gsize i = 0; i < s->m; i++)
    for (gsize j = 0; j < s->n; j++) {
      double sum = g->bias[j], magnitude = fabs (sum), largest = 0.0, r = 0.0, error;

      for (gsize k = 0; k < s->k; k++) {
        double a = check_value (g->a, dtype, i * s->lda + k), b = w[j * s->k + k];

        sum += a * b;
        magnitude += fabs (a * b);
        largest = fmax (largest, fmax (fabs (a), fabs (b)));
      }
      if (residual != NULL)
        r = check_value (residual, dtype, i * s->ldr + j);
      error = check_sum_bound (dtype, s->k, magnitude, largest);
      check_near (check, check_value (g->c, dtype, i * s->ldc + j),
                  check_activate (sum, s->activation) + r,
                  check_output_bound (dtype, s->activation, sum, error, r), i, j);
    }
}

static void
gemm_case (Check *check, const Shape *s)
{
  static const char *const residuals[] = {"no residual", "residual", "residual in place"};
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  EffnetGemm g[3];
  EffnetDtype dtype = check->row->dtype;
  const void *a, *residual = NULL;
  const float *w, *bias;
  gsize n_calls = check->row->numerics == EFFNET_NUMERICS_EXACT || check->bench ? 3 : 2, done = 0;

  check_case (check, "m %zu n %zu k %zu lda %zu ldr %zu ldc %zu, %s, %s", s->m, s->n, s->k, s->lda,
              s->ldr, s->ldc, check_activation_name (s->activation), residuals[s->residual]);
  a = check_input (check, dtype, s->m, s->k, s->lda);
  w = check_weights (check, s->n, s->k);
  bias = check_input (check, EFFNET_DTYPE_F32, 1, s->n, s->n);
  if (s->residual != NO_RESIDUAL)
    residual = check_input (check, dtype, s->m, s->n, s->ldr);
  for (; done < n_calls; done++) {
    gboolean in_place = s->residual == IN_PLACE;
    void *c = check_output (check, dtype, s->m, s->n, s->ldc, in_place ? residual : NULL);

    g[done] = (EffnetGemm){
        .m = s->m,
        .n = s->n,
        .k = s->k,
        .a = a,
        .lda = s->lda,
        .b = pack_for (check, rows[done], s, w),
        .bias = check_padded (check, rows[done], s->n, bias),
        .residual = in_place ? c : residual,
        .ldr = s->ldr,
        .c = c,
        .ldc = s->ldc,
        .activation = s->activation,
    };
    if (!check_call (check, rows[done], &g[done]))
      break;
  }
  if (done == n_calls) {
    check_same (check, "called twice", g[0].c, g[1].c, dtype, s->m, s->n, s->ldc);
    if (check->row->numerics == EFFNET_NUMERICS_EXACT)
      check_same (check, "row and reference", g[0].c, g[2].c, dtype, s->m, s->n, s->ldc);
    compare (check, s, &g[0], w, residual);
    if (check->bench)
      check_time (check, &g[0], &g[2], 2.0 * (double)s->m * (double)s->n * (double)s->k);
  }
  check_case_end (check);
}

static void
bench (Check *check)
{
  static const Shape shapes[] = {
      {3136, 96, 16, 16, 96, 96, EFFNET_ACTIVATION_SWISH, NO_RESIDUAL},
      {3136, 24, 96, 96, 24, 24, EFFNET_ACTIVATION_NONE, NO_RESIDUAL},
      {784, 240, 40, 40, 240, 240, EFFNET_ACTIVATION_SWISH, NO_RESIDUAL},
      {196, 480, 80, 80, 480, 480, EFFNET_ACTIVATION_SWISH, NO_RESIDUAL},
      {196, 112, 672, 672, 112, 112, EFFNET_ACTIVATION_NONE, RESIDUAL},
      {49, 1152, 192, 192, 1152, 1152, EFFNET_ACTIVATION_SWISH, NO_RESIDUAL},
      {49, 1280, 320, 320, 1280, 1280, EFFNET_ACTIVATION_NONE, NO_RESIDUAL},
      {196, 512, 512, 512, 512, 512, EFFNET_ACTIVATION_RELU6, NO_RESIDUAL},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    gemm_case (check, &shapes[i]);
}

void
check_gemm (Check *check)
{
  gsize mr = check->row->mr, nr = check->row->nr > 0 ? check->row->nr : 8, kr = check->row->kr;
  gsize m[] = {1, 2, 3, mr - 1, mr, mr + 1, 2 * mr - 1, 2 * mr + 1, 3 * mr + 2};
  gsize n[] = {1, 3, 8, nr / 2 + 1, nr - 1, nr, nr + 1, 2 * nr, 2 * nr + nr / 2 + 1, 3 * nr};
  gsize k[] = {1, 2, 3, kr - 1, kr, kr + 1, 2 * kr + 1, 8, 15, 16, 17, 31, 32, 33, 40, 65, 96, 144};
  gsize n_m = check_sizes (m, G_N_ELEMENTS (m)), n_n = check_sizes (n, G_N_ELEMENTS (n));
  gsize n_k = check_sizes (k, G_N_ELEMENTS (k));

  if (check->bench) {
    bench (check);
    return;
  }
  for (gsize at = 0; at < n_m * n_n * n_k && check->n_failed < 3; at++) {
    Shape s = {.m = m[at % n_m], .n = n[at / n_m % n_n], .k = k[at / n_m / n_n]};

    if (!effnet_kernel_serves (check->row, (EffnetKernelShape){.k = s.k}))
      continue;
    s.lda = s.k + check_pick (check, 3) * 5;
    s.ldc = s.n + check_pick (check, 3) * 7;
    s.activation = (EffnetActivation)check_pick (check, 5);
    s.residual = check_pick (check, 3);
    s.ldr = s.residual == IN_PLACE ? s.ldc : s.n + check_pick (check, 3) * 3;
    gemm_case (check, &s);
  }
}
