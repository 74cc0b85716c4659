/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * weights: files, distrusted. A tensor table is the checked index of a safetensors file, which it
 * keeps open to read from; it knows names, types and shapes, and no network. */
#ifndef EFFNET_WEIGHTS_TENSORS_H
#define EFFNET_WEIGHTS_TENSORS_H

#include "base/arena.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/limits.h"
#include "weights/hash.h"

typedef struct {
  const char *name;
  EffnetDtype dtype;      /* when is_float */
  gboolean is_float;      /* FALSE: an integer tensor (num_batches_tracked), not readable. Numbers
                           * of int8 that have scales are readable, as S8 */
  const char *dtype_name; /* as files write it: "F32", "I64"; static */
  unsigned n_dims;
  size_t shape[EFFNET_TENSOR_MAX_DIMS];
  size_t n_elements, n_bytes;
  EffnetArena own;   /* that data is in */
  const void *data;  /* little-endian; NULL: in the file */
  int fd;            /* of the file */
  size_t offset;     /* of the data in it */
  float *scale;      /* [shape[0]], of S8: what each row is multiplied by */
  gboolean is_scale; /* of another tensor, which has read it */
} EffnetTensor;

/* What a file's name of a tensor's scales ends with, behind the name of that. */
#define EFFNET_SCALE_ENDING "_scale"

typedef struct _EffnetTensorTable EffnetTensorTable;

/* Opens and checks a safetensors file: header length against file size, JSON depth and size, dtypes
 * known, products that do not overflow, data inside the file, neither overlapping nor with holes,
 * names unique. Tensors come in the order of their data. NULL with NOT_FOUND, IO or FORMAT. */
EffnetTensorTable *effnet_tensor_table_open (const char *path, GError **error);
/* An empty table to add tensors to, for synthetic weights and tests. */
EffnetTensorTable *effnet_tensor_table_new (const char *name);
/* Adds a float32 tensor and returns its zeroed data for the caller to fill. NULL when the name is
 * taken, the shape overflows or there is not that much memory. Not for a table of a file. */
float *effnet_tensor_table_add (EffnetTensorTable *table, const char *name, unsigned n_dims,
                                const size_t *shape);
void effnet_tensor_table_free (EffnetTensorTable *table);

/* Of the file opened; the caller's from then on, and tensors can be read no more once it is freed.
 * NULL for a table without a file. */
EffnetHash *effnet_tensor_table_steal_hash (EffnetTensorTable *table);
/* The same; it stays the table's. */
EffnetHash *effnet_tensor_table_hash (const EffnetTensorTable *table);
/* For messages: the path, or the name given to effnet_tensor_table_new(). */
const char *effnet_tensor_table_name (const EffnetTensorTable *table);
size_t effnet_tensor_table_size (const EffnetTensorTable *table);
const EffnetTensor *effnet_tensor_table_nth (const EffnetTensorTable *table, size_t index);
/* What the file's __metadata__ says under @key, which begins with "effnet."; NULL: nothing. */
const char *effnet_tensor_table_note (const EffnetTensorTable *table, const char *key);
/* NULL when there is none of this name. */
const EffnetTensor *effnet_tensor_table_find (const EffnetTensorTable *table, const char *name);

/* Has @tensor, of the table, found under @name as well, which must last as long as the table. FALSE
 * when another has this name. */
gboolean effnet_tensor_table_alias (EffnetTensorTable *table, const EffnetTensor *tensor,
                                    const char *name);
/* Puts a float32 matrix of @shape in the place of @tensor's data, which the table then owns;
 * returns its zeroed data for the caller to fill, NULL without memory. The product of @shape is
 * sound. */
float *effnet_tensor_replace (EffnetTensor *tensor, unsigned n_dims, const size_t *shape);

/* Converts all n_elements, or those from @first on, to float32. @tensor must be is_float. Any
 * number of threads may read at once. FALSE with IO or FORMAT: the file cannot be read, or was cut
 * short since it was opened. */
gboolean effnet_tensor_read (const EffnetTensor *tensor, float *out, GError **error);
gboolean effnet_tensor_read_part (const EffnetTensor *tensor, size_t first, size_t n, float *out,
                                  GError **error);
/* "[32, 3, 3, 3]"; free with g_free(). */
char *effnet_tensor_shape_string (const EffnetTensor *tensor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetTensorTable, effnet_tensor_table_free)

#endif
