/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files made for one test, in a folder that goes with it. */
#ifndef EFFNET_TESTS_WEIGHTS_FILES_H
#define EFFNET_TESTS_WEIGHTS_FILES_H

#include "base/error.h"

#include <stdint.h>

typedef struct {
  char *path; /* of the folder */
} TestFolder;

void test_folder_set_up (TestFolder *folder, gconstpointer data);
/* Removes the folder and the files in it. */
void test_folder_tear_down (TestFolder *folder, gconstpointer data);

/* Each returns the path; free with g_free(). */
char *test_put (TestFolder *folder, const char *name, const void *bytes, size_t n);
char *test_put_text (TestFolder *folder, const char *name, const char *text);
/* A safetensors file: header length @said, @header, and @n_data bytes 0, 1, 2 ... */
char *test_put_tensors (TestFolder *folder, uint64_t said, const char *header, size_t n_header,
                        size_t n_data);

/* @error must have @code and a valid sentence that holds each of @fragments, separated by '|'.
 * Clears it. */
void test_assert_error (GError **error, EffnetError code, const char *fragments);

#endif
