/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The forms of what is written beside the one of schema_json.h. */
#ifndef GST_EFFNET_RECORD_FORMS_H
#define GST_EFFNET_RECORD_FORMS_H

#include "schema_json.h"

G_BEGIN_DECLS

/* One frame with the keys that DL Streamer's element gvametaconvert documents: `objects` with a
 * part of the frame each, its place in pixels (`x`, `y`, `w`, `h`) and as fractions (`bounding_box`
 * of `detection`), its name (`roi_type`, `id`), and an attribute for each head ("classification"
 * without one) with `label`, `label_id`, `confidence` and `model`; `resolution`, `timestamp`.
 * @parts: (element-type GstStructure): results of one buffer. Returns: (transfer full) */
JsonObject *gst_effnet_form_dlstreamer (GPtrArray *parts, const GstEffnetMoment *moment);

/* @parts: as above. Returns: (transfer full): a line for each result that has a label, with its
 * score if @scores; "" where none has */
char *gst_effnet_form_text (GPtrArray *parts, gboolean scores);

G_END_DECLS

#endif
