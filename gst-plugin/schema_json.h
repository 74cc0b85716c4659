/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The JSON form of a result, which the tool prints and the elements write; share/effnet holds its
 * JSON Schema, result.schema.json. It has the fields of schema.h: a hyphen is an underscore, a time
 * ends in `_ns` and is null where there is none, and `labels`, `label-ids` and `scores` are one
 * list, `top`, of objects with `id`, `label` and `score`, empty where no class counts. Each part
 * and head is an object of its own, so that `results` and `others` are not there. `embedding` is a
 * list of numbers, and so is `values` of `activation_map`. What the buffer adds comes first: `time`
 * (wall clock, UTC, RFC 3339), `pts_ns`, `duration_ns`, `stream_time_ns`, `running_time_ns`. */
#ifndef GST_EFFNET_SCHEMA_JSON_H
#define GST_EFFNET_SCHEMA_JSON_H

#include "json.h"
#include "schema.h"

G_BEGIN_DECLS

/* Returns: (transfer none): the object added to @top; the caller may add to it */
JsonObject *gst_effnet_schema_json_add_class (JsonArray *top, gint64 id, const char *label,
                                              double score);
/* @part: what gst_effnet_schema_read() takes, of which lists of parts are left out; @utc_ns: since
 * 1970, below 0 where it is not known. Returns: (transfer full) (nullable): NULL with @error as
 * gst_effnet_schema_read() */
JsonObject *gst_effnet_schema_json_object (const GstStructure *part, const GstEffnetMoment *moment,
                                           gint64 utc_ns, GError **error);

/* "2026-11-26T09:00:00.123456Z"; free with g_free(). NULL below 0. */
char *gst_effnet_utc_text (gint64 utc_ns);
/* When the frame of @buffer was taken, ns since 1970: what its GstReferenceTimestampMeta says (NTP
 * or Unix time), else the moment at which @running_time is on the pipeline's clock, else now. */
gint64 gst_effnet_utc_of (GstElement *element, GstBuffer *buffer, GstClockTime running_time);

G_END_DECLS

#endif
