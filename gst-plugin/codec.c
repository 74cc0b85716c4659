/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The rank decides between elements. */
#include "codec.h"

#include "video.h"

#include <effnet/effnet.h>

const GstEffnetCodecNames gst_effnet_codecs[] = {
    [GST_EFFNET_CODEC_H264] = {"video/x-h264", "H.264", "avdec_h264"},
    [GST_EFFNET_CODEC_H265] = {"video/x-h265", "H.265", "avdec_h265"},
};

static GstCaps *
least_caps (GstEffnetCodec codec)
{
  return gst_caps_new_simple (gst_effnet_codecs[codec].media, "stream-format", G_TYPE_STRING,
                              "byte-stream", "alignment", G_TYPE_STRING, "au", NULL);
}

static gboolean
can_decode (GstElementFactory *factory, GstEffnetCodec codec)
{
  GstCaps *in = least_caps (codec), *out = gst_effnet_video_get_raw_caps ();
  gboolean can = gst_element_factory_list_is_type (factory, GST_ELEMENT_FACTORY_TYPE_DECODER) &&
                 gst_element_factory_can_sink_any_caps (factory, in) &&
                 gst_element_factory_can_src_any_caps (factory, out);

  gst_caps_unref (in);
  gst_caps_unref (out);
  return can;
}

GList *
gst_effnet_codec_list_decoders (GstEffnetCodec codec, const char *name, GError **error)
{
  GList *all, *some = NULL;

  if (name != NULL) {
    GstElementFactory *factory = gst_element_factory_find (name);

    if (factory != NULL && can_decode (factory, codec))
      return g_list_prepend (NULL, factory);
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 factory == NULL ? "decoder is %s, but there is no such element: leave it unset, "
                                   "and the best decoder of %s that is there is used"
                                 : "decoder is %s, which does not decode %s to raw video",
                 name, gst_effnet_codecs[codec].what);
    gst_clear_object (&factory);
    return NULL;
  }
  all = gst_element_factory_list_get_elements (
      GST_ELEMENT_FACTORY_TYPE_DECODER | GST_ELEMENT_FACTORY_TYPE_MEDIA_VIDEO, GST_RANK_MARGINAL);
  all = g_list_sort (all, gst_plugin_feature_rank_compare_func);
  for (GList *l = all; l != NULL; l = l->next) {
    if (can_decode (l->data, codec))
      some = g_list_prepend (some, gst_object_ref (l->data));
  }
  gst_plugin_feature_list_free (all);
  if (some == NULL)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "There is no decoder of %s: install the package gstreamer1.0-libav, which has %s",
                 gst_effnet_codecs[codec].what, gst_effnet_codecs[codec].element);
  return g_list_reverse (some);
}

gboolean
gst_effnet_codec_has_decoder (GstEffnetCodec codec, const char *factory, GError **error)
{
  GList *factories = gst_effnet_codec_list_decoders (codec, factory, error);
  gboolean is_there = factories != NULL;

  gst_plugin_feature_list_free (factories);
  return is_there;
}
