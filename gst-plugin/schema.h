/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The form of a result outside the element: a GstStructure, in the buffer's GstCustomMeta
 * `EffnetClassificationMeta` or in the element message `effnetclassify`; the tool's JSON has the
 * same names. They are public API, documented here and written in schema.c only; a change of
 * meaning raises GST_EFFNET_SCHEMA_VERSION. The invariants: what the writer writes, the reader
 * reads back; every field has one type, whatever its value, in text as well (an empty list would be
 * printed as one of integers).
 *
 * * `schema-version` (uint): 4
 * * `model`, `model-sha256`, `variant` (string): what classified
 * * `element` (string): the name of the element that did
 * * `region` (string), `roi-id` (int): the part of the frame: "full-frame" and -1; the name of a
 *   named part and -1; type and number of a region of interest
 * * `head` (string): which of `heads` has answered, by its name there; "taught" for what was taught
 *   while the stream ran; "" for the model's own classes where there are no heads
 * * `label` (string), `label-id` (int), `confidence` (double): the most probable class and its
 *   score, 0 to 1 (without an activation the logit); "", -1 and 0 when none reaches the threshold.
 *   A class without a name is called "class 123"
 * * `labels`, `label-ids`, `scores` (lists of string, int, double): the most probable classes, the
 *   best first; the first entry is always the class above, also when that is "", -1 and 0
 * * `unknown` (boolean): the best score does not reach `unknown-threshold`: `label` is "unknown",
 *   `label-id` -1, `confidence` that score
 * * `stable-label` (string), `stable-label-id` (int), `stable-since` (uint64): the smoothed class
 *   of this part and the running time since which it is that one, ns; "unknown" and -1 where that
 *   is the stable answer; "", -1 and GST_CLOCK_TIME_NONE without smoothing, before the first stable
 *   class, and for a region of interest without a number of its own
 * * `state-changed` (boolean): the stable class is another one, and this is the first buffer that
 *   says so
 * * `margin` (double): best minus second best probability
 * * `entropy` (double): of all probabilities, in nats
 * * `fresh` (boolean): this very frame was classified; else the result is repeated
 * * `result-pts`, `result-running-time`, `age` (uint64): time stamp and running time of the frame
 *   it was, and how far that is from this one, ns; elements that follow may shift time stamps, but
 *   not running times
 * * `wait-us`, `decode-us`, `convert-us`, `infer-us` (uint): where the time of the inference went;
 *   the decoding of a JPEG is the first part's
 * * `frame-width`, `frame-height` (uint): pixels of what was classified, upright; of a frame that
 *   comes in fields, one field
 * * `box` (list of four doubles): left, top, width and height of the part as fractions of the
 *   frame: they hold after scaling; 0, 0, 1, 1 for "full-frame"
 * * `x`, `y`, `width`, `height` (uint): the same in pixels of the frame; not for "full-frame"
 * * `embedding` (GstBuffer): the network's feature vector, floats of 32 bits in this machine's byte
 *   order, as many as it has features; only with `attach-embedding`
 * * `activation-map` (structure): which place of the part spoke for `label`: the class activation
 * map (Zhou et al., 2016), `height` x `width` (uint) numbers, row by row in `values` (GstBuffer of
 *   floats as above), above 0 where there is evidence for the class. Their mean plus the class's
 *   bias is its logit. `box` (list of four doubles): where the map lies on the part: left, top,
 *   width and height as fractions of the part's; a letterbox reaches beyond it. Only with
 *   `attach-activation-map`, and not where `label` is "" or "unknown"
 * * `results` (list of structures): these fields of each part and each head, the heads of a part in
 *   a row; not where the only result is the full frame's and there are no heads
 * * `others` (list of structures): the results of the effnetclassify elements after the first, in
 *   the meta of the first only; each has a meta of its own as well
 *
 * A message has `timestamp`, `stream-time`, `running-time` and `duration` (uint64, ns) of the
 * buffer, too. Version 2 brought `element`, `frame-width`, `frame-height`, `box` and `others`, and
 * lists that are never empty; version 3 `unknown`, `stable-label`, `stable-label-id`,
 * `stable-since`, `state-changed`, `result-running-time` and `embedding`; version 4 `head`;
 * `activation-map` came to that. */
#ifndef GST_EFFNET_SCHEMA_H
#define GST_EFFNET_SCHEMA_H

#include "actmap.h"

G_BEGIN_DECLS

#define GST_EFFNET_META_NAME      "EffnetClassificationMeta"
#define GST_EFFNET_MESSAGE_NAME   "effnetclassify"
#define GST_EFFNET_SCHEMA_VERSION 4
#define GST_EFFNET_UNKNOWN        "unknown" /* the label where no class is sure enough */

#define GST_EFFNET_LABEL_LENGTH 24 /* of "class ID" */

