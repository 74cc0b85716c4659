/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A table that is cleared and not read again has nothing in it: no step, no code. */
#include "image/jpeg_tables.h"

#include <stdio.h> /* which jpeglib.h needs */
#include <string.h>

#include <jpeglib.h>

void
effnet_jpeg_tables_clear (struct jpeg_decompress_struct *d)
{
  for (unsigned i = 0; i < NUM_QUANT_TBLS; i++)
    if (d->quant_tbl_ptrs[i] != NULL)
      memset (d->quant_tbl_ptrs[i], 0, sizeof *d->quant_tbl_ptrs[i]);
  for (unsigned i = 0; i < NUM_HUFF_TBLS; i++) {
    if (d->dc_huff_tbl_ptrs[i] != NULL)
      memset (d->dc_huff_tbl_ptrs[i], 0, sizeof *d->dc_huff_tbl_ptrs[i]);
    if (d->ac_huff_tbl_ptrs[i] != NULL)
      memset (d->ac_huff_tbl_ptrs[i], 0, sizeof *d->ac_huff_tbl_ptrs[i]);
  }
}

/* A Huffman table without a code, or none. */
static gboolean
is_empty (const JHUFF_TBL *table)
{
  unsigned n = 0;

  for (unsigned i = 1; table != NULL && i <= 16; i++)
    n += table->bits[i];
  return table != NULL && n == 0;
}

gboolean
effnet_jpeg_tables_lack (const struct jpeg_decompress_struct *d)
{
  gboolean lacks = FALSE;

  for (unsigned i = 0; i < NUM_QUANT_TBLS; i++)
    lacks |= d->quant_tbl_ptrs[i] != NULL && d->quant_tbl_ptrs[i]->quantval[0] == 0;
  for (unsigned i = 0; i < NUM_HUFF_TBLS; i++)
    lacks |= is_empty (d->dc_huff_tbl_ptrs[i]) || is_empty (d->ac_huff_tbl_ptrs[i]);
  return lacks;
}
