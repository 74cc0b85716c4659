/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet similar: the pictures of a folder that are most like another one, or like each other, by
 * the cosine of their embeddings. */
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/index.h"
#include "cli/stop.h"
#include "cli/walk.h"
#include "effnet/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PATH_SHOWN   200 /* characters */
#define DUPLICATE_COSINE 0.98
#define MAX_HASHED       ((gsize)1 << 30)

typedef struct {
  CliModelArgs args;
  char *index_path;
  int k;
  double threshold;
  gboolean json, duplicates;
  EffnetSession *session;
  unsigned n_features;
  Index *index;
  GPtrArray *files; /* char *: those of the folder whose features are known, by name */
  float *features;  /* [files][n_features], of length 1 */
  float *query;     /* [n_features] likewise, once known; NULL: the folder is being read */
  gboolean has_query;
} Similar;

typedef struct {
  guint file;
  double cosine;
} Match;

/* ---- features ---- */

static void
normalise (const float *from, unsigned n, float *to)
{
  double sum = 0;

  for (unsigned c = 0; c < n; c++)
    sum += (double)from[c] * (double)from[c];
  for (unsigned c = 0; c < n; c++)
    to[c] = sum > 0 ? (float)((double)from[c] / sqrt (sum)) : 0;
}

static double
cosine (const Similar *self, const float *a, const float *b)
{
  double sum = 0;

  for (unsigned c = 0; c < self->n_features; c++)
    sum += (double)a[c] * (double)b[c];
  return CLAMP (sum, -1, 1);
}

static const float *
features_of (const Similar *self, guint file)
{
  return self->features + (gsize)file * self->n_features;
}

static gboolean
on_frame (gpointer data, const char *input, const SourceFrame *frame, GError **error)
{
  Similar *self = data;
  EffnetResult result;

  if (!effnet_session_classify (self->session, &frame->image, &result, error))
    return FALSE;
  if (self->query == NULL) {
    index_add (self->index, input, result.features);
  } else {
    normalise (result.features, self->n_features, self->query);
    self->has_query = TRUE;
  }
  return TRUE;
}

static int
walk (Similar *self, GPtrArray *inputs)
{
  Walk all = {
      .session = self->session, .timeout_s = self->args.timeout, .frame = on_frame, .data = self};

  return walk_inputs (&all, inputs);
}

/* Embeds what the index does not know; keeps the index when stopped on the way, too. */
static int
read_folder (Similar *self, char *folder, GError **error)
{
  g_autoptr (GPtrArray) all = walk_expand ((char *[]){folder, NULL});
  g_autoptr (GPtrArray) unknown = g_ptr_array_new ();
  g_autoptr (GError) not_saved = NULL;
  int code;

  for (guint i = 0; i < all->len; i++)
    if (index_find (self->index, all->pdata[i]) == NULL)
      g_ptr_array_add (unknown, all->pdata[i]);
  code = walk (self, unknown);
  if (!index_save (self->index, &not_saved)) /* which costs time, the next time, and no answer */
    code = cli_exit_code (not_saved);
  if (cli_stopped () != 0)
    return code;
  self->features = g_try_malloc_n ((gsize)all->len * self->n_features + 1, sizeof (float));
  if (self->features == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "no memory for the features of %u pictures",
                 all->len);
    return CLI_FAILED;
  }
  for (guint i = 0; i < all->len; i++) {
    const float *found = index_find (self->index, all->pdata[i]);

    if (found == NULL)
      continue;
    normalise (found, self->n_features, (float *)features_of (self, self->files->len));
    g_ptr_array_add (self->files, g_strdup (all->pdata[i]));
  }
  return code;
}

/* ---- nearest ---- */

static int
best_first (gconstpointer a, gconstpointer b)
{
  const Match *p = a, *q = b;

  if (p->cosine != q->cosine)
    return p->cosine > q->cosine ? -1 : 1;
  return (p->file > q->file) - (p->file < q->file);
}

