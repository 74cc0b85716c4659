/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/files.h"

#define MODE_DEFAULT -1 /* of buffer-mode */

static gboolean
is_file (GstElement *element)
{
  return g_strcmp0 (G_OBJECT_TYPE_NAME (element), "GstFileSink") == 0;
}

static void on_linked (GstPad *pad, GstPad *peer, GObject *owner);

static void
follow_pad (const GValue *item, gpointer owner)
{
  gst_effnet_files_unbuffer (owner, g_value_get_object (item));
}

/* A filesink keeps 64 KiB back, by default, and takes another word only before it opens its file.
 */
static void
on_linked (GstPad *pad, GstPad *peer, GObject *owner)
{
  g_autoptr (GstElement) element = gst_pad_get_parent_element (peer);
  GstIterator *pads;
  gint mode;

  (void)pad;
  if (element == NULL)
    return;
  if (is_file (element)) {
    g_object_get (element, "buffer-mode", &mode, NULL);
    if (mode == MODE_DEFAULT)
      gst_util_set_object_arg (G_OBJECT (element), "buffer-mode", "unbuffered");
    return;
  }
  pads = gst_element_iterate_src_pads (element);
  gst_iterator_foreach (pads, follow_pad, owner);
  gst_iterator_free (pads);
}

void
gst_effnet_files_unbuffer (GObject *owner, GstPad *src)
{
  g_autoptr (GstPad) peer = gst_pad_get_peer (src);

  if (peer != NULL)
    on_linked (src, peer, owner);
  else
    g_signal_connect_object (src, "linked", G_CALLBACK (on_linked), owner, 0);
}

static void
find_file (const GValue *item, gpointer name)
{
  if (*(char **)name == NULL)
    *(char **)name = gst_effnet_files_find (g_value_get_object (item));
}

char *
gst_effnet_files_find (GstPad *src)
{
  g_autoptr (GstPad) peer = gst_pad_get_peer (src);
  g_autoptr (GstElement) element = peer != NULL ? gst_pad_get_parent_element (peer) : NULL;
  GstIterator *pads;
  char *name = NULL;

  if (element != NULL && is_file (element)) {
    g_object_get (element, "location", &name, NULL);
  } else if (element != NULL) {
    pads = gst_element_iterate_src_pads (element);
    gst_iterator_foreach (pads, find_file, &name);
    gst_iterator_free (pads);
  }
  return name;
}
