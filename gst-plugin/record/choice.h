/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which results of a buffer are written. The invariant: what is remembered of earlier ones is
 * bounded, however many regions of interest come and go. */
#ifndef GST_EFFNET_RECORD_CHOICE_H
#define GST_EFFNET_RECORD_CHOICE_H

#include "record/enums.h"
#include "schema.h"

G_BEGIN_DECLS

typedef struct _GstEffnetChoice GstEffnetChoice;

GstEffnetChoice *gst_effnet_choice_new (void);
void gst_effnet_choice_free (GstEffnetChoice *choice);
/* Forgets earlier results. */
void gst_effnet_choice_reset (GstEffnetChoice *choice);
/* @parts: (element-type GstStructure): results of the next buffer, which can be read; those stay
 * that are to be written. */
void gst_effnet_choice_apply (GstEffnetChoice *choice, GstEffnetRecords which, GPtrArray *parts);

G_END_DECLS

#endif
