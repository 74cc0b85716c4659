/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The smallest net there is as a safetensors file: a header that is sound, and numbers that are
 * finite. What a target damages. */
#ifndef EFFNET_TESTS_FUZZ_MINI_H
#define EFFNET_TESTS_FUZZ_MINI_H

#include "bind/dialect.h"

#define MINI_VARIANT     "b0:0.05,0.05,16"
#define MINI_CLASSES_MAX 12

/* The header's JSON, the caller's own, and, at @body_bytes, how many bytes belong behind it.
 * @n_classes: at most MINI_CLASSES_MAX. */
GString *mini_header (EffnetDialect dialect, unsigned n_classes, size_t *body_bytes);
/* Writes @header and @body_bytes of numbers behind it over the file @fd. */
void mini_write (int fd, const GString *header, size_t body_bytes);

#endif
