/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table's inside, private to weights. Either every tensor's data lies in the file, or the
 * table owns each of them. */
#ifndef EFFNET_WEIGHTS_TABLE_H
#define EFFNET_WEIGHTS_TABLE_H

#include "weights/tensors.h"

struct _EffnetTensorTable {
  char *name;
  int fd;              /* the hash's; -1: tensors own their data */
  EffnetHash *hash;    /* of the file */
  GPtrArray *tensors;  /* EffnetTensor, each at an address that stays */
  GHashTable *by_name; /* name, or another that it is found under -> EffnetTensor */
  GHashTable *notes;   /* of __metadata__, those that are ours: char * -> char * */
};

/* Takes @tensor, whose name was allocated. The caller has made sure that the name is new. */
void effnet_tensor_table_take (EffnetTensorTable *table, EffnetTensor *tensor);
/* Joins int8 tensors and their scales. FALSE with IO or FORMAT: scales that are of another shape or
 * no finite numbers from 0 on. */
gboolean effnet_tensor_table_scale (EffnetTensorTable *table, GError **error);

#endif
