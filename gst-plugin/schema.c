/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One table of fields serves writer and reader. */
#include "schema.h"

#include <effnet/effnet.h>
#include <string.h>

#include "text.h"

typedef enum {
  KIND_UINT,
  KIND_INT,
  KIND_UINT64,
  KIND_DOUBLE,
  KIND_BOOLEAN,
  KIND_STRING,
  KIND_LABEL,  /* a GstEffnetEntry's; the same for the two below */
  KIND_LABELS, /* lists, of the record's entries */
  KIND_IDS,
  KIND_SCORES,
  KIND_BOX, /* a list of four */
} Kind;

typedef struct {
  const char *name;
  Kind kind;
  gsize offset;      /* in GstEffnetRecord or GstEffnetMoment */
  gboolean of_parts; /* not of the full frame */
} Field;

#define AT(member) offsetof (GstEffnetRecord, member)

#define FIELD_LABELS    "labels"
#define FIELD_IDS       "label-ids"
#define FIELD_SCORES    "scores"
#define FIELD_X         "x"
#define FIELD_BOX       "box"
#define FIELD_PARTS     "results"        /* list of structures */
#define FIELD_OTHERS    "others"         /* the same */
#define FIELD_EMBEDDING "embedding"      /* not in every result */
#define FIELD_MAP       "activation-map" /* likewise */

#define BOX_SIDES G_N_ELEMENTS (((GstEffnetRecord *)NULL)->box)

/* In the order in which they are written. */
static const Field fields[] = {
    {"schema-version", KIND_UINT, AT (schema_version), FALSE},
    {"model", KIND_STRING, AT (model), FALSE},
    {"model-sha256", KIND_STRING, AT (model_sha256), FALSE},
    {"variant", KIND_STRING, AT (variant), FALSE},
    {"element", KIND_STRING, AT (element), FALSE},
    {"region", KIND_STRING, AT (region), FALSE},
    {"roi-id", KIND_INT, AT (roi_id), FALSE},
    {"head", KIND_STRING, AT (head), FALSE},
    {"label", KIND_LABEL, AT (best), FALSE},
    {"label-id", KIND_INT, AT (best.id), FALSE},
    {"confidence", KIND_DOUBLE, AT (best.score), FALSE},
    {FIELD_LABELS, KIND_LABELS, 0, FALSE},
    {FIELD_IDS, KIND_IDS, 0, FALSE},
    {FIELD_SCORES, KIND_SCORES, 0, FALSE},
    {"unknown", KIND_BOOLEAN, AT (unknown), FALSE},
    {"stable-label", KIND_LABEL, AT (stable), FALSE},
    {"stable-label-id", KIND_INT, AT (stable.id), FALSE},
    {"stable-since", KIND_UINT64, AT (stable_since), FALSE},
    {"state-changed", KIND_BOOLEAN, AT (state_changed), FALSE},
    {"margin", KIND_DOUBLE, AT (margin), FALSE},
    {"entropy", KIND_DOUBLE, AT (entropy), FALSE},
    {"fresh", KIND_BOOLEAN, AT (fresh), FALSE},
    {"result-pts", KIND_UINT64, AT (result_pts), FALSE},
    {"result-running-time", KIND_UINT64, AT (result_running_time), FALSE},
    {"age", KIND_UINT64, AT (age), FALSE},
    {"infer-us", KIND_UINT, AT (infer_us), FALSE},
    {"convert-us", KIND_UINT, AT (convert_us), FALSE},
    {"decode-us", KIND_UINT, AT (decode_us), FALSE},
    {"wait-us", KIND_UINT, AT (wait_us), FALSE},
    {"frame-width", KIND_UINT, AT (frame_width), FALSE},
    {"frame-height", KIND_UINT, AT (frame_height), FALSE},
    {FIELD_BOX, KIND_BOX, AT (box), FALSE},
    {FIELD_X, KIND_UINT, AT (x), TRUE},
    {"y", KIND_UINT, AT (y), TRUE},
    {"width", KIND_UINT, AT (width), TRUE},
    {"height", KIND_UINT, AT (height), TRUE},
};

