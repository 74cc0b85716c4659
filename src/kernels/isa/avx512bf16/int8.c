/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * int8 with bf16 activations: the templates over simd/int8_avx512.h, and the activations of
 * simd/bf16_avx512.h, as exact as bf16. */
#include "kernels/rows.h"
#include "kernels/simd/int8_avx512.h"
#include "kernels/simd/elem_bf16_avx512.h"
#include "kernels/tmpl/activation.h"

/* Registers as in isa/avx512vnni. */
#define S8_NV                          4
#define FINISH_TABLES                  EffnetQ tables = effnet_q_load ()
#define FINISH_ACTIVATE(x, activation) effnet_bf16_activate (&tables, x, activation)
#define S8_KERNEL                      effnet_gemm_s8_bf16_6x64_avx512bf16
#include "kernels/tmpl/gemm_s8.h"

#define QUANTISE_KERNEL effnet_quantise_bf16_avx512bf16
#include "kernels/tmpl/quantise.h"
