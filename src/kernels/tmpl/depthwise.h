/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One output row of a depthwise convolution. Included by a file of isa/ after a vector header, an
 * element type and activation.h; DEPTHWISE_KERNEL (name, k, s) then defines a row with constant
 * kernel and stride, DEPTHWISE_ANY_KERNEL (name) one for any.
 *
 * Vectors run over channels. A group of up to DEPTHWISE_PIXELS output pixels is accumulated in
 * registers: each input column under the group is loaded once per kernel row and multiplied into
 * every pixel it touches. Columns outside the image are left out by a bit mask, NULL rows by a
 * test: no padding is ever read. Sums go through a block on the stack to the activation, the pool
 * and out, or straight to out where there is only a clamp to do, and with DEPTHWISE_SWISH_PIXELS
 * through swish, too; the pool adds the values before they are rounded to T.
 *
 * With DEPTHWISE_DIGITS defined inputs are bytes and outputs digits (DEPTHWISE_U8), after
 * simd/int8_<isa>.h and simd/elem_byte.h, of constant kernels only.
 *
 * The one invariant: each output element is one chain of fused multiply-adds, bias first, taps in
 * row order, whatever group it falls in. */

#define DEPTHWISE_PIXELS 8
/* Groups of at least this many pixels apply swish in registers. */
#ifndef DEPTHWISE_SWISH_PIXELS
#  define DEPTHWISE_SWISH_PIXELS (DEPTHWISE_PIXELS + 1) /* none do */
#endif

/* The pixels of one group and the channels of one vector. */
typedef struct {
  size_t x, pixels;
  size_t c, channels; /* from c, at most VF_LANES */
  ptrdiff_t column;   /* of the first tap of the first pixel; may be negative */
  uint32_t valid;     /* bit i: column + i lies in the image */
  enum {
    DEPTHWISE_TO_STACK,
    DEPTHWISE_CLAMP,
    DEPTHWISE_SWISH
  } direct;        /* stored straight from registers */
  float low, high; /* DEPTHWISE_CLAMP */
} DepthwiseGroup;

static EFFNET_INLINE vf
depthwise_load_weights (const float *p, size_t n, const int tail)
{
  return tail ? vf_load_tail (p, n) : vf_load (p);
}

static EFFNET_INLINE vf
depthwise_load (const elem *p, size_t n, const int tail)
{
  return tail ? elem_load_tail (p, n) : elem_load (p);
}

#ifdef DEPTHWISE_DIGITS

/* The nearest digits, four pixels at a time; past the last one that one again. */
static EFFNET_INLINE void
depthwise_store (const EffnetDepthwise *d, const DepthwiseGroup *g, const vf *acc, vf *tile,
                 const unsigned pixels, const int tail)
{
  const ViDigits kind = vi_digits (d->digits, EFFNET_RANGE_FIXED);
  uint8_t *out = (uint8_t *)d->out + g->x * d->out_stride + g->c, last[4][VF_LANES];

  (void)tile;
  EFFNET_UNROLL
  for (unsigned p = 0; p < pixels; p += 4) {
    uint8_t *to[4];
    vi digits[4];

    EFFNET_UNROLL
    for (unsigned i = 0; i < 4; i++) {
      const unsigned at = p + i < pixels ? p + i : pixels - 1;

      digits[i] = vi_from_float (acc[at]);
      to[i] = tail ? last[i] : out + at * d->out_stride;
    }
    vi_store_digits_each (to, digits, &kind);
    for (unsigned i = 0; tail && i < 4 && p + i < pixels; i++)
      memcpy (out + (p + i) * d->out_stride, last[i], g->channels);
  }
}

static EFFNET_INLINE void
depthwise_finish (const EffnetDepthwise *d, const DepthwiseGroup *g, const vf *tile)
{
  (void)d, (void)g, (void)tile;
}

#else

/* The sums of whole vectors through swish to out, and to the pool. */
static EFFNET_INLINE void
depthwise_store_swish (const EffnetDepthwise *d, const DepthwiseGroup *g, const vf *acc,
                       const unsigned pixels)
{
  elem *out = (elem *)d->out + g->x * d->out_stride + g->c;
  vf sum = vf_zero ();

  EFFNET_UNROLL
  for (unsigned p = 0; p < pixels; p++, out += d->out_stride) {
    vf v = vf_activate (acc[p], EFFNET_ACTIVATION_SWISH);

    sum = vf_add (sum, v);
    elem_store (out, v);
  }
  if (d->pool != NULL)
    vf_store (d->pool + g->c, vf_add (vf_load (d->pool + g->c), sum));
}

