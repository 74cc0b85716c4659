/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Signals that end the work between two results. */
#ifndef EFFNET_CLI_STOP_H
#define EFFNET_CLI_STOP_H

#include "effnet/effnet.h"

/* From now on the first SIGINT, SIGTERM or SIGHUP only makes cli_stopped() its number, not 0, and
 * cancels what @session does, if there is one; a write to somebody who does not read then fails
 * within seconds. */
void cli_catch_signals (EffnetSession *session);
/* Before the session is freed. */
void cli_forget_session (void);
int cli_stopped (void);

#endif
