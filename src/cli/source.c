/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A picture is gathered whole, its header is looked at, and then it is either handed out as JPEG or
 * decoded by
 *
 *   appsrc ! DECODER [! videoconvert] ! appsink
 *
 * An ordinary file is read at once; anything else is a pipeline
 *
 *   uridecodebin [! videoconvert] ! appsink
 *
 * that stops at pictures and at JPEG frames without decoding them. A pipeline may hang for ever in
 * any of its calls, so that a player changes its state, and one that does not stop is left behind
 * with what it uses. */
#include "cli/source.h"

#include "cli/decoder.h"
#include "cli/file.h"
#include "cli/jpegs.h"
#include "cli/orient.h"
#include "cli/parts.h"
#include "cli/player.h"
#include "cli/stop.h"
#include "gst-plugin/video.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#define MAX_PICTURE_BYTES ((gsize)256 << 20)
#define MAX_CLIP          36000000 /* pixels of a frame: 8K; decoders keep up to 17 frames */
#define RTSP_LATENCY_MS   200
#define BASE              "gstreamer1.0-plugins-base"

struct _Source {
  char *input;
  int timeout_s;
  int fd;          /* of a pipe that the pipeline reads, or -1 */
  gboolean all;    /* pictures of a file that holds several are wanted */
  GBytes *picture; /* the whole file, or the part of it that comes now; or NULL */
  PictureHeader header;
  Parts *parts;  /* or NULL */
  Jpegs *jpegs;  /* of a pipe that brings one after another, or NULL */
  gboolean done; /* the one frame of a picture was given */
  GstElement *pipeline;
  GstAppSink *sink;
  Player *player;
  gboolean left_behind; /* the pipeline did not stop: what it uses stays */
  /* written by the streaming threads */
  gboolean typed, still,
      heard;              /* the input's own caps were seen; they are a picture's; sound was */
  GstEffnetTagged tagged; /* of the buffers that come now */
  gint is_live;           /* atomic */
  char *refusal;          /* atomic: why the input is not decoded */
  GstSample *sample;
  GstEffnetFrame frame;
  gboolean mapped;
  guint64 index;
};

/* ---- pipeline -------------------------------------------------------------------------------- */

static void
refuse (Source *source, char *text)
{
  if (!g_atomic_pointer_compare_and_exchange (&source->refusal, NULL, text))
    g_free (text);
}

/* FALSE: the stream is not decoded any further. The first caps are those of the input itself. */
static gboolean
on_autoplug (GstElement *decoder, GstPad *pad, GstCaps *caps, gpointer data)
{
  Source *source = data;
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  const char *name = gst_structure_get_name (s);
  gboolean first = !source->typed;
  int width = 0, height = 0;

  (void)decoder, (void)pad;
  source->typed = TRUE;
  gst_structure_get_int (s, "width", &width);
  gst_structure_get_int (s, "height", &height);
  if (g_str_has_prefix (name, "audio/") || g_str_has_prefix (name, "text/")) {
    if (first && name[0] == 't')
      refuse (source, g_strdup_printf ("is %s, not a picture or clip", name));
    source->heard = source->heard || name[0] == 'a';
    return FALSE;
  }
  if (first && g_str_has_prefix (name, "image/") && !jpegs_are_named (source->input)) {
    source->still = TRUE;
    return FALSE;
  }
  if ((gint64)width * height > MAX_CLIP) {
    refuse (source, g_strdup_printf ("claims frames of %d x %d pixels; at most %d million are read",
                                     width, height, MAX_CLIP / 1000000));
    return FALSE;
  }
  if (first && g_str_has_prefix (name, "multipart/"))
    g_atomic_int_set (&source->is_live, TRUE);
  return first || strcmp (name, "image/jpeg") != 0;
}

