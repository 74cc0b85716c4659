/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GStreamer's video -> EffnetImage, for the elements and the tool: formats, strides, planes, crop,
 * colorimetry, chroma siting. The invariant: buffers are mapped READ only, and every plane is
 * inside its memory before the library sees it, whatever a GstVideoMeta claims. */
#ifndef GST_EFFNET_VIDEO_H
#define GST_EFFNET_VIDEO_H

#include <effnet/effnet.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/* What caps say, decided once. */
typedef struct {
  EffnetImage image;    /* without planes */
  GstVideoInfo info;    /* raw video only */
  gboolean is_unpacked; /* the library has no row for the layout: see unpacked.h */
} GstEffnetFormat;

/* Orientations that tags of the stream, and global ones, have given; 0: none. */
typedef struct {
  unsigned stream, global;
} GstEffnetTagged;

/* One mapped buffer. */
typedef struct {
  EffnetImage image;
  GstVideoFrame video; /* raw video */
  GstMapInfo map;      /* JPEG */
  gpointer unpacked;   /* pixels that are not the buffer's; NULL: they are */
  GstBuffer *buffer;
} GstEffnetFrame;

/* Returns: (transfer full): every raw format of the library, then those that GStreamer can unpack;
 * frames and fields of any size */
GstCaps *gst_effnet_video_get_raw_caps (void);
/* Returns: (transfer full): those in the sizes that the library takes, JPEG, and whole access
 * units of H.264 and H.265 */
GstCaps *gst_effnet_video_get_template_caps (void);
/* FALSE: caps that the template does not allow, or that contradict themselves. */
gboolean gst_effnet_format_from_caps (GstEffnetFormat *format, const GstCaps *caps);
/* FALSE: a format that the library does not read. */
gboolean gst_effnet_format_from_info (GstEffnetFormat *format, const GstVideoInfo *info);
/* Whether buffers have every second line of the frame that caps and metas count. */
gboolean gst_effnet_format_is_field (const GstEffnetFormat *format);
/* Returns: EffnetImage.orientation of the tag image-orientation; 0 when there is none */
unsigned gst_effnet_orientation_from_tags (const GstTagList *tags);
/* Takes note of the tag image-orientation. @event: STREAM_START, TAG; of others nothing comes. */
void gst_effnet_tagged_note (GstEffnetTagged *tagged, GstEvent *event);
/* Returns: EffnetImage.orientation as tags give it, the stream's own first; 0: none does */
unsigned gst_effnet_tagged_orientation (const GstEffnetTagged *tagged);
/* Whether a JPEG has a segment where its orientation may stand. */
gboolean gst_effnet_jpeg_has_exif (const void *jpeg, gsize size);
/* FALSE with EFFNET_ERROR_FRAME; nothing is mapped then. */
gboolean gst_effnet_frame_map (GstEffnetFrame *frame, const GstEffnetFormat *format,
                               GstBuffer *buffer, GError **error);
void gst_effnet_frame_unmap (GstEffnetFrame *frame);

G_END_DECLS

#endif
