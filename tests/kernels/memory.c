/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arrays for kernels under test: each lies between two pages that fault, touching one of them, with
 * canaries around and in the gaps of outputs; inputs become read-only. And the patterns that fill
 * them. */
#define _GNU_SOURCE
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "check.h"

#define CANARY 0xa5

typedef struct {
  char *map; /* guard page, usable bytes, guard page */
  gsize usable;
  char *data;
  gsize bytes;
  gboolean sealed;
  gsize rows, columns, stride, element; /* outputs: what counts; rows 0 = all of it */
} Guarded;

static gsize
page_size (void)
{
  return (gsize)sysconf (_SC_PAGESIZE);
}

static void
guarded_free (gpointer data)
{
  Guarded *g = data;

  munmap (g->map, g->usable + 2 * page_size ());
  g_free (g);
}

GPtrArray *
check_buffers_new (void)
{
  return g_ptr_array_new_with_free_func (guarded_free);
}

static Guarded *
guarded_new (Check *check, gsize bytes)
{
  Guarded *g = g_new0 (Guarded, 1);
  gsize page = page_size ();

  g->usable = effnet_align_up (MAX (bytes, 1), page);
  g->map = mmap (NULL, g->usable + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (g->map == MAP_FAILED || mprotect (g->map + page, g->usable, PROT_READ | PROT_WRITE) != 0)
    g_error ("no memory for a guarded array of %" G_GSIZE_FORMAT " bytes", bytes);
  g->data = g->map + page + (check->at_end ? g->usable - bytes : 0);
  g->bytes = bytes;
  memset (g->map + page, CANARY, g->usable);
  g_ptr_array_add (check->buffers, g);
  return g;
}

/* ---- randomness, patterns ---- */

static uint64_t
next_random (Check *check)
{
  uint64_t z = (check->random += 0x9e3779b97f4a7c15u); /* splitmix64 */

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

guint
check_pick (Check *check, guint below)
{
  return (guint)(next_random (check) >> 33) % below;
}

double
check_uniform (Check *check)
{
  return (double)(next_random (check) >> 11) * 0x1p-52 - 1.0;
}

static float
pattern_value (Check *check, Pattern pattern)
{
  static const float few[] = {0.0f, -0.0f, 0x1p20f, -0x1p20f, 0x1p-20f, -0x1p-20f, 1.0f};
  float sign = check_pick (check, 2) ? 1.0f : -1.0f;
  guint choice;

  switch (pattern) {
  case PATTERN_MIN:
    return -0x1.fep20f; /* every bit of a bf16's mantissa set */
  case PATTERN_MAX:
    return 0x1.fep20f;
  case PATTERN_ZERO:
    return 0.0f;
  case PATTERN_DENORMAL:
    return sign * (float)check_pick (check, 1u << 23) * (float)TINY_F32;
  case PATTERN_MIXED:
    choice = check_pick (check, 16);
    if (choice < G_N_ELEMENTS (few))
      return few[choice];
    return pattern_value (check, choice == 7 ? PATTERN_DENORMAL : PATTERN_RANDOM);
  default:
    return (float)check_uniform (check);
  }
}

static void
store (void *data, EffnetDtype dtype, gsize at, float value)
{
  uint16_t half = effnet_bf16_from_float (value);

  if (dtype == EFFNET_DTYPE_BF16)
    memcpy ((char *)data + 2 * at, &half, sizeof half);
  else
    memcpy ((char *)data + 4 * at, &value, sizeof value);
}

double
check_value (const void *data, EffnetDtype dtype, gsize at)
{
  if (dtype == EFFNET_DTYPE_S8)
    return ((const int8_t *)data)[at];
  return dtype == EFFNET_DTYPE_BF16 ? (double)effnet_float_from_bf16 (((const uint16_t *)data)[at])
                                    : (double)((const float *)data)[at];
}

/* ---- arrays ---- */

void *
check_bytes (Check *check, EffnetDtype dtype, gsize n)
{
  return guarded_new (check, n * effnet_dtype_size (dtype))->data;
}

float *
check_floats (Check *check, gsize n)
{
  return check_bytes (check, EFFNET_DTYPE_F32, n);
}

void
check_seal (Check *check, const void *data)
{
  for (guint i = 0; i < check->buffers->len; i++) {
    Guarded *g = check->buffers->pdata[i];

    if (g->data != data)
      continue;
    g->sealed = TRUE;
    mprotect (g->map + page_size (), g->usable, PROT_READ);
  }
}

const void *
check_input (Check *check, EffnetDtype dtype, gsize rows, gsize columns, gsize stride)
{
  void *data = check_bytes (check, dtype, (rows - 1) * stride + columns);

  for (gsize i = 0; i < rows; i++)
    for (gsize j = 0; j < (i + 1 < rows ? stride : columns); j++)
      store (data, dtype, i * stride + j,
             j < columns ? pattern_value (check, check->pattern) : NAN);
  check_seal (check, data);
  return data;
}

const float *
check_weights (Check *check, gsize n, gsize k)
{
  EffnetDtype dtype = check->row->dtype;
  const void *drawn = check_input (check, dtype, n, k, k);
  float *w = check_floats (check, n * k);

  for (gsize i = 0; i < n * k; i++)
    w[i] = (float)check_value (drawn, dtype, i);
  return w;
}

const void *
check_padded (Check *check, const EffnetKernel *row, gsize n, const void *values)
{
  gsize padded = effnet_gemm_panels (row, n) * effnet_gemm_panel_width (row, n);
  float *out = check_floats (check, padded);

  memset (out, 0, padded * sizeof *out);
  memcpy (out, values, n * sizeof *out);
  check_seal (check, out);
  return out;
}

void *
check_output (Check *check, EffnetDtype dtype, gsize rows, gsize columns, gsize stride,
              const void *copy)
{
  gsize element = effnet_dtype_size (dtype);
  Guarded *g = guarded_new (check, ((rows - 1) * stride + columns) * element);

  g->rows = rows;
  g->columns = columns;
  g->stride = stride;
  g->element = element;
  for (gsize i = 0; copy != NULL && i < rows; i++)
    memcpy (g->data + i * stride * element, (const char *)copy + i * stride * element,
            columns * element);
  return g->data;
}

static gboolean
all_canaries (const char *from, const char *to)
{
  for (; from < to; from++)
    if ((guchar)*from != CANARY)
      return FALSE;
  return TRUE;
}

gboolean
check_canaries (Check *check)
{
  for (guint i = 0; i < check->buffers->len; i++) {
    const Guarded *g = check->buffers->pdata[i];
    const char *first = g->map + page_size ();

    if (g->sealed || g->rows == 0)
      continue;
    if (!all_canaries (first, g->data) || !all_canaries (g->data + g->bytes, first + g->usable)) {
      check_fail (check, "wrote outside an output array");
      return FALSE;
    }
    for (gsize row = 0; row + 1 < g->rows; row++)
      if (!all_canaries (g->data + (row * g->stride + g->columns) * g->element,
                         g->data + (row + 1) * g->stride * g->element)) {
        check_fail (check, "wrote into the gap behind row %" G_GSIZE_FORMAT " of an output", row);
        return FALSE;
      }
  }
  return TRUE;
}
