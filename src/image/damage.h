/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * damage: how much of a JPEG's picture is in doubt. The decoder's warnings are weighed by what can
 * lie behind them: entropy-coded data is sound up to the place, and from there wrong up to the next
 * restart marker or the end of the scan. No decoder is known here, so that any may report. */
#ifndef EFFNET_IMAGE_DAMAGE_H
#define EFFNET_IMAGE_DAMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define EFFNET_DAMAGE_ROWS (EFFNET_FRAME_SIDE_MAX / 8) /* of blocks, the most a frame has */

typedef struct {
  unsigned warnings;
  unsigned rows;   /* of blocks (MCUs); 0 in the header */
  double interval; /* rows of blocks from one restart marker to the next; 0 without */
  char first[200]; /* the first warning that put anything in doubt */
  unsigned at;     /* its row */
  float doubt[EFFNET_DAMAGE_ROWS]; /* share of each row, 0..1 */
} EffnetDamage;

/* Forgets the last frame. */
void effnet_damage_begin (EffnetDamage *damage);
/* From row @row on data is missing or wrong, up to the next restart marker. */
void effnet_damage_ahead (EffnetDamage *damage, unsigned row, const char *warning);
/* The interval that ended before row @row, or the scan, ended before its data did: @bytes, those
 * left over, say that something in it was read wrongly. Few bytes, or padding, say nothing. */
void effnet_damage_behind (EffnetDamage *damage, unsigned row, const uint8_t *bytes, size_t n,
                           const char *warning);
/* Something in the scan was read wrongly: all of it is in doubt. */
void effnet_damage_scan (EffnetDamage *damage, const char *warning);
/* Share of rows [from, to) that is in doubt, 0..1. */
double effnet_damage_share (const EffnetDamage *damage, unsigned from, unsigned to);

#endif
