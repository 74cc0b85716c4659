/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet train: pictures of one's own classes -> a model folder. */
#include "cli/progress.h"
#include "cli/stop.h"
#include "cli/train_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HELD_OUT 0.2 /* of the pictures, for --tune */
#define FEW      100 /* pictures to measure calibration by */

typedef struct {
  CliModelArgs args;
  char **inputs;
  char *output, *validate, *unknown, *cache, *positive, *tune;
  int copies, every, epochs;
  gint64 seed;
  double l2;
  gboolean multi_label, one_logit, head_only, force, json;
  Train train;
  GPtrArray *notes;
  gint64 start_us, features_us, tune_us;
  char *command; /* as it was typed */
  char *kept;    /* where an old folder is now, or NULL */
} TrainCommand;

/* ---- what it comes to ------------------------------------------------------------------------ */

/* "FILE: why" of all lists, until train_clear(). */
static GPtrArray *
unreadable (const TrainCommand *self)
{
  const TrainFeatures *all[] = {self->train.features, self->train.validation_features,
                                self->train.unknown_features};
  GPtrArray *texts = g_ptr_array_new ();

  for (unsigned f = 0; f < G_N_ELEMENTS (all); f++)
    for (guint i = 0; all[f] != NULL && i < all[f]->unreadable->len; i++)
      g_ptr_array_add (texts, all[f]->unreadable->pdata[i]);
  return texts;
}

static unsigned
count_unreadable (const TrainCommand *self)
{
  g_autoptr (GPtrArray) texts = unreadable (self);

  return texts->len;
}

static void
print_notes (const TrainCommand *self)
{
  g_autoptr (GPtrArray) texts = unreadable (self);

  for (guint i = 0; i < texts->len; i++)
    cli_failure ("not used", texts->pdata[i]);
  for (guint i = 0; i < self->notes->len; i++)
    cli_failure ("note", self->notes->pdata[i]);
  if (self->kept != NULL) {
    g_autofree char *text =
        g_strdup_printf ("what was in %s is in %s now", self->output, self->kept);
    cli_failure ("note", text);
  }
}

/* Pictures of class @k, as labels count them, among those trained on. */
static size_t
count_class (const Train *train, unsigned k)
{
  const EffnetTrainSet *set = &train->own;
  size_t n = 0;

  for (size_t i = 0; i < set->n_rows; i++) {
    uint8_t target = set->targets[i * set->n_classes + (set->n_classes > 1 ? k : 0)];
    n += train->kind == EFFNET_HEAD_ONE_LOGIT ? target == k : target;
  }
  return n;
}

static double
seconds_since (gint64 start_us)
{
  return (double)(g_get_monotonic_time () - start_us) / G_USEC_PER_SEC;
}

static JsonObject *
tune_json (const TrainCommand *self)
{
  const EffnetTuneReport *report = &self->train.tuned;
  const EffnetTuneEpoch *before = &report->epochs[0], *best = &report->epochs[report->best_epoch];
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "depth", self->tune);
  json_object_set_boolean_member (object, "is_better", report->is_better);
  json_object_set_int_member (object, "parameters", (gint64)report->n_parameters);
  json_object_set_int_member (object, "epochs", report->n_epochs);
  json_object_set_int_member (object, "best_epoch", report->best_epoch);
  json_object_set_double_member (object, "loss_before", before->loss);
  json_object_set_double_member (object, "loss_after", best->loss);
  json_object_set_double_member (object, "accuracy_before", before->accuracy);
  json_object_set_double_member (object, "accuracy_after", best->accuracy);
  json_object_set_double_member (object, "seconds", (double)self->tune_us / 1e6);
  return object;
}

