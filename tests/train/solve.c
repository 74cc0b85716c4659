/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Training from a file to a file, for tests in Python. solve IN OUT KIND L2 FOLDS BALANCED SEED
 * THREADS ORIGINALS [LOO].
 *
 * IN: uint64 rows, features, classes, unknown rows; float32 features [rows][features]; uint8
 * targets [rows][classes]; uint32 groups [rows]; float32 weights [rows]; float32 features of
 * unknown rows. OUT: doubles, in the order of write_results(). L2 "none" = no penalty. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "effnet/train.h"

static void *
read_block (FILE *in, size_t size, size_t n)
{
  void *block = g_malloc0 (size * n + 1);

  if (fread (block, size, n, in) != n)
    g_error ("the file is too short");
  return block;
}

static void
put (FILE *out, double value)
{
  if (fwrite (&value, sizeof value, 1, out) != 1)
    g_error ("cannot write");
}

static void
put_floats (FILE *out, const float *values, size_t n)
{
  for (size_t i = 0; i < n; i++)
    put (out, values != NULL ? values[i] : NAN);
}

static void
write_results (FILE *out, const EffnetHead *head, const EffnetTrainSet *set,
               const EffnetTrainReport *report, double seconds)
{
  size_t n = set->n_rows, k = set->n_classes;
  EffnetHeadInfo info;
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetEvaluation) evaluation = effnet_evaluate (head, set, &error);

  g_assert_no_error (error);
  effnet_head_get_info (head, &info);
  put (out, seconds);
  put (out, report->l2);
  put (out, report->loss);
  put (out, report->gradient);
  put (out, info.temperature);
  put (out, report->loss_before);
  put (out, report->loss_after);
  put (out, report->ece_before);
  put (out, report->ece_after);
  put (out, report->known_accepted);
  put (out, report->unknown_flagged);
  put (out, report->unknown_area);
  put (out, info.unknown_threshold);
  put (out, evaluation->accuracy);
  put (out, evaluation->loss);
  put (out, evaluation->ece);
  put (out, report->n_path);
  for (unsigned i = 0; i < EFFNET_L2_PATH_MAX; i++) {
    put (out, report->path[i].l2);
    put (out, report->path[i].loss);
    put (out, report->path[i].accuracy);
  }
  put_floats (out, info.weights, k * info.n_features);
  put_floats (out, info.bias, k);
  put_floats (out, info.thresholds, k);
  for (unsigned i = 0; i < k; i++) {
    const EffnetClassResult *of = &evaluation->classes[evaluation->n_classes > k ? 1 : i];

    put (out, of->precision);
    put (out, of->recall);
    put (out, of->roc_area);
  }
  put_floats (out, report->logits, n * k);
  put_floats (out, report->distances, n);
  for (size_t i = 0; i < n; i++)
    put (out, report->fold != NULL ? report->fold[i] : 0);
}

int
main (int argc, char **argv)
{
  FILE *in = argc > 9 ? fopen (argv[1], "rb") : NULL,
       *out = in != NULL ? fopen (argv[2], "wb") : NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetHead) head = NULL;
  g_autoptr (EffnetTrainReport) report = NULL;
  EffnetTrainSet set = {0};
  EffnetTrainOptions options = {0};
  uint64_t *sizes;
  clock_t start;

  if (out == NULL)
    g_error ("usage: solve IN OUT KIND L2 FOLDS BALANCED SEED THREADS ORIGINALS [LOO]");
  sizes = read_block (in, 8, 4);
  set.n_rows = sizes[0];
  set.n_features = (unsigned)sizes[1];
  set.n_classes = (unsigned)sizes[2];
  set.features = read_block (in, 4, sizes[0] * sizes[1]);
  set.targets = read_block (in, 1, sizes[0] * sizes[2]);
  set.groups = read_block (in, 4, sizes[0]);
  set.weights = read_block (in, 4, sizes[0]);
  options.n_unknown = sizes[3];
  options.unknown_features = read_block (in, 4, sizes[3] * sizes[1]);
  options.kind = (EffnetHeadKind)atoi (argv[3]);
  options.unpenalised = g_str_equal (argv[4], "none");
  options.l2 = options.unpenalised ? 0 : g_ascii_strtod (argv[4], NULL);
  options.n_folds = (unsigned)atoi (argv[5]);
  options.balanced = atoi (argv[6]);
  options.seed = (uint64_t)atoi (argv[7]);
  options.threads = (unsigned)atoi (argv[8]);
  options.n_originals = (size_t)atoi (argv[9]);

  start = clock ();
  head = effnet_head_train (&set, &options, NULL, NULL, NULL, &report, &error);
  if (head == NULL) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  write_results (out, head, &set, report, (double)(clock () - start) / CLOCKS_PER_SEC);
  if (argc > 10) {
    float *logits = g_new (float, set.n_rows *set.n_classes);

    if (!effnet_head_leave_one_out (head, &set, &options, NULL, logits, &error))
      g_error ("%s", error->message);
    put_floats (out, logits, set.n_rows * set.n_classes);
    g_free (logits);
  }
  g_free ((void *)set.features);
  g_free ((void *)set.targets);
  g_free ((void *)set.groups);
  g_free ((void *)set.weights);
  g_free ((void *)options.unknown_features);
  g_free (sizes);
  fclose (in);
  return fclose (out) != 0;
}
