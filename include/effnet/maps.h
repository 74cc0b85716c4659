/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Feature maps: what the stages of the network see, and which part of the picture spoke for a
 * class. A part of effnet/effnet.h, which includes it; not to be included alone. */
#ifndef EFFNET_MAPS_H
#define EFFNET_MAPS_H

#define EFFNET_STAGES_MAX 16 /* stages of a network, stem and head among them */

/**
 * EffnetStage:
 * @stage: its number: 0 the stem, 1 to 7 the stages of blocks (as timm's feature_info counts them,
 *   and the rows of the paper's table 1 without the stem), the last one the head
 * @name: "stem", "blocks.0" to "blocks.6", "head"
 * @height: rows of its output
 * @width: columns
 * @channels: numbers of each
 * @reduction: pixels of the network's input for each row, 2 to 32
 * @out_index: place in the list that timm's `features_only=True` gives: the last stage of each
 *   reduction has one, 0 to 4; -1 of the others
 *
 * The output of a stage is that of its last block, after the skip is added and without an
 * activation; of stem and head after theirs.
 */
typedef struct {
  unsigned stage;
  char name[12];
  unsigned height, width, channels, reduction;
  int out_index;
} EffnetStage;

/**
 * effnet_model_get_stages:
 * @model: a model
 * @stages: (out caller-allocates) (array fixed-size=16): filled, in order
 *
 * Returns: how many there are
 */
EFFNET_API unsigned effnet_model_get_stages (const EffnetModel *model,
                                             EffnetStage stages[EFFNET_STAGES_MAX]);
/**
 * effnet_session_activation_map:
 * @session: a session that has given a result since its last failure
 * @weights: (nullable) (array): [n_features] of a class of another linear classifier on the same
 *   features; NULL = the model's own
 * @id: class index, without @weights
 * @map: (out caller-allocates): [height][width] of the last stage
 * @error: return location
 *
 * The class activation map (Zhou et al., 2016, "Learning Deep Features for Discriminative
 * Localization") of the last result: map = sum of the head's channels, each times the weight that
 * the class has for its mean. Exact, for between the head and the logit there is a mean and a
 * product only: the mean of the map plus the class's bias is its logit, but for rounding. Row 0 is
 * that of the network's input: effnet_session_get_view() says where on the frame that lies. Nothing
 * is run again; in an #EffnetRegionFunc it is the map of the result it was called with.
 *
 * Returns: FALSE with #EFFNET_ERROR_ARGUMENT without a result, or for a class there is not
 */
EFFNET_API gboolean effnet_session_activation_map (EffnetSession *session, const float *weights,
                                                   unsigned id, float *map, GError **error);

/**
 * EffnetView:
 * @frame_width: of the upright frame, or of its crop, in pixels
 * @frame_height: its rows
 * @x: left edge, on the upright frame, of what became the network's input; below 0 where that is
 *   padded
 * @y: top edge
 * @width: its width
 * @height: its height
 */
typedef struct {
  unsigned frame_width, frame_height;
  double x, y, width, height;
  void *reserved[4];
} EffnetView;

/**
 * effnet_session_get_view:
 * @session: a session
 * @frame: pixels or a JPEG file, of which only the header is read
 * @region: (nullable): the part of it that is classified; NULL = all of it
 * @view: (out caller-allocates): filled
 * @error: return location
 *
 * Which part of @frame the network sees, by the session's resize mode.
 *
 * Returns: FALSE as effnet_session_classify()
 */
EFFNET_API gboolean effnet_session_get_view (EffnetSession *session, const EffnetImage *frame,
                                             const EffnetRegion *region, EffnetView *view,
                                             GError **error);
/**
 * effnet_session_picture:
 * @session: a session, for its workers
 * @frame: pixels or a JPEG file
 * @width: of the result, 1..#EFFNET_INPUT_SIDE_MAX
 * @height: its rows
 * @rgb: (out caller-allocates): [height][width][3], upright, 0 to 255
 * @error: return location
 *
 * A frame as a picture to look at, of any size: what is shown beside a result. At the frame's own
 * size nothing is resampled. Takes 12 bytes a pixel while it works.
 *
 * Returns: FALSE as effnet_session_classify()
 */
EFFNET_API gboolean effnet_session_picture (EffnetSession *session, const EffnetImage *frame,
                                            unsigned width, unsigned height, uint8_t *rgb,
                                            GError **error);

#endif
