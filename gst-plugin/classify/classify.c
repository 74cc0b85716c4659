/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's class: states, caps, events, queries. A thin adaptor: pixels, PTS, DTS, duration,
 * offset and flags of a buffer are never changed, frames are mapped READ only, and the only thing
 * that becomes writable is a buffer's metadata. What happens to a frame is in transform.c, opening
 * and replacing a model in model.c, the properties in props.c. */

/**
 * SECTION:element-effnetclassify
 * @title: effnetclassify
 * @short_description: names what a video shows, with EfficientNet, on the CPU
 *
 * Classifies each frame that passes and sends the untouched buffer on. The result travels with the
 * buffer as a #GstCustomMeta named `EffnetClassificationMeta`, and as an element message
 * `effnetclassify` on the bus, as #effnetclassify:post-messages says. Raw video and JPEG come
 * straight from the camera: no videoconvert, no videoscale, no jpegdec before it.
 *
 * A buffer that already carries such a meta of another effnetclassify keeps it and gets one more;
 * the first meta lists the results of all that follow under `others`.
 *
 * When the pipeline runs late (#GstBaseTransform:qos), late frames skip the inference and repeat
 * the last result; no frame is dropped, and at least one frame a second is still classified. A sink
 * that throttles (#GstBaseSink:throttle-time) gets one fresh result in that time. QOS events go on
 * upstream, where a decoder would drop the frames, only after two seconds without an inference,
 * begun or done; where no buffer waits for an inference, after two seconds of lateness that leaving
 * inferences out does not end: then it is the decoder that is too slow. Of the inferences left out
 * for lateness a QOS message a second says how many.
 *
 * ## Who waits for whom
 *
 * With #effnetclassify:inference-mode=auto a live source is never held up, and elsewhere every
 * frame is classified.
 *
 * * `sync`: a buffer waits for its own result, and a flush, a state change or an error ends the
 *   wait at once
 * * `async`: a buffer goes on with the newest result there is, or without one at first. A frame is
 *   classified when the one before it has begun; what is kept of it is a copy of the network's
 *   input, never the buffer, so that the pool of a camera is not exhausted. Messages and signals
 *   tell of a result when it is ready, before any buffer carries it. At the end of the stream the
 *   last result is waited for, two seconds at most, and announced
 * * `delayed`: a buffer is held, sixteen at most, until its own result is there. Where there are
 *   more frames than time, #effnetclassify:overload-policy decides: with `block`, as elsewhere than
 *   in a live pipeline, upstream waits, else a buffer leaves with the newest result, or is dropped.
 *   Order is kept, also that of events; whoever allocates is asked for seventeen buffers more
 *
 * In the metadata `fresh` says that the result is of this very buffer, `result-running-time` of
 * which frame it is, also behind elements that shift time stamps, and `age` how old it is. In a
 * live pipeline `sync` and `delayed` answer LATENCY queries with what was measured.
 *
 * Inferences run on threads that all elements of the process with the same #effnetclassify:threads
 * and #effnetclassify:model-instance-id share; streams take turns, counted in inferences. So the
 * memory of many elements of a model is about that of one.
 *
 * ## Another model
 *
 * #effnetclassify:model-file may be set while playing: the new model takes over when it is ready.
 * The action #GstEffnetClassify::reload reads the same file again. With
 * #effnetclassify:shadow-model a candidate classifies one of #effnetclassify:shadow-interval frames
 * beside it; in #effnetclassify:stats `shadow-compared` counts the parts that both have classified,
 * `shadow-agreed` those with the same label, and `shadow-distance` is the mean difference of the
 * best scores. The action #GstEffnetClassify::promote makes it the model in use.
 *
 * ## Several heads
 *
 * A head is the last layer of a network, trained on what the layers before it make of pictures:
 * `effnet train` makes one in a minute. With #effnetclassify:heads any number of them answer from
 * one inference. In the result `results` lists each, with its name as `head`, and the fields at the
 * top are the first's; labels, thresholds, temperature, the stable label and messages are each
 * one's own. The model's own classes are not reported then, unless one of the heads has no folder,
 * as in heads="imagenet=;gate=models/gate". A tensor in the metadata is that of the model's own.
 *
 * ## Taught while it runs
 *
 * With #effnetclassify:teach-file the action #GstEffnetClassify::teach makes the newest frame an
 * example of a label, and #GstEffnetClassify::train makes a head of three examples or more of two
 * labels or more, in a thread of low priority. It is a head as those above, the last of them,
 * called `taught`, and takes over between two frames; the message `effnetclassify-trained` has its
 * `version`, its `labels` with the `counts` of their examples, and its `accuracy`: the share of
 * examples that a head trained without them gets right. So has `teaching` in
 * #effnetclassify:stats. #GstEffnetClassify::rollback goes back to the version before. The file
 * holds 1000 examples, each with a small picture, and each of the ten newest versions lies in a
 * folder beside it, which #effnetclassify:heads and the tool open as well; all is there again at
 * the next start, and after a power cut.
 *
 * With #effnetclassify:save-examples frames that a better model could learn from are saved as JPEG,
 * in a folder for each label that they got: as the camera gave them where it gives JPEG, else
 * upright, 1280 pixels a side at most; of parts of a frame just the part. `examples.jsonl` there
 * has a line about each: `file`, `label`, `reasons`, `margin`, `labels`, `scores`. Frames like one
 * of the newest 256 are left out, and counted as `examples-alike` in #effnetclassify:stats; a disk
 * that is slow or full costs examples (`examples-dropped`, `examples-failed`), never the stream.
 * Sorted by hand, the folder is what `effnet train` reads.
 *
 * ## Presets
 *
 * #GstPreset has `live-low-latency`, `throughput`, `low-power` and `archive`, wherever the plugin
 * is installed; a preset of the same name that gst_preset_save_preset() has saved takes its place.
 *
 * ## Fewer inferences
 *
 * Frames that #effnetclassify:inference-interval, #effnetclassify:max-inference-rate or
 * #effnetclassify:trigger leave out repeat the last result; #effnetclassify:stats counts them by
 * reason. With trigger=motion a frame has to differ from the one classified last in two of some 800
 * parts of the picture, with scene-change in a third of its colours.
 *
 * With #effnetclassify:latency-budget the time from a frame's arrival to its result is kept below
 * that, in 19 of 20 frames classified, at a price: where frames wait too long for their turn, the
 * interval is doubled, up to 16 times; where the inference itself is too slow, the network gets a
 * smaller input, a multiple of 32 pixels a side down to about half, and recognises less. Frames
 * whose budget ends first have their turn first. Each step waits for 20 results and is announced by
 * an element message `effnetclassify-adapt`: `latency-ns` (measured), `budget-ns`, `interval`,
 * `input-width`, `input-height` (from now on), and the `reason`: `wait-long`, `inference-slow`;
 * `room` where a step is undone, last one first, after two seconds or, where that did not last,
 * ever longer; `off`; `exhausted` when nothing is left that would help. #effnetclassify:stats has
 * `interval-factor` and `input-side`. Labels and smoothing go on across all of them.
 *
 * ## The camera
 *
 * The network's input also says what is wrong with a camera: `frozen` (the same to the last bit for
 * five seconds), `black`, `overexposed`, `blurred`, `grey` (infrared), `moved` (for ten seconds).
 * When one comes or goes an element message `effnetclassify-scene` has each as a boolean, `changed`
 * (names, with commas between), and the numbers they are told from; so has `scene` in
 * #effnetclassify:stats. Only frames that are classified or that the trigger looks at are seen;
 * with parts of a frame, only the latter.
 *
 * ## Parts of a frame
 *
 * With #effnetclassify:inference-region the parts that #effnetclassify:regions names are
 * classified, or each #GstVideoRegionOfInterestMeta of the buffer, whatever detector put it there.
 * Parts are read at the frame's own resolution, a JPEG is decoded once for all of them, and each
 * costs one inference. They count in the pixels that are seen: within a #GstVideoCropMeta, if there
 * is one; what of a region of interest lies outside is cut off, and one that is empty or altogether
 * outside is passed over and counted as `rois-skipped` in #effnetclassify:stats.
 *
 * The result then has a list `results` with one structure for each part, in order; the fields
 * beside it repeat the first part's. Between inferences all named parts are repeated, and the
 * regions of interest that have a result of the same type and number (`id` of the meta), at their
 * new place; one whose type and number another of the same buffer has, too, is not repeated. A
 * buffer without any result carries no meta. Messages look the same, but with
 * #effnetclassify:post-messages=change list only the parts whose best class changed.
 *
 * Detectors with a tracker number their objects. With #effnetclassify:reclassify-interval those are
 * classified every Nth frame, each at its own turn, and new ones at once.
 *
 * ## Labels to act on
 *
 * #effnetclassify:class-allow, #effnetclassify:class-deny, #effnetclassify:class-thresholds and
 * #effnetclassify:threshold say which classes a result may name. All classes are looked at, so that
 * one far down is found; scores are those of the network and are not scaled up to add up to 1.
 * Where the best of them is below #effnetclassify:unknown-threshold, the label is "unknown".
 *
 * The best class of single frames flips where the scene is in doubt. With #effnetclassify:smoothing
 * each part of the frame, and each region of interest whose number identifies it, has a stable
 * label beside it: the label changes when smoothing has given the same other class in
 * #effnetclassify:switch-after results in a row, and not before #effnetclassify:hold-time has
 * passed. It begins as "" and changes like any other. Messages of #effnetclassify:post-messages
 * are about changes of the stable label then, and the signal #GstEffnetClassify::state-changed
 * tells of them too. A result counts once, however many buffers repeat it. A flush, a new segment,
 * other regions, a model with other classes and the action #GstEffnetClassify::reset-state start
 * over; a new size of the same scene does not. Regions that come and go are remembered for five
 * seconds and ten results, a thousand of them at most.
 *
 * ## Upright
 *
 * Frames are classified upright, whatever says how they are stored: the tag `image-orientation` of
 * the stream, as demuxers of camera clips send it, or the Exif of a JPEG
 * (#effnetclassify:orientation overrides both). The buffer goes on as it is.
 * A display matrix that the demuxer does not pass on, as qtdemux 1.22 does not where a clip is
 * mirrored along its second diagonal, is not known here.
 * #effnetclassify:regions, and the places in results, count in the upright picture; regions of
 * interest, which count in the pixels as they are stored, are converted.
 *
 * ## H.264 and H.265
 *
 * Compressed video passes untouched, as whole access units in any of its stream formats. What can
 * be decoded by itself is decoded, for classification only: IDR and IRAP pictures, I pictures of
 * open groups, and in a stream of gradual refresh, which has none of these, the pictures from a
 * recovery point on until one is whole. #effnetclassify:inference-interval counts these; between
 * them the result is repeated. The decoder is the system's (#effnetclassify:decoder names another),
 * has no threads of its own and serves all streams of the process that take turns. With
 * #effnetclassify:decode-frames=all every picture is decoded, in order, with a decoder for each
 * stream; the result of a picture that B-frames hold back comes with a later buffer. No buffer is
 * ever dropped, since others build on it. What looks at the picture, #effnetclassify:trigger, the
 * camera's health and #effnetclassify:shadow-model, looks at those that are decoded.
 *
 * ## Fields of a result
 *
 * They are listed and documented in gst-plugin/schema.h; `schema-version` is raised when one
 * changes its meaning. A result says what classified (`model`, `variant`, `element`), which part of
 * the frame (`region`, `box`), and as what: `label`, `label-id`, `confidence` of the most probable
 * class and the lists `labels`, `label-ids`, `scores` of the best #effnetclassify:top-k.
 *
 * ## Metadata for others
 *
 * #effnetclassify:attach-meta adds results in the forms that other elements read:
 *
 * * `analytics`, with GStreamer 1.24 or newer: a #GstAnalyticsClsMtd for each result, its classes
 *   the best first. For a #GstAnalyticsODMtd the two are related: it contains the classes, which
 *   are part of it. Classes of the full frame, of #effnetclassify:regions and of a
 *   #GstVideoRegionOfInterestMeta without such a twin have no relation, and are in the order of
 *   `results`
 * * `roi`: a parameter `classification` of each #GstVideoRegionOfInterestMeta that has a result,
 *   with the fields `label`, `label_id`, `confidence`, `model_name`, `attribute_name` (this
 *   element's name) and `type`, which gvametaconvert and gvawatermark of DL Streamer read; none
 *   for the full frame and for #effnetclassify:regions, which have no such meta
 * * `tensor`, with GStreamer 1.26 or newer: a #GstTensorMeta with the scores of all classes of the
 *   frame, or of its first part: float32, [1][classes], of the id
 *   `classification-generic-softmaxed-out`
 *
 * None of them says whether a result is repeated, or how old it is: the meta `custom` does.
 *
 * ## Example launch lines
 *
 * Messages when the best class changes:
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 pattern=ball ! effnetclassify ! fakesink
 * ]|
 * Motion JPEG, as many cameras send it: the three best classes of every frame
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 ! jpegenc ! \
 *   effnetclassify top-k=3 post-messages=all ! fakesink
 * ]|
 * Each fifth frame classified, then encoded; the results stay on the encoded buffers
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=60 ! video/x-raw,width=640,height=480 ! \
 *   effnetclassify inference-interval=5 ! videoconvert ! x264enc ! h264parse ! fakesink
 * ]|
 * Messages when three results in a row agree on another class, and it is one of these
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 pattern=ball ! \
 *   effnetclassify smoothing=vote switch-after=3 class-deny="tench,goldfish" ! fakesink
 * ]|
 * A camera's H.264, of which only the keyframes are decoded (`rtspsrc ! rtph264depay` in front)
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=60 ! x264enc key-int-max=30 ! h264parse ! \
 *   effnetclassify ! fakesink
 * ]|
 * Two parts of the picture
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 ! video/x-raw,width=1280,height=720 ! \
 *   effnetclassify inference-region=regions regions="gate:0,0.2,0.3,0.8;door:0.6,0.1,0.4,0.9" ! \
 *   fakesink
 * ]|
 * Only when something moves, and at most twice a second
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=60 pattern=ball ! \
 *   effnetclassify trigger=motion max-inference-rate=2/1 ! fakesink
 * ]|
 * A result within a tenth of a second, whatever it takes
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=60 is-live=true ! \
 *   effnetclassify latency-budget=100000000 ! fakesink
 * ]|
 * What a detector found, if it is a car (a detector belongs in front; the test source finds none)
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=30 ! \
 *   effnetclassify inference-region=roi-list object-class=car inference-interval=5 ! fakesink
 * ]|
 * A camera with a bad cable: an error after a hundred broken pictures in a row
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 ! jpegenc ! \
 *   effnetclassify max-errors=100 ! fakesink
 * ]|
 * A clip whose buffers wait for their own results while the next frames are decoded
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 ! effnetclassify inference-mode=delayed ! fakesink
 * ]|
 * One camera, two branches; only classes that are at least half sure
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 ! tee name=t ! queue ! \
 *   effnetclassify variant=lite0 threshold=0.5 ! fakesink t. ! queue ! fakesink
 * ]|
 */
