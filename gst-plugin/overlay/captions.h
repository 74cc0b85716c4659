/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The metadata of a buffer -> what is to be written on the picture. The invariant: two lists are
 * equal exactly when they look the same, so that nothing is drawn twice. */
#ifndef GST_EFFNET_OVERLAY_CAPTIONS_H
#define GST_EFFNET_OVERLAY_CAPTIONS_H

#include <gst/video/video.h>

#include "schema.h"

G_BEGIN_DECLS

typedef struct {
  gboolean scores, parts;
  GstClockTime stale_after;
  char *element; /* (nullable): only results of the element of this name */
  gboolean maps; /* activation maps */
} GstEffnetCaptionSettings;

/* A line of text, of the whole picture or of a part of it. */
typedef struct {
  char *text;
  int percent;                /* of the score bar; -1: none */
  gboolean part;              /* of `box` */
  gboolean faint;             /* unknown, or older than `stale_after` */
  float box[4];               /* left, top, width, height, fractions of the upright picture */
  GstEffnetActivationMap map; /* of the class that is shown; its values belong to this */
} GstEffnetCaption;

/* @info: of the buffer. Returns: (transfer full) (element-type GstEffnetCaption): in the order of
 * the metadata */
GArray *gst_effnet_captions_read (GstBuffer *buffer, const GstVideoInfo *info,
                                  const GstEffnetCaptionSettings *settings);
gboolean gst_effnet_captions_equal (const GArray *a, const GArray *b);

G_END_DECLS

#endif
