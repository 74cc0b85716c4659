/* SPDX-License-Identifier: LGPL-2.1-or-later
 */
/**
 * SECTION:element-effnetrecord
 * @title: effnetrecord
 * @short_description: Makes records of what effnetclassify found: JSON lines, text, WebVTT
 *
 * Takes a stream that carries results of #element-effnetclassify, whatever its format, reads their
 * metadata and gives records in the form that the element behind it takes:
 *
 * * `application/x-json`, where all forms are taken: JSON lines, an object for each result, with
 *   the fields of the metadata, the frame's times and the wall clock (UTC). The file
 *   `share/effnet/result.schema.json` is its JSON Schema. With `format=dlstreamer` it is an object
 *   for each frame, with the keys of DL Streamer's gvametaconvert.
 * * `text/x-raw`: the labels of each frame, for #element-textoverlay.
 * * `application/x-subtitle-vtt`: a WebVTT file, in which a cue lasts as long as the labels do, in
 *   running time. A flush begins a new file, as #element-filesink does.
 *
 * A record is a buffer of its own; where there is none, a GAP event says so. Each record is written
 * at once: a #element-filesink behind it, with other elements between them or not, whose
 * `buffer-mode` is the default is set to `unbuffered` when it is linked.
 *
 * `time` of a record is that of the frame's GstReferenceTimestampMeta with NTP or Unix time where
 * it has one (`rtspsrc add-reference-timestamp-meta=true`), else the moment of its running time
 * on the pipeline's clock.
 *
 * `stats` counts buffers, results read, records written, buffers without one (gaps), and results
 * that could not be read (refused).
 *
 * ## Example launch lines
 *
 * What a camera sees, a line for each inference:
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=30 ! effnetclassify ! effnetrecord ! fdsink
 * ]|
 * A line for each change of the label in a file, beside the picture:
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=30 ! effnetclassify smoothing=vote ! tee name=t \
 *   ! queue ! fakesink t. ! queue ! effnetrecord records=change ! filesink location=/dev/null
 * ]|
 * Subtitles:
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=30 ! effnetclassify \
 *   ! effnetrecord ! application/x-subtitle-vtt ! filesink location=/dev/null
 * ]|
 * The label on the picture, by GStreamer's own textoverlay:
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=30 ! effnetclassify ! tee name=t ! queue \
 *   ! textoverlay name=o ! fakesink t. ! queue ! effnetrecord ! o.text_sink
 * ]|
 */
/* Settings and counters are under the object lock; all else belongs to the streaming thread. */
#include "record/record.h"

#include <string.h>

#include <gst/video/video.h>

#include "metrics/metrics.h"
#include "record/choice.h"
#include "record/cues.h"
#include "record/enums.h"
#include "record/forms.h"
#include "record/files.h"

GST_DEBUG_CATEGORY_STATIC (gst_effnet_record_debug);
#define GST_CAT_DEFAULT gst_effnet_record_debug

#define JSON  "application/x-json"
#define TEXT  "text/x-raw"
#define VTT   "application/x-subtitle-vtt"
#define FORMS JSON ";" TEXT ",format=utf8;" VTT

#define SILENT_MAX 600 /* buffers without any result before a warning */

typedef enum { FORM_NONE, FORM_JSON, FORM_TEXT, FORM_VTT } Form;

typedef struct {
  guint64 buffers, results, records, gaps, refused;
} Counters;

struct _GstEffnetRecorder {
  GstElement parent;
  GstPad *sink, *src;

  /* under the object lock */
  GstEffnetRecords which;
  GstEffnetKeys format;
  char *source;
  gboolean scores;
  Counters counters;

  /* of the streaming thread */
  Form form;
  GstSegment segment;
  GstClockTime frame_duration; /* by the frame rate; or NONE */
  GstEffnetChoice *choice;
  gboolean begun, warned; /* the file has its head; something has been complained of */
  GstEffnetCues cues;
};

