/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Everything is laid out on the upright picture with square pixels and brought to the stored one by
 * a single matrix, so that text stays upright and round for every orientation and pixel aspect
 * ratio. A box is drawn as its corners: blending costs whole lines, of which those take few. */
#include "overlay/draw.h"

#include <math.h>
#include <string.h>

#include <pango/pangocairo.h>

#include "overlay/heat.h"

#define LINES_IN_HEIGHT 24 /* of text in a picture, by default */
#define FONT_MIN        13 /* pixels */
#define WIDEST          0.96

typedef struct {
  GstVideoOverlayComposition *composition;
  const GstEffnetDrawSettings *settings;
  cairo_matrix_t matrix; /* upright, square pixels -> stored */
  double width, height;  /* of the upright picture */
  double size;           /* of the font */
  PangoFontDescription *font;
  double top, bottom; /* where the next line of the whole picture goes */
} Drawing;

/* Exif's orientations: where a point of the upright picture of w x h pixels is stored. */
static cairo_matrix_t
orientation_matrix (unsigned orientation, double w, double h)
{
  const cairo_matrix_t matrices[] = {
      {1, 0, 0, 1, 0, 0}, {-1, 0, 0, 1, w, 0}, {-1, 0, 0, -1, w, h}, {1, 0, 0, -1, 0, h},
      {0, 1, 1, 0, 0, 0}, {0, -1, 1, 0, 0, w}, {0, -1, -1, 0, h, w}, {0, 1, -1, 0, h, 0},
  };
  return matrices[(orientation - 1) % G_N_ELEMENTS (matrices)];
}

static void
lay_out (Drawing *d, const GstEffnetCanvas *canvas)
{
  gboolean transposed = canvas->orientation >= 5;
  double w = transposed ? canvas->height : canvas->width;
  double h = transposed ? canvas->width : canvas->height;
  double x = transposed ? 1 : canvas->par, y = transposed ? canvas->par : 1;

  d->matrix = orientation_matrix (canvas->orientation, w, h);
  cairo_matrix_scale (&d->matrix, 1 / x, 1 / y);
  d->width = w * x;
  d->height = h * y;
  d->size = d->settings->font_size > 0 ? d->settings->font_size
                                       : MAX (d->height / LINES_IN_HEIGHT, FONT_MIN);
  d->top = d->size / 2;
  d->bottom = d->height - d->size / 2;
}

/* ---- pieces: a part of the picture that something is drawn on -------------------------------- */

typedef struct {
  int x, y; /* on the stored picture */
  cairo_surface_t *surface;
  cairo_t *cr; /* in the coordinates of the upright picture */
} Piece;

/* Of x, y, w, h of the upright picture, as far as it is on it. FALSE: nothing is. */
static gboolean
piece_begin (Piece *piece, const Drawing *d, double x, double y, double w, double h)
{
  double x0 = MAX (x, 0), y0 = MAX (y, 0), x1 = MIN (x + w, d->width), y1 = MIN (y + h, d->height);
  int left, top, right, bottom;

  if (x1 - x0 < 0.5 || y1 - y0 < 0.5)
    return FALSE;
  cairo_matrix_transform_point (&d->matrix, &x0, &y0);
  cairo_matrix_transform_point (&d->matrix, &x1, &y1);
  left = (int)floor (MIN (x0, x1) + 1e-6);
  top = (int)floor (MIN (y0, y1) + 1e-6);
  right = (int)ceil (MAX (x0, x1) - 1e-6);
  bottom = (int)ceil (MAX (y0, y1) - 1e-6);
  piece->x = left;
  piece->y = top;
  piece->surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, MAX (right - left, 1),
                                               MAX (bottom - top, 1));
  piece->cr = cairo_create (piece->surface);
  cairo_translate (piece->cr, -left, -top);
  cairo_transform (piece->cr, &d->matrix);
  return TRUE;
}

static void
destroy_surface (gpointer surface)
{
  cairo_surface_destroy (surface);
}

