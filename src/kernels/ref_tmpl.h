/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Loops of the reference for one element type; ref.c includes it with T, LOAD, STORE and REF
 * defined. */
#include "kernels/ref_depthwise.h"

void
REF (gemm) (const EffnetGemm *g)
{
  const T *a = g->a, *b = g->b, *residual = g->residual;
  T *c = g->c;

  for (size_t i = 0; i < g->m; i++) {
    for (size_t j = 0; j < g->n; j++) {
      double sum = g->bias[j];

      for (size_t k = 0; k < g->k; k++)
        sum += (double)LOAD (a[i * g->lda + k]) * (double)LOAD (b[j * g->k + k]);
      sum = activate (sum, g->activation);
      if (residual != NULL)
        sum += LOAD (residual[i * g->ldr + j]);
      c[i * g->ldc + j] = STORE (sum);
    }
  }
}

/* The products of a window whose first pixel is at row @y, column @x. */
static double
REF (window) (const EffnetConvolution *g, ptrdiff_t y, ptrdiff_t x,
              const T *w /* [kernel][kernel][channels] */)
{
  double sum = 0;

  for (unsigned r = 0; r < g->kernel; r++)
    for (unsigned s = 0; s < g->kernel; s++, w += g->channels) {
      size_t row = (size_t)(y + (ptrdiff_t)r), column = (size_t)(x + (ptrdiff_t)s);
      const T *in = g->in;

      if (row >= g->in_h || column >= g->in_w) /* or negative */
        continue;
      in += row * g->in_row + column * g->channels;
      for (size_t c = 0; c < g->channels; c++)
        sum += (double)LOAD (in[c]) * (double)LOAD (w[c]);
    }
  return sum;
}

void
REF (conv) (const EffnetConvolution *g)
{
  const T *b = g->b, *residual = g->residual; /* b [n][kernel][kernel][channels] */
  T *out = g->out;
  size_t k = (size_t)g->kernel * g->kernel * g->channels;

  for (size_t y = 0; y < g->out_h; y++)
    for (size_t x = 0; x < g->out_w; x++)
      for (size_t j = 0; j < g->n; j++) {
        double sum = REF (window) (g, g->top + (ptrdiff_t)(y * g->stride),
                                   g->left + (ptrdiff_t)(x * g->stride), b + j * k);

        sum = activate (g->bias[j] + sum, g->activation);
        if (residual != NULL)
          sum += LOAD (residual[y * g->residual_row + x * g->ldr + j]);
        out[y * g->out_row + x * g->ldc + j] = STORE (sum);
      }
}

void
REF (gemm_s8) (const EffnetGemmS8 *g)
{
  const uint8_t *a = g->a;
  const T *residual = g->residual;
  T *c = g->c;

  for (size_t i = 0; i < g->m; i++) {
    for (size_t j = 0; j < g->n; j++) {
      int32_t sum = g->start[j];
      double y;

      for (size_t k = 0; k < g->k; k++)
        sum += a[i * g->lda + k] * g->b[j * g->k + k];
      y = g->bias[j] + (double)effnet_gemm_s8_step (g, i) * g->scale[j] * sum;
      if (g->to_bytes) {
        ((uint8_t *)g->c)[i * g->ldc + j] = (uint8_t)nearest (y, 255);
        continue;
      }
      y = activate (y, g->activation);
      if (residual != NULL)
        y += LOAD (residual[i * g->ldr + j]);
      c[i * g->ldc + j] = STORE (y);
    }
  }
}

