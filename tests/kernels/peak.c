/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What this core can multiply and add at most: a loop of nothing but the instruction that a row is
 * made of, on registers, in more chains than the units have stages. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <time.h>

enum { CHAINS = 14, ROUNDS = 5000 };

/* A line of assembly for each chain; \\i in it is the chain's register. */
#define EACH(line) ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13\n" line "\n.endr\n"

#if defined __x86_64__
#  define CLOBBERED                                                                                \
    "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13", "xmm14"
#  define CLEAR EACH ("vpxor %%xmm\\i, %%xmm\\i, %%xmm\\i") "vpxor %%xmm14, %%xmm14, %%xmm14\n"
#  define AGAIN "dec %0\n\tjnz 1b\n\tvzeroupper\n"
#elif defined __aarch64__
#  define CLOBBERED                                                                                \
    "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",  \
        "v14"
#  define CLEAR EACH ("movi v\\i\\().4s, #0") "movi v14.4s, #0\n"
#  define AGAIN "subs %0, %0, #1\n\tbne 1b\n"
#endif

#define LOOP(name, line)                                                                           \
  static void name (size_t rounds)                                                                 \
  {                                                                                                \
    __asm__ volatile(CLEAR "1:\n" EACH (line) AGAIN : "+r"(rounds) : : CLOBBERED);                 \
  }

#if defined __x86_64__
LOOP (ymm_fma, "vfmadd231ps %%ymm14, %%ymm14, %%ymm\\i")
LOOP (zmm_fma, "vfmadd231ps %%zmm14, %%zmm14, %%zmm\\i")
LOOP (zmm_dot, "vdpbf16ps %%zmm14, %%zmm14, %%zmm\\i")
#elif defined __aarch64__
LOOP (neon_fma, "fmla v\\i\\().4s, v14.4s, v14.4s")
#endif

/* The loop of a row, and how many floating-point operations its instruction does; NULL: none. */
static void (*loop_of (const EffnetKernel *row, double *flop)) (size_t)
{
#if defined __x86_64__
  gboolean dots =
      row->dtype == EFFNET_DTYPE_BF16 && (row->op == EFFNET_OP_GEMM || row->op == EFFNET_OP_CONV);

  if (row->op != EFFNET_OP_GEMM_S8 && row->isa == EFFNET_ISA_AVX2) {
    *flop = 16.0;
    return ymm_fma;
  }
  if (row->op != EFFNET_OP_GEMM_S8 &&
      (row->isa == EFFNET_ISA_AVX512 || row->isa == EFFNET_ISA_AVX512_BF16)) {
    *flop = dots ? 64.0 : 32.0;
    return dots ? zmm_dot : zmm_fma;
  }
#elif defined __aarch64__
  if (row->op != EFFNET_OP_GEMM_S8 && row->isa == EFFNET_ISA_NEON) {
    *flop = 8.0;
    return neon_fma;
  }
#endif
  (void)row;
  *flop = 0.0;
  return NULL;
}

double
check_peak (const EffnetKernel *row)
{
  double flop, best = 0.0;
  void (*loop) (size_t) = loop_of (row, &flop);

  gint64 until = g_get_monotonic_time () + 10000; /* us */

  while (loop != NULL && g_get_monotonic_time () < until) {
    struct timespec from, to;

    clock_gettime (CLOCK_MONOTONIC, &from);
    loop (ROUNDS);
    clock_gettime (CLOCK_MONOTONIC, &to);
    best = MAX (
        best, flop * CHAINS * ROUNDS /
                  ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)));
  }
  return best;
}
