/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * engine: models and sessions, the insides of the public types. A model is immutable once
 * effnet_model_open() has returned it; a session owns everything that changes while it runs. */
#ifndef EFFNET_ENGINE_ENGINE_H
#define EFFNET_ENGINE_ENGINE_H

#include "arch/net.h"
#include "base/arena.h"
#include "base/stop.h"
#include "image/frontend.h"
#include "plan/plan.h"
#include "quant/means.h"
#include "threads/pool.h"
#include "weights/card.h"
#include "weights/hash.h"

/* In the metadata of a weights file: EffnetModelInfo.stored. */
#define EFFNET_NOTE_STORED "effnet.stored"

typedef struct _EffnetMeasure EffnetMeasure;

struct _EffnetModel {
  unsigned refs; /* under the cache's lock */
  unsigned lent; /* of these, those of executors' sessions */
  char *key;     /* in the cache */
  char *path;    /* NULL = synthetic */
  char *name;
  char *notice;            /* what the user should know of it; NULL = nothing */
  const char *correction;  /* of biases; static string, NULL where no weight is rounded */
  gboolean has_statistics; /* of batch norm */
  char *stored;            /* how the weights file was made, or NULL */
  EffnetNet *net;
  EffnetPlan *plan;
  EffnetArena weights; /* packed, as plan->layers says */
  EffnetCard *card;
  char **labels; /* of the card or of a labels file; NULL = none */
  uint64_t parameters, multiply_adds;
  EffnetHash *hash;          /* of the weights file, or of the head's; NULL = synthetic */
  char *backbone;            /* its weights file, where the head has one of its own; else NULL */
  EffnetHash *backbone_hash; /* the same */
  double bn_epsilon;         /* as asked for or as the card says; 0 = the flavour's */
};

struct _EffnetSession {
  EffnetModel *model;
  EffnetPool *pool;
  EffnetArena arena;  /* buffers of `images` images, then, but in a crew, each worker's scratch */
  size_t own_scratch; /* bytes of it; 0: in a crew */
  EffnetScratch *scratch; /* in a crew, all of whose sessions share it; else NULL */
  size_t images;
  EffnetFrontend *frontend;
  EffnetInputSpec spec;
  EffnetResizeMode resize_mode;      /* as asked for */
  EffnetOutputActivation activation; /* never AUTO */
  double temperature;                /* above 0 */
  EffnetInputFunc input_func;        /* (nullable): looks at what the network gets */
  void *input_data;
  EffnetStop stop;
  float *probabilities;   /* [n_classes]; NULL: a front end only, without an arena */
  uint64_t *profile;      /* [n_steps] ns of the last run, or NULL */
  EffnetMeasure *measure; /* or NULL */
  unsigned tapped;        /* 1 << number of each stage whose output is kept */
  size_t tapped_bytes;    /* of one image's, as float, in the arena behind the scratch */
  struct {
    unsigned image, images; /* the last result's in its run; 0 images: there is none */
    const float *maps[EFFNET_STAGES_MAX]; /* of that image, by number of the stage */
  } last;
  struct {
    unsigned n, first, end; /* images; only those from first on are at hand, up to end */
    const float *inputs[EFFNET_BATCH_MAX];
    uint64_t ns; /* of each */
  } ahead;
};

/* Walks the plan over @inputs, [images] of float [in_h][in_w][3], between effnet_pool_enter() and
 * _leave(); features and logits are then in the arena, unless the session was stopped meanwhile.
 * @images: at most the session's. */
void effnet_run (EffnetSession *session, const float *const *inputs, size_t images);

/* Around everything that uses the session's pool. _leave() returns @ok, unless something was left
 * out meanwhile: whatever else went wrong is due to that. */
void effnet_session_enter (EffnetSession *session);
gboolean effnet_session_leave (EffnetSession *session, gboolean ok, GError **error);

/* What image @i of a run of @images has in slot @slot: T or float, as the plan says. */
static inline const void *
effnet_session_slot (const EffnetSession *session, EffnetSlot slot, size_t i, size_t images)
{
  const EffnetBuffer *buffer = &session->model->plan->buffers[slot];
  const char *arena = session->arena.base;

  return arena + images * buffer->offset + i * buffer->stride;
}

/* ---- measure.c ---- */

/* Adds what step @step is about to read of @images images. */
void effnet_session_measure_step (EffnetSession *session, size_t step, size_t images);
void effnet_measure_free (EffnetMeasure *measure);

/* ---- means.c ---- */

/* Adds a sentence to @notice. Takes @sentence. */
void effnet_add_notice (char **notice, char *sentence);

/* The means that correct the biases of @net: of batch norm's statistics, else from the file beside
 * the weights; NULL where there are neither. @correction [out]: which, a static string. @notice:
 * (nullable): is told why a file beside them is of no use; without it that is an error. FALSE with
 * FORMAT or IO. */
gboolean effnet_find_means (const EffnetNet *net, const EffnetTensorTable *tensors,
                            const EffnetBound *bound, EffnetMeans **means, const char **correction,
                            char **notice, GError **error);

/* ---- maps.c ---- */

/* Takes the stages asked for; FALSE with ARGUMENT for one there is not. */
gboolean effnet_session_tap (EffnetSession *session, unsigned stages, GError **error);
/* Keeps what step @step has just made of @images images, if it is an output asked for. */
void effnet_session_keep_taps (EffnetSession *session, size_t step, size_t images);
/* Image @i of the @images of the last run is the result that the caller gets. */
void effnet_session_give_taps (EffnetSession *session, size_t i, size_t images,
                               EffnetResult *result);

/* Runs the network over @inputs, all at once: effnet_session_run() has the result of each of them
 * at hand, until the session runs anything else. FALSE when it was stopped, or got no memory; then
 * nothing is at hand. */
gboolean effnet_session_run_ahead (EffnetSession *session, const float *const *inputs, unsigned n);

/* A session of the default options whose tiles @pool runs. */
EffnetSession *effnet_session_new_in (EffnetModel *model, EffnetPool *pool, GError **error);
/* @change: one more, or one less, of the references are of sessions that executors keep. */
void effnet_model_lend (EffnetModel *model, int change);
/* @given_up is called from now on when those are the only references left. */
void effnet_model_watch (void (*given_up) (const EffnetModel *model));

/* Adds to the notice what becomes of @asked on this CPU: what the plan has in its place, and what
 * int8 does not do for this model. */
void effnet_model_note_precision (EffnetModel *model, EffnetDtype asked);

/* @activation, or what AUTO comes to. */
EffnetOutputActivation effnet_model_activation (const EffnetModel *model,
                                                EffnetOutputActivation activation);
/* @temperature, or what 0 comes to. */
double effnet_model_temperature (const EffnetModel *model, double temperature);

#endif
