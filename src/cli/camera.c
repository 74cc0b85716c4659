/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/camera.h"

#include <stdlib.h>

#define CLASS "/sys/class/video4linux"

/* What sysfs says of the node @name: "index", 0 for the one with pictures, more for those with
 * metadata; "name", the camera's, which tells those from each other that one driver makes. */
static char *
said_of (const char *name, const char *what)
{
  g_autofree char *file = g_build_filename (CLASS, name, what, NULL);
  char *text = NULL;

  if (!g_file_get_contents (file, &text, NULL, NULL))
    return g_strdup ("");
  return g_strstrip (text);
}

char *
camera_place (const char *node)
{
  char *file = realpath (node, NULL); /* what realpath() gives, free() takes */
  g_autofree char *name = file != NULL ? g_path_get_basename (file) : NULL;
  g_autofree char *link = name != NULL ? g_build_filename (CLASS, name, "device", NULL) : NULL;
  char *folder = link != NULL ? realpath (link, NULL) : NULL;
  char *place = NULL;

  if (folder != NULL) {
    g_autofree char *index = said_of (name, "index"), *camera = said_of (name, "name");

    place = g_strjoin ("\n", folder, index, camera, NULL);
  }
  free (folder);
  free (file);
  return place;
}

char *
camera_at (const char *place)
{
  g_auto (GStrv) parts = g_strsplit (place, "\n", 2);
  g_autofree char *nodes = g_build_filename (parts[0], "video4linux", NULL);
  g_autoptr (GDir) dir = g_dir_open (nodes, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *node = g_build_filename ("/dev", name, NULL);
    g_autofree char *there = camera_place (node);

    if (g_strcmp0 (there, place) == 0)
      return g_steal_pointer (&node);
  }
  return NULL;
}
