/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/decoder.h"

#include "effnet/effnet.h"

#include <string.h>

#define HEAD_BYTES  64       /* of a file that tell what it is */
#define MAX_PICTURE 64000000 /* pixels: 256 MB, of which some decoders make three copies */

GstElement *
decoder_make (const char *factory, const char *package, GError **error)
{
  GstElement *element = gst_element_factory_make (factory, NULL);

  if (element == NULL)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "GStreamer has no element '%s' here; install %s", factory, package);
  return element;
}

typedef struct {
  const char *media, *factory, *package;
  const char *caps; /* what the decoder takes; gdkpixbufdec looks at the bytes, not at them */
} Decoder;

/* Loaders that gdk-pixbuf has in packages of their own, and another way. */
static const struct {
  const char *media, *package, *way;
} loaders[] = {
    {"image/heif", "heif-gdk-pixbuf",
     "'heif-convert IN OUT.jpg' (package libheif-examples) converts it"},
    {"image/avif", "libavif-gdk-pixbuf", "'avifdec IN OUT.png' (package libavif-bin) converts it"},
    {"image/jxl", "libjxl-gdk-pixbuf", "'djxl IN OUT.png' (package libjxl-tools) converts it"}};

/* The first that is there. */
static const Decoder decoders[] = {
    {"image/png", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/png", "pngdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/gif", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/bmp", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/bmp", "avdec_bmp", "gstreamer1.0-libav", "image/bmp"},
    {"image/tiff", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/webp", "webpdec", "gstreamer1.0-plugins-bad", "image/webp"},
    {"image/webp", "avdec_webp", "gstreamer1.0-libav", "image/webp"},
    {"image/heif", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/avif", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/jxl", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/x-icon", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
    {"image/x-jpc", "avdec_jpeg2000", "gstreamer1.0-libav", "image/x-jpc"},
    {"image/x-portable-anymap", "gdkpixbufdec", "gstreamer1.0-plugins-good", "image/png"},
};

static void
ignore_log (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  (void)domain, (void)level, (void)message, (void)data;
}

/* Pictures that GStreamer takes for clips, or for nothing, are pictures in a pipe and on a server
 * as well. */
static void
find_picture (GstTypeFind *find, gpointer data)
{
  const guint8 *head = gst_type_find_peek (find, 0, HEAD_BYTES);
  PictureHeader header;

  (void)data;
  if (head == NULL || !picture_read_header (&header, head, HEAD_BYTES) ||
      (strcmp (header.media, "image/jpeg") == 0 && head[2] == 0xff))
    return;
  g_autoptr (GstCaps) caps = gst_caps_new_empty_simple (header.media);
  gst_type_find_suggest (find, GST_TYPE_FIND_MAXIMUM, caps);
}

gboolean
decoder_init (GError **error)
{
  static const char *const domains[] = {"GStreamer", "GStreamer-Video", "GdkPixbuf"};

  if (gst_is_initialized ())
    return TRUE;
  /* What a damaged file makes GStreamer and loaders say: the failure has its own line. */
  for (gsize i = 0; i < G_N_ELEMENTS (domains); i++)
    g_log_set_handler (domains[i], G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING, ignore_log, NULL);
  g_log_set_handler (NULL, G_LOG_LEVEL_WARNING, ignore_log, NULL); /* loaders have no domain */
  return gst_init_check (NULL, NULL, error) &&
         gst_type_find_register (NULL, "effnet-picture", GST_RANK_PRIMARY + 1, find_picture, NULL,
                                 NULL, NULL, NULL);
}

static const Decoder *
choose_decoder (const PictureHeader *header, GError **error)
{
  const Decoder *first = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (decoders); i++) {
    g_autoptr (GstElementFactory) factory = NULL;

    if (strcmp (decoders[i].media, header->media) != 0)
      continue;
    /* pngdec of GStreamer 1.22 exchanges the channels of 16 bits */
    if (header->is_deep && strcmp (decoders[i].factory, "pngdec") == 0)
      continue;
    first = first != NULL ? first : &decoders[i];
    factory = gst_element_factory_find (decoders[i].factory);
    if (factory != NULL)
      return &decoders[i];
  }
  if (first == NULL)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "is %s, which is not read; convert it to JPEG or PNG", header->media);
  return first;
}

gboolean
decoder_allows (const PictureHeader *header, GError **error)
{
  if (header->width > EFFNET_FRAME_SIDE_MAX || header->height > EFFNET_FRAME_SIDE_MAX ||
      header->width * header->height > MAX_PICTURE) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "claims %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                 " pixels; at most %d a side and %d million together are read",
                 header->width, header->height, EFFNET_FRAME_SIDE_MAX, MAX_PICTURE / 1000000);
    return FALSE;
  }
  if (header->is_cut) { /* decoders fill up what is missing */
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "is cut short (%s)", header->media);
    return FALSE;
  }
  if (header->is_odd) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "has samples (%s) that are not unsigned numbers of up to 16 bits, which is all "
                 "that is read; convert it to 8 bits",
                 header->media);
    return FALSE;
  }
  return TRUE;
}

