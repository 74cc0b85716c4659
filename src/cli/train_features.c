/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pictures through the backbone: a thread for each core takes the next picture, decodes it, and
 * runs the network on that core. Each has its places in the array beforehand, so that the result
 * does not depend on who took what. */
#include "cli/train.h"

#include "cli/decoder.h"
#include "cli/file.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "cli/stop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK   65536 /* bytes read at once */
#define POLL_US 50000

typedef struct {
  const TrainExtract *how;
  const TrainList *list;
  TrainFeatures *out;
  size_t *first;           /* [items + 1] rows that are kept free for each */
  unsigned *n;             /* [items] rows that came of it */
  char **sums;             /* [items] SHA-256 of the file */
  char **errors;           /* [items] or NULL */
  guint64 *frames;         /* [first[items]] */
  gint next, done, cached; /* atomic */
  GMutex lock;
  GError *fatal; /* under the lock */
} Work;

typedef struct {
  Work *work;
  EffnetSession *session;
  EffnetAugmenter *augmenter;
  unsigned item;
  const char *sum;
} Worker;

/* Of the file's bytes; NULL with an error. */
static char *
file_sum (const char *path, GError **error)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  int fd = file_open (path, error);
  guint8 chunk[CHUNK];
  gssize n = 1;

  if (fd < 0)
    return NULL;
  while (n > 0 || (n < 0 && errno == EINTR)) {
    n = read (fd, chunk, sizeof chunk);
    if (n > 0)
      g_checksum_update (checksum, chunk, n);
  }
  close (fd);
  if (n == 0)
    return g_strdup (g_checksum_get_string (checksum));
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "could not be read: %s", g_strerror (errno));
  return NULL;
}

/* What one row is called, here and in the cache; copy 0 is the frame itself. */
static char *
row_name (const char *sum, guint64 frame, unsigned copy, guint64 seed)
{
  return g_strdup_printf ("%s:%" G_GUINT64_FORMAT ":%u:%" G_GUINT64_FORMAT, sum, frame, copy,
                          copy > 0 ? seed : 0);
}

/* Where the features of @copy of the item's row @row are. */
static float *
place_of (const Worker *worker, unsigned row, unsigned copy)
{
  const Work *work = worker->work;
  size_t at = work->first[worker->item] + row, n = work->first[work->list->items->len];

  if (copy > 0)
    at = n + at * work->how->copies + copy - 1;
  return work->out->features + at * work->out->n_features;
}

static gboolean
compute (Worker *worker, const EffnetImage *image, unsigned row, unsigned copy, GError **error)
{
  EffnetResult result;

  if (!effnet_session_classify (worker->session, image, &result, error))
    return FALSE;
  memcpy (place_of (worker, row, copy), result.features, result.n_features * sizeof (float));
  return TRUE;
}

guint64
train_copy_seed (const char *sum, guint64 frame, unsigned copy, guint64 seed)
{
  g_autofree char *name = row_name (sum, frame, copy, seed);
  g_autofree char *digits = g_compute_checksum_for_string (G_CHECKSUM_SHA256, name, -1);

  digits[16] = '\0';
  return g_ascii_strtoull (digits, NULL, 16);
}

/* The frame and its altered copies. */
static gboolean
add_frame (Worker *worker, const SourceFrame *frame, unsigned row, GError **error)
{
  TrainCache *cache = worker->work->how->cache;
  guint64 seed = worker->work->how->seed;

  for (unsigned copy = 0; copy <= worker->work->how->copies; copy++) {
    g_autofree char *name = row_name (worker->sum, frame->index, copy, seed);
    EffnetImage altered;

    if (copy > 0 && !effnet_augmenter_run (worker->augmenter, &frame->image,
                                           train_copy_seed (worker->sum, frame->index, copy, seed),
                                           &altered, error))
      return FALSE;
    if (!compute (worker, copy > 0 ? &altered : &frame->image, row, copy, error))
      return FALSE;
    if (cache != NULL)
      train_cache_add (cache, name, place_of (worker, row, copy));
  }
  worker->work->frames[worker->work->first[worker->item] + row] = frame->index;
  return TRUE;
}

