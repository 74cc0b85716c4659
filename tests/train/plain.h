/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The forward pass that training differentiates, as plain loops in double precision: what finite
 * differences are taken of. */
#ifndef EFFNET_TESTS_PLAIN_H
#define EFFNET_TESTS_PLAIN_H

#include "train/graph.h"

/* The logits of one image under @theta, [params.n_trained]; @x: the input of block graph->first. */
void plain_forward (const EffnetGraph *graph, const double *theta, const float *x, double *logits);

#endif
