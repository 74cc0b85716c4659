/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * image: pixels -> network input. A front end is the prepared way from one description of a frame
 * (format, size, colorimetry, crop) to one input of the network: coefficient tables and scratch
 * memory. It is built again only when the description changes; those of several crops are kept.
 *
 * Resampling is Pillow's antialiased bilinear or bicubic (the filter is widened by the scale
 * factor, support clipped at the edges of the source, coefficients normalised); planes are
 * resampled before colours are converted, both being linear. Files and networks are elsewhere. */
#ifndef EFFNET_IMAGE_FRONTEND_H
#define EFFNET_IMAGE_FRONTEND_H

#include "base/stop.h"
#include "image/spec.h"

struct _EffnetPool;

typedef struct _EffnetFrontend EffnetFrontend;

/* Nanoseconds of the last call's parts. */
typedef struct {
  uint64_t decode_ns, convert_ns;
} EffnetFrontendTimes;

/* Copies @spec. */
EffnetFrontend *effnet_frontend_new (const EffnetInputSpec *spec, GError **error);
void effnet_frontend_free (EffnetFrontend *frontend);
void effnet_frontend_set_spec (EffnetFrontend *frontend, const EffnetInputSpec *spec);
/* From now on @stop is looked at all along; what is left out then is an error, or rows of the
 * result. It must outlive the front end. */
void effnet_frontend_set_stop (EffnetFrontend *frontend, EffnetStop *stop);

/* @nhwc: [height][width][3]. FALSE with FRAME: what is wrong with the image. @pool: (nullable) cuts
 * the work when that helps. @times: (nullable). Allocates only when the description changes. */
gboolean effnet_frontend_run (EffnetFrontend *frontend, const EffnetImage *image,
                              struct _EffnetPool *pool, float *nhwc, EffnetFrontendTimes *times,
                              GError **error);

/* The same in parts, for several crops of one frame. A frame begins with all of them checked and,
 * if it is a JPEG, decoded once for all; then any crop is filled in, any number of times, until the
 * next frame begins. Raw pixels stay in use until then. */

/* Upright pixels of the part of @image that is seen: within its crop. */
gboolean effnet_frontend_size (EffnetFrontend *frontend, const EffnetImage *image, unsigned *width,
                               unsigned *height, GError **error);
/* Which part of it, or of a @region of it, becomes the network's input. */
gboolean effnet_frontend_view (EffnetFrontend *frontend, const EffnetImage *image,
                               const EffnetRegion *region, EffnetView *view, GError **error);
/* @regions: [n], within that part; NULL = one, the whole of it. */
gboolean effnet_frontend_begin (EffnetFrontend *frontend, const EffnetImage *image,
                                const EffnetRegion *regions, size_t n, struct _EffnetPool *pool,
                                EffnetFrontendTimes *times, GError **error);
/* Of the frame begun: the decoder's warnings, and the share of the picture that they put in doubt.
 */
void effnet_frontend_damage (const EffnetFrontend *frontend, unsigned *warnings, double *share);
/* @i: of the regions. With the @pool of the beginning. Adds to @times. */
void effnet_frontend_fill (EffnetFrontend *frontend, size_t i, struct _EffnetPool *pool,
                           float *nhwc, EffnetFrontendTimes *times);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetFrontend, effnet_frontend_free)

#endif
