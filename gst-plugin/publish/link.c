/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* pipe2, pthread_sigmask */
#include "publish/link.h"

#include <effnet/effnet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "publish/wire.h"

#define CALLS_MAX 4000 /* that wait, more than all entities take; one more is refused */

/* A broken connection must not end the process; only in this thread is that kept off. */
static gpointer
thread_main (gpointer data)
{
  GstEffnetLink *link = data;
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  link->run (link);
  return NULL;
}

static void
wake (GstEffnetLink *link)
{
  if (write (link->wake[1], "", 1) < 0) /* full: it is awake */
    return;
}

static void
free_now (GstEffnetLink *link)
{
  for (guint i = 0; i < 2; i++) {
    if (link->wake[i] >= 0)
      close (link->wake[i]);
  }
  g_queue_clear_full (&link->calls, (GDestroyNotify)gst_effnet_call_free);
  g_mutex_clear (&link->lock);
  g_object_unref (link->cancellable);
  g_free (link);
}

static gboolean
choose_protocol (GstEffnetLink *link, GError **error)
{
  if (link->settings->address.kind != GST_EFFNET_BROKER_KAFKA) {
    link->run = gst_effnet_mqtt_run;
    return gst_effnet_mqtt_check (link->settings, error);
  }
#ifdef HAVE_KAFKA
  link->run = gst_effnet_kafka_run;
  return TRUE;
#else
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "This build knows no kafka:// brokers; build it with: meson setup -Dkafka=enabled");
  return FALSE;
#endif
}

GstEffnetLink *
gst_effnet_link_new (const GstEffnetLinkSettings *settings, GstEffnetLinkFunc func, gpointer data,
                     GError **error)
{
  GstEffnetLink *link = g_new0 (GstEffnetLink, 1);

  link->settings = settings;
  link->func = func;
  link->data = data;
  link->cancellable = g_cancellable_new ();
  link->wake[0] = link->wake[1] = -1;
  g_mutex_init (&link->lock);
  g_queue_init (&link->calls);
  if (!choose_protocol (link, error)) {
    free_now (link);
    return NULL;
  }
  if (pipe2 (link->wake, O_CLOEXEC | O_NONBLOCK) != 0)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "There is no pipe for the connection: %s",
                 g_strerror (errno));
  else
    link->thread = g_thread_try_new ("effnet-publish", thread_main, link, error);
  if (link->thread == NULL)
    g_clear_pointer (&link, free_now);
  return link;
}

void
gst_effnet_link_free (GstEffnetLink *link, gint64 wait_us)
{
  g_mutex_lock (&link->lock);
  link->ends = g_get_monotonic_time () + wait_us;
  g_mutex_unlock (&link->lock);
  g_cancellable_cancel (link->cancellable);
  wake (link);
  g_thread_join (link->thread);
  free_now (link);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Takes @call. One without an answer would keep all that was sent after it from having arrived. */
static void
push (GstEffnetLink *link, GstEffnetCall *call)
{
  gboolean fits;

  g_mutex_lock (&link->lock);
  fits = link->calls.length < CALLS_MAX;
  call->connection = link->accepted;
  if (fits)
    g_queue_push_tail (&link->calls, call);
  g_mutex_unlock (&link->lock);
  if (fits) {
    wake (link);
    return;
  }
  gst_effnet_wire_emit (link, GST_EFFNET_LINK_REFUSED, call->token, "too much waits for it");
  gst_effnet_call_free (call);
}

static GstEffnetCall *
call_new (GstEffnetCallKind kind, guint64 token, char *const *topics)
{
  GstEffnetCall *call = g_new0 (GstEffnetCall, 1);

  call->kind = kind;
  call->token = token;
  call->topics = g_strdupv ((char **)topics);
  return call;
}

void
gst_effnet_link_accept (GstEffnetLink *link, guint64 connection)
{
  g_mutex_lock (&link->lock);
  link->accepted = connection;
  g_mutex_unlock (&link->lock);
}

void
gst_effnet_link_publish (GstEffnetLink *link, const GstEffnetLetter *letter)
{
  char *const topics[] = {(char *)letter->topic, NULL};
  GstEffnetCall *call = call_new (GST_EFFNET_CALL_PUBLISH, letter->token, topics);

  call->key = g_strdup (letter->key);
  call->data = g_bytes_new (letter->data, letter->size);
  call->qos = letter->qos;
  call->retain = letter->retain;
  push (link, call);
}

void
gst_effnet_link_subscribe (GstEffnetLink *link, guint64 token, char *const *topics)
{
  push (link, call_new (GST_EFFNET_CALL_SUBSCRIBE, token, topics));
}

void
gst_effnet_link_unsubscribe (GstEffnetLink *link, guint64 token, char *const *topics)
{
  push (link, call_new (GST_EFFNET_CALL_UNSUBSCRIBE, token, topics));
}

void
gst_effnet_link_event_free (GstEffnetLinkEvent *event)
{
  g_free (event->topic);
  g_clear_pointer (&event->payload, g_bytes_unref);
  g_free (event->text);
  g_free (event);
}
