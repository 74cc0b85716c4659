/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/player.h"

#include "effnet/effnet.h"

#define STOP_MS 3000
#define IDLE_US (100 * G_TIME_SPAN_MILLISECOND)

struct _Player {
  GstElement *pipeline;
  GThread *thread;
  GMutex lock;
  GCond changed;
  gboolean stop, stopped;  /* under the lock */
  void (*idle) (gpointer); /* under the lock, with its argument; NULL: nothing */
  gpointer idle_data;
  GDestroyNotify idle_free;
  gint is_live, is_started; /* atomic */
};

/* Under the lock, which others may take meanwhile. */
static void
do_idle (Player *self)
{
  void (*idle) (gpointer) = self->idle;
  gpointer data = self->idle_data;

  if (idle == NULL) {
    g_cond_wait (&self->changed, &self->lock);
    return;
  }
  g_mutex_unlock (&self->lock);
  idle (data);
  g_mutex_lock (&self->lock);
  if (!self->stop)
    g_cond_wait_until (&self->changed, &self->lock, g_get_monotonic_time () + IDLE_US);
}

static gpointer
run (gpointer data)
{
  Player *self = data;
  GstStateChangeReturn change = gst_element_set_state (self->pipeline, GST_STATE_PLAYING);

  if (change == GST_STATE_CHANGE_NO_PREROLL)
    g_atomic_int_set (&self->is_live, TRUE);
  else if (change == GST_STATE_CHANGE_FAILURE) /* behind what an element may have said of it */
    GST_ELEMENT_ERROR (self->pipeline, CORE, STATE_CHANGE, ("An element does not start."), (NULL));
  g_atomic_int_set (&self->is_started, TRUE);
  g_mutex_lock (&self->lock);
  while (!self->stop)
    do_idle (self);
  g_mutex_unlock (&self->lock);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  if (self->idle_free != NULL)
    self->idle_free (self->idle_data);
  gst_clear_object (&self->pipeline); /* its end may hang, too */
  g_mutex_lock (&self->lock);
  self->stopped = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return NULL;
}

static void
player_free (Player *self)
{
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  gst_clear_object (&self->pipeline);
  g_free (self);
}

Player *
player_start (GstElement *pipeline, GError **error)
{
  Player *self = g_new0 (Player, 1);
  g_autoptr (GError) cause = NULL;

  self->pipeline = gst_object_ref (pipeline);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->thread = g_thread_try_new ("player", run, self, &cause);
  if (self->thread != NULL)
    return self;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "cannot be decoded: %s", cause->message);
  player_free (self);
  return NULL;
}

void
player_set_idle (Player *self, void (*idle) (gpointer), gpointer data, GDestroyNotify destroy)
{
  g_mutex_lock (&self->lock);
  self->idle = idle;
  self->idle_data = data;
  self->idle_free = destroy;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

gboolean
player_is_live (Player *self)
{
  return g_atomic_int_get (&self->is_live);
}

gboolean
player_is_started (Player *self)
{
  return g_atomic_int_get (&self->is_started);
}

gboolean
player_stop (Player *self)
{
  gint64 end = g_get_monotonic_time () + STOP_MS * G_TIME_SPAN_MILLISECOND;
  gboolean stopped;

  g_mutex_lock (&self->lock);
  self->stop = TRUE;
  g_cond_broadcast (&self->changed);
  while (!self->stopped && g_cond_wait_until (&self->changed, &self->lock, end))
    ;
  stopped = self->stopped;
  g_mutex_unlock (&self->lock);
  if (!stopped)
    return FALSE;
  g_thread_join (self->thread);
  player_free (self);
  return TRUE;
}
