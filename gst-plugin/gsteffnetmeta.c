/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The writer of results. Which buffers and which moments get one is gsteffnetclassify.c's business.
 */
#include "gsteffnetmeta.h"

void
gst_effnet_meta_register (void)
{
  static gsize once;

  if (g_once_init_enter (&once)) {
    static const gchar *tags[] = {NULL};

    if (gst_meta_get_info (GST_EFFNET_META_NAME) == NULL)
      gst_meta_register_custom (GST_EFFNET_META_NAME, tags, NULL, NULL, NULL);
    g_once_init_leave (&once, 1);
  }
}

static guint
count_entries (const GstEffnetResult *result, const GstEffnetView *view)
{
  guint n = 0;

  while (n < MIN (result->n_top, view->top_k) && (double)result->top[n].score >= view->threshold)
    n++;
  return n;
}

/* The class a view names, -1 when none reaches the threshold. */
static int
label_id_of (const GstEffnetResult *result, const GstEffnetView *view)
{
  return count_entries (result, view) > 0 ? (int)result->top[0].id : -1;
}

/* Returns: (transfer full): the class' name, or "class 123" where the model has none. */
static char *
dup_label (const GstEffnetResult *result, guint id)
{
  const char *label = effnet_model_get_label (result->engine->model, id);

  return label != NULL ? g_strdup (label) : g_strdup_printf ("class %u", id);
}

static void
write_entries (const GstEffnetResult *result, guint n, GstStructure *s)
{
  GValue labels = G_VALUE_INIT, ids = G_VALUE_INIT, scores = G_VALUE_INIT;

  g_value_init (&labels, GST_TYPE_LIST);
  g_value_init (&ids, GST_TYPE_LIST);
  g_value_init (&scores, GST_TYPE_LIST);
  for (guint i = 0; i < n; i++) {
    GValue label = G_VALUE_INIT, id = G_VALUE_INIT, score = G_VALUE_INIT;

    g_value_init (&label, G_TYPE_STRING);
    g_value_take_string (&label, dup_label (result, result->top[i].id));
    gst_value_list_append_and_take_value (&labels, &label);
    g_value_init (&id, G_TYPE_INT);
    g_value_set_int (&id, (int)result->top[i].id);
    gst_value_list_append_and_take_value (&ids, &id);
    g_value_init (&score, G_TYPE_DOUBLE);
    g_value_set_double (&score, (double)result->top[i].score);
    gst_value_list_append_and_take_value (&scores, &score);
  }
  gst_structure_take_value (s, "labels", &labels);
  gst_structure_take_value (s, "label-ids", &ids);
  gst_structure_take_value (s, "scores", &scores);
}

static guint
to_us (guint64 ns)
{
  return (guint)MIN ((ns + 500) / 1000, G_MAXUINT);
}

static void
write_identity (const GstEffnetResult *result, GstStructure *s)
{
  const EffnetModelInfo *info = &result->engine->info;

  gst_structure_set (s, "schema-version", G_TYPE_UINT, GST_EFFNET_SCHEMA_VERSION, "model",
                     G_TYPE_STRING, info->name, "model-sha256", G_TYPE_STRING,
                     effnet_model_get_sha256 (result->engine->model), "variant", G_TYPE_STRING,
                     info->variant, "region", G_TYPE_STRING, g_quark_to_string (result->pick.name),
                     "roi-id", G_TYPE_INT, result->pick.roi_id, NULL);
}

static void
write_result (const GstEffnetView *view, const GstEffnetShown *shown, GstStructure *s)
{
  const GstEffnetResult *result = shown->result;
  guint n = count_entries (result, view);
  char *label = n > 0 ? dup_label (result, result->top[0].id) : g_strdup ("");

  write_identity (result, s);
  gst_structure_set (s, "label", G_TYPE_STRING, label, "label-id", G_TYPE_INT,
                     n > 0 ? (int)result->top[0].id : -1, "confidence", G_TYPE_DOUBLE,
                     n > 0 ? (double)result->top[0].score : 0.0, NULL);
  g_free (label);
  write_entries (result, n, s);
  gst_structure_set (s, "margin", G_TYPE_DOUBLE, result->margin, "entropy", G_TYPE_DOUBLE,
                     result->entropy, "fresh", G_TYPE_BOOLEAN, view->fresh, "result-pts",
                     GST_TYPE_CLOCK_TIME, result->pts, "age", GST_TYPE_CLOCK_TIME, shown->age,
                     "infer-us", G_TYPE_UINT, to_us (result->ns[GST_EFFNET_TIME_INFER]),
                     "convert-us", G_TYPE_UINT, to_us (result->ns[GST_EFFNET_TIME_CONVERT]),
                     "decode-us", G_TYPE_UINT, to_us (result->ns[GST_EFFNET_TIME_DECODE]),
                     "wait-us", G_TYPE_UINT, to_us (result->ns[GST_EFFNET_TIME_WAIT]), NULL);
  if (!view->whole)
    gst_structure_set (s, "x", G_TYPE_UINT, shown->rect.x, "y", G_TYPE_UINT, shown->rect.y, "width",
                       G_TYPE_UINT, shown->rect.width, "height", G_TYPE_UINT, shown->rect.height,
                       NULL);
}

