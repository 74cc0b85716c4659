/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A source is either a JPEG file in memory, which gives one frame, or a pipeline
 *
 *   uridecodebin ! videoconvert [! videoflip] ! appsink
 *
 * whose sink accepts every raw format the library takes, so that videoconvert does nothing unless
 * it must. A picture that has to be rotated is decoded by the pipeline; when the need for it shows
 * only in the tags that precede the first frame, the pipeline is built a second time. */
#include "cli/source.h"

#include "cli/orientation.h"
#include "gst-plugin/video.h"

#include <stdio.h>
#include <string.h>
#include <gst/app/gstappsink.h>

struct _Source {
  char *input;
  char *jpeg; /* the whole file, or NULL */
  gsize jpeg_size;
  gboolean done;
  GstElement *pipeline;
  GstAppSink *sink;
  const char *direction;     /* of the pipeline's videoflip, or NULL */
  const char *tag_direction; /* what the tags ask for; written before the first frame */
  gboolean typed;            /* the file's own caps were seen; for the streaming thread alone */
  gboolean still;            /* a picture file: one frame, no time */
  GstSample *sample;
  GstEffnetFrame frame;
  gboolean mapped;
  guint64 index;
};

static gboolean
init_gstreamer (GError **error)
{
  return gst_is_initialized () || gst_init_check (NULL, NULL, error);
}

/* A single JPEG file: its first bytes say so, and its name does not say that it is a clip. */
static gboolean
is_jpeg_file (const char *path)
{
  g_autofree char *lower = g_ascii_strdown (path, -1);
  guint8 head[3] = {0};
  FILE *file;
  gsize n;

  if (g_str_has_suffix (lower, ".mjpg") || g_str_has_suffix (lower, ".mjpeg"))
    return FALSE;
  file = fopen (path, "rb");
  if (file == NULL)
    return FALSE;
  n = fread (head, 1, sizeof head, file);
  fclose (file);
  return n == sizeof head && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff;
}

/* The first caps decodebin sees are those of the file itself. Sound and text are not decoded. */
static gboolean
on_autoplug (GstElement *decoder, GstPad *pad, GstCaps *caps, gpointer data)
{
  Source *source = data;
  const char *name = gst_structure_get_name (gst_caps_get_structure (caps, 0));

  (void)decoder;
  (void)pad;
  if (!source->typed)
    source->still = g_str_has_prefix (name, "image/");
  source->typed = TRUE;
  return !g_str_has_prefix (name, "audio/") && !g_str_has_prefix (name, "text/");
}

static void
on_pad_added (GstElement *decoder, GstPad *pad, gpointer data)
{
  g_autoptr (GstPad) sink = gst_element_get_static_pad (data, "sink");

  (void)decoder;
  if (!gst_pad_is_linked (sink))
    gst_pad_link (pad, sink); /* a pad that is not video does not link */
}

static GstPadProbeReturn
on_event (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  Source *source = data;

  (void)pad;
  if (GST_EVENT_TYPE (event) == GST_EVENT_TAG && source->sample == NULL) {
    GstTagList *tags;
    const char *direction;

    gst_event_parse_tag (event, &tags);
    direction = orientation_of_tags (tags);
    if (direction != NULL)
      source->tag_direction = direction;
  }
  return GST_PAD_PROBE_OK;
}

static GstElement *
make (const char *factory, const char *package, GError **error)
{
  GstElement *element = gst_element_factory_make (factory, NULL);

  if (element == NULL)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "GStreamer has no element '%s' here; install %s", factory, package);
  return element != NULL ? gst_object_ref_sink (element) : NULL;
}

static char *
uri_of (const char *input, GError **error)
{
  g_autoptr (GError) cause = NULL;
  char *uri;

  if (gst_uri_is_valid (input) && !g_file_test (input, G_FILE_TEST_EXISTS))
    return g_strdup (input);
  if (!g_file_test (input, G_FILE_TEST_EXISTS)) {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
                         "no such file, and not a URI");
    return NULL;
  }
  uri = gst_filename_to_uri (input, &cause);
  if (uri == NULL)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "has no URI: %s", cause->message);
  return uri;
}

/* Adds videoconvert [! videoflip] ! appsink to the pipeline; returns the first. */
static GstElement *
build_tail (Source *source, GError **error)
{
  const char *base = "gstreamer1.0-plugins-base", *good = "gstreamer1.0-plugins-good";
  g_autoptr (GstElement) convert = make ("videoconvert", base, error);
  g_autoptr (GstElement) sink = convert != NULL ? make ("appsink", base, error) : NULL;
  g_autoptr (GstElement) flip = NULL;
  g_autoptr (GstCaps) caps = gst_effnet_video_get_raw_caps ();

  if (sink == NULL)
    return NULL;
  gst_bin_add_many (GST_BIN (source->pipeline), convert, sink, NULL);
  if (source->direction != NULL) {
    flip = make ("videoflip", good, error);
    if (flip == NULL)
      return NULL;
    gst_util_set_object_arg (G_OBJECT (flip), "video-direction", source->direction);
    gst_bin_add (GST_BIN (source->pipeline), flip);
    gst_element_link_many (convert, flip, sink, NULL);
  } else {
    gst_element_link (convert, sink);
  }
  source->sink = GST_APP_SINK (sink);
  gst_app_sink_set_caps (source->sink, caps);
  g_object_set (sink, "sync", FALSE, "max-buffers", 2u, "enable-last-sample", FALSE, NULL);
  return convert;
}

