/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * .npy files: what is opened has as many numbers as it says; what is not has a printable reason. */
#include "cli/npy.h"
#include "effnet/effnet.h"
#include "input.h"

#include <string.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *path = fuzz_input_path (data, size);
  g_autoptr (GError) error = NULL;
  Npy *npy = npy_open (path, &error);
  guint64 n = 1;

  FUZZ_CHECK ((npy == NULL) == (error != NULL));
  if (npy == NULL) {
    FUZZ_CHECK (g_utf8_validate (error->message, -1, NULL) && strlen (error->message) < 4000);
    return 0;
  }
  FUZZ_CHECK (npy->n_dims <= NPY_MAX_DIMS);
  for (unsigned i = 0; i < npy->n_dims; i++)
    n *= npy->shape[i];
  FUZZ_CHECK (n <= size / sizeof (float));
  g_autofree float *values = g_new (float, n + 1);
  FUZZ_CHECK (npy_read (npy, values, n, &error));
  FUZZ_CHECK (!npy_read (npy, values, 1, &error));
  FUZZ_CHECK (npy_close (npy, NULL));
  return 0;
}
