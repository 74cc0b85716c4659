/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wording.h"

#include <math.h>

char *
gst_effnet_wording_label (const GstEffnetRecord *record, gboolean *scored)
{
  gboolean stable = record->stable.label[0] != '\0';
  const char *label = stable ? record->stable.label : record->best.label;

  *scored = !stable || record->stable.id == record->best.id;
  return g_utf8_make_valid (label, -1);
}

static void
append_name (GString *text, const char *name)
{
  g_autofree char *valid = g_utf8_make_valid (name, -1);

  if (valid[0] != '\0')
    g_string_append_printf (text, "%s: ", valid);
}

void
gst_effnet_wording_append_names (GString *text, const GstEffnetRecord *record, gboolean several)
{
  if (several && !record->is_part)
    append_name (text, record->element);
  if (record->is_part && record->roi_id < 0)
    append_name (text, record->region);
  append_name (text, record->head);
}

int
gst_effnet_wording_append_score (GString *text, double score)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  if (score >= 0 && score <= 1) {
    g_string_append_printf (text, "  %ld %%", lround (score * 100));
    return (int)lround (score * 100);
  }
  g_string_append_printf (text, "  %s", g_ascii_formatd (number, sizeof number, "%.2f", score));
  return -1;
}
