/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The last waiting times of a queue. */
#ifndef EFFNET_ENGINE_WAITS_H
#define EFFNET_ENGINE_WAITS_H

#include "effnet/scheduler.h"

#define EFFNET_WAITS 512

typedef struct {
  uint64_t n;                /* all that were noted */
  uint64_t ns[EFFNET_WAITS]; /* the newest, in turn */
} EffnetWaits;

void effnet_waits_note (EffnetWaits *waits, uint64_t ns);
/* Fills in the percentiles. */
void effnet_waits_report (const EffnetWaits *waits, EffnetQueueStats *stats);

#endif