/* A class of a result. */
typedef struct {
  const char *label; /* (nullable): NULL is written as "class ID" */
  int id;
  double score; /* probability */
} GstEffnetEntry;

/* One result; strings and entries are borrowed. */
typedef struct {
  guint schema_version;
  const char *model, *model_sha256, *variant, *element;
  const char *region;
  int roi_id;            /* -1: not a region of interest */
  const char *head;      /* "": the model's own classes, and there are no heads */
  GstEffnetEntry best;   /* entries[0]; "", -1, 0 without entries */
  gboolean unknown;      /* `best` is "unknown", -1 and the score; there are no entries */
  GstEffnetEntry stable; /* "" and -1: there is none; the score is not written */
  GstClockTime stable_since;
  gboolean state_changed;
  double margin, entropy; /* of the library's EffnetResult */
  gboolean fresh;         /* of this very buffer */
  GstClockTime result_pts, result_running_time, age;
  guint infer_us, convert_us, decode_us, wait_us;
  guint frame_width, frame_height;
  double box[4];    /* left, top, width, height: fractions */
  gboolean is_part; /* FALSE: the full frame, and the place in pixels is not written */
  guint x, y, width, height;
  const GstEffnetEntry *entries; /* [n_entries], best first; the reader leaves NULL */
  guint n_entries;
  GstBuffer *embedding; /* (nullable): floats; not written then */
  GstEffnetActivationMap activation_map;
} GstEffnetRecord;

/* The buffer's times that a message adds, ns. */
typedef struct {
  GstClockTime timestamp, stream_time, running_time, duration;
} GstEffnetMoment;

/* Times of @buffer: NONE where it has none, or @segment does not count in time. */
GstEffnetMoment gst_effnet_moment_of (const GstSegment *segment, GstBuffer *buffer);

/* ---- writer ---- */

/* Without tags: such a meta survives conversion, scaling and encoding. Any number of calls. */
void gst_effnet_schema_register (void);
/* Returns: its name, or "class ID" in @text, GST_EFFNET_LABEL_LENGTH bytes */
const char *gst_effnet_entry_get_label (const GstEffnetEntry *entry, char *text);
/* @entries: [n], best first, as long as @record is used. Sets `best` too. */
void gst_effnet_record_set_entries (GstEffnetRecord *record, const GstEffnetEntry *entries,
                                    guint n);
/* Sets `best` to "unknown" with the score that was not enough, and no entries. */
void gst_effnet_record_set_unknown (GstEffnetRecord *record, double score);
/* Sets the place, pixels, and `box` from it; the frame's size is set before. */
void gst_effnet_record_set_part (GstEffnetRecord *record, guint x, guint y, guint width,
                                 guint height);
/* Returns: (transfer full): the fields of one result */
GstStructure *gst_effnet_record_to_structure (const GstEffnetRecord *record);
/* Adds the meta. FALSE when @buffer's metadata cannot be written. @records: [n], at least one;
 * parts and heads are listed. */
gboolean gst_effnet_schema_attach (GstBuffer *buffer, const GstEffnetRecord *records, guint n);
/* Returns: (transfer full): what an element message holds; @records as above */
GstStructure *gst_effnet_schema_structure_new (const GstEffnetMoment *moment,
                                               const GstEffnetRecord *records, guint n);
/* Returns: (transfer full): an element message; @records as above */
GstMessage *gst_effnet_schema_message_new (GstObject *source, const GstEffnetMoment *moment,
                                           const GstEffnetRecord *records, guint n);

/* ---- reader ---- */

/* Returns: (transfer none) (nullable): the next result on @buffer; each element may have added
 * one. @state: NULL at first */
const GstStructure *gst_effnet_schema_iterate (GstBuffer *buffer, gpointer *state);
/* What stands in @s itself: the only result, or the first that it lists. FALSE with
 * EFFNET_ERROR_FORMAT when a field is missing, of another type, or of a newer schema. Strings
 * belong to @s; one that is NULL there is read as "". */
gboolean gst_effnet_schema_read (const GstStructure *s, GstEffnetRecord *record, GError **error);
/* Fills @entries with the first @max classes of a structure that gst_effnet_schema_read() takes.
 * Returns: how many; 0 where no class reached the threshold */
guint gst_effnet_schema_read_entries (const GstStructure *s, GstEffnetEntry *entries, guint max);
/* Results that @s lists; 1: it may be itself the only one, of the full frame and without heads. */
guint gst_effnet_schema_n_parts (const GstStructure *s);
/* Returns: (transfer none) (nullable): NULL, which gst_effnet_schema_read() refuses, for what is
 * listed and no structure */
const GstStructure *gst_effnet_schema_get_part (const GstStructure *s, guint i);
/* FALSE as gst_effnet_schema_read(). */
gboolean gst_effnet_schema_read_moment (const GstStructure *s, GstEffnetMoment *moment,
                                        GError **error);

G_END_DECLS

#endif
