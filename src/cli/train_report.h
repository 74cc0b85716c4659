/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The report files beside a trained model. */
#ifndef EFFNET_CLI_TRAIN_REPORT_H
#define EFFNET_CLI_TRAIN_REPORT_H

#include "cli/train.h"

typedef struct {
  const char *name;            /* of the folder that is made */
  const char *command;         /* as it was typed */
  const GPtrArray *unreadable; /* "FILE: why", and NULL behind the last */
  double seconds;              /* that it took so far */
  int timeout_s;               /* for a picture to be shown */
} TrainReportAsk;

/* report.html and report.json in @folder; @train has been cross-validated. */
gboolean train_report_write (const Train *train, EffnetModel *model, const TrainReportAsk *ask,
                             const char *folder, GError **error);

#endif
