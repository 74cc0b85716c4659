/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Map, pick the parts, classify them, unmap. */
#include "classify/inference.h"

void
gst_effnet_inference_init (GstEffnetInference *inference, GstObject *element)
{
  inference->element = element;
  inference->picks = g_array_new (FALSE, FALSE, sizeof (GstEffnetPick));
  inference->rects = g_array_new (FALSE, FALSE, sizeof (EffnetRegion));
}

void
gst_effnet_inference_clear (GstEffnetInference *inference)
{
  g_clear_pointer (&inference->picks, g_array_unref);
  g_clear_pointer (&inference->rects, g_array_unref);
}

void
gst_effnet_inference_forget (GstEffnetInference *inference)
{
  inference->stream_tag = inference->global_tag = 0;
  inference->has_exif = FALSE;
}

static guint
orientation_of_tags (const GstEffnetInference *inference)
{
  return inference->stream_tag != 0 ? inference->stream_tag : inference->global_tag;
}

gboolean
gst_effnet_inference_note_tags (GstEffnetInference *inference, GstEvent *event)
{
  guint before = orientation_of_tags (inference), orientation;
  GstTagList *tags;

  gst_event_parse_tag (event, &tags);
  orientation = gst_effnet_orientation_from_tags (tags);
  if (orientation == 0)
    return FALSE;
  if (gst_tag_list_get_scope (tags) == GST_TAG_SCOPE_GLOBAL)
    inference->global_tag = orientation;
  else
    inference->stream_tag = orientation;
  return orientation_of_tags (inference) != before;
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
  return orientation_of_tags (inference);
}

/* What the calls for one frame share. */
typedef struct {
  GstObject *element;
  const GArray *picks;
  GstEffnetResults *results;
  const GstEffnetWanted *wanted;
  GstClockTime since; /* the last result, or the start */
} Frame;

static void
add_result (unsigned region, const EffnetResult *r, void *user_data)
{
  Frame *frame = user_data;
  GstClockTime now = gst_util_get_timestamp ();
  guint64 elapsed = now - frame->since, explained = r->decode_ns + r->convert_ns + r->infer_ns;
  GstEffnetResult *result = gst_effnet_results_add (frame->results, r, frame->wanted);
  const GstEffnetEntry *best =
      &g_array_index (frame->results->entries, GstEffnetEntry, result->first);

  result->pick = g_array_index (frame->picks, GstEffnetPick, region);
  result->ns[GST_EFFNET_TIME_WAIT] = elapsed > explained ? elapsed - explained : 0;
  result->ns[GST_EFFNET_TIME_DECODE] = r->decode_ns;
  result->ns[GST_EFFNET_TIME_CONVERT] = r->convert_ns;
  result->ns[GST_EFFNET_TIME_INFER] = r->infer_ns;
  frame->since = gst_util_get_timestamp ();
  GST_CAT_LOG_OBJECT (gst_effnet_engine_debug, frame->element,
                      "%" GST_TIME_FORMAT " %s %d: class %d %.3f, decode %" G_GUINT64_FORMAT
                      " convert %" G_GUINT64_FORMAT " infer %" G_GUINT64_FORMAT " ns",
                      GST_TIME_ARGS (frame->results->pts), result->pick.name, result->pick.roi_id,
                      best->id, best->score, r->decode_ns, r->convert_ns, r->infer_ns);
}

static gboolean
classify_picks (GstEffnetInference *inference, const EffnetImage *image, Frame *frame,
                GError **error)
{
  guint n = inference->picks->len;

  g_array_set_size (inference->rects, n);
  for (guint i = 0; i < n; i++)
    g_array_index (inference->rects, EffnetRegion, i) =
        g_array_index (inference->picks, GstEffnetPick, i).rect;
  return effnet_session_classify_regions (frame->results->engine->session, image,
                                          (const EffnetRegion *)(void *)inference->rects->data, n,
                                          add_result, frame, error);
}

static gboolean
classify_image (GstEffnetInference *inference, const GstEffnetInferenceSettings *settings,
                const EffnetImage *image, GstBuffer *buffer, GstEffnetResults *results,
                GError **error)
{
  Frame frame = {.element = inference->element,
                 .picks = inference->picks,
                 .results = results,
                 .wanted = &settings->wanted,
                 .since = gst_util_get_timestamp ()};

  if (!effnet_session_get_frame_size (results->engine->session, image, &results->width,
                                      &results->height, error))
    return FALSE;
  results->outside = gst_effnet_regions_pick (&settings->regions, buffer, results->width,
                                              results->height, &results->storage, inference->picks);
  return classify_picks (inference, image, &frame, error);
}

gboolean
gst_effnet_inference_run (GstEffnetInference *inference, GstEffnetEngine *engine,
                          const GstEffnetInferenceSettings *settings, const GstEffnetFormat *format,
                          GstBuffer *buffer, GstEffnetResults *results, GError **error)
{
  GstEffnetFrame frame;
  gboolean ok;

  gst_effnet_results_reset (results);
  results->engine = gst_effnet_engine_ref (engine);
  results->filter = gst_effnet_class_filter_ref (settings->wanted.filter);
  results->pts = GST_BUFFER_PTS (buffer);
  gst_effnet_engine_set_run (engine, &settings->run);
  if (!gst_effnet_regions_wants (&settings->regions, buffer))
    return TRUE;
  if (!gst_effnet_frame_map (&frame, format, buffer, error))
    return FALSE;
  frame.image.orientation = results->storage.orientation =
      orientation_of (inference, settings, &frame.image);
  results->storage.is_field = gst_effnet_format_is_field (format);
  frame.image.bits = settings->bits;
  ok = classify_image (inference, settings, &frame.image, buffer, results, error);
  gst_effnet_frame_unmap (&frame);
  return ok;
}