static const Field moment_fields[] = {
    {"timestamp", KIND_UINT64, offsetof (GstEffnetMoment, timestamp), FALSE},
    {"stream-time", KIND_UINT64, offsetof (GstEffnetMoment, stream_time), FALSE},
    {"running-time", KIND_UINT64, offsetof (GstEffnetMoment, running_time), FALSE},
    {"duration", KIND_UINT64, offsetof (GstEffnetMoment, duration), FALSE},
};

static GType
type_of (Kind kind)
{
  switch (kind) {
  case KIND_UINT:
    return G_TYPE_UINT;
  case KIND_INT:
    return G_TYPE_INT;
  case KIND_UINT64:
    return G_TYPE_UINT64;
  case KIND_DOUBLE:
    return G_TYPE_DOUBLE;
  case KIND_BOOLEAN:
    return G_TYPE_BOOLEAN;
  case KIND_STRING:
  case KIND_LABEL:
    return G_TYPE_STRING;
  default:
    return GST_TYPE_LIST;
  }
}

/* ---- writer ---------------------------------------------------------------------------------- */

void
gst_effnet_schema_register (void)
{
  static gsize once;

  if (g_once_init_enter (&once)) {
    static const gchar *tags[] = {NULL};

    if (gst_meta_get_info (GST_EFFNET_META_NAME) == NULL)
      gst_meta_register_custom (GST_EFFNET_META_NAME, tags, NULL, NULL, NULL);
    g_once_init_leave (&once, 1);
  }
}

void
gst_effnet_record_set_entries (GstEffnetRecord *record, const GstEffnetEntry *entries, guint n)
{
  record->entries = entries;
  record->n_entries = n;
  record->best = n > 0 ? entries[0] : (GstEffnetEntry){"", -1, 0.0};
}

void
gst_effnet_record_set_unknown (GstEffnetRecord *record, double score)
{
  gst_effnet_record_set_entries (record, NULL, 0);
  record->best = (GstEffnetEntry){GST_EFFNET_UNKNOWN, -1, score};
  record->unknown = TRUE;
}

void
gst_effnet_record_set_part (GstEffnetRecord *record, guint x, guint y, guint width, guint height)
{
  double w = record->frame_width, h = record->frame_height;
  const double box[BOX_SIDES] = {x / w, y / h, width / w, height / h};

  record->is_part = TRUE;
  record->x = x;
  record->y = y;
  record->width = width;
  record->height = height;
  memcpy (record->box, box, sizeof box);
}

const char *
gst_effnet_entry_get_label (const GstEffnetEntry *entry, char *text)
{
  if (entry->label != NULL)
    return entry->label;
  g_snprintf (text, GST_EFFNET_LABEL_LENGTH, "class %d", entry->id);
  return text;
}

static void
set_label (GValue *value, const GstEffnetEntry *entry)
{
  char text[GST_EFFNET_LABEL_LENGTH];

  g_value_set_string (value, gst_effnet_entry_get_label (entry, text));
}

static void
append_double (GValue *list, double number)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_DOUBLE);
  g_value_set_double (&value, number);
  gst_value_list_append_and_take_value (list, &value);
}

static void
append_entry (GValue *list, Kind kind, const GstEffnetEntry *entry)
{
  GValue value = G_VALUE_INIT;

  if (kind == KIND_SCORES) {
    append_double (list, entry->score);
    return;
  }
  g_value_init (&value, kind == KIND_LABELS ? G_TYPE_STRING : G_TYPE_INT);
  if (kind == KIND_LABELS)
    set_label (&value, entry);
  else
    g_value_set_int (&value, entry->id);
  gst_value_list_append_and_take_value (list, &value);
}

static void
set_list (GValue *list, Kind kind, const GstEffnetRecord *record)
{
  if (kind == KIND_BOX) {
    for (gsize i = 0; i < BOX_SIDES; i++)
      append_double (list, record->box[i]);
  } else if (record->n_entries == 0) {
    append_entry (list, kind, &record->best);
  } else {
    for (guint i = 0; i < record->n_entries; i++)
      append_entry (list, kind, &record->entries[i]);
  }
}

