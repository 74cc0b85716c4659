/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rounding of weights: means of activations from frames, where a file has no statistics of its own,
 * and files of int8 weights. A part of effnet/effnet.h, which includes it; not to be included
 * alone. */
#ifndef EFFNET_QUANTISE_H
#define EFFNET_QUANTISE_H

/**
 * effnet_session_measure:
 * @session: a session of a model opened in fp32
 * @error: return location
 *
 * From now on each run adds to the means of what the layers read. They take back what rounding
 * weights does to the mean of each output (Nagel et al., 2019, "Data-Free Quantization Through
 * Weight Equalization and Bias Correction", section 4.2) where batch norm has been folded into the
 * weights and its statistics are gone. Means need no labels and few frames, since they need not
 * have seen every class: 32 do.
 *
 * Returns: FALSE with #EFFNET_ERROR_ARGUMENT: another precision, synthetic weights, or a file that
 *   has statistics, which make this needless
 */
EFFNET_API gboolean effnet_session_measure (EffnetSession *session, GError **error);
/**
 * effnet_session_save_means:
 * @session: one that has measured
 * @error: return location
 *
 * Writes the means of what was run since effnet_session_measure() beside the weights, under their
 * name with ".means" in the place of ".safetensors". Whoever opens these weights in bf16 or int8
 * from then on gets them (#EffnetModelInfo.bias_correction is "frames").
 *
 * Returns: (transfer full) (type filename) (nullable): the file, or NULL with
 *   #EFFNET_ERROR_ARGUMENT: nothing was run; or #EFFNET_ERROR_IO: the file cannot be written, or
 *   the weights were written to meanwhile
 */
EFFNET_API char *effnet_session_save_means (EffnetSession *session, GError **error);
/**
 * effnet_model_save_int8:
 * @model: a model of a file
 * @path: (type filename): the file to write, safetensors
 * @error: return location
 *
 * Writes the weights that precision int8 rounds, those of pointwise convolutions and of the
 * classifier, as int8 (I8), with a scale for each output beside them, NAME_scale (F32): the weight
 * is their product. Biases take back what that does on average, where means are known. All other
 * tensors are copied. Every precision opens the file; int8 finds the same numbers in it as in the
 * original. The header's metadata says what it was made of (effnet.source_sha256). A file that was
 * there stays until the new one is whole.
 *
 * Returns: FALSE with #EFFNET_ERROR_ARGUMENT: synthetic weights, a head on a backbone elsewhere, or
 *   weights that are int8 already; #EFFNET_ERROR_MISMATCH: the file is no longer the one that was
 *   opened; #EFFNET_ERROR_FORMAT or #EFFNET_ERROR_IO
 */
EFFNET_API gboolean effnet_model_save_int8 (EffnetModel *model, const char *path, GError **error);

#endif
