/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What this CPU and its kernel let us use, decided once at run time: cpuid, XCR0 and the permission
 * for AMX tiles on x86, HWCAP on Arm. EFFNET_ISA caps the answer. effnet_cpu_count() is public. */
#ifndef EFFNET_BASE_CPU_H
#define EFFNET_BASE_CPU_H

#include <stdint.h>

/* Instruction sets as bundles, each a rung of its architecture's ladder. REF are the plain loops of
 * the oracle, GENERIC is portable C for the baseline CPU, BLAS is OpenBLAS. */
typedef enum {
  EFFNET_ISA_REF,
  EFFNET_ISA_GENERIC,
  EFFNET_ISA_BLAS,
  EFFNET_ISA_AVX2,        /* AVX2, FMA, F16C */
  EFFNET_ISA_AVX_VNNI,    /* AVX2 and avx_vnni: VNNI without AVX-512 */
  EFFNET_ISA_VNNI256,     /* AVX2 and VNNI on its vectors, encoded as AVX-512 */
  EFFNET_ISA_AVX512,      /* F, BW, DQ, VL */
  EFFNET_ISA_AVX512_VNNI, /* AVX512 and avx512_vnni */
  EFFNET_ISA_AVX512_BF16, /* AVX512_VNNI and avx512_bf16 */
  EFFNET_ISA_AMX,         /* AVX512_BF16, amx_tile, amx_bf16, amx_int8 and the kernel's leave */
  EFFNET_ISA_NEON,        /* AArch64 baseline */
  EFFNET_ISA_NEON_DOT,    /* NEON and dot products of signed bytes (asimddp) */
  EFFNET_ISA_NEON_I8MM,   /* NEON_DOT and products of matrices of bytes (i8mm) */
  EFFNET_ISA_NEON_BF16,   /* NEON_I8MM and bf16 */
  EFFNET_ISA_COUNT,
} EffnetIsa;

/* 1 when rows of this bundle may be run here, the cap considered.
 * EFFNET_ISA = ref, generic, sse2, blas, avx2, avxvnni, vnni256, avx512, avx512vnni, avx512bf16,
 * amx, neon, neondot, neoni8mm or neonbf16 leaves its own rung and those below it; sse2 is another
 * name of generic, and avxvnni and vnni256 stand side by side. BLAS says only that the cap leaves
 * it: whether it was built in is the kernel list's matter. */
int effnet_cpu_has (EffnetIsa isa);
/* The best bundle of instructions allowed (never BLAS): what `effnet cpu` and model-info show. */
EffnetIsa effnet_cpu_best (void);
const char *effnet_isa_name (EffnetIsa isa);
/* 0 where the kernels that OpenBLAS has for @core, found by family and model alone, would end the
 * process: virtual machines bear the names of old CPUs without what those had. */
int effnet_cpu_runs_core (const char *core);
/* "Intel(R) Xeon(R) Processor"; "unknown" where the system does not report it. */
const char *effnet_cpu_model (void);

#endif
