/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A camera for tests: a source that offers exactly the modes of a real one, as v4l2src
 * spells them, asks downstream which of those it takes, prefers the largest picture as v4l2src
 * does, and sends real frames of that mode. */
#ifndef TEST_GST_CAMERA_H
#define TEST_GST_CAMERA_H

#include <gst/gst.h>

typedef struct {
  char *name;
  GPtrArray *modes; /* of GstCaps */
} Camera;

/* Returns: (transfer full): of Camera, from cameras.txt */
GPtrArray *cameras_read (void);
/* A source that offers @modes, and sends @n frames of what it agreed on. */
GstElement *camera_source_new (GstCaps *modes, guint n);
/* FALSE for a mode that needs an encoder, or a decoder, that is not installed. */
gboolean camera_mode_is_plain (const GstCaps *mode);

#endif