static gboolean
is_same_file (const char *a, const char *b)
{
  struct stat one, other;

  return stat (a, &one) == 0 && stat (b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

static void
print_match (const Similar *self, const char *picture, const Match *match)
{
  const char *file = self->files->pdata[match->file];
  g_autofree char *shown = cli_printable (file, MAX_PATH_SHOWN);
  JsonObject *object;

  if (!self->json) {
    printf ("%6.3f  %s\n", match->cosine, shown);
    return;
  }
  object = json_object_new ();
  json_object_set_string_member (object, "query", picture);
  json_object_set_string_member (object, "source", file);
  json_object_set_double_member (object, "cosine", (double)(float)match->cosine);
  cli_print_json (object);
}

static void
print_nearest (const Similar *self, const char *picture)
{
  g_autoptr (GArray) matches = g_array_new (FALSE, FALSE, sizeof (Match));

  for (guint i = 0; i < self->files->len; i++) {
    Match match = {i, cosine (self, self->query, features_of (self, i))};

    if (match.cosine >= self->threshold && !is_same_file (self->files->pdata[i], picture))
      g_array_append_val (matches, match);
  }
  g_array_sort (matches, best_first);
  if (!self->json)
    puts ("COSINE  PICTURE");
  for (guint i = 0; i < matches->len && i < (guint)self->k; i++)
    print_match (self, picture, &g_array_index (matches, Match, i));
}

/* ---- duplicates ---- */

/* Of the file's bytes; NULL when it cannot be read any more. */
static char *
hash_file (const char *path)
{
  int fd = file_open (path, NULL);
  g_autoptr (GBytes) bytes = fd >= 0 ? file_read (fd, MAX_HASHED, NULL) : NULL;

  if (fd >= 0)
    close (fd);
  return bytes != NULL ? g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes) : NULL;
}

/* @members: files. Says of each whether another one of them has the same bytes. */
static void
print_group (const Similar *self, unsigned number, const GArray *members, const float *nearest)
{
  g_autoptr (GPtrArray) hashes = g_ptr_array_new_with_free_func (g_free);
  JsonArray *list = self->json ? json_array_new () : NULL;

  for (guint i = 0; i < members->len; i++)
    g_ptr_array_add (hashes, hash_file (self->files->pdata[g_array_index (members, guint, i)]));
  for (guint i = 0; i < members->len; i++) {
    guint file = g_array_index (members, guint, i);
    const char *path = self->files->pdata[file];
    /* the distance of two vectors of length 1 */
    double alike = 1 - (double)nearest[file] * (double)nearest[file] / 2;
    g_autofree char *shown = cli_printable (path, MAX_PATH_SHOWN);
    gboolean same = FALSE;

    for (guint j = 0; j < members->len && hashes->pdata[i] != NULL; j++)
      same = same || (i != j && g_strcmp0 (hashes->pdata[i], hashes->pdata[j]) == 0);
    if (list != NULL) {
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "source", path);
      json_object_set_double_member (object, "cosine", (double)(float)alike);
      json_object_set_boolean_member (object, "same_bytes", same);
      json_array_add_object_element (list, object);
    } else {
      printf ("%5u  %6.3f  %-5s  %s\n", number, alike, same ? "bytes" : "", shown);
    }
  }
  if (list != NULL) {
    JsonObject *object = json_object_new ();

    json_object_set_int_member (object, "group", number);
    json_object_set_array_member (object, "pictures", list);
    cli_print_json (object);
  }
}

static gboolean
print_duplicates (const Similar *self, GError **error)
{
  guint n = self->files->len;
  double least = self->threshold >= -1 ? self->threshold : DUPLICATE_COSINE;
  g_autofree unsigned *groups = g_new (unsigned, n);
  g_autofree float *nearest = g_new (float, n);
  unsigned n_groups, number = 0;

  n_groups = effnet_train_groups (
      n, self->n_features, self->features, NULL, NULL, MAX (sqrt (2 - 2 * least), 1e-6),
      self->args.session_options.threads, NULL, groups, nearest, NULL, error);
  if (n_groups == 0)
    return FALSE;
  if (!self->json)
    puts ("GROUP  COSINE  SAME   PICTURE");
  for (unsigned group = 0; group < n_groups; group++) {
    g_autoptr (GArray) members = g_array_new (FALSE, FALSE, sizeof (guint));

    for (guint i = 0; i < n; i++)
      if (groups[i] == group)
        g_array_append_val (members, i);
    if (members->len > 1)
      print_group (self, ++number, members, nearest);
  }
  return TRUE;
}

/* ---- the whole of it ---- */

