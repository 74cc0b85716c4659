/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Caps go through as they are, but for the tensor that is added. */
#include "classify/caps.h"

#include "classify/tensor_caps.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

/* The same, but for the tensor that is added. */
GstCaps *
gst_effnet_classify_transform_caps (GstBaseTransform *base, GstPadDirection direction,
                                    GstCaps *caps, GstCaps *filter)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (base);
  GstCaps *other, *filtered;
  gboolean adds_tensor;
  guint n_classes;

  GST_OBJECT_LOCK (self);
  adds_tensor = (self->frame_settings.attach_meta & GST_EFFNET_ATTACH_META_TENSOR) != 0;
  n_classes = self->engine != NULL ? self->engine->info.n_classes : 0;
  GST_OBJECT_UNLOCK (self);
  other = adds_tensor ? gst_effnet_tensor_caps_transform (direction, caps, n_classes)
                      : gst_caps_ref (caps);
  if (filter == NULL)
    return other;
  filtered = gst_caps_intersect_full (filter, other, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (other);
  return filtered;
}

/* With the lock `way`. */
static gboolean
take_caps (GstEffnetClassify *self, const GstEffnetFormat *format, GstCaps *in, GstCaps *out,
           GError **error)
{
  if (!gst_effnet_coded_set_caps (&self->coded, in, error))
    return FALSE;
  /* Only now: caps that were refused are not told again when those before them return. */
  self->format = *format;
  self->tensor_classes = gst_effnet_tensor_caps_get_classes (out);
  gst_effnet_load_forget (&self->load);
  gst_effnet_stream_forget (&self->stream); /* of another picture */
  gst_effnet_results_reset (&self->results);
  self->owes = FALSE;
  return TRUE;
}

gboolean
gst_effnet_classify_set_caps (GstBaseTransform *base, GstCaps *in, GstCaps *out)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (base);
  GstEffnetFormat format = {.image = EFFNET_IMAGE_INIT};
  GError *error = NULL;
  gboolean taken;

  if (!gst_effnet_keyframes_can (in) && !gst_effnet_format_from_caps (&format, in))
    goto bad_caps;
  g_mutex_lock (&self->way);
  taken = take_caps (self, &format, in, out, &error);
  g_mutex_unlock (&self->way);
  if (!taken)
    goto bad_coded_caps;
  GST_DEBUG_OBJECT (self, "caps %" GST_PTR_FORMAT, (gpointer)in);
  return TRUE;

  /* ERRORS */
bad_caps : {
  GST_ELEMENT_WARNING (self, STREAM, FORMAT,
                       ("The caps that come describe no frame: their fields "
                        "do not belong together"),
                       ("%" GST_PTR_FORMAT, (gpointer)in));
  return FALSE;
}
bad_coded_caps : {
  if (g_error_matches (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED))
    GST_ELEMENT_ERROR (self, STREAM, CODEC_NOT_FOUND, ("%s", error->message), (NULL));
  else
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("%s", error->message),
                         ("%" GST_PTR_FORMAT, (gpointer)in));
  g_error_free (error);
  return FALSE;
}
}

/* The base class takes caps that say less than the template, too. */
gboolean
gst_effnet_classify_accept_caps (GstBaseTransform *base, GstPadDirection direction, GstCaps *caps)
{
  GstBaseTransformClass *parent = g_type_class_peek (GST_TYPE_BASE_TRANSFORM);
  const GstStructure *s = gst_caps_get_structure (caps, 0);

  if (gst_effnet_keyframes_can (caps) &&
      (!gst_structure_has_field (s, "alignment") || !gst_structure_has_field (s, "stream-format")))
    return FALSE;
  return parent->accept_caps (base, direction, caps);
}
