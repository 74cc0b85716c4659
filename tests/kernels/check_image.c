/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cases of the front end's operations: rows of bytes, 16-bit samples and floats that end where the
 * guard page begins, any alignment. */
#include "check.h"

#include <math.h>
#include <string.h>

static const gsize lengths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 95, 96, 97, 200};
static const gsize bytes_of[] = {1, 2, 4};

/* @n samples in a guarded block that ends with the last: random codes, or the pattern's floats. */
static const void *
make_samples (Check *check, EffnetElement element, gsize n)
{
  gsize bytes = n * bytes_of[element], floats = (bytes + 3) / 4;
  float *block;
  uint8_t *data;

  if (element == EFFNET_ELEMENT_F32)
    return check_input (check, EFFNET_DTYPE_F32, 1, n, n);
  block = check_floats (check, floats);
  memset (block, 0, floats * sizeof *block);
  data = (uint8_t *)block + (check->at_end ? floats * 4 - bytes : 0);
  for (gsize i = 0; i < bytes; i++)
    data[i] = (uint8_t)check_pick (check, 256);
  check_seal (check, block);
  return data;
}

static double
sample (EffnetElement element, const void *row, gsize x)
{
  const uint8_t *bytes = row;

  if (element == EFFNET_ELEMENT_U8)
    return bytes[x];
  if (element == EFFNET_ELEMENT_U16)
    return bytes[2 * x] + 256.0 * bytes[2 * x + 1];
  return check_value (row, EFFNET_DTYPE_F32, x);
}

/* ---- vertical ---- */

