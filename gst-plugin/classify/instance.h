/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's instance, shared by the files of this folder. Each field says who may touch it:
 * what is under the object lock is copied out, since the lock is never held while opening a model,
 * running it, pushing or posting. */
#ifndef GST_EFFNET_INSTANCE_H
#define GST_EFFNET_INSTANCE_H

#include "classify/announce.h"
#include "classify/budget.h"
#include "classify/delay.h"
#include "coded.h"
#include "classify/enums.h"
#include "classify/heads.h"
#include "classify/inference.h"
#include "classify/labels.h"
#include "latency.h"
#include "classify/learn.h"
#include "classify/load.h"
#include "classify/outbox.h"
#include "classify/qos.h"
#include "classify/shadow.h"
#include "classify/stream.h"
#include "classify/watch.h"
#include "metrics/metrics.h"
#include "metrics/tally.h"

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

/* Properties that a frame looks at; copied once a frame. */
typedef struct {
  GstEffnetInferenceSettings inference;
  GstEffnetLoadSettings load;
  GstEffnetAttachMeta attach_meta;
  GstEffnetPostMessages post_messages;
  int max_errors; /* less than 1: never an error */
} GstEffnetFrameSettings;

typedef struct _GstEffnetClassify GstEffnetClassify;

/* The element's own; those of engines are in engine.h. */
GST_DEBUG_CATEGORY_EXTERN (gst_effnet_classify_debug);

/* Of an object whose type is known. */
#define GST_EFFNET_CLASSIFY_CAST(object) ((GstEffnetClassify *)(object))

struct _GstEffnetClassify {
  GstBaseTransform parent;

  /* object lock */
  GstEffnetInferenceMode mode_setting;
  guint batch_size; /* images at once; 0 = what the scheduler has */
  GstClockTime batch_timeout;
  gboolean started;  /* PAUSED or PLAYING: what is for READY stays as it is */
  gboolean starting; /* its pad takes buffers already: they wait for start() */
  GCond start_ended;
  GstEffnetModelSettings model_settings;
  gboolean wants_reload; /* one of them was set since the last look */
  gboolean wants_shadow; /* so was shadow-model */
  gboolean wants_heads;  /* so was heads */
  GstEffnetFrameSettings frame_settings;
  GstEffnetLabelSettings label_settings;
  GstEffnetHeads heads;
  GstEffnetLearn learn;
  GstEffnetDecodeFrames decode_frames;
  char *decoder;           /* (nullable) */
  char *regions;           /* (nullable) the property's text */
  GHashTable *complaints;  /* property's name -> a sentence about a value that cannot be used */
  GstEffnetEngine *engine; /* NULL below READY */
  guint generation; /* of model_settings and of the element's opening; old loads are dropped */
  guint settled;    /* the generation that `engine` is of, or that it outlived */
  GstEffnetEngine *running; /* of the frame that is captured, or NULL; borrowed */
  gboolean cancelled;       /* flushing or stopping: no frame is classified */
  gboolean advised;         /* about what upstream offers, since the start */
  GstEffnetLatency latency;
  gboolean live; /* what upstream said when the mode was settled */
  GstEffnetStats stats;
  GstEffnetQos qos;
  struct {
    int port;      /* -1: none */
    char *address; /* (nullable) */
    GstEffnetMetricsServer *server;
  } metrics;
  GstEffnetBudget budget;
  guint budget_serial; /* engine that it counts on; 0 = none yet */

  GstEffnetStream stream; /* has locks of its own, as the next */
  GstEffnetShadow shadow;
  GstEffnetTally tally;
  GstEffnetWatch watch;
  GstEffnetDelay delay; /* inference-mode=delayed */
  GMutex way;           /* held by the thread that captures, takes up, announces or forgets */

  /* the lock `way`; `mode` is changed by the streaming thread only */
  GstSegment segment;               /* of the stream, as it came */
  GstEffnetOutbox outbox;           /* what is told when no lock is held */
  gboolean notifying;               /* in async mode a thread sends what is in it */
  GstFlowReturn owed;               /* what the next buffer returns, though it is in order */
  gboolean owes;                    /* the newest buffer found no room */
  GstEffnetInferenceMode mode;      /* never AUTO */
  GstClockTime last_pts, last_time; /* of the newest buffer: time stamp, running time */
  GstClockTime spacing;             /* between buffers */
  guint64 job_ns;                   /* that the newest job ran */
  gboolean holds_up;                /* in delayed mode: upstream waits for room */
  gboolean mode_settled;            /* since the last segment */
  GstEffnetFormat format;
  GstEffnetCoded coded;
  GstEffnetAttachMeta attach_meta; /* the setting at the start */
  guint tensor_classes; /* of the tensor that the source's caps name; 0: they name none */
  char *name;           /* the element's at the start */
  GstEffnetInference inference;
  GstEffnetResults results; /* the newest of this stream */
  guint results_number;     /* of the job that gave them */
  guint bad_number;         /* of the newest job whose frame could not be classified */
  GstEffnetHeld *held;      /* the buffer that transform_ip() has just seen, in delayed mode */
  guint regions_serial;     /* settings they were picked by */
  gboolean warned_of_regions, warned_of_class;
  GstEffnetLoad load;
  GstEffnetLabels labels;
  guint64 n_frames;   /* of this stream, and of those before */
  guint64 capture_ns; /* what the last frame took to become an input */
  GstEffnetAnnouncer announcer;
  guint n_bad;            /* bad frames in a row */
  guint n_unreported;     /* bad frames since the last warning */
  GstClockTime warned_at; /* system time of it, or NONE */
};

G_END_DECLS

#endif
