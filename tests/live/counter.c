/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See counter.h. */
#include "counter.h"

#include <effnet/effnet.h>
#include <glib/gstdio.h>
#include <string.h>

#define BITS       5u
#define BAR_HEIGHT 16u
#define BLACK      16
#define WHITE      235

struct _Counter {
  guint width, height;
  gsize size;     /* of a frame */
  guint8 *frames; /* [COUNTER_FRAMES][size], I420 */
  EffnetModel *model;
  EffnetSession *session;
  float *scores; /* [COUNTER_FRAMES][n_classes]; a negative first one: not known yet */
  guint n_classes;
};

/* Bars, the most significant bit on the left, above blocks of a pattern that is another with every
 * number. */
static guint8
luma (const Counter *self, guint n, guint x, guint y)
{
  if (y < BAR_HEIGHT)
    return (n >> (BITS - 1 - MIN (x * BITS / self->width, BITS - 1))) & 1u ? WHITE : BLACK;
  return (guint8)(BLACK + ((x / 16 * 7 + y / 16 * 13 + n * (x / 64 + 1) * 29) * 2654435761u >> 24) *
                              (WHITE - BLACK) / 255);
}

static void
open_model (Counter *self, const char *path)
{
  EffnetModelOptions options = {.precision = EFFNET_PRECISION_FP32};
  EffnetSessionOptions session = {.threads = 1};
  GError *error = NULL;
  EffnetModelInfo info;

  self->model = effnet_model_open (path, &options, &error);
  g_assert_no_error (error);
  self->session = effnet_session_new (self->model, &session, &error);
  g_assert_no_error (error);
  effnet_model_get_info (self->model, &info);
  self->n_classes = info.n_classes;
  self->scores = g_new (float, (gsize)COUNTER_FRAMES *info.n_classes);
  for (guint n = 0; n < COUNTER_FRAMES; n++)
    self->scores[(gsize)n * info.n_classes] = -1.0f;
}

Counter *
counter_new (guint width, guint height, const char *path)
{
  Counter *self = g_new0 (Counter, 1);

  g_assert_true (width % 8 == 0 && height % 2 == 0);
  self->width = width;
  self->height = height;
  self->size = (gsize)width * height * 3 / 2;
  self->frames = g_malloc (self->size * COUNTER_FRAMES);
  memset (self->frames, 128, self->size * COUNTER_FRAMES);
  for (guint n = 0; n < COUNTER_FRAMES; n++)
    for (guint y = 0; y < height; y++)
      for (guint x = 0; x < width; x++)
        self->frames[n * self->size + (gsize)y * width + x] = luma (self, n, x, y);
  if (path != NULL)
    open_model (self, path);
  return self;
}

void
counter_free (Counter *self)
{
  effnet_session_free (self->session);
  g_clear_pointer (&self->model, effnet_model_unref);
  g_free (self->scores);
  g_free (self->frames);
  g_free (self);
}

static GstPadProbeReturn
draw (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  const Counter *self = user_data;
  GstBuffer *buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
  guint n = (guint)(GST_BUFFER_OFFSET (buffer) % COUNTER_FRAMES);

  (void)pad;
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, self->size);
  gst_buffer_fill (buffer, 0, self->frames + n * self->size, self->size);
  GST_PAD_PROBE_INFO_DATA (info) = buffer;
  return GST_PAD_PROBE_OK;
}

void
counter_draw_at (Counter *self, GstPad *pad)
{
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, draw, self, NULL);
}

guint
counter_read (const Counter *self, GstBuffer *buffer)
{
  guint8 line[4096];
  guint n = 0;

  g_assert_cmpuint (self->width, <=, sizeof line);
  if (gst_buffer_extract (buffer, (gsize)(BAR_HEIGHT / 2) * self->width, line, self->width) <
      self->width)
    return COUNTER_FRAMES;
  for (guint bit = 0; bit < BITS; bit++) {
    guint8 grey = line[(2 * bit + 1) * self->width / (2 * BITS)];

    if (grey > 64 && grey < 192)
      return COUNTER_FRAMES;
    n = n << 1 | (grey >= 192);
  }
  return n;
}

static const float *
scores_of (Counter *self, guint n)
{
  float *scores = self->scores + (gsize)n * self->n_classes;
  /* what caps without a chroma-site say of so few lines */
  EffnetImage image = {.format = EFFNET_PIXEL_FORMAT_I420,
                       .width = self->width,
                       .height = self->height,
                       .chroma_site = EFFNET_CHROMA_SITE_CENTER};
  const guint8 *data = self->frames + n * self->size;
  gsize luma_size = (gsize)self->width * self->height;
  EffnetResult result;
  GError *error = NULL;

  if (scores[0] >= 0.0f)
    return scores;
  for (guint plane = 0; plane < 3; plane++) {
    image.data[plane] = data + (plane > 0) * luma_size + (plane > 1) * luma_size / 4;
    image.stride[plane] = (int)(plane > 0 ? self->width / 2 : self->width);
  }
  effnet_session_classify (self->session, &image, &result, &error);
  g_assert_no_error (error);
  memcpy (scores, result.probabilities, self->n_classes * sizeof *scores);
  return scores;
}

gboolean
counter_check (Counter *self, guint64 n, const GstStructure *result)
{
  const float *scores = scores_of (self, (guint)(n % COUNTER_FRAMES));
  const GValue *ids = gst_structure_get_value (result, "label-ids");
  const GValue *values = gst_structure_get_value (result, "scores");

  g_assert_true (GST_VALUE_HOLDS_LIST (ids) && GST_VALUE_HOLDS_LIST (values));
  for (guint i = 0; i < gst_value_list_get_size (ids); i++) {
    int id = g_value_get_int (gst_value_list_get_value (ids, i));
    double score = g_value_get_double (gst_value_list_get_value (values, i));

    if (id < 0 || (guint)id >= self->n_classes || memcmp (&(float){(float)score}, scores + id, 4))
      return FALSE;
  }
  return gst_value_list_get_size (ids) > 0;
}

/* ---- model ----------------------------------------------------------------------------------- */

char *
model_make (const char *variant, guint classes)
{
  const char *program = g_getenv ("EFFNET_MAKE_MODEL");
  char *folder = g_dir_make_tmp ("effnet-live-XXXXXX", NULL);
  char *number = g_strdup_printf ("%u", classes);
  char *argv[] = {(char *)program, (char *)variant, number, folder, NULL};
  GError *error = NULL;
  int status = 0;

  g_assert_nonnull (program);
  g_spawn_sync (NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
  g_free (number);
  return folder;
}

void
model_remove (char *folder)
{
  static const char *const names[] = {"model.safetensors", "config.json"};

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    char *path = g_build_filename (folder, names[i], NULL);

    g_unlink (path);
    g_free (path);
  }
  g_rmdir (folder);
  g_free (folder);
}
