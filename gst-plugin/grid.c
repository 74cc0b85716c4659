/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sums are kept for each column of values, so that the loops over pixels are plain additions of
 * rows, which compilers vectorise. Energies are of each fourth row. */
#include "grid.h"

#include <math.h>
#include <string.h>

#define CELLS_MAX     32    /* a side */
#define PROFILE_MAX   128   /* entries */
#define STRIDE        4     /* rows from one whose energies are taken to the next */
#define FAR           4     /* pixels apart, for what is coarser than detail */
#define NEAR_BLACK    0.12f /* luma */
#define NEAR_WHITE    0.95f /* luma */
#define CELL_CHANGED  0.05f /* of luma: more than noise, which the mean of a cell has little of */
#define FILLED        1e-6f /* of the normalised mean: exactly the mean colour, by no camera */
#define SAME          1e-6f /* of a cell: less than one camera pixel by one step */
#define CONTRAST_MIN  0.01  /* below it detail cannot be told from noise */
#define STRUCTURE_MIN 1e-3  /* standard deviation of a profile */
#define AGREE         0.9   /* correlation of profiles of one scene */

gboolean
gst_effnet_scene_shape_init (GstEffnetSceneShape *shape, guint width, guint height,
                             const float *mean, const float *std)
{
  guint side = MAX (width, height), least = MIN (width, height);

  if (least < 32)
    return FALSE;
  *shape = (GstEffnetSceneShape){.width = width, .height = height};
  shape->cell = MAX (8, (side + CELLS_MAX - 1) / CELLS_MAX);
  shape->columns = width / shape->cell;
  shape->rows = height / shape->cell;
  shape->bin = (side + PROFILE_MAX - 1) / PROFILE_MAX;
  shape->n_x = width / shape->bin;
  shape->n_y = height / shape->bin;
  memcpy (shape->mean, mean, sizeof shape->mean);
  memcpy (shape->std, std, sizeof shape->std);
  if (shape->columns == 0 || shape->rows == 0)
    return FALSE;
  shape->scratch = g_try_new (float, (gsize)width * 3 * 4);
  return shape->scratch != NULL;
}

void
gst_effnet_scene_shape_clear (GstEffnetSceneShape *shape)
{
  g_clear_pointer (&shape->scratch, g_free);
}

void
gst_effnet_scene_grid_init (GstEffnetSceneGrid *grid, const GstEffnetSceneShape *shape)
{
  gsize n = (gsize)shape->columns * shape->rows;

  memset (grid, 0, sizeof *grid);
  grid->cells = g_malloc0 (n * sizeof *grid->cells);
  grid->luma = g_new0 (float, n);
  grid->across = g_new0 (float, shape->n_x);
  grid->down = g_new0 (float, shape->n_y);
}

void
gst_effnet_scene_grid_clear (GstEffnetSceneGrid *grid)
{
  g_clear_pointer (&grid->cells, g_free);
  g_clear_pointer (&grid->luma, g_free);
  g_clear_pointer (&grid->across, g_free);
  g_clear_pointer (&grid->down, g_free);
}

void
gst_effnet_scene_grid_copy (GstEffnetSceneGrid *to, const GstEffnetSceneGrid *from,
                            const GstEffnetSceneShape *shape)
{
  GstEffnetSceneGrid copy = *from;
  gsize n = (gsize)shape->columns * shape->rows;

  copy.cells = memcpy (to->cells, from->cells, n * sizeof *to->cells);
  copy.luma = memcpy (to->luma, from->luma, n * sizeof *to->luma);
  copy.across = memcpy (to->across, from->across, shape->n_x * sizeof *to->across);
  copy.down = memcpy (to->down, from->down, shape->n_y * sizeof *to->down);
  *to = copy;
}

/* ---- the pass -------------------------------------------------------------------------------- */

static void
add_row (float *restrict sums, const float *restrict row, guint n)
{
  for (guint i = 0; i < n; i++)
    sums[i] += row[i];
}

/* sums[i] += (a[i] - b[i])^2 */
static void
add_energy (float *restrict sums, const float *restrict a, const float *restrict b, guint n)
{
  for (guint i = 0; i < n; i++) {
    float d = a[i] - b[i];

    sums[i] += d * d;
  }
}

/* Eight sums beside each other, so that the additions need not wait for one another. */
static float
sum_of (const float *x, guint n)
{
  float lanes[8] = {0}, sum = 0.0f;
  guint i = 0;

  for (; i + 8 <= n; i += 8) {
    for (guint k = 0; k < 8; k++)
      lanes[k] += x[i + k];
  }
  for (; i < n; i++)
    sum += x[i];
  for (guint k = 0; k < 8; k++)
    sum += lanes[k];
  return sum;
}

/* TRUE when the three values are of a border around the picture: exactly the mean colour. */
static gboolean
is_border (const float *value)
{
  return fabsf (value[0]) < FILLED && fabsf (value[1]) < FILLED && fabsf (value[2]) < FILLED;
}

