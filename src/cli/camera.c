/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/camera.h"

#include <stdlib.h>
#include <string.h>

#define CLASS "/sys/class/video4linux"

/* Of the node @name: 0 for the one with pictures, more for those with metadata; "" if unknown. */
static char *
index_of (const char *name)
{
  g_autofree char *file = g_build_filename (CLASS, name, "index", NULL);
  char *index = NULL;

  if (!g_file_get_contents (file, &index, NULL, NULL))
    return g_strdup ("");
  return g_strstrip (index);
}

char *
camera_place (const char *node)
{
  char *file = realpath (node, NULL); /* what realpath() gives, free() takes */
  g_autofree char *name = file != NULL ? g_path_get_basename (file) : NULL;
  g_autofree char *link = name != NULL ? g_build_filename (CLASS, name, "device", NULL) : NULL;
  char *folder = link != NULL ? realpath (link, NULL) : NULL;
  g_autofree char *index = folder != NULL ? index_of (name) : NULL;
  char *place = folder != NULL ? g_strconcat (index, ":", folder, NULL) : NULL;

  free (folder);
  free (file);
  return place;
}

char *
camera_at (const char *place)
{
  const char *folder = strchr (place, ':') + 1, *name;
  g_autofree char *nodes = g_build_filename (folder, "video4linux", NULL);
  g_autoptr (GDir) dir = g_dir_open (nodes, 0, NULL);

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *node = g_build_filename ("/dev", name, NULL);
    g_autofree char *there = camera_place (node);

    if (g_strcmp0 (there, place) == 0)
      return g_steal_pointer (&node);
  }
  return NULL;
}