/* A picture of which everything is in the cache; clips are not looked for. */
static gboolean
find_in_cache (Worker *worker, const TrainItem *item)
{
  TrainCache *cache = worker->work->how->cache;

  if (cache == NULL || item->is_clip)
    return FALSE;
  for (unsigned copy = 0; copy <= worker->work->how->copies; copy++) {
    g_autofree char *name = row_name (worker->sum, 0, copy, worker->work->how->seed);

    if (!train_cache_get (cache, name, place_of (worker, 0, copy)))
      return FALSE;
  }
  g_atomic_int_inc (&worker->work->cached);
  return TRUE;
}

/* Rows that come of the item; 0 with the error. */
static unsigned
do_item (Worker *worker, const TrainItem *item, GError **error)
{
  unsigned every = item->is_clip ? (unsigned)worker->work->how->every : 1, n = 0;
  unsigned most = item->is_clip ? TRAIN_CLIP_FRAMES : 1;
  g_autoptr (GError) cause = NULL;
  SourceFrame frame;
  Source *source;
  int got = 1;

  if (find_in_cache (worker, item))
    return 1;
  source = source_open (item->path, worker->work->how->timeout_s, &cause);
  while (source != NULL && n < most && cli_stopped () == 0 &&
         (got = source_next (source, &frame, cause == NULL ? &cause : NULL)) == 1)
    if (frame.index % every == 0 && add_frame (worker, &frame, n, cause == NULL ? &cause : NULL))
      n++;
  source_close (source);
  if (n == 0 && cause != NULL)
    g_propagate_error (error, g_steal_pointer (&cause));
  else if (n == 0)
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "holds no frame");
  return n;
}

static gboolean
is_over (Work *work)
{
  gboolean over;

  g_mutex_lock (&work->lock);
  over = work->fatal != NULL;
  g_mutex_unlock (&work->lock);
  return over || cli_stopped () != 0;
}

static gpointer
run_worker (gpointer data)
{
  Worker worker = {.work = data};
  Work *work = data;
  EffnetSessionOptions options = *work->how->session_options;
  GError *error = NULL;

  options.threads = 1;
  worker.session = effnet_session_new (work->how->model, &options, &error);
  if (worker.session == NULL) {
    g_mutex_lock (&work->lock);
    if (work->fatal == NULL)
      work->fatal = g_steal_pointer (&error);
    g_mutex_unlock (&work->lock);
    g_clear_error (&error);
    return NULL;
  }
  if (work->how->copies > 0)
    worker.augmenter = effnet_augmenter_new (work->how->model);
  while (!is_over (work)) {
    unsigned i = (unsigned)g_atomic_int_add (&work->next, 1);
    if (i >= work->list->items->len)
      break;
    const TrainItem *item = work->list->items->pdata[i];
    worker.item = i;
    worker.sum = work->sums[i] = file_sum (item->path, &error);
    if (worker.sum != NULL)
      work->n[i] = do_item (&worker, item, &error);
    if (error != NULL)
      work->errors[i] = g_strdup (error->message);
    g_clear_error (&error);
    g_atomic_int_inc (&work->done);
  }
  effnet_augmenter_free (worker.augmenter);
  effnet_session_free (worker.session);
  return NULL;
}

static void
run_all (Work *work, GError **error)
{
  unsigned n = work->how->session_options->threads, n_items = work->list->items->len, started = 0;
  g_autofree GThread **threads = NULL;
  gint done;

  n = MIN (n > 0 ? n : effnet_cpu_count (), MAX (n_items, 1));
  threads = g_new0 (GThread *, n);
  for (; started < n; started++) {
    threads[started] = g_thread_try_new ("features", run_worker, work, started == 0 ? error : NULL);
    if (threads[started] == NULL)
      break;
  }
  while (started > 0 && !is_over (work) &&
         (unsigned)(done = g_atomic_int_get (&work->done)) < n_items) {
    if (progress_is_due ()) {
      const TrainItem *item = work->list->items->pdata[done];
      progress_show ((double)done / n_items, item->path);
    }
    g_usleep (POLL_US);
  }
  for (unsigned i = 0; i < started; i++)
    g_thread_join (threads[i]);
  progress_clear ();
  if (work->fatal != NULL)
    g_propagate_error (error, work->fatal);
  else if (cli_stopped () != 0)
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED, "stopped");
}