static gboolean
start (Source *source, GError **error)
{
  g_autofree char *uri = uri_of (source->input, error);
  g_autoptr (GstElement) decoder = NULL;
  g_autoptr (GstPad) pad = NULL;
  GstElement *convert;

  if (uri == NULL)
    return FALSE;
  decoder = make ("uridecodebin", "gstreamer1.0-plugins-base", error);
  if (decoder == NULL)
    return FALSE;
  source->pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
  source->typed = FALSE;
  convert = build_tail (source, error);
  if (convert == NULL)
    return FALSE;
  g_object_set (decoder, "uri", uri, NULL);
  g_signal_connect (decoder, "autoplug-continue", G_CALLBACK (on_autoplug), source);
  g_signal_connect (decoder, "pad-added", G_CALLBACK (on_pad_added), convert);
  gst_bin_add (GST_BIN (source->pipeline), decoder);
  pad = gst_element_get_static_pad (GST_ELEMENT (source->sink), "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event, source, NULL);
  gst_element_set_state (source->pipeline, GST_STATE_PLAYING); /* failures come on the bus */
  return TRUE;
}

static void
drop_frame (Source *source)
{
  if (source->mapped)
    gst_effnet_frame_unmap (&source->frame);
  source->mapped = FALSE;
  g_clear_pointer (&source->sample, gst_sample_unref);
}

static void
stop (Source *source)
{
  drop_frame (source);
  if (source->pipeline != NULL)
    gst_element_set_state (source->pipeline, GST_STATE_NULL);
  source->sink = NULL;
  g_clear_object (&source->pipeline);
}

Source *
source_open (const char *input, GError **error)
{
  Source *source = g_new0 (Source, 1);

  source->input = g_strdup (input);
  if (!init_gstreamer (error))
    goto fail;
  if (is_jpeg_file (input)) {
    if (!g_file_get_contents (input, &source->jpeg, &source->jpeg_size, error))
      goto fail;
    source->direction = orientation_of_jpeg ((guint8 *)source->jpeg, source->jpeg_size);
    if (source->direction == NULL)
      return source;
    g_clear_pointer (&source->jpeg, g_free);
  }
  if (start (source, error))
    return source;
fail:
  source_close (source);
  return NULL;
}

void
source_close (Source *source)
{
  if (source == NULL)
    return;
  stop (source);
  g_free (source->jpeg);
  g_free (source->input);
  g_free (source);
}

/* TRUE with the pipeline's own message when it has failed. */
static gboolean
pipeline_failed (Source *source, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (source->pipeline);
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_autoptr (GError) cause = NULL;

  if (message == NULL)
    return FALSE;
  gst_message_parse_error (message, &cause, NULL);
  g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, cause->message);
  return TRUE;
}

/* 1: a sample, 0: the end, -1: an error */
static int
pull (Source *source, GError **error)
{
  for (;;) {
    source->sample = gst_app_sink_try_pull_sample (source->sink, 50 * GST_MSECOND);
    if (source->sample != NULL)
      return 1;
    if (pipeline_failed (source, error))
      return -1;
    if (gst_app_sink_is_eos (source->sink)) {
      if (source->index > 0)
        return 0;
      g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "holds no picture");
      return -1;
    }
  }
}

static int
map_sample (Source *source, SourceFrame *out, GError **error)
{
  GstBuffer *buffer = gst_sample_get_buffer (source->sample);
  GstCaps *caps = gst_sample_get_caps (source->sample);
  GstEffnetFormat format;

  if (!gst_effnet_format_from_caps (&format, caps)) {
    g_autofree char *text = gst_caps_to_string (caps);

    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "a frame came as %s, which is not read",
                 text);
    return -1;
  }
  if (!gst_effnet_frame_map (&source->frame, &format, buffer, error))
    return -1;
  source->mapped = TRUE;
  out->image = source->frame.image;
  out->index = source->index++;
  out->pts_ns =
      source->still || !GST_BUFFER_PTS_IS_VALID (buffer) ? -1 : (gint64)GST_BUFFER_PTS (buffer);
  return 1;
}

int
source_next (Source *source, SourceFrame *frame, GError **error)
{
  int got;

  if (source->jpeg != NULL) {
    if (source->done)
      return 0;
    source->done = TRUE;
    *frame = (SourceFrame){.image = EFFNET_IMAGE_INIT, .index = 0, .pts_ns = -1};
    frame->image.format = EFFNET_PIXEL_FORMAT_JPEG;
    frame->image.data[0] = source->jpeg;
    frame->image.size = source->jpeg_size;
    return 1;
  }
  drop_frame (source);
  got = pull (source, error);
  if (got == 1 && source->index == 0 && source->direction == NULL &&
      source->tag_direction != NULL) {
    source->direction = source->tag_direction;
    stop (source);
    got = start (source, error) ? pull (source, error) : -1;
  }
  return got == 1 ? map_sample (source, frame, error) : got;
}

double
source_progress (const Source *source)
{
  gint64 position, duration;

  if (source->pipeline == NULL ||
      !gst_element_query_position (source->pipeline, GST_FORMAT_TIME, &position) ||
      !gst_element_query_duration (source->pipeline, GST_FORMAT_TIME, &duration) || duration <= 0)
    return -1;
  return CLAMP ((double)position / (double)duration, 0, 1);
}
