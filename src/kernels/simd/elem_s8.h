/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * T = int8 over any simd/int8_<isa>.h, with the names of elem_f32.h, of weights only: nothing is
 * stored. */
#ifndef EFFNET_KERNELS_SIMD_ELEM_S8_H
#define EFFNET_KERNELS_SIMD_ELEM_S8_H

#include <string.h>

typedef int8_t elem;

static EFFNET_INLINE vf
elem_load (const elem *p)
{
  return vf_load_s8 (p);
}

static EFFNET_INLINE vf
elem_load_tail (const elem *p, size_t n)
{
  elem lanes[VF_LANES] = {0};

  memcpy (lanes, p, n);
  return vf_load_s8 (lanes);
}

#endif