/* @at: the field's place in memory */
static void
set_value (GValue *value, Kind kind, gconstpointer at)
{
  switch (kind) {
  case KIND_UINT:
    g_value_set_uint (value, *(const guint *)at);
    break;
  case KIND_INT:
    g_value_set_int (value, *(const int *)at);
    break;
  case KIND_UINT64:
    g_value_set_uint64 (value, *(const guint64 *)at);
    break;
  case KIND_DOUBLE:
    g_value_set_double (value, *(const double *)at);
    break;
  case KIND_BOOLEAN:
    g_value_set_boolean (value, *(const gboolean *)at);
    break;
  case KIND_STRING:
    g_value_set_string (value, *(const char *const *)at);
    break;
  default:
    set_label (value, at);
    break;
  }
}

static void
write_fields (GstStructure *s, const Field *table, gsize n, gconstpointer from)
{
  for (gsize i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, type_of (table[i].kind));
    set_value (&value, table[i].kind, (const char *)from + table[i].offset);
    gst_structure_take_value (s, table[i].name, &value);
  }
}

static void
write_record (GstStructure *s, const GstEffnetRecord *record)
{
  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++) {
    const Field *f = &fields[i];
    GValue list = G_VALUE_INIT;

    if (f->of_parts && !record->is_part)
      continue;
    if (f->kind < KIND_LABELS) {
      write_fields (s, f, 1, record);
      continue;
    }
    g_value_init (&list, GST_TYPE_LIST);
    set_list (&list, f->kind, record);
    gst_structure_take_value (s, f->name, &list);
  }
  if (record->embedding != NULL)
    gst_structure_set (s, FIELD_EMBEDDING, GST_TYPE_BUFFER, record->embedding, NULL);
  if (record->activation_map.values != NULL) {
    GValue map = G_VALUE_INIT;

    g_value_init (&map, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&map, gst_effnet_actmap_to_structure (&record->activation_map));
    gst_structure_take_value (s, FIELD_MAP, &map);
  }
}

GstStructure *
gst_effnet_record_to_structure (const GstEffnetRecord *record)
{
  GstStructure *s = gst_structure_new_empty ("result");

  write_record (s, record);
  return s;
}

/* Takes @s. */
static void
append_structure (GValue *list, GstStructure *s)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, s);
  gst_value_list_append_and_take_value (list, &value);
}

static void
write_records (GstStructure *s, const GstEffnetRecord *records, guint n)
{
  GValue list = G_VALUE_INIT;

  write_record (s, &records[0]);
  if (!records[0].is_part && *records[0].head == '\0')
    return;
  g_value_init (&list, GST_TYPE_LIST);
  for (guint i = 0; i < n; i++)
    append_structure (&list, gst_effnet_record_to_structure (&records[i]));
  gst_structure_take_value (s, FIELD_PARTS, &list);
}

/* Bindings reach the first meta of a name only. */
static void
add_to_others (GstStructure *first, const GstStructure *s)
{
  const GValue *before = gst_structure_get_value (first, FIELD_OTHERS);
  GValue list = G_VALUE_INIT;

  g_value_init (&list, GST_TYPE_LIST);
  if (before != NULL && GST_VALUE_HOLDS_LIST (before))
    g_value_copy (before, &list);
  append_structure (&list, gst_structure_copy (s));
  gst_structure_take_value (first, FIELD_OTHERS, &list);
}

gboolean
gst_effnet_schema_attach (GstBuffer *buffer, const GstEffnetRecord *records, guint n)
{
  GstCustomMeta *first, *meta;

  if (!gst_buffer_is_writable (buffer))
    return FALSE;
  first = gst_buffer_get_custom_meta (buffer, GST_EFFNET_META_NAME);
  meta = gst_buffer_add_custom_meta (buffer, GST_EFFNET_META_NAME);
  if (meta == NULL)
    return FALSE;
  write_records (gst_custom_meta_get_structure (meta), records, n);
  if (first != NULL)
    add_to_others (gst_custom_meta_get_structure (first), gst_custom_meta_get_structure (meta));
  return TRUE;
}

GstEffnetMoment
gst_effnet_moment_of (const GstSegment *segment, GstBuffer *buffer)
{
  GstClockTime pts = GST_BUFFER_PTS (buffer);
  GstEffnetMoment moment = {pts, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE,
                            GST_BUFFER_DURATION (buffer)};

  if (segment->format == GST_FORMAT_TIME) {
    moment.stream_time = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, pts);
    moment.running_time = gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts);
  }
  return moment;
}

