/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "open.h"

EffnetModel *
test_open (const char *path, const EffnetModelOptions *options)
{
  g_autoptr (GError) error = NULL;
  EffnetModel *model = effnet_model_open (path, options, &error);

  g_assert_no_error (error);
  return model;
}

EffnetSession *
test_new_session (EffnetModel *model, unsigned threads)
{
  EffnetSessionOptions options = {.threads = threads};
  g_autoptr (GError) error = NULL;
  EffnetSession *session = effnet_session_new (model, &options, &error);

  g_assert_no_error (error);
  return session;
}

EffnetModel *
test_open_synthetic (const char *variant, uint64_t seed, unsigned size)
{
  EffnetModelOptions options = {.variant = variant, .synthetic_seed = seed, .input_size = size};

  return test_open (NULL, &options);
}

EffnetScheduler *
test_new_scheduler (unsigned threads, const char *name)
{
  g_autoptr (GError) error = NULL;
  EffnetScheduler *scheduler = effnet_scheduler_new (threads, name, &error);

  g_assert_no_error (error);
  return scheduler;
}