/* Hands the pixels over. */
static void
piece_end (Piece *piece, Drawing *d)
{
  cairo_surface_t *surface = piece->surface;
  gboolean ok = cairo_status (piece->cr) == CAIRO_STATUS_SUCCESS;
  int width, height, stride;
  gsize offset[GST_VIDEO_MAX_PLANES] = {0};
  gint strides[GST_VIDEO_MAX_PLANES] = {0};
  GstVideoOverlayRectangle *rectangle;
  GstBuffer *pixels;

  cairo_destroy (piece->cr);
  cairo_surface_flush (surface);
  if (!ok || cairo_image_surface_get_data (surface) == NULL) { /* no memory: the text is left out */
    cairo_surface_destroy (surface);
    return;
  }
  width = cairo_image_surface_get_width (surface);
  height = cairo_image_surface_get_height (surface);
  strides[0] = stride = cairo_image_surface_get_stride (surface);
  pixels = gst_buffer_new_wrapped_full (0, cairo_image_surface_get_data (surface),
                                        (gsize)stride * (gsize)height, 0,
                                        (gsize)stride * (gsize)height, surface, destroy_surface);
  gst_buffer_add_video_meta_full (pixels, GST_VIDEO_FRAME_FLAG_NONE,
                                  GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, (guint)width,
                                  (guint)height, 1, offset, strides);
  rectangle =
      gst_video_overlay_rectangle_new_raw (pixels, piece->x, piece->y, (guint)width, (guint)height,
                                           GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  gst_buffer_unref (pixels);
  if (d->composition == NULL)
    d->composition = gst_video_overlay_composition_new (rectangle);
  else
    gst_video_overlay_composition_add_rectangle (d->composition, rectangle);
  gst_video_overlay_rectangle_unref (rectangle);
}

/* ---- text and boxes -------------------------------------------------------------------------- */

/* From red over yellow to green. */
static void
set_score_color (cairo_t *cr, int percent, double alpha)
{
  double share = percent / 100.;
  cairo_set_source_rgba (cr, MIN (2 - 2 * share, 1) * 0.95, MIN (2 * share, 1) * 0.8, 0.15, alpha);
}

static PangoLayout *
layout_new (const Drawing *d, const char *text, double widest)
{
  PangoContext *context = pango_font_map_create_context (pango_cairo_font_map_get_default ());
  PangoLayout *layout = pango_layout_new (context);

  pango_layout_set_font_description (layout, d->font);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_MIDDLE);
  pango_layout_set_text (layout, text, -1);
  pango_layout_set_width (layout, (int)(widest * PANGO_SCALE));
  g_object_unref (context);
  return layout;
}

/* A ground with text and score bar on it; top left corner at x, y. */
static void
draw_label (Drawing *d, const GstEffnetCaption *caption, PangoLayout *layout, double x, double y,
            double w, double h)
{
  double pad = d->size / 3, bar = MAX (d->size / 8, 2), light = caption->faint ? 0.65 : 1;
  Piece piece;

  if (!piece_begin (&piece, d, x, y, w, h))
    return;
  cairo_set_source_rgba (piece.cr, 0.05, 0.05, 0.05, d->settings->opacity);
  cairo_rectangle (piece.cr, x, y, w, h);
  cairo_fill (piece.cr);
  cairo_move_to (piece.cr, x + pad, y + pad / 2);
  pango_cairo_layout_path (piece.cr, layout);
  cairo_set_source_rgba (piece.cr, 0, 0, 0, 0.8);
  cairo_set_line_width (piece.cr, MAX (d->size / 12, 1));
  cairo_set_line_join (piece.cr, CAIRO_LINE_JOIN_ROUND);
  cairo_stroke_preserve (piece.cr);
  cairo_set_source_rgb (piece.cr, light, light, light);
  cairo_fill (piece.cr);
  if (caption->percent >= 0) {
    set_score_color (piece.cr, caption->percent, caption->faint ? 0.5 : 1);
    cairo_rectangle (piece.cr, x, y + h - bar, w * caption->percent / 100, bar);
    cairo_fill (piece.cr);
  }
  piece_end (&piece, d);
}

/* Two corners of a box, the upper or the lower ones: lines at @y and @arm down or up from there. */
static void
draw_corners (Drawing *d, const GstEffnetCaption *caption, const double box[4], gboolean lower)
{
  double line = MAX (d->size / 8, 2), arm = MIN (d->size, MIN (box[2], box[3]) / 2);
  double edge = lower ? box[1] + box[3] : box[1], y = lower ? edge - arm : edge;
  Piece piece;

  if (!piece_begin (&piece, d, box[0], y, box[2], arm))
    return;
  for (guint i = 0; i < 2; i++) {
    double x = i == 0 ? box[0] : box[0] + box[2];
    double in = i == 0 ? 1 : -1;
    cairo_rectangle (piece.cr, x, lower ? edge - line : edge, in * arm, line);
    cairo_rectangle (piece.cr, x, y, in * line, arm);
  }
  if (caption->percent >= 0)
    set_score_color (piece.cr, caption->percent, 1);
  else
    cairo_set_source_rgb (piece.cr, 1, 1, 1);
  cairo_fill (piece.cr);
  piece_end (&piece, d);
}

/* Above its box, or in it where there is no room. */
static void
draw_part (Drawing *d, const GstEffnetCaption *caption, PangoLayout *layout, double w, double h)
{
  const double box[4] = {caption->box[0] * d->width, caption->box[1] * d->height,
                         caption->box[2] * d->width, caption->box[3] * d->height};
  double x = CLAMP (box[0], 0, MAX (d->width - w, 0));

  draw_corners (d, caption, box, FALSE);
  draw_corners (d, caption, box, TRUE);
  if (caption->text[0] != '\0')
    draw_label (d, caption, layout, x, box[1] >= h ? box[1] - h : box[1], w, h);
}

