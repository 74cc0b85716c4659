/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pipeline whose state is changed by a thread of its own. The invariant: whoever starts and stops
 * it never waits longer than STOP_MS, whatever hangs inside; what hangs is left behind. */
#ifndef EFFNET_CLI_PLAYER_H
#define EFFNET_CLI_PLAYER_H

#include <gst/gst.h>

typedef struct _Player Player;

/* Starts @pipeline. NULL with an error when the system gives no thread; the pipeline's own failures
 * come on its bus. */
Player *player_start (GstElement *pipeline, GError **error);
/* From now on the player's thread calls @idle, ten times a second, until it stops the pipeline;
 * then it calls @destroy. Once. */
void player_set_idle (Player *player, void (*idle) (gpointer), gpointer data,
                      GDestroyNotify destroy);
/* The pipeline has said that its frames come when they come. */
gboolean player_is_live (Player *player);
/* FALSE: its elements may still be stopped. */
gboolean player_is_started (Player *player);
/* TRUE: the pipeline is in NULL and the player is freed, and so is the pipeline if nobody else
 * holds it. FALSE: it hangs; what it uses must stay. */
gboolean player_stop (Player *player);

#endif
