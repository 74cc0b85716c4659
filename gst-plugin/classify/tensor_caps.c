/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The field `tensors` of caps: a structure with a group of tensors in each field. */
#include "classify/tensor_caps.h"

#include "classify/carriers.h"

#if GST_CHECK_VERSION(1, 28, 0)

#  define FIELD_TENSORS "tensors"
#  define GROUP         GST_EFFNET_TENSOR_ID /* one tensor, named like its group */

/* Returns: (transfer full): the field's value with our group alone */
static GstStructure *
tensors_new (guint n_classes)
{
  g_autofree char *n =
      n_classes > 0 ? g_strdup_printf ("(int)%u", n_classes) : g_strdup ("(int)[1,max]");
  g_autofree char *text = g_strdup_printf (
      "tensorgroups," GROUP "=(/uniquelist){(GstCaps)[tensor/strided,tensor-id=" GROUP ","
      "dims=<(int)1,%s>,dims-order=(string)row-major,type=(string)float32]}",
      n);

  return gst_structure_from_string (text, NULL);
}

static GstStructure *
get_tensors (const GstStructure *s)
{
  const GValue *value = gst_structure_get_value (s, FIELD_TENSORS);

  return value != NULL && GST_VALUE_HOLDS_STRUCTURE (value)
             ? gst_structure_copy (gst_value_get_structure (value))
             : NULL;
}

/* Takes @tensors. */
static void
set_tensors (GstStructure *s, GstStructure *tensors)
{
  gst_structure_set (s, FIELD_TENSORS, GST_TYPE_STRUCTURE, tensors, NULL);
  gst_structure_free (tensors);
}

static void
add_group (GstStructure *s, guint n_classes)
{
  GstStructure *ours = tensors_new (n_classes), *tensors = get_tensors (s);

  if (tensors != NULL) {
    gst_structure_set_value (tensors, GROUP, gst_structure_get_value (ours, GROUP));
    gst_structure_free (ours);
    ours = tensors;
  }
  set_tensors (s, ours);
}

static void
remove_group (GstStructure *s)
{
  GstStructure *tensors = get_tensors (s);

  if (tensors == NULL)
    return;
  gst_structure_remove_field (tensors, GROUP);
  if (gst_structure_n_fields (tensors) > 0) {
    set_tensors (s, tensors);
  } else {
    gst_structure_remove_field (s, FIELD_TENSORS);
    gst_structure_free (tensors);
  }
}

GstCaps *
gst_effnet_tensor_caps_transform (GstPadDirection direction, GstCaps *caps, guint n_classes)
{
  GstCaps *other = gst_caps_copy (caps);

  for (guint i = 0; i < gst_caps_get_size (other); i++) {
    GstStructure *s = gst_caps_get_structure (other, i);

    if (!gst_structure_has_name (s, "video/x-raw"))
      continue;
    if (direction == GST_PAD_SINK)
      add_group (s, n_classes);
    else
      remove_group (s);
  }
  return other;
}

guint
gst_effnet_tensor_caps_get_classes (const GstCaps *caps)
{
  GstStructure *tensors = get_tensors (gst_caps_get_structure (caps, 0));
  const GValue *group = tensors != NULL ? gst_structure_get_value (tensors, GROUP) : NULL;
  const GValue *dims;
  guint n = 0;

  if (group != NULL && gst_value_unique_list_get_size (group) == 1) {
    const GstCaps *tensor = gst_value_get_caps (gst_value_unique_list_get_value (group, 0));

    dims = gst_structure_get_value (gst_caps_get_structure (tensor, 0), "dims");
    n = (guint)g_value_get_int (gst_value_array_get_value (dims, 1));
  }
  gst_clear_structure (&tensors);
  return n;
}

#else

GstCaps *
gst_effnet_tensor_caps_transform (GstPadDirection direction, GstCaps *caps, guint n_classes)
{
  (void)direction;
  (void)n_classes;
  return gst_caps_ref (caps);
}

guint
gst_effnet_tensor_caps_get_classes (const GstCaps *caps)
{
  (void)caps;
  return 0;
}

#endif