#include "classify/classify.h"

#include "classify/actions.h"
#include "classify/adapt.h"
#include "classify/caps.h"
#include "classify/events.h"
#include "classify/mode.h"
#include "classify/model.h"
#include "classify/presets.h"
#include "classify/props.h"
#include "classify/props_metrics.h"
#include "classify/queries.h"
#include "classify/notify.h"
#include "classify/transform.h"

GST_DEBUG_CATEGORY (gst_effnet_classify_debug);
#define GST_CAT_DEFAULT gst_effnet_classify_debug

G_DEFINE_TYPE_WITH_CODE (GstEffnetClassify, gst_effnet_classify, GST_TYPE_BASE_TRANSFORM,
                         GST_DEBUG_CATEGORY_INIT (gst_effnet_classify_debug, "effnetclassify", 0,
                                                  "effnet: the classifying element");
                         G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, gst_effnet_classify_init_presets))
GST_ELEMENT_REGISTER_DEFINE (effnetclassify, "effnetclassify", GST_RANK_NONE,
                             GST_TYPE_EFFNET_CLASSIFY)

/* ---- stream ---------------------------------------------------------------------------------- */

/* FALSE, with an error, when a property names a class that neither model nor heads have; of one
 * that may still be taught the frames warn (labels.c). */
static gboolean
classes_are_known (GstEffnetClassify *self, GstEffnetEngine *engine)
{
  GstEffnetClassRules *rules;
  GstEffnetHeadList *list = NULL;
  g_autoptr (GError) error = NULL;
  gboolean may_come;

  GST_OBJECT_LOCK (self);
  rules = gst_effnet_class_rules_ref (self->label_settings.rules);
  if (self->heads.list != NULL)
    list = gst_effnet_head_list_ref (self->heads.list);
  may_come = self->learn.teach_file != NULL;
  GST_OBJECT_UNLOCK (self);
  if (!may_come && !gst_effnet_labels_check (rules, engine, list, &error))
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
  gst_effnet_class_rules_unref (rules);
  g_clear_pointer (&list, gst_effnet_head_list_unref);
  return error == NULL;
}

