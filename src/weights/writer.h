/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes safetensors files. The invariant: a file appears under its name whole or not at all, and
 * what had that name before stays until then. Tensors of an open file are copied as the bytes they
 * are, a piece at a time. */
#ifndef EFFNET_WEIGHTS_WRITER_H
#define EFFNET_WEIGHTS_WRITER_H

#include "weights/tensors.h"

typedef struct _EffnetTensorWriter EffnetTensorWriter;

EffnetTensorWriter *effnet_tensor_writer_new (void);
void effnet_tensor_writer_free (EffnetTensorWriter *writer);
/* A string of the header's __metadata__, for people. */
void effnet_tensor_writer_note (EffnetTensorWriter *writer, const char *key, const char *value);
/* A tensor of @data, [product of @shape], which must stay until the file is written. Names are new
 * each, without control characters, and n_dims at most EFFNET_TENSOR_MAX_DIMS. */
void effnet_tensor_writer_add (EffnetTensorWriter *writer, const char *name, unsigned n_dims,
                               const size_t *shape, const float *data);
/* The same of int8 @data, with @scale, [shape[0]], beside it under @name + EFFNET_SCALE_ENDING: a
 * table's S8. */
void effnet_tensor_writer_add_s8 (EffnetTensorWriter *writer, const char *name, unsigned n_dims,
                                  const size_t *shape, const int8_t *data, const float *scale);
/* A tensor of a table, with its scales, which must stay open until the file is written. */
void effnet_tensor_writer_copy (EffnetTensorWriter *writer, const char *name,
                                const EffnetTensor *tensor);
/* Writes @path: beside it under another name, to the disk, then renamed. FALSE with IO, or FORMAT
 * where a tensor's file was cut short; then nothing new is there. */
gboolean effnet_tensor_writer_save (EffnetTensorWriter *writer, const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetTensorWriter, effnet_tensor_writer_free)

#endif
