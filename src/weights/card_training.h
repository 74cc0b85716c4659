/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of a card that training writes: which backbone a head belongs to, from which score on a
 * class counts, from which distance on a picture is of none of them, and where all this is from. */
#ifndef EFFNET_WEIGHTS_CARD_TRAINING_H
#define EFFNET_WEIGHTS_CARD_TRAINING_H

#include "weights/card_read.h"

/* What training has written into @own, the card's "effnet". @card has its labels by now. */
gboolean effnet_card_read_training (const EffnetCardReader *reader, JsonObject *own,
                                    EffnetCard *card, GError **error);

#endif