static gboolean
start (GstBaseTransform *base)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY (base);
  g_autoptr (GstEffnetEngine) engine = NULL;

  gst_effnet_classify_adapt_start (self);
  if (!gst_effnet_classify_settings_are_sound (self) || !gst_effnet_classify_settle (self))
    return FALSE;
  engine = gst_effnet_classify_ref_engine (self);
  if (!classes_are_known (self, engine) || !gst_effnet_classify_start_learning (self, engine))
    return FALSE;
  gst_effnet_stream_start (&self->stream, engine->scheduler, GST_EFFNET_STREAM_JOBS);
  gst_effnet_shadow_start (&self->shadow, engine->scheduler);
  gst_effnet_classify_set_batch (self, engine);
  gst_effnet_classify_set_cancelled (self, FALSE);
  g_mutex_lock (&self->way);
  gst_effnet_classify_forget_stream (self);
  gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
  self->owed = GST_FLOW_OK;
  g_mutex_unlock (&self->way);
  self->mode_settled = FALSE;
  self->last_time = GST_CLOCK_TIME_NONE;
  self->spacing = GST_SECOND / 30;
  self->job_ns = 0;
  GST_OBJECT_LOCK (self);
  gst_effnet_coded_start (&self->coded, self->decode_frames, g_strdup (self->decoder));
  GST_OBJECT_UNLOCK (self);
  g_free (self->name);
  self->name = gst_object_get_name (GST_OBJECT (self));
  self->regions_serial = 0;
  self->warned_of_regions = self->warned_of_class = FALSE;
  self->n_bad = 0;
  self->n_unreported = 0;
  self->warned_at = GST_CLOCK_TIME_NONE;
  GST_OBJECT_LOCK (self);
  memset (&self->stats, 0, sizeof self->stats);
  gst_effnet_qos_init (&self->qos);
  gst_effnet_latency_init (&self->latency);
  self->advised = FALSE;
  self->attach_meta = self->frame_settings.attach_meta;
  self->started = TRUE;
  GST_OBJECT_UNLOCK (self);
  gst_effnet_tally_forget (&self->tally);
  gst_effnet_classify_open_metrics (self);
  return TRUE;
}

