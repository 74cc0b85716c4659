/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * tune_dump MODEL DEPTH INPUT LABELS TRAIN CLASSIFIER CLASSES EPOCHS RATE THREADS [BATCH [WORK_MB
 * [MEMORY_MB]]]: deeper fine-tuning of pictures that are there as the network's input. INPUT:
 * float32 [n][height][width][3]; LABELS: uint8 [n] classes, of which the first TRAIN are trained
 * on, the others held out; CLASSIFIER: float32 [CLASSES][features], then [CLASSES]. Prints the time
 * and loss of each epoch. */
#include "effnet/train.h"

#include <stdio.h>
#include <stdlib.h>

static void *
load (const char *path, size_t size, size_t *n)
{
  char *bytes = NULL;
  gsize length = 0;

  if (!g_file_get_contents (path, &bytes, &length, NULL))
    g_error ("cannot read %s", path);
  *n = length / size;
  return bytes;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  EffnetModelInfo model_info;
  EffnetTuneReport report;
  size_t n, count;

  if (argc < 11)
    return 2;
  g_autoptr (EffnetModel) model = effnet_model_open (argv[1], NULL, &error);
  if (model == NULL)
    g_error ("%s", error->message);
  effnet_model_get_info (model, &model_info);
  g_autofree float *input = load (argv[3], sizeof (float), &count);
  g_autofree uint8_t *labels = load (argv[4], 1, &n);
  g_autofree float *classifier = load (argv[6], sizeof (float), &count);
  unsigned k = (unsigned)atoi (argv[7]);
  EffnetHeadInfo info = {.kind = EFFNET_HEAD_SOFTMAX,
                         .n_classes = k,
                         .n_features = model_info.n_features,
                         .weights = classifier,
                         .bias = classifier + (size_t)k * model_info.n_features,
                         .accuracy = -1};
  g_autoptr (EffnetHead) head = effnet_head_new (&info, &error);
  if (head == NULL)
    g_error ("%s", error->message);
  EffnetTuneOptions options = {.depth = atoi (argv[2]) ? EFFNET_TUNE_ALL : EFFNET_TUNE_LAST_BLOCK,
                               .epochs = (unsigned)atoi (argv[8]),
                               .patience = 1000,
                               .learning_rate = atof (argv[9]),
                               .threads = (unsigned)atoi (argv[10]),
                               .batch = argc > 11 ? (unsigned)atoi (argv[11]) : 0,
                               .seed = 1,
                               .work_memory = argc > 12 ? (size_t)atoi (argv[12]) << 20 : 0,
                               .memory = argc > 13 ? (size_t)atoi (argv[13]) << 20 : 0};
  g_autoptr (EffnetTune) tune = effnet_tune_new (model, head, &options, &error);
  if (tune == NULL)
    g_error ("%s", error->message);
  gint64 start = g_get_monotonic_time ();
  for (size_t i = 0; i < n; i++) {
    uint8_t targets[256] = {0};
    targets[labels[i]] = 1;
    if (!effnet_tune_add (tune, input + i * model_info.input_width * model_info.input_height * 3, 1,
                          targets, i >= (size_t)atoi (argv[5]), &error))
      g_error ("%s", error->message);
  }
  gint64 added = g_get_monotonic_time ();
  if (!effnet_tune_run (tune, NULL, NULL, NULL, &report, &error))
    g_error ("%s", error->message);
  gint64 end = g_get_monotonic_time ();
  for (unsigned i = 0; i <= report.n_epochs; i++)
    printf ("%u %.9g %.9g %.9g %.6g\n", i, report.epochs[i].rate, report.epochs[i].train_loss,
            report.epochs[i].loss, report.epochs[i].accuracy);
  printf ("add %.3f s, run %.3f s, %zu parameters, best %u, %.1f MB in a file\n",
          (double)(added - start) * 1e-6, (double)(end - added) * 1e-6, report.n_parameters,
          report.best_epoch, (double)report.file_bytes / 1e6);
  return 0;
}
