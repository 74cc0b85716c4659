/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of classes under numbers that come in any order, private to weights. Whatever the form,
 * every number from 0 on is there once, or it is an error that says which is not. */
#ifndef EFFNET_WEIGHTS_NAMES_H
#define EFFNET_WEIGHTS_NAMES_H

#include "weights/json.h"

typedef struct {
  const char *where; /* for messages: "Model card x:3:7: id2label", "Label file \"x\"" */
  char **names;      /* [n + 1] */
  unsigned n;
} EffnetNames;

/* Which side of a JSON object is the number, where both could be. */
typedef enum {
  EFFNET_NAMES_BY_NUMBER, /* {"0": "cat"} */
  EFFNET_NAMES_TO_NUMBER, /* {"cat": 0} */
  EFFNET_NAMES_UNSAID,
} EffnetNamesOrder;

/* Room for @n names. FALSE with FORMAT (none, too many) or IO (no memory). */
gboolean effnet_names_init (EffnetNames *names, const char *where, size_t n, GError **error);
/* Takes @name, which may be NULL only together with @error set by the caller (then FALSE). FALSE
 * with FORMAT for a number outside 0 .. n - 1 or one that has a name. */
gboolean effnet_names_put (EffnetNames *names, uint64_t number, char *name, GError **error);
/* A copy of @name for effnet_names_put(), or NULL with IO (memory). */
char *effnet_names_copy (const char *name, GError **error);
void effnet_names_clear (EffnetNames *names);

/* Digits only, at most 9 of them. */
gboolean effnet_names_number (const char *text, uint64_t *number);

/* The same of a number or, as Transformers writes label2id, of a string. */
gboolean effnet_names_node_number (JsonNode *node, uint64_t *number);

/* @node of @file: a list of names, of [synset, name] or of {"id": 0, "name": "cat"}; an object from
 * number to name or from name to number, numbers written as such or as strings. NULL-terminated;
 * NULL with FORMAT or IO. @key: (nullable): in messages. @descriptions: (nullable): a name that is
 * a key of it is replaced by its value. */
char **effnet_names_from_json (const EffnetJsonFile *file, JsonNode *node, const char *key,
                               EffnetNamesOrder order, JsonObject *descriptions, GError **error);

/* The names in @object of @file under the key that other projects use for them: label_names,
 * id2label, label2id, class_names, class_to_idx and the like. @names: NULL when there are none.
 * FALSE with FORMAT, or with MISMATCH when id2label and label2id disagree. */
gboolean effnet_names_find (const EffnetJsonFile *file, JsonObject *object, char ***names,
                            GError **error);

#endif
