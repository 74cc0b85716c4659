/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Weights of pointwise convolutions into the order a GEMM row reads them:
 * [ceil (n/nr)][ceil (k/kr)][nr][kr], zero past n and k. Runs at open only. */
#include <assert.h>

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

void
effnet_gemm_pack (const EffnetKernel *gemm, size_t n, size_t k, const float *w, void *packed)
{
  size_t width = effnet_gemm_panel_width (gemm, n), blocks = effnet_div_up (k, gemm->kr);
  size_t panels = effnet_gemm_panels (gemm, n), at = 0;
  float *f32 = packed;
  uint16_t *bf16 = packed;

  assert (gemm->op == EFFNET_OP_GEMM);
  assert (gemm->dtype == EFFNET_DTYPE_F32 || gemm->dtype == EFFNET_DTYPE_BF16);
  for (size_t p = 0; p < panels; p++)
    for (size_t block = 0; block < blocks; block++)
      for (size_t j = p * width; j < (p + 1) * width; j++)
        for (size_t i = block * gemm->kr; i < (block + 1) * gemm->kr; i++, at++) {
          float value = j < n && i < k ? w[j * k + i] : 0.0f;

          if (gemm->dtype == EFFNET_DTYPE_F32)
            f32[at] = value;
          else
            bf16[at] = effnet_bf16_from_float (value);
        }
}
