/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/reconnect.h"

#include "cli/camera.h"

#include <string.h>

#define PAUSE G_TIME_SPAN_SECOND /* between two tries, in us */
/* Data of a source: its camera as the pipeline names it, and the place where that sat. */
#define NAMED "effnet-named"
#define PLACE "effnet-place"

typedef enum {
  FAILED,  /* still to be stopped */
  STOPPED, /* waits for its next try */
  TRIED,   /* started; no frame has come yet */
} State;

typedef struct {
  GstElement *source;
  GList *elements; /* its chain, and @source; each a reference */
  State state;     /* under the lock */
  gint64 next;     /* monotonic time of the next try, us; under the lock */
  guint64 before;  /* frames that its classifiers had seen when the last try began */
} Chain;

typedef struct {
  GstElement *element; /* a reference */
  guint64 frames;      /* that it had seen when they last changed, which was */
  gint64 since;        /* at this monotonic time, us */
  gboolean has_seen;   /* one at all */
} Classifier;

struct _Reconnect {
  GstElement *pipeline;
  gint64 patience;     /* us; 0: for ever */
  GArray *classifiers; /* of Classifier; looked at by reconnect_work() alone */
  GMutex lock;
  GList *chains; /* those that are waited for; under the lock; freed by reconnect_work() alone */
};

typedef struct {
  Reconnect *self;
  GList *found;
} Search;

/* The child of the pipeline that @object is, or is in; a reference, or NULL. */
static GstElement *
find_child (Reconnect *self, GstObject *object)
{
  GstObject *at = object != NULL ? gst_object_ref (object) : NULL;

  while (at != NULL) {
    g_autoptr (GstObject) child = at;

    at = gst_object_get_parent (child);
    if (at == GST_OBJECT (self->pipeline)) {
      gst_object_unref (at);
      return GST_IS_ELEMENT (child) ? GST_ELEMENT (g_steal_pointer (&child)) : NULL;
    }
  }
  return NULL;
}

static void collect (Search *search, GstElement *element);

static gboolean
collect_peer (GstElement *element, GstPad *pad, gpointer data)
{
  Search *search = data;
  g_autoptr (GstPad) peer = gst_pad_get_peer (pad);
  g_autoptr (GstElement) other = find_child (search->self, GST_OBJECT (peer));

  (void)element;
  if (other != NULL)
    collect (search, other);
  return TRUE;
}

static void
collect (Search *search, GstElement *element)
{
  if (g_list_find (search->found, element) != NULL)
    return;
  search->found = g_list_prepend (search->found, gst_object_ref (element));
  gst_element_foreach_pad (element, collect_peer, search);
}

static void
free_elements (GList *elements)
{
  g_list_free_full (elements, gst_object_unref);
}

static gboolean
is_made_by (GstElement *element, const char *factory)
{
  return gst_element_get_factory (element) != NULL &&
         g_str_equal (GST_OBJECT_NAME (gst_element_get_factory (element)), factory);
}

/* What it has seen; 0 if it is no classifier. */
static guint64
frames_of (GstElement *element)
{
  g_autoptr (GstStructure) stats = NULL;
  guint64 frames = 0;

  if (is_made_by (element, "effnetclassify")) {
    g_object_get (element, "stats", &stats, NULL);
    gst_structure_get_uint64 (stats, "frames", &frames);
  }
  return frames;
}

static guint64
count_frames (GList *elements)
{
  guint64 sum = 0;

  for (GList *l = elements; l != NULL; l = l->next)
    sum += frames_of (l->data);
  return sum;
}

static char *
device_of (GstElement *source)
{
  char *device = NULL;

  if (is_made_by (source, "v4l2src"))
    g_object_get (source, "device", &device, NULL);
  return device;
}

static void
tell_end (GstElement *classifier, const char *what)
{
  GstStructure *s = gst_structure_new (RECONNECT_END, "what", G_TYPE_STRING, what, NULL);

  gst_element_post_message (classifier, gst_message_new_application (GST_OBJECT (classifier), s));
}