static void
print_json (const TrainCommand *self)
{
  const Train *train = &self->train;
  const EffnetEvaluation *e = train->evaluation;
  JsonObject *object = json_object_new (), *classes = json_object_new ();
  EffnetHeadInfo info;

  effnet_head_get_info (train_final_head (train), &info);
  json_object_set_string_member (object, "output", self->output);
  json_object_set_int_member (object, "pictures", (gint64)train->own.n_rows);
  for (guint k = 0; k < train->labels->len; k++)
    json_object_set_int_member (classes, train->labels->pdata[k], (gint64)count_class (train, k));
  json_object_set_object_member (object, "classes", classes);
  json_object_set_int_member (object, "unreadable", count_unreadable (self));
  json_object_set_int_member (object, "duplicates", (gint64)train->n_duplicates);
  json_object_set_int_member (object, "from_cache", train->features->n_cached);
  json_object_set_string_member (object, "validated_by",
                                 train->held.n_rows > 0       ? "held-out"
                                 : train->report->n_folds > 1 ? "cross-validation"
                                                              : "nothing");
  if (e != NULL) {
    json_object_set_int_member (object, "validated", (gint64)e->n_rows);
    json_object_set_double_member (object, "accuracy", e->accuracy);
    json_object_set_double_member (object, "accuracy_low", e->low);
    json_object_set_double_member (object, "accuracy_high", e->high);
    json_object_set_double_member (object, "ece_before", train->ece_before);
    json_object_set_double_member (object, "ece_after", e->ece);
  }
  json_object_set_double_member (object, "l2", train->report->l2);
  json_object_set_double_member (object, "loss", train->report->loss);
  json_object_set_double_member (object, "temperature", info.temperature);
  if (info.unknown_method != EFFNET_UNKNOWN_NONE)
    json_object_set_double_member (object, "unknown_threshold", info.unknown_threshold);
  if (train->unknown_features != NULL) {
    json_object_set_double_member (object, "unknown_flagged", train->report->unknown_flagged);
    json_object_set_double_member (object, "unknown_area", train->report->unknown_area);
  }
  if (train->tune != NULL)
    json_object_set_object_member (object, "tune", tune_json (self));
  json_object_set_double_member (object, "feature_seconds", (double)self->features_us / 1e6);
  json_object_set_double_member (object, "seconds", seconds_since (self->start_us));
  cli_print_json (object);
}

static void
print_accuracy (const Train *train)
{
  const EffnetEvaluation *e = train->evaluation;

  if (e == NULL) {
    puts ("accuracy     not known: nothing could be held out");
    return;
  }
  printf ("accuracy     %.1f %% (95 %% interval %.1f to %.1f), of %" G_GSIZE_FORMAT " pictures ",
          100 * e->accuracy, 100 * e->low, 100 * e->high, e->n_rows);
  if (train->held.n_rows > 0)
    puts ("held out");
  else
    printf ("by cross-validation, %u parts\n", train->report->n_folds);
  printf ("calibration  error %.3f before, %.3f after%s\n", train->ece_before, e->ece,
          e->n_rows < FEW ? " (of so few pictures it says little)" : "");
}

static void
print_tuned (const TrainCommand *self)
{
  const EffnetTuneReport *report = &self->train.tuned;
  const EffnetTuneEpoch *before = &report->epochs[0], *best = &report->epochs[report->best_epoch];

  if (self->train.tune == NULL)
    return;
  if (!report->is_better)
    printf (
        "tuned        %u epochs did not beat the head alone on the pictures held out (loss %.3f, "
        "%.1f %% right), which is kept\n",
        report->n_epochs, before->loss, 100 * before->accuracy);
  else
    printf (
        "tuned        epoch %u of %u: loss %.3f before, %.3f after; %.1f %% right before, %.1f %% "
        "after\n",
        report->best_epoch, report->n_epochs, before->loss, best->loss, 100 * before->accuracy,
        100 * best->accuracy);
}

static void
print_unknown (const Train *train, const EffnetHeadInfo *info)
{
  if (info->unknown_method == EFFNET_UNKNOWN_NONE)
    return;
  printf ("unknown      beyond a distance of %.3g: %.1f %% of pictures of the classes are nearer",
          info->unknown_threshold, 100 * train->report->known_accepted);
  if (train->unknown_features != NULL)
    printf (", %.1f %% of --unknown are not", 100 * train->report->unknown_flagged);
  puts ("");
}

