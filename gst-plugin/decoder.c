/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An element between two pads of ours: what is pushed into the one comes out of the other before
 * the push returns, or when the end of the stream is sent. After that a flush makes it new. Which
 * element it is decides the rank. */
#include "decoder.h"

#include "codec.h"

GST_DEBUG_CATEGORY_STATIC (gst_effnet_decoder_debug);
#define GST_CAT_DEFAULT gst_effnet_decoder_debug

/* Where decoding begins at what is no IDR picture, libav fills in the pictures that seem to be
 * missing. avdec_h264 has memory for three of at most 16 and fails; the next try goes on there. */
#define TRIES 8
#ifndef GST_EFFNET_DECODER_IDLE_TIME /* after which a decoder that nobody borrows is freed */
#  define GST_EFFNET_DECODER_IDLE_TIME (10 * GST_SECOND)
#endif

struct _GstEffnetDecoder {
  GstElement *element;
  char *factory;   /* (nullable): as it was asked for */
  GstPad *feed;    /* a source, linked to the element's sink */
  GstPad *outlet;  /* a sink, linked to the element's source */
  GstCaps *caps;   /* the last that were pushed */
  gboolean begun;  /* units are in it that were not drained */
  gboolean broken; /* it answered with an error: no more use */
  GstClockTime idle_since;
  GMutex lock;            /* of the rest: some elements put out in a thread of their own */
  GstBuffer *picture;     /* (nullable): the newest that came out */
  GstEffnetFormat format; /* of what comes out */
  char *complaint;        /* (nullable): of the element's last error message */
};

/* Decoders that nobody uses, the last used first, and how many may want one. */
G_LOCK_DEFINE_STATIC (idle);
static GQueue idle = G_QUEUE_INIT;
static guint joined;
static GstClockID alarm_id; /* when the oldest is to be freed; NULL: there is none */

static void
init_debug (void)
{
  static gsize once;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (gst_effnet_decoder_debug, "effnetdecoder", 0,
                             "effnet: decoders of H.264 and H.265");
    g_once_init_leave (&once, 1);
  }
}

/* ---- caps ------------------------------------------------------------------------------------ */

GstCaps *
gst_effnet_decoder_caps_new (const GstCaps *stream)
{
  static const char *const fields[] = {"width",         "height",          "pixel-aspect-ratio",
                                       "colorimetry",   "profile",         "chroma-site",
                                       "chroma-format", "level",           "bit-depth-luma",
                                       "tier",          "bit-depth-chroma"};
  const GstStructure *from = gst_caps_get_structure (stream, 0);
  GstCaps *caps = gst_caps_new_simple (gst_structure_get_name (from), "stream-format",
                                       G_TYPE_STRING, "byte-stream", "alignment", G_TYPE_STRING,
                                       "au", "parsed", G_TYPE_BOOLEAN, TRUE, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++) {
    const GValue *value = gst_structure_get_value (from, fields[i]);

    if (value != NULL)
      gst_caps_set_value (caps, fields[i], value);
  }
  return caps;
}

/* ---- our two pads ---------------------------------------------------------------------------- */

static gboolean
feed_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  (void)pad, (void)parent;
  gst_event_unref (event); /* nobody is upstream */
  return TRUE;
}

static gboolean
feed_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  (void)pad, (void)parent, (void)query;
  return FALSE;
}

static gboolean
is_whole (GstBuffer *picture)
{
  return !GST_BUFFER_FLAG_IS_SET (picture, GST_BUFFER_FLAG_CORRUPTED);
}

static GstFlowReturn
outlet_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstEffnetDecoder *self = gst_pad_get_element_private (pad);
  GstBuffer *useless = buffer;

  (void)parent;
  g_mutex_lock (&self->lock);
  if (self->picture == NULL || is_whole (buffer) || !is_whole (self->picture)) {
    useless = self->picture;
    self->picture = buffer;
  }
  g_mutex_unlock (&self->lock);
  gst_clear_buffer (&useless);
  return GST_FLOW_OK;
}

static gboolean
outlet_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstEffnetDecoder *self = gst_pad_get_element_private (pad);
  GstBuffer *useless = NULL; /* of another format */
  gboolean ok = TRUE;
  GstCaps *caps;

  (void)parent;
  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    gst_event_parse_caps (event, &caps);
    g_mutex_lock (&self->lock);
    ok = gst_effnet_format_from_caps (&self->format, caps);
    useless = g_steal_pointer (&self->picture);
    g_mutex_unlock (&self->lock);
    gst_clear_buffer (&useless);
  }
  gst_event_unref (event);
  return ok;
}

