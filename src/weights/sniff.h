/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a file is that is not what was expected, by its first bytes: people meet web pages under a
 * model's name. */
#ifndef EFFNET_WEIGHTS_SNIFF_H
#define EFFNET_WEIGHTS_SNIFF_H

#include <stddef.h>

/* The first bytes that effnet_sniff() looks at. */
#define EFFNET_SNIFF_BYTES 512

/* "an HTML page"; NULL = nothing it knows. @advice: (out) (nullable): what to do, or NULL. */
const char *effnet_sniff (const void *bytes, size_t n, const char **advice);

/* The same where no text is expected: knows also an empty file, JSON and plain text. */
const char *effnet_sniff_data (const void *bytes, size_t n, const char **advice);

/* The same of a file; NULL also when it cannot be read. */
const char *effnet_sniff_file (const char *path, const char **advice);

#endif
