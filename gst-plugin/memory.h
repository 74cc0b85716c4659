/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory before it is needed. GLib and GStreamer end the process when they get none, for however
 * little: where a file, a property or a stream says how much they will ask for, it is asked here
 * first, and the answer may be a sentence. */
#ifndef GST_EFFNET_MEMORY_H
#define GST_EFFNET_MEMORY_H

#include <effnet/effnet.h>
#include <string.h>

G_BEGIN_DECLS

#define GST_EFFNET_RESERVE                                                                         \
  ((gsize)256 << 10) /* bytes: texts, messages and structures meanwhile                            \
                      */

/* FALSE with EFFNET_ERROR_IO, "@what needs ...", when the system would not give @bytes and the
 * reserve now. Nothing is kept. */
static inline gboolean
gst_effnet_check_memory (const char *what, gsize bytes, GError **error)
{
  gpointer block = bytes < G_MAXSIZE / 2 ? g_try_malloc (bytes + GST_EFFNET_RESERVE) : NULL;

  g_free (block);
  if (block == NULL)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "%s needs %" G_GSIZE_FORMAT " bytes of memory, which the system does not give",
                 what, bytes + GST_EFFNET_RESERVE);
  return block != NULL;
}

/* The same for a text of a property, which is cut into at most @each bytes for each of its own. One
 * of none asks for nothing and is always there. */
static inline gboolean
gst_effnet_check_text (const char *property, const char *text, gsize each, GError **error)
{
  return text == NULL || *text == '\0' ||
         gst_effnet_check_memory (property, each * strlen (text), error);
}

G_END_DECLS

#endif
