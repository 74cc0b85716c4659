/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exif: the orientation of a picture, and nothing else of its Exif. Every file is distrusted: no
 * count and no offset is followed beyond its segment, nothing is allocated. */
#ifndef EFFNET_IMAGE_EXIF_H
#define EFFNET_IMAGE_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* 1..8; 0 when the JPEG file of @size bytes says nothing, or nothing that makes sense. */
unsigned effnet_exif_orientation (const uint8_t *file, size_t size);

#endif
