/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The speed of fused multiply-adds in registers on one core: what a profile's shares refer to. */
#ifndef EFFNET_CLI_PEAK_H
#define EFFNET_CLI_PEAK_H

/* GFLOP/s of fp32 multiply-adds of one core, measured for about @seconds with the vectors of @isa
 * (as EffnetModelInfo.isa names it): the best of short rounds, since the clock may dip. */
double peak_measure (const char *isa, double seconds);

#endif
