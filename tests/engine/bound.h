/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How far the logits of a plan may be from the true ones, derived from its layers: never a number
 * that was found by trying. The weights are synthetic ones.
 *
 * fp32, in relative L2. A dot product of n terms with random signs, as those of the synthetic
 * weights are, is a random walk: its partial sums grow as sqrt (k). Each addition is rounded by at
 * most u = 2^-24 of its result, in root mean square u / sqrt (3), independent of the others, so the
 * dot is off by
 *   u / sqrt (3) * sqrt (sum over k <= n of k) / sqrt (n) = u sqrt (n / 6)
 * of its own size. Bias, residual and the store round 3 times more, and an activation is off by up
 * to s = EFFNET_SIGMOID_ERROR_F32. A layer of these weights passes on no more of the noise than of
 * the signal (variance-preserving filters; the slopes of swish and ReLU6 leave about the same share
 * of both powers; biases add signal only), so the layers' errors, independent too, add up in
 * squares:
 *   E = sqrt (sum over layers of u^2 (n / 6 + 1 + w / 3) + s^2 / 3)
 * where w counts the roundings of each weight: 0 between two sets of kernels, which share their
 * folded weights; 2 against a network with its batch norms apart (the scale and the product).
 *
 * A convolution by squares (kernels/winograd.h) sums n channels at each point, rounds inputs 4
 * times on the way there, the transformed weight once, and its sums 6 times on the way back: (n / 6
 * + 11 / 3) u^2, beside what the points add up to rather than the output, whose power is less. Of
 * independent inputs and weights, point p of an axis has power sum_i B^T[p][i]^2 sum_j G[p][j]^2 /
 * 3 of the output's, and counts A[p][i]^2 at output i: over outputs their mean, for both axes
 * squared.
 *
 * bf16 keeps 8 bits: u = 2^-9, and sums are exact beside that. A layer rounds twice, its weights
 * and what it stores; the gate of a squeeze-excite rounds the weights it scales once more: for L
 * layers of convolution, G of them gated, u sqrt ((2 L + G) / 3). */
#pragma once

#include "plan/plan.h"

/* E with @weight_roundings for w. */
double effnet_test_bound_f32 (const EffnetPlan *plan, unsigned weight_roundings);

double effnet_test_bound_bf16 (const EffnetPlan *plan);
