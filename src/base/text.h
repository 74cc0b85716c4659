/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Untrusted text in messages: names out of files and from the command line may hold anything. */
#ifndef EFFNET_BASE_TEXT_H
#define EFFNET_BASE_TEXT_H

/* @text as it may stand in a message: valid UTF-8 on one line, control characters escaped, cut
 * after 100 characters. NULL reads as "". Free with g_free(). */
char *effnet_printable (const char *text);

/* A copy, NULL when the system does not give the memory. Free with g_free(). */
char *effnet_try_strdup (const char *text);

#endif