/* One below the other, from the edge of the picture inwards. */
static void
draw_whole (Drawing *d, const GstEffnetCaption *caption, PangoLayout *layout, double w, double h)
{
  GstEffnetPosition position = d->settings->position;
  gboolean top = position <= GST_EFFNET_POSITION_TOP_RIGHT;
  double margin = d->size / 2, x = margin, y = top ? d->top : d->bottom - h;

  if (position == GST_EFFNET_POSITION_TOP || position == GST_EFFNET_POSITION_BOTTOM)
    x = (d->width - w) / 2;
  if (position == GST_EFFNET_POSITION_TOP_RIGHT || position == GST_EFFNET_POSITION_BOTTOM_RIGHT)
    x = d->width - w - margin;
  draw_label (d, caption, layout, MAX (x, 0), y, w, h);
  if (top)
    d->top += h * 1.1;
  else
    d->bottom -= h * 1.1;
}

static void
draw_one (Drawing *d, const GstEffnetCaption *caption)
{
  double pad = d->size / 3;
  PangoLayout *layout = layout_new (d, caption->text, MAX (d->width * WIDEST - 2 * pad, 1));
  int width, height;

  pango_layout_get_size (layout, &width, &height);
  (caption->part ? draw_part
                 : draw_whole) (d, caption, layout, (double)width / PANGO_SCALE + 2 * pad,
                                (double)height / PANGO_SCALE + pad + MAX (d->size / 8, 2));
  g_object_unref (layout);
}

/* The map where it lies on its part; a letterbox reaches beyond, and is not drawn there. */
static void
draw_map (Drawing *d, const GstEffnetCaption *caption)
{
  const GstEffnetActivationMap *map = &caption->map;
  double left = caption->box[0] * d->width, top = caption->box[1] * d->height;
  double w = caption->box[2] * d->width, h = caption->box[3] * d->height;
  double x = left + map->box[0] * w, y = top + map->box[1] * h;
  double right = MIN (left + w, x + map->box[2] * w), bottom = MIN (top + h, y + map->box[3] * h);
  int columns = (int)map->width * GST_EFFNET_HEAT_STEPS;
  int rows = (int)map->height * GST_EFFNET_HEAT_STEPS;
  g_autofree guint32 *pixels = gst_effnet_heat_pixels (map, d->settings->map_opacity);
  cairo_surface_t *surface;
  Piece piece;

  if (pixels == NULL || !piece_begin (&piece, d, MAX (x, left), MAX (y, top), right - MAX (x, left),
                                      bottom - MAX (y, top)))
    return;
  surface = cairo_image_surface_create_for_data ((unsigned char *)pixels, CAIRO_FORMAT_ARGB32,
                                                 columns, rows, columns * 4);
  cairo_translate (piece.cr, x, y);
  cairo_scale (piece.cr, map->box[2] * w / columns, map->box[3] * h / rows);
  cairo_set_source_surface (piece.cr, surface, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (piece.cr), CAIRO_FILTER_BILINEAR);
  cairo_pattern_set_extend (cairo_get_source (piece.cr), CAIRO_EXTEND_PAD);
  cairo_paint (piece.cr);
  cairo_set_source_rgb (piece.cr, 0, 0, 0);
  cairo_surface_destroy (surface);
  piece_end (&piece, d);
}

/* Of the heads of a part the first: maps over each other say nothing. */
static void
draw_maps (Drawing *d, const GArray *captions)
{
  for (guint i = 0; i < captions->len; i++) {
    const GstEffnetCaption *one = &g_array_index (captions, GstEffnetCaption, i);
    gboolean first = one->map.values != NULL;

    for (guint j = 0; j < i && first; j++) {
      const GstEffnetCaption *other = &g_array_index (captions, GstEffnetCaption, j);
      first = other->map.values == NULL || memcmp (one->box, other->box, sizeof one->box) != 0;
    }
    if (first)
      draw_map (d, one);
  }
}

GstVideoOverlayComposition *
gst_effnet_draw (const GArray *captions, const GstEffnetCanvas *canvas,
                 const GstEffnetDrawSettings *settings)
{
  Drawing d = {.settings = settings};

  lay_out (&d, canvas);
  d.font = pango_font_description_from_string (settings->font);
  pango_font_description_set_absolute_size (d.font, d.size * PANGO_SCALE);
  draw_maps (&d, captions);
  for (guint pass = 0; pass < 2; pass++) { /* what is written on the whole stays readable */
    for (guint i = 0; i < captions->len; i++) {
      const GstEffnetCaption *one = &g_array_index (captions, GstEffnetCaption, i);
      if (one->part == (pass == 0))
        draw_one (&d, one);
    }
  }
  pango_font_description_free (d.font);
  return d.composition;
}