void
REF (quantise) (const EffnetQuantise *s)
{
  const T *x = s->x;
  const int is_signed = s->range == EFFNET_RANGE_SIGNED;
  const float levels = (float)effnet_digits_levels (s->digits, s->range);
  const float least = is_signed ? -levels : 0.0f;
  const int zero = effnet_digits_zero (s->digits, s->range);

  for (size_t p = 0; p < s->pixels; p++, x += s->stride) {
    uint8_t *q = (uint8_t *)s->q + p * s->q_stride;
    float span = s->range == EFFNET_RANGE_FIXED ? s->top : -INFINITY, per, shift;

    for (size_t c = 0; s->range != EFFNET_RANGE_FIXED && c < s->channels; c++) {
      float v = s->gate != NULL ? LOAD (x[c]) * s->gate[c] : LOAD (x[c]);

      v = is_signed ? fabsf (v) : v;
      span = v > span ? v : span;
    }
    span = is_signed ? span : span - s->low;
    span = span > 1e-9f ? span : 1e-9f;
    per = levels / span;
    shift = is_signed ? 0.0f : -s->low * per;
    s->step[p] = span / levels;
    for (size_t c = 0; c < s->channels; c++) {
      float v = s->gate != NULL ? LOAD (x[c]) * s->gate[c] : LOAD (x[c]);
      float digit = rintf (v * per + shift);

      digit = digit > least ? digit : least;
      digit = digit < levels ? digit : levels;
      q[c] = (uint8_t)((int)digit + zero);
    }
  }
}

void
REF (depthwise) (const EffnetDepthwise *d)
{
  T *out = d->out;

  for (size_t c = 0; c < d->channels; c++) {
    double pool = 0.0;

    for (size_t x = 0; x < d->out_w; x++) {
      double sum = activate (REF (depthwise_sum) (d, x, c), d->activation);

      pool += sum;
      out[x * d->out_stride + c] = STORE (sum);
    }
    if (d->pool != NULL)
      d->pool[c] = (float)(d->pool[c] + pool);
  }
}

void
REF (stem) (const EffnetStem *s)
{
  T *out = s->out;

  for (size_t x = 0; x < s->out_w; x++) {
    for (size_t n = 0; n < s->n; n++) {
      double sum = s->bias[n];

      for (unsigned i = 0; i < s->kernel; i++) {
        const float *row = s->rows[i]; /* [in_w][3] */

        for (unsigned j = 0; j < s->kernel; j++) {
          size_t column = x * s->stride + j; /* counted from the left pad */

          if (row == NULL || column < s->pad || column - s->pad >= s->in_w)
            continue;
          for (unsigned c = 0; c < 3; c++)
            sum += (double)row[(column - s->pad) * 3 + c] *
                   s->weights[((i * s->kernel + j) * 3 + c) * s->weight_stride + n];
        }
      }
      out[x * s->n + n] = STORE (activate (sum, s->activation));
    }
  }
}

void
REF (pool) (const EffnetPoolSum *p)
{
  const T *x = p->x;

  for (size_t c = 0; c < p->channels; c++) {
    double sum = p->sum[c];

    for (size_t i = 0; i < p->pixels; i++)
      sum += LOAD (x[i * p->stride + c]);
    p->sum[c] = (float)sum;
  }
}

void
REF (fc) (const EffnetFc *f)
{
  const T *w = f->w;

  for (size_t j = 0; j < f->n; j++) {
    double sum = f->bias[j];

    for (size_t k = 0; k < f->k; k++)
      sum += (double)f->x[k] * (double)LOAD (w[k * f->w_stride + j]);
    f->y[j] = (float)activate (sum, f->activation);
  }
}

void
REF (scale_rows) (const EffnetScaleRows *s)
{
  T *x = s->x;
  const T *residual = s->residual;

  for (size_t i = 0; i < s->pixels; i++)
    for (size_t c = 0; c < s->channels; c++) {
      size_t at = i * s->stride + c;
      double sum = (double)LOAD (x[at]) * (double)s->gate[c];

      x[at] = STORE ((float)(residual != NULL ? sum + (double)LOAD (residual[at]) : sum));
    }
}

void
REF (scale_panels) (const EffnetScalePanels *s)
{
  const T *packed = s->packed; /* [panels][blocks][nr][kr] */
  T *out = s->out;
  size_t blocks = (s->k + s->kr - 1) / s->kr;

  for (size_t p = 0; p < s->panels; p++)
    for (size_t block = 0; block < blocks; block++)
      for (size_t j = 0; j < s->nr; j++)
        for (size_t r = 0; r < s->kr; r++) {
          size_t k = block * s->kr + r;
          size_t at = p * s->panel_stride + (block * s->nr + j) * s->kr + r;

          out[at] = k < s->k ? STORE (LOAD (packed[at]) * s->gate[k]) : STORE (0.0f);
        }
}
