/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end as its callers meet it: bad descriptions, memory, threads. */
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "frames.h"
#include "image/format.h"
#include "threads/pool.h"

#define SIZE 48

static const EffnetInputSpec usual = {
    .height = SIZE,
    .width = SIZE,
    .mode = EFFNET_RESIZE_MODE_CENTER_CROP,
    .crop_pct = 0.875,
    .filter = EFFNET_FILTER_BICUBIC,
    .mean = {0.5f, 0.5f, 0.5f},
    .std = {0.5f, 0.5f, 0.5f},
};

/* ---- counting allocations ----------------------------------------------------------------------
 */

#if defined(__SANITIZE_ADDRESS__)
#  define COUNTS 0
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define COUNTS 0
#  endif
#endif
#if !defined(COUNTS)
#  if defined(__GLIBC__)
#    define COUNTS 1
#  else
#    define COUNTS 0
#  endif
#endif

static unsigned allocations;

#if COUNTS
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *block, size_t size);
void *__libc_memalign (size_t alignment, size_t size);
int posix_memalign (void **block, size_t alignment, size_t size);

#  define SHOWN __attribute__ ((visibility ("default"))) /* GLib's calls come here, too */

SHOWN void *
malloc (size_t size)
{
  allocations++;
  return __libc_malloc (size);
}

SHOWN void *
calloc (size_t n, size_t size)
{
  allocations++;
  return __libc_calloc (n, size);
}

SHOWN void *
realloc (void *block, size_t size)
{
  allocations++;
  return __libc_realloc (block, size);
}

SHOWN int
posix_memalign (void **block, size_t alignment, size_t size)
{
  allocations++;
  *block = __libc_memalign (alignment, size);
  return *block == NULL;
}
#endif

static void
test_steady_raw (void)
{
  if (!COUNTS)
    g_test_skip ("allocations are counted with glibc and without sanitizers only");
  for (unsigned f = EFFNET_PIXEL_FORMAT_RGB; COUNTS && f != 0; f = format_next (f)) {
    g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
    float out[SIZE * SIZE * 3];
    EffnetImage image;
    frame_init (&image, f, 320, 240, 0, f);
    g_assert_true (effnet_frontend_run (frontend, &image, NULL, out, NULL, NULL));
    unsigned before = allocations;
    for (unsigned i = 0; i < 5; i++)
      g_assert_true (effnet_frontend_run (frontend, &image, NULL, out, NULL, NULL));
    g_assert_cmpuint (allocations, ==, before);
    image.crop_width = 100;
    g_assert_true (effnet_frontend_run (frontend, &image, NULL, out, NULL, NULL));
    g_assert_cmpuint (allocations, >, before);
    frame_clear (&image);
  }
}

/* libjpeg takes and gives back its working memory with every frame; nothing of it may stay. */
static void
test_steady_jpeg (void)
{
#if COUNTS && __GLIBC_PREREQ(2, 33)
  EncodeSpec s = {320, 240, 3, 2, 2, .quality = 80};
  g_autoptr (GByteArray) file = encode (&s);
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  float out[SIZE * SIZE * 3];
  EffnetImage image = EFFNET_IMAGE_INIT;
  image.format = EFFNET_PIXEL_FORMAT_JPEG;
  image.data[0] = file->data;
  image.size = file->len;
  g_assert_true (effnet_frontend_run (frontend, &image, NULL, out, NULL, NULL));
  size_t before = mallinfo2 ().uordblks;
  for (unsigned i = 0; i < 50; i++) {
    g_assert_true (effnet_frontend_run (frontend, &image, NULL, out, NULL, NULL));
    image.size = file->len / 2;
    g_assert_false (effnet_frontend_run (frontend, &image, NULL, out, NULL, NULL));
    image.size = file->len;
  }
  g_assert_cmpuint (mallinfo2 ().uordblks, ==, before);
#else
  g_test_skip ("memory is measured with glibc 2.33 and without sanitizers only");
#endif
}

/* ---- bad descriptions --------------------------------------------------------------------------
 */

