/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Matrix times vector; weights of T, all else float32. Included after a vector header, an element
 * header and activation.h, with FC_KERNEL (the function's name) defined; and FC_SCALED where each
 * sum has a scale.
 *
 * Weights are [k][n]: vectors run over n, and a block of FC_NV vectors goes down all of k. The one
 * invariant: each output is ((s0 + s1) + (s2 + s3)), s_i the chain of fused multiply-adds over
 * k = i, i + 4, ..., bias first in s0 unless there are scales, whatever block it falls in. Four
 * chains, since narrow layers (squeeze: n = 8 .. 48) would else wait for one. */

#define FC_NV     (VF_REGISTERS / 8)
#define FC_CHAINS 4
#define FC_AHEAD  16 /* rows: a block reads a few lines of each, too few for hardware to follow */

static EFFNET_INLINE vf
fc_load (const float *p, size_t tail)
{
  return tail ? vf_load_tail (p, tail) : vf_load (p);
}

/* y[j ..], nv vectors, or one of @tail elements. */
static EFFNET_INLINE void
fc_columns (const EffnetFc *f, size_t j, const unsigned nv, size_t tail)
{
  const elem *w = (const elem *)f->w + j;
  vf acc[FC_CHAINS][FC_NV];
  size_t k = 0;

  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++) {
#ifdef FC_SCALED
    acc[0][v] = vf_zero ();
#else
    acc[0][v] = fc_load (f->bias + j + v * VF_LANES, tail);
#endif
    EFFNET_UNROLL
    for (unsigned chain = 1; chain < FC_CHAINS; chain++)
      acc[chain][v] = vf_zero ();
  }
#define FC_STEP(chain)                                                                             \
  do {                                                                                             \
    vf x = vf_set1 (f->x[k + (chain)]);                                                            \
    EFFNET_UNROLL                                                                                  \
    for (unsigned v = 0; v < nv; v++) {                                                            \
      const elem *at = w + v * VF_LANES;                                                           \
      acc[chain][v] =                                                                              \
          vf_fma (x, tail ? elem_load_tail (at, tail) : elem_load (at), acc[chain][v]);            \
    }                                                                                              \
    w += f->w_stride;                                                                              \
  } while (0)
  for (; f->k - k >= FC_CHAINS; k += FC_CHAINS) {
    if (k + FC_AHEAD + FC_CHAINS <= f->k)
      for (unsigned chain = 0; chain < FC_CHAINS; chain++)
        for (unsigned v = 0; v < nv; v++)
          vf_prefetch (w + (FC_AHEAD + chain) * f->w_stride + v * VF_LANES);
    FC_STEP (0);
    FC_STEP (1);
    FC_STEP (2);
    FC_STEP (3);
  }
  if (k < f->k)
    FC_STEP (0);
  if (k + 1 < f->k)
    FC_STEP (1);
  if (k + 2 < f->k)
    FC_STEP (2);
#undef FC_STEP

  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++) {
    vf y = vf_add (vf_add (acc[0][v], acc[1][v]), vf_add (acc[2][v], acc[3][v]));

#ifdef FC_SCALED
    y = vf_fma (y, fc_load (f->scale + j + v * VF_LANES, tail),
                fc_load (f->bias + j + v * VF_LANES, tail));
#endif
    y = vf_activate (y, f->activation);
    if (tail)
      vf_store_tail (f->y + j, y, tail);
    else
      vf_store (f->y + j + v * VF_LANES, y);
  }
}

void
FC_KERNEL (const EffnetFc *f)
{
  size_t j = 0;

  for (; f->n - j >= FC_NV * VF_LANES; j += FC_NV * VF_LANES)
    fc_columns (f, j, FC_NV, 0);
  for (; f->n - j >= VF_LANES; j += VF_LANES)
    fc_columns (f, j, 1, 0);
  if (j < f->n)
    fc_columns (f, j, 1, f->n - j);
}
