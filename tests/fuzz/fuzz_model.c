/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A whole model: a header, a card and numbers, damaged, through weights, bind, fold, plan and pack,
 * and one picture through what came of it. Refused with a sentence, or a result that is numbers.
 *
 * The input: variant, options, classes, side; the card's length and text; numbers of the body that
 * are others; and parts of the header that are. */
#define _GNU_SOURCE /* pwrite */
#include "effnet/effnet.h"
#include "input.h"
#include "mini.h"
#include "take.h"
#include "threads/pool.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define NO_CARD     0xffff
#define BODY_MOST   ((size_t)8 << 20)
#define MESSAGE_MAX 4000

static char *folder, *weights_path, *card_path;

static void
remove_folder (void)
{
  g_unlink (weights_path);
  g_unlink (card_path);
  g_rmdir (folder);
}

static void
make_folder (void)
{
  if (folder != NULL)
    return;
  folder = g_dir_make_tmp ("effnet-fuzz-XXXXXX", NULL);
  FUZZ_CHECK (folder != NULL);
  weights_path = g_build_filename (folder, "model.safetensors", NULL);
  card_path = g_build_filename (folder, "config.json", NULL);
  atexit (remove_folder);
  effnet_pool_get (0); /* whose threads would else begin and end with each input */
}

static void
write_card (Bytes *bytes)
{
  unsigned length = take (bytes, 2);

  g_unlink (card_path);
  if (length == NO_CARD)
    return;
  size_t n = MIN (length, bytes->left);
  fuzz_write (card_path, bytes->at, n);
  bytes->at += n;
  bytes->left -= n;
}

/* Parts of the header's text: cut out, and others put in their place. */
static void
damage_header (GString *header, Bytes *bytes)
{
  for (unsigned n = take (bytes, 1) % 32; n > 0; n--) {
    size_t at = take (bytes, 2) % (header->len + 1), cut = take (bytes, 1), put = take (bytes, 1);
    cut = MIN (cut, header->len - at);
    put = MIN (put, bytes->left);
    g_string_erase (header, (gssize)at, (gssize)cut);
    g_string_insert_len (header, (gssize)at, (const char *)bytes->at, (gssize)put);
    bytes->at += put;
    bytes->left -= put;
  }
}

static void
write_weights (EffnetDialect dialect, unsigned n_classes, Bytes *bytes)
{
  size_t body = 0;
  GString *header = mini_header (dialect, n_classes, &body);
  int fd = g_open (weights_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  FUZZ_CHECK (fd >= 0);
  unsigned longer = take (bytes, 1), shorter = take (bytes, 1);
  body = body + longer - shorter;
  const uint8_t *patches = bytes->at;
  unsigned n_patches = take (bytes, 1) % 32;
  for (unsigned i = 0; i < n_patches; i++) {
    take (bytes, 4);
    take (bytes, 4);
  }
  damage_header (header, bytes);
  mini_write (fd, header, MIN (body, BODY_MOST));
  Bytes again = {patches, (size_t)(bytes->at - patches) + bytes->left};
  take (&again, 1);
  for (unsigned i = 0; i < n_patches && body >= 4; i++) {
    off_t at = (off_t)(8 + header->len + take (&again, 4) % (body / 4) * 4);
    uint32_t value = take (&again, 4);
    FUZZ_CHECK (pwrite (fd, &value, sizeof value, at) == sizeof value);
  }
  close (fd);
  g_string_free (header, TRUE);
}

static void
check_error (const GError *error)
{
  FUZZ_CHECK (error != NULL && error->domain == EFFNET_ERROR);
  FUZZ_CHECK (g_utf8_validate (error->message, -1, NULL));
  FUZZ_CHECK (strlen (error->message) < MESSAGE_MAX);
  for (const char *c = error->message; *c != '\0'; c++)
    FUZZ_CHECK ((guchar)*c >= ' ' && *c != 0x7f);
}

static void
check_result (EffnetSession *session, unsigned n_classes)
{
  static uint8_t pixels[24 * 24 * 3];
  EffnetImage image = EFFNET_IMAGE_INIT;
  g_autoptr (GError) error = NULL;
  EffnetResult result;

  for (size_t i = 0; i < sizeof pixels; i++)
    pixels[i] = (uint8_t)(i * 7);
  image.format = EFFNET_PIXEL_FORMAT_RGB;
  image.width = image.height = 24;
  image.data[0] = pixels;
  image.stride[0] = (ptrdiff_t)24 * 3;
  if (!effnet_session_classify (session, &image, &result, &error)) {
    check_error (error);
    return;
  }
  FUZZ_CHECK (result.n_classes == n_classes);
  for (unsigned i = 0; i < n_classes; i++) {
    FUZZ_CHECK (isfinite (result.logits[i]));
    FUZZ_CHECK (isfinite (result.probabilities[i]));
  }
}

static void
check_model (EffnetModel *model, unsigned threads)
{
  g_autoptr (GError) error = NULL;
  EffnetSessionOptions options = {.threads = threads};
  EffnetModelInfo info;

  effnet_model_get_info (model, &info);
  FUZZ_CHECK (info.n_classes > 0 && g_utf8_validate (info.name, -1, NULL));
  for (unsigned i = 0; i < info.n_classes; i++) {
    const char *label = effnet_model_get_label (model, i);
    FUZZ_CHECK (label == NULL || g_utf8_validate (label, -1, NULL));
  }
  EffnetSession *session = effnet_session_new (model, &options, &error);
  if (session == NULL) {
    check_error (error);
    return;
  }
  check_result (session, info.n_classes);
  effnet_session_free (session);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char *const variants[] = {MINI_VARIANT, MINI_VARIANT,      "auto",  "b0",
                                         "lite0",      "b0:0.05,0.05,17", "phi:x", NULL};
  Bytes bytes = {data, size};
  g_autoptr (GError) error = NULL;
  EffnetModelOptions options = {.variant = variants[take (&bytes, 1) % G_N_ELEMENTS (variants)]};
  unsigned how = take (&bytes, 1), n_classes = take (&bytes, 1) % MINI_CLASSES_MAX + 1,
           side = take (&bytes, 1);

  make_folder ();
  options.precision = (EffnetPrecision)(how & 3);
  options.padding = (EffnetPadding)((how >> 2 & 3) % 3);
  options.input_size = side == 0 ? 0 : 4 + side % 60;
  write_card (&bytes);
  write_weights ((EffnetDialect)(how >> 4 & 3), n_classes, &bytes);
  EffnetModel *model = effnet_model_open (how & 64 ? weights_path : folder, &options, &error);
  FUZZ_CHECK ((model == NULL) == (error != NULL));
  if (model == NULL)
    check_error (error);
  else
    check_model (model, how & 128 ? 2 : 1); /* a second thread takes its time to wake up */
  effnet_model_unref (model);
  return 0;
}
