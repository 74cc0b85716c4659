/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tables of fields. A family may have several fields, which a label tells apart. */
#include "metrics/collect.h"

#include "stats.h"

#include <math.h>
#include <string.h>

#define COUNTER   GST_EFFNET_FAMILY_COUNTER
#define GAUGE     GST_EFFNET_FAMILY_GAUGE
#define HISTOGRAM GST_EFFNET_FAMILY_HISTOGRAM
#define N(array)  G_N_ELEMENTS (array)

typedef struct {
  const char *field;
  const GstEffnetFamily *family;
  const char *label, *value; /* (nullable): one more */
} Row;

#define FAMILY(id, name, type, unit, help)                                                         \
  static const GstEffnetFamily id = {"effnet_" name, type, unit, help};

FAMILY (frames, "frames", COUNTER, NULL, "Buffers that came to the element.")
FAMILY (inferences, "inferences", COUNTER, NULL, "Frames classified, or parts of them.")
FAMILY (skipped, "frames_skipped", COUNTER, NULL, "Frames without an inference of their own.")
FAMILY (bad, "frame_errors", COUNTER, NULL, "Frames that could not be classified.")
FAMILY (dropped, "frames_dropped", COUNTER, NULL, "Frames that did not go on: overload-policy.")
FAMILY (cancelled, "inferences_cancelled", COUNTER, NULL, "Inferences that a flush or stop ended.")
FAMILY (rois, "regions_skipped", COUNTER, NULL, "Regions of interest empty or outside the frame.")
FAMILY (compared, "shadow_compared", COUNTER, NULL, "Parts that the shadow model classified, too.")
FAMILY (agreed, "shadow_agreed", COUNTER, NULL, "Of those compared, the ones with the same label.")
FAMILY (distance, "shadow_distance", GAUGE, NULL, "Mean difference of the two best scores.")
FAMILY (examples, "examples", COUNTER, NULL, "Frames looked at for save-examples, by outcome.")
FAMILY (kept, "examples_size_bytes", GAUGE, "bytes", "What the folder of examples holds.")
FAMILY (factor, "interval_factor", GAUGE, NULL, "How many times longer latency-budget made it.")
FAMILY (side, "input_side_pixels", GAUGE, "pixels", "Side of the input of the network.")

static const Row of_classify[] = {
    {"frames", &frames, NULL, NULL},
    {"inferences", &inferences, NULL, NULL},
    {"errors", &bad, NULL, NULL},
    {"dropped", &dropped, NULL, NULL},
    {"cancelled", &cancelled, NULL, NULL},
    {"rois-skipped", &rois, NULL, NULL},
    {"shadow-compared", &compared, NULL, NULL},
    {"shadow-agreed", &agreed, NULL, NULL},
    {"shadow-distance", &distance, NULL, NULL},
    {"examples-saved", &examples, "outcome", "saved"},
    {"examples-alike", &examples, "outcome", "alike"},
    {"examples-dropped", &examples, "outcome", "dropped"},
    {"examples-failed", &examples, "outcome", "failed"},
    {"examples-bytes", &kept, NULL, NULL},
    {"interval-factor", &factor, NULL, NULL},
    {"input-side", &side, NULL, NULL},
};

FAMILY (jobs, "jobs", COUNTER, NULL, "Jobs of the element that left its queue, by outcome.")
FAMILY (waiting, "jobs_waiting", GAUGE, NULL, "Jobs of the element that wait for their turn.")

static const Row of_queue[] = {
    {"started", &jobs, "outcome", "started"}, {"replaced", &jobs, "outcome", "replaced"},
    {"refused", &jobs, "outcome", "refused"}, {"cancelled", &jobs, "outcome", "cancelled"},
    {"waiting", &waiting, NULL, NULL},
};

FAMILY (all_jobs, "scheduler_jobs", COUNTER, NULL, "Jobs that left the queues, by outcome.")
FAMILY (late, "scheduler_jobs_late", COUNTER, NULL, "Jobs that started after their deadline.")
FAMILY (batched, "scheduler_jobs_batched", COUNTER, NULL, "Jobs that ran together with others.")
FAMILY (all_waiting, "scheduler_jobs_waiting", GAUGE, NULL, "Jobs that wait for their turn.")
FAMILY (all_running, "scheduler_jobs_running", GAUGE, NULL, "Jobs that run.")
FAMILY (executors, "scheduler_executors", GAUGE, NULL, "Threads.")
FAMILY (streams, "scheduler_streams", GAUGE, NULL, "Streams that share them.")
FAMILY (sessions, "scheduler_sessions", GAUGE, NULL, "Arenas of models that they have.")

