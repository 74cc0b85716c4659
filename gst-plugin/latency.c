/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The 95th percentile of the newest frames, in whole milliseconds. */
#include "latency.h"

#include "effnet/percentile.h"

#include <string.h>

#define LOWER_AFTER (10 * GST_SECOND)

void
gst_effnet_latency_init (GstEffnetLatency *latency)
{
  *latency = (GstEffnetLatency){.announced = 0, .changed_at = GST_CLOCK_TIME_NONE};
}

static guint64
p95 (const GstEffnetLatency *latency)
{
  guint64 sorted[GST_EFFNET_LATENCY_SAMPLES];
  gsize n = MIN (latency->n, GST_EFFNET_LATENCY_SAMPLES);

  memcpy (sorted, latency->ns, n * sizeof *sorted);
  effnet_percentile_sort (sorted, n);
  return effnet_percentile (sorted, n, 95);
}

gboolean
gst_effnet_latency_add (GstEffnetLatency *latency, guint64 ns, GstClockTime now)
{
  guint64 measured;

  latency->ns[latency->n++ % GST_EFFNET_LATENCY_SAMPLES] = ns;
  measured = p95 (latency);
  if (measured * 2 >= latency->announced && GST_CLOCK_TIME_IS_VALID (latency->changed_at) &&
      measured <= latency->announced) {
    latency->changed_at = now; /* it fits: the ten seconds begin again */
    return FALSE;
  }
  if (measured <= latency->announced && now - latency->changed_at < LOWER_AFTER)
    return FALSE;
  latency->announced = (measured * 5 / 4 / GST_MSECOND + 1) * GST_MSECOND;
  latency->changed_at = now;
  return TRUE;
}
