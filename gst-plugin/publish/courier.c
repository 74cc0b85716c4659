/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The spool and all about sending belong to the courier's thread; what others hand over, and the
 * counters, are under the lock. */
#include "publish/courier.h"

#include <string.h>

#include "publish/flight.h"
#include "publish/recall.h"
#include "publish/spool.h"
#include "publish/thumbnails.h"

#define QUEUE_MAX    1000             /* records that wait for the thread */
#define WINDOW       50               /* under way at a time */
#define PICTURES_MAX 4                /* frames that wait to become thumbnails */
#define LAST_WORD_US (G_USEC_PER_SEC) /* to say that we are gone */
#define TICK_US      (500 * 1000)
#define RECALL_US    (5 * G_USEC_PER_SEC)  /* a broker that does not answer has no say */
#define WARN_US      (60 * G_USEC_PER_SEC) /* between two complaints about the same thing */

typedef enum { DOWN, RECALLING, READY } LinkState;

struct _GstEffnetCourier {
  const GstEffnetCourierSettings *settings;
  GstEffnetCourierFunc warn;
  gpointer data;
  GstEffnetLinkSettings wire; /* `settings->link` with a client id */
  char *client_id;
  GThread *thread;
  GstEffnetLink *link;

  GMutex lock;
  GCond changed;
  GQueue items;   /* of GstEffnetNewsItem * */
  GQueue events;  /* of GstEffnetLinkEvent * */
  gint64 ends;    /* 0: it goes on; else until when at most */
  guint pictures; /* among the items */
  GstEffnetCourierStats stats;

  /* of the thread */
  GstEffnetSpool *spool;
  LinkState state;
  gboolean tried; /* a connection has stood or failed */
  GQueue sent;    /* of flight.h: letters under way */
  guint64 last_token;
  gint64 arrived_up_to; /* the number of the last record that is acknowledged; 0: taken note of */
  gint64 sent_up_to;    /* over this connection; what was sent before counts as not sent */
  gint64 found;         /* the highest number that a retained message has */
  guint64 recall;       /* the token that is waited for */
  gint64 recall_until;
  char **recalled; /* topics */
  GstEffnetEntities *entities;
  char *status_topic; /* (nullable): of Home Assistant */
  GstEffnetThumbnails *thumbnails;
  gint64 warned[2]; /* when it was last said that the broker, the disk is away */
};

/* ---- the outside ----------------------------------------------------------------------------- */

static void
on_event (GstEffnetLinkEvent *event, gpointer data)
{
  GstEffnetCourier *self = data;

  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->events, event);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
gst_effnet_courier_push (GstEffnetCourier *self, GstEffnetNewsItem *item)
{
  gboolean fits;

  g_mutex_lock (&self->lock);
  fits = self->items.length < QUEUE_MAX;
  self->pictures += fits && item->picture != NULL;
  if (fits)
    g_queue_push_tail (&self->items, item);
  else if (item->is_heartbeat)
    self->stats.heartbeats_skipped++;
  else
    self->stats.lost_queue++;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
  if (!fits)
    gst_effnet_news_item_free (item);
}

gboolean
gst_effnet_courier_wants_picture (GstEffnetCourier *self)
{
  gboolean wants;

  g_mutex_lock (&self->lock);
  wants = self->settings->thumbnail_side > 0 && self->pictures < PICTURES_MAX;
  self->stats.thumbnails_skipped += !wants && self->settings->thumbnail_side > 0;
  g_mutex_unlock (&self->lock);
  return wants;
}

GstEffnetCourierStats
gst_effnet_courier_get_stats (GstEffnetCourier *self)
{
  GstEffnetCourierStats stats;

  g_mutex_lock (&self->lock);
  stats = self->stats;
  g_mutex_unlock (&self->lock);
  return stats;
}

