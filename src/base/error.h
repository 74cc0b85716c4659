/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The public error domain and enums, for every room: base is below all others, so only this file
 * includes the public header. */
#ifndef EFFNET_BASE_ERROR_H
#define EFFNET_BASE_ERROR_H

#include "effnet/effnet.h"

/* Sets @error. Returns FALSE, so that a check that fails is one statement. */
gboolean effnet_fail (GError **error, EffnetError code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* Sets @error to IO: "@what needs @bytes bytes of memory, which the system does not give". Returns
 * FALSE. */
gboolean effnet_fail_memory (GError **error, const char *what, size_t bytes);

#define EFFNET_RESERVE ((size_t)256 << 10) /* bytes */

/* Whether the system would give @bytes now, and a reserve beyond them. GLib and json-glib end the
 * process when they get no memory: before they ask for as much as a file says, it is asked here.
 * FALSE as effnet_fail_memory(). */
gboolean effnet_check_memory (GError **error, const char *what, size_t bytes);

#endif
