/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The derived fields of an EffnetResult. */
#ifndef EFFNET_ENGINE_RESULT_H
#define EFFNET_ENGINE_RESULT_H

#include "base/error.h"

/* Sets `margin` and `entropy` from the probabilities. */
void effnet_result_measure (EffnetResult *result);

#endif
