/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the parts of the card's reader share, private to weights. */
#ifndef EFFNET_WEIGHTS_CARD_READ_H
#define EFFNET_WEIGHTS_CARD_READ_H

#include "weights/card.h"

#include "weights/json.h"

#define EFFNET_CARD_INPUT_MAX 1e30 /* of the network, either sign */

typedef struct {
  const EffnetJsonFile *file;
  JsonObject *top;
  JsonObject *inner; /* "pretrained_cfg", or NULL */
} EffnetCardReader;

/* NULL for null, too. @object: (nullable). */
JsonNode *effnet_card_get (JsonObject *object, const char *key);
/* Sets @error: "@key is ...; expected @expected". Returns FALSE. */
gboolean effnet_card_fail_value (const EffnetCardReader *reader, EffnetError code, const char *key,
                                 JsonNode *node, const char *expected, GError **error);
/* low <= value <= high; @node: (nullable): then nothing is read. */
gboolean effnet_card_read_number (const EffnetCardReader *reader, const char *key, JsonNode *node,
                                  double low, double high, double *value, GError **error);

/* Three numbers, or one for all three, that are still numbers as float32; with @divisor also above
 * 0, not even subnormal. @node: (nullable). */
gboolean effnet_card_read_triple (const EffnetCardReader *reader, const char *key, JsonNode *node,
                                  gboolean divisor, float *values, GError **error);

#endif