static gboolean
is_border_row (const float *row, guint width)
{
  return is_border (row) && is_border (row + (gsize)(width / 2) * 3) &&
         is_border (row + (gsize)(width - 1) * 3);
}

/* One row of cells. What a border is part of is no part of the picture.
 * @sums: [width][3], of @cell rows
 * @whole: no border runs across */
static void
fill_cells (GstEffnetSceneGrid *grid, const GstEffnetSceneShape *shape, guint row,
            const float *sums, gboolean whole)
{
  float scale = 1.0f / (float)(shape->cell * shape->cell);

  for (guint x = 0; x < shape->columns; x++) {
    float *cell = grid->cells[row * shape->columns + x], sum[3] = {0};
    const float *from = sums + (gsize)x * shape->cell * 3;
    gboolean border = !whole;

    for (guint i = 0; i < shape->cell * 3; i += 3) {
      border |= is_border (from + i);
      for (guint c = 0; c < 3; c++)
        sum[c] += from[i + c];
    }
    for (guint c = 0; c < 3; c++)
      cell[c] = sum[c] * scale * shape->std[c] + shape->mean[c];
    grid->luma[row * shape->columns + x] =
        border ? -1.0f : MAX (0.0f, 0.299f * cell[0] + 0.587f * cell[1] + 0.114f * cell[2]);
  }
}

/* @sums: [width][3] of all rows
 * @energies: [2][width][3] of differences one pixel and FAR pixels apart, along and down */
static void
set_detail (GstEffnetSceneGrid *grid, const GstEffnetSceneShape *shape, const float *sums,
            const float *energies, guint n_rows)
{
  double near = 0.0, far = 0.0;
  gsize n = (gsize)shape->width * 3;
  guint n_columns = 0;

  for (guint x = 0; x + FAR < shape->width; x++) {
    gsize i = (gsize)x * 3;

    if (is_border (sums + i) || is_border (sums + i + (gsize)FAR * 3))
      continue;
    n_columns++;
    for (guint c = 0; c < 3; c++) {
      double weight = (double)shape->std[c] * (double)shape->std[c];

      near += weight * (double)energies[i + c];
      far += weight * (double)energies[n + i + c];
    }
  }
  if (n_rows > 0 && n_columns > 0)
    grid->contrast = sqrt (far / (double)n_rows / (double)n_columns / 6.0);
  else
    grid->contrast = 0.0;
  grid->detail = grid->contrast >= CONTRAST_MIN ? near / far : 0.0;
}

static void
fill_profiles (GstEffnetSceneGrid *grid, const GstEffnetSceneShape *shape, const float *sums)
{
  float across = 1.0f / (float)(shape->bin * 3 * shape->height);

  for (guint i = 0; i < shape->n_x; i++)
    grid->across[i] = across * sum_of (sums + (gsize)i * shape->bin * 3, shape->bin * 3);
}

static void
pass_over (GstEffnetSceneGrid *grid, GstEffnetSceneShape *shape, const float *nhwc)
{
  guint n = shape->width * 3, energy_rows = 0;
  float *band = shape->scratch, *all = band + n, *energies = all + n;
  float down = 1.0f / (float)(shape->bin * n);
  gboolean whole = TRUE;

  memset (band, 0, 4 * (gsize)n * sizeof *band);
  memset (grid->down, 0, shape->n_y * sizeof *grid->down);
  for (guint y = 0; y < shape->height; y++) {
    const float *row = nhwc + (gsize)y * n;

    whole &= !is_border_row (row, shape->width);
    add_row (band, row, n);
    if (y / shape->bin < shape->n_y)
      grid->down[y / shape->bin] += down * sum_of (row, n);
    if (y % STRIDE == 0 && y + FAR < shape->height && !is_border_row (row, shape->width) &&
        !is_border_row (row + (gsize)FAR * n, shape->width)) {
      energy_rows++;
      add_energy (energies, row + 3, row, n - 3);
      add_energy (energies + n, row + FAR * 3, row, n - FAR * 3);
      add_energy (energies, row + n, row, n);
      add_energy (energies + n, row + (gsize)FAR * n, row, n);
    }
    if ((y + 1) % shape->cell == 0 || y + 1 == shape->height) {
      if (y / shape->cell < shape->rows)
        fill_cells (grid, shape, y / shape->cell, band, whole);
      add_row (all, band, n);
      memset (band, 0, n * sizeof *band);
      whole = TRUE;
    }
  }
  fill_profiles (grid, shape, all);
  set_detail (grid, shape, all, energies, energy_rows);
}

/* ---- what the cells say ---------------------------------------------------------------------- */

/* Each value is shared by the two bins it lies between, so that it does not jump at an edge. */
static void
add_to_histogram (float *histogram, float value, float weight)
{
  float at = CLAMP (value, 0.0f, 1.0f) * (GST_EFFNET_SCENE_BINS - 1);
  guint bin = MIN ((guint)at, GST_EFFNET_SCENE_BINS - 2);
  float upper = at - (float)bin;

  histogram[bin] += weight * (1.0f - upper);
  histogram[bin + 1] += weight * upper;
}

