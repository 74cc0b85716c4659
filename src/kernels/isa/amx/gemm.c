/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise and full convolution of bf16 on AMX tiles: tiles.h, with the epilogues of AVX-512. */
#include "kernels/rows.h"
#include "kernels/simd/bf16_avx512.h"
#include "kernels/simd/epilogue_bf16_avx512.h"
#include "kernels/strips.h"

#define TILES_CONTRACT               EffnetGemm
#define TILES_ELEMENT                uint16_t
#define TILES_SUM                    float
#define TILES_DOT(sums, a, b)        _tile_dpbf16ps (sums, a, b)
#define TILES_CLEAR(tile, g, column) _tile_zero (tile)
#include "kernels/isa/amx/tiles.h"

static void
multiply_strip (const EffnetStrip *s)
{
  const Strip strip = {.g = s->gemm,
                       .segments = s->segments,
                       .a_step = s->a_step,
                       .b_step = s->b_step,
                       .panel_step = s->panel_step};

  multiply_tiles (&strip, effnet_bf16_epilogues[s->gemm->activation]);
}

void
effnet_gemm_bf16_32x32_amx (const EffnetGemm *g)
{
  multiply_strip (&(EffnetStrip){.gemm = g, .segments = 1, .panel_step = g->k * PANEL});
}

void
effnet_conv_bf16_32x32_amx (const EffnetConvolution *c)
{
  assert (c->channels % 2 == 0 && c->kernel <= GROUP); /* tails for each kernel row */
  effnet_conv_strips (c, sizeof (uint16_t), PANEL, multiply_strip);
}
