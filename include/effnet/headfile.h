/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Heads as model folders. A part of effnet/train.h, which includes it; not to be included alone. */
#ifndef EFFNET_HEADFILE_H
#define EFFNET_HEADFILE_H

/**
 * EffnetHeadSaveOptions:
 * @head_only: TRUE: the head without its backbone, tens of kilobytes
 * @resize_mode: how frames became the network's input when the features were taken: from then on
 *   what AUTO comes to
 * @backbone_path: (nullable) (type filename): where the backbone will be, relative to the folder;
 *   NULL = where it is
 *
 * All zero is the default of each.
 */
typedef struct {
  gboolean head_only;
  EffnetResizeMode resize_mode;
  const char *backbone_path;
  void *reserved[8];
} EffnetHeadSaveOptions;

/**
 * effnet_head_save:
 * @head: a head
 * @backbone: the model whose features it was trained on; not of synthetic weights
 * @folder: (type filename): made when it is not there; files of a model in it are replaced
 * @options: (nullable): NULL = the defaults
 * @error: return location
 *
 * Writes a model folder: `config.json` with the input's description, the names of the classes and
 * all that #EffnetHeadInfo says, `unknown.safetensors` for a head that tells unknown, and
 *   `model.safetensors`: the backbone's tensors, byte for byte, under timm's names (those of
 *     folded checkpoints, which timm has not, keep theirs), `classifier.weight` and `.bias`; or
 *   `head.safetensors`: the classifier alone. `config.json` then names the backbone with its path
 *     and SHA-256, and effnet_model_open() opens both together.
 * Each file appears whole, `config.json` last.
 *
 * Returns: FALSE with #EFFNET_ERROR_IO (a full disk), MISMATCH (@head fits no features of
 *   @backbone, whose file may have been replaced), UNSUPPORTED (no file) or ARGUMENT (a label that
 *   is no UTF-8 or holds control characters)
 */
EFFNET_API gboolean effnet_head_save (const EffnetHead *head, EffnetModel *backbone,
                                      const char *folder, const EffnetHeadSaveOptions *options,
                                      GError **error);
/**
 * effnet_head_open:
 * @path: (type filename): a folder of either kind, or the safetensors file in it
 * @error: return location
 *
 * Reads the classifier of any model, and what its card says of it. The backbone is neither opened
 * nor looked for.
 *
 * Returns: (transfer full) (nullable): the head, or NULL with #EFFNET_ERROR_NOT_FOUND, IO, FORMAT
 *   or MISMATCH
 */
EFFNET_API EffnetHead *effnet_head_open (const char *path, GError **error);

#endif
