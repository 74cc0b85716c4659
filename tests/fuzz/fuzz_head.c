/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as the card, the weights and the class means of a head: refused with a sentence, or a
 * head whose answers are numbers. The input: two lengths of 2 bytes, the card, the weights, and
 * the means with what is left. */
#include "effnet/effnet.h"
#include "effnet/train.h"
#include "input.h"
#include "take.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define NO_FILE 0xffff

static char *folder, *paths[3];

static void
leave (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (paths); i++)
    g_unlink (paths[i]);
  g_rmdir (folder);
}

static void
enter (void)
{
  static const char *const names[] = {"config.json", "head.safetensors", "unknown.safetensors"};

  if (folder != NULL)
    return;
  folder = g_dir_make_tmp ("effnet-fuzz-XXXXXX", NULL);
  FUZZ_CHECK (folder != NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (paths); i++)
    paths[i] = g_build_filename (folder, names[i], NULL);
  atexit (leave);
}

static void
put (const char *path, Bytes *bytes, size_t size)
{
  size_t n = MIN (size, bytes->left);

  if (size == NO_FILE)
    g_unlink (path);
  else
    fuzz_write (path, bytes->at, n);
  bytes->at += size == NO_FILE ? 0 : n;
  bytes->left -= size == NO_FILE ? 0 : n;
}

static void
check_answer (const EffnetHead *head, const EffnetHeadInfo *info)
{
  g_autofree float *features = g_new (float, info->n_features);
  g_autofree float *logits = g_new (float, info->n_classes);
  g_autofree float *scores = g_new (float, info->n_classes);
  double distance;

  for (unsigned i = 0; i < info->n_features; i++)
    features[i] = (float)(i % 5) * 0.25f;
  effnet_head_apply (head, features, logits, scores, &distance);
  FUZZ_CHECK (isfinite (distance));
  for (unsigned i = 0; i < info->n_classes; i++)
    FUZZ_CHECK (isfinite (logits[i]) && scores[i] >= 0.0f && scores[i] <= 1.0f);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Bytes bytes = {data, size};
  unsigned card = take (&bytes, 2), weights = take (&bytes, 2);
  g_autoptr (GError) error = NULL;
  EffnetHeadInfo info;

  enter ();
  put (paths[0], &bytes, card);
  put (paths[1], &bytes, weights);
  put (paths[2], &bytes, bytes.left);
  EffnetHead *head = effnet_head_open (folder, &error);
  FUZZ_CHECK ((head == NULL) == (error != NULL));
  if (head == NULL) {
    FUZZ_CHECK (error->domain == EFFNET_ERROR && g_utf8_validate (error->message, -1, NULL));
    return 0;
  }
  effnet_head_get_info (head, &info);
  FUZZ_CHECK (info.n_classes > 0 && info.n_features > 0);
  for (unsigned i = 0; info.labels != NULL && i < info.n_classes; i++)
    FUZZ_CHECK (g_utf8_validate (info.labels[i], -1, NULL));
  check_answer (head, &info);
  effnet_head_unref (head);
  return 0;
}
