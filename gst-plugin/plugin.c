/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin `effnet`: registers its elements, and does nothing else. */

#include "classify/classify.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  return GST_ELEMENT_REGISTER (effnetclassify, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, effnet,
                   "EfficientNet image classification on the CPU", plugin_init, VERSION, "LGPL",
                   PACKAGE_NAME, PACKAGE_ORIGIN)