/* Raw video goes through videoconvert, which does nothing unless it must. Returns it. */
static GstElement *
add_converter (Source *source)
{
  GstElement *convert = gst_element_factory_make ("videoconvert", NULL);
  g_autoptr (GstCaps) caps = source->parts != NULL && parts_are_drawn (source->parts)
                                 ? gst_caps_from_string ("video/x-raw,format=RGBA")
                                 : gst_effnet_video_get_raw_caps ();

  gst_app_sink_set_caps (source->sink, caps);
  gst_bin_add (GST_BIN (source->pipeline), convert);
  gst_element_link (convert, GST_ELEMENT (source->sink));
  gst_element_sync_state_with_parent (convert);
  return convert;
}

static void
on_pad_added (GstElement *decoder, GstPad *pad, gpointer data)
{
  Source *source = data;
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  g_autoptr (GstPad) sink = gst_element_get_static_pad (GST_ELEMENT (source->sink), "sink");
  g_autoptr (GstPad) in = NULL;
  const char *name = caps != NULL ? gst_structure_get_name (gst_caps_get_structure (caps, 0)) : "";

  (void)decoder;
  if (gst_pad_is_linked (sink))
    return;
  if (g_str_has_prefix (name, "image/")) {
    gst_pad_link (pad, sink);
  } else if (g_str_has_prefix (name, "video/x-raw")) {
    in = gst_element_get_static_pad (add_converter (source), "sink");
    gst_pad_link (pad, in);
  }
}

/* Cameras: what waits in a queue is old, and of several parts only the first is waited for. */
static void
on_element_added (GstBin *pipeline, GstBin *parent, GstElement *element, gpointer data)
{
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);

  (void)pipeline, (void)parent, (void)data;
  if (g_object_class_find_property (klass, "drop-on-latency") != NULL) /* rtspsrc */
    g_object_set (element, "latency", RTSP_LATENCY_MS, NULL);
  if (g_object_class_find_property (klass, "single-stream") != NULL) /* multipartdemux */
    g_object_set (element, "single-stream", TRUE, NULL);
}

/* A pipeline of @first, which it takes, and the sink. */
static gboolean
build (Source *source, GstElement *first, GError **error)
{
  g_autoptr (GstElementFactory) convert = gst_element_factory_find ("videoconvert");
  GstElement *sink = decoder_make (convert != NULL ? "appsink" : "videoconvert", BASE, error);

  if (sink == NULL) {
    gst_object_unref (first);
    return FALSE;
  }
  source->pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
  source->sink = GST_APP_SINK (sink);
  gst_bin_add_many (GST_BIN (source->pipeline), first, sink, NULL);
  g_object_set (sink, "sync", FALSE, "max-buffers", 2u, "enable-last-sample", FALSE, NULL);
  orient_watch (sink, &source->tagged);
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
stop_pipeline (Source *source)
{
  drop_frame (source);
  g_clear_object (&source->pipeline); /* the last reference is the player's */
  if (source->player != NULL && !source->left_behind)
    source->left_behind = !player_stop (source->player);
  if (source->left_behind)
    return;
  source->player = NULL;
  source->sink = NULL;
}

static gboolean
start_uri (Source *source, const char *uri, GError **error)
{
  GstElement *decoder = decoder_make ("uridecodebin", BASE, error);

  if (decoder == NULL || !build (source, decoder, error))
    return FALSE;
  g_object_set (decoder, "uri", uri, NULL);
  g_signal_connect (decoder, "autoplug-continue", G_CALLBACK (on_autoplug), source);
  g_signal_connect (decoder, "pad-added", G_CALLBACK (on_pad_added), source);
  g_signal_connect (source->pipeline, "deep-element-added", G_CALLBACK (on_element_added), NULL);
  return (source->player = player_start (source->pipeline, error)) != NULL;
}

/* ---- picture --------------------------------------------------------------------------------- */

static void
on_need_data (GstAppSrc *src, guint length, gpointer data)
{
  Source *source = data;

  (void)length;
  gst_app_src_push_buffer (src, decoder_feed (&source->header, source->picture));
  gst_app_src_end_of_stream (src);
}

static gboolean
start_decoder (Source *source, GError **error)
{
  const char *caps_text;
  GstElement *decoder = decoder_for_picture (&source->header, &caps_text, error);
  GstElement *src = decoder != NULL ? decoder_make ("appsrc", BASE, error) : NULL;
  g_autoptr (GstCaps) caps = NULL;

  if (src == NULL || !build (source, src, error)) {
    gst_clear_object (&decoder);
    return FALSE;
  }
  caps = gst_caps_from_string (caps_text);
  decoder_watch (src, decoder, &source->header);
  gst_bin_add (GST_BIN (source->pipeline), decoder);
  gst_element_link_many (src, decoder, add_converter (source), NULL);
  g_object_set (src, "caps", caps, NULL);
  g_signal_connect (src, "need-data", G_CALLBACK (on_need_data), source);
  return (source->player = player_start (source->pipeline, error)) != NULL;
}

/* 1: the decoder of the next picture of the file has begun, 0: there are no more; -1: @error. */
static int
next_part (Source *source, GError **error)
{
  GBytes *part = parts_next (source->parts, &source->header);

  if (part == NULL)
    return 0;
  stop_pipeline (source);
  if (source->left_behind) {
    g_bytes_unref (part);
    if (cli_stopped () == 0)
      g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "what reads it does not end");
    return cli_stopped () == 0 ? -1 : 0;
  }
  g_bytes_unref (source->picture);
  source->picture = part;
  return start_decoder (source, error) ? 1 : -1;
}