static gboolean
outlet_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstCaps *caps, *filter;

  switch (GST_QUERY_TYPE (query)) {
  case GST_QUERY_CAPS:
    caps = gst_effnet_video_get_raw_caps ();
    gst_query_parse_caps (query, &filter);
    if (filter != NULL) {
      GstCaps *some = gst_caps_intersect (caps, filter);

      gst_caps_unref (caps);
      caps = some;
    }
    gst_query_set_caps_result (query, caps);
    gst_caps_unref (caps);
    return TRUE;
  case GST_QUERY_ALLOCATION: /* else the decoder would copy into tight lines */
    gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
    return TRUE;
  default:
    return gst_pad_query_default (pad, parent, query);
  }
}

static GstBusSyncReply
note_message (GstBus *bus, GstMessage *message, gpointer data)
{
  GstEffnetDecoder *self = data;
  GError *error = NULL;

  (void)bus;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    g_mutex_lock (&self->lock);
    g_free (self->complaint);
    self->complaint = g_strdup (error->message);
    g_mutex_unlock (&self->lock);
    g_error_free (error);
  }
  gst_message_unref (message);
  return GST_BUS_DROP;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
decoder_free (GstEffnetDecoder *self)
{
  GstBus *bus = gst_element_get_bus (self->element);

  gst_element_set_state (self->element, GST_STATE_NULL);
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  gst_element_set_bus (self->element, NULL);
  gst_object_unref (bus);
  gst_pad_set_active (self->feed, FALSE);
  gst_pad_set_active (self->outlet, FALSE);
  gst_clear_buffer (&self->picture);
  gst_clear_object (&self->feed);
  gst_clear_object (&self->outlet);
  gst_clear_object (&self->element);
  gst_clear_caps (&self->caps);
  g_mutex_clear (&self->lock);
  g_free (self->complaint);
  g_free (self->factory);
  g_free (self);
}

/* One frame at a time is decoded, and the executors are the threads. */
static void
set_up_element (GstElement *element)
{
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);

  if (g_object_class_find_property (klass, "max-threads") != NULL)
    g_object_set (element, "max-threads", 1, NULL);
  if (g_object_class_find_property (klass, "max-errors") != NULL)
    g_object_set (element, "max-errors", 0, NULL); /* else the first are not told */
  if (g_object_class_find_property (klass, "qos") != NULL)
    g_object_set (element, "qos", FALSE, NULL);
}

static gboolean
link_pads (GstEffnetDecoder *self)
{
  GstPad *sink = gst_element_get_static_pad (self->element, "sink");
  GstPad *src = gst_element_get_static_pad (self->element, "src");
  gboolean ok = sink != NULL && src != NULL;

  gst_pad_set_element_private (self->outlet, self);
  gst_pad_set_event_function (self->feed, feed_event);
  gst_pad_set_query_function (self->feed, feed_query);
  gst_pad_set_chain_function (self->outlet, outlet_chain);
  gst_pad_set_event_function (self->outlet, outlet_event);
  gst_pad_set_query_function (self->outlet, outlet_query);
  gst_pad_set_active (self->feed, TRUE);
  gst_pad_set_active (self->outlet, TRUE);
  ok = ok && gst_pad_link (self->feed, sink) == GST_PAD_LINK_OK &&
       gst_pad_link (src, self->outlet) == GST_PAD_LINK_OK;
  gst_clear_object (&sink);
  gst_clear_object (&src);
  return ok;
}

/* Returns: (nullable): NULL when the element does not come up, as without its hardware */
static GstEffnetDecoder *
decoder_new (GstElementFactory *factory)
{
  GstElement *element = gst_element_factory_create (factory, NULL);
  GstEffnetDecoder *self;
  GstBus *bus;

  if (element == NULL)
    return NULL;
  self = g_new0 (GstEffnetDecoder, 1);
  g_mutex_init (&self->lock);
  self->element = gst_object_ref_sink (element);
  self->feed = gst_object_ref_sink (gst_pad_new ("feed", GST_PAD_SRC));
  self->outlet = gst_object_ref_sink (gst_pad_new ("outlet", GST_PAD_SINK));
  bus = gst_bus_new ();
  gst_bus_set_sync_handler (bus, note_message, self, NULL);
  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  set_up_element (element);
  if (!link_pads (self) ||
      gst_element_set_state (element, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE) {
    GST_INFO ("%s does not come up", GST_OBJECT_NAME (factory));
    decoder_free (self);
    return NULL;
  }
  gst_pad_push_event (self->feed, gst_event_new_stream_start ("effnet"));
  GST_DEBUG ("new decoder %s", GST_OBJECT_NAME (factory));
  return self;
}

static GstEffnetDecoder *
decoder_new_best (GstEffnetCodec codec, const char *name, GError **error)
{
  GList *factories = gst_effnet_codec_list_decoders (codec, name, error);
  GstEffnetDecoder *self = NULL;

  if (factories == NULL)
    return NULL;
  for (GList *l = factories; l != NULL && self == NULL; l = l->next)
    self = decoder_new (l->data);
  if (self != NULL)
    self->factory = g_strdup (name);
  else
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "No decoder of %s comes up, %s was the first tried; the property decoder names "
                 "another one, such as %s",
                 gst_effnet_codecs[codec].what, GST_OBJECT_NAME (factories->data),
                 gst_effnet_codecs[codec].element);
  gst_plugin_feature_list_free (factories);
  return self;
}