/* The first result in @s itself; of parts, all in its list `results`. */
static void
write_results (const GstEffnetView *view, const GstEffnetShown *shown, guint n, GstStructure *s)
{
  GValue list = G_VALUE_INIT;

  write_result (view, &shown[0], s);
  if (view->whole)
    return;
  g_value_init (&list, GST_TYPE_LIST);
  for (guint i = 0; i < n; i++) {
    GstStructure *one = gst_structure_new_empty ("result");
    GValue value = G_VALUE_INIT;

    write_result (view, &shown[i], one);
    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, one);
    gst_value_list_append_and_take_value (&list, &value);
  }
  gst_structure_take_value (s, "results", &list);
}

gboolean
gst_effnet_meta_attach (GstBuffer *buffer, const GstEffnetView *view, const GstEffnetShown *shown,
                        guint n)
{
  GstCustomMeta *meta;

  if (!gst_buffer_is_writable (buffer))
    return FALSE;
  meta = gst_buffer_add_custom_meta (buffer, GST_EFFNET_META_NAME);
  if (meta == NULL)
    return FALSE;
  write_results (view, shown, n, gst_custom_meta_get_structure (meta));
  return TRUE;
}

GstMessage *
gst_effnet_message_new (GstObject *source, GstBuffer *buffer, const GstSegment *segment,
                        const GstEffnetView *view, const GstEffnetShown *shown, guint n)
{
  GstClockTime pts = GST_BUFFER_PTS (buffer);
  GstClockTime stream_time = GST_CLOCK_TIME_NONE, running_time = GST_CLOCK_TIME_NONE;
  GstStructure *s;

  if (segment->format == GST_FORMAT_TIME) {
    stream_time = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, pts);
    running_time = gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts);
  }
  s = gst_structure_new (GST_EFFNET_MESSAGE_NAME, "timestamp", GST_TYPE_CLOCK_TIME, pts,
                         "stream-time", GST_TYPE_CLOCK_TIME, stream_time, "running-time",
                         GST_TYPE_CLOCK_TIME, running_time, "duration", GST_TYPE_CLOCK_TIME,
                         GST_BUFFER_DURATION (buffer), NULL);
  write_results (view, shown, n, s);
  return gst_message_new_element (source, s);
}

/* ---- what messages told ---------------------------------------------------------------------- */

static gboolean
is_told_of (const GstEffnetTold *told, const GstEffnetPick *pick)
{
  return told->name == pick->name && told->roi_id == pick->roi_id && told->nth == pick->nth;
}

gboolean
gst_effnet_told_update (GArray *told, const GstEffnetView *view, const GstEffnetResult *result)
{
  const GstEffnetPick *pick = &result->pick;
  GstEffnetTold now = {pick->name, pick->roi_id, pick->nth, result->engine->serial,
                       label_id_of (result, view)};

  for (guint i = 0; i < told->len; i++) {
    GstEffnetTold *old = &g_array_index (told, GstEffnetTold, i);
    gboolean news = old->serial != now.serial || old->label_id != now.label_id;

    if (!is_told_of (old, pick))
      continue;
    *old = now;
    return news;
  }
  g_array_append_val (told, now);
  return TRUE;
}

void
gst_effnet_told_keep (GArray *told, const GstEffnetResults *results)
{
  for (guint i = told->len; i-- > 0;) {
    const GstEffnetTold *old = &g_array_index (told, GstEffnetTold, i);
    gboolean found = FALSE;

    for (guint k = 0; results->all != NULL && k < results->all->len && !found; k++)
      found = is_told_of (old, &((GstEffnetResult *)results->all->pdata[k])->pick);
    if (!found)
      g_array_remove_index_fast (told, i);
  }
}
