/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels written as a file. A part of effnet/effnet.h, which includes it; not to be included alone.
 */
#ifndef EFFNET_PICTURE_H
#define EFFNET_PICTURE_H

/**
 * effnet_encode_jpeg:
 * @rgb: (array): [height][width][3], 8 bits each, lines without padding
 * @width: pixels a line, 1..EFFNET_FRAME_SIDE_MAX
 * @height: lines
 * @quality: libjpeg's, 1..100
 * @error: return location
 *
 * A baseline JPEG file with the chroma sampled at half the width and height up to a quality of 90,
 * and at full above.
 *
 * Returns: (transfer full) (nullable): the bytes of the file; NULL with #EFFNET_ERROR_ARGUMENT for
 * sizes or a quality outside, with #EFFNET_ERROR_IO where there is no memory for it
 */
EFFNET_API GBytes *effnet_encode_jpeg (const uint8_t *rgb, unsigned width, unsigned height,
                                       unsigned quality, GError **error);

#endif
