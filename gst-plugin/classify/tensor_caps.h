/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Since GStreamer 1.28 caps say which tensors buffers carry, and who decodes tensors asks for them.
 * The invariant: tensors of others that caps name stay. */
#ifndef GST_EFFNET_TENSOR_CAPS_H
#define GST_EFFNET_TENSOR_CAPS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* What raw video has on the other side of an element that adds a tensor of the scores of
 * @n_classes classes (0: not known yet): from its sink to its source the tensor is there as well,
 * the other way it is not asked for. Returns: (transfer full) */
GstCaps *gst_effnet_tensor_caps_transform (GstPadDirection direction, GstCaps *caps,
                                           guint n_classes);
/* Returns: how many classes the tensor of scores that fixed @caps name has; 0: they name none */
guint gst_effnet_tensor_caps_get_classes (const GstCaps *caps);

G_END_DECLS

#endif