/* The rows that came of the items close up; then those of the copies behind them. */
static void
close_up (Work *work)
{
  TrainFeatures *out = work->out;
  size_t width = out->n_features, kept = 0, all = work->first[work->list->items->len];

  for (guint i = 0; i < work->list->items->len; i++) {
    const TrainItem *item = work->list->items->pdata[i];

    for (unsigned j = 0; j < work->n[i]; j++, kept++) {
      size_t at = work->first[i] + j;
      TrainRow row = {.item = i, .frame = work->frames[at]};

      row.identity = item->is_clip
                         ? g_strdup_printf ("%s:%" G_GUINT64_FORMAT, work->sums[i], row.frame)
                         : g_strdup (work->sums[i]);
      memmove (out->features + kept * width, out->features + at * width, width * sizeof (float));
      g_array_append_val (out->rows, row);
    }
    if (work->errors[i] != NULL)
      g_ptr_array_add (out->unreadable, g_strdup_printf ("%s: %s", item->path, work->errors[i]));
  }
  width *= out->copies;
  kept *= out->n_features;
  for (guint i = 0; width > 0 && i < work->list->items->len; i++) {
    size_t n = work->n[i] * width;

    memmove (out->features + kept, out->features + all * out->n_features + work->first[i] * width,
             n * sizeof (float));
    kept += n;
  }
}

static void
clear_row (gpointer row)
{
  g_free (((TrainRow *)row)->identity);
}

void
train_features_free (TrainFeatures *features)
{
  if (features == NULL)
    return;
  g_array_unref (features->rows);
  g_ptr_array_unref (features->unreadable);
  g_free (features->features);
  g_free (features);
}

static TrainFeatures *
features_new (const TrainExtract *how, size_t n_rows, GError **error)
{
  TrainFeatures *features = g_new0 (TrainFeatures, 1);
  EffnetModelInfo info;
  gsize bytes;

  effnet_model_get_info (how->model, &info);
  features->rows = g_array_new (FALSE, FALSE, sizeof (TrainRow));
  g_array_set_clear_func (features->rows, clear_row);
  features->unreadable = g_ptr_array_new_with_free_func (g_free);
  features->n_features = info.n_features;
  features->copies = how->copies;
  bytes = n_rows * (1 + how->copies) * info.n_features * sizeof (float);
  features->features = g_try_malloc (MAX (bytes, 1));
  if (features->features != NULL)
    return features;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
               "the features of %" G_GSIZE_FORMAT
               " pictures and their %u copies need %" G_GSIZE_FORMAT
               " MB of memory, which the system does not give",
               n_rows, how->copies, bytes >> 20);
  train_features_free (features);
  return NULL;
}

TrainFeatures *
train_features_new (const TrainExtract *how, const TrainList *list, GError **error)
{
  guint n_items = list->items->len;
  g_autofree size_t *first = g_new0 (size_t, n_items + 1);
  g_autofree unsigned *n = g_new0 (unsigned, n_items);
  g_auto (GStrv) sums = g_new0 (char *, n_items + 1), errors = g_new0 (char *, n_items + 1);
  g_autofree guint64 *frames = NULL;
  g_autoptr (GError) cause = NULL;
  Work work = {.how = how, .list = list, .first = first, .n = n, .sums = sums, .errors = errors};

  for (guint i = 0; i < n_items; i++) {
    const TrainItem *item = list->items->pdata[i];
    first[i + 1] = first[i] + (item->is_clip ? TRAIN_CLIP_FRAMES : 1);
  }
  if (!decoder_init (error))
    return NULL;
  work.out = features_new (how, first[n_items], error);
  if (work.out == NULL)
    return NULL;
  work.frames = frames = g_new0 (guint64, first[n_items]);
  g_mutex_init (&work.lock);
  run_all (&work, &cause);
  g_mutex_clear (&work.lock);
  if (cause == NULL)
    close_up (&work);
  for (guint i = 0; i < n_items; i++) { /* gaps end a list of texts */
    g_clear_pointer (&sums[i], g_free);
    g_clear_pointer (&errors[i], g_free);
  }
  work.out->n_cached = (unsigned)work.cached;
  if (cause == NULL)
    return work.out;
  g_propagate_error (error, g_steal_pointer (&cause));
  train_features_free (work.out);
  return NULL;
}