/* A picture that is whole: JPEG is handed out as it is, another one is decoded. */
static gboolean
take_picture (Source *source, GBytes *bytes, GError **error)
{
  PictureHeader *header = &source->header;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  source->picture = bytes;
  source->still = TRUE;
  if (!picture_read_header (header, data, size)) {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                         "is no picture of a kind that is read; convert it to JPEG or PNG");
    return FALSE;
  }
  if (strcmp (header->media, "image/jpeg") == 0)
    return TRUE;
  if (source->all && decoder_allows (header, NULL)) { /* else the decoder says why not */
    if (!parts_open (header, bytes, &source->parts, error))
      return FALSE;
    if (source->parts != NULL)
      return next_part (source, error) == 1;
  }
  if (header->frame_size > 0) {
    source->picture = picture_first_frame (header, bytes);
    g_bytes_unref (bytes);
  }
  return start_decoder (source, error);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* A picture is read here, a clip by the pipeline. */
static gboolean
open_file (Source *source, const char *path, GError **error)
{
  guint8 head[4096];
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *uri = g_filename_to_uri (absolute, NULL, NULL);
  PictureHeader header;
  const char *other;
  GBytes *bytes;
  gssize n;
  int fd = file_open (path, error);

  if (fd < 0)
    return FALSE;
  n = pread (fd, head, sizeof head, 0);
  if (picture_read_header (&header, head, (gsize)MAX (n, 0)) && !jpegs_are_named (path)) {
    bytes = file_read (fd, MAX_PICTURE_BYTES, error);
    close (fd);
    return bytes != NULL && take_picture (source, bytes, error);
  }
  close (fd);
  other = n >= 0 ? picture_other (head, (gsize)n) : NULL;
  if (other == NULL)
    return start_uri (source, uri, error);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT, "is %s; expected a picture or clip",
               other);
  return FALSE;
}

static gboolean
open_pipe (Source *source, const char *path, GError **error)
{
  g_autofree char *uri = NULL;

  source->fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (source->fd < 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "cannot be opened: %s", g_strerror (errno));
    return FALSE;
  }
  fcntl (source->fd, F_SETFL, 0);
  uri = g_strdup_printf ("fd://%d", source->fd);
  return start_uri (source, uri, error);
}

