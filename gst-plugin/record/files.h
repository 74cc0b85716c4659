/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file behind the element, where a filesink follows, with other elements between them or not.
 */
#ifndef GST_EFFNET_RECORD_FILES_H
#define GST_EFFNET_RECORD_FILES_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* From now on a filesink that is linked to @src writes without a buffer, unless somebody has set
 * its `buffer-mode`. @owner: of @src */
void gst_effnet_files_unbuffer (GObject *owner, GstPad *src);
/* Returns: (transfer full) (nullable): the name of the file that is written behind @src */
char *gst_effnet_files_find (GstPad *src);

G_END_DECLS

#endif
