/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element's tests share: a harness around effnetclassify with the default model, frames of
 * every format written by GStreamer's own packers, and readers of results.
 */
#ifndef TEST_GST_COMMON_H
#define TEST_GST_COMMON_H

#include <effnet/effnet.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#define META_NAME "EffnetClassificationMeta"

/* gst_init(), g_test_init(), and no test passes over a critical warning. */
void test_init (int *argc, char ***argv);
/* $EFFNET_SOURCE_ROOT/@relative; free with g_free() */
char *source_path (const char *relative);

enum { MODE_AUTO, MODE_SYNC, MODE_ASYNC, MODE_DELAYED }; /* of inference-mode */
enum { FULL_FRAME, ROI_LIST, REGIONS };                  /* of inference-region */

/* An element with properties set before it goes to PLAYING; inference-mode is sync by default. */
GstHarness *harness_new (const char *first_property, ...) G_GNUC_NULL_TERMINATED;
/* A flush, and a segment from 0 on. */
void harness_flush (GstHarness *h);
/* Stops, and frees the element; the bus is empty of errors. */
void harness_free (GstHarness *h);
/* A message of @type is there, says each word of @words (NULL-terminated), and is removed. */
void harness_expect (GstHarness *h, GstMessageType type, const char *words,
                     ...) G_GNUC_NULL_TERMINATED;
/* Removes the oldest message of @type from the element's bus; NULL when there is none. */
GstMessage *harness_pop_message (GstHarness *h, GstMessageType type);
/* How many of @type are there; removes them. */
guint harness_count_messages (GstHarness *h, GstMessageType type);
/* A counter of an element's property `stats`. */
guint64 element_stat (GstElement *element, const char *name);
guint64 harness_stat (GstHarness *h, const char *name);
/* A number of the property `model-info`. */
guint harness_info (GstHarness *h, const char *name);

/* 8-bit components of a pixel: Y U V, or R G B, or grey. */
typedef void (*PixelFunc) (int x, int y, int width, int height, guint8 *component);

/* A buffer of @info with @pad extra bytes after every line; with a GstVideoMeta if @pad is not 0.
 */
GstBuffer *frame_new (const GstVideoInfo *info, int pad, PixelFunc pixel);
/* A grey frame of the harness' present caps size; `n` gives it a PTS at 30 frames a second. */
GstBuffer *grey_frame (int width, int height, guint8 grey, int n);
/* Gives @buffer, which it takes, the time stamp of frame @n at 30 frames a second. */
GstBuffer *stamped (GstBuffer *buffer, int n);
/* Sets I420 caps. */
void set_i420_caps (GstHarness *h, int width, int height);

/* A JPEG file of the source tree through the elements of @line. */
GstBuffer *picture_through (const char *relative, const char *line);
/* A photograph of pipelines/media as I420 of @width x @height. */
GstBuffer *photo_frame (const char *name, int width, int height);
/* The cat on the left, the coffee on the right, @side x @side pixels each: I420. */
GstBuffer *pair_frame (int side, int n);
/* A text for `regions`: 999 parts, which take longer to classify than any test waits. */
char *many_regions (void);
/* @i420 as JPEG; takes it. */
GstBuffer *encode_jpeg (GstBuffer *i420, int width, int height);

/* Pushes, pulls, and gives what came out: never NULL. */
GstBuffer *push_pull (GstHarness *h, GstBuffer *buffer);
/* The first result on a buffer, or NULL. */
const GstStructure *result_of (GstBuffer *buffer);
guint result_uint (const GstStructure *s, const char *field);
int result_int (const GstStructure *s, const char *field);
double result_double (const GstStructure *s, const char *field);
guint64 result_uint64 (const GstStructure *s, const char *field);
gboolean result_boolean (const GstStructure *s, const char *field);
guint result_list_length (const GstStructure *s, const char *field);
/* Entry @i of the list `results`. */
const GstStructure *result_part (const GstStructure *s, guint i);

/* Memory of this process. */
gsize resident_bytes (void);
/* Its threads. */
guint count_threads (void);

#endif
