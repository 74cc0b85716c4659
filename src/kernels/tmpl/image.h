/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end's filter of rows and its colours, over vectors. Included by a file of isa/ after a
 * pixel header (simd/pixels_<isa>.h), with IMAGE_KERNEL (op) defined as the name of its function.
 * Each output is one chain of fused additions in the order of the taps, wherever it lies in the
 * row. The filter of columns is in tmpl/resample_h.h. */

#define IMAGE_NV (VF_REGISTERS / 2) /* vectors of sums at once in the vertical filter */

static EFFNET_INLINE void
resample_v_columns (const EffnetResampleV *r, size_t x, const unsigned nv)
{
  vf sum[IMAGE_NV];

  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++)
    sum[v] = vf_zero ();
  for (size_t t = 0; t < r->taps; t++) {
    vf w = vf_set1 (r->weight[t]);

    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      sum[v] = vf_fma (vf_load (r->rows[t] + x + v * VF_LANES), w, sum[v]);
  }
  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++)
    vf_store (r->out + x + v * VF_LANES, sum[v]);
}

void
IMAGE_KERNEL (resample_v_f32) (const EffnetResampleV *r)
{
  size_t x = 0;

  for (; r->n - x >= IMAGE_NV * VF_LANES; x += IMAGE_NV * VF_LANES)
    resample_v_columns (r, x, IMAGE_NV);
  for (; r->n - x >= 2 * VF_LANES; x += 2 * VF_LANES)
    resample_v_columns (r, x, 2);
  for (; r->n - x >= VF_LANES; x += VF_LANES)
    resample_v_columns (r, x, 1);
  if (x < r->n) {
    vf sum = vf_zero ();

    for (size_t t = 0; t < r->taps; t++)
      sum = vf_fma (vf_load_tail (r->rows[t] + x, r->n - x), vf_set1 (r->weight[t]), sum);
    vf_store_tail (r->out + x, sum, r->n - x);
  }
}

static EFFNET_INLINE vf
convert_value (vf v, vf scale, vf bias)
{
  v = vf_min (vf_set1 (255.0f), vf_max (vf_zero (), v));
  return vf_fma (px_floor (vf_add (v, vf_set1 (0.5f))), scale, bias);
}

static EFFNET_INLINE vf
convert_channel (const EffnetConvert *c, unsigned k, vf a, vf b, vf d)
{
  const float *m = c->matrix + 3 * k;
  vf v = vf_fma (vf_set1 (m[0]), a,
                 vf_fma (vf_set1 (m[1]), b, vf_fma (vf_set1 (m[2]), d, vf_set1 (c->offset[k]))));

  return convert_value (v, vf_set1 (c->scale[k]), vf_set1 (c->bias[k]));
}

/* @n <= VF_LANES pixels from @x on, the first component's samples @step apart, the others'
 * @others_step.
 */
static EFFNET_INLINE void
convert_pixels (const EffnetConvert *c, const size_t step, const size_t others_step, size_t x,
                size_t n, float *out)
{
  vf a = px_load_step (c->in[0] + x * step, step, n);
  vf b = px_load_step (c->in[1] + x * others_step, others_step, n);
  vf d = px_load_step (c->in[2] + x * others_step, others_step, n);

  px_store_rgb (out, convert_channel (c, 0, a, b, d), convert_channel (c, 1, a, b, d),
                convert_channel (c, 2, a, b, d));
}

static EFFNET_INLINE void
convert_row (const EffnetConvert *c, const size_t step, const size_t others_step)
{
  float rgb[3 * VF_LANES];
  size_t x = 0;

  for (; c->n - x >= VF_LANES; x += VF_LANES)
    convert_pixels (c, step, others_step, x, VF_LANES, c->out + 3 * x);
  if (x < c->n) {
    convert_pixels (c, step, others_step, x, c->n - x, rgb);
    memcpy (c->out + 3 * x, rgb, 3 * (c->n - x) * sizeof *rgb);
  }
}

/* One factor or summand for each lane's channel, for three vectors of packed pixels. */
static EFFNET_INLINE void
convert_cycle (const float *of_channel, size_t step, vf lanes[3])
{
  float all[VF_LANES + 2];

  for (unsigned i = 0; i < VF_LANES + 2; i++)
    all[i] = of_channel[i % 3 * step];
  for (unsigned q = 0; q < 3; q++)
    lanes[q] = vf_load (all + q * VF_LANES % 3);
}

/* Packed pixels whose channels stay what they are: nothing has to be deinterleaved. */
static EFFNET_INLINE void
convert_packed (const EffnetConvert *c)
{
  size_t n = 3 * c->n, x = 0;
  vf gain[3], offset[3], scale[3], bias[3];

  convert_cycle (c->matrix, 4, gain);
  convert_cycle (c->offset, 1, offset);
  convert_cycle (c->scale, 1, scale);
  convert_cycle (c->bias, 1, bias);
  for (; n - x >= 3 * VF_LANES; x += 3 * VF_LANES) {
    EFFNET_UNROLL
    for (unsigned q = 0; q < 3; q++) {
      vf v = vf_fma (gain[q], vf_load (c->in[0] + x + q * VF_LANES), offset[q]);

      vf_store (c->out + x + q * VF_LANES, convert_value (v, scale[q], bias[q]));
    }
  }
  for (unsigned q = 0; x < n; q++, x += VF_LANES) {
    size_t left = n - x < VF_LANES ? n - x : VF_LANES;
    vf v = vf_fma (gain[q], vf_load_tail (c->in[0] + x, left), offset[q]);

    vf_store_tail (c->out + x, convert_value (v, scale[q], bias[q]), left);
  }
}

static EFFNET_INLINE int
convert_stays_packed (const EffnetConvert *c)
{
  const float *m = c->matrix;

  return c->step[0] == 3 && c->step[1] == 3 && c->in[1] == c->in[0] + 1 &&
         c->in[2] == c->in[0] + 2 && m[1] == 0 && m[2] == 0 && m[3] == 0 && m[5] == 0 &&
         m[6] == 0 && m[7] == 0;
}

/* Planes, a plane and one of pairs, packed pixels; any other step. */
void
IMAGE_KERNEL (convert_f32) (const EffnetConvert *c)
{
  assert (c->step[1] == c->step[2]);
  if (convert_stays_packed (c))
    convert_packed (c);
  else if (c->step[0] == 1 && c->step[1] == 1)
    convert_row (c, 1, 1);
  else if (c->step[0] == 1 && c->step[1] == 2)
    convert_row (c, 1, 2);
  else if (c->step[0] == 3 && c->step[1] == 3)
    convert_row (c, 3, 3);
  else
    convert_row (c, c->step[0], c->step[1]);
}