static const Row of_scheduler[] = {
    {"started", &all_jobs, "outcome", "started"},
    {"replaced", &all_jobs, "outcome", "replaced"},
    {"refused", &all_jobs, "outcome", "refused"},
    {"cancelled", &all_jobs, "outcome", "cancelled"},
    {"late", &late, NULL, NULL},
    {"batched", &batched, NULL, NULL},
    {"waiting", &all_waiting, NULL, NULL},
    {"running", &all_running, NULL, NULL},
    {"executors", &executors, NULL, NULL},
    {"streams", &streams, NULL, NULL},
    {"sessions", &sessions, NULL, NULL},
};

FAMILY (busy, "busy_seconds", COUNTER, "seconds", "Time that the jobs of the element took.")
FAMILY (all_busy, "scheduler_busy_seconds", COUNTER, "seconds", "Time of its threads with jobs.")
FAMILY (stages, "stage_duration_seconds", HISTOGRAM, "seconds",
        "Where the time of an inference goes: wait, decode, convert, infer.")
FAMILY (latency, "latency_seconds", HISTOGRAM, "seconds",
        "From the arrival of a frame to its results.")
FAMILY (newest, "last_frame_timestamp_seconds", GAUGE, "seconds",
        "When the newest frame came, Unix time.")
FAMILY (scene, "scene_state", GAUGE, NULL, "1 where the camera is in this state.")
FAMILY (model, "model", GST_EFFNET_FAMILY_INFO, NULL, "What classifies.")

FAMILY (published, "publish_records", COUNTER, NULL, "Records that the broker has.")
FAMILY (recalled, "publish_recalled", COUNTER, NULL, "Of those, what an earlier run had left.")
FAMILY (lost, "publish_lost", COUNTER, NULL, "Records that the broker does not have, by reason.")
FAMILY (heartbeats, "publish_heartbeats", COUNTER, NULL, "Records that repeat a state.")
FAMILY (unsaid, "publish_heartbeats_skipped", COUNTER, NULL, "Those for which there was no room.")
FAMILY (connections, "publish_connections", COUNTER, NULL, "Times that the broker let it in.")
FAMILY (connected, "publish_connected", GAUGE, NULL, "1 while there is a connection.")
FAMILY (spooled, "publish_spooled", GAUGE, NULL, "Records that wait for the broker.")
FAMILY (spool, "publish_spool_size_bytes", GAUGE, "bytes", "What they take on the disk.")

static const Row of_publish[] = {
    {"published", &published, NULL, NULL},     {"recalled", &recalled, NULL, NULL},
    {"heartbeats", &heartbeats, NULL, NULL},   {"heartbeats-skipped", &unsaid, NULL, NULL},
    {"connections", &connections, NULL, NULL}, {"connected", &connected, NULL, NULL},
    {"spooled", &spooled, NULL, NULL},         {"spooled-bytes", &spool, NULL, NULL},
};

FAMILY (of_part, "region_results", COUNTER, NULL, "Results of this part of the frame.")
FAMILY (changes, "region_changes", COUNTER, NULL, "How often its label was another one.")
FAMILY (score, "region_score", GAUGE, NULL, "Best score of its newest result.")
FAMILY (of_label, "region_label", GAUGE, NULL, "1 for the label that it has now.")

static const Row of_region[] = {
    {"results", &of_part, NULL, NULL},
    {"changes", &changes, NULL, NULL},
    {"score", &score, NULL, NULL},
};

/* FALSE: it is no number. */
static gboolean
to_number (const GValue *value, double *number)
{
  g_auto (GValue) as_double = G_VALUE_INIT;

  if (value == NULL)
    return FALSE;
  if (G_VALUE_HOLDS_BOOLEAN (value)) {
    *number = g_value_get_boolean (value);
    return TRUE;
  }
  if (!G_VALUE_HOLDS_UINT64 (value) && !G_VALUE_HOLDS_INT64 (value) &&
      !G_VALUE_HOLDS_UINT (value) && !G_VALUE_HOLDS_INT (value) && !G_VALUE_HOLDS_DOUBLE (value))
    return FALSE;
  g_value_init (&as_double, G_TYPE_DOUBLE);
  *number = g_value_transform (value, &as_double) ? g_value_get_double (&as_double) : NAN;
  return isfinite (*number);
}

/* Returns: (transfer full): @labels and one more */
static char *
with_label (const char *labels, const char *name, const char *value)
{
  GString *text = g_string_new (labels);

  if (name != NULL)
    gst_effnet_labels_add (text, name, value);
  return g_string_free (text, FALSE);
}

static void
add_rows (GstEffnetExposition *exposition, const Row *rows, guint n, const GstStructure *s,
          const char *labels)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = NULL;
    double number;

    if (!to_number (gst_structure_get_value (s, rows[i].field), &number))
      continue;
    text = with_label (labels, rows[i].label, rows[i].value);
    gst_effnet_exposition_add (exposition, rows[i].family, text, number);
  }
}