static gboolean
open_input (Source *source, const char *input, GError **error)
{
  g_autofree char *path =
      g_str_has_prefix (input, "file:") ? g_filename_from_uri (input, NULL, NULL) : NULL;
  g_autofree char *uri = NULL;
  const char *name = path != NULL ? path : input;
  struct stat info;

  if (strcmp (input, "-") == 0)
    return start_uri (source, "fd://0", error);
  if (stat (name, &info) != 0) {
    if (path == NULL && gst_uri_is_valid (input))
      return start_uri (source, input, error);
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
                         "no such file, and not a URI");
    return FALSE;
  }
  if (S_ISFIFO (info.st_mode))
    return open_pipe (source, name, error);
  if (S_ISCHR (info.st_mode) && g_str_has_prefix (name, "/dev/video")) {
    uri = g_strconcat ("v4l2://", name, NULL);
    return start_uri (source, uri, error);
  }
  return open_file (source, name, error);
}

Source *
source_open (const char *input, int timeout_s, GError **error)
{
  return source_open_all (input, timeout_s, FALSE, error);
}

Source *
source_open_all (const char *input, int timeout_s, gboolean all, GError **error)
{
  Source *source = g_new0 (Source, 1);

  source->input = g_strdup (input);
  source->all = all;
  source->timeout_s = timeout_s;
  source->fd = -1;
  if (decoder_init (error) && open_input (source, input, error))
    return source;
  source_close (source);
  return NULL;
}

gboolean
source_close (Source *source)
{
  if (source == NULL)
    return TRUE;
  stop_pipeline (source);
  if (source->left_behind)
    return FALSE;
  if (source->fd >= 0)
    close (source->fd);
  g_clear_pointer (&source->picture, g_bytes_unref);
  parts_free (source->parts);
  jpegs_free (source->jpegs);
  g_free (source->refusal);
  g_free (source->input);
  g_free (source);
  return TRUE;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* TRUE with the pipeline's own message when it has failed. */
static gboolean
pipeline_failed (Source *source, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (source->pipeline);
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  const char *refusal = g_atomic_pointer_get (&source->refusal);

  if (refusal != NULL) {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, refusal);
    return TRUE;
  }
  if (message == NULL)
    return FALSE;
  if (source->still && source->picture != NULL)
    decoder_fail (&source->header, error);
  else
    decoder_explain (message, source->typed,
                     source->heard && !gst_pad_is_linked (GST_BASE_SINK_PAD (source->sink)), error);
  return TRUE;
}

/* 1: a sample, 0: the end, -1: an error. @end: when there has been no progress for too long. */
static int
pull (Source *source, gint64 end, GError **error)
{
  while (cli_stopped () == 0) {
    if (g_get_monotonic_time () >= end) { /* bytes without a frame are none, either */
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                   "no frame for %d seconds (--timeout says how long is waited)",
                   source->timeout_s);
      return -1;
    }
    if (g_atomic_int_get (&source->is_live) || player_is_live (source->player))
      g_object_set (source->sink, "drop", TRUE, "max-buffers", 1u, NULL);
    source->sample = gst_app_sink_try_pull_sample (source->sink, 50 * GST_MSECOND);
    if (source->sample != NULL)
      return 1;
    if (player_is_started (source->player) && gst_app_sink_is_eos (source->sink))
      return pipeline_failed (source, error) ? -1 : 0; /* an error comes before the end it makes */
    if (pipeline_failed (source, error))
      return -1;
  }
  return 0;
}

/* The bytes that were pulled. */
static gboolean
add_sample (Source *source, Jpegs *jpegs, GError **error)
{
  GstBuffer *buffer = gst_sample_get_buffer (source->sample);
  GstMapInfo map;
  gboolean fits = TRUE;

  if (gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    fits = jpegs_add (jpegs, map.data, map.size, MAX_PICTURE_BYTES);
    gst_buffer_unmap (buffer, &map);
  }
  drop_frame (source);
  if (!fits)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "has more than %" G_GSIZE_FORMAT " bytes, the most that is read of a picture",
                 MAX_PICTURE_BYTES);
  return fits;
}

/* The bytes of a picture that the pipeline does not decode, within the time for one frame; or as
 * many as show that frames come. */
