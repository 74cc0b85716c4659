/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON out of files, private to weights: json-glib behind a validator. json-glib recurses once per
 * level, makes a node per value and lets a later key replace an earlier one; so depth and number of
 * values are bounded before it sees the text, and a key that comes twice is an error. */
#ifndef EFFNET_WEIGHTS_JSON_H
#define EFFNET_WEIGHTS_JSON_H

#include "base/error.h"

#include <json-glib/json-glib.h>

typedef struct {
  unsigned max_depth;
  gboolean unsigned_only; /* no numbers but 0, 1, 2 ...; no true, false, null */
  gboolean any_list;      /* the root may be a list as well */
} EffnetJsonRules;

/* An object, or NULL with FORMAT and a sentence without subject that ends with the place ("nests
 * deeper than 4 levels (line 1, column 9)"). @text: [length], UTF-8. */
JsonNode *effnet_json_parse (const char *text, size_t length, const EffnetJsonRules *rules,
                             GError **error);

gboolean effnet_json_is_string (JsonNode *node);
/* Whole and written as such. */
gboolean effnet_json_is_int (JsonNode *node);
/* Whole or not. */
gboolean effnet_json_is_number (JsonNode *node);

#endif
