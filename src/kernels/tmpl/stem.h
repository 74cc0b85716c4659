/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One output row of the stem: a dense convolution of a 3-channel float32 row. Included by a file of
 * isa/ after a vector header, an element type and activation.h; STEM_KERNEL (name, k, s) then
 * defines the row.
 *
 * STEM_PIXELS output pixels by two vectors of output channels are accumulated in registers, inputs
 * broadcast. A group whose window leaves the image, or has NULL rows, reads a zero-filled copy of
 * the window on the stack instead: a few hundred bytes, and the loop knows no edges.
 *
 * The one invariant: each output element is one chain of fused multiply-adds, bias first, taps in
 * row order. */

#ifndef STEM_PIXELS
#  define STEM_PIXELS (VF_REGISTERS / 4)
#endif
#define STEM_WINDOW(k, s) (((STEM_PIXELS - 1) * (s) + (k)) * 3)

/* tile[STEM_PIXELS][nv] = bias + taps of rows[k], each [STEM_WINDOW], output channels from n. */
static EFFNET_INLINE void
stem_group (const EffnetStem *stem, const float *const *rows, size_t n, vf *tile, const unsigned k,
            const unsigned s, const unsigned nv)
{
  const float *w = stem->weights + n;
  vf acc[STEM_PIXELS][2];

  EFFNET_UNROLL
  for (unsigned p = 0; p < STEM_PIXELS; p++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      acc[p][v] = vf_load (stem->bias + n + v * VF_LANES);
  }
  for (unsigned i = 0; i < k; i++) {
    const float *row = rows[i];

    for (unsigned tap = 0; tap < 3 * k; tap++, w += stem->weight_stride, row++) {
      vf tap_w[2];

      EFFNET_UNROLL
      for (unsigned v = 0; v < nv; v++)
        tap_w[v] = vf_load (w + v * VF_LANES);
      EFFNET_UNROLL
      for (unsigned p = 0; p < STEM_PIXELS; p++) {
        vf x = vf_set1 (row[p * 3 * s]);

        EFFNET_UNROLL
        for (unsigned v = 0; v < nv; v++)
          vf_accumulate (&acc[p][v], x, tap_w[v]);
      }
      if (VF_REGISTERS < 32) /* else GCC spills inputs kept for other pixels */
        EFFNET_FENCE ();
    }
  }
  EFFNET_UNROLL
  for (unsigned p = 0; p < STEM_PIXELS; p++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      tile[p * nv + v] = acc[p][v];
  }
}

static EFFNET_INLINE void
stem_finish_group (const EffnetStem *stem, const vf *tile, size_t x, size_t pixels, size_t n,
                   size_t channels, const EffnetActivation activation)
{
  elem *out = (elem *)stem->out + x * stem->n + n;

  for (size_t p = 0; p < pixels; p++, out += stem->n)
    for (size_t at = 0; at < channels; at += VF_LANES, tile++) {
      vf v = vf_activate (*tile, activation);

      if (channels - at >= VF_LANES)
        elem_store (out + at, v);
      else
        elem_store_tail (out + at, v, channels - at);
    }
}

static EFFNET_NOINLINE void
stem_finish (const EffnetStem *stem, const vf *tile, size_t x, size_t pixels, size_t n,
             size_t channels)
{
#define BODY(activation) stem_finish_group (stem, tile, x, pixels, n, channels, activation)
  EFFNET_FOR_ACTIVATION (stem->activation, BODY);
#undef BODY
}

/* window[row] = columns first .. first + columns - 1 of the row, zero where there are none. */
static EFFNET_INLINE void
stem_copy_window (const EffnetStem *stem, size_t row, ptrdiff_t first, size_t columns,
                  float *window)
{
  const float *in = stem->rows[row]; /* [in_w][3] */

  for (size_t i = 0; i < columns; i++, window += 3) {
    ptrdiff_t column = first + (ptrdiff_t)i;

    if (in != NULL && column >= 0 && column < (ptrdiff_t)stem->in_w)
      memcpy (window, in + column * 3, 3 * sizeof *window);
    else
      memset (window, 0, 3 * sizeof *window);
  }
}

static EFFNET_INLINE void
stem_row (const EffnetStem *stem, const unsigned k, const unsigned s)
{
  const size_t columns = (STEM_PIXELS - 1) * s + k;
  float window[3][STEM_WINDOW (3, 2)];
  const float *rows[3];
  vf tile[STEM_PIXELS * 2];

  for (size_t x = 0; x < stem->out_w; x += STEM_PIXELS) {
    ptrdiff_t first = (ptrdiff_t)(x * s) - (ptrdiff_t)stem->pad;
    size_t pixels = stem->out_w - x < STEM_PIXELS ? stem->out_w - x : STEM_PIXELS;
    int inside = first >= 0 && first + (ptrdiff_t)columns <= (ptrdiff_t)stem->in_w;

    for (unsigned i = 0; i < k; i++) {
      rows[i] = window[i];
      if (inside && stem->rows[i] != NULL)
        rows[i] = stem->rows[i] + first * 3;
      else
        stem_copy_window (stem, i, first, columns, window[i]);
    }
    for (size_t n = 0; n < stem->n; n += 2 * VF_LANES) {
      size_t channels = stem->n - n < 2 * VF_LANES ? stem->n - n : 2 * VF_LANES;

      if (channels > VF_LANES)
        stem_group (stem, rows, n, tile, k, s, 2);
      else
        stem_group (stem, rows, n, tile, k, s, 1);
      stem_finish (stem, tile, x, pixels, n, channels);
    }
  }
}

#define STEM_KERNEL(name, k, s)                                                                    \
  void name (const EffnetStem *stem)                                                               \
  {                                                                                                \
    _Static_assert((k) <= 3 && (s) <= 2, "the window on the stack");                               \
    assert (stem->kernel == (k) && stem->stride == (s));                                           \
    stem_row (stem, k, s);                                                                         \
  }
