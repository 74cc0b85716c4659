/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "handmade.h"

GstEffnetRecord
handmade_record (const char *label, int id, double score)
{
  static GstEffnetEntry entries[64];
  static guint n;
  GstEffnetEntry *entry = &entries[n++ % G_N_ELEMENTS (entries)];
  GstEffnetRecord record = {.schema_version = GST_EFFNET_SCHEMA_VERSION,
                            .model = "m",
                            .model_sha256 = "0",
                            .variant = "lite0",
                            .element = "door",
                            .head = "",
                            .region = "full-frame",
                            .roi_id = -1,
                            .stable = {"", -1, 0},
                            .stable_since = GST_CLOCK_TIME_NONE,
                            .frame_width = 320,
                            .frame_height = 240,
                            .box = {0, 0, 1, 1}};

  *entry = (GstEffnetEntry){label, id, score};
  gst_effnet_record_set_entries (&record, entry, 1);
  return record;
}
