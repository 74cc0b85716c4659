/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Weights of pointwise convolutions into the order a GEMM row reads them:
 * [ceil (n/nr)][ceil (k/kr)][nr][kr], zero past n and k. Runs at open only. */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/bf16.h"
#include "kernels/kernels.h"

size_t
effnet_gemm_packed_size (const EffnetKernel *gemm, size_t n, size_t k)
{
  assert (gemm->op == EFFNET_OP_GEMM);
  return effnet_gemm_panels (gemm, n) * effnet_gemm_panel_width (gemm, n) *
         effnet_div_up (k, gemm->kr) * gemm->kr;
}

/* One row of w, [k], to its column of a panel. */
static inline void
pack_column_f32 (const float *w, size_t k, size_t width, size_t kr, float *out)
{
  for (size_t i = 0; i < k; i++)
    out[i / kr * width * kr + i % kr] = w[i];
}

static inline void
pack_column_bf16 (const float *w, size_t k, size_t width, size_t kr, uint16_t *out)
{
  for (size_t i = 0; i < k; i++)
    out[i / kr * width * kr + i % kr] = effnet_bf16_from_float (w[i]);
}

void
effnet_gemm_pack (const EffnetKernel *gemm, size_t n, size_t k, const float *w, void *packed)
{
  size_t width = effnet_gemm_panel_width (gemm, n), kr = gemm->kr;
  size_t panel_size = width * effnet_div_up (k, kr) * kr; /* elements */

  assert (gemm->op == EFFNET_OP_GEMM);
  assert (gemm->dtype == EFFNET_DTYPE_F32 || gemm->dtype == EFFNET_DTYPE_BF16);
  memset (packed, 0, effnet_gemm_packed_size (gemm, n, k) * effnet_dtype_size (gemm->dtype));
  for (size_t j = 0; j < n; j++, w += k) {
    size_t at = j / width * panel_size + j % width * kr;

    /* the usual kr as constants, for the divisions */
    if (gemm->dtype == EFFNET_DTYPE_F32 && kr == 1)
      pack_column_f32 (w, k, width, 1, (float *)packed + at);
    else if (gemm->dtype == EFFNET_DTYPE_F32)
      pack_column_f32 (w, k, width, kr, (float *)packed + at);
    else if (kr == 2)
      pack_column_bf16 (w, k, width, 2, (uint16_t *)packed + at);
    else
      pack_column_bf16 (w, k, width, kr, (uint16_t *)packed + at);
  }
}