static void
add_seconds (GstEffnetExposition *exposition, const GstEffnetFamily *family, const GstStructure *s,
             const char *field, const char *labels)
{
  guint64 ns;

  if (gst_structure_get_uint64 (s, field, &ns))
    gst_effnet_exposition_add (exposition, family, labels, (double)ns / 1e9);
}

/* Returns: (nullable): a structure in a structure */
static const GstStructure *
part_of (const GstStructure *s, const char *field)
{
  const GValue *value = gst_structure_get_value (s, field);

  return value != NULL && GST_VALUE_HOLDS_STRUCTURE (value) ? gst_value_get_structure (value)
                                                            : NULL;
}

static void
add_histogram (GstEffnetExposition *exposition, const GstEffnetFamily *family,
               const GstStructure *s, const char *field, const char *labels)
{
  const GValue *value = gst_structure_get_value (s, field);
  g_autofree char *sum_field = g_strconcat (field, "-sum", NULL);
  double bounds[GST_EFFNET_HISTOGRAM_BOUNDS];
  guint64 counts[GST_EFFNET_HISTOGRAM_BOUNDS + 1], sum = 0;

  if (value == NULL || !GST_VALUE_HOLDS_ARRAY (value) ||
      gst_value_array_get_size (value) != N (counts))
    return;
  for (guint i = 0; i < N (counts); i++)
    counts[i] = g_value_get_uint64 (gst_value_array_get_value (value, i));
  for (guint i = 0; i < N (bounds); i++)
    bounds[i] = (double)gst_effnet_histogram_bounds[i] / 1e9;
  gst_structure_get_uint64 (s, sum_field, &sum);
  gst_effnet_exposition_add_histogram (exposition, family, labels, bounds, counts, N (bounds),
                                       (double)sum / 1e9);
}

static void
add_histograms (GstEffnetExposition *exposition, const GstStructure *s, const char *labels)
{
  static const char *const names[] = {"wait", "decode", "convert", "infer"};

  for (guint i = 0; i < N (names); i++) {
    g_autofree char *text = with_label (labels, "stage", names[i]);

    add_histogram (exposition, &stages, s, names[i], text);
  }
  add_histogram (exposition, &latency, s, "latency", labels);
}

/* Every field "PREFIX..." that is a number, or, where @prefix is "", a truth; the rest of its name
 * is the label's value. */
static void
add_fields (GstEffnetExposition *exposition, const GstEffnetFamily *family, const GstStructure *s,
            const char *prefix, const char *label, const char *labels)
{
  for (int i = 0; i < gst_structure_n_fields (s); i++) {
    const char *field = gst_structure_nth_field_name (s, (guint)i);
    const GValue *value = gst_structure_get_value (s, field);
    g_autofree char *text = NULL;
    double number;

    if (!g_str_has_prefix (field, prefix) || (*prefix == '\0' && !G_VALUE_HOLDS_BOOLEAN (value)) ||
        !to_number (value, &number))
      continue;
    text = with_label (labels, label, field + strlen (prefix));
    gst_effnet_exposition_add (exposition, family, text, number);
  }
}

static void
add_scheduler (GstEffnetExposition *exposition, const GstStructure *s, GHashTable *schedulers)
{
  g_autoptr (GString) labels = g_string_new (NULL);
  g_autofree char *threads = NULL;
  guint n = 0;

  gst_structure_get_uint (s, "executors", &n);
  threads = g_strdup_printf ("%u", n);
  gst_effnet_labels_add (labels, "scheduler", gst_structure_get_string (s, "name"));
  gst_effnet_labels_add (labels, "threads", threads);
  if (!g_hash_table_add (schedulers, g_strdup (labels->str)))
    return;
  add_rows (exposition, of_scheduler, N (of_scheduler), s, labels->str);
  add_seconds (exposition, &all_busy, s, "busy", labels->str);
}

static void
add_regions (GstEffnetExposition *exposition, const GValue *list, const char *labels)
{
  for (guint i = 0; i < gst_value_list_get_size (list); i++) {
    const GstStructure *s = gst_value_get_structure (gst_value_list_get_value (list, i));
    g_autofree char *text = with_label (labels, "region", gst_structure_get_string (s, "region"));
    g_autofree char *both = with_label (text, "head", gst_structure_get_string (s, "head"));
    g_autofree char *now = with_label (both, "label", gst_structure_get_string (s, "label"));

    add_rows (exposition, of_region, N (of_region), s, both);
    gst_effnet_exposition_add (exposition, &of_label, now, 1);
  }
}

