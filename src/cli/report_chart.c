/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The report's charts. Coordinates are whole numbers in a box of WIDTH x HEIGHT. */
#include "cli/report.h"

#include <math.h>

#define WIDTH  420
#define HEIGHT 300
#define LEFT   52 /* of the plot */
#define RIGHT  (WIDTH - 12)
#define TOP    12
#define BOTTOM (HEIGHT - 44)

void
cli_append_number (GString *out, double value, int digits)
{
  char format[8], text[G_ASCII_DTOSTR_BUF_SIZE];

  g_snprintf (format, sizeof format, "%%.%df", digits);
  g_string_append (out, g_ascii_formatd (text, sizeof text, format, value));
}

/* Coordinates of shares between 0 and 1 of the axes. */
static int
x_of (double share)
{
  return (int)lround (LEFT + share * (RIGHT - LEFT));
}

static int
y_of (double share)
{
  return (int)lround (BOTTOM - share * (BOTTOM - TOP));
}

static void
open_chart (GString *out, const char *title, const char *x_title, const char *y_title)
{
  g_string_append_printf (out,
                          "<svg viewBox='0 0 %d %d' role='img' aria-label='%s'>"
                          "<path class='axis' d='M%d %dV%dH%d'/>"
                          "<text x='%d' y='%d' text-anchor='middle'>%s</text>"
                          "<text transform='translate(14 %d) rotate(-90)' text-anchor='middle'>"
                          "%s</text>",
                          WIDTH, HEIGHT, title, LEFT, TOP, BOTTOM, RIGHT, (LEFT + RIGHT) / 2,
                          HEIGHT - 8, x_title, (TOP + BOTTOM) / 2, y_title);
}

/* Ticks of the axis of shares, at each @step percent from @from on. */
static void
y_ticks (GString *out, unsigned from, unsigned step)
{
  for (unsigned percent = from; percent <= 100; percent += step) {
    int y = y_of ((double)(percent - from) / (100 - from));
    g_string_append_printf (out,
                            "<path class='grid' d='M%d %dH%d'/>"
                            "<text x='%d' y='%d' text-anchor='end'>%u %%</text>",
                            LEFT, y, RIGHT, LEFT - 5, y + 4, percent);
  }
}

static void
x_tick (GString *out, double share, const char *text)
{
  g_string_append_printf (out, "<text x='%d' y='%d' text-anchor='middle'>%s</text>", x_of (share),
                          BOTTOM + 16, text);
}

/* Bars as high as the share that was right; the diagonal is where they should end. The fuller a
 * bar, the more answers it stands for. */
void
cli_chart_reliability (GString *out, const EffnetEvaluation *evaluation)
{
  size_t most = 1;

  open_chart (out, "Reliability: score against share right", "score", "share right");
  y_ticks (out, 0, 25);
  for (unsigned i = 0; i < EFFNET_RELIABILITY_BINS; i++)
    most = MAX (most, evaluation->bins[i].n);
  for (unsigned i = 0; i < EFFNET_RELIABILITY_BINS; i++) {
    const EffnetReliabilityBin *bin = &evaluation->bins[i];
    int left = x_of ((double)i / EFFNET_RELIABILITY_BINS) + 1;
    int right = x_of ((double)(i + 1) / EFFNET_RELIABILITY_BINS) - 1;
    int opacity = 25 + (int)(75 * sqrt ((double)bin->n / (double)most));

    if (bin->n == 0)
      continue;
    g_string_append_printf (out,
                            "<rect class='bar' x='%d' y='%d' width='%d' height='%d' "
                            "fill-opacity='%d%%'><title>%" G_GSIZE_FORMAT " answers, mean score ",
                            left, y_of (bin->right), right - left, BOTTOM - y_of (bin->right),
                            opacity, bin->n);
    cli_append_number (out, bin->score, 2);
    g_string_append (out, ", right ");
    cli_append_number (out, bin->right, 2);
    g_string_append (out, "</title></rect>");
  }
  x_tick (out, 0, "0");
  x_tick (out, 0.5, "0.5");
  x_tick (out, 1, "1");
  g_string_append_printf (out, "<path class='ideal' d='M%d %dL%d %d'/></svg>", x_of (0), y_of (0),
                          x_of (1), y_of (1));
}

typedef struct {
  unsigned from;       /* percent at the lower end */
  double first, range; /* log2 of the groups */
} CurveScale;

static int
curve_x (const CurveScale *scale, double n_groups)
{
  return x_of (0.06 + 0.88 * (log2 (MAX (n_groups, 1)) - scale->first) / scale->range);
}

static int
curve_y (const CurveScale *scale, double accuracy)
{
  return y_of (CLAMP ((accuracy * 100 - scale->from) / (100 - scale->from), 0, 1));
}

/* With the 95 % interval of each point. */
void
cli_chart_curve (GString *out, const EffnetCurvePoint *curve)
{
  const EffnetCurvePoint *end = curve + EFFNET_CURVE_POINTS;
  CurveScale scale = {.first = log2 (MAX (curve->n_groups, 1))};
  double low = 1;

  for (const EffnetCurvePoint *p = curve; p < end; p++)
    low = MIN (low, p->low);
  scale.from = MIN ((unsigned)(MAX (low, 0) * 10) * 10, 80);
  scale.range = MAX (log2 (MAX (end[-1].n_groups, 1)) - scale.first, 1e-9);
  open_chart (out, "Learning curve: pictures against accuracy", "pictures or clips trained on",
              "accuracy");
  y_ticks (out, scale.from, scale.from >= 60 ? 10 : 20);
  g_string_append (out, "<path class='line' d='");
  for (const EffnetCurvePoint *p = curve; p < end; p++)
    g_string_append_printf (out, "%c%d %d", p == curve ? 'M' : 'L', curve_x (&scale, p->n_groups),
                            curve_y (&scale, p->accuracy));
  for (const EffnetCurvePoint *p = curve; p < end; p++)
    g_string_append_printf (out, "M%d %dV%d", curve_x (&scale, p->n_groups),
                            curve_y (&scale, p->low), curve_y (&scale, p->high));
  g_string_append (out, "'/>");
  for (const EffnetCurvePoint *p = curve; p < end; p++) {
    int x = curve_x (&scale, p->n_groups);

    g_string_append_printf (out,
                            "<circle class='dot' cx='%d' cy='%d' r='4'/>"
                            "<text x='%d' y='%d' text-anchor='middle'>%ld</text>",
                            x, curve_y (&scale, p->accuracy), x, BOTTOM + 16, lround (p->n_groups));
  }
  g_string_append (out, "</svg>");
}
