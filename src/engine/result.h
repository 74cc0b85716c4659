/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The derived fields of an EffnetResult. */
#ifndef EFFNET_ENGINE_RESULT_H
#define EFFNET_ENGINE_RESULT_H

#include "base/error.h"

/* Logits to scores, [n] each. @activation: not AUTO. @temperature: above 0 */
void effnet_result_activate (EffnetOutputActivation activation, double temperature,
                             const float *logits, float *scores, unsigned n);
/* Sets `margin` and `entropy` from the scores that @activation made. */
void effnet_result_measure (EffnetResult *result, EffnetOutputActivation activation);

#endif