/* All that features depend on beside the files. */
static char *
make_key (const Similar *self, EffnetModel *model)
{
  const EffnetSessionOptions *o = &self->args.session_options;
  EffnetModelInfo info;

  effnet_model_get_info (model, &info);
  return g_strdup_printf ("%s %s seed %" G_GUINT64_FORMAT " %s %s %ux%u resize %d %d %d order %d",
                          effnet_model_get_sha256 (model), info.variant,
                          self->args.model_options.synthetic_seed, info.precision, info.padding,
                          info.input_width, info.input_height, (int)o->resize_mode,
                          o->jpeg_full_scale, o->sparse_rows, G_BYTE_ORDER);
}

static int
find_similar (Similar *self, char *folder, char *picture, GError **error)
{
  g_autoptr (GPtrArray) query = g_ptr_array_new ();
  g_autofree float *row = g_new (float, self->n_features);
  int code = CLI_OK, other;

  if (picture != NULL) {
    g_ptr_array_add (query, picture);
    self->query = row;
    code = walk (self, query);
    if (!self->has_query)
      return code;
    self->query = NULL;
  }
  other = read_folder (self, folder, error);
  code = MAX (code, other);
  if (*error != NULL || cli_stopped () != 0)
    return code;
  self->query = row;
  if (picture != NULL)
    print_nearest (self, picture);
  else if (self->files->len > 0 && !print_duplicates (self, error))
    return CLI_FAILED;
  return code;
}

static int
open_and_find (Similar *self, char *folder, char *picture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetSession) session = NULL;
  g_autofree char *key = NULL;
  EffnetModelInfo info;
  int code = CLI_FAILED;

  if (!cli_open (&self->args, &model, &session, &error))
    return cli_exit_code (error);
  effnet_model_get_info (model, &info);
  key = make_key (self, model);
  self->session = session;
  self->n_features = info.n_features;
  self->files = g_ptr_array_new_with_free_func (g_free);
  self->index = index_open (self->index_path, key, info.n_features, &error);
  if (self->index != NULL)
    code = find_similar (self, folder, picture, &error);
  g_clear_pointer (&self->index, index_free);
  g_ptr_array_unref (self->files);
  g_free (self->features);
  return error != NULL ? cli_exit_code (error) : code;
}

static int
check_usage (const Similar *self, int argc)
{
  if (argc != (self->duplicates ? 2 : 3))
    return cli_usage ("similar", "%d names given; expected %s", argc - 1,
                      self->duplicates ? "a folder" : "a folder and a picture");
  if (self->k < 1)
    return cli_usage ("similar", "-k %d is below 1", self->k);
  if (!(self->threshold >= -2 && self->threshold <= 1))
    return cli_usage ("similar", "--threshold %g is not in -1..1", self->threshold);
  return -1;
}

int
cmd_similar (int argc, char **argv)
{
  Similar self = {.k = 10, .threshold = -2};
  const GOptionEntry entries[] = {
      {"number", 'k', 0, G_OPTION_ARG_INT, &self.k, "how many are listed (default 10)", "N"},
      {"threshold", 0, 0, G_OPTION_ARG_DOUBLE, &self.threshold,
       "only those whose cosine is at least this; of duplicates 0.98 by default", "COSINE"},
      {"duplicates", 'd', 0, G_OPTION_ARG_NONE, &self.duplicates,
       "the folder's pictures that are the same or nearly so, in groups", NULL},
      {"index", 'i', 0, G_OPTION_ARG_FILENAME, &self.index_path,
       "keep the embeddings here, for the next time (default: they are not kept)", "FILE"},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &self.json, "one JSON object a line", NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "similar", "FOLDER PICTURE",
      "Lists the pictures of a folder that are most like another one, by the cosine of their\n"
      "embeddings: 1 is the same. Of a clip the first frame counts.",
      "An index is made anew where a file's size or time, the model or its options have "
      "changed.\n\n"
      "Examples:\n  effnet similar photos/ cat.jpg\n"
      "  effnet similar photos/ --duplicates --index photos.index\n",
      entries};
  int code = cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_RUN | CLI_TAKES_PICTURES, &self.args,
                        &argc, &argv);

  if (code < 0)
    code = check_usage (&self, argc);
  if (code < 0)
    code = open_and_find (&self, argv[1], self.duplicates ? NULL : argv[2]);
  g_free (self.index_path);
  cli_model_args_clear (&self.args);
  return code;
}
