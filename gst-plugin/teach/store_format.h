/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The teach-file between the one that reads it and the one that writes it: what it begins and ends
 * with. */
#ifndef GST_EFFNET_STORE_FORMAT_H
#define GST_EFFNET_STORE_FORMAT_H

#define MAGIC       "EFFTEACH"
#define FORMAT      1
#define HASH_LENGTH 64 /* sha256 in text */
#define SUM_LENGTH  32 /* and in bytes */

#endif