/* What is written of a buffer. */
typedef struct {
  GstEffnetMoment moment;
  gint64 utc;
  guint n_written;
  GstFlowReturn flow;
} Pass;

G_DEFINE_TYPE (GstEffnetRecorder, gst_effnet_recorder, GST_TYPE_ELEMENT)

static gboolean
register_element (GstPlugin *plugin)
{
  GST_DEBUG_CATEGORY_INIT (gst_effnet_record_debug, "effnetrecord", 0, "effnet's records");
  return gst_element_register (plugin, "effnetrecord", GST_RANK_NONE, GST_TYPE_EFFNET_RECORDER);
}

GST_ELEMENT_REGISTER_DEFINE_CUSTOM (effnetrecord, register_element)

static void
count (GstEffnetRecorder *self, guint64 *counter)
{
  GST_OBJECT_LOCK (self);
  (*counter)++;
  GST_OBJECT_UNLOCK (self);
}

/* ---- downstream ------------------------------------------------------------------------------ */

/* Picks the first form that is taken. */
static gboolean
negotiate (GstEffnetRecorder *self)
{
  g_autoptr (GstCaps) ours = gst_pad_get_pad_template_caps (self->src);
  g_autoptr (GstCaps) taken = gst_pad_peer_query_caps (self->src, ours);
  const char *name;

  if (gst_caps_is_empty (taken)) {
    GST_ELEMENT_ERROR (self, CORE, NEGOTIATION, (NULL),
                       ("what follows takes none of the forms that effnetrecord gives: " FORMS));
    return FALSE;
  }
  taken = gst_caps_fixate (g_steal_pointer (&taken));
  name = gst_structure_get_name (gst_caps_get_structure (taken, 0));
  self->form = g_str_equal (name, JSON)   ? FORM_JSON
               : g_str_equal (name, TEXT) ? FORM_TEXT
                                          : FORM_VTT;
  GST_DEBUG_OBJECT (self, "writes %s", name);
  return gst_pad_set_caps (self->src, taken);
}

static gboolean
ensure_form (GstEffnetRecorder *self)
{
  return (!gst_pad_check_reconfigure (self->src) && self->form != FORM_NONE) || negotiate (self);
}

/* Takes @text, which becomes a buffer of its own. */
static void
push (GstEffnetRecorder *self, Pass *pass, char *text, GstClockTime pts, GstClockTime duration)
{
  gsize length = strlen (text);
  GstBuffer *buffer = gst_buffer_new_wrapped (text, length);

  GST_BUFFER_PTS (buffer) = pts;
  GST_BUFFER_DURATION (buffer) = duration;
  pass->n_written++;
  if (pass->flow == GST_FLOW_OK)
    pass->flow = gst_pad_push (self->src, buffer);
  else
    gst_buffer_unref (buffer);
  if (pass->flow == GST_FLOW_OK)
    count (self, &self->counters.records);
}

static void
push_json (GstEffnetRecorder *self, Pass *pass, JsonObject *object, const char *source)
{
  g_autofree char *text = NULL;

  if (source != NULL)
    json_object_set_string_member (object, "source", source);
  text = gst_effnet_json_text (object);
  push (self, pass, g_strconcat (text, "\n", NULL), pass->moment.timestamp, pass->moment.duration);
}

/* Takes @cue, (nullable). */
static void
push_cue (GstEffnetRecorder *self, Pass *pass, char *cue)
{
  if (!self->begun)
    push (self, pass, g_strdup (GST_EFFNET_CUES_HEAD), pass->moment.timestamp, GST_CLOCK_TIME_NONE);
  self->begun = TRUE;
  if (cue != NULL)
    push (self, pass, cue, pass->moment.timestamp, GST_CLOCK_TIME_NONE);
}

/* ---- a buffer -------------------------------------------------------------------------------- */

static void
complain (GstEffnetRecorder *self, const char *text)
{
  if (!self->warned)
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, (NULL), ("%s", text));
  self->warned = TRUE;
}