/* A word as a shell reads it back. */
static char *
shell_word (const char *text)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+";

  return strspn (text, plain) == strlen (text) ? g_strdup (text) : g_shell_quote (text);
}

static void
print_text (const TrainCommand *self)
{
  const Train *train = &self->train;
  const TrainItem *first = train->list->items->pdata[0];
  g_autofree char *output = shell_word (self->output), *picture = shell_word (first->path);
  g_autofree char *shown = cli_printable (output, 1000), *file = cli_printable (picture, 1000);
  EffnetHeadInfo info;

  effnet_head_get_info (train_final_head (train), &info);
  printf ("pictures     %" G_GSIZE_FORMAT " (", train->own.n_rows);
  for (guint k = 0; k < train->labels->len; k++) {
    g_autofree char *label = cli_printable (train->labels->pdata[k], 100);
    if (k == 10 && train->labels->len > 12) {
      printf (", and %u classes more", train->labels->len - k);
      break;
    }
    printf ("%s%s %" G_GSIZE_FORMAT, k > 0 ? ", " : "", label, count_class (train, k));
  }
  puts (")");
  if (count_unreadable (self) > 0)
    printf ("             %u could not be read\n", count_unreadable (self));
  if (train->features->n_cached > 0)
    printf ("             %u taken from the cache\n", train->features->n_cached);
  print_accuracy (train);
  print_tuned (self);
  print_unknown (train, &info);
  printf ("l2           %.3g\n", train->report->l2);
  printf ("time         %.1f s, %.1f s of it for features", seconds_since (self->start_us),
          (double)self->features_us / 1e6);
  if (train->tune != NULL)
    printf (", %.1f s for tuning", (double)self->tune_us / 1e6);
  puts ("");
  printf ("written to   %s\n\nTry it:\n  effnet classify --model %s %s\n", shown, shown, file);
}

/* ---- the work -------------------------------------------------------------------------------- */

static gboolean
is_fraction (const char *text, double *value)
{
  char *end;

  *value = text != NULL ? g_ascii_strtod (text, &end) : 0;
  return text != NULL && end != text && *end == '\0';
}

static gboolean
open_lists (TrainCommand *self, GError **error)
{
  Train *train = &self->train;

  train->list = train_list_open (self->inputs[0], self->multi_label, &train->validation, error);
  if (train->list == NULL)
    return FALSE;
  if (self->validate != NULL) {
    g_clear_pointer (&train->validation, train_list_free);
    if (!is_fraction (self->validate, &train->fraction)) {
      train->validation = train_list_open (self->validate, self->multi_label, NULL, error);
      if (train->validation == NULL)
        return FALSE;
    }
  }
  if (self->tune != NULL && train->validation == NULL && train->fraction <= 0)
    train->fraction = HELD_OUT;
  if (self->unknown != NULL) {
    train->unknown = train_list_open_plain (self->unknown, error);
    if (train->unknown == NULL)
      return FALSE;
  }
  for (guint i = 0; self->positive != NULL && i <= train->list->labels->len; i++) {
    if (i == train->list->labels->len) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, "--positive %s is not a class",
                   self->positive);
      return FALSE;
    }
    if (strcmp (train->list->labels->pdata[i], self->positive) == 0)
      break;
  }
  return TRUE;
}

/* What features depend on beside the picture. */
static char *
cache_key (const TrainCommand *self, EffnetModel *model)
{
  const EffnetSessionOptions *o = &self->args.session_options;
  EffnetModelInfo info;
  GString *key = g_string_new (effnet_model_get_sha256 (model));

  effnet_model_get_info (model, &info);
  g_string_append_printf (key, "|%s|%s|%s|%s|%u|%a|%d|%d|%d", effnet_version (), info.variant,
                          info.precision, info.padding, info.input_width, self->args.bn_eps,
                          (int)o->resize_mode, o->jpeg_full_scale, o->sparse_rows);
  for (unsigned i = 0; i < 3; i++)
    g_string_append_printf (key, "|%a|%a", (double)info.input_mean[i], (double)info.input_std[i]);
  return g_string_free (key, FALSE);
}

