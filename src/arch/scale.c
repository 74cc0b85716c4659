/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compound scaling (Tan and Le, 2019, section 3.3). One coefficient phi scales all three:
 *   depth d = alpha^phi, width w = beta^phi, resolution r = gamma^phi, alpha beta^2 gamma^2 ~ 2.
 * The published members round d, w and r by hand; their coefficients are rows in variants.c. */
#include "arch/scale.h"
#include "base/text.h"

#include <math.h>

#define ALPHA           1.2
#define BETA            1.1
#define GAMMA           1.15
#define BASE_RESOLUTION 224.0 /* pixels */
#define CHANNEL_UNIT    8

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
effnet_scale_repeats (unsigned repeats, double depth)
{
  return (unsigned)ceil (repeats * depth);
}

unsigned
effnet_scale_squeeze (unsigned in_channels, double se_ratio)
{
  return MAX ((unsigned)(in_channels * se_ratio), 1);
}

gboolean
effnet_scale_phi (const char *text, double *phi, EffnetVariant *out, GError **error)
{
  char *end = NULL;
  double value = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || g_ascii_isspace (text[0]) || !isfinite (value)) {
    g_autofree char *printable = effnet_printable (text);
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "Variant \"phi:%s\": what follows \"phi:\" must be a number, as in phi:1.5",
                 printable);
    return FALSE;
  }
  if (value < EFFNET_PHI_MIN || value > EFFNET_PHI_MAX) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "Variant \"phi:%g\" is out of range: the compound coefficient must lie between %g "
                 "and %g",
                 value, EFFNET_PHI_MIN, EFFNET_PHI_MAX);
    return FALSE;
  }
  *phi = value;
  out->family = effnet_variant_baseline ();
  out->depth = pow (ALPHA, value);
  out->width = pow (BETA, value);
  /* To the nearest whole pixel: nothing in the net asks for a rounder number. */
  out->resolution = (unsigned)lround (BASE_RESOLUTION * pow (GAMMA, value));
  return TRUE;
}
