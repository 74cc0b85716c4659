/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compound scaling, private to arch: the arithmetic between a row of the table and a net. */
#ifndef EFFNET_ARCH_SCALE_H
#define EFFNET_ARCH_SCALE_H

#include "arch/table.h"

/* The nearest multiple of 8, at least 8; unless @far, never more than 10 % below. */
unsigned effnet_scale_channels (unsigned channels, double width, gboolean far);
/* @round: to the nearest number, else upwards; at least 1. */
unsigned effnet_scale_repeats (unsigned repeats, double depth, gboolean round);
/* Squeezed channels of a block with @in_channels at its input. */
unsigned effnet_scale_squeeze (unsigned in_channels, double se_ratio);

/* Scales @row as @text says: "phi:X", from what it is, or its family's "WIDTH,DEPTH,RESOLUTION".
 * @name: for messages. Returns @text as it is written best, g_free() it; NULL with ARGUMENT. */
char *effnet_scale_row (const char *name, const char *text, EffnetVariant *row, GError **error);

#endif