GstElement *
decoder_for_picture (const PictureHeader *header, const char **caps, GError **error)
{
  const Decoder *decoder = decoder_allows (header, error) ? choose_decoder (header, error) : NULL;

  if (decoder == NULL)
    return NULL;
  *caps = decoder->caps;
  return decoder_make (decoder->factory, decoder->package, error);
}

GstBuffer *
decoder_feed (const PictureHeader *header, GBytes *picture)
{
  gsize at = header->patch_at, size = g_bytes_get_size (picture);
  GstBuffer *buffer;

  if (at == 0 || at >= size)
    return gst_buffer_new_wrapped_bytes (picture);
  g_autoptr (GBytes) before = g_bytes_new_from_bytes (picture, 0, at);
  g_autoptr (GBytes) patch = g_bytes_new (&header->patch, 1);
  g_autoptr (GBytes) after = g_bytes_new_from_bytes (picture, at + 1, size - at - 1);
  buffer = gst_buffer_new_wrapped_bytes (before);
  buffer = gst_buffer_append (buffer, gst_buffer_new_wrapped_bytes (patch));
  return gst_buffer_append (buffer, gst_buffer_new_wrapped_bytes (after));
}

/* Of a stream's thread, since several pictures are read at once: gdk-pixbuf's loader has the bytes
 * and has drawn nothing yet. */
static GPrivate is_blank;

static gboolean
on_drawn (GSignalInvocationHint *hint, guint n_values, const GValue *values, gpointer data)
{
  (void)hint, (void)n_values, (void)values, (void)data;
  g_private_set (&is_blank, NULL);
  return TRUE;
}

/* Now the loader has the bytes, and is about to read them. */
static GstPadProbeReturn
on_end (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  static gsize once;
  GType type = g_type_from_name ("GdkPixbufLoader");
  guint signal = type != 0 ? g_signal_lookup ("area-updated", type) : 0;

  (void)pad, (void)data;
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) != GST_EVENT_EOS)
    return GST_PAD_PROBE_OK;
  if (signal != 0 && g_once_init_enter (&once)) {
    g_signal_add_emission_hook (signal, 0, on_drawn, NULL, NULL);
    g_once_init_leave (&once, 1);
  }
  g_private_set (&is_blank, signal != 0 ? &is_blank : NULL);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  (void)pad, (void)data;
  if (g_private_get (&is_blank) != NULL) {
    info->data = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
    GST_BUFFER_FLAG_SET (GST_PAD_PROBE_INFO_BUFFER (info), GST_BUFFER_FLAG_CORRUPTED);
  }
  return GST_PAD_PROBE_OK;
}

/* gdkpixbufdec does not ask whether its loader failed in the end: of a TIFF that libtiff cannot
 * read it gives the memory that the pixels should be in. */
void
decoder_watch (GstElement *src, GstElement *decoder, const PictureHeader *header)
{
  gboolean is_tiff = strcmp (header->media, "image/tiff") == 0;
  g_autoptr (GstPad) sink = gst_element_get_static_pad (decoder, "sink");
  g_autoptr (GstPad) out = gst_element_get_static_pad (decoder, "src");

  /* of a stream of bytes gdkpixbufdec has its loader begin at the end */
  g_object_set (src, "format", is_tiff ? GST_FORMAT_BYTES : GST_FORMAT_TIME, NULL);
  if (is_tiff) {
    gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_end, NULL, NULL);
    gst_pad_add_probe (out, GST_PAD_PROBE_TYPE_BUFFER, on_frame, NULL, NULL);
  }
}

gboolean
decoder_has_drawn (const PictureHeader *header, GstBuffer *frame, GError **error)
{
  if (strcmp (header->media, "image/tiff") != 0 ||
      !GST_BUFFER_FLAG_IS_SET (frame, GST_BUFFER_FLAG_CORRUPTED))
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
               "is damaged, or packed in a way that the decoder does not read (%s)", header->media);
  return FALSE;
}

void
decoder_fail (const PictureHeader *header, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (loaders); i++) {
    if (strcmp (loaders[i].media, header->media) != 0)
      continue;
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "is %s and damaged, or gdk-pixbuf has no loader for it here; install %s, or %s",
                 header->media, loaders[i].package, loaders[i].way);
    return;
  }
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "is damaged (%s)", header->media);
}

void
decoder_explain (GstMessage *message, gboolean came, gboolean is_sound, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autofree char *debug = NULL;

  gst_message_parse_error (message, &cause, &debug);
  if (g_error_matches (cause, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED)) {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                         !came      ? "cannot be read: nothing came from there"
                         : is_sound ? "holds sound, but no picture"
                                    : "is damaged, or of a kind that no element here decodes");
  } else if (g_error_matches (cause, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN)) {
    const char *line = debug != NULL ? strrchr (g_strchomp (debug), '\n') : NULL;
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "needs a plug-in of GStreamer that is not here (%s); install gstreamer1.0-libav "
                 "and gstreamer1.0-plugins-bad",
                 line != NULL ? line + 1 : cause->message);
  } else if (g_error_matches (cause, GST_STREAM_ERROR, GST_STREAM_ERROR_TYPE_NOT_FOUND) ||
             g_error_matches (cause, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "is no picture, clip or stream of a kind that is read, or damaged (%s)",
                 cause->message);
  } else {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, cause->message);
  }
}
