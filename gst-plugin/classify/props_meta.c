/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * attach-meta, attach-embedding, attach-activation-map. */
#include "classify/props_meta.h"

enum { ATTACH_META, ATTACH_EMBEDDING, ATTACH_ACTIVATION_MAP };

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  GstEffnetFrameSettings *settings = &self->frame_settings;

  (void)error;
  if (index == ATTACH_META) {
    settings->attach_meta = g_value_get_flags (value);
    settings->inference.wanted.all_scores =
        (settings->attach_meta & GST_EFFNET_ATTACH_META_TENSOR) != 0;
  } else if (index == ATTACH_EMBEDDING) {
    settings->inference.keep.embeddings = g_value_get_boolean (value);
  } else {
    settings->inference.wanted.activation_maps = g_value_get_boolean (value);
  }
  return TRUE;
}

static void
get (GstEffnetClassify *self, guint index, GValue *value)
{
  const GstEffnetFrameSettings *settings = &self->frame_settings;

  if (index == ATTACH_META)
    g_value_set_flags (value, settings->attach_meta);
  else
    g_value_set_boolean (value, index == ATTACH_EMBEDDING
                                    ? settings->inference.keep.embeddings
                                    : settings->inference.wanted.activation_maps);
}

static void
install (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + ATTACH_META,
      g_param_spec_flags ("attach-meta", "Attach metadata",
                          "Metadata that carries results on buffers", GST_TYPE_EFFNET_ATTACH_META,
                          GST_EFFNET_ATTACH_META_DEFAULT, GST_EFFNET_READY_FLAGS));
  g_object_class_install_property (
      klass, first + ATTACH_EMBEDDING,
      g_param_spec_boolean ("attach-embedding", "Attach embedding",
                            "Results carry the network's feature vector as `embedding`: a "
                            "GstBuffer of 32-bit floats",
                            FALSE, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + ATTACH_ACTIVATION_MAP,
      g_param_spec_boolean ("attach-activation-map", "Attach activation map",
                            "Results carry which place spoke for their label as `activation-map`: "
                            "the class activation map, and where it lies",
                            FALSE, GST_EFFNET_PLAYING_FLAGS));
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_ATTACH_META, 0);
}

const GstEffnetPropertyGroup gst_effnet_meta_properties = {install, set, get};
