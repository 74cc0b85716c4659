/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet explain: which part of a picture spoke for a class, as colours over the picture. */
#include "cli/cli.h"
#include "cli/decoder.h"
#include "cli/npy.h"
#include "cli/source.h"
#include "cli/stop.h"
#include "gst-plugin/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <gst/video/video.h>

#define MAX_LABEL    1000 /* characters */
#define UNSEEN       0.4f /* brightness of what the network did not see */
#define ENCODE_S     60
#define JPEG_QUALITY 95

typedef struct {
  CliModelArgs args;
  char *output, *npy, *class_name;
  double alpha;
  EffnetModel *model;
  EffnetSession *session;
  EffnetStage last; /* the stage whose map it is */
  unsigned id;      /* of the class */
  float *map;       /* [last.height][last.width] */
  EffnetView view;
  unsigned width, height;
  guint8 *rgb; /* [height][width][3] */
} Explain;

/* ---- class ---- */

/* One of the names that a label lists between commas, or all of it; whatever the case. */
static gboolean
is_name_of (const char *label, const char *name)
{
  g_auto (GStrv) parts = g_strsplit (label, ",", -1);
  gboolean found = g_ascii_strcasecmp (label, name) == 0;

  for (unsigned i = 0; parts[i] != NULL && !found; i++)
    found = g_ascii_strcasecmp (g_strstrip (parts[i]), name) == 0;
  return found;
}

/* The class that the user names by number or label; without one the best. */
static gboolean
choose_class (Explain *self, const EffnetResult *result, GError **error)
{
  EffnetScore top;
  guint64 number;

  if (self->class_name == NULL) {
    self->id = effnet_result_top_k (result, 1, &top) > 0 ? top.id : 0;
    return TRUE;
  }
  if (g_ascii_string_to_unsigned (self->class_name, 10, 0, result->n_classes - 1, &number, NULL)) {
    self->id = (unsigned)number;
    return TRUE;
  }
  for (unsigned id = 0; id < result->n_classes; id++) {
    const char *label = effnet_model_get_label (self->model, id);

    if (label != NULL && is_name_of (label, self->class_name)) {
      self->id = id;
      return TRUE;
    }
  }
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "--class '%s' is neither a label of the model nor a number in 0..%u; "
               "'effnet classify --top-k %d' shows labels",
               self->class_name, result->n_classes - 1, EFFNET_TOP_K_MAX);
  return FALSE;
}

/* ---- colours ---- */

static void
paint (guint8 *pixel, float heat, float alpha)
{
  float rgb[3], opacity = alpha * gst_effnet_actmap_color (heat, rgb);

  for (unsigned c = 0; c < 3; c++)
    pixel[c] = (guint8)lrintf ((float)pixel[c] * (1 - opacity) + 255 * rgb[c] * opacity);
}

static void
paint_all (Explain *self)
{
  const EffnetView *view = &self->view;
  /* of the frame for each of the picture, and of the map for each of the frame */
  double scale = (double)view->frame_width / self->width;
  double sx = self->last.width / view->width, sy = self->last.height / view->height;
  float most = 0;

  for (unsigned i = 0; i < self->last.width * self->last.height; i++)
    most = MAX (most, self->map[i]);
  for (unsigned y = 0; y < self->height; y++) {
    for (unsigned x = 0; x < self->width; x++) {
      guint8 *pixel = self->rgb + ((gsize)y * self->width + x) * 3;
      double mx = ((x + 0.5) * scale - view->x) * sx, my = ((y + 0.5) * scale - view->y) * sy;

      if (mx >= 0 && my >= 0 && mx < self->last.width && my < self->last.height)
        paint (pixel,
               gst_effnet_actmap_heat (self->map, self->last.width, self->last.height, mx - 0.5,
                                       my - 0.5, most),
               (float)self->alpha);
      else
        for (unsigned c = 0; c < 3; c++)
          pixel[c] = (guint8)(UNSEEN * (float)pixel[c]);
    }
  }
}