static TrainExtract
how_to_extract (const TrainCommand *self, EffnetModel *model)
{
  return (TrainExtract){.model = model,
                        .session_options = &self->args.session_options,
                        .timeout_s = self->args.timeout,
                        .every = self->every,
                        .copies = (unsigned)self->copies,
                        .seed = (guint64)self->seed};
}

static gboolean
extract (TrainCommand *self, EffnetModel *model, GError **error)
{
  Train *train = &self->train;
  TrainExtract how = how_to_extract (self, model);
  gint64 start_us = g_get_monotonic_time ();
  g_autofree char *key = cache_key (self, model);
  EffnetModelInfo info;
  gboolean ok;

  effnet_model_get_info (model, &info);
  if (self->cache != NULL &&
      (how.cache = train_cache_open (self->cache, key, info.n_features, error)) == NULL)
    return FALSE;
  progress_start ();
  train->features = train_features_new (&how, train->list, error);
  how.copies = 0;
  ok = train->features != NULL;
  if (ok && train->validation != NULL)
    ok = (train->validation_features = train_features_new (&how, train->validation, error)) != NULL;
  if (ok && train->unknown != NULL)
    ok = (train->unknown_features = train_features_new (&how, train->unknown, error)) != NULL;
  train_cache_close (how.cache);
  self->features_us = g_get_monotonic_time () - start_us;
  return ok;
}

static gboolean
tune (TrainCommand *self, EffnetModel *model, GError **error)
{
  TrainExtract how = how_to_extract (self, model);
  gint64 start_us = g_get_monotonic_time ();
  const EffnetTuneOptions options = {
      .depth = strcmp (self->tune, "all") == 0 ? EFFNET_TUNE_ALL : EFFNET_TUNE_LAST_BLOCK,
      .epochs = (unsigned)self->epochs,
      .balanced = TRUE,
      .seed = (guint64)self->seed,
      .threads = self->args.session_options.threads};
  gboolean ok = train_tune (&self->train, &how, &options, error);

  self->tune_us = g_get_monotonic_time () - start_us;
  return ok;
}

static gboolean
write_report (TrainCommand *self, EffnetModel *model, const char *folder, GError **error)
{
  g_autofree char *name = g_path_get_basename (self->output);
  g_autoptr (GPtrArray) texts = unreadable (self);
  const TrainReportAsk ask = {.name = name,
                              .command = self->command,
                              .unreadable = texts,
                              .seconds = seconds_since (self->start_us),
                              .timeout_s = self->args.timeout};

  g_ptr_array_add (texts, NULL);
  return self->train.report->n_folds < 2 ||
         train_report_write (&self->train, model, &ask, folder, error);
}

static gboolean
write_folder (TrainCommand *self, EffnetModel *model, TrainOutput **output, GError **error)
{
  const EffnetHeadSaveOptions options = {.head_only = self->head_only,
                                         .resize_mode = self->args.session_options.resize_mode};

  const char *folder = train_output_folder (*output);
  const Train *train = &self->train;
  gboolean ok =
      train->tune != NULL
          ? effnet_tune_save (train->tune, train_final_head (train), folder, &options, error)
          : effnet_head_save (train->head, model, folder, &options, error);

  if (!ok || !write_report (self, model, folder, error))
    return FALSE;
  if (cli_stopped () != 0) {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED, "stopped");
    return FALSE;
  }
  return train_output_publish (g_steal_pointer (output), &self->kept, error);
}

