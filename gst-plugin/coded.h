/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compressed video of one stream on its way to a picture that can be classified. The streaming
 * thread looks at each access unit and takes copies of those that are needed; whoever runs the
 * inference decodes them. The invariant: nothing of a buffer is kept, and what is kept is
 * bounded. */
#ifndef GST_EFFNET_CODED_H
#define GST_EFFNET_CODED_H

#include "decoder.h"
#include "keyframe.h"

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_DECODE_FRAMES_KEYFRAMES,
  GST_EFFNET_DECODE_FRAMES_ALL,
} GstEffnetDecodeFrames;

/* One stream decoded in order; jobs have references. */
typedef struct _GstEffnetChain GstEffnetChain;

/* The streaming thread's; all zero is sound, and is no coded video. */
typedef struct {
  GstEffnetDecodeFrames frames;
  char *factory;                 /* (nullable): the decoder's element */
  GstEffnetKeyframes *keyframes; /* NULL: the stream is raw video or JPEG */
  GstCaps *caps;                 /* for decoders */
  gboolean said_refresh;
  /* decode-frames=all */
  GstEffnetChain *chain;  /* NULL until the first picture that decodes alone */
  GstBufferList *pending; /* (nullable): looked at, not taken */
  gsize pending_bytes;
  GstBuffer *last; /* (nullable): of the newest of them times and regions of interest */
  guint taken;     /* inputs of the chain */
} GstEffnetCoded;

/* What one inference decodes. */
typedef struct _GstEffnetCodedInput GstEffnetCodedInput;

/* @factory: (nullable) (transfer full) */
void gst_effnet_coded_start (GstEffnetCoded *coded, GstEffnetDecodeFrames frames, char *factory);
/* To all zero. */
void gst_effnet_coded_stop (GstEffnetCoded *coded);
/* The stream's caps; those of raw video or JPEG make it no coded video. FALSE with an error when
 * they are damaged, or with EFFNET_ERROR_UNSUPPORTED when there is no decoder. */
gboolean gst_effnet_coded_set_caps (GstEffnetCoded *coded, const GstCaps *caps, GError **error);
gboolean gst_effnet_coded_is_set (const GstEffnetCoded *coded);
/* After a flush, or in a new segment. */
void gst_effnet_coded_forget (GstEffnetCoded *coded);
/* The stream's next buffer. TRUE when its picture can be had. */
gboolean gst_effnet_coded_look (GstEffnetCoded *coded, GstBuffer *buffer);
/* TRUE once in a stream: it has gradual refresh instead of keyframes. */
gboolean gst_effnet_coded_pop_refresh (GstEffnetCoded *coded);
/* Returns: (transfer none) (nullable): what stands for the newest buffer, if there are some that
 * were looked at and not taken */
GstBuffer *gst_effnet_coded_get_pending (const GstEffnetCoded *coded);
/* Returns: (transfer full) (nullable): for the picture of @buffer, which was looked at last; NULL
 * when it is damaged. With decode-frames=all inputs have to be decoded in order, or not at all. */
GstEffnetCodedInput *gst_effnet_coded_take (GstEffnetCoded *coded, GstBuffer *buffer);

/* Returns: (transfer none): a buffer with the regions of interest of the one that was taken */
GstBuffer *gst_effnet_coded_input_get_places (GstEffnetCodedInput *input);
/* Returns: (transfer full): @picture with those regions */
GstBuffer *gst_effnet_coded_input_place (GstEffnetCodedInput *input, GstBuffer *picture);
void gst_effnet_coded_input_free (GstEffnetCodedInput *input);
/* In any thread; one input of a stream at a time. @stop: (nullable): asked between pictures.
 * Returns: (transfer full) (nullable): the picture, with the time stamp of its buffer. NULL with
 * EFFNET_ERROR_FRAME, CANCELLED or UNSUPPORTED, or without an error when the decoder has put none
 * out yet. */
GstBuffer *gst_effnet_coded_input_decode (GstEffnetCodedInput *input, GstEffnetFormat *format,
                                          gboolean (*stop) (gpointer data), gpointer data,
                                          GError **error);

G_END_DECLS

#endif