/* ---- files ---- */

static GBytes *
encode_png (const Explain *self, GError **error)
{
  GstElement *encoder = decoder_make ("pngenc", "gstreamer1.0-plugins-good", error);
  gsize stride = (gsize)self->width * 3, padded = GST_ROUND_UP_4 (stride), size;
  g_autoptr (GstCaps) to = gst_caps_new_empty_simple ("image/png"), from = NULL;
  g_autoptr (GstBuffer) buffer = NULL;
  g_autoptr (GstSample) sample = NULL, made = NULL;
  g_autofree guint8 *bytes = NULL;

  if (encoder == NULL)
    return NULL;
  gst_object_unref (gst_object_ref_sink (encoder)); /* it is there */
  from = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, "RGB", "width", G_TYPE_INT,
                              (int)self->width, "height", G_TYPE_INT, (int)self->height,
                              "framerate", GST_TYPE_FRACTION, 0, 1, NULL);
  buffer = gst_buffer_new_allocate (NULL, padded * self->height, NULL);
  for (unsigned y = 0; y < self->height; y++)
    gst_buffer_fill (buffer, y * padded, self->rgb + y * stride, stride);
  sample = gst_sample_new (buffer, from, NULL, NULL);
  made = gst_video_convert_sample (sample, to, ENCODE_S * GST_SECOND, error);
  if (made == NULL)
    return NULL;
  size = gst_buffer_get_size (gst_sample_get_buffer (made));
  bytes = g_malloc (size);
  gst_buffer_extract (gst_sample_get_buffer (made), 0, bytes, size);
  return g_bytes_new_take (g_steal_pointer (&bytes), size);
}

static gboolean
write_picture (Explain *self, GError **error)
{
  gboolean is_png = g_str_has_suffix (self->output, ".png");
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (OutFile) out = NULL;

  paint_all (self);
  bytes = is_png ? encode_png (self, error)
                 : effnet_encode_jpeg (self->rgb, self->width, self->height, JPEG_QUALITY, error);
  out = bytes != NULL ? out_create (self->output, error) : NULL;
  return out != NULL &&
         out_write (out, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error) &&
         out_commit (g_steal_pointer (&out), error);
}

static gboolean
write_map (const Explain *self, GError **error)
{
  const guint64 shape[] = {self->last.height, self->last.width};
  g_autoptr (Npy) out = npy_create (self->npy, shape, 2, error);

  return out != NULL && npy_write (out, self->map, (gsize)(shape[0] * shape[1]), error) &&
         npy_close (g_steal_pointer (&out), error);
}

/* ---- the whole of it ---- */

/* The picture at its own size, unless that is more than is drawn. */
static gboolean
look (Explain *self, const EffnetImage *frame, GError **error)
{
  double most;

  if (!effnet_session_get_view (self->session, frame, NULL, &self->view, error))
    return FALSE;
  most = MAX (self->view.frame_width, self->view.frame_height);
  most = MAX (1, most / EFFNET_INPUT_SIDE_MAX);
  self->width = (unsigned)MAX (1, self->view.frame_width / most);
  self->height = (unsigned)MAX (1, self->view.frame_height / most);
  self->rgb = g_try_malloc_n ((gsize)self->width * self->height, 3);
  if (self->rgb == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "no memory for a picture of %u x %u pixels",
                 self->width, self->height);
    return FALSE;
  }
  return effnet_session_picture (self->session, frame, self->width, self->height, self->rgb, error);
}

static gboolean
explain_frame (Explain *self, const EffnetImage *frame, GError **error)
{
  EffnetStage stages[EFFNET_STAGES_MAX];
  EffnetResult result;
  g_autofree char *label = NULL, *shown = NULL;

  self->last = stages[effnet_model_get_stages (self->model, stages) - 1];
  self->map = g_new (float, self->last.height * self->last.width);
  if (!effnet_session_classify (self->session, frame, &result, error) ||
      !choose_class (self, &result, error) ||
      !effnet_session_activation_map (self->session, NULL, self->id, self->map, error) ||
      (self->output != NULL && !look (self, frame, error)))
    return FALSE;
  label = cli_label (self->model, self->id);
  shown = cli_printable (label, MAX_LABEL);
  printf ("%u  %.3f  %s\n", self->id, (double)result.probabilities[self->id], shown);
  return TRUE;
}

