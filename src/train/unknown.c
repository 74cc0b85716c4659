/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/unknown.h"

gboolean
effnet_unknown_fit (EffnetUnknown *unknown, const EffnetFit *fit, EffnetTrainReport *report,
                    EffnetHeadInfo *info, GError **error)
{
  (void)unknown, (void)fit, (void)report, (void)info, (void)error;
  return TRUE;
}

void
effnet_unknown_clear (EffnetUnknown *unknown)
{
  g_free (unknown->means);
  g_free (unknown->basis);
}
