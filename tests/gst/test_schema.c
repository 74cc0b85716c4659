/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The result's form: what the writer writes the reader reads back, field by field; the reader takes
 * what the element attaches and posts, and refuses what is not a result. */
#include "common.h"
#include "schema.h"

static const GstEffnetEntry entries[] = {{"tench", 0, 0.5}, {NULL, 7, 0.25}, {"", 999, 0.125}};

/* Every member has a value of its own. */
static GstEffnetRecord
full_record (void)
{
  GstEffnetRecord record = {
      .schema_version = GST_EFFNET_SCHEMA_VERSION,
      .model = "a model",
      .model_sha256 = "0123",
      .variant = "lite0",
      .element = "door-cam",
      .region = "full-frame",
      .roi_id = -1,
      .head = "",
      .stable = {"lamp", 846, 0.0},
      .stable_since = 16,
      .state_changed = TRUE,
      .margin = 0.25,
      .entropy = 1.5,
      .fresh = TRUE,
      .result_pts = 11,
      .result_running_time = 17,
      .age = GST_CLOCK_TIME_NONE,
      .infer_us = 12,
      .convert_us = 13,
      .decode_us = 14,
      .wait_us = 15,
      .frame_width = 64,
      .frame_height = 128,
      .box = {0.0, 0.0, 1.0, 1.0},
  };

  gst_effnet_record_set_entries (&record, entries, G_N_ELEMENTS (entries));
  return record;
}

static GstEffnetRecord
part_record (const char *region, int roi_id, guint n_entries)
{
  GstEffnetRecord record = full_record ();

  record.region = region;
  record.roi_id = roi_id;
  record.fresh = FALSE;
  record.age = 40;
  gst_effnet_record_set_part (&record, 16, 32, 23 + (guint)roi_id, 24);
  gst_effnet_record_set_entries (&record, entries, n_entries);
  return record;
}

static void
assert_entries (const GstStructure *s, const GstEffnetRecord *expected)
{
  GstEffnetEntry got[8];
  guint n = gst_effnet_schema_read_entries (s, got, G_N_ELEMENTS (got));

  g_assert_cmpuint (n, ==, expected->n_entries);
  for (guint i = 0; i < n; i++) {
    const GstEffnetEntry *want = &expected->entries[i];

    g_assert_cmpstr (got[i].label, ==, want->label != NULL ? want->label : "class 7");
    g_assert_cmpint (got[i].id, ==, want->id);
    g_assert_cmpfloat (got[i].score, ==, want->score);
  }
  if (n > 0)
    g_assert_cmpuint (gst_effnet_schema_read_entries (s, got, n - 1), ==, n - 1);
}

