/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The spool and all about sending belong to the courier's thread; what others hand over, and the
 * counters, are under the lock. */
#include "publish/courier.h"

#include <string.h>

#include "publish/spool.h"

#define QUEUE_MAX    1000             /* records that wait for the thread */
#define WINDOW       20               /* under way at a time */
#define LAST_WORD_US (G_USEC_PER_SEC) /* to say that we are gone */
#define TICK_US      (500 * 1000)
#define RECALL_US    (5 * G_USEC_PER_SEC)  /* a broker that does not answer has no say */
#define WARN_US      (60 * G_USEC_PER_SEC) /* between two complaints about the same thing */

typedef enum { DOWN, RECALLING, READY } LinkState;

/* A letter under way; answers come in the order of sending. */
typedef struct {
  guint64 token;
  gint64 number; /* of the record; 0: it is none */
  gboolean answered, refused;
} Sent;

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
  GQueue items;  /* of GstEffnetNewsItem * */
  GQueue events; /* of GstEffnetLinkEvent * */
  gint64 ends;   /* 0: it goes on; else until when at most */
  GstEffnetCourierStats stats;

  /* of the thread */
  GstEffnetSpool *spool;
  char *prefix; /* of each body: the publisher's id */
  LinkState state;
  gboolean tried; /* a connection has stood or failed */
  GQueue sent;    /* of Sent * */
  guint64 last_token;
  gint64 sent_up_to; /* over this connection; what was sent before counts as not sent */
  gint64 found;      /* the highest number that a retained message has */
  guint64 recall;    /* the token that is waited for */
  gint64 recall_until;
  char **recalled;  /* topics */
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

static guint64
send_letter (GstEffnetCourier *self, const char *topic, const char *text, gint64 number, int qos,
             gboolean retain)
{
  GstEffnetLetter letter = {++self->last_token, topic, topic, text, strlen (text), qos, retain};
  Sent *sent = g_new0 (Sent, 1);

  sent->token = letter.token;
  sent->number = number;
  g_queue_push_tail (&self->sent, sent);
  gst_effnet_link_publish (self->link, &letter);
  return letter.token;
}

/* @body is a JSON object; the id and the number come first, where they are found again. */
static void
send_record (GstEffnetCourier *self, const char *topic, const char *body, gint64 number,
             gint64 shown)
{
  g_autofree char *text =
      g_strdup_printf ("%s%" G_GINT64_FORMAT ",%s", self->prefix, shown, body + 1);

  send_letter (self, topic, text, number, self->settings->qos, self->settings->retain);
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
                 self->sent_up_to >= gst_effnet_spool_get_last (self->spool);

  count (self, now ? &self->stats.heartbeats : &self->stats.heartbeats_skipped, 1);
  if (now)
    send_record (self, item->topic, item->body, 0, gst_effnet_spool_get_last (self->spool));
}

