/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * T = unsigned bytes over any simd/int8_<isa>.h, with the names of elem_f32.h. They are stored as
 * digits, several vectors at a time. */
#ifndef EFFNET_KERNELS_SIMD_ELEM_U8_H
#define EFFNET_KERNELS_SIMD_ELEM_U8_H

#include <string.h>

typedef uint8_t elem;

static EFFNET_INLINE vf
elem_load (const elem *p)
{
  return vf_load_u8 (p);
}

static EFFNET_INLINE vf
elem_load_tail (const elem *p, size_t n)
{
  elem lanes[VF_LANES] = {0};

  memcpy (lanes, p, n);
  return vf_load_u8 (lanes);
}

#endif
