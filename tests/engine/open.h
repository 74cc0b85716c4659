/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Models and sessions that must be there: without one the test fails. */
#ifndef EFFNET_TESTS_ENGINE_OPEN_H
#define EFFNET_TESTS_ENGINE_OPEN_H

#include <effnet/scheduler.h>

EffnetModel *test_open (const char *path, const EffnetModelOptions *options);
/* Of synthetic weights. NULL: skipped, since this CPU has another precision in the place of the one
 * asked for, as the model's notice must say. */
EffnetModel *test_open_in_precision (const EffnetModelOptions *options);
EffnetSession *test_new_session (EffnetModel *model, unsigned threads);

/* A model of synthetic weights; @size: of its input, 0 = the variant's. */
EffnetModel *test_open_synthetic (const char *variant, uint64_t seed, unsigned size);
EffnetScheduler *test_new_scheduler (unsigned threads, const char *name);

#endif