/* A camera of the network that is switched off ends its stream as a clip ends, */
static GstPadProbeReturn
note_end (GstPad *pad, GstPadProbeInfo *info, gpointer classifier)
{
  (void)pad;
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_EOS)
    tell_end (classifier, "its live stream has ended");
  return GST_PAD_PROBE_OK;
}

/* and one that loses its power says nothing at all. */
static void
look_for_silence (Reconnect *self)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; self->patience > 0 && i < self->classifiers->len; i++) {
    Classifier *c = &g_array_index (self->classifiers, Classifier, i);
    guint64 frames = frames_of (c->element);

    c->has_seen |= frames > 0;
    if (frames == c->frames && now - c->since < self->patience)
      continue;
    if (frames == c->frames && c->has_seen)
      tell_end (c->element, "no frame comes from it");
    c->frames = frames;
    c->since = now;
  }
}

static void
clear_classifier (gpointer at)
{
  gst_object_unref (((Classifier *)at)->element);
}

static void
note (const GValue *item, gpointer data)
{
  GstElement *source = g_value_get_object (item);
  g_autofree char *device = device_of (source);

  if (is_made_by (source, "effnetclassify")) {
    g_autoptr (GstPad) pad = gst_element_get_static_pad (source, "sink");
    Classifier c = {gst_object_ref (source), 0, g_get_monotonic_time (), FALSE};

    g_array_append_val (((Reconnect *)data)->classifiers, c);
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, note_end, source, NULL);
  }
  if (device == NULL)
    return;
  g_object_set_data_full (G_OBJECT (source), PLACE, camera_place (device), g_free);
  g_object_set_data_full (G_OBJECT (source), NAMED, g_steal_pointer (&device), g_free);
}

/* A camera may have come back under another number, and its own be another camera's by now. A link
 * that leads to a camera is right. */
static void
find_again (GstElement *source)
{
  const char *place = g_object_get_data (G_OBJECT (source), PLACE);
  const char *named = g_object_get_data (G_OBJECT (source), NAMED);
  g_autofree char *now = place != NULL ? camera_place (named) : NULL;
  g_autofree char *node = NULL;

  if (place == NULL)
    return;
  if (now == NULL || (strcmp (now, place) != 0 && !g_file_test (named, G_FILE_TEST_IS_SYMLINK)))
    node = camera_at (place);
  g_object_set (source, "device", node != NULL ? node : named, NULL);
}

Reconnect *
reconnect_new (GstElement *pipeline, int patience_s)
{
  Reconnect *self = g_new0 (Reconnect, 1);
  GstIterator *elements = gst_bin_iterate_recurse (GST_BIN (pipeline));

  self->pipeline = gst_object_ref (pipeline);
  g_mutex_init (&self->lock);
  self->patience = patience_s * G_TIME_SPAN_SECOND;
  self->classifiers = g_array_new (FALSE, FALSE, sizeof (Classifier));
  g_array_set_clear_func (self->classifiers, clear_classifier);
  gst_iterator_foreach (elements, note, self);
  gst_iterator_free (elements);
  return self;
}

static void
chain_free (gpointer data)
{
  Chain *chain = data;

  free_elements (chain->elements);
  g_free (chain);
}

void
reconnect_free (Reconnect *self)
{
  if (self == NULL)
    return;
  g_list_free_full (self->chains, chain_free);
  g_array_unref (self->classifiers);
  g_mutex_clear (&self->lock);
  gst_object_unref (self->pipeline);
  g_free (self);
}

/* Under the lock. */
static Chain *
find_chain (Reconnect *self, GstElement *source)
{
  for (GList *l = self->chains; l != NULL; l = l->next) {
    Chain *chain = l->data;

    if (chain->source == source)
      return chain;
  }
  return NULL;
}

