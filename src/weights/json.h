/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON out of files: json-glib behind a validator. json-glib recurses once per
 * level, makes a node per value and lets a later key replace an earlier one; so depth and number of
 * values are bounded before it sees the text, and a key that comes twice is an error. */
#ifndef EFFNET_WEIGHTS_JSON_H
#define EFFNET_WEIGHTS_JSON_H

#include "base/error.h"

#include <json-glib/json-glib.h>

/* A text out of a file. */
typedef struct {
  const char *subject; /* of sentences: "Model card PATH" */
  const char *opening; /* of what is wrong with the text: "", "begins like JSON, but " */
  const char *text;    /* [length], then a NUL */
  size_t length;
  JsonNode *root; /* NULL until parsed */
} EffnetJsonFile;

typedef struct {
  unsigned max_depth;
  gboolean unsigned_only; /* no numbers but 0, 1, 2 ...; no true, false, null */
  gboolean any_list;      /* the root may be a list as well */
} EffnetJsonRules;

/* The text as file->root, an object unless the rules allow a list, or FALSE with IO (memory)
 * or FORMAT and a sentence that begins with the place: "Model card PATH:1:9: nests deeper than 4
 * levels". */
gboolean effnet_json_parse (EffnetJsonFile *file, const EffnetJsonRules *rules, GError **error);
/* "Model card PATH:LINE:COLUMN", where @node, a value below file->root, begins. Free with g_free().
 */
char *effnet_json_place (const EffnetJsonFile *file, JsonNode *node);

gboolean effnet_json_is_string (JsonNode *node);
/* Whole and written as such. */
gboolean effnet_json_is_int (JsonNode *node);
/* Whole or not. */
gboolean effnet_json_is_number (JsonNode *node);

#endif
