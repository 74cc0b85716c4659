/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Altered copies of frames to train on. A part of effnet/train.h, which includes it; not to be
 * included alone. */
#ifndef EFFNET_AUGMENT_H
#define EFFNET_AUGMENT_H

typedef struct _EffnetAugmenter EffnetAugmenter;

/**
 * effnet_augmenter_new:
 * @model: the network that will see the copies; used during the call
 *
 * For one thread at a time.
 *
 * Returns: (transfer full): free with effnet_augmenter_free()
 */
EFFNET_API EffnetAugmenter *effnet_augmenter_new (EffnetModel *model);
/**
 * effnet_augmenter_free:
 * @augmenter: (nullable) (transfer full): an augmenter
 */
EFFNET_API void effnet_augmenter_free (EffnetAugmenter *augmenter);
/**
 * effnet_augmenter_run:
 * @augmenter: an augmenter
 * @frame: pixels or a JPEG file
 * @seed: the same of the same frame gives the same copy
 * @altered: (out caller-allocates): the copy, a JPEG; it holds until the next call
 * @error: return location
 *
 * Makes a copy as another shot of the same thing could be: mirrored or not, cropped to 80 to 100 %
 * of each side, 70 to 130 % as bright, and as a JPEG of quality 40 to 95. Pixels are altered before
 * they are resized to the network's input; of large frames every second, fourth or eighth is
 * enough, as JPEG's own scales go.
 *
 * Returns: FALSE with #EFFNET_ERROR_FRAME or IO
 */
EFFNET_API gboolean effnet_augmenter_run (EffnetAugmenter *augmenter, const EffnetImage *frame,
                                          uint64_t seed, EffnetImage *altered, GError **error);

#endif
