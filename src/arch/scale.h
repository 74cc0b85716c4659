/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compound scaling, private to arch: the arithmetic between a row of the table and a net. */
#ifndef EFFNET_ARCH_SCALE_H
#define EFFNET_ARCH_SCALE_H

#include "arch/table.h"

/* phi:X for X within these: phi:-10 is a net of 55 pixels a side, phi:15 one of 1823. */
#define EFFNET_PHI_MIN (-10.0)
#define EFFNET_PHI_MAX 15.0

/* The nearest multiple of 8, at least 8; unless @far, never more than 10 % below. */
unsigned effnet_scale_channels (unsigned channels, double width, gboolean far);
unsigned effnet_scale_repeats (unsigned repeats, double depth);
/* Squeezed channels of a block with @in_channels at its input. */
unsigned effnet_scale_squeeze (unsigned in_channels, double se_ratio);

/* Coefficients for a compound coefficient: fills width, depth, resolution and family of @out, whose
 * name is left alone. FALSE with ARGUMENT when @text is not a number within the limits. */
gboolean effnet_scale_phi (const char *text, double *phi, EffnetVariant *out, GError **error);

#endif
