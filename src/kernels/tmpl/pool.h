/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sum over pixels. Included by a file of isa/ after a vector and an element header, with
 * POOL_KERNEL (the function's name) defined. Each channel is one chain of additions, pixels
 * ascending. */

#define POOL_NV 4

/* sum[c ..] += columns of nv vectors, or of one of @tail elements. */
static EFFNET_INLINE void
pool_columns (const EffnetPoolSum *p, size_t c, const unsigned nv, size_t tail)
{
  const elem *x = (const elem *)p->x + c;
  vf sum[POOL_NV];

  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++)
    sum[v] = tail ? vf_load_tail (p->sum + c, tail) : vf_load (p->sum + c + v * VF_LANES);
  for (size_t i = 0; i < p->pixels; i++, x += p->stride) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      sum[v] = vf_add (sum[v], tail ? elem_load_tail (x, tail) : elem_load (x + v * VF_LANES));
  }
  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++) {
    if (tail)
      vf_store_tail (p->sum + c, sum[v], tail);
    else
      vf_store (p->sum + c + v * VF_LANES, sum[v]);
  }
}

void
POOL_KERNEL (const EffnetPoolSum *p)
{
  size_t c = 0;

  for (; p->channels - c >= POOL_NV * VF_LANES; c += POOL_NV * VF_LANES)
    pool_columns (p, c, POOL_NV, 0);
  for (; p->channels - c >= VF_LANES; c += VF_LANES)
    pool_columns (p, c, 1, 0);
  if (c < p->channels)
    pool_columns (p, c, 1, p->channels - c);
}