static void
summarize (GstEffnetSceneGrid *grid, const GstEffnetSceneShape *shape)
{
  guint n = shape->columns * shape->rows;
  double luma = 0.0, chroma = 0.0;
  guint dark = 0, bright = 0;
  double share;

  grid->n = 0;
  for (guint i = 0; i < n; i++)
    grid->n += grid->luma[i] >= 0.0f;
  share = grid->n > 0 ? 1.0 / grid->n : 0.0;
  memset (grid->histogram, 0, sizeof grid->histogram);
  for (guint i = 0; i < n; i++) {
    const float *cell = grid->cells[i];

    if (grid->luma[i] < 0.0f)
      continue;
    luma += (double)grid->luma[i];
    chroma +=
        (double)(MAX (MAX (cell[0], cell[1]), cell[2]) - MIN (MIN (cell[0], cell[1]), cell[2]));
    dark += grid->luma[i] < NEAR_BLACK;
    bright += grid->luma[i] > NEAR_WHITE;
    for (guint c = 0; c < 3; c++)
      add_to_histogram (grid->histogram[c], cell[c], (float)share);
  }
  grid->mean_luma = luma * share;
  grid->chroma = chroma * share;
  grid->dark = dark * share;
  grid->bright = bright * share;
}

void
gst_effnet_scene_grid_fill (GstEffnetSceneGrid *grid, GstEffnetSceneShape *shape, const float *nhwc)
{
  pass_over (grid, shape, nhwc);
  summarize (grid, shape);
}

/* ---- two frames ------------------------------------------------------------------------------ */

double
gst_effnet_scene_grid_motion (const GstEffnetSceneGrid *grid, const GstEffnetSceneGrid *other,
                              const GstEffnetSceneShape *shape)
{
  float common = (float)(grid->mean_luma - other->mean_luma);
  guint n = shape->columns * shape->rows, changed = 0;

  for (guint i = 0; i < n; i++) {
    if (grid->luma[i] >= 0.0f && other->luma[i] >= 0.0f)
      changed += fabsf (grid->luma[i] - other->luma[i] - common) > CELL_CHANGED;
  }
  return grid->n > 0 ? (double)changed / grid->n : 0.0;
}

double
gst_effnet_scene_grid_distance (const GstEffnetSceneGrid *grid, const GstEffnetSceneGrid *other)
{
  double sum = 0.0;

  for (guint c = 0; c < 3; c++) {
    for (guint i = 0; i < GST_EFFNET_SCENE_BINS; i++)
      sum += fabs ((double)grid->histogram[c][i] - (double)other->histogram[c][i]);
  }
  return MIN (sum / 6.0, 1.0);
}

gboolean
gst_effnet_scene_grid_is_same (const GstEffnetSceneGrid *grid, const GstEffnetSceneGrid *other,
                               const GstEffnetSceneShape *shape)
{
  guint n = shape->columns * shape->rows;
  float most = 0.0f;

  for (guint i = 0; i < n; i++) {
    for (guint c = 0; c < 3; c++)
      most = MAX (most, fabsf (grid->cells[i][c] - other->cells[i][c]));
  }
  return most < SAME;
}

/* ---- shifts ---------------------------------------------------------------------------------- */

/* Pearson's, of n pairs; 0 when either has no structure. */
static double
correlation (const float *a, const float *b, guint n)
{
  double sum[2] = {0}, square[2] = {0}, product = 0.0, variance[2];

  for (guint i = 0; i < n; i++) {
    double x = (double)a[i], y = (double)b[i];

    sum[0] += x;
    sum[1] += y;
    square[0] += x * x;
    square[1] += y * y;
    product += x * y;
  }
  variance[0] = square[0] / n - sum[0] / n * (sum[0] / n);
  variance[1] = square[1] / n - sum[1] / n * (sum[1] / n);
  if (variance[0] < STRUCTURE_MIN * STRUCTURE_MIN || variance[1] < STRUCTURE_MIN * STRUCTURE_MIN)
    return 0.0;
  return (product / n - sum[0] / n * (sum[1] / n)) / sqrt (variance[0] * variance[1]);
}

int
gst_effnet_scene_profile_shift (const float *profile, const float *reference, guint n, double *gain)
{
  double still = correlation (profile, reference, n), best = still;
  int most = (int)n / 4, shift = 0;

  *gain = 0.0;
  if (still > AGREE)
    return 0;
  for (int s = -most; s <= most; s++) {
    guint from = (guint)MAX (s, 0), against = (guint)MAX (-s, 0);
    double c = correlation (profile + from, reference + against, n - from - against);

    if (c > best) {
      best = c;
      shift = s;
    }
  }
  if (best < AGREE)
    return 0;
  *gain = best - still;
  return shift;
}