/* Returns: (transfer full) (element-type GstStructure): each result of @buffer that can be read */
static GPtrArray *
read_results (GstEffnetRecorder *self, GstBuffer *buffer)
{
  GPtrArray *parts = g_ptr_array_new ();
  gpointer state = NULL;
  const GstStructure *s;
  GstEffnetRecord record;

  while ((s = gst_effnet_schema_iterate (buffer, &state)) != NULL) {
    guint n = gst_effnet_schema_n_parts (s);

    for (guint i = 0; i < n; i++) {
      const GstStructure *part = gst_effnet_schema_get_part (s, i);
      g_autoptr (GError) error = NULL;

      if (gst_effnet_schema_read (part, &record, &error)) {
        g_ptr_array_add (parts, (gpointer)part);
        count (self, &self->counters.results);
      } else {
        count (self, &self->counters.refused);
        complain (self, error->message);
      }
    }
  }
  return parts;
}

static void
write_json (GstEffnetRecorder *self, Pass *pass, GPtrArray *parts)
{
  g_autofree char *source = NULL;
  GstEffnetRecords which;
  GstEffnetKeys format;

  GST_OBJECT_LOCK (self);
  which = self->which;
  format = self->format;
  source = g_strdup (self->source);
  GST_OBJECT_UNLOCK (self);
  gst_effnet_choice_apply (self->choice, which, parts);
  if (format == GST_EFFNET_KEYS_DLSTREAMER && parts->len > 0) {
    g_autoptr (JsonObject) object = gst_effnet_form_dlstreamer (parts, &pass->moment);
    push_json (self, pass, object, source);
  }
  for (guint i = 0; format == GST_EFFNET_KEYS_EFFNET && i < parts->len; i++) {
    g_autoptr (JsonObject) object =
        gst_effnet_schema_json_object (parts->pdata[i], &pass->moment, pass->utc, NULL);
    push_json (self, pass, object, source);
  }
}

static void
write_text (GstEffnetRecorder *self, Pass *pass, GPtrArray *parts)
{
  g_autofree char *text = NULL;
  gboolean scores;

  GST_OBJECT_LOCK (self);
  scores = self->scores && self->form == FORM_TEXT;
  GST_OBJECT_UNLOCK (self);
  text = gst_effnet_form_text (parts, scores);
  if (self->form == FORM_VTT)
    push_cue (self, pass,
              GST_CLOCK_TIME_IS_VALID (pass->moment.running_time)
                  ? gst_effnet_cues_next (&self->cues, text, pass->moment.running_time,
                                          pass->moment.duration)
                  : NULL);
  else if (*text != '\0')
    push (self, pass, g_steal_pointer (&text), pass->moment.timestamp, pass->moment.duration);
}

static void
note_silence (GstEffnetRecorder *self, gboolean at_end)
{
  Counters now;

  GST_OBJECT_LOCK (self);
  now = self->counters;
  GST_OBJECT_UNLOCK (self);
  if (now.results + now.refused == 0 && now.buffers > 0 && (at_end || now.buffers == SILENT_MAX))
    complain (self, "no buffer carried a result: expected effnetclassify before effnetrecord, and "
                    "between them only elements that keep metadata (docs/METADATA.md lists them)");
}

/* What a filesink says of a full disk does not name the file. */
static void
name_file (GstEffnetRecorder *self)
{
  g_autofree char *file = gst_effnet_files_find (self->src);

  if (file != NULL)
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE, (NULL),
                       ("no record can be written to \"%s\" any more", file));
}

