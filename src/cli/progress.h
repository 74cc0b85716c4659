/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One bar on the last line of a terminal. It appears when the work has lasted a second, on stderr
 * only, and never when stderr is not a terminal. */
#ifndef EFFNET_CLI_PROGRESS_H
#define EFFNET_CLI_PROGRESS_H

#include <glib.h>

/* The work begins now. */
void progress_start (void);
/* TRUE when it is time to draw: past the first second, ten times a second. */
gboolean progress_is_due (void);
/* @done: 0..1 */
void progress_show (double done, const char *what);
/* Erases the bar, so that other text may stand there. */
void progress_clear (void);

#endif