/* ---- lending --------------------------------------------------------------------------------- */

static gboolean
is_for (const GstEffnetDecoder *self, const GstCaps *caps, const char *factory)
{
  return g_strcmp0 (self->factory, factory) == 0 &&
         gst_structure_has_name (gst_caps_get_structure (self->caps, 0),
                                 gst_structure_get_name (gst_caps_get_structure (caps, 0)));
}

/* Returns: (nullable) */
static GstEffnetDecoder *
take_idle (const GstCaps *caps, const char *factory)
{
  GstEffnetDecoder *found = NULL;
  gboolean equal = FALSE;

  G_LOCK (idle);
  for (GList *l = idle.head; l != NULL && !equal; l = l->next) {
    GstEffnetDecoder *self = l->data;

    if (!is_for (self, caps, factory))
      continue;
    equal = gst_caps_is_equal (self->caps, caps);
    if (found == NULL || equal)
      found = self;
  }
  if (found != NULL)
    g_queue_remove (&idle, found);
  G_UNLOCK (idle);
  return found;
}

static gboolean
set_caps (GstEffnetDecoder *self, const GstCaps *caps)
{
  if (self->caps != NULL && gst_caps_is_equal (self->caps, caps))
    return TRUE;
  gst_clear_caps (&self->caps);
  self->caps = gst_caps_copy (caps);
  return gst_pad_push_event (self->feed, gst_event_new_caps (self->caps));
}

GstEffnetDecoder *
gst_effnet_decoder_borrow (const GstCaps *caps, const char *factory, GError **error)
{
  GstEffnetDecoder *self = take_idle (caps, factory);
  GstEffnetCodec codec =
      gst_structure_has_name (gst_caps_get_structure (caps, 0), gst_effnet_codecs[0].media)
          ? GST_EFFNET_CODEC_H264
          : GST_EFFNET_CODEC_H265;

  init_debug ();
  if (self == NULL)
    self = decoder_new_best (codec, factory, error);
  if (self == NULL || set_caps (self, caps))
    return self;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED, "The decoder %s does not take %s",
               gst_effnet_decoder_get_name (self), gst_effnet_codecs[codec].what);
  decoder_free (self);
  return NULL;
}

/* @all: else those that nobody used for long. Returns: (transfer full): off the list */
static GList *
take_old (gboolean all)
{
  GList *old = NULL;
  GstClockTime now;

  G_LOCK (idle);
  now = gst_util_get_timestamp (); /* not before what is in the list */
  while (idle.tail != NULL) {
    const GstEffnetDecoder *last = idle.tail->data;

    if (!all && now - last->idle_since < GST_EFFNET_DECODER_IDLE_TIME)
      break;
    old = g_list_prepend (old, g_queue_pop_tail (&idle));
  }
  G_UNLOCK (idle);
  return old;
}

static void
free_all (GList *decoders)
{
  for (GList *l = decoders; l != NULL; l = l->next)
    decoder_free (l->data);
  g_list_free (decoders);
}

static gboolean wake_up (GstClock *clock, GstClockTime time, GstClockID id, gpointer data);

/* With the lock of the list: while there is something in it, a clock wakes up who frees it. */
static void
set_alarm (void)
{
  GstClock *clock;

  if (alarm_id != NULL || g_queue_is_empty (&idle))
    return;
  clock = gst_system_clock_obtain ();
  alarm_id = gst_clock_new_single_shot_id (clock, gst_clock_get_time (clock) +
                                                      GST_EFFNET_DECODER_IDLE_TIME);
  gst_clock_id_wait_async (alarm_id, wake_up, NULL, NULL);
  gst_object_unref (clock);
}

