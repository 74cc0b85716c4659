/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the vector headers and templates ask of the compiler beyond C11. */
#ifndef EFFNET_KERNELS_SIMD_INLINE_H
#define EFFNET_KERNELS_SIMD_INLINE_H

/* The attribute unused: no template needs every name of a vector header. */
#define EFFNET_INLINE   inline __attribute__ ((always_inline, unused))
#define EFFNET_NOINLINE __attribute__ ((noinline, unused))

/* Before a loop with a constant count whose accumulators are to live in registers. */
#ifdef __clang__
#  define EFFNET_UNROLL _Pragma ("clang loop unroll(full)")
#else
#  define EFFNET_UNROLL _Pragma ("GCC unroll 32")
#endif

/* Hides a value's origin from the compiler. Loops over several rows step a few opaque base
 * pointers and reach the other rows by index registers; left alone, both compilers give each row a
 * pointer of its own and run out of registers. */
#define EFFNET_OPAQUE(x) __asm__("" : "+r"(x))

/* A barrier for loads. In a loop unrolled by hand whose accumulators take most registers, the
 * scheduler would else gather loads of several steps and spill what they displace. */
#define EFFNET_FENCE() __asm__ volatile("" ::: "memory")

#endif
