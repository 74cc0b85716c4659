/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cases of the front end's operations: lines of bytes, and rows of floats, that end where the guard
 * page begins, any alignment. */
#include "check.h"

#include <math.h>
#include <string.h>

static const gsize lengths[] = {1,  2,  3,  7,  8,  9,  15, 16,  17,  31,
                                32, 33, 47, 48, 95, 96, 97, 200, 260, 530};

/* ---- vertical ---- */

static void
resample_v_case (Check *check, gsize taps, gsize n)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  const float *lines[64];
  EffnetResampleV v[3];
  gsize done = 0;

  check_case (check, "taps %zu n %zu", taps, n);
  for (gsize t = 0; t < taps; t++)
    lines[t] = check_input (check, EFFNET_DTYPE_F32, 1, n, n);
  const float *weight = check_input (check, EFFNET_DTYPE_F32, 1, taps, taps);
  for (; done < 3; done++) {
    float *out = check_output (check, EFFNET_DTYPE_F32, 1, n, n, NULL);

    v[done] = (EffnetResampleV){lines, weight, taps, n, out};
    if (!check_call (check, rows[done], &v[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", v[0].out, v[1].out, EFFNET_DTYPE_F32, 1, n, n);
    for (gsize x = 0; x < n; x++) {
      double sum = 0.0, magnitude = 0.0;

      for (gsize t = 0; t < taps; t++) {
        double term = (double)lines[t][x] * (double)weight[t];

        sum += term;
        magnitude += fabs (term);
      }
      check_near (check, v[0].out[x], sum, check_sum_bound (EFFNET_DTYPE_F32, taps, magnitude, 0.0),
                  0, x);
    }
    if (check->bench)
      check_time (check, &v[0], &v[2], 2.0 * (double)taps * (double)n);
  }
  check_case_end (check);
}

void
check_resample_v (Check *check)
{
  static const gsize taps[] = {1, 2, 3, 4, 5, 17, 33};

  if (check->bench) {
    resample_v_case (check, 10, 224);
    resample_v_case (check, 10, 672);
    return;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (taps); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (lengths) && check->n_failed < 3; j++)
      resample_v_case (check, taps[i], lengths[j]);
}

/* ---- horizontal ---- */

/* What a plane of pixels may hold: the kinds' steps and offsets. */
static const struct {
  unsigned kinds, step[4], offset[4];
} planes[] = {
    {1, {1}, {0}},
    {2, {2, 2}, {1, 0}},
    {3, {2, 4, 4}, {1, 2, 0}},
    {3, {3, 3, 3}, {2, 1, 0}},
    {3, {4, 4, 4}, {1, 2, 3}},
    {4, {4, 4, 4, 4}, {0, 1, 2, 3}},
    {1, {3}, {1}},
    {1, {4}, {3}},
};

/* Weights of up to @taps samples out of @samples; the last output's end with the last. */
static void
make_kind (Check *check, EffnetSamples *kind, gsize n, gsize taps, gsize samples, gboolean in_order)
{
  unsigned *first = g_new (unsigned, n), *count = g_new (unsigned, n);
  int16_t *weight = g_new0 (int16_t, n * (taps + 1));

  for (gsize i = 0; i < n; i++) {
    count[i] = in_order ? (unsigned)taps : 1 + check_pick (check, (guint)taps);
    first[i] = i + 1 == n ? (unsigned)(samples - count[i])
               : in_order ? (unsigned)(i * (samples - taps) / n)
                          : check_pick (check, (guint)(samples - count[i] + 1));
    for (gsize t = 0; t < count[i]; t++)
      weight[i * (taps + 1) + t] = check->pattern == PATTERN_MAX ? (int16_t)32512
                                   : check->pattern == PATTERN_MIN
                                       ? (int16_t)-32512
                                       : (int16_t)((int)check_pick (check, 2 * 32512 + 1) - 32512);
  }
  kind->first = first;
  kind->count = count;
  kind->weight = weight;
  kind->stride = taps + 1;
}

static void
free_kinds (EffnetColumns *columns)
{
  for (unsigned k = 0; k < columns->kinds; k++) {
    g_free ((gpointer)columns->kind[k].first);
    g_free ((gpointer)columns->kind[k].count);
    g_free ((gpointer)columns->kind[k].weight);
  }
}

/* @n_rows lines of @bytes in a guarded block that ends with the last. */
static const uint8_t *
make_lines (Check *check, gsize n_rows, gsize bytes, gsize stride)
{
  gsize all = (n_rows - 1) * stride + bytes, floats = (all + 3) / 4;
  float *block = check_floats (check, floats);
  uint8_t *data = (uint8_t *)block + (check->at_end ? floats * 4 - all : 0);

  memset (block, 0, floats * sizeof *block);
  for (gsize i = 0; i < all; i++)
    data[i] = check->pattern == PATTERN_MAX ? 255 : (uint8_t)check_pick (check, 256);
  check_seal (check, block);
  return data;
}

/* A row's weights packed, and scratch, both as large as the row says. */
static void
make_packed (Check *check, const EffnetKernel *row, EffnetResampleH *h)
{
  gsize size = effnet_columns_packed_size (row, h->columns), scratch;
  float *packed;

  scratch = effnet_columns_scratch (h->columns);
  h->scratch = check_output (check, EFFNET_DTYPE_F32, 1, (scratch + 63) / 64 * 16,
                             (scratch + 63) / 64 * 16, NULL);
  if (size == 0)
    return;
  packed = check_floats (check, (size + 63) / 64 * 16);
  effnet_columns_pack (row, h->columns, packed);
  check_seal (check, packed);
  h->packed = packed;
}

static void
resample_h_case (Check *check, gsize plane, gsize taps, gsize n, gsize n_rows, gboolean in_order)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  EffnetColumns columns = {.n = n, .kinds = planes[plane].kinds};
  /* quarters of the widest step; of the narrow kinds there are more samples */
  gsize quads = taps + (in_order ? n * 17 / 2 : check_pick (check, (guint)(2 * n + 20)));
  unsigned most = planes[plane].step[columns.kinds - 1];
  gsize bytes = 0, gap = check_pick (check, 3) * 7;
  EffnetResampleH h[3];
  gsize done = 0;

  check_case (check, "plane %zu taps %zu n %zu rows %zu %s", plane, taps, n, n_rows,
              in_order ? "in order" : "at random");
  for (unsigned k = 0; k < columns.kinds; k++) {
    EffnetSamples *kind = &columns.kind[k];
    gsize samples = quads * most / planes[plane].step[k];

    kind->step = planes[plane].step[k];
    kind->offset = planes[plane].offset[k];
    make_kind (check, kind, n, taps, samples, in_order);
    bytes = MAX (bytes, (samples - 1) * kind->step + kind->offset + 1);
  }
  const uint8_t *data = make_lines (check, n_rows, bytes, bytes + gap);
  float high = check_pick (check, 2) ? 255.0f : INFINITY, low = high < 256.0f ? 0.0f : -high;
  gsize out_n = n * columns.kinds;

  for (; done < 3; done++) {
    float *out = check_output (check, EFFNET_DTYPE_F32, n_rows, out_n, out_n + gap, NULL);

    h[done] = (EffnetResampleH){&columns,
                                NULL,
                                data,
                                (ptrdiff_t)(bytes + gap),
                                (unsigned)n_rows,
                                bytes,
                                3e-5f,
                                low,
                                high,
                                NULL,
                                out,
                                out_n + gap};
    make_packed (check, rows[done], &h[done]);
    if (!check_call (check, rows[done], &h[done]))
      break;
  }
  for (gsize i = 0; done == 3 && i < n_rows * out_n; i++) {
    gsize r = i / out_n, o = i % out_n;
    const EffnetSamples *s = &columns.kind[o % columns.kinds];
    int64_t sum = 0;

    for (gsize t = 0; t < s->count[o / columns.kinds]; t++)
      sum += (int64_t)s->weight[o / columns.kinds * s->stride + t] *
             data[r * (bytes + gap) + (s->first[o / columns.kinds] + t) * s->step + s->offset];
    /* rounded to float32, and again with the scale */
    check_near (check, h[0].out[r * (out_n + gap) + o], CLAMP ((float)sum * 3e-5f, low, high), 0.0,
                r, o);
  }
  if (done == 3 && check->bench)
    check_time (check, &h[0], &h[2], 2.0 * (double)(n_rows * out_n * taps));
  check_case_end (check);
  free_kinds (&columns);
}

void
check_resample_h (Check *check)
{
  static const gsize taps[] = {1, 2, 4, 9, 17, 63};

  if (check->bench) {
    for (gsize p = 0; p < 5; p++)
      resample_h_case (check, p, 17, 224, EFFNET_BAND, TRUE);
    return;
  }
  for (gsize p = 0; p < G_N_ELEMENTS (planes); p++)
    for (gsize i = 0; i < G_N_ELEMENTS (taps); i++)
      for (gsize j = 0; j < G_N_ELEMENTS (lengths) && lengths[j] <= 200; j++)
        if (check->n_failed < 3)
          resample_h_case (check, p, taps[i], lengths[j],
                           j % 3 == 0 ? EFFNET_BAND : 1 + check_pick (check, EFFNET_BAND), j % 2);
}

/* ---- convert ---- */

typedef enum {
  INPUTS_APART,
  INPUTS_SAME,         /* one for all: grey */
  INPUTS_PACKED,       /* pixels of three, mixed */
  INPUTS_PACKED_ALONE, /* each channel by itself */
} Inputs;

static const char *const input_names[] = {"apart", "grey", "packed", "packed, not mixed"};

static void
convert_case (Check *check, gsize n, Inputs inputs, gsize step)
{
  static const float mixing[9] = {1.164f,  0.01f,  1.596f, 1.164f, -0.392f,
                                  -0.813f, 1.164f, 2.017f, 0.02f};
  static const float diagonal[9] = {1.164f, 0, 0, 0, 1.1f, 0, 0, 0, 0.9f};
  static const float offset[3] = {-222.9f, 135.6f, -276.8f};
  static const float scale[3] = {0.0171f, 0.0175f, 0.0174f}, bias[3] = {-2.1f, -2.0f, -1.8f};
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  EffnetConvert c[3];
  gboolean packed = inputs >= INPUTS_PACKED;
  const float *matrix = inputs == INPUTS_PACKED_ALONE ? diagonal : mixing;
  float *in[3];
  gsize done = 0;

  check_case (check, "n %zu step %zu, %s", n, step, input_names[inputs]);
  for (unsigned k = 0; k < 3; k++) {
    gsize floats = packed ? 3 * n : (n - 1) * step + 1;

    if (k > 0 && inputs != INPUTS_APART) {
      in[k] = packed ? in[0] + k : in[0];
      continue;
    }
    in[k] = check_floats (check, floats);
    for (gsize x = 0; x < floats; x++)
      in[k][x] = (float)(127.5 + 160.0 * check_uniform (check));
    check_seal (check, in[k]);
  }
  for (; done < 3; done++) {
    float *out = check_output (check, EFFNET_DTYPE_F32, 1, 3 * n, 3 * n, NULL);

    c[done] = (EffnetConvert){
        {in[0], in[1], in[2]}, {step, step, step}, matrix, offset, scale, bias, n, out};
    if (!check_call (check, rows[done], &c[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", c[0].out, c[1].out, EFFNET_DTYPE_F32, 1, 3 * n, 3 * n);
    for (gsize i = 0; i < 3 * n; i++) {
      gsize x = i / 3, k = i % 3;
      double sum = offset[k], magnitude = fabs (sum), error;

      for (unsigned s = 0; s < 3; s++) {
        sum += (double)matrix[k * 3 + s] * in[s][x * step];
        magnitude += fabs ((double)matrix[k * 3 + s] * in[s][x * step]);
      }
      /* Before rounding to whole values the sum is off by @error; after, by half a step more. */
      error = check_sum_bound (EFFNET_DTYPE_F32, 3, magnitude, 0.0) + 256.0 * UNIT_F32;
      check_near (check, c[0].out[i], CLAMP (sum, 0.0, 255.0) * scale[k] + bias[k],
                  (0.5 + error) * scale[k] + 4.0 * UNIT_F32 * (255.0 * scale[k] - bias[k]), 0, i);
    }
    if (check->bench)
      check_time (check, &c[0], &c[2], 24.0 * (double)n);
  }
  check_case_end (check);
}

void
check_convert (Check *check)
{
  if (check->bench) {
    convert_case (check, 224, INPUTS_APART, 1);
    convert_case (check, 224, INPUTS_PACKED, 3);
    convert_case (check, 224, INPUTS_PACKED_ALONE, 3);
    return;
  }
  for (gsize j = 0; j < G_N_ELEMENTS (lengths) && check->n_failed < 3; j++) {
    for (gsize step = 1; step <= 4; step++) {
      convert_case (check, lengths[j], INPUTS_APART, step);
      convert_case (check, lengths[j], INPUTS_SAME, step);
    }
    convert_case (check, lengths[j], INPUTS_PACKED, 3);
    convert_case (check, lengths[j], INPUTS_PACKED_ALONE, 3);
  }
}
