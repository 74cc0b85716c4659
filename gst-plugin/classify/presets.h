/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GstPreset: settings that go together, by name. */
#ifndef GST_EFFNET_PRESETS_H
#define GST_EFFNET_PRESETS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* GInterfaceInitFunc of GstPreset. */
void gst_effnet_classify_init_presets (gpointer iface, gpointer data);

G_END_DECLS

#endif
