/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "open.h"

#include <string.h>

EffnetModel *
test_open (const char *path, const EffnetModelOptions *options)
{
  g_autoptr (GError) error = NULL;
  EffnetModel *model = effnet_model_open (path, options, &error);

  g_assert_no_error (error);
  return model;
}

EffnetModel *
test_open_in_precision (const EffnetModelOptions *options)
{
  static const char *const names[] = {[EFFNET_PRECISION_FP32] = "fp32",
                                      [EFFNET_PRECISION_BF16] = "bf16",
                                      [EFFNET_PRECISION_INT8] = "int8"};
  EffnetModel *model = test_open (NULL, options);
  EffnetModelInfo info;
  g_autofree char *said = g_strdup_printf ("precision %s needs", names[options->precision]);
  gboolean is_said;

  effnet_model_get_info (model, &info);
  is_said = info.notice != NULL && strstr (info.notice, said) != NULL;
  g_assert_cmpint (is_said, ==, g_strcmp0 (info.precision, names[options->precision]) != 0);
  if (!is_said)
    return model;
  g_assert_cmpstr (info.precision, ==, "fp32");
  g_test_skip (info.notice);
  effnet_model_unref (model);
  return NULL;
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
