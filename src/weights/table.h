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
};

/* Takes @tensor, whose name was allocated. The caller has made sure that the name is new. */
void effnet_tensor_table_take (EffnetTensorTable *table, EffnetTensor *tensor);

#endif
