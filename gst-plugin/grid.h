/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A network's input in one pass -> a coarse grid, profiles and energies, the only things of a frame
 * that anything about the scene is told from. The invariant: no memory is taken after _init(), and
 * cells that are filled up (letterbox) count nowhere. */
#ifndef GST_EFFNET_GRID_H
#define GST_EFFNET_GRID_H

#include <glib.h>

G_BEGIN_DECLS

#define GST_EFFNET_SCENE_BINS 16 /* of a histogram */

/* Where the pixels are and what they mean. */
typedef struct {
  guint width, height;   /* of the input, pixels */
  guint cell;            /* side of a cell, pixels */
  guint columns, rows;   /* of the grid */
  guint bin;             /* pixels that an entry of a profile is of */
  guint n_x, n_y;        /* entries of the profiles */
  float mean[3], std[3]; /* a pixel is value * std + mean, 0..1 */
  float *scratch;        /* [4][width * 3]: sums of a band, of all bands; energies near, far */
} GstEffnetSceneShape;

/* One frame. */
typedef struct {
  float (*cells)[3];                         /* [rows][columns] R, G, B, 0..1 */
  float *luma;                               /* [rows][columns] 0..1; negative: no picture there */
  float *across;                             /* [n_x] brightness, from left to right */
  float *down;                               /* [n_y] from top to bottom */
  float histogram[3][GST_EFFNET_SCENE_BINS]; /* of each channel; sums are 1 */
  guint n;                                   /* cells with a picture */
  double mean_luma;                          /* 0..1 */
  double dark, bright; /* shares of the cells that are nearly black, nearly white */
  double chroma;       /* mean distance between the strongest and the weakest channel */
  double contrast;     /* root mean square of differences four pixels apart */
  double detail;       /* energy of differences one pixel apart, of those four apart: 1/16 for a
                          picture without detail, toward 1 for noise; 0 without contrast */
} GstEffnetSceneGrid;

/* FALSE when the input is too small for a grid; nothing is taken then. */
gboolean gst_effnet_scene_shape_init (GstEffnetSceneShape *shape, guint width, guint height,
                                      const float *mean, const float *std);
void gst_effnet_scene_shape_clear (GstEffnetSceneShape *shape);
void gst_effnet_scene_grid_init (GstEffnetSceneGrid *grid, const GstEffnetSceneShape *shape);
void gst_effnet_scene_grid_clear (GstEffnetSceneGrid *grid);
void gst_effnet_scene_grid_copy (GstEffnetSceneGrid *to, const GstEffnetSceneGrid *from,
                                 const GstEffnetSceneShape *shape);
/* @nhwc: [height][width][3], as effnet_session_preprocess() gives it */
void gst_effnet_scene_grid_fill (GstEffnetSceneGrid *grid, GstEffnetSceneShape *shape,
                                 const float *nhwc);
/* Returns: share of the cells whose brightness differs, apart from what all have in common */
double gst_effnet_scene_grid_motion (const GstEffnetSceneGrid *grid,
                                     const GstEffnetSceneGrid *other,
                                     const GstEffnetSceneShape *shape);
/* Returns: 0 for the same colours, to 1 for none in common */
double gst_effnet_scene_grid_distance (const GstEffnetSceneGrid *grid,
                                       const GstEffnetSceneGrid *other);
/* TRUE when the two frames are one picture, to the last bit that matters. */
gboolean gst_effnet_scene_grid_is_same (const GstEffnetSceneGrid *grid,
                                        const GstEffnetSceneGrid *other,
                                        const GstEffnetSceneShape *shape);
/* How a profile has to be shifted to look like @reference.
 * @gain: (out): how much better the two agree then, as correlations; 0 where there is no such shift
 * Returns: entries; 0 when nothing agrees well, or the profile has no structure */
int gst_effnet_scene_profile_shift (const float *profile, const float *reference, guint n,
                                    double *gain);

G_END_DECLS

#endif
