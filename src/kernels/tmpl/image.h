/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end's inner loops over vectors. Included by a file of isa/ after a vector header and a
 * pixel header (simd/pixels_<isa>.h: px_load, px_load_tail, px_spread_block, px_transpose,
 * px_store_rgb), with IMAGE_KERNEL (op) defined as the name of its function. Each output is one
 * chain of fused additions in the order of the taps, wherever it lies in the row. */

#define IMAGE_NV 6 /* vectors of sums at once in the vertical filter */
#define IMAGE_HV (EFFNET_LANES / VF_LANES)

static EFFNET_INLINE void
vertical_columns (const EffnetResampleV *r, const EffnetElement element, size_t x,
                  const unsigned nv, size_t rest)
{
  vf sum[IMAGE_NV];

  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++)
    sum[v] = vf_zero ();
  for (size_t t = 0; t < r->taps; t++) {
    vf w = vf_set1 (r->weight[t]);

    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      sum[v] = vf_fma (rest ? px_load_tail (element, r->rows[t], x, rest)
                            : px_load (element, r->rows[t], x + v * VF_LANES),
                       w, sum[v]);
  }
  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++) {
    if (rest)
      vf_store_tail (r->out + x, sum[v], rest);
    else
      vf_store (r->out + x + v * VF_LANES, sum[v]);
  }
}

static EFFNET_INLINE void
vertical (const EffnetResampleV *r, const EffnetElement element)
{
  size_t x = 0;

  for (; r->n - x >= IMAGE_NV * VF_LANES; x += IMAGE_NV * VF_LANES)
    vertical_columns (r, element, x, IMAGE_NV, 0);
  for (; r->n - x >= VF_LANES; x += VF_LANES)
    vertical_columns (r, element, x, 1, 0);
  if (x < r->n)
    vertical_columns (r, element, x, 1, r->n - x);
}

void
IMAGE_KERNEL (resample_v) (const EffnetResampleV *r)
{
  switch (r->element) {
  case EFFNET_ELEMENT_U8:
    vertical (r, EFFNET_ELEMENT_U8);
    break;
  case EFFNET_ELEMENT_U16:
    vertical (r, EFFNET_ELEMENT_U16);
    break;
  case EFFNET_ELEMENT_F32:
    vertical (r, EFFNET_ELEMENT_F32);
    break;
  }
}

void
IMAGE_KERNEL (spread) (const EffnetSpread *s)
{
  for (size_t x = 0; x < s->n; x += EFFNET_LANES) {
    size_t n = s->n - x < EFFNET_LANES ? s->n - x : EFFNET_LANES;

    px_spread_block (s, x, n);
  }
}

/* Outputs i to i + n, n <= EFFNET_LANES, in columns; then turned into rows. */
static EFFNET_INLINE void
horizontal_block (const EffnetResampleH *h, size_t i, size_t n)
{
  float columns[EFFNET_LANES][EFFNET_LANES];
  vf low = vf_set1 (h->low), high = vf_set1 (h->high);

  for (size_t j = 0; j < n; j++) {
    const float *in = h->in + (h->first[i + j] - h->base) * EFFNET_LANES;
    const float *w = h->weight + (i + j) * h->stride;
    size_t count = h->count[i + j];
    vf sum[IMAGE_HV];

    EFFNET_UNROLL
    for (unsigned v = 0; v < IMAGE_HV; v++)
      sum[v] = vf_zero ();
    for (size_t t = 0; t < count; t++)
      EFFNET_UNROLL
    for (unsigned v = 0; v < IMAGE_HV; v++)
      sum[v] = vf_fma (vf_load (in + t * EFFNET_LANES + v * VF_LANES), vf_set1 (w[t]), sum[v]);
    EFFNET_UNROLL
    for (unsigned v = 0; v < IMAGE_HV; v++)
      vf_store (columns[j] + v * VF_LANES, vf_min (high, vf_max (low, sum[v])));
  }
  px_transpose (columns, h->out + i, h->out_stride, n);
}

void
IMAGE_KERNEL (resample_h) (const EffnetResampleH *h)
{
  for (size_t i = 0; i < h->n; i += EFFNET_LANES)
    horizontal_block (h, i, h->n - i < EFFNET_LANES ? h->n - i : EFFNET_LANES);
}

static EFFNET_INLINE vf
convert_channel (const EffnetConvert *c, unsigned k, vf a, vf b, vf d)
{
  const float *m = c->matrix + 3 * k;
  vf v = vf_fma (vf_set1 (m[0]), a,
                 vf_fma (vf_set1 (m[1]), b, vf_fma (vf_set1 (m[2]), d, vf_set1 (c->offset[k]))));

  v = vf_min (vf_set1 (255.0f), vf_max (vf_zero (), v));
  v = px_floor (vf_add (v, vf_set1 (0.5f)));
  return vf_fma (v, vf_set1 (c->scale[k]), vf_set1 (c->bias[k]));
}

void
IMAGE_KERNEL (convert) (const EffnetConvert *c)
{
  size_t x = 0;

  for (; c->n - x >= VF_LANES; x += VF_LANES) {
    vf a = vf_load (c->in[0] + x), b = vf_load (c->in[1] + x), d = vf_load (c->in[2] + x);

    px_store_rgb (c->out + 3 * x, convert_channel (c, 0, a, b, d), convert_channel (c, 1, a, b, d),
                  convert_channel (c, 2, a, b, d));
  }
  if (x < c->n) {
    size_t rest = c->n - x;
    float rgb[3 * VF_LANES];
    vf a = vf_load_tail (c->in[0] + x, rest), b = vf_load_tail (c->in[1] + x, rest);
    vf d = vf_load_tail (c->in[2] + x, rest);

    px_store_rgb (rgb, convert_channel (c, 0, a, b, d), convert_channel (c, 1, a, b, d),
                  convert_channel (c, 2, a, b, d));
    memcpy (c->out + 3 * x, rgb, 3 * rest * sizeof *rgb);
  }
}