static void
take_items (GstEffnetCourier *self, GQueue *items)
{
  GstEffnetNewsItem *item;

  if (items->length == 0)
    return;
  gst_effnet_spool_begin (self->spool);
  for (GList *l = items->head; l != NULL; l = l->next) {
    item = l->data;
    if (!item->is_heartbeat)
      gst_effnet_spool_add (self->spool, item->topic, item->body);
  }
  gst_effnet_spool_commit (self->spool);
  send_spool (self);
  while ((item = g_queue_pop_head (items)) != NULL) {
    if (item->is_heartbeat)
      send_heartbeat (self, item);
    gst_effnet_news_item_free (item);
  }
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

/* The topics of what an earlier connection, or process, may have sent. */
static char **
recall_topics (GstEffnetCourier *self)
{
  g_autoptr (GPtrArray) topics = g_ptr_array_new ();
  GstEffnetSpooled row;
  gint64 at = 0;

  for (guint i = 0; i < WINDOW && gst_effnet_spool_next (self->spool, at, &row); i++) {
    at = row.number;
    if (g_ptr_array_find_with_equal_func (topics, row.topic, g_str_equal, NULL))
      g_free (row.topic);
    else
      g_ptr_array_add (topics, row.topic);
    g_free (row.body);
  }
  g_ptr_array_add (topics, NULL);
  return (char **)g_ptr_array_steal (topics, NULL);
}

static void
recall_begin (GstEffnetCourier *self)
{
  self->found = 0;
  self->recalled = recall_topics (self);
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

/* A number that was never given is not believed. */
static void
recall_message (GstEffnetCourier *self, const GstEffnetLinkEvent *event)
{
  gsize size, length = strlen (self->prefix);
  const char *text = g_bytes_get_data (event->payload, &size);
  char number[24] = "";
  gint64 value;

  if (self->state != RECALLING || size <= length || memcmp (text, self->prefix, length) != 0)
    return;
  memcpy (number, text + length, MIN (sizeof number - 1, size - length));
  value = g_ascii_strtoll (number, NULL, 10);
  if (value > self->found && value <= gst_effnet_spool_get_last (self->spool))
    self->found = value;
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
    send_letter (self, s->link.will_topic, s->birth, 0, s->link.will_qos, TRUE);
  recall_begin (self);
}

/* @answered: the broker said so itself. Returns: what a person can do */
static char *
advice_of (const GstEffnetAddress *address, gboolean answered)
{
  if (answered)
    return g_strdup ("check user, password and client-id, and what the broker's log says");
  if (address->kind == GST_EFFNET_BROKER_KAFKA)
    return g_strdup ("is it running there?");
  return g_strdup_printf ("is it running there (mosquitto -v)? Try: mosquitto_pub -h %s -p %d%s "
                          "-t test -m hello",
                          address->host, address->port,
                          address->kind == GST_EFFNET_BROKER_MQTTS ? " --capath /etc/ssl/certs"
                                                                   : "");
}

static void
on_down (GstEffnetCourier *self, const char *reason, gboolean answered)
{
  g_autofree char *broker = gst_effnet_address_show (&self->wire.address);
  g_autofree char *advice = advice_of (&self->wire.address, answered);
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
  guint64 arrived = 0, refused = 0;
  gint64 up_to = 0;
  Sent *first;

  for (GList *l = self->sent.head; l != NULL; l = l->next) {
    Sent *sent = l->data;

    if (sent->token == event->token) {
      sent->answered = TRUE;
      sent->refused = event->kind == GST_EFFNET_LINK_REFUSED;
      break;
    }
  }
  while ((first = g_queue_peek_head (&self->sent)) != NULL && first->answered) {
    if (first->number > 0) {
      up_to = first->number;
      refused += first->refused;
      arrived += !first->refused;
    }
    g_free (g_queue_pop_head (&self->sent));
  }
  if (event->kind == GST_EFFNET_LINK_REFUSED) {
    g_autofree char *text =
        g_strdup_printf ("The broker does not take what is published: %s", event->text);
    complain (self, 0, text);
  }
  if (up_to > 0)
    gst_effnet_spool_remove (self->spool, up_to);
  count (self, &self->stats.published, arrived);
  count (self, &self->stats.lost_refused, refused);
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
    recall_message (self, event);
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
    if (self->state == RECALLING && g_get_monotonic_time () > self->recall_until)
      recall_end (self);
    send_spool (self);
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
  g_free (self->prefix);
  g_free (self->client_id);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

/* MQTT 3.1.1 promises 23 letters and digits; these 22 have a hyphen, which brokers take. */
static void
set_identity (GstEffnetCourier *self)
{
  const char *id = gst_effnet_spool_get_id (self->spool);

  self->prefix = g_strdup_printf ("{\"publisher\":\"%s\",\"sequence\":", id);
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
    send_letter (self, wire->will_topic, wire->will, 0, wire->will_qos, TRUE);
  gst_effnet_link_free (self->link, LAST_WORD_US);
  note_spool (self);
  self->stats.connected = FALSE;
  self->stats.lost_stopped = gst_effnet_spool_get_volatile (self->spool);
  *stats = self->stats;
  free_now (self);
}