static GstFlowReturn
chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstEffnetRecorder *self = GST_EFFNET_RECORDER (parent);
  Pass pass = {.moment = gst_effnet_moment_of (&self->segment, buffer)};
  g_autoptr (GPtrArray) parts = NULL;

  (void)pad;
  if (!ensure_form (self)) {
    gst_buffer_unref (buffer);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  count (self, &self->counters.buffers);
  if (!GST_CLOCK_TIME_IS_VALID (pass.moment.duration))
    pass.moment.duration = self->frame_duration;
  pass.utc = gst_effnet_utc_of (GST_ELEMENT (self), buffer, pass.moment.running_time);
  parts = read_results (self, buffer);
  (self->form == FORM_JSON ? write_json : write_text) (self, &pass, parts);
  if (pass.n_written == 0) {
    count (self, &self->counters.gaps);
    if (GST_CLOCK_TIME_IS_VALID (pass.moment.timestamp))
      gst_pad_push_event (self->src,
                          gst_event_new_gap (pass.moment.timestamp, pass.moment.duration));
  }
  note_silence (self, FALSE);
  if (pass.flow == GST_FLOW_ERROR)
    name_file (self);
  gst_buffer_unref (buffer);
  return pass.flow;
}

/* ---- events and queries ---------------------------------------------------------------------- */

static GstClockTime
duration_by (GstCaps *caps)
{
  gint n, d;

  return gst_structure_get_fraction (gst_caps_get_structure (caps, 0), "framerate", &n, &d) &&
                 n > 0 && d > 0
             ? gst_util_uint64_scale_int (GST_SECOND, d, n)
             : GST_CLOCK_TIME_NONE;
}

static void
on_eos (GstEffnetRecorder *self)
{
  Pass pass = {.moment = {GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE,
                          GST_CLOCK_TIME_NONE}};

  if (self->form == FORM_VTT)
    push_cue (self, &pass, gst_effnet_cues_close (&self->cues));
  note_silence (self, TRUE);
}

static gboolean
sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstEffnetRecorder *self = GST_EFFNET_RECORDER (parent);
  GstCaps *caps;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_CAPS:
    gst_event_parse_caps (event, &caps);
    self->frame_duration = duration_by (caps);
    gst_event_unref (event);
    return ensure_form (self);
  case GST_EVENT_SEGMENT:
    gst_event_copy_segment (event, &self->segment);
    ensure_form (self); /* a stream without caps; what fails is said with the first buffer */
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_effnet_choice_reset (self->choice);
    gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
    gst_effnet_cues_clear (&self->cues);
    self->begun = FALSE;
    break;
  case GST_EVENT_EOS:
    if (ensure_form (self))
      on_eos (self);
    break;
  default:
    break;
  }
  return gst_pad_event_default (pad, parent, event);
}

static gboolean
sink_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return gst_pad_query_default (pad, parent, query);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL); /* nobody looks at pixels */
  return TRUE;
}

/* ---- properties ------------------------------------------------------------------------------ */