static gboolean
stop (GstBaseTransform *base)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY (base);

  GST_OBJECT_LOCK (self);
  self->started = FALSE;
  GST_OBJECT_UNLOCK (self);
  gst_effnet_delay_stop (&self->delay);
  g_mutex_lock (&self->way); /* a thread may be telling of results */
  gst_effnet_stream_stop (&self->stream);
  gst_effnet_shadow_start (&self->shadow, NULL);
  gst_effnet_classify_forget_stream (self);
  gst_effnet_inference_forget (&self->inference);
  gst_effnet_coded_stop (&self->coded);
  self->format.image.format = EFFNET_PIXEL_FORMAT_UNKNOWN;
  g_mutex_unlock (&self->way);
  gst_effnet_classify_stop_learning (self);
  gst_effnet_classify_close_metrics (self);
  return TRUE;
}

/* Without caps there never was an event about them. */
static GstFlowReturn
submit_input_buffer (GstBaseTransform *base, gboolean is_discont, GstBuffer *buffer)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY (base);

  if (!gst_effnet_classify_await_start (self)) {
    gst_buffer_unref (buffer);
    return GST_FLOW_FLUSHING;
  }
  if (self->format.image.format != EFFNET_PIXEL_FORMAT_UNKNOWN ||
      gst_effnet_coded_is_set (&self->coded))
    return GST_BASE_TRANSFORM_CLASS (gst_effnet_classify_parent_class)
        ->submit_input_buffer (base, is_discont, buffer);
  gst_buffer_unref (buffer);
  GST_ELEMENT_ERROR (self, STREAM, WRONG_TYPE,
                     ("Data comes without a format, as it does straight from a file: put "
                      "\"decodebin\" before effnetclassify, or \"jpegparse\" for JPEG"),
                     ("buffer without caps"));
  return GST_FLOW_NOT_NEGOTIATED;
}

