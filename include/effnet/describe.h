/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What there is: variants, this CPU, this library. A part of effnet/effnet.h, which includes it;
 * not to be included alone. */
#ifndef EFFNET_DESCRIBE_H
#define EFFNET_DESCRIBE_H

/**
 * effnet_describe_variant:
 * @variant: "b0", "lite3", "phi:1.5", "lite0:phi:1.5", "b0:1.1,1.2,260", ...
 * @error: return location
 *
 * Returns: (transfer full) (nullable): JSON: `variant`, `width`, `depth`, `resolution`,
 * `parameters`, `multiply_adds`, `stages` (list), `blocks` (list), `feature_maps` (list,
 * the members of #EffnetStage); free with g_free()
 */
EFFNET_API char *effnet_describe_variant (const char *variant, GError **error);
/**
 * effnet_describe_tensors:
 * @variant: "b0", "lite3", "phi:1.5", ...
 * @error: return location
 *
 * What checkpoints call the tensors of a variant, for those who write or convert them.
 *
 * Returns: (transfer full) (nullable): JSON: `variant`, `resolution`, `epsilon` (for each dialect
 * of names, that of batch norm in its checkpoints with symmetric padding) and `layers` (list, in
 * the order of the computation): of each `shape`, that of its weight, [out, in, height, width] or
 * [out, in], and `names`, for each dialect an object from the role (`weight`; `bias`, or batch
 * norm's `gamma`, `beta`, `mean` and `variance`, [out] each) to the tensor's name. The classifier,
 * which is last, is for 1000 classes. Free with g_free()
 */
EFFNET_API char *effnet_describe_tensors (const char *variant, GError **error);
/**
 * effnet_describe_cpu:
 *
 * Returns: (transfer full): JSON: `cpu`, `isa`, `features`, `threads`, `blas` and, per operation,
 * the `kernels` that serve it; free with g_free()
 */
EFFNET_API char *effnet_describe_cpu (void);
/**
 * effnet_variant_names:
 *
 * Returns: (transfer none) (array zero-terminated=1): "b0", "b1", ... in the order of the table
 */
EFFNET_API const char *const *effnet_variant_names (void);
/**
 * effnet_variant_summary:
 *
 * Returns: (transfer none): the same in words, for help and messages: "b0 to l2, lite0 to lite4,
 * ...", the first and the last of each family
 */
EFFNET_API const char *effnet_variant_summary (void);
/**
 * effnet_cpu_count:
 *
 * Returns: the CPUs this process may use, at least 1: what 0 threads come to
 */
EFFNET_API unsigned effnet_cpu_count (void);
/**
 * effnet_version:
 *
 * Returns: (transfer none): "major.minor.micro" of the library in use
 */
EFFNET_API const char *effnet_version (void);

#endif