/* What is left of a group in registers: to out, or to the stack. */
static EFFNET_INLINE void
depthwise_store (const EffnetDepthwise *d, const DepthwiseGroup *g, const vf *acc, vf *tile,
                 const unsigned pixels, const int tail)
{
  if (g->direct == DEPTHWISE_CLAMP) {
    elem *out = (elem *)d->out + g->x * d->out_stride + g->c;

    EFFNET_UNROLL
    for (unsigned p = 0; p < pixels; p++, out += d->out_stride) {
      if (tail)
        elem_store_tail (out, vf_clamp (acc[p], g->low, g->high), g->channels);
      else
        elem_store (out, vf_clamp (acc[p], g->low, g->high));
    }
    return;
  }
  if (pixels >= DEPTHWISE_SWISH_PIXELS && !tail && g->direct == DEPTHWISE_SWISH) {
    depthwise_store_swish (d, g, acc, pixels);
    return;
  }
  EFFNET_UNROLL
  for (unsigned p = 0; p < pixels; p++)
    tile[p] = acc[p];
}

static EFFNET_INLINE void
depthwise_finish_group (const EffnetDepthwise *d, const DepthwiseGroup *g, const vf *tile,
                        const EffnetActivation activation, const int tail)
{
  elem *out = (elem *)d->out + g->x * d->out_stride + g->c;
  vf sum = vf_zero ();

  for (size_t p = 0; p < g->pixels; p++, out += d->out_stride) {
    vf v = vf_activate (tile[p], activation);

    sum = vf_add (sum, v);
    if (tail)
      elem_store_tail (out, v, g->channels);
    else
      elem_store (out, v);
  }
  if (d->pool == NULL)
    return;
  if (tail)
    vf_store_tail (d->pool + g->c, vf_add (vf_load_tail (d->pool + g->c, g->channels), sum),
                   g->channels);
  else
    vf_store (d->pool + g->c, vf_add (vf_load (d->pool + g->c), sum));
}

static EFFNET_NOINLINE void
depthwise_finish (const EffnetDepthwise *d, const DepthwiseGroup *g, const vf *tile)
{
#  define BODY(activation)                                                                         \
    if (g->channels == VF_LANES)                                                                   \
      depthwise_finish_group (d, g, tile, activation, 0);                                          \
    else                                                                                           \
      depthwise_finish_group (d, g, tile, activation, 1)
  EFFNET_FOR_ACTIVATION (d->activation, BODY);
#  undef BODY
}

#endif

/* tile[pixels] or out = bias + taps; k, s, pixels, tail and edge are constants. Without @edge all
 * columns are valid. */
static EFFNET_INLINE void
depthwise_group (const EffnetDepthwise *d, const DepthwiseGroup *g, vf *tile, const unsigned k,
                 const unsigned s, const unsigned pixels, const int tail, const int edge)
{
  const unsigned columns = (pixels - 1) * s + k;
  const size_t pixel = d->in_stride * sizeof (elem), first = (size_t)g->column * pixel;
  const float *weights = d->weights + g->c;
  size_t pixel3 = 3 * pixel;
  vf acc[DEPTHWISE_PIXELS];

  EFFNET_OPAQUE (pixel3);
  acc[0] = depthwise_load_weights (d->bias + g->c, g->channels, tail);
  EFFNET_UNROLL
  for (unsigned p = 1; p < pixels; p++)
    acc[p] = acc[0];
  for (unsigned i = 0; i < k; i++, weights += k * d->weight_stride) {
    /* Addresses, not pointers: the first may lie before the row. Five columns from each base. */
    uintptr_t base[4];
    uint32_t valid = g->valid;
    vf w[5];

    if (d->rows[i] == NULL)
      continue;
    base[0] = (uintptr_t)d->rows[i] + first + g->c * sizeof (elem);
    EFFNET_UNROLL
    for (unsigned b = 1; b < 4; b++) {
      base[b] = base[b - 1] + (columns > 5 * b ? pixel3 + 2 * pixel : 0);
      EFFNET_OPAQUE (base[b]);
    }
    EFFNET_UNROLL
    for (unsigned j = 0; j < k; j++)
      w[j] = depthwise_load_weights (weights + j * d->weight_stride, g->channels, tail);
    EFFNET_OPAQUE (valid);
    EFFNET_UNROLL
    for (unsigned column = 0; column < columns; column++) {
      const unsigned step = column % 5;

      if (!edge || __builtin_expect ((valid & 1u << column) != 0, 1)) {
        uintptr_t at = base[column / 5] + (step == 3 ? pixel3 : step * pixel);
        const unsigned behind = column < k ? 0 : (column - k) / s + 1; /* pixels it is no tap of */
        vf x = depthwise_load ((const elem *)at, g->channels, tail);

        /* of one pixel only: an operand in memory, as in gemm_row () */
        if (behind + 1 < pixels && (behind + 1) * s <= column)
          x = vf_keep (x);
        EFFNET_UNROLL
        for (unsigned p = 0; p < pixels; p++)
          if (column >= p * s && column - p * s < k)
            vf_accumulate (&acc[p], x, w[column - p * s]);
      }
    }
  }
  depthwise_store (d, g, acc, tile, pixels, tail);
}

