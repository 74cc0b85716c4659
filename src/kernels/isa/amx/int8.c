/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolution of int8 on AMX tiles with bf16 activations: tiles.h and the epilogue of the
 * other int8 rows. Both factors are signed bytes. A tile begins with the start values of its
 * columns in every row: a load whose rows lie 0 bytes apart. */
#include "kernels/rows.h"
#include "kernels/simd/int8_avx512.h"
#include "kernels/simd/elem_bf16_avx512.h"
#include "kernels/tmpl/activation.h"

#define FINISH_TABLES                  EffnetQ tables = effnet_q_load ()
#define FINISH_ACTIVATE(x, activation) effnet_bf16_activate (&tables, x, activation)
#include "kernels/tmpl/value_s8.h"
#include "kernels/tmpl/finish.h"

#define TILES_CONTRACT               EffnetGemmS8
#define TILES_ELEMENT                int8_t
#define TILES_SUM                    int32_t
#define TILES_DOT(sums, a, b)        _tile_dpbssd (sums, a, b)
#define TILES_CLEAR(tile, g, column) _tile_loadd (tile, (g)->start + (column), 0)
#include "kernels/isa/amx/tiles.h"

#define EPILOGUE(name, activation)                                                                 \
  static void epilogue_##name (const EffnetGemmS8 *g, const int32_t *sums, size_t row,             \
                               size_t column, unsigned rows)                                       \
  {                                                                                                \
    size_t columns = g->n - column < PANEL ? g->n - column : PANEL;                                \
                                                                                                   \
    finish_rows (g, (const vi *)(const void *)sums, PANEL / VF_LANES, row, rows, column, columns,  \
                 activation);                                                                      \
  }
EPILOGUE (none, EFFNET_ACTIVATION_NONE)
EPILOGUE (swish, EFFNET_ACTIVATION_SWISH)
EPILOGUE (relu, EFFNET_ACTIVATION_RELU)
EPILOGUE (relu6, EFFNET_ACTIVATION_RELU6)
EPILOGUE (sigmoid, EFFNET_ACTIVATION_SIGMOID)

static void
epilogue_bytes (const EffnetGemmS8 *g, const int32_t *sums, size_t row, size_t column,
                unsigned rows)
{
  for (unsigned r = 0; r < rows; r++, sums += PANEL)
    finish_bytes (g, (const vi *)(const void *)sums, row + r, column, PANEL / VF_LANES);
}

void
effnet_gemm_s8_bf16_32x32_amx (const EffnetGemmS8 *g)
{
  static const TilesEpilogue epilogues[] = {
      [EFFNET_ACTIVATION_NONE] = epilogue_none,       [EFFNET_ACTIVATION_SWISH] = epilogue_swish,
      [EFFNET_ACTIVATION_RELU] = epilogue_relu,       [EFFNET_ACTIVATION_RELU6] = epilogue_relu6,
      [EFFNET_ACTIVATION_SIGMOID] = epilogue_sigmoid,
  };

  assert (g->k <= EFFNET_GEMM_S8_K_MAX);
  multiply_tiles (&(Strip){.g = g, .segments = 1, .panel_step = g->k * PANEL},
                  g->to_bytes ? epilogue_bytes : epilogues[g->activation]);
}
