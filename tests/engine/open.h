/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Models and sessions that must be there: without one the test fails. */
#ifndef EFFNET_TESTS_ENGINE_OPEN_H
#define EFFNET_TESTS_ENGINE_OPEN_H

#include <effnet/effnet.h>

EffnetModel *test_open (const char *path, const EffnetModelOptions *options);
EffnetSession *test_new_session (EffnetModel *model, unsigned threads);

#endif
