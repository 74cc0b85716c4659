/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which elements of the system decode which compressed video. */
#ifndef GST_EFFNET_CODEC_H
#define GST_EFFNET_CODEC_H

#include "nal.h"

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct {
  const char *media, *what, *element; /* of caps, for people, the usual decoder */
} GstEffnetCodecNames;

extern const GstEffnetCodecNames gst_effnet_codecs[]; /* by GstEffnetCodec */

/* @name: (nullable): this one only. Returns: (transfer full): of GstElementFactory, best first;
 * NULL with EFFNET_ERROR_UNSUPPORTED: there is none */
GList *gst_effnet_codec_list_decoders (GstEffnetCodec codec, const char *name, GError **error);

/* FALSE with EFFNET_ERROR_UNSUPPORTED: there is no decoder; the sentence names the package. Slow at
 * first. @factory: (nullable) */
gboolean gst_effnet_codec_has_decoder (GstEffnetCodec codec, const char *factory, GError **error);

G_END_DECLS

#endif
