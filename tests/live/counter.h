/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames that carry their number: bars in the picture say it to a person, to this reader and, since
 * no two of them get the same scores, to whoever has a network's result. Grey I420, so that no
 * question of colour stands between a frame and its result. Numbers count modulo COUNTER_FRAMES. */
#ifndef TEST_LIVE_COUNTER_H
#define TEST_LIVE_COUNTER_H

#include <gst/gst.h>

#define COUNTER_FRAMES 32u

typedef struct _Counter Counter;

/* @path: (nullable): the model whose results check() knows; fp32. */
Counter *counter_new (guint width, guint height, const char *path);
void counter_free (Counter *counter);
/* Number @n is drawn into each buffer that leaves @pad, from the buffer's offset: videotestsrc's
 * count of frames. @counter lives longer than the pad. */
void counter_draw_at (Counter *counter, GstPad *pad);
/* What stands in the picture, or COUNTER_FRAMES when it is none of ours. */
guint counter_read (const Counter *counter, GstBuffer *buffer);
/* @result: a result of the full frame. Whether it is, bit for bit, what the library gives for frame
 * @n. One thread. */
gboolean counter_check (Counter *counter, guint64 n, const GstStructure *result);

/* A model of synthetic weights in a new folder, by the program make_model; free with
 * model_remove(). */
char *model_make (const char *variant, guint classes);
void model_remove (char *folder);

#endif