#define DEPTHWISE_CASE(pixels)                                                                     \
  case pixels:                                                                                     \
    depthwise_group (d, g, tile, k, s, pixels, tail, edge);                                        \
    break

/* Instances are what takes the compiler long. Without @edge there are those of 5 .. 8 pixels, with
 * @tail those of 1 .. 4. */
static EFFNET_INLINE void
depthwise_some_pixels (const EffnetDepthwise *d, const DepthwiseGroup *g, vf *tile,
                       const unsigned k, const unsigned s, const int tail, const int edge)
{
  if (edge)
    switch (g->pixels) {
      DEPTHWISE_CASE (1);
      DEPTHWISE_CASE (2);
      DEPTHWISE_CASE (3);
      DEPTHWISE_CASE (4);
    }
  if (!tail)
    switch (g->pixels) {
      DEPTHWISE_CASE (5);
      DEPTHWISE_CASE (6);
      DEPTHWISE_CASE (7);
      DEPTHWISE_CASE (8);
    }
}

/* Any kernel and stride: every tap loads its input again. */
static EFFNET_NOINLINE void
depthwise_any_pixels (const EffnetDepthwise *d, const DepthwiseGroup *g, vf *tile)
{
  const float *bias = d->bias + g->c;
  size_t n = g->channels;

  for (size_t p = 0; p < g->pixels; p++) {
    vf acc = vf_load_tail (bias, n);

    for (unsigned i = 0; i < d->kernel; i++) {
      const elem *row = d->rows[i];

      for (unsigned j = 0; row != NULL && j < d->kernel; j++) {
        ptrdiff_t column = g->column + (ptrdiff_t)(p * d->stride + j);
        const float *w = d->weights + (i * d->kernel + j) * d->weight_stride + g->c;

        if (column >= 0 && (size_t)column < d->in_w)
          acc = vf_fma (elem_load_tail (row + (size_t)column * d->in_stride + g->c, n),
                        vf_load_tail (w, n), acc);
      }
    }
    tile[p] = acc;
  }
}

/* The whole vectors of a group. */
static EFFNET_INLINE void
depthwise_vectors (const EffnetDepthwise *d, DepthwiseGroup *g, const unsigned k, const unsigned s,
                   const int edge)
{
  for (g->c = 0; d->channels - g->c >= VF_LANES; g->c += VF_LANES) {
    vf tile[DEPTHWISE_PIXELS];

    if (k == 0)
      depthwise_any_pixels (d, g, tile);
    else
      depthwise_some_pixels (d, g, tile, k, s, 0, edge);
    if (g->direct == DEPTHWISE_TO_STACK)
      depthwise_finish (d, g, tile);
  }
}

/* The channels after them, fewer than a vector: four pixels at a time. */
static EFFNET_INLINE void
depthwise_tail (const EffnetDepthwise *d, const DepthwiseGroup *g, const unsigned k,
                const unsigned s)
{
  DepthwiseGroup part = *g;
  vf tile[DEPTHWISE_PIXELS];

  if (k == 0)
    depthwise_any_pixels (d, g, tile);
  else
    for (size_t p = 0; p < g->pixels; p += part.pixels) {
      part.x = g->x + p;
      part.pixels = g->pixels - p < 4 ? g->pixels - p : 4;
      part.column = g->column + (ptrdiff_t)(p * s);
      part.valid = g->valid >> p * s;
      depthwise_some_pixels (d, &part, tile + p, k, s, 1, 1);
    }
  if (g->direct == DEPTHWISE_TO_STACK)
    depthwise_finish (d, g, tile);
}