/* Under the lock. NULL: no classifier has seen a frame of it. */
static Chain *
chain_new (Reconnect *self, GstElement *source)
{
  Search search = {.self = self};
  Chain *chain;

  collect (&search, source);
  if (count_frames (search.found) == 0) {
    free_elements (search.found);
    return NULL;
  }
  chain = g_new0 (Chain, 1);
  chain->source = source;
  chain->elements = search.found;
  self->chains = g_list_prepend (self->chains, chain);
  return chain;
}

static gboolean
take (Reconnect *self, GstElement *source, gboolean *is_news)
{
  Chain *chain;

  *is_news = FALSE;
  if (source == NULL || !GST_OBJECT_FLAG_IS_SET (source, GST_ELEMENT_FLAG_SOURCE))
    return FALSE;
  g_mutex_lock (&self->lock);
  chain = find_chain (self, source);
  if (chain == NULL) {
    chain = chain_new (self, source);
    *is_news = chain != NULL;
  }
  if (chain != NULL && (*is_news || chain->state == TRIED))
    chain->state = FAILED;
  g_mutex_unlock (&self->lock);
  return chain != NULL;
}

gboolean
reconnect_take (Reconnect *self, GstMessage *error, gboolean *is_news)
{
  GstObject *object = GST_MESSAGE_SRC (error), *pipeline = GST_OBJECT (self->pipeline);
  g_autoptr (GstElement) source = find_child (self, object);

  /* uridecodebin, when it is closed, lets go of its source, which may complain of that */
  return take (self, source, is_news) ||
         (reconnect_is_waiting (self) && !gst_object_has_as_ancestor (object, pipeline));
}

static gboolean
ask_if_live (GstElement *source, GstPad *pad, gpointer live)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();

  (void)source;
  if (gst_pad_query (pad, query))
    gst_query_parse_latency (query, live, NULL, NULL);
  return !*(gboolean *)live;
}

/* Live in itself, not by what is behind it, and not told when to end. */
static gboolean
is_camera (GstElement *source)
{
  gboolean live = FALSE;
  int n = -1;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (source), "num-buffers") != NULL)
    g_object_get (source, "num-buffers", &n, NULL);
  if (n < 0)
    gst_element_foreach_src_pad (source, ask_if_live, &live);
  return live;
}

GstElement *
reconnect_take_end (Reconnect *self, GstMessage *end)
{
  Search search = {.self = self};
  g_autoptr (GstElement) classifier = find_child (self, GST_MESSAGE_SRC (end));
  GstElement *first = NULL;
  gboolean is_news;

  if (classifier != NULL)
    collect (&search, classifier);
  for (GList *l = search.found; l != NULL; l = l->next) {
    if (is_camera (l->data) && take (self, l->data, &is_news) && is_news && first == NULL)
      first = gst_object_ref (l->data);
  }
  free_elements (search.found);
  return first;
}

gboolean
reconnect_is_waiting (Reconnect *self)
{
  gboolean waiting;

  g_mutex_lock (&self->lock);
  waiting = self->chains != NULL;
  g_mutex_unlock (&self->lock);
  return waiting;
}

static void
link_again (GstElement *element, GstPad *pad, gpointer sink)
{
  (void)element;
  if (GST_PAD_IS_SRC (pad) && !gst_pad_is_linked (sink))
    gst_pad_link (pad, sink); /* not every pad fits */
}

static void
unref_closure_data (gpointer data, GClosure *closure)
{
  (void)closure;
  gst_object_unref (data);
}

