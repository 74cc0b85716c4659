/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Map, pick the parts, convert or copy what is to be kept. */
#include "classify/inference.h"

void
gst_effnet_inference_forget (GstEffnetInference *inference)
{
  *inference = (GstEffnetInference){0};
}

gboolean
gst_effnet_inference_note_tags (GstEffnetInference *inference, GstEvent *event)
{
  guint before = gst_effnet_tagged_orientation (&inference->tagged);

  gst_effnet_tagged_note (&inference->tagged, event);
  return gst_effnet_tagged_orientation (&inference->tagged) != before;
}

/* A JPEG's own word counts more than a tag, which may be of the file around it, or, by way of a
 * parser, of an earlier picture. */
static guint
orientation_of (GstEffnetInference *inference, const GstEffnetInferenceSettings *settings,
                const EffnetImage *image)
{
  if (settings->orientation != 0)
    return settings->orientation;
  if (image->format == EFFNET_PIXEL_FORMAT_JPEG) {
    inference->has_exif |= gst_effnet_jpeg_has_exif (image->data[0], image->size);
    if (inference->has_exif)
      return 0;
  }
  return gst_effnet_tagged_orientation (&inference->tagged);
}

/* ---- input ----------------------------------------------------------------------------------- */

/* Floats of the network's input for all parts. */
static gsize
n_floats (const GstEffnetJob *job)
{
  const EffnetModelInfo *info = &job->results.engine->info;

  return (gsize)info->input_height * info->input_width * 3 * job->picks->len;
}

static gboolean
convert (GstEffnetJob *job, GError **error)
{
  GstClockTime start = gst_util_get_timestamp ();
  float *nhwc;

  if (gst_effnet_job_wants_frame (job) &&
      !gst_effnet_job_look_at_frame (job, job->results.engine->session, error)) {
    gst_effnet_job_drop_input (job);
    return job->still;
  }
  nhwc = gst_effnet_room_reserve (&job->tensors, n_floats (job) * sizeof *nhwc, error);
  if (nhwc == NULL ||
      !effnet_session_preprocess_regions (job->results.engine->session, &job->frame.image,
                                          (const EffnetRegion *)(void *)job->rects->data,
                                          job->rects->len, nhwc, error))
    return FALSE;
  gst_effnet_job_drop_input (job);
  job->input = GST_EFFNET_INPUT_TENSORS;
  job->convert_ns = gst_util_get_timestamp () - start;
  if (job->settings.regions.mode == GST_EFFNET_INFERENCE_REGION_FULL_FRAME &&
      !gst_effnet_job_look (job, nhwc))
    gst_effnet_job_drop_input (job);
  return TRUE;
}

static gboolean
copy_bytes (GstEffnetJob *job, GError **error)
{
  gpointer bytes = gst_effnet_room_reserve (&job->bytes, job->frame.image.size, error);

  if (bytes == NULL)
    return FALSE;
  job->image = job->frame.image;
  job->image.data[0] = memcpy (bytes, job->image.data[0], job->image.size);
  gst_effnet_job_drop_input (job);
  job->input = GST_EFFNET_INPUT_BYTES;
  return TRUE;
}

static gboolean
copy_frame (GstEffnetJob *job, const GstEffnetFormat *format, GstBuffer *buffer, GError **error)
{
  guint orientation = job->frame.image.orientation, bits = job->frame.image.bits;

  gst_effnet_job_drop_input (job);
  job->copy = gst_buffer_copy_deep (buffer);
  if (!gst_effnet_frame_map (&job->frame, format, job->copy, error)) {
    gst_clear_buffer (&job->copy);
    return FALSE;
  }
  job->input = GST_EFFNET_INPUT_FRAME;
  job->image = job->frame.image;
  job->image.orientation = orientation;
  job->image.bits = bits;
  return TRUE;
}

/* The network's input is the smaller copy of a frame, unless the parts are many. */
static gboolean
own_input (GstEffnetJob *job, const GstEffnetFormat *format, GstBuffer *buffer, GError **error)
{
  if (format->image.format == EFFNET_PIXEL_FORMAT_JPEG)
    return copy_bytes (job, error);
  if (job->picks->len == 1 ||
      n_floats (job) * sizeof (float) <= GST_VIDEO_INFO_SIZE (&format->info))
    return convert (job, error);
  return copy_frame (job, format, buffer, error);
}

/* What the executor decodes, and how its picture will stand. */
static gboolean
capture_coded (GstEffnetInference *inference, GstEffnetCoded *coded, GstBuffer *buffer,
               GstEffnetJob *job, GError **error)
{
  EffnetImage unknown = EFFNET_IMAGE_INIT;

  job->coded = gst_effnet_coded_take (coded, buffer);
  if (job->coded == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "The access unit is damaged");
    return FALSE;
  }
  job->input = GST_EFFNET_INPUT_CODED;
  job->image = unknown;
  job->image.orientation = job->results.storage.orientation =
      orientation_of (inference, &job->settings, &unknown);
  job->image.bits = job->settings.bits;
  return TRUE;
}

gboolean
gst_effnet_inference_capture (GstEffnetInference *inference, const GstEffnetFormat *format,
                              GstEffnetCoded *coded, GstBuffer *buffer, gboolean own,
                              const GstEffnetResults *newest, GstEffnetJob *job, GError **error)
{
  GstEffnetResults *results = &job->results;
  EffnetImage *image = &job->frame.image;

  if (!gst_effnet_regions_wants (&job->settings.regions, buffer))
    return TRUE;
  gst_effnet_job_note_recent (job, newest);
  if (gst_effnet_coded_is_set (coded))
    return capture_coded (inference, coded, buffer, job, error);
  if (!gst_effnet_frame_map (&job->frame, format, buffer, error))
    return FALSE;
  job->input = GST_EFFNET_INPUT_FRAME;
  image->orientation = results->storage.orientation =
      orientation_of (inference, &job->settings, image);
  results->storage.is_field = gst_effnet_format_is_field (format);
  image->bits = job->settings.bits;
  job->image = *image;
  gst_effnet_engine_set_run (results->engine, &job->settings.run);
  if (!effnet_session_get_frame_size (results->engine->session, image, &results->width,
                                      &results->height, error))
    return FALSE;
  results->outside = gst_effnet_regions_pick (&job->settings.regions, buffer, results->width,
                                              results->height, &results->storage, job->picks);
  gst_effnet_job_set_rects (job);
  if (!gst_effnet_job_note_views (job, results->engine->session, error))
    return FALSE;
  if (job->picks->len == 0)
    gst_effnet_job_drop_input (job);
  else if (own && !own_input (job, format, buffer, error))
    return FALSE;
  if (job->settings.keep.picture && job->input != GST_EFFNET_INPUT_NONE)
    job->frame_copy = gst_effnet_picture_new (
        buffer, format->image.format != EFFNET_PIXEL_FORMAT_JPEG ? &format->info : NULL,
        results->storage.orientation);
  return TRUE;
}