static gboolean
wake_up (GstClock *clock, GstClockTime time, GstClockID id, gpointer data)
{
  GstClockID gone = NULL;

  (void)clock, (void)time, (void)data;
  free_all (take_old (FALSE));
  G_LOCK (idle);
  if (alarm_id == id) {
    gone = g_steal_pointer (&alarm_id);
    set_alarm ();
  }
  G_UNLOCK (idle);
  if (gone != NULL)
    gst_clock_id_unref (gone);
  return TRUE;
}

void
gst_effnet_decoder_give_back (GstEffnetDecoder *self)
{
  GstEffnetFormat format;
  GstBuffer *picture;
  gboolean keep;

  if (self->begun)
    gst_effnet_decoder_drain (self, NULL);
  picture = gst_effnet_decoder_pull (self, &format);
  gst_clear_buffer (&picture);
  self->idle_since = gst_util_get_timestamp ();
  G_LOCK (idle);
  keep = joined > 0 && !self->broken;
  if (keep) {
    g_queue_push_head (&idle, self);
    set_alarm ();
  }
  G_UNLOCK (idle);
  if (!keep)
    decoder_free (self);
  free_all (take_old (FALSE));
}

void
gst_effnet_decoder_join (void)
{
  G_LOCK (idle);
  joined++;
  G_UNLOCK (idle);
}

void
gst_effnet_decoder_leave (void)
{
  GstClockID gone = NULL;
  gboolean last;

  G_LOCK (idle);
  last = --joined == 0;
  if (last)
    gone = g_steal_pointer (&alarm_id);
  G_UNLOCK (idle);
  if (last)
    free_all (take_old (TRUE));
  if (gone != NULL) {
    gst_clock_id_unschedule (gone);
    gst_clock_id_unref (gone);
  }
}

guint
gst_effnet_decoder_count_idle (void)
{
  guint n;

  G_LOCK (idle);
  n = g_queue_get_length (&idle);
  G_UNLOCK (idle);
  return n;
}

/* ---- decoding -------------------------------------------------------------------------------- */

static gboolean
fail (GstEffnetDecoder *self, GError **error)
{
  self->broken = TRUE;
  g_mutex_lock (&self->lock);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "%s does not decode the picture: %s",
               gst_effnet_decoder_get_name (self),
               self->complaint != NULL ? self->complaint : "no reason is given");
  g_clear_pointer (&self->complaint, g_free);
  g_mutex_unlock (&self->lock);
  return FALSE;
}

gboolean
gst_effnet_decoder_push (GstEffnetDecoder *self, GstBuffer *unit, GError **error)
{
  GstSegment segment;

  if (!self->begun) {
    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_pad_push_event (self->feed, gst_event_new_segment (&segment));
    self->begun = TRUE;
  }
  for (guint i = 0; i < TRIES; i++) {
    if (gst_pad_push (self->feed, gst_buffer_ref (unit)) == GST_FLOW_OK)
      return TRUE;
  }
  return fail (self, error);
}

gboolean
gst_effnet_decoder_drain (GstEffnetDecoder *self, GError **error)
{
  gboolean ok = gst_pad_push_event (self->feed, gst_event_new_eos ());

  self->begun = FALSE;
  gst_pad_push_event (self->feed, gst_event_new_flush_start ());
  gst_pad_push_event (self->feed, gst_event_new_flush_stop (TRUE));
  return ok || fail (self, error);
}

GstBuffer *
gst_effnet_decoder_pull (GstEffnetDecoder *self, GstEffnetFormat *format)
{
  GstBuffer *picture;

  g_mutex_lock (&self->lock);
  *format = self->format;
  picture = g_steal_pointer (&self->picture);
  g_mutex_unlock (&self->lock);
  return picture;
}

GstBuffer *
gst_effnet_decoder_finish (GstEffnetDecoder *self, GstEffnetFormat *format, GError **error)
{
  GstBuffer *picture;

  if (!gst_effnet_decoder_drain (self, error))
    return NULL;
  picture = gst_effnet_decoder_pull (self, format);
  if (picture != NULL && is_whole (picture))
    return picture;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "%s %s", gst_effnet_decoder_get_name (self),
               picture != NULL ? "finds the picture damaged" : "finds no picture in the keyframe");
  gst_clear_buffer (&picture);
  return NULL;
}

const char *
gst_effnet_decoder_get_name (const GstEffnetDecoder *self)
{
  return GST_OBJECT_NAME (gst_element_get_factory (self->element));
}
