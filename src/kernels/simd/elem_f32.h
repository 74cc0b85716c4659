/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * T = float32 for the templates of tmpl/: how activations are loaded into vectors of float32 and
 * stored from them. An element type is such a header; the templates know no other. */
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

/* *p in every lane. */
static EFFNET_INLINE vf
elem_broadcast (const elem *p)
{
  return vf_set1 (*p);
}

#endif
