/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deliberately wrong kernels, as rows. */
#ifndef EFFNET_TESTS_KERNELS_SABOTAGE_H
#define EFFNET_TESTS_KERNELS_SABOTAGE_H

#include <glib.h>

#include "kernels/kernels.h"

/* The first rows, as many as *@n_right, are right ones: controls. */
const EffnetKernel *sabotage_rows (gsize *n, gsize *n_right);

/* Those of the full convolution and of int8, all wrong. */
const EffnetKernel *sabotage_conv_rows (gsize *n);
const EffnetKernel *sabotage_int8_rows (gsize *n);

#endif
