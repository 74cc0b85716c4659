/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames for tests: deterministic pixels in blocks of memory that end where the frame ends, so that
 * a sanitizer sees a read too far. */
#ifndef EFFNET_TESTS_IMAGE_FRAMES_H
#define EFFNET_TESTS_IMAGE_FRAMES_H

#include "image/frontend.h"

/* Numbers from a seed, the same everywhere. */
typedef struct {
  uint64_t state;
} Dice;
uint32_t dice_roll (Dice *dice);

/* A frame of @format whose planes the caller frees with frame_clear(). @padding: bytes beyond each
 * line. */
void frame_init (EffnetImage *image, EffnetPixelFormat format, unsigned width, unsigned height,
                 unsigned padding, uint64_t seed);
void frame_clear (EffnetImage *image);

/* The raw format behind @format; 0 behind the last. */
EffnetPixelFormat format_next (EffnetPixelFormat format);
/* One of the raw formats. */
EffnetPixelFormat format_any (unsigned n);

/* A front end that must be had. */
EffnetFrontend *frontend_make (const EffnetInputSpec *spec);

#endif