/* Every buffer goes downstream unchanged, so GstVideoMeta is offered exactly when downstream takes
 * it, and so are its pools and allocators; but buffers that are held come on top. */
static gboolean
propose_allocation (GstBaseTransform *base, GstQuery *decide_query, GstQuery *query)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (base);
  gboolean answered = gst_pad_peer_query (base->srcpad, query), holds;

  (void)decide_query;
  GST_OBJECT_LOCK (self);
  holds = self->mode_setting == GST_EFFNET_INFERENCE_MODE_DELAYED;
  GST_OBJECT_UNLOCK (self);
  return (holds && gst_effnet_delay_ask_for_buffers (query)) || answered;
}

/* Memory is shared, metadata is not. The base class would do the same, or take a pool's buffer. */
static GstFlowReturn
prepare_output_buffer (GstBaseTransform *base, GstBuffer *in, GstBuffer **out)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY (base);

  *out = self->attach_meta == 0 || gst_buffer_is_writable (in) ? in : gst_buffer_copy (in);
  return *out != NULL ? GST_FLOW_OK : GST_FLOW_ERROR;
}

/* A buffer that is to be held does not go on from here. */
static GstFlowReturn
generate_output (GstBaseTransform *base, GstBuffer **out)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (base);
  GstFlowReturn ret =
      GST_BASE_TRANSFORM_CLASS (gst_effnet_classify_parent_class)->generate_output (base, out);
  GstEffnetHeld *held = gst_effnet_classify_steal_held (self);

  if (held == NULL)
    return ret;
  held->buffer = g_steal_pointer (out);
  return gst_effnet_delay_hold (&self->delay, held, self->holds_up);
}

