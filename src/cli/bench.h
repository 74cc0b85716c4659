/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the two halves of effnet bench share: the clock (cmd_bench.c) and the profile
 * (bench_profile.c). */
#ifndef EFFNET_CLI_BENCH_H
#define EFFNET_CLI_BENCH_H

#include "cli/cli.h"

typedef struct {
  const char *what; /* variant or path */
  CliModelArgs args;
  EffnetModel *model;
  EffnetModelInfo info;
  EffnetSession **sessions; /* [streams] */
  float *nhwc;              /* [H][W][3] */
  unsigned threads, streams, runs, n_runs;
  gboolean profile;
  double peak; /* GFLOP/s; 0 = to be measured */
  double open_ms, first_ms, wall_s, median_ms, p95_ms, min_ms;
  gint64 base_bytes, peak_bytes;
  GPtrArray *steps; /* of BenchStep */
} Bench;

/* Runs a profiling session: kernels always, times when asked for. Comes after the memory was read,
 * since it needs a session more. */
gboolean bench_profile (Bench *self, GError **error);
void bench_profile_print (const Bench *self);
/* Adds `kernels`, and with --profile `peak_gflops` and `profile`. */
void bench_profile_json (const Bench *self, JsonObject *object);

#endif
