/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet train, between its files: which pictures there are (train_open.c, train_csv.c,
 * train_list.c), their features (train_features.c, train_cache.c), the head (train_fit.c), the
 * blocks before it (train_tune.c), the folder (train_output.c). The order of pictures is that of
 * their names; nothing depends on which thread does what. */
#ifndef EFFNET_CLI_TRAIN_H
#define EFFNET_CLI_TRAIN_H

#include "cli/cli.h"
#include "effnet/train.h"

#define TRAIN_CLIP_FRAMES 50 /* at most used of a clip */

/* ---- which pictures ---- */

typedef struct {
  char *path;
  char **labels;  /* as listed; none for a picture of no class */
  char *sequence; /* pictures that are frames of one clip share it; or NULL */
  gboolean is_clip;
} TrainItem;

typedef struct {
  GPtrArray *items;  /* TrainItem */
  GPtrArray *labels; /* sorted, each once; of every item */
  gboolean is_csv;
} TrainList;

/* A folder of class folders, or a CSV file. @validation: (nullable) (out): what a folder has beside
 * its `train`, or NULL. NULL with a sentence. */
TrainList *train_list_open (const char *path, gboolean multi_label, TrainList **validation,
                            GError **error);
/* Any pictures and clips, without classes. */
TrainList *train_list_open_plain (const char *path, GError **error);
void train_list_free (TrainList *list);
/* Files of a CSV, as TrainItem; @line of each error. */
gboolean train_csv_read (const char *path, gboolean multi_label, TrainList *list, GError **error);
TrainList *train_list_new (void);
/* Fills `labels` when all items are there. */
void train_list_sort (TrainList *list);
/* Appends; takes @path and @labels. */
void train_list_add (TrainList *list, char *path, char **labels);
/* FALSE: @label cannot be the name of a class; the error says why. */
gboolean train_check_label (const char *label, GError **error);

/* ---- their features ---- */

typedef struct {
  unsigned item;
  guint64 frame;  /* of a clip */
  char *identity; /* SHA-256 of the file, and the frame of a clip */
} TrainRow;

typedef struct {
  GArray *rows; /* TrainRow */
  unsigned n_features;
  unsigned copies;       /* of each row */
  float *features;       /* [rows][n_features], then [rows][copies][n_features] */
  GPtrArray *unreadable; /* "FILE: why" */
  unsigned n_cached;     /* rows that were not computed */
} TrainFeatures;

typedef struct _TrainCache TrainCache;

typedef struct {
  EffnetModel *model;
  const EffnetSessionOptions *session_options;
  int timeout_s, every;
  unsigned copies;
  guint64 seed;
  TrainCache *cache; /* (nullable) */
} TrainExtract;

/* Every picture and frame of @list through the backbone, on all cores. NULL with CANCELLED where a
 * signal came, or IO. */
TrainFeatures *train_features_new (const TrainExtract *how, const TrainList *list, GError **error);
void train_features_free (TrainFeatures *features);
/* Of copy @copy, from 1 on, of a frame of the file with SHA-256 @sum. */
guint64 train_copy_seed (const char *sum, guint64 frame, unsigned copy, guint64 seed);

/* Features of earlier runs in @folder, which is made, for @model as @key describes its use. */
TrainCache *train_cache_open (const char *folder, const char *key, unsigned n_features,
                              GError **error);
/* FALSE: not there. Any thread may ask and add. */
gboolean train_cache_get (TrainCache *cache, const char *name, float *features);
void train_cache_add (TrainCache *cache, const char *name, const float *features);
/* A line on stderr when not all could be kept. NULL is allowed. */
void train_cache_close (TrainCache *cache);

/* ---- the head ---- */

typedef struct {
  /* what was asked for */
  EffnetHeadKind kind;
  const char *positive; /* (nullable): class of the one logit */
  double l2, fraction;  /* fraction: held out; 0 = none */
  guint64 seed;
  unsigned threads;
  /* what there is */
  TrainList *list, *validation, *unknown; /* validation, unknown: (nullable) */
  TrainFeatures *features, *validation_features, *unknown_features;
  /* what came of it */
  GPtrArray *labels;            /* the head's classes; of one logit no and yes */
  EffnetTrainSet set;           /* trained on; rows of the list first, then their altered copies */
  EffnetTrainSet own;           /* the first rows of it: those of the list */
  EffnetTrainSet held;          /* (n_rows 0: none) held out */
  size_t *own_rows, *held_rows; /* rows of the features that these are */
  EffnetHead *head;
  EffnetTrainReport *report;
  float *fold_logits;           /* [rows of `own`][classes] of the folds; times the head's and over
                                 * the other folds' temperature */
  EffnetEvaluation *evaluation; /* of what is held out, else of the folds */
  double ece_before;
  size_t n_duplicates; /* rows tied to another as near-duplicates */
  double near_limit;   /* distance up to which they are */
  float *nearest;      /* [rows of the list] distance to the nearest other row */
  size_t *nearest_row; /* [rows of the list] */
  char *data_sha256;
  /* of --tune */
  EffnetTune *tune; /* (nullable) */
  EffnetTuneReport tuned;
  EffnetHead *tuned_head; /* NULL: the head alone is as good; else @held has its features */
} Train;

/* All from the features on. @notes: sentences for the user. */
gboolean train_fit (Train *train, GPtrArray *notes, GError **error);
void train_clear (Train *train);
/* Sets what there is to say of @head. */
gboolean train_judge (Train *train, EffnetHead *head, GError **error);
/* The head that is written. */
static inline EffnetHead *
train_final_head (const Train *train)
{
  return train->tuned_head != NULL ? train->tuned_head : train->head;
}

/* The last blocks of the backbone together with the head, which train_fit() made. */
gboolean train_tune (Train *train, const TrainExtract *how, const EffnetTuneOptions *options,
                     GError **error);

/* ---- the folder ---- */

typedef struct _TrainOutput TrainOutput;

/* Whether @path may be written, before anything is done, and a folder beside it for what it will
 * be. It may not hold any of @inputs, up to NULL: what is there would be moved away. */
TrainOutput *train_output_new (const char *path, gboolean force, const char *const *inputs,
                               GError **error);
/* Where to write the files. */
const char *train_output_folder (const TrainOutput *output);
/* It becomes @path; what was there goes, or has the name in @kept (out). Frees @output. */
gboolean train_output_publish (TrainOutput *output, char **kept, GError **error);
/* Nothing of it remains. NULL is allowed. */
void train_output_discard (TrainOutput *output);

#endif