static gboolean
run (TrainCommand *self, GError **error)
{
  /* a share such as 0.2 is no file */
  const char *inputs[] = {self->inputs[0], self->unknown != NULL ? self->unknown : self->inputs[0],
                          self->validate, NULL};
  g_autoptr (EffnetModel) model = NULL;
  TrainOutput *output = NULL;
  gboolean ok;

  if (!open_lists (self, error))
    return FALSE;
  model = effnet_model_open (self->args.model, &self->args.model_options, error);
  if (model == NULL)
    return FALSE;
  cli_notice (model);
  output = train_output_new (self->output, self->force, inputs, error);
  if (output == NULL)
    return FALSE;
  cli_catch_signals (NULL);
  ok = extract (self, model, error) && train_fit (&self->train, self->notes, error) &&
       (self->tune == NULL || tune (self, model, error)) &&
       write_folder (self, model, &output, error);
  train_output_discard (output);
  return ok;
}

static int
run_and_print (TrainCommand *self)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  self->start_us = g_get_monotonic_time ();
  self->notes = g_ptr_array_new_with_free_func (g_free);
  ok = run (self, &error);
  print_notes (self);
  if (ok && self->json)
    print_json (self);
  else if (ok)
    print_text (self);
  else if (cli_stopped () != 0)
    cli_failure (NULL, self->cache != NULL
                           ? "stopped; nothing was written, the cache has the features so far"
                           : "stopped; nothing was written (--cache DIR keeps features for the "
                             "next run)");
  else
    cli_exit_code (error);
  g_ptr_array_unref (self->notes);
  if (!ok && cli_stopped () != 0)
    return CLI_SIGNAL + cli_stopped ();
  return ok && count_unreadable (self) == 0 ? CLI_OK : CLI_FAILED;
}

/* ---- options --------------------------------------------------------------------------------- */

static int
check_options (TrainCommand *self)
{
  double fraction = 0;

  if (self->inputs == NULL || self->inputs[1] != NULL)
    return cli_usage ("train", self->inputs == NULL ? "no DIR or FILE.csv given"
                                                    : "more than one DIR or FILE.csv given");
  if (self->output == NULL || *self->output == '\0')
    return cli_usage ("train", "no --output FOLDER given");
  if (self->copies < 0 || self->copies > 1000)
    return cli_usage ("train", "--augment %d is not in 0..1000", self->copies);
  if (self->every < 1)
    return cli_usage ("train", "--every %d is below 1", self->every);
  if (!(self->l2 >= 0) || isinf (self->l2))
    return cli_usage ("train", "--l2 %g is not a number from 0 on", self->l2);
  if (is_fraction (self->validate, &fraction) && !(fraction > 0 && fraction < 1))
    return cli_usage ("train", "--validate %s is neither a folder nor between 0 and 1",
                      self->validate);
  if (self->multi_label && self->one_logit)
    return cli_usage ("train", "--multi-label and --one-logit exclude each other");
  if (self->tune != NULL && strcmp (self->tune, "last-block") != 0 &&
      strcmp (self->tune, "all") != 0)
    return cli_usage ("train", "--tune %s is neither last-block nor all", self->tune);
  if (self->tune != NULL && self->head_only)
    return cli_usage ("train", "--tune changes the backbone, which --head-only leaves out");
  if (self->epochs < 0 || self->epochs > EFFNET_TUNE_EPOCHS_MAX)
    return cli_usage ("train", "--epochs %d is not in 1..%d", self->epochs, EFFNET_TUNE_EPOCHS_MAX);
  if (self->positive != NULL && !self->one_logit)
    return cli_usage ("train", "--positive is for --one-logit");
  self->train.kind = self->multi_label ? EFFNET_HEAD_MULTI_LABEL
                     : self->one_logit ? EFFNET_HEAD_ONE_LOGIT
                                       : EFFNET_HEAD_SOFTMAX;
  self->train.positive = self->positive;
  self->train.l2 = self->l2;
  self->train.seed = (guint64)self->seed;
  self->train.threads = self->args.session_options.threads;
  return -1;
}

static void
clear (TrainCommand *self)
{
  train_clear (&self->train);
  g_strfreev (self->inputs);
  g_free (self->output);
  g_free (self->validate);
  g_free (self->unknown);
  g_free (self->cache);
  g_free (self->positive);
  g_free (self->tune);
  g_free (self->kept);
  g_free (self->command);
  cli_model_args_clear (&self->args);
}

