/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a list of pictures and classes: refused with the line and a sentence, or a list in
 * which each picture has its classes. The first byte says whether it may have several. */
#include "cli/source.h"
#include "cli/train.h"
#include "input.h"

#include <string.h>

/* Of source.c, which knows GStreamer: the order of names is another test's. */
int
source_compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  gboolean several = size > 0 && (data[0] & 1) != 0;
  const char *path = fuzz_input_path (data + (size > 0), size - (size > 0));
  g_autoptr (GError) error = NULL;
  TrainList *list = train_list_new ();
  gboolean ok = train_csv_read (path, several, list, &error);

  FUZZ_CHECK (ok == (error == NULL));
  FUZZ_CHECK (
      ok || (strstr (error->message, path) != NULL && g_utf8_validate (error->message, -1, NULL)));
  FUZZ_CHECK (!ok || list->items->len > 0);
  train_list_sort (list);
  for (guint i = 0; i < list->items->len; i++) {
    const TrainItem *item = g_ptr_array_index (list->items, i);

    FUZZ_CHECK (*item->path != '\0' && (several || g_strv_length (item->labels) == 1));
    for (char **label = item->labels; *label != NULL; label++)
      FUZZ_CHECK (train_check_label (*label, NULL));
  }
  for (guint i = 1; i < list->labels->len; i++)
    FUZZ_CHECK (strcmp (list->labels->pdata[i - 1], list->labels->pdata[i]) < 0);
  train_list_free (list);
  return 0;
}