/* Of the thread, after what changed the spool. */
static void
note_spool (GstEffnetCourier *self)
{
  GstEffnetSpoolLoss loss = gst_effnet_spool_get_loss (self->spool);

  g_mutex_lock (&self->lock);
  self->stats.spooled = gst_effnet_spool_get_rows (self->spool);
  self->stats.spooled_bytes = gst_effnet_spool_get_bytes (self->spool);
  self->stats.lost_spool = loss.full;
  self->stats.lost_disk = loss.disk;
  g_mutex_unlock (&self->lock);
}

static void
count (GstEffnetCourier *self, guint64 *counter, guint64 n)
{
  g_mutex_lock (&self->lock);
  *counter += n;
  g_mutex_unlock (&self->lock);
}

/* @which: of `warned` */
static void
complain (GstEffnetCourier *self, guint which, const char *text)
{
  gint64 now = g_get_monotonic_time ();

  if (self->warned[which] != 0 && now - self->warned[which] < WARN_US)
    return;
  self->warned[which] = now;
  self->warn (text, self->data);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void
send_bytes (GstEffnetCourier *self, const char *topic, gconstpointer data, gsize size,
            gint64 number, int qos, gboolean retain)
{
  GstEffnetLetter letter = {++self->last_token, topic, topic, data, size, qos, retain};

  gst_effnet_flight_add (&self->sent, letter.token, number);
  gst_effnet_link_publish (self->link, &letter);
}

static void
send_letter (GstEffnetCourier *self, const char *topic, const char *text, int qos)
{
  send_bytes (self, topic, text, strlen (text), 0, qos, TRUE);
}

static void
send_record (GstEffnetCourier *self, const char *topic, const char *body, gint64 number,
             gint64 shown)
{
  g_autofree char *text = gst_effnet_recall_sign (self->spool, body, shown);

  send_bytes (self, topic, text, strlen (text), number, self->settings->qos,
              self->settings->retain);
}

static void
send_spool (GstEffnetCourier *self)
{
  GstEffnetSpooled next;

  while (self->state == READY && self->sent.length < WINDOW &&
         gst_effnet_spool_next (self->spool, self->sent_up_to, &next)) {
    self->sent_up_to = next.number;
    send_record (self, next.topic, next.body, next.number, next.number);
    gst_effnet_spooled_clear (&next);
  }
}

/* What a heartbeat says is worth nothing later: it is sent now or never. */
static void
send_heartbeat (GstEffnetCourier *self, const GstEffnetNewsItem *item)
{
  gboolean now = self->state == READY && self->sent.length < WINDOW &&
                 (gst_effnet_spool_get_rows (self->spool) == 0 ||
                  self->sent_up_to >= gst_effnet_spool_get_last (self->spool));

  count (self, now ? &self->stats.heartbeats : &self->stats.heartbeats_skipped, 1);
  if (now)
    send_record (self, item->topic, item->body, 0, gst_effnet_spool_get_last (self->spool));
}

/* ---- Home Assistant, pictures ---------------------------------------------------------------- */

static void
announce (GstEffnetCourier *self, const GPtrArray *entities)
{
  for (guint i = 0; i < entities->len && self->state != DOWN; i++) {
    const GstEffnetDiscovery *entity = g_ptr_array_index (entities, i);
    send_letter (self, entity->topic, entity->text, MIN (self->settings->qos, 1));
  }
}

static void
announce_all (GstEffnetCourier *self)
{
  for (guint i = 0; i < gst_effnet_entities_length (self->entities); i++)
    announce (self, gst_effnet_entities_get (self->entities, i));
}

static void
make_thumbnail (GstEffnetCourier *self, const GstEffnetNewsItem *item)
{
  if (item->picture == NULL)
    return;
  if (!gst_effnet_thumbnails_add (self->thumbnails, item))
    count (self, &self->stats.thumbnails_skipped, 1);
  g_mutex_lock (&self->lock);
  self->pictures--;
  g_mutex_unlock (&self->lock);
}

/* After the records, of which they are no part. */
static void
send_thumbnails (GstEffnetCourier *self)
{
  GBytes *jpeg;
  char *topic;

  while (self->state == READY && self->sent.length < WINDOW &&
         (jpeg = gst_effnet_thumbnails_take (self->thumbnails, &topic)) != NULL) {
    send_bytes (self, topic, g_bytes_get_data (jpeg, NULL), g_bytes_get_size (jpeg), 0,
                MIN (self->settings->qos, 1), self->settings->retain);
    count (self, &self->stats.thumbnails, 1);
    g_bytes_unref (jpeg);
    g_free (topic);
  }
}

/* ---- items ----------------------------------------------------------------------------------- */

static void
take_items (GstEffnetCourier *self, GQueue *items)
{
  GstEffnetNewsItem *item;

  if (items->length == 0)
    return;
  gst_effnet_spool_begin (self->spool);
  for (GList *l = items->head; l != NULL; l = l->next) {
    item = l->data;
    if (gst_effnet_entities_add (self->entities, item))
      announce (self, gst_effnet_entities_get (self->entities,
                                               gst_effnet_entities_length (self->entities) - 1));
    if (!item->is_heartbeat)
      gst_effnet_spool_add (self->spool, item->topic, item->body);
  }
  gst_effnet_spool_commit (self->spool);
  send_spool (self);
  while ((item = g_queue_pop_head (items)) != NULL) {
    if (item->is_heartbeat)
      send_heartbeat (self, item);
    make_thumbnail (self, item);
    gst_effnet_news_item_free (item);
  }
}

/* One write to the disk for all that has been acknowledged. */
static void
settle (GstEffnetCourier *self)
{
  if (self->arrived_up_to > 0)
    gst_effnet_spool_remove (self->spool, self->arrived_up_to);
  self->arrived_up_to = 0;
}

/* ---- which of those under way has the broker? ------------------------------------------------ */

/* Returns: how many of those that waited were found */
static guint64
recall_end (GstEffnetCourier *self)
{
  guint64 rows = gst_effnet_spool_get_rows (self->spool);

  g_clear_pointer (&self->recalled, g_strfreev);
  self->recall = 0;
  self->state = READY;
  if (self->found > 0)
    gst_effnet_spool_remove (self->spool, self->found);
  rows -= gst_effnet_spool_get_rows (self->spool);
  count (self, &self->stats.recalled, rows);
  count (self, &self->stats.published, rows);
  return rows;
}

static void
recall_begin (GstEffnetCourier *self)
{
  settle (self);
  self->found = 0;
  self->recalled = gst_effnet_recall_topics (self->spool, WINDOW);
  if (*self->recalled == NULL || !self->settings->retain ||
      self->wire.address.kind == GST_EFFNET_BROKER_KAFKA) {
    recall_end (self);
    return;
  }
  self->state = RECALLING;
  self->recall = ++self->last_token;
  self->recall_until = g_get_monotonic_time () + RECALL_US;
  gst_effnet_link_subscribe (self->link, self->recall, self->recalled);
}

/* The retained messages have come before the broker confirms the end of the subscription. Where it
 * has all that was asked for, it may have more, since a full disk keeps what has arrived. */
static void
recall_go_on (GstEffnetCourier *self, const GstEffnetLinkEvent *event)
{
  if (event->token != self->recall)
    return;
  if (event->kind == GST_EFFNET_LINK_SUBSCRIBED) {
    self->recall = ++self->last_token;
    gst_effnet_link_unsubscribe (self->link, self->recall, self->recalled);
  } else if (recall_end (self) >= WINDOW) {
    recall_begin (self);
  }
}

/* ---- what the link tells --------------------------------------------------------------------- */

static void
on_up (GstEffnetCourier *self, guint64 connection)
{
  const GstEffnetCourierSettings *s = self->settings;

  g_mutex_lock (&self->lock);
  self->stats.connected = TRUE;
  self->stats.connections++;
  g_mutex_unlock (&self->lock);
  self->tried = TRUE;
  gst_effnet_link_accept (self->link, connection);
  if (s->birth != NULL)
    send_letter (self, s->link.will_topic, s->birth, s->link.will_qos);
  self->state = RECALLING;
  if (self->status_topic != NULL) {
    char *const topics[] = {self->status_topic, NULL};
    gst_effnet_link_subscribe (self->link, ++self->last_token, topics);
  }
  announce_all (self);
  recall_begin (self);
}

static void
on_down (GstEffnetCourier *self, const char *reason, gboolean answered)
{
  g_autofree char *broker = gst_effnet_address_show (&self->wire.address);
  g_autofree char *advice = gst_effnet_address_advise (&self->wire.address, answered);
  g_autofree char *text = g_strdup_printf (
      "No connection to the broker %s: %s. Records wait, and it is tried again; %s", broker, reason,
      advice);

  g_mutex_lock (&self->lock);
  self->stats.connected = FALSE;
  g_mutex_unlock (&self->lock);
  self->tried = TRUE;
  self->state = DOWN;
  self->sent_up_to = 0;
  g_clear_pointer (&self->recalled, g_strfreev);
  g_queue_clear_full (&self->sent, g_free);
  complain (self, 0, text);
}

static void
on_answer (GstEffnetCourier *self, const GstEffnetLinkEvent *event)
{
  GstEffnetArrival arrival =
      gst_effnet_flight_answer (&self->sent, event->token, event->kind == GST_EFFNET_LINK_REFUSED);

  if (event->kind == GST_EFFNET_LINK_REFUSED) {
    g_autofree char *text =
        g_strdup_printf ("The broker does not take what is published: %s", event->text);
    complain (self, 0, text);
  }
  self->arrived_up_to = MAX (self->arrived_up_to, arrival.up_to);
  count (self, &self->stats.published, arrival.arrived);
  count (self, &self->stats.lost_refused, arrival.refused);
}

static void
take_event (GstEffnetCourier *self, const GstEffnetLinkEvent *event)
{
  switch (event->kind) {
  case GST_EFFNET_LINK_UP:
    on_up (self, event->token);
    break;
  case GST_EFFNET_LINK_DOWN:
    on_down (self, event->text, event->token != 0);
    break;
  case GST_EFFNET_LINK_SENT:
    on_answer (self, event);
    break;
  case GST_EFFNET_LINK_REFUSED:
    if (self->state == RECALLING && event->token == self->recall)
      recall_end (self);
    else
      on_answer (self, event);
    break;
  case GST_EFFNET_LINK_MESSAGE:
    if (g_strcmp0 (event->topic, self->status_topic) == 0 &&
        gst_effnet_entities_wanted (event->payload))
      announce_all (self);
    else if (self->state == RECALLING)
      self->found = MAX (self->found, gst_effnet_recall_number (self->spool, event->payload));
    break;
  default:
    if (self->state == RECALLING)
      recall_go_on (self, event);
  }
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Whether there is something to wait for at the end: what is under way, or about to be. */
static gboolean
is_busy (GstEffnetCourier *self)
{
  return gst_effnet_spool_get_rows (self->spool) > 0 && (self->state != DOWN || !self->tried);
}

/* Moves what others handed over to the thread. Returns: FALSE at the end */
static gboolean
wait_for_work (GstEffnetCourier *self, GQueue *items, GQueue *events)
{
  gint64 until = g_get_monotonic_time () + TICK_US;
  gboolean goes_on;

  g_mutex_lock (&self->lock);
  while (self->items.length == 0 && self->events.length == 0 &&
         (self->ends == 0 || (is_busy (self) && g_get_monotonic_time () < self->ends)) &&
         g_cond_wait_until (&self->changed, &self->lock,
                            self->ends != 0 ? MIN (until, self->ends) : until))
    continue;
  *items = self->items;
  *events = self->events;
  g_queue_init (&self->items);
  g_queue_init (&self->events);
  goes_on = self->ends == 0 || items->length > 0 || events->length > 0 ||
            (is_busy (self) && g_get_monotonic_time () < self->ends);
  g_mutex_unlock (&self->lock);
  return goes_on;
}

static gpointer
run (gpointer data)
{
  GstEffnetCourier *self = data;
  GQueue items, events;

  while (wait_for_work (self, &items, &events)) {
    GstEffnetLinkEvent *event;
    char *complaint;

    take_items (self, &items);
    while ((event = g_queue_pop_head (&events)) != NULL) {
      take_event (self, event);
      gst_effnet_link_event_free (event);
    }
    settle (self);
    if (self->state == RECALLING && g_get_monotonic_time () > self->recall_until)
      recall_end (self);
    send_spool (self);
    send_thumbnails (self);
    note_spool (self);
    complaint = gst_effnet_spool_take_complaint (self->spool);
    if (complaint != NULL)
      complain (self, 1, complaint);
    g_free (complaint);
  }
  return NULL;
}

static void
free_now (GstEffnetCourier *self)
{
  g_queue_clear_full (&self->items, gst_effnet_news_item_free);
  g_queue_clear_full (&self->events, (GDestroyNotify)gst_effnet_link_event_free);
  g_queue_clear_full (&self->sent, g_free);
  g_strfreev (self->recalled);
  if (self->spool != NULL)
    gst_effnet_spool_free (self->spool);
  g_free (self->client_id);
  g_free (self->status_topic);
  gst_effnet_entities_free (self->entities);
  gst_effnet_thumbnails_free (self->thumbnails);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

/* MQTT 3.1.1 promises 23 letters and digits; these 22 have a hyphen, which brokers take. */
static void
set_identity (GstEffnetCourier *self)
{
  const char *id = gst_effnet_spool_get_id (self->spool);

  self->client_id = self->settings->link.client_id != NULL
                        ? g_strdup (self->settings->link.client_id)
                        : g_strconcat ("effnet", id, NULL);
  self->wire = self->settings->link;
  self->wire.client_id = self->client_id;
}

GstEffnetCourier *
gst_effnet_courier_new (const GstEffnetCourierSettings *settings, GstEffnetCourierFunc warn,
                        gpointer data, GError **error)
{
  GstEffnetCourier *self = g_new0 (GstEffnetCourier, 1);

  self->settings = settings;
  self->warn = warn;
  self->data = data;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->items);
  g_queue_init (&self->events);
  g_queue_init (&self->sent);
  self->entities = gst_effnet_entities_new (&settings->discovery);
  self->thumbnails = gst_effnet_thumbnails_new (settings->thumbnail_side);
  if (settings->discovery.prefix != NULL)
    self->status_topic = gst_effnet_discovery_status_topic (&settings->discovery);
  self->spool = gst_effnet_spool_open (settings->spool, settings->spool_max_rows,
                                       settings->spool_max_bytes, error);
  if (self->spool == NULL) {
    free_now (self);
    return NULL;
  }
  set_identity (self);
  note_spool (self);
  self->link = gst_effnet_link_new (&self->wire, on_event, self, error);
  if (self->link != NULL)
    self->thread = g_thread_try_new ("effnet-courier", run, self, error);
  if (self->thread == NULL) {
    if (self->link != NULL)
      gst_effnet_link_free (self->link, 0);
    g_clear_pointer (&self, free_now);
  }
  return self;
}

void
gst_effnet_courier_free (GstEffnetCourier *self, gint64 wait_us, GstEffnetCourierStats *stats)
{
  const GstEffnetLinkSettings *wire = &self->wire;

  g_mutex_lock (&self->lock);
  self->ends = g_get_monotonic_time () + wait_us;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  if (self->state != DOWN && wire->will_topic != NULL)
    send_letter (self, wire->will_topic, wire->will, wire->will_qos);
  gst_effnet_link_free (self->link, LAST_WORD_US);
  note_spool (self);
  self->stats.connected = FALSE;
  self->stats.lost_stopped = gst_effnet_spool_get_volatile (self->spool);
  *stats = self->stats;
  free_now (self);
}