/* A row's work on a group, with constant kernel and stride. */
typedef struct {
  void (*inside) (const EffnetDepthwise *d, DepthwiseGroup *g);
  void (*edge) (const EffnetDepthwise *d, DepthwiseGroup *g);
  void (*tail) (const EffnetDepthwise *d, const DepthwiseGroup *g);
} DepthwiseWork;

/* All channels of a group. */
static EFFNET_INLINE void
depthwise_channels (const EffnetDepthwise *d, DepthwiseGroup *g, const DepthwiseWork *work,
                    const unsigned k, const unsigned s)
{
  int inside =
      g->column >= 0 && g->column + (ptrdiff_t)((g->pixels - 1) * s + k) <= (ptrdiff_t)d->in_w;
  int clamps =
      vf_activation_is_clamp (d->activation, &g->low, &g->high) && d->pool == NULL && k > 0;

  g->direct = clamps ? DEPTHWISE_CLAMP : DEPTHWISE_TO_STACK;
  if (d->activation == EFFNET_ACTIVATION_SWISH && k > 0 && g->pixels >= DEPTHWISE_SWISH_PIXELS)
    g->direct = DEPTHWISE_SWISH;
  g->channels = VF_LANES;
  if (inside && g->pixels > 4)
    work->inside (d, g);
  else
    work->edge (d, g);
  if (g->c < d->channels) {
    g->channels = d->channels - g->c;
    g->direct = clamps ? DEPTHWISE_CLAMP : DEPTHWISE_TO_STACK;
    work->tail (d, g);
  }
}

/* Groups of nearly equal size, so that none is left with one pixel and one dependent chain. */
static EFFNET_INLINE void
depthwise_row (const EffnetDepthwise *d, const DepthwiseWork *work, const unsigned k,
               const unsigned s)
{
  size_t groups = (d->out_w + DEPTHWISE_PIXELS - 1) / DEPTHWISE_PIXELS;
  DepthwiseGroup g = {.x = 0};

  for (size_t left = groups; left > 0; left--, g.x += g.pixels) {
    g.pixels = (d->out_w - g.x + left - 1) / left;
    g.column = (ptrdiff_t)(g.x * d->stride) - (ptrdiff_t)d->pad;
    g.valid = 0;
    for (unsigned i = 0; k > 0 && i < (DEPTHWISE_PIXELS - 1) * s + k; i++)
      if (g.column + (ptrdiff_t)i >= 0 && g.column + (ptrdiff_t)i < (ptrdiff_t)d->in_w)
        g.valid |= 1u << i;
    depthwise_channels (d, &g, work, k, s);
  }
}

#define DEPTHWISE_WORK(name, k, s)                                                                 \
  static EFFNET_NOINLINE void name##_inside (const EffnetDepthwise *d, DepthwiseGroup *g)          \
  {                                                                                                \
    depthwise_vectors (d, g, k, s, 0);                                                             \
  }                                                                                                \
  static EFFNET_NOINLINE void name##_edge (const EffnetDepthwise *d, DepthwiseGroup *g)            \
  {                                                                                                \
    depthwise_vectors (d, g, k, s, 1);                                                             \
  }                                                                                                \
  static EFFNET_NOINLINE void name##_tail (const EffnetDepthwise *d, const DepthwiseGroup *g)      \
  {                                                                                                \
    depthwise_tail (d, g, k, s);                                                                   \
  }                                                                                                \
  static const DepthwiseWork name##_work = {name##_inside, name##_edge, name##_tail};
#define DEPTHWISE_KERNEL(name, k, s)                                                               \
  DEPTHWISE_WORK (name, k, s)                                                                      \
  void name (const EffnetDepthwise *d)                                                             \
  {                                                                                                \
    assert (d->kernel == (k) && d->stride == (s));                                                 \
    depthwise_row (d, &name##_work, k, s);                                                         \
  }
#define DEPTHWISE_ANY_KERNEL(name)                                                                 \
  DEPTHWISE_WORK (name, 0, 0)                                                                      \
  void name (const EffnetDepthwise *d)                                                             \
  {                                                                                                \
    depthwise_row (d, &name##_work, 0, 0);                                                         \
  }