enum { PROP_0, PROP_RECORDS, PROP_FORMAT, PROP_SOURCE, PROP_SHOW_SCORE, PROP_STATS };

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GstEffnetRecorder *self = GST_EFFNET_RECORDER (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_RECORDS:
    self->which = (GstEffnetRecords)g_value_get_enum (value);
    break;
  case PROP_FORMAT:
    self->format = (GstEffnetKeys)g_value_get_enum (value);
    break;
  case PROP_SOURCE:
    g_free (self->source);
    self->source = g_value_dup_string (value);
    break;
  case PROP_SHOW_SCORE:
    self->scores = g_value_get_boolean (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

static GstStructure *
make_stats (const Counters *now)
{
  return gst_structure_new ("effnetrecord", "buffers", G_TYPE_UINT64, now->buffers, "results",
                            G_TYPE_UINT64, now->results, "records", G_TYPE_UINT64, now->records,
                            "gaps", G_TYPE_UINT64, now->gaps, "refused", G_TYPE_UINT64,
                            now->refused, NULL);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  GstEffnetRecorder *self = GST_EFFNET_RECORDER (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_RECORDS:
    g_value_set_enum (value, (gint)self->which);
    break;
  case PROP_FORMAT:
    g_value_set_enum (value, (gint)self->format);
    break;
  case PROP_SOURCE:
    g_value_set_string (value, self->source);
    break;
  case PROP_SHOW_SCORE:
    g_value_set_boolean (value, self->scores);
    break;
  case PROP_STATS:
    g_value_take_boxed (value, make_stats (&self->counters));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
install_properties (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, PROP_RECORDS,
      g_param_spec_enum ("records", "Records", "Which results become JSON records",
                         gst_effnet_records_get_type (), GST_EFFNET_RECORDS_FRESH, flags));
  g_object_class_install_property (
      klass, PROP_FORMAT,
      g_param_spec_enum ("format", "Format", "Keys of the JSON records",
                         gst_effnet_keys_get_type (), GST_EFFNET_KEYS_EFFNET, flags));
  g_object_class_install_property (
      klass, PROP_SOURCE,
      g_param_spec_string ("source", "Source",
                           "What each JSON record has as source, a camera's name; unset: none",
                           NULL, flags));
  g_object_class_install_property (
      klass, PROP_SHOW_SCORE,
      g_param_spec_boolean ("show-score", "Show score",
                            "Scores in text/x-raw; cues of WebVTT have none", TRUE, flags));
  g_object_class_install_property (
      klass, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "Counters, since the stream began",
                          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
forget (GstEffnetRecorder *self)
{
  gst_effnet_choice_reset (self->choice);
  gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
  self->frame_duration = GST_CLOCK_TIME_NONE;
  self->form = FORM_NONE;
  self->begun = self->warned = FALSE;
  gst_effnet_cues_clear (&self->cues);
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstEffnetRecorder *self = GST_EFFNET_RECORDER (element);
  GstStateChangeReturn ret;

  GST_OBJECT_LOCK (self);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    self->counters = (Counters){0};
  GST_OBJECT_UNLOCK (self);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY)
    gst_effnet_metrics_join (element);
  ret = GST_ELEMENT_CLASS (gst_effnet_recorder_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL ||
      (transition == GST_STATE_CHANGE_NULL_TO_READY && ret == GST_STATE_CHANGE_FAILURE))
    gst_effnet_metrics_leave (element);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    forget (self);
  return ret;
}

static void
finalize (GObject *object)
{
  GstEffnetRecorder *self = GST_EFFNET_RECORDER (object);

  gst_effnet_choice_free (self->choice);
  gst_effnet_cues_clear (&self->cues);
  g_free (self->source);
  G_OBJECT_CLASS (gst_effnet_recorder_parent_class)->finalize (object);
}

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (FORMS));

static void
gst_effnet_recorder_class_init (GstEffnetRecorderClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = finalize;
  G_OBJECT_CLASS (klass)->set_property = set_property;
  G_OBJECT_CLASS (klass)->get_property = get_property;
  install_properties (G_OBJECT_CLASS (klass));
  gst_element_class_set_static_metadata (
      element, "EfficientNet records", "Filter/Converter",
      "Makes records of what effnetclassify found: JSON lines, text, WebVTT",
      "The effnet developers");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  element->change_state = GST_DEBUG_FUNCPTR (change_state);
  gst_type_mark_as_plugin_api (gst_effnet_records_get_type (), 0);
  gst_type_mark_as_plugin_api (gst_effnet_keys_get_type (), 0);
  gst_effnet_schema_register ();
}

static void
gst_effnet_recorder_init (GstEffnetRecorder *self)
{
  self->which = GST_EFFNET_RECORDS_FRESH;
  self->scores = TRUE;
  self->choice = gst_effnet_choice_new ();
  forget (self);
  self->sink = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sink, GST_DEBUG_FUNCPTR (chain));
  gst_pad_set_event_function (self->sink, GST_DEBUG_FUNCPTR (sink_event));
  gst_pad_set_query_function (self->sink, GST_DEBUG_FUNCPTR (sink_query));
  gst_element_add_pad (GST_ELEMENT (self), self->sink);
  self->src = gst_pad_new_from_static_template (&src_template, "src");
  gst_effnet_files_unbuffer (G_OBJECT (self), self->src);
  gst_element_add_pad (GST_ELEMENT (self), self->src);
}
