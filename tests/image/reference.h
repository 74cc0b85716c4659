/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end once more, for comparison: everything in double, one sample at a time, no tables,
 * nothing shared with src/image but the public description of a frame. */
#ifndef EFFNET_TESTS_IMAGE_REFERENCE_H
#define EFFNET_TESTS_IMAGE_REFERENCE_H

#include "image/frontend.h"

/* @rgb: [height][width][3] in 0..255, not rounded; NAN where nothing of the frame comes to lie. Raw
 * formats only, and only frames the front end accepts. */
void reference_run (const EffnetImage *image, const EffnetInputSpec *spec, double *rgb);

#endif
