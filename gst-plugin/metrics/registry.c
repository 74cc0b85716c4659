/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A list under a lock. Two elements of one name in pipelines of one name are told apart by a number
 * behind the name, since samples with the same labels are not well-formed. */
#include "metrics/registry.h"

#include "metrics/collect.h"
#include "metrics/metrics.h"

typedef struct {
  GstElement *element; /* not owned: it leaves before it ends */
  char *pipeline, *name;
} Member;

static GMutex lock;
static GList *members; /* of Member, in the order they came */

/* Returns: (transfer full): of the bin that is in no other; "" without one */
static char *
name_of_pipeline (GstElement *element)
{
  GstObject *top = gst_object_ref (GST_OBJECT (element)), *parent;
  char *name;

  while ((parent = gst_object_get_parent (top)) != NULL) {
    gst_object_unref (top);
    top = parent;
  }
  name = top != GST_OBJECT (element) ? gst_object_get_name (top) : g_strdup ("");
  gst_object_unref (top);
  return name;
}

/* With the lock. */
static gboolean
is_taken (const char *pipeline, const char *name)
{
  for (GList *l = members; l != NULL; l = l->next) {
    const Member *other = l->data;

    if (g_str_equal (other->name, name) && g_str_equal (other->pipeline, pipeline))
      return TRUE;
  }
  return FALSE;
}

void
gst_effnet_metrics_join (GstElement *element)
{
  g_autofree char *name = gst_object_get_name (GST_OBJECT (element));
  Member *m = g_new (Member, 1);

  *m = (Member){element, name_of_pipeline (element), g_strdup (name)};
  g_mutex_lock (&lock);
  for (guint n = 2; is_taken (m->pipeline, m->name); n++) {
    g_free (m->name);
    m->name = g_strdup_printf ("%s#%u", name, n);
  }
  members = g_list_append (members, m);
  g_mutex_unlock (&lock);
}

void
gst_effnet_metrics_leave (GstElement *element)
{
  Member *found = NULL;

  g_mutex_lock (&lock);
  for (GList *l = members; l != NULL; l = l->next) {
    Member *m = l->data;

    if (m->element == element) {
      found = m;
      members = g_list_delete_link (members, l);
      break;
    }
  }
  g_mutex_unlock (&lock);
  if (found == NULL)
    return;
  g_free (found->pipeline);
  g_free (found->name);
  g_free (found);
}

static void
add_build (GstEffnetExposition *exposition)
{
  static const GstEffnetFamily build = {"effnet_build", GST_EFFNET_FAMILY_INFO, NULL,
                                        "The plugin, and the GStreamer that runs it."};
  g_autoptr (GString) labels = g_string_new (NULL);
  g_autofree char *gstreamer = NULL;
  guint major, minor, micro, nano;

  gst_version (&major, &minor, &micro, &nano);
  gstreamer = g_strdup_printf ("%u.%u.%u", major, minor, micro);
  gst_effnet_labels_add (labels, "version", VERSION);
  gst_effnet_labels_add (labels, "gstreamer", gstreamer);
  gst_effnet_exposition_add (exposition, &build, labels->str, 1);
}

static void
add_member (GstEffnetExposition *exposition, const Member *m, GHashTable *schedulers)
{
  g_autoptr (GString) labels = g_string_new (NULL);

  gst_effnet_labels_add (labels, "pipeline", m->pipeline);
  gst_effnet_labels_add (labels, "element", m->name);
  gst_effnet_collect (exposition, m->element, labels->str, schedulers);
}

GstEffnetExposition *
gst_effnet_registry_collect (void)
{
  GstEffnetExposition *exposition = gst_effnet_exposition_new ();
  GHashTable *schedulers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  add_build (exposition);
  g_mutex_lock (&lock);
  for (GList *l = members; l != NULL; l = l->next)
    add_member (exposition, l->data, schedulers);
  g_mutex_unlock (&lock);
  g_hash_table_unref (schedulers);
  return exposition;
}

char *
gst_effnet_registry_complain (GstClockTime max_age)
{
  char *text = NULL;

  g_mutex_lock (&lock);
  for (GList *l = members; l != NULL && text == NULL; l = l->next) {
    const Member *m = l->data;
    GstClockTime age = gst_effnet_collect_age (m->element);

    if (age == GST_CLOCK_TIME_NONE)
      text = g_strdup_printf ("%s has had no frame yet", m->name);
    else if (age > max_age)
      text = g_strdup_printf ("%s has had no frame for %.1f s", m->name, (double)age / 1e9);
  }
  g_mutex_unlock (&lock);
  return text;
}
