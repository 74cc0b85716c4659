/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames for people to look at: as a picture, and which part of it the network sees. */
#include <math.h>

#include "engine/engine.h"

gboolean
effnet_session_get_view (EffnetSession *session, const EffnetImage *frame,
                         const EffnetRegion *region, EffnetView *view, GError **error)
{
  *view = (EffnetView){0};
  return effnet_frontend_view (session->frontend, frame, region, view, error);
}

gboolean
effnet_session_picture (EffnetSession *session, const EffnetImage *frame, unsigned width,
                        unsigned height, uint8_t *rgb, GError **error)
{
  const EffnetInputSpec spec = {.width = width,
                                .height = height,
                                .mode = EFFNET_RESIZE_MODE_STRETCH,
                                .crop_pct = 1.0,
                                .filter = EFFNET_FILTER_BILINEAR,
                                .std = {1, 1, 1}};
  g_autoptr (EffnetFrontend) frontend = effnet_frontend_new (&spec, error);
  size_t n = (size_t)width * height * 3;
  g_autofree float *pixels = frontend != NULL ? g_try_new (float, n) : NULL;
  gboolean ok;

  if (frontend == NULL)
    return FALSE;
  if (pixels == NULL)
    return effnet_fail_memory (error, "a picture", n * sizeof (float));
  effnet_frontend_set_stop (frontend, &session->stop);
  effnet_session_enter (session);
  ok = effnet_frontend_run (frontend, frame, session->pool, pixels, NULL, error);
  ok = effnet_session_leave (session, ok, error);
  for (size_t i = 0; ok && i < n; i++)
    rgb[i] = (uint8_t)CLAMP (lrintf (255.0f * pixels[i]), 0, 255);
  return ok;
}
