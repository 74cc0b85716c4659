/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Signals that end the work between two results. */
#ifndef EFFNET_CLI_STOP_H
#define EFFNET_CLI_STOP_H

/* From now on the first SIGINT or SIGTERM only makes cli_stopped() its number, not 0. */
void cli_catch_signals (void);
int cli_stopped (void);

#endif
