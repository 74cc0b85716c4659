/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * weights: files, distrusted. A tensor table is the checked index of a safetensors file mapped into
 * memory; it knows names, types and shapes, and no network. */
#ifndef EFFNET_WEIGHTS_TENSORS_H
#define EFFNET_WEIGHTS_TENSORS_H

#include "base/dtype.h"
#include "base/error.h"
#include "base/limits.h"
#include "weights/hash.h"

typedef struct {
  const char *name;
  EffnetDtype dtype;      /* when is_float */
  gboolean is_float;      /* FALSE: an integer tensor (num_batches_tracked), not readable */
  const char *dtype_name; /* as files write it: "F32", "I64"; static */
  unsigned n_dims;
  size_t shape[EFFNET_TENSOR_MAX_DIMS];
  size_t n_elements;
  const void *data; /* little-endian, maybe unaligned, inside the mapping */
  gboolean mapped;  /* FALSE: the data is the table's own */
} EffnetTensor;

typedef struct _EffnetTensorTable EffnetTensorTable;

/* Maps and checks a safetensors file: header length against file size, JSON depth and size, dtypes
 * known, products that do not overflow, data inside the file, neither overlapping nor with holes,
 * names unique. Tensors come in the order of their data. NULL with NOT_FOUND, IO or FORMAT. */
EffnetTensorTable *effnet_tensor_table_open (const char *path, GError **error);
/* An empty table to add tensors to, for synthetic weights and tests. */
EffnetTensorTable *effnet_tensor_table_new (const char *name);
/* Adds a float32 tensor and returns its zeroed data for the caller to fill. NULL when the name is
 * taken, the shape overflows or there is not that much memory. Not for a table that maps a file. */
float *effnet_tensor_table_add (EffnetTensorTable *table, const char *name, unsigned n_dims,
                                const size_t *shape);
void effnet_tensor_table_free (EffnetTensorTable *table);

/* Of the file opened; the caller's from then on. NULL for a table that maps none. */
EffnetHash *effnet_tensor_table_steal_hash (EffnetTensorTable *table);
/* For messages: the path, or the name given to effnet_tensor_table_new(). */
const char *effnet_tensor_table_name (const EffnetTensorTable *table);
size_t effnet_tensor_table_size (const EffnetTensorTable *table);
const EffnetTensor *effnet_tensor_table_nth (const EffnetTensorTable *table, size_t index);
/* NULL when there is none of this name. */
const EffnetTensor *effnet_tensor_table_find (const EffnetTensorTable *table, const char *name);

/* Converts all n_elements, or those from @first on, to float32. @tensor must be is_float. */
void effnet_tensor_read (const EffnetTensor *tensor, float *out);
void effnet_tensor_read_part (const EffnetTensor *tensor, size_t first, size_t n, float *out);
/* Of a mapped file the pages that hold nothing else go back to the system: the process need not
 * have a whole file in memory beside what is made of it. Reading again loads them from the file.
 */
void effnet_tensor_done (const EffnetTensor *tensor);
/* "[32, 3, 3, 3]"; free with g_free(). */
char *effnet_tensor_shape_string (const EffnetTensor *tensor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetTensorTable, effnet_tensor_table_free)

#endif
