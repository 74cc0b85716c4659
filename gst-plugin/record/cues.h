/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cues of a WebVTT file (W3C, WebVTT: The Web Video Text Tracks Format): one lasts as long as
 * its text does. The invariant: times never go back, so that a cue is known when the next begins.
 */
#ifndef GST_EFFNET_RECORD_CUES_H
#define GST_EFFNET_RECORD_CUES_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_CUES_HEAD "WEBVTT\n\n" /* of a file */

typedef struct {
  char *text;            /* (nullable): of the cue that is open */
  GstClockTime from, to; /* ns */
} GstEffnetCues;

void gst_effnet_cues_clear (GstEffnetCues *cues);
/* Another frame shows @text, "" for none, at @from, ns, for @duration, or NONE. Returns: (transfer
 * full) (nullable): the cue that is over */
char *gst_effnet_cues_next (GstEffnetCues *cues, const char *text, GstClockTime from,
                            GstClockTime duration);
/* Returns: (transfer full) (nullable): the cue that was open */
char *gst_effnet_cues_close (GstEffnetCues *cues);

G_END_DECLS

#endif