static void
resample_v_case (Check *check, EffnetElement element, gsize taps, gsize n)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  const void *lines[64];
  EffnetResampleV v[3];
  gsize done = 0;

  check_case (check, "element %d taps %zu n %zu", (int)element, taps, n);
  for (gsize t = 0; t < taps; t++)
    lines[t] = make_samples (check, element, n);
  const float *weight = check_input (check, EFFNET_DTYPE_F32, 1, taps, taps);
  for (; done < 3; done++) {
    float *out = check_output (check, EFFNET_DTYPE_F32, 1, n, n, NULL);

    v[done] = (EffnetResampleV){element, lines, weight, taps, n, out};
    if (!check_call (check, rows[done], &v[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", v[0].out, v[1].out, EFFNET_DTYPE_F32, 1, n, n);
    for (gsize x = 0; x < n; x++) {
      double sum = 0.0, magnitude = 0.0;

      for (gsize t = 0; t < taps; t++) {
        double term = sample (element, lines[t], x) * (double)weight[t];

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
    resample_v_case (check, EFFNET_ELEMENT_U8, 17, 945);
    resample_v_case (check, EFFNET_ELEMENT_F32, 17, 672);
    return;
  }
  for (EffnetElement e = EFFNET_ELEMENT_U8; e <= EFFNET_ELEMENT_F32; e++)
    for (gsize i = 0; i < G_N_ELEMENTS (taps); i++)
      for (gsize j = 0; j < G_N_ELEMENTS (lengths) && check->n_failed < 3; j++)
        resample_v_case (check, e, taps[i], lengths[j]);
}

/* ---- spread ---- */

static void
spread_case (Check *check, EffnetElement element, gsize step, gsize n)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  const void *lines[EFFNET_LANES];
  EffnetSpread s[3];
  gsize done = 0;

  check_case (check, "element %d step %zu n %zu", (int)element, step, n);
  for (gsize lane = 0; lane < EFFNET_LANES; lane++)
    lines[lane] = make_samples (check, element, (n - 1) * step + 1);
  for (; done < 3; done++) {
    float *out = check_output (check, EFFNET_DTYPE_F32, n, EFFNET_LANES, EFFNET_LANES, NULL);

    s[done] = (EffnetSpread){element, lines, step, n, out};
    if (!check_call (check, rows[done], &s[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "row and reference", s[0].out, s[2].out, EFFNET_DTYPE_F32, n, EFFNET_LANES,
                EFFNET_LANES);
    for (gsize x = 0; x < n; x++)
      for (gsize lane = 0; lane < EFFNET_LANES; lane++)
        check_near (check, s[0].out[x * EFFNET_LANES + lane],
                    sample (element, lines[lane], x * step), 0.0, x, lane);
    if (check->bench)
      check_time (check, &s[0], &s[2], (double)EFFNET_LANES * (double)n);
  }
  check_case_end (check);
}

void
check_spread (Check *check)
{
  if (check->bench) {
    spread_case (check, EFFNET_ELEMENT_U8, 4, 945);
    spread_case (check, EFFNET_ELEMENT_F32, 1, 945);
    return;
  }
  for (EffnetElement e = EFFNET_ELEMENT_U8; e <= EFFNET_ELEMENT_F32; e++)
    for (gsize step = 1; step <= 5; step++)
      for (gsize j = 0; j < G_N_ELEMENTS (lengths) && check->n_failed < 3; j++)
        spread_case (check, e, step, lengths[j]);
}

/* ---- horizontal ---- */

static void
resample_h_case (Check *check, gsize taps, gsize n, gsize gap, gboolean clamps)
{
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  g_autofree unsigned *first = g_new (unsigned, n), *count = g_new (unsigned, n);
  EffnetResampleH h[3];
  gsize done = 0, columns = n + taps;
  float high = clamps ? 0.25f : INFINITY;

  check_case (check, "taps %zu n %zu gap %zu clamp %d", taps, n, gap, clamps);
  const float *in = check_input (check, EFFNET_DTYPE_F32, columns, EFFNET_LANES, EFFNET_LANES);
  const float *weight = check_input (check, EFFNET_DTYPE_F32, n, taps, taps);
  for (gsize i = 0; i < n; i++) {
    count[i] = 1 + check_pick (check, (guint)taps);
    first[i] = 5 + (i + 1 == n ? (unsigned)columns - count[i] : check_pick (check, (guint)n + 1));
  }
  for (; done < 3; done++) {
    float *out = check_output (check, EFFNET_DTYPE_F32, EFFNET_LANES, n, n + gap, NULL);

    h[done] = (EffnetResampleH){in, first, count, weight, n, taps, 5, -high, high, out, n + gap};
    if (!check_call (check, rows[done], &h[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", h[0].out, h[1].out, EFFNET_DTYPE_F32, EFFNET_LANES, n,
                n + gap);
    for (gsize i = 0; i < n * EFFNET_LANES; i++) {
      gsize lane = i % EFFNET_LANES, o = i / EFFNET_LANES;
      double sum = 0.0, magnitude = 0.0;

      for (gsize t = 0; t < count[o]; t++) {
        double term = (double)weight[o * taps + t] * in[(first[o] - 5 + t) * EFFNET_LANES + lane];

        sum += term;
        magnitude += fabs (term);
      }
      check_near (check, h[0].out[lane * (n + gap) + o], CLAMP (sum, -high, high),
                  check_sum_bound (EFFNET_DTYPE_F32, count[o], magnitude, 0.0), lane, o);
    }
    if (check->bench)
      check_time (check, &h[0], &h[2], 2.0 * EFFNET_LANES * (double)taps * (double)n);
  }
  check_case_end (check);
}

void
check_resample_h (Check *check)
{
  static const gsize taps[] = {1, 2, 4, 9, 17};

  if (check->bench) {
    resample_h_case (check, 17, 224, 448, FALSE);
    return;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (taps); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (lengths); j++)
      for (gsize gap = 0; gap < 2 && check->n_failed < 3; gap++)
        resample_h_case (check, taps[i], lengths[j], gap * 5, (i + j) % 2);
}

/* ---- convert ---- */

static void
convert_case (Check *check, gsize n, gboolean gray)
{
  static const float matrix[9] = {1.164f,  0.01f,  1.596f, 1.164f, -0.392f,
                                  -0.813f, 1.164f, 2.017f, 0.02f};
  static const float offset[3] = {-222.9f, 135.6f, -276.8f};
  static const float scale[3] = {0.0171f, 0.0175f, 0.0174f}, bias[3] = {-2.1f, -2.0f, -1.8f};
  const EffnetKernel *rows[3] = {check->row, check->row, check->reference};
  EffnetConvert c[3];
  float *in[3];
  gsize done = 0;

  check_case (check, "n %zu grey %d", n, gray);
  for (unsigned k = 0; k < 3; k++) {
    in[k] = k > 0 && gray ? in[0] : check_floats (check, n);
    if (k == 0 || !gray) {
      for (gsize x = 0; x < n; x++)
        in[k][x] = (float)(127.5 + 160.0 * check_uniform (check));
      check_seal (check, in[k]);
    }
  }
  for (; done < 3; done++) {
    float *out = check_output (check, EFFNET_DTYPE_F32, 1, 3 * n, 3 * n, NULL);

    c[done] = (EffnetConvert){{in[0], in[1], in[2]}, matrix, offset, scale, bias, n, out};
    if (!check_call (check, rows[done], &c[done]))
      break;
  }
  if (done == 3) {
    check_same (check, "called twice", c[0].out, c[1].out, EFFNET_DTYPE_F32, 1, 3 * n, 3 * n);
    for (gsize i = 0; i < 3 * n; i++) {
      gsize x = i / 3, k = i % 3;
      double sum = offset[k], magnitude = fabs (sum), error;

      for (unsigned s = 0; s < 3; s++) {
        sum += (double)matrix[k * 3 + s] * in[s][x];
        magnitude += fabs ((double)matrix[k * 3 + s] * in[s][x]);
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
    convert_case (check, 224, FALSE);
    return;
  }
  for (gsize j = 0; j < G_N_ELEMENTS (lengths); j++)
    for (int gray = 0; gray < 2 && check->n_failed < 3; gray++)
      convert_case (check, lengths[j], gray);
}
