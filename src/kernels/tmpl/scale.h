/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The squeeze-excite gate, on activations or on packed weights. Included by a file of isa/ after a
 * vector and an element header, with SCALE_ROWS_KERNEL and, for float32, SCALE_PANELS_KERNEL (the
 * functions' names) defined. One rounding an element, but of a residual: exact. */

#ifdef SCALE_ROWS_KERNEL
static EFFNET_NOINLINE void
scale_and_add (const EffnetScaleRows *s)
{
  elem *x = s->x;
  const elem *r = s->residual;

  for (size_t p = 0; p < s->pixels; p++, x += s->stride, r += s->stride) {
    size_t c = 0;

    for (; s->channels - c >= VF_LANES; c += VF_LANES)
      elem_store (x + c, vf_fma (elem_load (x + c), vf_load (s->gate + c), elem_load (r + c)));
    if (c < s->channels) {
      size_t tail = s->channels - c;

      elem_store_tail (x + c,
                       vf_fma (elem_load_tail (x + c, tail), vf_load_tail (s->gate + c, tail),
                               elem_load_tail (r + c, tail)),
                       tail);
    }
  }
}

void
SCALE_ROWS_KERNEL (const EffnetScaleRows *s)
{
  elem *x = s->x;

  if (s->residual != NULL) {
    scale_and_add (s);
    return;
  }
  for (size_t p = 0; p < s->pixels; p++, x += s->stride) {
    size_t c = 0;

    for (; s->channels - c >= VF_LANES; c += VF_LANES)
      elem_store (x + c, vf_mul (elem_load (x + c), vf_load (s->gate + c)));
    if (c < s->channels) {
      size_t tail = s->channels - c;

      elem_store_tail (
          x + c, vf_mul (elem_load_tail (x + c, tail), vf_load_tail (s->gate + c, tail)), tail);
    }
  }
}
#endif

#ifdef SCALE_PANELS_KERNEL
/* out[nr] = in[nr] * gate */
static EFFNET_INLINE void
scale_columns (const float *in, float *out, size_t nr, float gate)
{
  vf g = vf_set1 (gate);
  size_t j = 0;

  for (; nr - j >= VF_LANES; j += VF_LANES)
    vf_store (out + j, vf_mul (vf_load (in + j), g));
  if (j < nr)
    vf_store_tail (out + j, vf_mul (vf_load_tail (in + j, nr - j), g), nr - j);
}

/* A block of kr > 1 interleaves its gates; none of the float32 packings here has one. */
static EFFNET_NOINLINE void
scale_block (const EffnetScalePanels *s, const float *in, float *out, size_t k)
{
  for (size_t j = 0; j < s->nr; j++)
    for (size_t i = 0; i < s->kr; i++)
      out[j * s->kr + i] = k + i < s->k ? in[j * s->kr + i] * s->gate[k + i] : 0.0f;
}

void
SCALE_PANELS_KERNEL (const EffnetScalePanels *s)
{
  size_t block = (size_t)s->nr * s->kr;

  for (size_t panel = 0; panel < s->panels; panel++) {
    const float *in =
        (const float *)s->packed + panel * s->panel_stride; /* [ceil (k/kr)][nr][kr] */
    float *out = (float *)s->out + panel * s->panel_stride;

    for (size_t k = 0; k < s->k; k += s->kr, in += block, out += block) {
      if (s->kr == 1)
        scale_columns (in, out, s->nr, s->gate[k]);
      else
        scale_block (s, in, out, k);
    }
  }
}
#endif
