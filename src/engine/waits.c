/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/waits.h"

#include <string.h>

#include "effnet/percentile.h"

void
effnet_waits_note (EffnetWaits *waits, uint64_t ns)
{
  waits->ns[waits->n++ % EFFNET_WAITS] = ns;
}

void
effnet_waits_report (const EffnetWaits *waits, EffnetQueueStats *stats)
{
  uint64_t sorted[EFFNET_WAITS];
  size_t n = (size_t)MIN (waits->n, EFFNET_WAITS);

  memcpy (sorted, waits->ns, n * sizeof *sorted);
  effnet_percentile_sort (sorted, n);
  stats->wait_p50_ns = effnet_percentile (sorted, n, 50);
  stats->wait_p95_ns = effnet_percentile (sorted, n, 95);
  stats->wait_p99_ns = effnet_percentile (sorted, n, 99);
}
