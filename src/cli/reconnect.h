/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cameras that go away and come back while the rest of the pipeline goes on. What a source is
 * linked with, directly or through others, is its chain: it is stopped when the source fails, or
 * ends a live stream, and started again when the source opens. The invariant: no function but
 * reconnect_work() waits for an element. */
#ifndef EFFNET_CLI_RECONNECT_H
#define EFFNET_CLI_RECONNECT_H

#include <gst/gst.h>

/* Application message of the pipeline: the element "source" (GST_TYPE_ELEMENT) gives frames again.
 */
#define RECONNECT_MESSAGE "effnet-camera-is-back"
/* Application message of a classifier: the stream that it sees has ended, or is silent; "what"
 * (string) says which. */
#define RECONNECT_END "effnet-camera-ends"

typedef struct _Reconnect Reconnect;

/* @patience_s: a live stream without a frame for so many seconds is silent; 0: for ever */
Reconnect *reconnect_new (GstElement *pipeline, int patience_s);
void reconnect_free (Reconnect *reconnect);
/* TRUE: @error is of a source whose frames a classifier has seen, that is waited for already, or
 * that was closed since; it is dealt with. *@is_news: the first of its errors. */
gboolean reconnect_take (Reconnect *reconnect, GstMessage *error, gboolean *is_news);
/* As reconnect_take(), of the sources behind the RECONNECT_END @end; one with `num-buffers` ends
 * when it is told to. Returns: (nullable): the first one that is waited for from now on; free with
 * gst_object_unref() */
GstElement *reconnect_take_end (Reconnect *reconnect, GstMessage *end);
/* A source is waited for: what its chain says of an end is not one. */
gboolean reconnect_is_waiting (Reconnect *reconnect);
/* Stops and starts chains whose time has come; may be called from a thread of its own. */
void reconnect_work (gpointer reconnect);

#endif