static const char more[] =
    "DIR has a folder for each class (or train/ and val/ with those). FILE.csv has lines of\n"
    "FILE,CLASS, files relative to it. The folder written opens as any model: --model FOLDER,\n"
    "the element's model-file=FOLDER, and timm.\n\n"
    "Memory: about 60 MB and the model, and for each picture and altered copy 4 bytes times the\n"
    "model's features (lite0: 5 kB). --tune: 600 MB, and a file in TMPDIR for what goes "
    "beyond.\n\n"
    "Examples:\n  effnet train pictures --output gate\n"
    "  effnet train list.csv --output gate --validate 0.2 --augment 4 --cache cache\n"
    "  effnet train pictures --output gate --tune last-block --augment 2\n";

int
cmd_train (int argc, char **argv)
{
  TrainCommand self = {.every = 10};
  const GOptionEntry entries[] = {
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &self.output,
       "the model folder to write; one that train made is replaced", "FOLDER"},
      {"validate", 0, 0, G_OPTION_ARG_FILENAME, &self.validate,
       "share of the pictures to hold out, such as 0.2, or other pictures, in folders of the same "
       "classes; without it accuracy is by cross-validation, and every picture is trained on",
       "SHARE|DIR"},
      {"augment", 0, 0, G_OPTION_ARG_INT, &self.copies,
       "altered copies of each picture to train on as well (default 0)", "N"},
      {"unknown", 0, 0, G_OPTION_ARG_FILENAME, &self.unknown,
       "pictures of none of the classes, to be told from them", "DIR"},
      {"multi-label", 0, 0, G_OPTION_ARG_NONE, &self.multi_label,
       "a picture may have several classes: in a CSV 'a|b' or more columns, or the same file in "
       "several folders",
       NULL},
      {"one-logit", 0, 0, G_OPTION_ARG_NONE, &self.one_logit,
       "two classes as one yes or no: the score of the second", NULL},
      {"positive", 0, 0, G_OPTION_ARG_STRING, &self.positive,
       "the class that is yes (default the last by name)", "CLASS"},
      {"head-only", 0, 0, G_OPTION_ARG_NONE, &self.head_only,
       "write the head alone, tens of kB, which names its backbone", NULL},
      {"l2", 0, 0, G_OPTION_ARG_DOUBLE, &self.l2,
       "strength of the penalty; 0 (default) = chosen by cross-validation", "X"},
      {"tune", 0, 0, G_OPTION_ARG_STRING, &self.tune,
       "train the network's last stage or all its blocks, too, and keep that where it is better on "
       "the pictures held out (a fifth of them without --validate)",
       "last-block|all"},
      {"epochs", 0, 0, G_OPTION_ARG_INT, &self.epochs, "of --tune, at most (default 20)", "N"},
      {"every", 'n', 0, G_OPTION_ARG_INT, &self.every,
       "of a clip, every Nth frame, at most 50 of them (default 10)", "N"},
      {"seed", 0, 0, G_OPTION_ARG_INT64, &self.seed, "of all that is drawn (default 0)", "S"},
      {"cache", 0, 0, G_OPTION_ARG_FILENAME, &self.cache,
       "keep features there, so that the next run need not compute them", "DIR"},
      {"force", 0, 0, G_OPTION_ARG_NONE, &self.force,
       "replace a folder that train did not make; it is kept beside", NULL},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &self.json, "the summary as one JSON object", NULL},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.inputs, NULL, NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "train", "DIR|FILE.csv",
      "Learns classes of your own from pictures and clips: a linear head on the features of a "
      "network.",
      more, entries};
  g_autofree char *typed = g_strjoinv (" ", argv);
  int code;

  self.command = g_strconcat ("effnet ", typed, NULL);
  code = cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_RUN | CLI_TAKES_PICTURES, &self.args,
                    &argc, &argv);

  if (code < 0)
    code = check_options (&self);
  if (code < 0)
    code = run_and_print (&self);
  clear (&self);
  return code;
}
