/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/label_line.h"

#include <string.h>

#define SPACES        " \t\n\v\f\r"
#define DIGITS        "0123456789"
#define DIGITS_MAX    20 /* of a number */
#define SYNSET_DIGITS 8

/* Behind a character of @set, with or without spaces before it; NULL when there is none. */
static char *
skip_separator (char *at, const char *set)
{
  at += strspn (at, SPACES);
  if ((*at == '-' || *at == '=') && at[1] == '>') /* an arrow */
    return at + 2;
  if (*at == '\0' || strchr (set, *at) == NULL)
    return NULL;
  return at + 1;
}

/* The name that follows @end, the end of what must part it from the number: behind the spaces, of
 * which the last stays when there is nothing else. */
static gboolean
take_name (char *end, EffnetLabelLine *line)
{
  size_t spaces = strspn (end, SPACES);

  if (end[spaces] == '\0' && spaces > 0)
    spaces--;
  line->name = end + spaces;
  line->length = strlen (line->name);
  return line->length > 0;
}

/* What parts number and name: ":" and the like; a dot or a hyphen before a space; a space; or,
 * after a bracket, nothing. */
static gboolean
take_gap (char *at, gboolean bracket, EffnetLabelLine *line)
{
  char *end = skip_separator (at, ":,;|=)");

  line->certain = TRUE;
  if (end != NULL && take_name (end, line))
    return TRUE;
  end = skip_separator (at, ".-");
  if (end != NULL && strspn (end, SPACES) > 0 && take_name (end + 1, line))
    return TRUE;
  line->certain = FALSE;
  if (strspn (at, SPACES) > 0 && take_name (at + 1, line)) {
    line->certain = strspn (at, " ") < (size_t)(line->name - at);
    return TRUE;
  }
  return bracket && take_name (at, line);
}

gboolean
effnet_label_head (char *text, EffnetLabelLine *line)
{
  char *number = text + (*text != '\0' && strchr ("[(#\"", *text) != NULL);
  size_t digits = strspn (number, DIGITS);
  char *end = number + digits;

  *line = (EffnetLabelLine){.number = number};
  if (digits == 0 || digits > DIGITS_MAX || *end == '\0')
    return FALSE;
  if ((strchr ("])\"", *end) != NULL && take_gap (end + 1, *end != '"', line)) ||
      take_gap (end, FALSE, line)) {
    /* "12,5 mm" is no 12 */
    line->certain = line->certain && !g_ascii_isdigit (*line->name);
    return TRUE;
  }
  line->name = NULL;
  return FALSE;
}

/* @end less the characters of @set before it. */
static char *
skip_back (char *start, char *end, const char *set)
{
  while (end > start && strchr (set, end[-1]) != NULL)
    end--;
  return end;
}

gboolean
effnet_label_tail (char *text, EffnetLabelLine *line)
{
  char *end = text + strlen (text), *number, *gap, *name_end;

  end -= end > text && end[-1] == '"';
  number = skip_back (text, end, DIGITS);
  *line = (EffnetLabelLine){.number = number};
  if (number == end || end - number > DIGITS_MAX)
    return FALSE;
  gap = number - (number > text && number[-1] == '"');
  name_end = skip_back (text, gap, SPACES);
  /* "Boeing, 747" may be a name, of "Boeing,747" it is not likely */
  line->certain = name_end == gap;
  if (name_end > text && strchr (":,;|=", name_end[-1]) != NULL) {
    char *before = skip_back (text, name_end - 1, SPACES);
    name_end = before > text ? before : name_end;
  }
  if (name_end == gap || name_end == text)
    return FALSE;
  for (const char *at = name_end; !line->certain && at < gap; at++)
    line->certain = *at != ' ' && strchr (SPACES, *at) != NULL;
  line->certain = line->certain && !g_ascii_isdigit (*text); /* "12,5" is no 5 */
  line->name = text;
  line->length = (size_t)(name_end - text);
  return TRUE;
}

gboolean
effnet_label_synset (char *text, EffnetLabelLine *line)
{
  char *end = text + 1 + SYNSET_DIGITS;
  size_t gap;

  *line = (EffnetLabelLine){.number = text};
  if (*text != 'n' || strspn (text + 1, DIGITS) != SYNSET_DIGITS)
    return FALSE;
  gap = strspn (end, SPACES ",:;");
  if (gap == 0 || (gap == 1 && end[1] == '\0'))
    return FALSE;
  gap -= end[gap] == '\0';
  line->name = end + gap;
  line->length = strlen (line->name);
  return TRUE;
}
