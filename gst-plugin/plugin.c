/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin `effnet`: registers its elements, and does nothing else. */

#include "classify/classify.h"
#ifdef HAVE_OVERLAY
#  include "overlay/overlay.h"
#endif
#include "record/record.h"
#ifdef HAVE_PUBLISH
#  include "publish/publish.h"
#endif

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean ok = GST_ELEMENT_REGISTER (effnetclassify, plugin);

  ok &= GST_ELEMENT_REGISTER (effnetrecord, plugin);
#ifdef HAVE_OVERLAY
  ok &= GST_ELEMENT_REGISTER (effnetoverlay, plugin);
#endif
#ifdef HAVE_PUBLISH
  ok &= GST_ELEMENT_REGISTER (effnetpublish, plugin);
#endif
  return ok;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, effnet,
                   "EfficientNet image classification on the CPU", plugin_init, VERSION, "LGPL",
                   PACKAGE_NAME, PACKAGE_ORIGIN)
