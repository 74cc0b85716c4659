/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What other collections call the rows of the table. */
#include "arch/table.h"

#include <string.h>

const char *
effnet_arch_summary (void)
{
  static char *summary;
  static gsize ready;

  if (g_once_init_enter (&ready)) {
    const char *const *names = effnet_arch_names ();
    GString *text = g_string_new (NULL);

    while (*names != NULL) {
      const EffnetFamily *family = effnet_variant_find (*names)->family;
      unsigned n = 1;

      while (names[n] != NULL && effnet_variant_find (names[n])->family == family)
        n++;
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", *names);
      if (n > 1)
        g_string_append_printf (text, "%s%s", n > 2 ? " to " : ", ", names[n - 1]);
      names += n;
    }
    summary = g_string_free (text, FALSE);
    g_once_init_leave (&ready, 1);
  }
  return summary;
}

/* What may follow a name: nothing, a tag of the training (".ns_jft_in1k"), or its older
 * spelling ("_ns", "_ap", "_in21k"). Anything else would be another architecture ("_pruned",
 * "_g16"). */
static gboolean
is_training_tag (const char *tag)
{
  static const char *const old_tags[] = {"_ns",    "_ap",       "_aa", "_ns_475",
                                         "_in21k", "_in21ft1k", NULL};

  if (tag[0] == '\0')
    return TRUE;
  if (tag[0] == '.')
    return tag[1] != '\0';
  return g_strv_contains (old_tags, tag);
}

/* Behind @row in @name; NULL when @name does not begin with it. A hyphen of the row may be another
 * sign or, as Keras has it, none. */
static const char *
after_row (const char *name, const char *row)
{
  for (; *row != '\0'; row++) {
    if (*row == '-')
      name += *name == '-' || *name == '_';
    else if (*name++ != *row)
      return NULL;
  }
  return name;
}

/* Behind "efficientnet" and what may follow it; NULL when @name does not begin so. */
static const char *
after_family (const char *name)
{
  static const char family[] = "efficientnet";

  if (!g_str_has_prefix (name, family))
    return NULL;
  name += strlen (family);
  return name + (*name == '-' || *name == '_');
}

/* As the table has it: "edgetpu-s" is "es". */
static const char *
short_edgetpu (char *name)
{
  static const char edgetpu[] = "edgetpu";

  if (!g_str_has_prefix (name, edgetpu) || strlen (name) < sizeof edgetpu)
    return name;
  name[sizeof edgetpu - 1] = 'e';
  return name + sizeof edgetpu - 1;
}

const char *
effnet_arch_timm_prefix (const char *row)
{
  return effnet_variant_find (row)->family->timm_prefix;
}

/* Whether @tail may follow @row: of a plain name of ours, nothing. */
static gboolean
is_tail (const char *tail, const char *row, gboolean is_efficientnet)
{
  gboolean is_timms = *effnet_arch_timm_prefix (row) == '\0';

  if (is_timms && is_efficientnet)
    return FALSE;
  return is_timms || is_efficientnet ? is_training_tag (tail) : tail[0] == '\0';
}

const char *
effnet_arch_from_name (const char *name)
{
  if (name == NULL)
    return NULL;
  g_autofree char *lower = g_ascii_strdown (name, -1);
  char *slash = strrchr (lower, '/'); /* "timm/efficientnet_b0" */
  char *part = slash != NULL ? slash + 1 : lower;
  gboolean tf = g_str_has_prefix (part, "tf_");
  const char *after = after_family (tf ? part + strlen ("tf_") : part), *found = NULL;

  if (tf && after == NULL) /* "tf_b0" */
    return NULL;
  if (after != NULL)
    part = lower + (after - lower);
  const char *start = after != NULL ? short_edgetpu (part) : part;
  for (const char *const *row = effnet_arch_names (); *row != NULL && found == NULL; row++) {
    const char *tail = after_row (start, *row);

    if (tail != NULL && is_tail (tail, *row, after != NULL))
      found = *row;
  }
  return found;
}
