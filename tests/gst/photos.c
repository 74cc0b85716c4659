/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A cat and a cup of coffee as frames, and what the signals tell. */
#include "photos.h"

GstBuffer *
photos_frame (const GstBuffer *photo, int n)
{
  GstBuffer *frame = gst_buffer_copy (photo);

  GST_BUFFER_PTS (frame) = gst_util_uint64_scale_int (GST_SECOND, n, 30);
  GST_BUFFER_DURATION (frame) = GST_SECOND / 30;
  return frame;
}

void
photos_set_up (Photos *f)
{
  f->h = harness_new (NULL, NULL);
  f->cat = photo_frame ("cat.jpg", PHOTO_SIDE, PHOTO_SIDE);
  f->coffee = photo_frame ("coffee.jpg", PHOTO_SIDE, PHOTO_SIDE);
  set_i420_caps (f->h, PHOTO_SIDE, PHOTO_SIDE);
}

void
photos_tear_down (Photos *f)
{
  gst_buffer_unref (f->cat);
  gst_buffer_unref (f->coffee);
  harness_free (f->h);
}

static void
on_state_changed (GstElement *element, const char *region, const char *before, const char *now,
                  guint64 since, int roi_id, const char *head, Heard *heard)
{
  (void)element;
  g_free (heard->head);
  heard->head = g_strdup (head);
  heard->n_changes++;
  g_free (heard->region);
  g_free (heard->before);
  g_free (heard->now);
  heard->region = g_strdup (region);
  heard->before = g_strdup (before);
  heard->now = g_strdup (now);
  heard->since = since;
  heard->roi_id = roi_id;
}

static void
on_classified (GstElement *element, const GstStructure *s, Heard *heard)
{
  gboolean locked = GST_OBJECT_TRYLOCK (element);

  g_assert_true (locked);
  GST_OBJECT_UNLOCK (element);
  g_assert_cmpuint (result_uint (s, "schema-version"), ==, 4);
  g_assert_true (gst_structure_has_field (s, "running-time"));
  heard->n_classified++;
}

void
heard_listen (GstHarness *h, Heard *heard)
{
  *heard = (Heard){0};
  g_signal_connect (h->element, "state-changed", G_CALLBACK (on_state_changed), heard);
  g_signal_connect (h->element, "classified", G_CALLBACK (on_classified), heard);
}

void
heard_clear (Heard *heard)
{
  g_free (heard->region);
  g_free (heard->before);
  g_free (heard->now);
  g_free (heard->head);
}
