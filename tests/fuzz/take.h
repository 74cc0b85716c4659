/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An input read as numbers; behind its end there are zeros. */
#ifndef EFFNET_TESTS_FUZZ_TAKE_H
#define EFFNET_TESTS_FUZZ_TAKE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const uint8_t *at;
  size_t left;
} Bytes;

/* The next @n bytes, at most 4, as a number. */
static inline unsigned
take (Bytes *bytes, unsigned n)
{
  unsigned v = 0;
  for (; n > 0; n--) {
    v = v << 8 | (bytes->left > 0 ? *bytes->at : 0);
    bytes->at += bytes->left > 0;
    bytes->left -= bytes->left > 0;
  }
  return v;
}

#endif