/* A pad that comes and goes, as rtspsrc's do, takes its link with it. */
static gboolean
keep_link (GstElement *element, GstPad *pad, gpointer data)
{
  g_autoptr (GstPad) peer = gst_pad_get_peer (pad);
  GstPadTemplate *template = GST_PAD_PAD_TEMPLATE (pad);

  (void)data;
  if (peer != NULL && template != NULL &&
      GST_PAD_TEMPLATE_PRESENCE (template) == GST_PAD_SOMETIMES &&
      g_object_get_data (G_OBJECT (peer), RECONNECT_MESSAGE) == NULL) {
    g_object_set_data (G_OBJECT (peer), RECONNECT_MESSAGE, peer);
    g_signal_connect_data (element, "pad-added", G_CALLBACK (link_again), gst_object_ref (peer),
                           unref_closure_data, 0);
  }
  return TRUE;
}

/* The source lets go of its device; the others forget the stream and stay open. */
static void
chain_stop (Chain *chain)
{
  for (GList *l = chain->elements; l != NULL; l = l->next)
    gst_element_foreach_src_pad (l->data, keep_link, NULL);
  gst_element_set_state (chain->source, GST_STATE_NULL);
  for (GList *l = chain->elements; l != NULL; l = l->next) {
    if (l->data != chain->source)
      gst_element_set_state (l->data, GST_STATE_READY);
  }
}

/* A sink that waits for its first frame would have the whole pipeline wait, and start anew. */
static void
let_go (GstElement *element)
{
  static const struct {
    const char *name;
    gboolean value;
  } settings[] = {{"async", FALSE}, {"async-handling", TRUE}};

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++) {
    GParamSpec *spec =
        g_object_class_find_property (G_OBJECT_GET_CLASS (element), settings[i].name);

    if (spec != NULL && spec->value_type == G_TYPE_BOOLEAN)
      g_object_set (element, settings[i].name, settings[i].value, NULL);
  }
}

static gboolean
chain_start (Chain *chain)
{
  for (GList *l = chain->elements; l != NULL; l = l->next) {
    let_go (l->data); /* a source, too, may be a bin that has sinks: uridecodebin */
    if (l->data != chain->source && !gst_element_sync_state_with_parent (l->data))
      return FALSE;
  }
  chain->before = count_frames (chain->elements);
  find_again (chain->source);
  return gst_element_sync_state_with_parent (chain->source);
}

static void
tell (Reconnect *self, const Chain *chain)
{
  GstStructure *s =
      gst_structure_new (RECONNECT_MESSAGE, "source", GST_TYPE_ELEMENT, chain->source, NULL);

  gst_element_post_message (self->pipeline,
                            gst_message_new_application (GST_OBJECT (self->pipeline), s));
}

/* What @chain is to do now; without the lock, since elements may take their time. */
static void
work (Reconnect *self, Chain *chain, State state)
{
  gboolean done = FALSE, failed = state == FAILED;

  if (state == TRIED) {
    done = count_frames (chain->elements) != chain->before;
  } else {
    chain_stop (chain);
    if (state == STOPPED)
      failed = !chain_start (chain);
  }
  g_mutex_lock (&self->lock);
  done = done && chain->state == TRIED;
  if (done)
    self->chains = g_list_remove (self->chains, chain);
  if (failed) {
    chain->state = STOPPED;
    chain->next = g_get_monotonic_time () + PAUSE;
  }
  g_mutex_unlock (&self->lock);
  if (done) {
    tell (self, chain);
    chain_free (chain);
  }
}

void
reconnect_work (gpointer data)
{
  Reconnect *self = data;
  g_autoptr (GList) chains = NULL;

  look_for_silence (self);
  g_mutex_lock (&self->lock);
  chains = g_list_copy (self->chains);
  g_mutex_unlock (&self->lock);
  for (GList *l = chains; l != NULL; l = l->next) {
    Chain *chain = l->data;
    State state;
    gint64 next;

    g_mutex_lock (&self->lock);
    state = chain->state;
    next = chain->next;
    if (state == STOPPED && g_get_monotonic_time () >= next)
      chain->state = TRIED; /* an error from now on is of this try */
    g_mutex_unlock (&self->lock);
    if (state != STOPPED || g_get_monotonic_time () >= next)
      work (self, chain, state);
  }
}
