/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One inference on its way: a frame's input, what it is of, and what came of it. The streaming
 * thread fills the input (inference.c), an executor runs it, and the thread that sends buffers on
 * takes up the outcome. The invariant: it belongs to one of them at a time, and its input is its
 * own, unless the streaming thread waits for it. */
#ifndef GST_EFFNET_JOB_H
#define GST_EFFNET_JOB_H

#include "coded.h"
#include "classify/results.h"
#include "classify/watch.h"
#include "teach/saver.h"
#include "video.h"

#include <effnet/scheduler.h>

G_BEGIN_DECLS

/* What is kept of a frame beside its results. */
typedef struct {
  gboolean embeddings;          /* for the buffer's metadata */
  gboolean teaches;             /* for who may name it */
  GstEffnetSaveReasons reasons; /* to save a frame; 0 = none */
  double margin;                /* a smaller one is a reason */
  gboolean picture;             /* the frame, in case there is one of the reasons */
  guint input_step;             /* every so many pixels of the network's input; 0 = none */
} GstEffnetKeep;

typedef struct {
  GstEffnetRegionSettings regions;
  GstEffnetRunSettings run;
  GstEffnetWanted wanted;
  guint reclassify_interval; /* frames for which the result of a tracked region is good */
  guint orientation;         /* EffnetImage.orientation; 0: what stream or file says */
  guint bits;                /* EffnetImage.bits */
  GstEffnetKeep keep;
} GstEffnetInferenceSettings;

typedef enum {
  GST_EFFNET_INPUT_NONE,
  GST_EFFNET_INPUT_TENSORS, /* converted */
  GST_EFFNET_INPUT_BYTES,   /* a copy of a file's bytes */
  GST_EFFNET_INPUT_FRAME,   /* mapped: the stream's buffer, or a copy */
  GST_EFFNET_INPUT_CODED,   /* compressed video: the parts are picked when it is decoded */
} GstEffnetInput;

typedef struct {
  GstEffnetPick pick;
  guint at; /* its place among all parts of the frame */
} GstEffnetKept;

/* Memory that is kept from one frame to the next. */
typedef struct {
  gpointer data;
  gsize size; /* bytes */
} GstEffnetRoom;

typedef struct {
  GList link; /* in a queue of its stream */
  gpointer owner;
  GstObject *element; /* for the log; not owned */
  guint epoch;        /* of its stream, when it was submitted */
  guint number;       /* of its stream: rises with each */

  /* input */
  GstEffnetInferenceSettings settings; /* with references of its own */
  GArray *picks;                       /* of GstEffnetPick: the parts of the frame */
  GArray *rects;                       /* of EffnetRegion: the same */
  GArray *views;            /* of EffnetView: of each, where activation maps are wanted */
  GArray *recent;           /* of GstEffnetPick: tracked, and classified not long ago */
  GArray *kept;             /* of GstEffnetKept: parts whose earlier results are good */
  GstEffnetTrigger trigger; /* flags */
  gboolean wanted;          /* whatever the picture shows */
  GstEffnetWatch *watch;    /* (nullable): the stream's; NULL: nobody looks */
  GstEffnetInput input;
  EffnetImage image;     /* BYTES, FRAME; of CODED orientation and bits only */
  GstEffnetRoom tensors; /* of float, [n picks][height][width][3] */
  GstEffnetRoom bytes;
  GstEffnetFrame frame;
  GstEffnetCodedInput *coded;   /* (nullable) */
  gboolean keeps_picture;       /* of compressed video, for another model */
  GstBuffer *copy;              /* (nullable): the one that is mapped, if it is not the stream's */
  GstEffnetPicture *frame_copy; /* (nullable): to be saved */
  GPtrArray *inputs;            /* of GBytes: of each part that was run, as keep.input_step says */
  guint64 convert_ns;           /* of the parts together, on the streaming thread */
  GstClockTime arrived, submitted; /* system times */
  GstClockTime deadline;           /* likewise: its turn is to come by then; 0 = none */

  /* outcome */
  GstEffnetResults results;
  GError *error;      /* (nullable): no result: EFFNET_ERROR_CANCELLED, or the frame is bad */
  GstBuffer *picture; /* (nullable): as keeps_picture says, with the regions of interest */
  GstEffnetFormat picture_format;
  gboolean no_picture; /* of compressed video the decoder has put out none yet */
  gboolean still;      /* no result: the picture did not change */
  gboolean ran;        /* FALSE: a newer one took its place, or the stream was cancelled */
  guint64 decode_ns;   /* of compressed video */
  guint64 queue_ns;    /* between submission and run */
} GstEffnetJob;

/* Makes room for @size bytes, as large as frames and properties want it; what was there is lost.
 * Returns: (nullable): the room, or NULL with an error */
gpointer gst_effnet_room_reserve (GstEffnetRoom *room, gsize size, GError **error);

GstEffnetJob *gst_effnet_job_new (GstObject *element);
void gst_effnet_job_free (GstEffnetJob *job);
/* Empties it, but keeps the memory, and begins another for @engine. */
void gst_effnet_job_begin (GstEffnetJob *job, GstEffnetEngine *engine,
                           const GstEffnetInferenceSettings *settings);
/* Remembers which tracked regions have a result in @newest that is good for this frame: by the same
 * model and rules. */
void gst_effnet_job_note_recent (GstEffnetJob *job, const GstEffnetResults *newest);
/* The parts that are picked become those that are run, but for those that are kept: the recent. */
void gst_effnet_job_set_rects (GstEffnetJob *job);
/* Notes where on the parts to be run @session looks, if that is wanted; `image` is at hand. */
gboolean gst_effnet_job_note_views (GstEffnetJob *job, EffnetSession *session, GError **error);
/* Lets go of the input, and of the buffer that is it; settings and outcome stay. */
void gst_effnet_job_drop_input (GstEffnetJob *job);
/* Lets go of everything. */
void gst_effnet_job_reset (GstEffnetJob *job);
/* Looks at the network's input. FALSE when that is enough: the job is `still`. */
gboolean gst_effnet_job_look (GstEffnetJob *job, const float *nhwc);
/* TRUE when the full frame has to be converted to be looked at, because the parts are others. */
gboolean gst_effnet_job_wants_frame (const GstEffnetJob *job);
/* Converts the full frame with @session to look at it. FALSE as gst_effnet_job_look(), or with an
 * error. */
gboolean gst_effnet_job_look_at_frame (GstEffnetJob *job, EffnetSession *session, GError **error);
/* In an executor. */
void gst_effnet_job_run (GstEffnetJob *job, EffnetExecutor *executor, EffnetSession *session);
/* Without a result: takes @error. */
void gst_effnet_job_fail (GstEffnetJob *job, GError *error);
/* Of a job without an error that has ended: why nothing of the frame was classified. */
GstEffnetReason gst_effnet_job_get_reason (const GstEffnetJob *job);

G_END_DECLS

#endif
