/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The stages whose outputs are to be had, numbered as timm's feature_info numbers them. */
#include "arch/net.h"

static EffnetStage
new_stage (const EffnetNet *net, unsigned number, unsigned height, unsigned width,
           unsigned channels, unsigned reduction)
{
  EffnetStage stage = {.stage = number,
                       .height = height,
                       .width = width,
                       .channels = channels,
                       .reduction = reduction,
                       .out_index = -1};

  if (number == 0)
    g_strlcpy (stage.name, "stem", sizeof stage.name);
  else if (number <= net->n_stages)
    g_snprintf (stage.name, sizeof stage.name, "blocks.%u", number - 1);
  else
    g_strlcpy (stage.name, "head", sizeof stage.name);
  return stage;
}

/* timm takes an output where the next stage halves the picture, and the last. */
static void
number_reductions (EffnetStage *stages, unsigned n_blocks)
{
  int n = 0;

  for (unsigned i = 0; i <= n_blocks; i++) {
    if (i == n_blocks || stages[i + 1].reduction > stages[i].reduction)
      stages[i].out_index = n++;
  }
}

unsigned
effnet_net_stages (const EffnetNet *net, EffnetStage stages[EFFNET_STAGES_MAX])
{
  unsigned n = 0, reduction = 2;

  stages[n] = new_stage (net, n, net->stem_height, net->stem_width, net->stem_channels, reduction);
  for (unsigned i = 0; i < net->n_blocks; i++) {
    const EffnetBlock *b = &net->blocks[i];

    reduction *= b->stride;
    if (i + 1 < net->n_blocks && b[1].stage == b->stage)
      continue;
    n++;
    stages[n] = new_stage (net, n, b->out_height, b->out_width, b->out_channels, reduction);
  }
  number_reductions (stages, n);
  n++;
  stages[n] = new_stage (net, n, net->head_height, net->head_width, net->head_channels, reduction);
  return n + 1;
}
