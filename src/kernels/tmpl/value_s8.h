/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What finish.h makes of the sums of int8: bias + step * scale * sum. */
#define FINISH_CONTRACT EffnetGemmS8
#define FINISH_SUM      vi
#define FINISH_DIGITS
#define FINISH_VALUE(g, i, j, x)                                                                   \
  vf_fma (vf_mul (vf_set1 (effnet_gemm_s8_step (g, i)), vf_load ((g)->scale + (j))),               \
          vf_from_int (x), vf_load ((g)->bias + (j)))