static gboolean
gather_picture (Source *source, gint64 end, GError **error)
{
  Jpegs *jpegs = jpegs_new ();
  int got = 1;

  while (got == 1 && !jpegs_are_many (jpegs))
    got = !add_sample (source, jpegs, error) ? -1
          : jpegs_are_many (jpegs)           ? 1
                                             : pull (source, end, error);
  if (got == 1) {
    source->jpegs = jpegs;
    return TRUE;
  }
  stop_pipeline (source);
  if (got == 0 && cli_stopped () == 0 && !source->left_behind)
    return take_picture (source, jpegs_steal (jpegs), error);
  if (got == 0 && cli_stopped () == 0)
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "what reads it does not end");
  jpegs_free (jpegs);
  return FALSE;
}

/* As pull(), of the frames of a pipe; then the picture is the next one. */
static int
next_jpeg (Source *source, gint64 end, GError **error)
{
  int got = 1;

  g_clear_pointer (&source->picture, g_bytes_unref);
  while (got == 1 && (source->picture = jpegs_next (source->jpegs)) == NULL) {
    got = pull (source, end, error);
    if (got == 1 && !add_sample (source, source->jpegs, error))
      got = -1;
  }
  return got;
}

static int
map_sample (Source *source, SourceFrame *out, GError **error)
{
  GstBuffer *buffer = gst_sample_get_buffer (source->sample);
  GstCaps *caps = gst_sample_get_caps (source->sample);
  GstEffnetFormat format;

  if (source->picture != NULL && !decoder_has_drawn (&source->header, buffer, error))
    return -1;
  if (caps == NULL || !gst_effnet_format_from_caps (&format, caps)) {
    g_autofree char *text = caps != NULL ? gst_caps_to_string (caps) : g_strdup ("unknown bytes");

    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "a frame came as %s, which is not read",
                 text);
    return -1;
  }
  if (!gst_effnet_frame_map (&source->frame, &format, buffer, error))
    return -1;
  source->mapped = TRUE;
  out->image = source->frame.image;
  out->image.orientation =
      source->picture != NULL ? source->header.orientation : orient_of (buffer);
  out->index = source->index++;
  out->pts_ns =
      source->still || !GST_BUFFER_PTS_IS_VALID (buffer) ? -1 : (gint64)GST_BUFFER_PTS (buffer);
  source->done = source->still && source->parts == NULL;
  return source->parts == NULL || parts_draw (source->parts, out, error) ? 1 : -1;
}

static int
give_jpeg (Source *source, SourceFrame *frame)
{
  *frame = (SourceFrame){.image = EFFNET_IMAGE_INIT, .index = source->index++, .pts_ns = -1};
  frame->image.format = EFFNET_PIXEL_FORMAT_JPEG;
  frame->image.data[0] = g_bytes_get_data (source->picture, &frame->image.size);
  source->done = source->jpegs == NULL;
  return 1;
}

int
source_next (Source *source, SourceFrame *frame, GError **error)
{
  gint64 end = g_get_monotonic_time () + source->timeout_s * G_TIME_SPAN_SECOND;
  gboolean begins = source->picture == NULL && source->jpegs == NULL;
  int got = 1;

  drop_frame (source);
  if (source->done)
    return 0;
  if (source->pipeline != NULL && source->jpegs == NULL)
    got = pull (source, end, error);
  if (got == 1 && begins && source->still) {
    if (!gather_picture (source, end, error))
      return *error != NULL ? -1 : 0;
    if (source->pipeline != NULL && source->jpegs == NULL)
      got = pull (source, end, error);
  }
  if (source->jpegs != NULL)
    got = next_jpeg (source, end, error);
  if (got == 1 && (source->pipeline == NULL || source->jpegs != NULL))
    return give_jpeg (source, frame);
  while (got == 0 && source->parts != NULL && cli_stopped () == 0)
    got = next_part (source, error) == 1 ? pull (source, end, error) : *error != NULL ? -1 : -2;
  got = got == -2 ? 0 : got;
  if (got == 0 && source->index == 0 && cli_stopped () == 0) {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "holds no picture");
    return -1;
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