static void
assert_reads (const GstStructure *s, const GstEffnetRecord *want)
{
  GstEffnetRecord got;
  GError *error = NULL;

  gst_effnet_schema_read (s, &got, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (got.schema_version, ==, want->schema_version);
  g_assert_cmpstr (got.model, ==, want->model);
  g_assert_cmpstr (got.model_sha256, ==, want->model_sha256);
  g_assert_cmpstr (got.variant, ==, want->variant);
  g_assert_cmpstr (got.region, ==, want->region);
  g_assert_cmpint (got.roi_id, ==, want->roi_id);
  g_assert_cmpstr (got.best.label, ==, want->best.label);
  g_assert_cmpstr (got.head, ==, want->head);
  g_assert_cmpint (got.best.id, ==, want->best.id);
  g_assert_cmpfloat (got.best.score, ==, want->best.score);
  g_assert_cmpuint (got.n_entries, ==, want->n_entries);
  g_assert_cmpint (got.unknown, ==, want->unknown);
  g_assert_cmpstr (got.stable.label, ==, want->stable.label);
  g_assert_cmpint (got.stable.id, ==, want->stable.id);
  g_assert_cmpuint (got.stable_since, ==, want->stable_since);
  g_assert_cmpint (got.state_changed, ==, want->state_changed);
  g_assert_cmpuint (got.result_running_time, ==, want->result_running_time);
  g_assert_cmpfloat (got.margin, ==, want->margin);
  g_assert_cmpfloat (got.entropy, ==, want->entropy);
  g_assert_cmpint (got.fresh, ==, want->fresh);
  g_assert_cmpuint (got.result_pts, ==, want->result_pts);
  g_assert_cmpuint (got.age, ==, want->age);
  g_assert_cmpuint (got.infer_us, ==, want->infer_us);
  g_assert_cmpuint (got.convert_us, ==, want->convert_us);
  g_assert_cmpuint (got.decode_us, ==, want->decode_us);
  g_assert_cmpuint (got.wait_us, ==, want->wait_us);
  g_assert_cmpstr (got.element, ==, want->element);
  g_assert_cmpuint (got.frame_width, ==, want->frame_width);
  g_assert_cmpuint (got.frame_height, ==, want->frame_height);
  for (guint i = 0; i < G_N_ELEMENTS (got.box); i++)
    g_assert_cmpfloat (got.box[i], ==, want->box[i]);
  g_assert_cmpint (got.is_part, ==, want->is_part);
  g_assert_cmpuint (got.x, ==, want->x);
  g_assert_cmpuint (got.y, ==, want->y);
  g_assert_cmpuint (got.width, ==, want->width);
  g_assert_cmpuint (got.height, ==, want->height);
  assert_entries (s, want);
}

static void
test_full_frame (void)
{
  GstEffnetRecord record = full_record ();
  GstBuffer *buffer = gst_buffer_new ();
  gpointer state = NULL;
  const GstStructure *s;

  g_assert_null (gst_effnet_schema_iterate (buffer, &state));
  state = NULL;
  gst_buffer_add_video_crop_meta (buffer); /* passed over */
  g_assert_true (gst_effnet_schema_attach (buffer, &record, 1));
  s = gst_effnet_schema_iterate (buffer, &state);
  g_assert_nonnull (s);
  assert_reads (s, &record);
  g_assert_cmpuint (gst_effnet_schema_n_parts (s), ==, 1);
  g_assert_true (gst_effnet_schema_get_part (s, 0) == s);
  g_assert_null (gst_effnet_schema_iterate (buffer, &state));
  gst_buffer_unref (buffer);
}

/* Elements in a row: each adds its meta, and all are found, from the first meta as well. */
static void
test_several_results (void)
{
  GstEffnetRecord records[] = {full_record (), part_record ("gate", -1, 3), full_record ()};
  GstBuffer *buffer = gst_buffer_new ();
  gpointer state = NULL;
  const GValue *others;

  records[1].element = "second";
  records[2].element = "third";
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    gst_effnet_schema_attach (buffer, &records[i], 1);
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    assert_reads (gst_effnet_schema_iterate (buffer, &state), &records[i]);
  g_assert_null (gst_effnet_schema_iterate (buffer, &state));
  others = gst_structure_get_value (result_of (buffer), "others");
  g_assert_cmpuint (gst_value_list_get_size (others), ==, 2);
  for (guint i = 0; i < 2; i++)
    assert_reads (gst_value_get_structure (gst_value_list_get_value (others, i)), &records[1 + i]);
  gst_buffer_unref (buffer);
}

/* A field has one type in text, too, whatever its value: as an element message is printed, and read
 * again. */
static void
test_types_in_text (void)
{
  GstEffnetRecord records[] = {full_record (), full_record (), full_record (), full_record ()};
  static const char *const types[] = {
      "label=(string)",    "label-id=(int)",    "confidence=(double)", "labels=(string){ ",
      "label-ids=(int){ ", "scores=(double){ ", "box=(double){ ",
  };

  gst_effnet_record_set_entries (&records[1], &entries[2], 1); /* its label is "" */
  gst_effnet_record_set_entries (&records[2], NULL, 0);
  gst_effnet_record_set_unknown (&records[3], 0.375);
  records[3].stable = records[3].best;
  for (guint i = 0; i < G_N_ELEMENTS (records); i++) {
    GstStructure *s = gst_effnet_record_to_structure (&records[i]), *again;
    char *text = gst_structure_to_string (s);

    for (guint t = 0; t < G_N_ELEMENTS (types); t++) {
      if (strstr (text, types[t]) == NULL)
        g_error ("no \"%s\" in %s", types[t], text);
    }
    again = gst_structure_from_string (text, NULL);
    assert_reads (again, &records[i]);
    gst_structure_free (again);
    gst_structure_free (s);
    g_free (text);
  }
}

/* Through text and back, shared by copies, and not there where there is none. */
static void
test_embedding (void)
{
  static const float floats[] = {0.5f, -1.25f, 3e-5f};
  GstEffnetRecord record = full_record (), got;
  GstStructure *s = gst_effnet_record_to_structure (&record), *again;
  char *text;

  g_assert_false (gst_structure_has_field (s, "embedding"));
  g_assert_true (gst_effnet_schema_read (s, &got, NULL));
  g_assert_null (got.embedding);
  gst_structure_free (s);

  record.embedding = gst_buffer_new_memdup (floats, sizeof floats);
  s = gst_effnet_record_to_structure (&record);
  g_assert_true (gst_effnet_schema_read (s, &got, NULL));
  g_assert_true (got.embedding == record.embedding);
  text = gst_structure_to_string (s);
  again = gst_structure_from_string (text, NULL);
  assert_reads (again, &record);
  g_assert_true (gst_effnet_schema_read (again, &got, NULL));
  g_assert_cmpuint (gst_buffer_get_size (got.embedding), ==, sizeof floats);
  g_assert_cmpint (gst_buffer_memcmp (got.embedding, 0, floats, sizeof floats), ==, 0);
  gst_structure_set (again, "embedding", G_TYPE_INT, 1, NULL);
  g_assert_false (gst_effnet_schema_read (again, &got, NULL));
  gst_structure_free (again);
  gst_structure_free (s);
  gst_buffer_unref (record.embedding);
  g_free (text);
}

static void
test_shared_buffer (void)
{
  GstEffnetRecord record = full_record ();
  GstBuffer *buffer = gst_buffer_ref (gst_buffer_new ());
  gpointer state = NULL;

  g_assert_false (gst_effnet_schema_attach (buffer, &record, 1));
  g_assert_null (gst_effnet_schema_iterate (buffer, &state));
  gst_buffer_unref (buffer);
  gst_buffer_unref (buffer);
}

static void
test_parts_in_a_message (void)
{
  GstEffnetRecord records[] = {part_record ("gate", -1, 3), part_record ("car", 4, 1),
                               part_record ("car", 5, 0)};
  GstEffnetMoment moment = {1, 2, 3, 4}, got;
  GstMessage *message =
      gst_effnet_schema_message_new (NULL, &moment, records, G_N_ELEMENTS (records));
  const GstStructure *s = gst_message_get_structure (message);
  GError *error = NULL;

  g_assert_true (gst_structure_has_name (s, GST_EFFNET_MESSAGE_NAME));
  g_assert_true (gst_effnet_schema_read_moment (s, &got, &error));
  g_assert_cmpmem (&got, sizeof got, &moment, sizeof moment);
  assert_reads (s, &records[0]);
  g_assert_cmpuint (gst_effnet_schema_n_parts (s), ==, G_N_ELEMENTS (records));
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    assert_reads (gst_effnet_schema_get_part (s, i), &records[i]);
  g_assert_cmpint (records[2].best.id, ==, -1);
  gst_message_unref (message);
}

/* ---- what is no result ----------------------------------------------------------------------- */

static GstStructure *
written (void)
{
  GstEffnetRecord record = part_record ("gate", -1, 3);
  GstBuffer *buffer = gst_buffer_new ();
  GstStructure *copy;
  gpointer state = NULL;

  gst_effnet_schema_attach (buffer, &record, 1);
  copy = gst_structure_copy (gst_effnet_schema_iterate (buffer, &state));
  gst_buffer_unref (buffer);
  return copy;
}

static void
assert_refused (GstStructure *s, const char *word)
{
  GstEffnetRecord record;
  GError *error = NULL;

  g_assert_false (gst_effnet_schema_read (s, &record, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT);
  if (strstr (error->message, word) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, word);
  g_error_free (error);
  gst_structure_free (s);
}

/* Through text and back; what is no map is refused. */
static void
test_activation_map (void)
{
  static const float floats[] = {0.5f, -1.25f, 3e-5f, 1, 2, 3};
  GstEffnetRecord record = full_record (), got;
  GstStructure *s, *again, *map;
  char *text;

  record.activation_map = (GstEffnetActivationMap){
      gst_buffer_new_memdup (floats, sizeof floats), 2, 3, {0.125, -0.5, 0.75, 2}};
  s = gst_effnet_record_to_structure (&record);
  text = gst_structure_to_string (s);
  again = gst_structure_from_string (text, NULL);
  assert_reads (again, &record);
  g_assert_true (gst_effnet_schema_read (again, &got, NULL));
  g_assert_cmpuint (got.activation_map.height, ==, 2);
  g_assert_cmpuint (got.activation_map.width, ==, 3);
  g_assert_cmpmem (got.activation_map.box, sizeof got.activation_map.box, record.activation_map.box,
                   sizeof got.activation_map.box);
  g_assert_cmpint (gst_buffer_memcmp (got.activation_map.values, 0, floats, sizeof floats), ==, 0);
  g_assert_true (gst_structure_get (again, "activation-map", GST_TYPE_STRUCTURE, &map, NULL));
  gst_structure_set (map, "height", G_TYPE_UINT, 3, NULL);
  gst_structure_set (again, "activation-map", GST_TYPE_STRUCTURE, map, NULL);
  assert_refused (gst_structure_copy (again), "activation-map");
  gst_structure_set (again, "activation-map", GST_TYPE_STRUCTURE, NULL, NULL);
  assert_refused (again, "activation-map");
  gst_structure_free (map);
  gst_structure_remove_field (s, "activation-map");
  g_assert_true (gst_effnet_schema_read (s, &got, NULL));
  g_assert_null (got.activation_map.values);
  gst_structure_free (s);
  gst_buffer_unref (record.activation_map.values);
  g_free (text);
}

static void
test_refusals (void)
{
  GstStructure *s = written ();
  GstEffnetMoment moment;
  GError *error = NULL;

  for (int i = 0; i < gst_structure_n_fields (s); i++) {
    const char *name = gst_structure_nth_field_name (s, (guint)i);
    GstStructure *without = gst_structure_copy (s), *wrong = gst_structure_copy (s);

    if (strcmp (name, "results") == 0 || strcmp (name, "x") == 0) {
      gst_structure_free (without); /* a result without parts, or one without a box */
    } else {
      gst_structure_remove_field (without, name);
      assert_refused (without, name);
    }
    if (strcmp (name, "results") == 0) {
      gst_structure_free (wrong);
    } else {
      gst_structure_set (wrong, name, G_TYPE_CHAR, 1, NULL);
      assert_refused (wrong, name);
    }
  }
  gst_structure_set (s, "schema-version", G_TYPE_UINT, GST_EFFNET_SCHEMA_VERSION + 1, NULL);
  g_assert_false (gst_effnet_schema_read_moment (s, &moment, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT);
  g_clear_error (&error);
  assert_refused (s, "schema-version 5");
}

/* What is listed as results, and is numbers. */
static void
test_parts_that_are_none (void)
{
  GstStructure *s = written ();
  GValue list = G_VALUE_INIT, value = G_VALUE_INIT;
  GstEffnetRecord record;
  GError *error = NULL;

  g_value_init (&list, GST_TYPE_LIST);
  g_value_init (&value, G_TYPE_INT);
  gst_value_list_append_value (&list, &value);
  gst_structure_take_value (s, "results", &list);
  g_assert_cmpuint (gst_effnet_schema_n_parts (s), ==, 1);
  g_assert_false (gst_effnet_schema_read (gst_effnet_schema_get_part (s, 0), &record, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT);
  g_error_free (error);
  gst_structure_free (s);
}

static void
test_lists_that_do_not_match (void)
{
  static const char *const lists[] = {"labels", "label-ids", "scores", "box"};

  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    GstStructure *longer = written (), *mixed = written ();
    GValue list = G_VALUE_INIT, value = G_VALUE_INIT;

    g_value_init (&list, GST_TYPE_LIST);
    gst_structure_set_value (longer, lists[i], &list);
    assert_refused (longer, i < 3 ? "belong together" : "four numbers");
    g_value_init (&value, G_TYPE_BOOLEAN);
    for (guint k = 0; k < G_N_ELEMENTS (entries); k++)
      gst_value_list_append_value (&list, &value);
    gst_structure_take_value (mixed, lists[i], &list);
    assert_refused (mixed, i < 3 ? "belong together" : "four numbers");
  }
}

/* In metadata of others: as the single strings are read. */
static void
test_labels_that_are_none (void)
{
  GstStructure *s = written ();
  GValue list = G_VALUE_INIT, none = G_VALUE_INIT;
  GstEffnetEntry found[G_N_ELEMENTS (entries)];
  GstEffnetRecord record;
  GError *error = NULL;

  g_value_init (&list, GST_TYPE_LIST);
  g_value_init (&none, G_TYPE_STRING);
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    gst_value_list_append_value (&list, &none);
  gst_structure_take_value (s, "labels", &list);
  g_assert_true (gst_effnet_schema_read (s, &record, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (gst_effnet_schema_read_entries (s, found, G_N_ELEMENTS (found)), ==,
                    G_N_ELEMENTS (found));
  for (guint i = 0; i < G_N_ELEMENTS (found); i++)
    g_assert_cmpstr (found[i].label, ==, "");
  gst_structure_free (s);
}

/* ---- what the element writes ----------------------------------------------------------------- */

static const GstStructure *
read_of (GstBuffer *buffer, GstEffnetRecord *record)
{
  gpointer state = NULL;
  const GstStructure *s = gst_effnet_schema_iterate (buffer, &state);
  GError *error = NULL;

  g_assert_nonnull (s);
  gst_effnet_schema_read (s, record, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (record->schema_version, ==, GST_EFFNET_SCHEMA_VERSION);
  g_assert_cmpuint (strlen (record->model_sha256), ==, 64);
  return s;
}

static void
test_element_full_frame (void)
{
  GstHarness *h = harness_new ("top-k", 3, "inference-interval", 2, "post-messages", 2, NULL);
  GstEffnetRecord fresh, repeated, posted;
  GstEffnetEntry got[5];
  GstEffnetMoment moment;
  GstBuffer *first, *second;
  GstMessage *message;
  GError *error = NULL;
  const GstStructure *s;

  set_i420_caps (h, 64, 48);
  first = push_pull (h, grey_frame (64, 48, 90, 0));
  second = push_pull (h, grey_frame (64, 48, 90, 1));
  s = read_of (first, &fresh);
  g_assert_cmpstr (fresh.region, ==, "full-frame");
  g_assert_false (fresh.is_part);
  g_assert_true (fresh.fresh);
  g_assert_cmpuint (fresh.age, ==, 0);
  g_assert_cmpuint (fresh.n_entries, ==, 3);
  g_assert_cmpuint (gst_effnet_schema_read_entries (s, got, 5), ==, 3);
  g_assert_cmpfloat_with_epsilon (fresh.margin, got[0].score - got[1].score, 1e-12);
  g_assert_cmpint (got[0].id, ==, fresh.best.id);
  read_of (second, &repeated);
  g_assert_false (repeated.fresh);
  g_assert_cmpuint (repeated.age, ==, GST_BUFFER_PTS (second) - GST_BUFFER_PTS (first));
  g_assert_cmpuint (repeated.result_pts, ==, GST_BUFFER_PTS (first));
  g_assert_cmpint (repeated.best.id, ==, fresh.best.id);

  message = harness_pop_message (h, GST_MESSAGE_ELEMENT);
  gst_effnet_schema_read (gst_message_get_structure (message), &posted, &error);
  g_assert_no_error (error);
  g_assert_true (
      gst_effnet_schema_read_moment (gst_message_get_structure (message), &moment, &error));
  g_assert_cmpuint (moment.timestamp, ==, GST_BUFFER_PTS (first));
  g_assert_cmpint (posted.best.id, ==, fresh.best.id);
  gst_message_unref (message);
  gst_buffer_unref (first);
  gst_buffer_unref (second);
  harness_free (h);
}

static void
test_element_parts (void)
{
  GstHarness *h = harness_new ("inference-region", 2, "regions", "left:0,0,0.5,1;right:0.5,0,0.5,1",
                               "inference-interval", 2, NULL);
  static const char *const names[] = {"left", "right"};

  set_i420_caps (h, 64, 48);
  for (int n = 0; n < 2; n++) { /* fresh, repeated */
    GstBuffer *buffer = push_pull (h, grey_frame (64, 48, 90, n));
    GstEffnetRecord record;
    const GstStructure *s = read_of (buffer, &record);

    g_assert_cmpuint (gst_effnet_schema_n_parts (s), ==, 2);
    for (guint i = 0; i < 2; i++) {
      g_assert_true (gst_effnet_schema_read (gst_effnet_schema_get_part (s, i), &record, NULL));
      g_assert_cmpstr (record.region, ==, names[i]);
      g_assert_cmpint (record.fresh, ==, n == 0);
      g_assert_true (record.is_part);
      g_assert_cmpuint (record.x, ==, 32 * i);
      g_assert_cmpuint (record.width, ==, 32);
      g_assert_cmpuint (record.height, ==, 48);
    }
    gst_buffer_unref (buffer);
  }
  harness_free (h);
}

static void
test_element_roi (void)
{
  GstHarness *h = harness_new ("inference-region", 1, "inference-interval", 2, NULL);

  set_i420_caps (h, 64, 48);
  for (guint n = 0; n < 2; n++) { /* fresh, repeated at its new place */
    GstBuffer *buffer = grey_frame (64, 48, 90, (int)n);
    GstEffnetRecord record;

    gst_buffer_add_video_region_of_interest_meta (buffer, "car", 8 + 4 * n, 8, 20, 30)->id = 5;
    buffer = push_pull (h, buffer);
    read_of (buffer, &record);
    g_assert_cmpstr (record.region, ==, "car");
    g_assert_cmpint (record.roi_id, ==, 5);
    g_assert_cmpint (record.fresh, ==, n == 0);
    g_assert_cmpuint (record.x, ==, 8 + 4 * n);
    g_assert_cmpuint (record.width, ==, 20);
    gst_buffer_unref (buffer);
  }
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  gst_effnet_schema_register ();
  g_test_add_func ("/gst/schema/full-frame", test_full_frame);
  g_test_add_func ("/gst/schema/several-results", test_several_results);
  g_test_add_func ("/gst/schema/parts-that-are-none", test_parts_that_are_none);
  g_test_add_func ("/gst/schema/types-in-text", test_types_in_text);
  g_test_add_func ("/gst/schema/embedding", test_embedding);
  g_test_add_func ("/gst/schema/activation-map", test_activation_map);
  g_test_add_func ("/gst/schema/shared-buffer", test_shared_buffer);
  g_test_add_func ("/gst/schema/parts-in-a-message", test_parts_in_a_message);
  g_test_add_func ("/gst/schema/refusals", test_refusals);
  g_test_add_func ("/gst/schema/lists-that-do-not-match", test_lists_that_do_not_match);
  g_test_add_func ("/gst/schema/labels-that-are-none", test_labels_that_are_none);
  g_test_add_func ("/gst/schema/element-full-frame", test_element_full_frame);
  g_test_add_func ("/gst/schema/element-parts", test_element_parts);
  g_test_add_func ("/gst/schema/element-roi", test_element_roi);
  return g_test_run ();
}
