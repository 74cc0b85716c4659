/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What every fuzz target needs: its input as a file, and a check that holds in release builds too.
 */
#ifndef EFFNET_TESTS_FUZZ_INPUT_H
#define EFFNET_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* A file in memory that holds @data: its path, good until the next call. */
const char *fuzz_input_path (const uint8_t *data, size_t size);
/* Makes the file at @path hold @data and nothing else. */
void fuzz_write (const char *path, const uint8_t *data, size_t size);

/* What a sound library never lets happen; the fuzzer keeps the input. */
#define FUZZ_CHECK(condition)                                                                      \
  do {                                                                                             \
    if (!(condition))                                                                              \
      abort ();                                                                                    \
  } while (0)

#endif
