/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The enumerations of the element's properties. */
#ifndef GST_EFFNET_RECORD_ENUMS_H
#define GST_EFFNET_RECORD_ENUMS_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_RECORDS_ALL,    /* of every buffer, repeated ones as well */
  GST_EFFNET_RECORDS_FRESH,  /* of each inference one, on the first buffer that carries it */
  GST_EFFNET_RECORDS_CHANGE, /* where the label of a part is another one than before */
} GstEffnetRecords;

/* Of JSON records. */
typedef enum {
  GST_EFFNET_KEYS_EFFNET,
  GST_EFFNET_KEYS_DLSTREAMER,
} GstEffnetKeys;

GType gst_effnet_records_get_type (void);
GType gst_effnet_keys_get_type (void);

G_END_DECLS

#endif
