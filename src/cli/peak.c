/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A dozen independent chains of a = a * b + c in vector registers: enough to hide the latency of
 * two FMA units. This file alone is compiled with -ffp-contract=fast, so that the compiler makes
 * FMAs of it; its results are thrown away. */
#include "cli/peak.h"

#include <glib.h>
#include <string.h>

#define CHAINS 12
#define ROUNDS 20000

/* One round of CHAINS * ROUNDS multiply-adds of @lanes floats. */
#define DEFINE_ROUND(name, lanes, attribute)                                                       \
  typedef float name##_vector __attribute__ ((vector_size (lanes * 4)));                           \
  attribute static float name (float seed)                                                         \
  {                                                                                                \
    name##_vector a[CHAINS], b = {0}, c = {0};                                                     \
    float sum = 0;                                                                                 \
    b += 0.999f;                                                                                   \
    c += seed;                                                                                     \
    for (int i = 0; i < CHAINS; i++)                                                               \
      a[i] = c + (float)i;                                                                         \
    for (int r = 0; r < ROUNDS; r++)                                                               \
      for (int i = 0; i < CHAINS; i++)                                                             \
        a[i] = a[i] * b + c;                                                                       \
    for (int i = 0; i < CHAINS; i++)                                                               \
      sum += a[i][0];                                                                              \
    return sum;                                                                                    \
  }

DEFINE_ROUND (round_baseline, 4, )
#if defined(__x86_64__)
DEFINE_ROUND (round_avx2, 8, __attribute__ ((target ("avx2,fma"))))
DEFINE_ROUND (round_avx512, 16, __attribute__ ((target ("avx512f"))))
#endif

double
peak_measure (const char *isa, double seconds)
{
  float (*run) (float) = round_baseline;
  unsigned lanes = 4;
  double best = 0;
  volatile float sink = 0;
  gint64 end = g_get_monotonic_time () + (gint64)(seconds * 1e6);

#if defined(__x86_64__)
  if (g_str_has_prefix (isa, "avx512") || g_str_has_prefix (isa, "amx")) {
    run = round_avx512;
    lanes = 16;
  } else if (strcmp (isa, "avx2") == 0) {
    run = round_avx2;
    lanes = 8;
  }
#else
  (void)isa;
#endif
  do {
    gint64 start = g_get_monotonic_time (), spent;

    for (int i = 0; i < 8; i++)
      sink = sink + run (1e-3f);
    spent = g_get_monotonic_time () - start;
    if (spent > 0) /* 2 flop a multiply-add; flop/us / 1000 = GFLOP/s */
      best = MAX (best, 8.0 * 2 * CHAINS * ROUNDS * lanes / (double)spent / 1e3);
  } while (g_get_monotonic_time () < end);
  return best;
}
