/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A live pipeline of numbered frames under watch: what arrives at its sink, when, and what the
 * results on it claim. The watch counts; what is right is the caller's to say. */
#ifndef TEST_LIVE_WATCH_H
#define TEST_LIVE_WATCH_H

#include "counter.h"

typedef struct {
  guint64 frame;        /* whose result it claims to be, from the stream's start */
  GstStructure *result; /* a copy */
} Claim;

typedef struct {
  /* set by the caller */
  Counter *counter;
  guint fps, frames; /* the source makes so many and ends */

  /* counted */
  GstElement *pipeline;
  GstClockTime first;  /* running time of frame 0, which a live source sets when it begins */
  guint arrived;       /* buffers at the sink */
  guint64 newest;      /* frame */
  guint out_of_order;  /* buffers that are not of a later frame than the one before */
  guint other_picture; /* of them, those whose picture says another number than their time */
  guint without;       /* buffers without a result after the first that had one */
  guint before;        /* buffers before the first that had one */
  guint fresh;
  guint wrong_age; /* age, result-pts and fresh do not fit each other and the buffer */
  guint backwards; /* results older than the one before */
  GArray *lags;    /* of GstClockTimeDiff: arrival after the buffer's running time, by arrival */
  GArray *ages;    /* of guint64, ns */
  GArray *claims;  /* of Claim: each result once */
  gsize resident, settled;   /* bytes at the end, and after a third of the frames */
  guint64 rendered, dropped; /* by the sink */
} Watch;

/* @line: a pipeline whose videotestsrc is called src and whose sink is called sink. Starts. */
void watch_start (Watch *watch, const char *line);
/* Waits for the end of the stream; any error on the bus fails the test. */
void watch_finish (Watch *watch);
void watch_clear (Watch *watch);
/* The lag that half of the frames from @first on stay under, ns. */
GstClockTimeDiff watch_median_lag (const Watch *watch, guint first);
/* The age that @share of the results stay under, ns. */
guint64 watch_age (const Watch *watch, double share);

#endif