GstStructure *
gst_effnet_schema_structure_new (const GstEffnetMoment *moment, const GstEffnetRecord *records,
                                 guint n)
{
  GstStructure *s = gst_structure_new_empty (GST_EFFNET_MESSAGE_NAME);

  write_fields (s, moment_fields, G_N_ELEMENTS (moment_fields), moment);
  write_records (s, records, n);
  return s;
}

GstMessage *
gst_effnet_schema_message_new (GstObject *source, const GstEffnetMoment *moment,
                               const GstEffnetRecord *records, guint n)
{
  return gst_message_new_element (source, gst_effnet_schema_structure_new (moment, records, n));
}

/* ---- reader ---------------------------------------------------------------------------------- */

const GstStructure *
gst_effnet_schema_iterate (GstBuffer *buffer, gpointer *state)
{
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta (buffer, state)) != NULL) {
    if (gst_meta_info_is_custom (meta->info) &&
        gst_custom_meta_has_name ((GstCustomMeta *)meta, GST_EFFNET_META_NAME))
      return gst_custom_meta_get_structure ((GstCustomMeta *)meta);
  }
  return NULL;
}

static void
get_value (const GValue *value, Kind kind, gpointer at)
{
  switch (kind) {
  case KIND_UINT:
    *(guint *)at = g_value_get_uint (value);
    break;
  case KIND_INT:
    *(int *)at = g_value_get_int (value);
    break;
  case KIND_UINT64:
    *(guint64 *)at = g_value_get_uint64 (value);
    break;
  case KIND_DOUBLE:
    *(double *)at = g_value_get_double (value);
    break;
  case KIND_BOOLEAN:
    *(gboolean *)at = g_value_get_boolean (value);
    break;
  case KIND_STRING:
    *(const char **)at = gst_effnet_or_empty (g_value_get_string (value));
    break;
  case KIND_LABEL:
    ((GstEffnetEntry *)at)->label = gst_effnet_or_empty (g_value_get_string (value));
    break;
  default: /* a list: gst_effnet_schema_read_entries() */
    break;
  }
}

static void
set_type_error (GError **error, const char *name, const GValue *value, GType expected)
{
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
               "The field %s of a result is %s; expected a %s", name,
               value != NULL ? G_VALUE_TYPE_NAME (value) : "missing", g_type_name (expected));
}

static gboolean
read_fields (const GstStructure *s, const Field *table, gsize n, gpointer to, GError **error)
{
  for (gsize i = 0; i < n; i++) {
    const GValue *value = gst_structure_get_value (s, table[i].name);

    if (value == NULL || !G_VALUE_HOLDS (value, type_of (table[i].kind))) {
      set_type_error (error, table[i].name, value, type_of (table[i].kind));
      return FALSE;
    }
    get_value (value, table[i].kind, (char *)to + table[i].offset);
  }
  return TRUE;
}

/* Entries of a list of which each is a @type; G_MAXUINT when one is not. */
static guint
list_length (const GstStructure *s, const char *name, GType type)
{
  const GValue *list = gst_structure_get_value (s, name);
  guint n = gst_value_list_get_size (list);

  for (guint i = 0; i < n; i++) {
    if (!G_VALUE_HOLDS (gst_value_list_get_value (list, i), type))
      return G_MAXUINT;
  }
  return n;
}

static gboolean
read_lists (const GstStructure *s, GstEffnetRecord *record, GError **error)
{
  guint n = list_length (s, FIELD_LABELS, G_TYPE_STRING);
  const GValue *box = gst_structure_get_value (s, FIELD_BOX);

  if (n == G_MAXUINT || n == 0 || list_length (s, FIELD_IDS, G_TYPE_INT) != n ||
      list_length (s, FIELD_SCORES, G_TYPE_DOUBLE) != n) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "The lists of classes of a result do not belong together; expected as many "
                 "strings as integers and doubles, one at least");
    return FALSE;
  }
  if (list_length (s, FIELD_BOX, G_TYPE_DOUBLE) != BOX_SIDES) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "The field box of a result is not four numbers: left, top, width and height");
    return FALSE;
  }
  for (guint i = 0; i < BOX_SIDES; i++)
    record->box[i] = g_value_get_double (gst_value_list_get_value (box, i));
  record->n_entries = record->best.id < 0 ? 0 : n;
  return TRUE;
}