/* ---- class ----------------------------------------------------------------------------------- */

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !gst_effnet_classify_open (self))
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    gst_effnet_classify_set_starting (self, TRUE);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) /* else it waits for the frame */
    gst_effnet_classify_set_cancelled (self, TRUE);
  ret = GST_ELEMENT_CLASS (gst_effnet_classify_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    gst_effnet_classify_set_starting (self, FALSE);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL ||
      (transition == GST_STATE_CHANGE_NULL_TO_READY && ret == GST_STATE_CHANGE_FAILURE))
    gst_effnet_classify_close (self);
  return ret;
}

static void
finalize (GObject *object)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY (object);

  gst_effnet_results_clear (&self->results);
  gst_effnet_delay_clear (&self->delay);
  gst_effnet_stream_clear (&self->stream);
  gst_effnet_shadow_clear (&self->shadow);
  gst_effnet_tally_clear (&self->tally);
  g_mutex_clear (&self->way);
  g_cond_clear (&self->start_ended);
  gst_effnet_watch_clear (&self->watch);
  gst_effnet_announcer_clear (&self->announcer);
  gst_effnet_labels_clear (&self->labels);
  gst_effnet_label_settings_clear (&self->label_settings);
  gst_effnet_classify_clear_learning (self);
  gst_effnet_heads_clear (&self->heads);
  gst_effnet_region_settings_clear (&self->frame_settings.inference.regions);
  g_free (self->name);
  g_free (self->regions);
  g_free (self->decoder);
  g_free (self->metrics.address);
  g_hash_table_unref (self->complaints);
  g_clear_pointer (&self->engine, gst_effnet_engine_unref);
  gst_effnet_model_settings_clear (&self->model_settings);
  G_OBJECT_CLASS (gst_effnet_classify_parent_class)->finalize (object);
}

