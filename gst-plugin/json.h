/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON on one line, as the tool prints it and the elements write it. The invariants: no control
 * character and no invalid UTF-8 leaves, so that a line stays one line, and no number loses a bit.
 * json-glib's own writer prints every float with 17 digits and control characters as they are. */
#ifndef GST_EFFNET_JSON_H
#define GST_EFFNET_JSON_H

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Appends @c as \uXXXX, above 0xffff as a surrogate pair. */
void gst_effnet_json_append_escaped (GString *out, gunichar c);
/* Appends a JSON string, quotes included. */
void gst_effnet_json_append_string (GString *out, const char *text);
/* Appends @value with the fewest digits that give it back: as a float where it is one. A number
 * that JSON has not is null. */
void gst_effnet_json_append_double (GString *out, double value);
/* Without a line end; free with g_free(). */
char *gst_effnet_json_text (JsonObject *object);

G_END_DECLS

#endif