static gboolean
read_embedding (const GstStructure *s, GstEffnetRecord *record, GError **error)
{
  const GValue *value = gst_structure_get_value (s, FIELD_EMBEDDING);

  if (value == NULL)
    return TRUE;
  if (!G_VALUE_HOLDS (value, GST_TYPE_BUFFER)) {
    set_type_error (error, FIELD_EMBEDDING, value, GST_TYPE_BUFFER);
    return FALSE;
  }
  record->embedding = g_value_get_boxed (value);
  return TRUE;
}

static gboolean
read_map (const GstStructure *s, GstEffnetRecord *record, GError **error)
{
  const GValue *value = gst_structure_get_value (s, FIELD_MAP);

  if (value == NULL)
    return TRUE;
  if (!GST_VALUE_HOLDS_STRUCTURE (value)) {
    set_type_error (error, FIELD_MAP, value, GST_TYPE_STRUCTURE);
    return FALSE;
  }
  if (gst_effnet_actmap_read (gst_value_get_structure (value), &record->activation_map))
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
               "The field " FIELD_MAP " of a result is no map; expected height, width, a box of "
               "four numbers, and values as many as height by width");
  return FALSE;
}

gboolean
gst_effnet_schema_read (const GstStructure *s, GstEffnetRecord *record, GError **error)
{
  gsize n = G_N_ELEMENTS (fields);

  if (s == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "A field " FIELD_PARTS " lists what is no GstStructure");
    return FALSE;
  }
  *record = (GstEffnetRecord){.is_part = gst_structure_has_field (s, FIELD_X)};
  while (!record->is_part && fields[n - 1].of_parts)
    n--;
  if (!read_fields (s, fields, n, record, error))
    return FALSE;
  if (record->schema_version > GST_EFFNET_SCHEMA_VERSION) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "A result has schema-version %u; this reader knows %d", record->schema_version,
                 GST_EFFNET_SCHEMA_VERSION);
    return FALSE;
  }
  return read_lists (s, record, error) && read_embedding (s, record, error) &&
         read_map (s, record, error);
}

guint
gst_effnet_schema_read_entries (const GstStructure *s, GstEffnetEntry *entries, guint max)
{
  const GValue *labels = gst_structure_get_value (s, FIELD_LABELS);
  const GValue *ids = gst_structure_get_value (s, FIELD_IDS);
  const GValue *scores = gst_structure_get_value (s, FIELD_SCORES);
  guint n = MIN (max, gst_value_list_get_size (labels));

  for (guint i = 0; i < n; i++) {
    get_value (gst_value_list_get_value (labels, i), KIND_LABEL, &entries[i]);
    entries[i].id = g_value_get_int (gst_value_list_get_value (ids, i));
    entries[i].score = g_value_get_double (gst_value_list_get_value (scores, i));
  }
  return n > 0 && entries[0].id < 0 ? 0 : n;
}

/* Returns: (nullable): NULL where nothing is listed */
static const GValue *
parts_of (const GstStructure *s)
{
  const GValue *parts = gst_structure_get_value (s, FIELD_PARTS);

  return parts != NULL && GST_VALUE_HOLDS_LIST (parts) && gst_value_list_get_size (parts) > 0
             ? parts
             : NULL;
}

guint
gst_effnet_schema_n_parts (const GstStructure *s)
{
  const GValue *parts = parts_of (s);

  return parts != NULL ? gst_value_list_get_size (parts) : 1;
}

const GstStructure *
gst_effnet_schema_get_part (const GstStructure *s, guint i)
{
  const GValue *parts = parts_of (s), *part;

  if (parts == NULL)
    return s;
  part = gst_value_list_get_value (parts, i);
  return GST_VALUE_HOLDS_STRUCTURE (part) ? gst_value_get_structure (part) : NULL;
}

gboolean
gst_effnet_schema_read_moment (const GstStructure *s, GstEffnetMoment *moment, GError **error)
{
  return read_fields (s, moment_fields, G_N_ELEMENTS (moment_fields), moment, error);
}
