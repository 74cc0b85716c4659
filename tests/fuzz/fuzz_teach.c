/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a teach-file with the right checksum behind them: refused with a sentence, or a
 * store within its bounds, which is written and read again as it is. */
#include "input.h"
#include "teach/store.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define BACKBONE   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define N_FEATURES 2
#define SUM_LENGTH 32

static char *folder, *path;
static EffnetModel *model;

/* Types of GStreamer's are never freed. */
const char *__asan_default_options (void);
const char *
__asan_default_options (void)
{
  return "detect_leaks=0";
}

static void
leave (void)
{
  g_autofree char *lock = g_strconcat (path, ".lock", NULL);

  g_unlink (path);
  g_unlink (lock);
  g_rmdir (folder);
}

static void
enter (void)
{
  EffnetModelOptions options = {.variant = "phi:-10", .synthetic_seed = 1};

  if (folder != NULL)
    return;
  folder = g_dir_make_tmp ("effnet-fuzz-XXXXXX", NULL);
  model = effnet_model_open (NULL, &options, NULL);
  FUZZ_CHECK (folder != NULL && model != NULL);
  path = g_build_filename (folder, "taught", NULL);
  atexit (leave);
}

static void
put (const uint8_t *data, size_t size)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 digest[SUM_LENGTH];
  gsize length = sizeof digest;

  g_checksum_update (sum, data, (gssize)size);
  g_checksum_get_digest (sum, digest, &length);
  g_byte_array_append (bytes, data, (guint)size);
  g_byte_array_append (bytes, digest, sizeof digest);
  fuzz_write (path, bytes->data, bytes->len);
}

static void
check_store (GstEffnetStore *store)
{
  g_autoptr (GPtrArray) labels = gst_effnet_store_get_labels (store, NULL);

  FUZZ_CHECK (store->exemplars->len <= GST_EFFNET_EXEMPLARS_MAX);
  FUZZ_CHECK (store->versions->len <= GST_EFFNET_VERSIONS_MAX &&
              labels->len <= store->exemplars->len);
  FUZZ_CHECK (store->current == 0 || gst_effnet_store_find (store, store->current) != NULL);
  for (guint i = 0; i < store->exemplars->len; i++) {
    const GstEffnetExemplar *exemplar = g_ptr_array_index (store->exemplars, i);
    const float *values = g_bytes_get_data (exemplar->embedding, NULL);
    FUZZ_CHECK (gst_effnet_label_check (exemplar->label, NULL));
    for (guint k = 0; k < N_FEATURES; k++)
      FUZZ_CHECK (isfinite (values[k]));
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;

  enter ();
  const GstEffnetSource own = {model, BACKBONE, N_FEATURES};
  put (data, size);
  GstEffnetStore *store = gst_effnet_store_open (path, &own, &error);
  FUZZ_CHECK ((store == NULL) == (error != NULL));
  if (store == NULL) {
    FUZZ_CHECK (error->domain == EFFNET_ERROR && g_utf8_validate (error->message, -1, NULL));
    return 0;
  }
  check_store (store);
  guint n = store->exemplars->len;
  FUZZ_CHECK (gst_effnet_store_copy_write (gst_effnet_store_copy (store), NULL));
  gst_effnet_store_free (store);
  store = gst_effnet_store_open (path, &own, NULL);
  FUZZ_CHECK (store != NULL && store->exemplars->len == n);
  gst_effnet_store_free (store);
  return 0;
}
