/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * T = float32 for the templates that serve several T (pool, fc, scale): how elements are loaded
 * into vectors of float32 and stored from them. An element type is a header with these names. */
#ifndef EFFNET_KERNELS_SIMD_ELEM_F32_H
#define EFFNET_KERNELS_SIMD_ELEM_F32_H

typedef float elem;

static EFFNET_INLINE vf
elem_load (const elem *p)
{
  return vf_load (p);
}

static EFFNET_INLINE vf
elem_load_tail (const elem *p, size_t n)
{
  return vf_load_tail (p, n);
}

static EFFNET_INLINE void
elem_store (elem *p, vf v)
{
  vf_store (p, v);
}

static EFFNET_INLINE void
elem_store_tail (elem *p, vf v, size_t n)
{
  vf_store_tail (p, v, n);
}

#endif
