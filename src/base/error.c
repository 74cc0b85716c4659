/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

/* clang-format takes the name for a subtraction. */
/* clang-format off */
G_DEFINE_QUARK (effnet-error-quark, effnet_error)
/* clang-format on */

gboolean
effnet_fail (GError **error, EffnetError code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (EFFNET_ERROR, code, format, args));
  va_end (args);
  return FALSE;
}

gboolean
effnet_check_memory (GError **error, const char *what, size_t bytes)
{
  gpointer block = bytes < SIZE_MAX / 2 ? g_try_malloc (bytes + EFFNET_RESERVE) : NULL;

  g_free (block);
  return block != NULL || effnet_fail_memory (error, what, bytes + EFFNET_RESERVE);
}

gboolean
effnet_fail_memory (GError **error, const char *what, size_t bytes)
{
  return effnet_fail (error, EFFNET_ERROR_IO,
                      "%s needs %zu bytes of memory, which the system does not give", what, bytes);
}
