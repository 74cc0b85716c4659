/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compound scaling (Tan and Le, 2019, section 3.3). One coefficient phi scales all three:
 *   depth d = alpha^phi, width w = beta^phi, resolution r = gamma^phi, alpha beta^2 gamma^2 ~ 2.
 * The published members round d, w and r by hand; their coefficients are rows in variants.c. */
#include "arch/scale.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

#define ALPHA        1.2
#define BETA         1.1
#define GAMMA        1.15
#define CHANNEL_UNIT 8

/* From B0, phi:-10 is a net of 55 pixels a side, phi:15 one of 1823. */
#define PHI_MIN   (-10.0)
#define PHI_MAX   15.0
#define WIDTH_MIN 0.05
#define WIDTH_MAX 10.0
#define DEPTH_MIN 0.05
#define DEPTH_MAX 20.0

unsigned
effnet_scale_channels (unsigned channels, double width, gboolean far)
{
  double wanted = channels * width;
  unsigned units = (unsigned)((wanted + CHANNEL_UNIT / 2.0) / CHANNEL_UNIT);
  unsigned scaled = MAX (units, 1) * CHANNEL_UNIT;

  if (!far && scaled < 0.9 * wanted)
    scaled += CHANNEL_UNIT;
  return scaled;
}

unsigned
effnet_scale_repeats (unsigned repeats, double depth, gboolean round)
{
  double scaled = repeats * depth;

  return MAX ((unsigned)(round ? rint (scaled) : ceil (scaled)), 1);
}

unsigned
effnet_scale_squeeze (unsigned in_channels, double se_ratio)
{
  return MAX ((unsigned)(in_channels * se_ratio), 1);
}

/* The number that *@text begins with, and past it. */
static gboolean
read_number (const char **text, double *number)
{
  char *end = NULL;

  if (g_ascii_isspace (**text))
    return FALSE;
  *number = g_ascii_strtod (*text, &end);
  if (end == *text || !isfinite (*number))
    return FALSE;
  *text = end;
  return TRUE;
}

/* From compound coefficients and the side before it, to the nearest whole pixel: nothing in the net
 * asks for a rounder number. */
static gboolean
apply_phi (const char *name, const char *text, double *phi, EffnetVariant *row, GError **error)
{
  g_autofree char *printable = effnet_printable (name);

  if (!read_number (&text, phi) || *text != '\0')
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "Variant \"%s\": what follows \"phi:\" must be a number, as in phi:1.5",
                        printable);
  if (*phi < PHI_MIN || *phi > PHI_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "Variant \"%s\" is out of range: the compound coefficient must lie between "
                        "%g and %g",
                        printable, PHI_MIN, PHI_MAX);
  row->depth *= pow (ALPHA, *phi);
  row->width *= pow (BETA, *phi);
  row->resolution = (unsigned)lround (row->resolution * pow (GAMMA, *phi));
  return TRUE;
}

static gboolean
read_coefficients (const char *name, const char *text, EffnetVariant *row, GError **error)
{
  double side = 0;

  if (read_number (&text, &row->width) && *text++ == ',' && read_number (&text, &row->depth) &&
      *text++ == ',' && read_number (&text, &side) && *text == '\0' && side == rint (side) &&
      side >= 1 && side <= EFFNET_INPUT_SIDE_MAX) {
    row->resolution = (unsigned)side;
    return TRUE;
  }
  g_autofree char *printable = effnet_printable (name);
  return effnet_fail (
      error, EFFNET_ERROR_ARGUMENT,
      "Variant \"%s\": what follows the member's name must be phi:X or WIDTH,DEPTH,RESOLUTION (1 "
      "to %d whole pixels), as in b0:phi:1.5 or b0:1.1,1.2,260",
      printable, EFFNET_INPUT_SIDE_MAX);
}

char *
effnet_scale_row (const char *name, const char *text, EffnetVariant *row, GError **error)
{
  char numbers[3][G_ASCII_DTOSTR_BUF_SIZE];
  gboolean by_phi = g_str_has_prefix (text, "phi:");
  double phi = 0;

  if (by_phi ? !apply_phi (name, text + strlen ("phi:"), &phi, row, error)
             : !read_coefficients (name, text, row, error))
    return NULL;
  if (!(row->width >= WIDTH_MIN && row->width <= WIDTH_MAX && row->depth >= DEPTH_MIN &&
        row->depth <= DEPTH_MAX) ||
      row->resolution > EFFNET_INPUT_SIDE_MAX) {
    g_autofree char *printable = effnet_printable (name);
    effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                 "Variant \"%s\" is out of range: width %g, depth %g and %u pixels; expected a "
                 "width of %g to %g, a depth of %g to %g and at most %d pixels",
                 printable, row->width, row->depth, row->resolution, WIDTH_MIN, WIDTH_MAX,
                 DEPTH_MIN, DEPTH_MAX, EFFNET_INPUT_SIDE_MAX);
    return NULL;
  }
  g_ascii_formatd (numbers[0], sizeof numbers[0], "%.15g", by_phi ? phi : row->width);
  g_ascii_formatd (numbers[1], sizeof numbers[1], "%.15g", row->depth);
  if (by_phi)
    return g_strconcat ("phi:", numbers[0], NULL);
  return g_strdup_printf ("%s,%s,%u", numbers[0], numbers[1], row->resolution);
}