static void
add_model (GstEffnetExposition *exposition, GstElement *element, const char *labels)
{
  static const char *const fields[] = {"name", "variant", "sha256", "precision", "isa"};
  g_autoptr (GstStructure) info = NULL;
  g_autoptr (GString) text = g_string_new (labels);

  g_object_get (element, "model-info", &info, NULL);
  if (info == NULL)
    return;
  for (guint i = 0; i < N (fields); i++)
    gst_effnet_labels_add (text, i == 0 ? "model" : fields[i],
                           gst_structure_get_string (info, fields[i]));
  gst_effnet_exposition_add (exposition, &model, text->str, 1);
}

static void
add_age (GstEffnetExposition *exposition, const GstStructure *s, const char *labels)
{
  guint64 age;

  if (gst_structure_get_uint64 (s, "frame-age", &age) && GST_CLOCK_TIME_IS_VALID (age))
    gst_effnet_exposition_add (exposition, &newest, labels,
                               (double)(g_get_real_time () / 1000 - (gint64)(age / GST_MSECOND)) /
                                   1e3);
}

static void
add_classifier (GstEffnetExposition *exposition, GstElement *element, const GstStructure *s,
                const char *labels, GHashTable *schedulers)
{
  const GstStructure *part;

  add_model (exposition, element, labels);
  add_rows (exposition, of_classify, N (of_classify), s, labels);
  add_fields (exposition, &skipped, s, "skipped-", "reason", labels);
  add_age (exposition, s, labels);
  if (gst_structure_has_field_typed (s, "regions", GST_TYPE_LIST))
    add_regions (exposition, gst_structure_get_value (s, "regions"), labels);
  if ((part = part_of (s, "histograms")) != NULL)
    add_histograms (exposition, part, labels);
  if ((part = part_of (s, "queue")) != NULL) {
    add_rows (exposition, of_queue, N (of_queue), part, labels);
    add_seconds (exposition, &busy, part, "busy", labels);
  }
  if ((part = part_of (s, "scene")) != NULL)
    add_fields (exposition, &scene, part, "", "state", labels);
  if ((part = part_of (s, "scheduler")) != NULL)
    add_scheduler (exposition, part, schedulers);
}

static void
add_any (GstEffnetExposition *exposition, const GstStructure *s, const char *prefix,
         const char *labels)
{
  for (int i = 0; i < gst_structure_n_fields (s); i++) {
    const char *field = gst_structure_nth_field_name (s, (guint)i);
    const GValue *value = gst_structure_get_value (s, field);
    g_autofree char *name = gst_effnet_metric_name (prefix, field);
    g_autofree char *help = g_strdup_printf ("What the property stats calls %s.", field);
    GstEffnetFamily family = {name, G_VALUE_HOLDS_UINT64 (value) ? COUNTER : GAUGE, NULL, help};
    double number;

    if (GST_VALUE_HOLDS_STRUCTURE (value))
      add_any (exposition, gst_value_get_structure (value), name, labels);
    else if (to_number (value, &number))
      gst_effnet_exposition_add (exposition, &family, labels, number);
  }
}

static const char *
factory_of (GstElement *element)
{
  GstElementFactory *factory = gst_element_get_factory (element);

  return factory != NULL ? GST_OBJECT_NAME (factory) : "";
}

/* Returns: (transfer full) (nullable) */
static GstStructure *
stats_of (GstElement *element)
{
  GstStructure *s = NULL;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (element), "stats") != NULL)
    g_object_get (element, "stats", &s, NULL);
  return s;
}

void
gst_effnet_collect (GstEffnetExposition *exposition, GstElement *element, const char *labels,
                    GHashTable *schedulers)
{
  g_autoptr (GstStructure) s = stats_of (element);
  const char *factory = factory_of (element);
  g_autofree char *prefix = NULL;

  if (s == NULL)
    return;
  if (strcmp (factory, "effnetclassify") == 0) {
    add_classifier (exposition, element, s, labels, schedulers);
    return;
  }
  if (strcmp (factory, "effnetpublish") == 0) {
    add_rows (exposition, of_publish, N (of_publish), s, labels);
    add_fields (exposition, &lost, s, "lost-", "reason", labels);
    return;
  }
  prefix = gst_effnet_metric_name (
      "effnet", g_str_has_prefix (factory, "effnet") ? factory + strlen ("effnet") : factory);
  add_any (exposition, s, prefix, labels);
}

GstClockTime
gst_effnet_collect_age (GstElement *element)
{
  g_autoptr (GstStructure) s = NULL;
  guint64 age;

  if (GST_STATE (element) != GST_STATE_PLAYING)
    return 0;
  s = stats_of (element);
  if (s == NULL || !gst_structure_get_uint64 (s, "frame-age", &age))
    return 0;
  return age;
}