static void
gst_effnet_classify_class_init (GstEffnetClassifyClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *base = GST_BASE_TRANSFORM_CLASS (klass);
  GstCaps *caps = gst_effnet_video_get_template_caps ();

  G_OBJECT_CLASS (klass)->finalize = finalize;
  gst_effnet_classify_install_properties (G_OBJECT_CLASS (klass));
  gst_effnet_labels_install_signals (G_OBJECT_CLASS (klass));
  gst_effnet_classify_install_actions (G_OBJECT_CLASS (klass));
  gst_effnet_classify_install_learning (G_OBJECT_CLASS (klass));
  gst_element_class_set_static_metadata (
      element, "EfficientNet classifier", "Filter/Analyzer/Video",
      "Names what a video shows, with EfficientNet, on the CPU", "The effnet developers");
  gst_element_class_add_pad_template (
      element, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (
      element, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref (caps);
  element->change_state = GST_DEBUG_FUNCPTR (change_state);
  base->start = GST_DEBUG_FUNCPTR (start);
  base->stop = GST_DEBUG_FUNCPTR (stop);
  base->transform_caps = GST_DEBUG_FUNCPTR (gst_effnet_classify_transform_caps);
  base->set_caps = GST_DEBUG_FUNCPTR (gst_effnet_classify_set_caps);
  base->sink_event = GST_DEBUG_FUNCPTR (gst_effnet_classify_sink_event);
  base->query = GST_DEBUG_FUNCPTR (gst_effnet_classify_query);
  base->accept_caps = GST_DEBUG_FUNCPTR (gst_effnet_classify_accept_caps);
  base->src_event = GST_DEBUG_FUNCPTR (gst_effnet_classify_src_event);
  base->submit_input_buffer = GST_DEBUG_FUNCPTR (submit_input_buffer);
  base->propose_allocation = GST_DEBUG_FUNCPTR (propose_allocation);
  base->generate_output = GST_DEBUG_FUNCPTR (generate_output);
  base->prepare_output_buffer = GST_DEBUG_FUNCPTR (prepare_output_buffer);
  base->transform_ip = GST_DEBUG_FUNCPTR (gst_effnet_classify_transform_ip);
  gst_effnet_schema_register ();
}

static void
gst_effnet_classify_init (GstEffnetClassify *self)
{
  GstBaseTransform *base = GST_BASE_TRANSFORM (self);

  gst_base_transform_set_in_place (base, TRUE);
  gst_base_transform_set_gap_aware (base, TRUE); /* else the base class removes the flag */
  gst_base_transform_set_qos_enabled (base, TRUE);
  gst_pad_add_probe (base->sinkpad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
                     gst_effnet_classify_watch_caps, self, NULL);
  self->complaints = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  self->model_settings.variant = g_strdup ("auto");
  self->frame_settings = (GstEffnetFrameSettings){
      .inference.wanted.top_k = 5,
      .inference.reclassify_interval = 1,
      .inference.regions.serial = 1,
      .inference.regions.named = g_array_new (FALSE, FALSE, sizeof (GstEffnetNamedRegion)),
      .load = {.interval = 1, .rate_den = 1, .trigger = GST_EFFNET_TRIGGER_ALWAYS},
      .attach_meta = GST_EFFNET_ATTACH_META_DEFAULT,
      .post_messages = GST_EFFNET_POST_MESSAGES_CHANGE,
      .max_errors = -1,
  };
  gst_effnet_results_init (&self->results);
  gst_effnet_stream_init (&self->stream, GST_OBJECT (self));
  self->stream.ready = gst_effnet_classify_notify_soon;
  gst_effnet_shadow_init (&self->shadow, GST_OBJECT (self));
  gst_effnet_tally_init (&self->tally);
  gst_effnet_delay_init (&self->delay, &self->stream, base->srcpad, self, gst_effnet_classify_leave,
                         gst_effnet_classify_free_frame);
  g_mutex_init (&self->way);
  g_cond_init (&self->start_ended);
  gst_effnet_outbox_init (&self->outbox);
  gst_effnet_latency_init (&self->latency);
  gst_effnet_watch_init (&self->watch);
  self->mode = GST_EFFNET_INFERENCE_MODE_SYNC;
  self->batch_timeout = 5 * GST_MSECOND;
  self->metrics.port = -1;
  gst_effnet_announcer_init (&self->announcer);
  gst_effnet_labels_init (&self->labels);
  gst_effnet_label_settings_init (&self->label_settings);
  gst_effnet_classify_init_learning (self);
  self->warned_at = GST_CLOCK_TIME_NONE;
  gst_effnet_qos_init (&self->qos);
  gst_effnet_budget_init (&self->budget);
}
