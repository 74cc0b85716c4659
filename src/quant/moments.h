/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The mean of an activation whose input is normally distributed: what batch norm makes of a channel
 * has mean beta and standard deviation |gamma| over the training data. */
#ifndef EFFNET_QUANT_MOMENTS_H
#define EFFNET_QUANT_MOMENTS_H

#include "base/types.h"

/* E[act (x)], x ~ N (mean, deviation^2); of finite numbers. ReLU and ReLU6 are exact, swish and
 * sigmoid off by at most 1e-8 of 1 + |mean| + |deviation|. */
double effnet_mean_activated (EffnetActivation activation, double mean, double deviation);

#endif
