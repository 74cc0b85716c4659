/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The most that a file may ask for. Limits that users meet as options are in effnet.h. */
#ifndef EFFNET_BASE_LIMITS_H
#define EFFNET_BASE_LIMITS_H

#define EFFNET_TENSOR_MAX_DIMS    8
#define EFFNET_TENSORS_HEADER_MAX 100000000u  /* bytes; the format's own limit */
#define EFFNET_TENSORS_DEPTH_MAX  4           /* levels of JSON in that header */
#define EFFNET_TENSORS_STRING_MAX 4096        /* bytes of a tensor's name */
#define EFFNET_CARD_BYTES_MAX     (16u << 20) /* of a model card or a label file */
#define EFFNET_NAME_BYTES_MAX     10000       /* of a class */
#define EFFNET_CARD_DEPTH_MAX     32          /* levels of JSON in a card */
#define EFFNET_CROP_PCT_MIN       0.01
#define EFFNET_CROP_PCT_MAX       100.0
#define EFFNET_JSON_VALUES_MAX    (1u << 18) /* commas, colons, brackets; a B7 has 11,000 */
#define EFFNET_JSON_STRING_MAX    65536 /* bytes: json-glib copies it and must get the memory */
#define EFFNET_JSON_DIGITS_MAX    18    /* an integer of so many digits fits 64 bits */
#define EFFNET_JPEG_PIXELS_MAX    (1u << 26) /* of a frame: 8192 x 8192 */
#define EFFNET_JPEG_SCANNED_MAX   (1u << 25) /* of several scans: all coefficients are in memory */
#define EFFNET_JPEG_MEMORY_MAX    (512l << 20) /* bytes libjpeg may take for those */
#define EFFNET_JPEG_SCANS_MAX     100          /* more is an attack, not a picture */

#endif
