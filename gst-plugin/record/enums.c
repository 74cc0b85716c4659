/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/enums.h"

static GType
enum_type (gsize *type, const char *name, const GEnumValue *values)
{
  if (g_once_init_enter (type))
    g_once_init_leave (type, g_enum_register_static (name, values));
  return *type;
}

GType
gst_effnet_records_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_RECORDS_ALL, "Of each buffer, results that are repeated as well", "all"},
      {GST_EFFNET_RECORDS_FRESH, "Of each inference one", "fresh"},
      {GST_EFFNET_RECORDS_CHANGE, "Where the label of a part is another one", "change"},
      {0, NULL, NULL},
  };
  static gsize type;

  return enum_type (&type, "GstEffnetRecordRecords", values);
}

GType
gst_effnet_keys_get_type (void)
{
  static const GEnumValue values[] = {
      {GST_EFFNET_KEYS_EFFNET, "An object for each result: result.schema.json", "effnet"},
      {GST_EFFNET_KEYS_DLSTREAMER, "An object for each frame with the keys of gvametaconvert",
       "dlstreamer"},
      {0, NULL, NULL},
  };
  static gsize type;

  return enum_type (&type, "GstEffnetRecordFormat", values);
}
