/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#define WRITE_S 5 /* seconds that a reader has to take the line that is being written */

static volatile sig_atomic_t stop_signal;
static EffnetSession *_Atomic stop_session;

static void
on_signal (int number)
{
  EffnetSession *session = atomic_load (&stop_session);

  stop_signal = number;
  if (session != NULL)
    effnet_session_set_cancelled (session, TRUE); /* a store */
  alarm (WRITE_S);
}

/* Its arrival is what ends a write. */
static void
on_alarm (int number)
{
  (void)number;
  if (stop_signal != 0)
    alarm (1);
}

void
cli_catch_signals (EffnetSession *session)
{
  /* A second signal ends the process at once. A write is gone on with, so that no line is cut. */
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
  struct sigaction on_time = {.sa_handler = on_alarm};

  atomic_store (&stop_session, session);
  sigemptyset (&action.sa_mask);
  sigemptyset (&on_time.sa_mask);
  sigaction (SIGALRM, &on_time, NULL);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  /* A terminal that is closed; under nohup it is not to be noticed. */
  if (sigaction (SIGHUP, NULL, &on_time) == 0 && on_time.sa_handler != SIG_IGN)
    sigaction (SIGHUP, &action, NULL);
}

void
cli_forget_session (void)
{
  atomic_store (&stop_session, NULL);
}

int
cli_stopped (void)
{
  return stop_signal;
}
