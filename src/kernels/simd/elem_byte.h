/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * T = int8, or with ELEM_UNSIGNED defined unsigned bytes, over any simd/int8_<isa>.h, with the
 * names of elem_f32.h: loads only. */
#ifndef EFFNET_KERNELS_SIMD_ELEM_BYTE_H
#define EFFNET_KERNELS_SIMD_ELEM_BYTE_H

#include <string.h>

#ifdef ELEM_UNSIGNED
typedef uint8_t elem;
#  define ELEM_LOAD vf_load_u8
#else
typedef int8_t elem;
#  define ELEM_LOAD vf_load_s8
#endif

static EFFNET_INLINE vf
elem_load (const elem *p)
{
  return ELEM_LOAD (p);
}

static EFFNET_INLINE vf
elem_load_tail (const elem *p, size_t n)
{
  elem lanes[VF_LANES] = {0};

  memcpy (lanes, p, n);
  return ELEM_LOAD (lanes);
}

#endif
