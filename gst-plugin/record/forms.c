/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/forms.h"

#include <math.h>

#include "wording.h"

/* ---- DL Streamer ----------------------------------------------------------------------------- */

static void
set_place (JsonObject *object, const GstEffnetRecord *record)
{
  JsonObject *detection = json_object_new (), *box = json_object_new ();
  double w = record->frame_width, h = record->frame_height;

  json_object_set_double_member (box, "x_max", record->box[0] + record->box[2]);
  json_object_set_double_member (box, "x_min", record->box[0]);
  json_object_set_double_member (box, "y_max", record->box[1] + record->box[3]);
  json_object_set_double_member (box, "y_min", record->box[1]);
  json_object_set_object_member (detection, "bounding_box", box);
  json_object_set_string_member (detection, "label", record->region);
  json_object_set_object_member (object, "detection", detection);
  json_object_set_int_member (object, "h", lround (record->box[3] * h));
  if (record->roi_id >= 0)
    json_object_set_int_member (object, "id", record->roi_id);
  json_object_set_string_member (object, "roi_type", record->region);
  json_object_set_int_member (object, "w", lround (record->box[2] * w));
  json_object_set_int_member (object, "x", lround (record->box[0] * w));
  json_object_set_int_member (object, "y", lround (record->box[1] * h));
}

static void
add_attribute (JsonObject *object, const char *name, const GstEffnetRecord *record)
{
  JsonObject *attribute = json_object_new (), *model = json_object_new ();

  json_object_set_double_member (attribute, "confidence", record->best.score);
  json_object_set_string_member (attribute, "label", record->best.label);
  json_object_set_int_member (attribute, "label_id", record->best.id);
  json_object_set_string_member (model, "name", record->model);
  json_object_set_object_member (attribute, "model", model);
  json_object_set_object_member (object, name, attribute);
}

/* The heads of a part are listed in a row. */
static gboolean
same_part (const GstEffnetRecord *a, const GstEffnetRecord *b)
{
  return a->is_part == b->is_part && a->roi_id == b->roi_id &&
         g_strcmp0 (a->region, b->region) == 0 && a->box[0] == b->box[0] &&
         a->box[1] == b->box[1] && a->box[2] == b->box[2] && a->box[3] == b->box[3];
}

JsonObject *
gst_effnet_form_dlstreamer (GPtrArray *parts, const GstEffnetMoment *moment)
{
  JsonObject *frame = json_object_new (), *resolution = json_object_new (), *object = NULL;
  JsonArray *objects = json_array_new ();
  GstEffnetRecord record, before = {0};

  for (guint i = 0; i < parts->len; i++) {
    const char *name;

    if (!gst_effnet_schema_read (g_ptr_array_index (parts, i), &record, NULL))
      continue;
    name = *record.head != '\0' ? record.head : "classification";
    if (object == NULL || !same_part (&record, &before) || json_object_has_member (object, name)) {
      object = json_object_new ();
      set_place (object, &record);
      json_array_add_object_element (objects, object);
    }
    add_attribute (object, name, &record);
    before = record;
  }
  json_object_set_array_member (frame, "objects", objects);
  json_object_set_int_member (resolution, "height", before.frame_height);
  json_object_set_int_member (resolution, "width", before.frame_width);
  json_object_set_object_member (frame, "resolution", resolution);
  if (GST_CLOCK_TIME_IS_VALID (moment->timestamp))
    json_object_set_int_member (frame, "timestamp", (gint64)moment->timestamp);
  return frame;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* A control character is a space. Returns: @text, changed in place */
static char *
one_line (char *text)
{
  for (char *at = text; *at != '\0'; at++) {
    if (g_ascii_iscntrl (*at))
      *at = ' ';
  }
  return text;
}

char *
gst_effnet_form_text (GPtrArray *parts, gboolean scores)
{
  GString *text = g_string_new (NULL);
  const char *element = NULL;
  GstEffnetRecord record;
  gboolean several = FALSE, scored;

  for (guint i = 0; i < parts->len; i++) {
    gst_effnet_schema_read (parts->pdata[i], &record, NULL);
    several |= element != NULL && g_strcmp0 (element, record.element) != 0;
    element = record.element;
  }
  for (guint i = 0; i < parts->len; i++) {
    g_autoptr (GString) line = g_string_new (NULL);

    gst_effnet_schema_read (parts->pdata[i], &record, NULL);
    g_autofree char *label = gst_effnet_wording_label (&record, &scored);
    if (label[0] == '\0')
      continue;
    gst_effnet_wording_append_names (line, &record, several);
    g_string_append (line, label);
    if (scores && scored)
      gst_effnet_wording_append_score (line, record.best.score);
    g_string_append_printf (text, "%s%s", text->len > 0 ? "\n" : "", one_line (line->str));
  }
  return g_string_free (text, FALSE);
}
