/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A linear search; the least recently used pass is replaced. */
#include "image/passes.h"

#include <string.h>

#include "base/checked.h"

static void
free_pass (gpointer pass)
{
  effnet_pass_clear (pass);
  g_free (pass);
}

void
effnet_passes_next_frame (EffnetPasses *passes)
{
  passes->frame++;
}

static EffnetPass *
find (const EffnetPasses *passes, const EffnetLayout *layout)
{
  for (guint i = 0; i < passes->all->len; i++) {
    EffnetPass *pass = passes->all->pdata[i];
    if (memcmp (&pass->layout, layout, sizeof *layout) == 0)
      return pass;
  }
  return NULL;
}

/* Evicts the least recently used passes when full, but none of this frame. */
static void
make_room (EffnetPasses *passes)
{
  while (passes->all->len >= EFFNET_PASSES_KEPT) {
    guint oldest = 0;
    for (guint i = 1; i < passes->all->len; i++) {
      const EffnetPass *a = passes->all->pdata[i], *b = passes->all->pdata[oldest];
      if (a->used < b->used)
        oldest = i;
    }
    if (((EffnetPass *)passes->all->pdata[oldest])->used == passes->frame)
      return;
    g_ptr_array_remove_index_fast (passes->all, oldest);
  }
}

static gboolean
reserve_scratch (EffnetPasses *passes, const EffnetPass *pass, GError **error)
{
  const EffnetLayout *l = &pass->layout;
  size_t total;

  if (effnet_checked_mul (pass->slot_bytes, l->slots, &total)) {
    if (total <= passes->scratch.bytes)
      return TRUE;
    effnet_arena_clear (&passes->scratch);
    if (effnet_arena_init (&passes->scratch, total) == 0)
      return TRUE;
  }
  return effnet_fail (error, EFFNET_ERROR_FRAME,
                      "%s frame of %ux%u pixels: no memory for %u x %" G_GSIZE_FORMAT
                      " bytes of scratch; use a smaller frame or fewer threads",
                      l->format.name, l->width, l->height, l->slots, pass->slot_bytes);
}

const EffnetPass *
effnet_passes_get (EffnetPasses *passes, const EffnetLayout *layout, const EffnetInputSpec *spec,
                   const EffnetGeometry *geometry, GError **error)
{
  EffnetPass *pass;

  if (passes->all == NULL)
    passes->all = g_ptr_array_new_with_free_func (free_pass);
  pass = find (passes, layout);
  if (pass == NULL) {
    make_room (passes);
    pass = g_new0 (EffnetPass, 1);
    if (!effnet_pass_build (pass, layout, spec, geometry, error)) {
      free_pass (pass);
      return NULL;
    }
    g_ptr_array_add (passes->all, pass);
  }
  pass->used = passes->frame;
  return reserve_scratch (passes, pass, error) ? pass : NULL;
}

void
effnet_passes_clear (EffnetPasses *passes)
{
  g_clear_pointer (&passes->all, g_ptr_array_unref);
  effnet_arena_clear (&passes->scratch);
}
