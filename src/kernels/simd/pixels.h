/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the pixel headers share: loops that shuffle single floats, for where no shuffles are
 * written, and tails by way of the stack. Included after a vector header and px_load_u8 () and
 * px_load_u16 (). */

static EFFNET_INLINE vf
px_load (const EffnetElement element, const void *row, size_t x)
{
  const uint8_t *bytes = (const uint8_t *)row;

  if (element == EFFNET_ELEMENT_U8)
    return px_load_u8 (bytes + x);
  if (element == EFFNET_ELEMENT_U16)
    return px_load_u16 (bytes + 2 * x);
  return vf_load ((const float *)row + x);
}

static EFFNET_INLINE vf
px_load_tail (const EffnetElement element, const void *row, size_t x, size_t n)
{
  const uint8_t *bytes = (const uint8_t *)row;
  uint8_t copy[2 * VF_LANES] = {0};

  if (element == EFFNET_ELEMENT_F32)
    return vf_load_tail ((const float *)row + x, n);
  if (element == EFFNET_ELEMENT_U8)
    memcpy (copy, bytes + x, n);
  else
    memcpy (copy, bytes + 2 * x, 2 * n);
  return px_load (element, copy, 0);
}

#ifndef PX_OWN_SHUFFLES
static EFFNET_INLINE float
px_sample (const EffnetElement element, const void *row, size_t x)
{
  const uint8_t *bytes = (const uint8_t *)row;
  uint16_t v;

  if (element == EFFNET_ELEMENT_U8)
    return bytes[x];
  if (element == EFFNET_ELEMENT_F32)
    return ((const float *)row)[x];
  memcpy (&v, bytes + 2 * x, sizeof v);
  return v;
}

static EFFNET_INLINE void
px_spread_element (const EffnetSpread *s, const EffnetElement element, size_t x, size_t n)
{
  for (size_t i = x; i < x + n; i++)
    for (unsigned lane = 0; lane < EFFNET_LANES; lane++)
      s->out[i * EFFNET_LANES + lane] = px_sample (element, s->rows[lane], i * s->step);
}

static EFFNET_INLINE void
px_spread_block (const EffnetSpread *s, size_t x, size_t n)
{
  if (s->element == EFFNET_ELEMENT_U8)
    px_spread_element (s, EFFNET_ELEMENT_U8, x, n);
  else if (s->element == EFFNET_ELEMENT_U16)
    px_spread_element (s, EFFNET_ELEMENT_U16, x, n);
  else
    px_spread_element (s, EFFNET_ELEMENT_F32, x, n);
}

/* out[lane][j] = columns[j][lane], j < n */
static EFFNET_INLINE void
px_transpose (float columns[EFFNET_LANES][EFFNET_LANES], float *out, size_t stride, size_t n)
{
  for (size_t lane = 0; lane < EFFNET_LANES; lane++)
    for (size_t j = 0; j < n; j++)
      out[lane * stride + j] = columns[j][lane];
}

static EFFNET_INLINE void
px_store_rgb (float *out, vf r, vf g, vf b)
{
  float planes[3][VF_LANES];

  vf_store (planes[0], r);
  vf_store (planes[1], g);
  vf_store (planes[2], b);
  for (unsigned i = 0; i < VF_LANES; i++)
    for (unsigned k = 0; k < 3; k++)
      out[3 * i + k] = planes[k][i];
}
#endif
