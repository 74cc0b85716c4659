/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Its symbols stay hidden from libraries that are loaded later, and it is never unloaded, since it
 * registers types. */
#define _GNU_SOURCE /* RTLD_NOLOAD */
#include "metrics/soup.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libsoup-3.0.so.0"

static gboolean
find_all (void *library, GstEffnetSoup *soup)
{
  gboolean found = TRUE;
  void *symbol;

#define FIND(name)                                                                                 \
  symbol = dlsym (library, "soup_" #name);                                                         \
  memcpy (&soup->name, &symbol, sizeof symbol); /* a pointer to a function, from one to data */    \
  found = found && symbol != NULL;
  GST_EFFNET_SOUP_FUNCTIONS (FIND)
  return found;
}

const GstEffnetSoup *
gst_effnet_soup_load (GError **error)
{
  static GstEffnetSoup soup;
  void *other = dlopen ("libsoup-2.4.so.1", RTLD_LAZY | RTLD_NOLOAD);
  void *library = other == NULL ? dlopen (LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE) : NULL;

  if (other != NULL)
    dlclose (other);
  if (library != NULL && find_all (library, &soup))
    return &soup;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               other != NULL ? "libsoup 2 is in use in this process, beside which %s cannot be"
                             : "%s, which it needs, is not there: install libsoup-3.0-0",
               LIBRARY);
  return NULL;
}