static void
assert_refused (const EffnetImage *image, const char *says)
{
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GError) error = NULL;
  float out[SIZE * SIZE * 3];
  g_assert_false (effnet_frontend_run (frontend, image, NULL, out, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  if (strstr (error->message, says) == NULL)
    g_test_message ("\"%s\" does not say \"%s\"", error->message, says);
  g_assert_nonnull (strstr (error->message, says));
}

static void
test_refused (void)
{
  EffnetImage good, bad = EFFNET_IMAGE_INIT;
  assert_refused (&bad, "pixel format 0");
  frame_init (&good, EFFNET_PIXEL_FORMAT_NV12, 33, 17, 0, 1);
#define REFUSE(change, says)                                                                       \
  G_STMT_START                                                                                     \
  {                                                                                                \
    bad = good;                                                                                    \
    bad.change;                                                                                    \
    assert_refused (&bad, says);                                                                   \
  }                                                                                                \
  G_STMT_END
  REFUSE (format = (EffnetPixelFormat)999, "pixel format 999");
  REFUSE (format = (EffnetPixelFormat)-1, "pixel format -1");
  REFUSE (width = 0, "0x17");
  REFUSE (height = 0, "33x0");
  REFUSE (width = 16385, "16385x17");
  REFUSE (height = 4000000000u, "4000000000");
  REFUSE (data[0] = NULL, "plane 0 is NULL");
  REFUSE (data[1] = NULL, "plane 1 is NULL");
  REFUSE (stride[0] = 32, "a line needs 33 bytes");
  REFUSE (stride[1] = 33, "a line needs 34 bytes");
  REFUSE (stride[0] = -64, "negative");
  REFUSE (matrix = (EffnetColorMatrix)6, "color matrix 6");
  REFUSE (range = (EffnetColorRange)3, "range 3");
  REFUSE (chroma_site = (EffnetChromaSite)4, "chroma site 4");
  REFUSE (crop_x = 33, "crop width");
  REFUSE (crop_y = 17, "crop height");
  REFUSE (crop_width = 34, "crop width");
  REFUSE (crop_height = 0xffffffffu, "crop height");
  REFUSE (bits = 10, "10 bits");
  REFUSE (bits = 17, "17 bits");
#undef REFUSE
  frame_clear (&good);
}

static void
test_bad_spec (void)
{
  static const struct {
    EffnetInputSpec spec;
    const char *says;
  } cases[] = {
      {{.width = 0, .height = 8, .crop_pct = 1, .std = {1, 1, 1}}, "0x8"},
      {{.width = 8, .height = 9000, .crop_pct = 1, .std = {1, 1, 1}}, "8x9000"},
      {{.width = 8, .height = 8, .crop_pct = 0, .std = {1, 1, 1}}, "crop_pct 0"},
      {{.width = 8, .height = 8, .crop_pct = 8.5, .std = {1, 1, 1}}, "crop_pct 8.5"},
      {{.width = 8, .height = 8, .crop_pct = NAN, .std = {1, 1, 1}}, "crop_pct"},
      {{.width = 8, .height = 8, .crop_pct = 1, .std = {1, 0, 1}}, "channel 1"},
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (effnet_frontend_new (&cases[i].spec, &error));
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
    g_assert_nonnull (strstr (error->message, cases[i].says));
  }
}

/* ---- threads -----------------------------------------------------------------------------------
 */

static void
run_with (unsigned threads, const EffnetInputSpec *spec, const EffnetImage *image, float *out)
{
  g_autoptr (EffnetFrontend) frontend = frontend_make (spec);
  g_autoptr (GError) error = NULL;
  EffnetPool *pool = effnet_pool_get (threads);
  effnet_pool_enter (pool);
  effnet_frontend_run (frontend, image, pool, out, NULL, &error);
  effnet_pool_leave (pool);
  effnet_pool_unref (pool);
  g_assert_no_error (error);
}

static void
test_threads (void)
{
  size_t n = 224 * 224 * 3;
  g_autofree float *one = g_new (float, n), *many = g_new (float, n);
  for (unsigned f = EFFNET_PIXEL_FORMAT_RGB; f != 0; f = format_next (f)) {
    EffnetInputSpec spec = usual;
    EffnetImage image;
    spec.width = spec.height = 224;
    spec.filter = f % 2;
    spec.mode = f % 3 ? EFFNET_RESIZE_MODE_CENTER_CROP : EFFNET_RESIZE_MODE_LETTERBOX;
    spec.sparse_rows = f % 4 < 2;
    frame_init (&image, f, 501, spec.sparse_rows ? 1001 : 333, 0, f);
    run_with (1, &spec, &image, one);
    for (unsigned threads = 2; threads <= 8; threads += 3) {
      memset (many, 0xff, n * sizeof *many);
      run_with (threads, &spec, &image, many);
      g_assert_cmpmem (one, n * sizeof *one, many, n * sizeof *many);
    }
    frame_clear (&image);
  }
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

/* A frontend that has seen other frames gives what a fresh one gives. */
static void
test_changes (void)
{
  g_autoptr (EffnetFrontend) old = frontend_make (&usual);
  float a[SIZE * SIZE * 3], b[SIZE * SIZE * 3];
  Dice dice = {5};
  for (unsigned i = 0; i < 60; i++) {
    unsigned f = format_any (i);
    EffnetInputSpec spec = usual;
    EffnetImage image;
    frame_init (&image, f, 1 + dice_roll (&dice) % 300, 1 + dice_roll (&dice) % 300, i % 5, i);
    spec.filter = i % 2;
    spec.mode = EFFNET_RESIZE_MODE_STRETCH + i % 3;
    effnet_frontend_set_spec (old, &spec);
    g_autoptr (EffnetFrontend) fresh = frontend_make (&spec);
    g_assert_true (effnet_frontend_run (old, &image, NULL, a, NULL, NULL));
    g_assert_true (effnet_frontend_run (fresh, &image, NULL, b, NULL, NULL));
    g_assert_cmpmem (a, sizeof a, b, sizeof b);
    frame_clear (&image);
  }
}

static gboolean
run_jpeg (EffnetFrontend *frontend, const GByteArray *file, float *out, GError **error)
{
  EffnetImage image = EFFNET_IMAGE_INIT;

  image.format = EFFNET_PIXEL_FORMAT_JPEG;
  image.data[0] = file->data;
  image.size = file->len;
  return effnet_frontend_run (frontend, &image, NULL, out, NULL, error);
}

/* A JPEG has the tables that it brings along, or the standard's, never those of the one before. */
static void
test_jpeg_tables (void)
{
  const EncodeSpec own = {160, 120, 3, 2, 2, .progressive = TRUE},
                   spec = {160, 120, 3, 2, 2, .quality = 90};
  g_autoptr (GByteArray) before = encode (&own), file = encode (&spec), other = encode (&spec);
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GError) error = NULL;
  float a[SIZE * SIZE * 3], b[SIZE * SIZE * 3];

  g_assert_true (run_jpeg (frontend, file, a, NULL));
  encode_drop (other, 0xc4); /* Huffman: those of the encoder are the standard's */
  g_assert_cmpuint (other->len, <, file->len);
  g_assert_true (run_jpeg (frontend, before, b, NULL));
  g_assert_true (run_jpeg (frontend, other, b, NULL));
  g_assert_cmpmem (a, sizeof a, b, sizeof b);
  encode_drop (other, 0xdb); /* quantization, of which there is no standard */
  g_assert_false (run_jpeg (frontend, other, b, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
}

static void
test_extreme (void)
{
  static const unsigned sizes[][2] = {{16384, 1}, {1, 16384}, {16384, 40}, {2, 9000}};
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes) * 12; i++) {
    EffnetInputSpec spec = usual;
    EffnetImage image;
    float out[SIZE * SIZE * 3] = {0};
    spec.height = i % 12 < 6 ? SIZE : SIZE / 2;
    spec.mode = EFFNET_RESIZE_MODE_STRETCH + i % 3;
    spec.filter = i / 3 % 2;
    g_autoptr (EffnetFrontend) frontend = frontend_make (&spec);
    g_autoptr (GError) error = NULL;
    frame_init (&image, i % 2 ? EFFNET_PIXEL_FORMAT_I420 : EFFNET_PIXEL_FORMAT_RGB,
                sizes[i / 12][0], sizes[i / 12][1], 0, i);
    effnet_frontend_run (frontend, &image, NULL, out, NULL, &error);
    g_assert_no_error (error);
    image.par_n = i % 5 ? G_MAXUINT : 1;
    image.par_d = i % 5 ? i % 5 : G_MAXINT;
    effnet_frontend_run (frontend, &image, NULL, out, NULL, &error);
    g_assert_no_error (error);
    for (unsigned k = 0; k < SIZE * SIZE * 3; k++)
      g_assert_true (out[k] >= -1.0001f && out[k] <= 1.0001f);
    frame_clear (&image);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image/frontend/steady-raw", test_steady_raw);
  g_test_add_func ("/image/frontend/steady-jpeg", test_steady_jpeg);
  g_test_add_func ("/image/frontend/refused", test_refused);
  g_test_add_func ("/image/frontend/bad-spec", test_bad_spec);
  g_test_add_func ("/image/frontend/threads", test_threads);
  g_test_add_func ("/image/frontend/changes", test_changes);
  g_test_add_func ("/image/frontend/jpeg-tables", test_jpeg_tables);
  g_test_add_func ("/image/frontend/extreme", test_extreme);
  return g_test_run ();
}
