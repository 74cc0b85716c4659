/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a card of Transformers (model_type "efficientnet") says in words of its own, and the
 * preprocessor_config.json beside it; private to weights. */
#ifndef EFFNET_WEIGHTS_CARD_TRANSFORMERS_H
#define EFFNET_WEIGHTS_CARD_TRANSFORMERS_H

#include "weights/card_read.h"

/* Fills in what the card at @path has not said in timm's words. Any other card is left alone. */
gboolean effnet_card_read_transformers (const EffnetCardReader *reader, const char *path,
                                        EffnetCard *card, GError **error);

#endif