static gboolean
explain (Explain *self, const char *input, GError **error)
{
  g_autoptr (Source) source = NULL;
  SourceFrame frame;
  EffnetModelInfo info;

  if (!cli_open (&self->args, &self->model, &self->session, error))
    return FALSE;
  effnet_model_get_info (self->model, &info);
  if (!cli_has_classes (&info, error))
    return FALSE;
  cli_catch_signals (self->session);
  source = source_open (input, self->args.timeout, error);
  if (source == NULL || source_next (source, &frame, error) != 1 ||
      !explain_frame (self, &frame.image, error)) {
    g_prefix_error (error, "%s: ", input);
    return FALSE;
  }
  return (self->npy == NULL || write_map (self, error)) &&
         (self->output == NULL || write_picture (self, error));
}

static int
check_usage (const Explain *self, int argc)
{
  if (argc != 2)
    return cli_usage ("explain", "%d inputs given; expected one", argc - 1);
  if (self->output == NULL && self->npy == NULL)
    return cli_usage ("explain", "--output is missing");
  if (self->output != NULL && !g_str_has_suffix (self->output, ".png") &&
      !g_str_has_suffix (self->output, ".jpg"))
    return cli_usage ("explain", "--output '%s' ends neither in .png nor in .jpg", self->output);
  if (!(self->alpha >= 0 && self->alpha <= 1))
    return cli_usage ("explain", "--alpha %g is not in 0..1", self->alpha);
  return -1;
}

static void
clear (Explain *self)
{
  cli_forget_session ();
  effnet_session_free (self->session);
  effnet_model_unref (self->model);
  g_free (self->output);
  g_free (self->npy);
  g_free (self->class_name);
  g_free (self->map);
  g_free (self->rgb);
  cli_model_args_clear (&self->args);
}

int
cmd_explain (int argc, char **argv)
{
  Explain self = {.alpha = 0.6};
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &self.output,
       "the picture with the heat over it is written, upright", "HEAT.png|HEAT.jpg"},
      {"class", 'c', 0, G_OPTION_ARG_STRING, &self.class_name,
       "label or number of the class to explain (default: the best)", "NAME|K"},
      {"alpha", 'a', 0, G_OPTION_ARG_DOUBLE, &self.alpha,
       "opacity of the hottest places, 0..1 (default 0.6)", "A"},
      {"npy", 0, 0, G_OPTION_ARG_FILENAME, &self.npy,
       "float32 [rows, columns] of the last feature map is written: the map itself", "MAP.npy"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "explain", "INPUT --output HEAT.png",
      "Shows which part of a picture, or of a clip's first frame, spoke for a class: its class\n"
      "activation map. Prints the class's number, score and label.",
      "Colours go from blue to red with the evidence for the class, relative to its most; where\n"
      "there is none, or evidence against it, the picture is as it was. What the network did not\n"
      "see is darker. The mean of the map, plus the class's bias, is the logit.\n\n"
      "Examples:\n  effnet explain cat.jpg --output heat.png\n"
      "  effnet explain cat.jpg --class tabby --npy map.npy\n",
      entries};
  int code =
      cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_SCORES | CLI_TAKES_RUN | CLI_TAKES_PICTURES,
                 &self.args, &argc, &argv);

  if (code < 0)
    code = check_usage (&self, argc);
  if (code < 0) {
    out_spare (argv[1]);
    explain (&self, argv[1], &error);
    code = cli_stopped () != 0 ? CLI_SIGNAL + cli_stopped () : cli_exit_code (error);
  }
  clear (&self);
  return code;
}
