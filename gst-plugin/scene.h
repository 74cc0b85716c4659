/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a camera's picture does, from frame to frame, told from the network's input: whether it
 * changed since the last inference, and whether something is wrong with the camera. For any
 * element that has such an input. It is told times and asks no clock; one thread at a time. The
 * invariant: a state comes and goes only after it was seen for a while. */
#ifndef GST_EFFNET_SCENE_H
#define GST_EFFNET_SCENE_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_SCENE_FROZEN = 1 << 0,      /* the same picture for five seconds, to the last bit */
  GST_EFFNET_SCENE_BLACK = 1 << 1,       /* nearly all of it is: covered, or no light at all */
  GST_EFFNET_SCENE_OVEREXPOSED = 1 << 2, /* most of it is white */
  GST_EFFNET_SCENE_BLURRED = 1 << 3,     /* no detail at the size of the network's input */
  GST_EFFNET_SCENE_GREY = 1 << 4,        /* no colours: infrared at night */
  GST_EFFNET_SCENE_MOVED = 1 << 5,       /* the scene is where it was not; for ten seconds */
} GstEffnetSceneState;

#define GST_EFFNET_SCENE_N_STATES 6

/* One frame. */
typedef struct {
  guint states;            /* GstEffnetSceneState, flags */
  guint changed;           /* those that came or went with this frame */
  double motion;           /* since the frame kept: share of the cells that changed, 0..1 */
  double distance;         /* of the colours to those of the frame kept, 0..1 */
  double luma;             /* mean, 0..1 */
  double chroma;           /* mean distance of the strongest from the weakest channel, 0..1 */
  double contrast;         /* root mean square of differences four pixels apart */
  double detail;           /* share of that which is finer than four pixels; 0: no contrast */
  double shift_x, shift_y; /* of the frame's width and height: where the scene went */
} GstEffnetSceneLook;

typedef struct _GstEffnetScene GstEffnetScene;

/* @width, @height: of the network's input, pixels
 * @mean, @std: a pixel is value * std + mean, 0..1; of R, G, B
 * Returns: (nullable): NULL when the input is smaller than 32 x 32, of which nothing can be told */
GstEffnetScene *gst_effnet_scene_new (guint width, guint height, const float *mean,
                                      const float *std);
void gst_effnet_scene_free (GstEffnetScene *scene);
/* TRUE when it was made with these. */
gboolean gst_effnet_scene_is_for (const GstEffnetScene *scene, guint width, guint height,
                                  const float *mean, const float *std);
/* The stream begins anew: no frame has been seen, no state is on. */
void gst_effnet_scene_forget (GstEffnetScene *scene);
/* @nhwc: [height][width][3]
 * @time: running time, or another that goes on with the frames, ns */
void gst_effnet_scene_look (GstEffnetScene *scene, const float *nhwc, GstClockTime time,
                            GstEffnetSceneLook *look);
/* The frame that was looked at last is the one that motion and distance count from. */
void gst_effnet_scene_keep (GstEffnetScene *scene);
/* TRUE when no frame is kept yet, or something as large as a person far away moved. */
gboolean gst_effnet_scene_has_motion (const GstEffnetScene *scene, const GstEffnetSceneLook *look);
/* TRUE when no frame is kept yet, or a third of the colours are others. */
gboolean gst_effnet_scene_has_changed (const GstEffnetScene *scene, const GstEffnetSceneLook *look);
/* Returns: the name of the state with that bit number: "frozen", ... */
const char *gst_effnet_scene_state_name (guint bit);
/* Returns: (transfer full): named @name: each state as a boolean, and the numbers of @look */
GstStructure *gst_effnet_scene_look_to_structure (const GstEffnetSceneLook *look, const char *name);

G_END_DECLS

#endif
