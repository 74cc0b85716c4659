/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Activations into digits, a few pixels at a time: their largest values, their scales together,
 * then their digits while they are in L1. Included by a file of isa/ with QUANTISE_KERNEL (the
 * function's name) defined, after vector headers and an element type.
 *
 * The one invariant: each operation of the contract is one instruction and one rounding. vf_keep
 * hides the products that the compiler might fuse with a sum. */

#define QUANTISE_STEP   (4 * VF_LANES)
#define QUANTISE_PIXELS 16         /* at most: what their scales wait for overlaps */
#define QUANTISE_BYTES  (1u << 14) /* of them, half of L1 */

/* The channels from @c on, n of them, n <= VF_LANES. */
static EFFNET_INLINE vf
quantise_value (const elem *x, const float *gate, size_t c, size_t n, const int gated)
{
  vf v = n == VF_LANES ? elem_load (x + c) : elem_load_tail (x + c, n);

  if (gated)
    v = vf_mul (v, n == VF_LANES ? vf_load (gate + c) : vf_load_tail (gate + c, n));
  return v;
}

static EFFNET_INLINE vf
quantise_larger (vf a, vf v, const int is_signed)
{
  return vf_max (a, is_signed ? vf_abs (v) : v);
}

/* Of a pixel's values, or of their magnitudes. */
static EFFNET_INLINE float
quantise_largest (const EffnetQuantise *s, const elem *x, const int is_signed, const int gated)
{
  vf a = vf_set1 (-INFINITY), b = a;
  size_t c = 0;

  if (s->channels < VF_LANES) {
    float v[VF_LANES], largest = -INFINITY;

    a = quantise_value (x, s->gate, 0, s->channels, gated);
    vf_store (v, is_signed ? vf_abs (a) : a);
    for (; c < s->channels; c++)
      largest = v[c] > largest ? v[c] : largest;
    return largest;
  }
  for (; c + 2 * VF_LANES <= s->channels; c += 2 * VF_LANES) {
    a = quantise_larger (a, quantise_value (x, s->gate, c, VF_LANES, gated), is_signed);
    b = quantise_larger (b, quantise_value (x, s->gate, c + VF_LANES, VF_LANES, gated), is_signed);
  }
  for (; c < s->channels; c += VF_LANES) {
    /* the last vector ends with the pixel: a value seen twice changes no maximum */
    size_t at = c + VF_LANES <= s->channels ? c : s->channels - VF_LANES;

    a = quantise_larger (a, quantise_value (x, s->gate, at, VF_LANES, gated), is_signed);
  }
  return vf_largest (vf_max (a, b));
}

/* What pixels' values are scaled by. */
typedef struct {
  float per[QUANTISE_PIXELS], shift[QUANTISE_PIXELS], levels;
} QuantiseFactors;

/* n channels from @x on in @vectors vectors of digits, before they are clamped; zero past them. */
static EFFNET_INLINE void
quantise_round (const elem *x, const float *gate, const QuantiseFactors *f, size_t p, vi digits[4],
                const unsigned vectors, size_t n, const EffnetRange range, const int gated)
{
  EFFNET_UNROLL
  for (unsigned i = 0; i < 4; i++) {
    vf v = vf_zero ();

    if (i < vectors)
      v = quantise_value (x, gate, i * VF_LANES, i + 1 < vectors ? VF_LANES : n - i * VF_LANES,
                          gated);
    v = vf_mul (v, vf_set1 (f->per[p]));
    if (range != EFFNET_RANGE_SIGNED)
      v = vf_add (vf_keep (v), vf_set1 (f->shift[p]));
    if (range == EFFNET_RANGE_FIXED) /* the others do not leave int32 upwards */
      v = vf_min (v, vf_set1 (f->levels));
    digits[i] = i < vectors ? vi_from_float (v) : vi_zero ();
  }
}

/* What is left of a pixel, n channels, n < QUANTISE_STEP. */
static EFFNET_INLINE void
quantise_tail (const elem *x, const float *gate, const QuantiseFactors *f, size_t p, uint8_t *q,
               const ViDigits *kind, size_t n, const EffnetRange range, const int gated)
{
  vi digits[4];

  if (n > 3 * VF_LANES)
    quantise_round (x, gate, f, p, digits, 4, n, range, gated);
  else if (n > 2 * VF_LANES)
    quantise_round (x, gate, f, p, digits, 3, n, range, gated);
  else if (n > VF_LANES)
    quantise_round (x, gate, f, p, digits, 2, n, range, gated);
  else
    quantise_round (x, gate, f, p, digits, 1, n, range, gated);
  vi_store_digits_tail (q, digits, kind, n);
}

/* The factors of @n pixels from @x on, and their steps. */
static EFFNET_INLINE void
quantise_scales (const EffnetQuantise *s, const elem *x, size_t n, QuantiseFactors *f, float *step,
                 const EffnetRange range, const int gated)
{
  float span[QUANTISE_PIXELS] = {0}, steps[QUANTISE_PIXELS];
  const int is_signed = range == EFFNET_RANGE_SIGNED;

  for (size_t p = 0; p < n; p++)
    span[p] = range == EFFNET_RANGE_FIXED
                  ? s->top
                  : quantise_largest (s, x + p * s->stride, is_signed, gated);
  for (size_t p = 0; p < QUANTISE_PIXELS; p++) {
    float reach = is_signed ? span[p] : span[p] - s->low;

    reach = reach > 1e-9f ? reach : 1e-9f;
    f->per[p] = f->levels / reach;
    f->shift[p] = -s->low * f->per[p];
    steps[p] = reach / f->levels;
  }
  memcpy (step, steps, n * sizeof *step);
}

static EFFNET_INLINE void
quantise_pixel (const EffnetQuantise *s, const elem *x, const QuantiseFactors *f, size_t p,
                uint8_t *q, const ViDigits *kind, const EffnetRange range, const int gated)
{
  size_t c = 0;
  vi digits[4];

  for (; c + QUANTISE_STEP <= s->channels; c += QUANTISE_STEP) {
    quantise_round (x + c, gated ? s->gate + c : NULL, f, p, digits, 4, QUANTISE_STEP, range,
                    gated);
    vi_store_digits (q + c, digits, kind);
  }
  if (c < s->channels)
    quantise_tail (x + c, gated ? s->gate + c : NULL, f, p, q + c, kind, s->channels - c, range,
                   gated);
}

static EFFNET_INLINE void
quantise_pixels (const EffnetQuantise *s, const EffnetRange range, const int gated)
{
  const ViDigits kind = vi_digits (s->digits, range);
  const elem *x = s->x;
  uint8_t *q = s->q;
  size_t most = QUANTISE_BYTES / (s->channels * sizeof *x), n;
  QuantiseFactors f = {.levels = (float)effnet_digits_levels (s->digits, range)};

  most = most < 1 ? 1 : most > QUANTISE_PIXELS ? QUANTISE_PIXELS : most;
  for (size_t p = 0; p < s->pixels; p += n) {
    n = s->pixels - p < most ? s->pixels - p : most;
    quantise_scales (s, x, n, &f, s->step + p, range, gated);
    for (size_t i = 0; i < n; i++, x += s->stride, q += s->q_stride)
      quantise_pixel (s, x, &f, i, q, &kind, range, gated);
  }
}

#define QUANTISE_RANGE(name, range)                                                                \
  static EFFNET_NOINLINE void quantise_##name (const EffnetQuantise *s)                            \
  {                                                                                                \
    if (s->gate != NULL)                                                                           \
      quantise_pixels (s, range, 1);                                                               \
    else                                                                                           \
      quantise_pixels (s, range, 0);                                                               \
  }
QUANTISE_RANGE (signed, EFFNET_RANGE_SIGNED)
QUANTISE_RANGE (above, EFFNET_RANGE_ABOVE)
QUANTISE_RANGE (fixed, EFFNET_RANGE_FIXED)

void
QUANTISE_KERNEL (const EffnetQuantise *s)
{
  if (s->range == EFFNET_RANGE_SIGNED)
    quantise_signed (s);
  else if (s->range == EFFNET_RANGE_ABOVE)
    quantise_above (s);
  else
    quantise_fixed (s);
}
