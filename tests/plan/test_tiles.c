/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every element that a step writes is in one tile, and only in one: of every variant, in every
 * dtype, on pools of several sizes. A bitmap of each output is marked by the workers, tile by tile.
 * test-tiles [--own]: at the variants' own sizes, all of them. */
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "plan/plan.h"
#include "threads/pool.h"

/* An output, a bit for each element. */
typedef struct {
  _Atomic uint64_t *seen;
  size_t n;
} Bitmap;

typedef struct {
  const EffnetStep *step;
  gboolean alone;
  Bitmap out, gated, sums; /* of EXCITE: the gate, and what it multiplies */
  _Atomic unsigned errors; /* elements outside, or marked already */
} Job;

static Bitmap
new_bitmap (size_t n)
{
  return (Bitmap){g_new0 (_Atomic uint64_t, n / 64 + 1), n};
}

/* Marks @n elements from @first on. */
static void
mark (Job *job, Bitmap *map, size_t first, size_t n)
{
  if (n == 0 || first >= map->n || n > map->n - first) {
    job->errors++;
    return;
  }
  while (n > 0) {
    size_t bit = first % 64, bits = MIN (64 - bit, n);
    uint64_t mask = (bits == 64 ? ~UINT64_C (0) : (UINT64_C (1) << bits) - 1) << bit;

    if ((atomic_fetch_or_explicit (&map->seen[first / 64], mask, memory_order_relaxed) & mask) != 0)
      job->errors++;
    first += bits;
    n -= bits;
  }
}

/* The channels of @tile in rows @row .. @end - 1 of [rows][channels]. */
static void
mark_rows (Job *job, Bitmap *map, const EffnetTile *tile, size_t channels, size_t row, size_t end)
{
  if (row >= end || end > map->n || tile->channels > channels) {
    job->errors++;
    return;
  }
  if (tile->channel == 0 && tile->channels == channels) {
    mark (job, map, row * channels, (end - row) * channels);
    return;
  }
  for (; row < end; row++)
    mark (job, map, row * channels + tile->channel, tile->channels);
}

static void
mark_bands (Job *job, const EffnetDepthwiseStep *s, const EffnetTile *tile)
{
  size_t w = s->window.out_w, row = tile->row;

  for (size_t band = tile->band; band < tile->band + tile->bands; band++) {
    size_t begin, end;

    effnet_depthwise_band (s, band, &begin, &end);
    job->errors += begin != row;
    mark_rows (job, &job->out, tile, s->layer->out, begin * w, end * w);
    if (s->sums != EFFNET_NO_SLOT)
      mark_rows (job, &job->sums, tile, s->layer->out, band, band + 1);
    row = end;
  }
  job->errors += row != tile->row + tile->rows;
}

static void
mark_conv (Job *job, const EffnetConvStep *s, const EffnetTile *tile)
{
  size_t w = s->window.out_w;

  mark_rows (job, &job->out, tile, s->layer->out, tile->row * w, (tile->row + tile->rows) * w);
  if (s->sums != EFFNET_NO_SLOT)
    mark_rows (job, &job->sums, tile, s->layer->out, tile->band, tile->band + 1);
}

static void
mark_gated (Job *job, const EffnetExciteStep *s, const EffnetTile *tile)
{
  if (s->scaled != EFFNET_NO_SLOT) {
    const EffnetScaledPart part = effnet_excite_scaled (s, tile);

    for (size_t p = 0; p < part.panels; p++)
      mark (job, &job->gated, p * part.stride + part.offset, part.length);
  } else if (s->rows != EFFNET_NO_SLOT) {
    mark_rows (job, &job->gated, tile, s->fc.layer->out, 0, s->pixels);
  }
}

static void
mark_tile (void *user, size_t t, unsigned worker)
{
  Job *job = user;
  const EffnetStep *step = job->step;
  const EffnetTile tile = effnet_step_tile (step, t, 1, job->alone);

  (void)worker;
  switch (step->kind) {
  case EFFNET_STEP_STEM:
    mark_rows (job, &job->out, &tile, step->stem.layer->out, tile.row * step->stem.window.out_w,
               (tile.row + tile.rows) * step->stem.window.out_w);
    break;
  case EFFNET_STEP_POINTWISE:
    mark_rows (job, &job->out, &tile, step->pointwise.layer->out, tile.row, tile.row + tile.rows);
    break;
  case EFFNET_STEP_DEPTHWISE:
    mark_bands (job, &step->depthwise, &tile);
    break;
  case EFFNET_STEP_EXPAND_DEPTHWISE:
    mark_bands (job, &step->fused.depthwise, &tile);
    break;
  case EFFNET_STEP_QUANTISE:
    mark_rows (job, &job->out, &tile, step->quantise.layer->in, tile.row, tile.row + tile.rows);
    break;
  case EFFNET_STEP_CONV:
    mark_conv (job, &step->conv, &tile);
    break;
  case EFFNET_STEP_EXCITE:
    mark_gated (job, &step->excite, &tile);
    mark (job, &job->out, tile.channel, tile.channels);
    break;
  default:
    mark (job, &job->out, tile.channel, tile.channels);
  }
}

/* Elements of the buffer that must be there for @n of @size bytes. */
static size_t
buffer_elements (const EffnetPlan *plan, EffnetSlot slot, size_t n, size_t size)
{
  g_assert_cmpuint (plan->buffers[slot].bytes, ==, effnet_align_up (n * size, EFFNET_ALIGN));
  return n;
}

static void
make_depthwise_bitmaps (Job *job, const EffnetPlan *plan, const EffnetDepthwiseStep *s)
{
  size_t channels = s->layer->out, outputs = s->window.out_h * s->window.out_w * channels;

  job->out = new_bitmap (buffer_elements (plan, s->out, outputs, s->element));
  if (s->sums != EFFNET_NO_SLOT)
    job->sums = new_bitmap (buffer_elements (
        plan, s->sums, effnet_div_up (s->window.out_h, s->band) * channels, sizeof (float)));
}

static void
make_conv_bitmaps (Job *job, const EffnetPlan *plan, const EffnetConvStep *s)
{
  size_t channels = s->layer->out, outputs = s->window.out_h * s->window.out_w * channels;

  job->out = new_bitmap (buffer_elements (plan, s->out, outputs, effnet_dtype_size (plan->dtype)));
  if (s->sums != EFFNET_NO_SLOT)
    job->sums = new_bitmap (buffer_elements (
        plan, s->sums, effnet_div_up (s->window.out_h, s->band) * channels, sizeof (float)));
}

static void
make_excite_bitmaps (Job *job, const EffnetPlan *plan, const EffnetExciteStep *s)
{
  size_t element = effnet_dtype_size (plan->dtype), channels = s->fc.layer->out;
  gboolean copy = s->scaled != EFFNET_NO_SLOT;
  size_t n = copy ? effnet_gemm_packed_size (s->project->gemm, s->project->out, s->project->in)
                  : s->pixels * channels;

  job->out = new_bitmap (buffer_elements (plan, s->fc.out, channels, sizeof (float)));
  if (copy || s->rows != EFFNET_NO_SLOT)
    job->gated = new_bitmap (buffer_elements (plan, copy ? s->scaled : s->rows, n, element));
}

static Job
new_job (const EffnetPlan *plan, const EffnetStep *step)
{
  Job job = {.step = step};
  const EffnetWindow *w = &step->stem.window;
  size_t element = effnet_dtype_size (plan->dtype);

  switch (step->kind) {
  case EFFNET_STEP_STEM:
    job.out = new_bitmap (buffer_elements (plan, step->stem.out,
                                           w->out_h * w->out_w * step->stem.layer->out, element));
    break;
  case EFFNET_STEP_POINTWISE:
    job.out = new_bitmap (buffer_elements (
        plan, step->pointwise.out, step->pointwise.pixels * step->pointwise.layer->out, element));
    break;
  case EFFNET_STEP_DEPTHWISE:
    make_depthwise_bitmaps (&job, plan, &step->depthwise);
    break;
  case EFFNET_STEP_EXPAND_DEPTHWISE:
    make_depthwise_bitmaps (&job, plan, &step->fused.depthwise);
    break;
  case EFFNET_STEP_CONV:
    make_conv_bitmaps (&job, plan, &step->conv);
    break;
  case EFFNET_STEP_SQUEEZE:
    job.out = new_bitmap (
        buffer_elements (plan, step->squeeze.fc.out, step->squeeze.fc.layer->out, sizeof (float)));
    break;
  case EFFNET_STEP_EXCITE:
    make_excite_bitmaps (&job, plan, &step->excite);
    break;
  case EFFNET_STEP_AVERAGE_POOL:
    job.out = new_bitmap (buffer_elements (plan, step->average_pool.out,
                                           step->average_pool.channels, sizeof (float)));
    break;
  case EFFNET_STEP_CLASSIFIER:
    job.out = new_bitmap (buffer_elements (plan, plan->logits, plan->n_classes, sizeof (float)));
    break;
  case EFFNET_STEP_QUANTISE:
    job.out = new_bitmap (buffer_elements (plan, step->quantise.out,
                                           step->quantise.pixels * step->quantise.layer->in, 1));
    break;
  }
  return job;
}

/* TRUE when every bit is set, and none past the end; clears the bitmap. */
static gboolean
take_full (Bitmap *map)
{
  gboolean full = TRUE;

  for (size_t i = 0; i < map->n; i += 64) {
    uint64_t want = map->n - i < 64 ? (UINT64_C (1) << (map->n - i)) - 1 : ~UINT64_C (0);

    full = full && map->seen[i / 64] == want;
  }
  memset ((void *)map->seen, 0, (map->n / 64 + 1) * sizeof *map->seen);
  return full;
}

static gboolean
covers_once (Job *job, EffnetPool *pool)
{
  Bitmap *maps[] = {&job->out, &job->gated, &job->sums};
  gboolean full = TRUE;

  effnet_pool_enter (pool);
  job->alone = effnet_pool_is_alone (pool);
  effnet_pool_run (pool, effnet_step_tiles (job->step, 1, job->alone), mark_tile, job);
  effnet_pool_leave (pool);
  for (size_t i = 0; i < G_N_ELEMENTS (maps); i++)
    full = (maps[i]->seen == NULL || take_full (maps[i])) && full;
  return full && atomic_exchange (&job->errors, 0) == 0;
}

static void
free_job (Job *job)
{
  g_free ((void *)job->out.seen);
  g_free ((void *)job->gated.seen);
  g_free ((void *)job->sums.seen);
}

#define MANY_MACS 500000000 /* of a variant that is tested at another size than its own */
#define SIDE      112       /* pixels, which that is */

static gboolean own_sizes;

static const unsigned threads[] = {1, 2, 3, 8};
static EffnetPool *pools[G_N_ELEMENTS (threads)];

static void
test_variant (gconstpointer variant)
{
  static const EffnetDtype dtypes[] = {EFFNET_DTYPE_F32, EFFNET_DTYPE_BF16, EFFNET_DTYPE_S8};

  /* the padding is left alone: it changes no output size of odd kernels */
  for (unsigned d = 0; d < G_N_ELEMENTS (dtypes); d++) {
    g_autoptr (EffnetNet) own = effnet_net_new (variant, 0, 1000, EFFNET_PADDING_SAME, NULL);
    gboolean is_large = !own_sizes && effnet_net_multiply_adds (own) > MANY_MACS;
    g_autoptr (EffnetNet) net =
        effnet_net_new (variant, is_large ? SIDE : 0, 1000, EFFNET_PADDING_SAME, NULL);
    g_autoptr (EffnetPlan) plan = effnet_plan_new (net, dtypes[d], NULL, NULL);

    g_assert_nonnull (plan);
    for (size_t i = 0; i < plan->n_steps; i++) {
      Job job = new_job (plan, &plan->steps[i]);

      for (size_t j = 0; j < G_N_ELEMENTS (threads); j++)
        if (!covers_once (&job, pools[j]))
          g_error ("%s of %s is not covered once by %u threads", plan->steps[i].name,
                   (const char *)variant, threads[j]);
      free_job (&job);
    }
  }
}

/* The test can fail: a tile too many or too few, or one of another size. */
static unsigned
kinds_that_can_fail (const char *variant)
{
  g_autoptr (EffnetNet) net = effnet_net_new (variant, 0, 1000, EFFNET_PADDING_SAME, NULL);
  g_autoptr (EffnetPlan) plan = effnet_plan_new (net, EFFNET_DTYPE_F32, NULL, NULL);
  EffnetPool *alone = effnet_pool_get (1), *two = effnet_pool_get (2);
  unsigned kinds = 0;

  for (size_t i = 0; i < plan->n_steps; i++) {
    const EffnetStep *sound = &plan->steps[i];
    EffnetStep wrong = *sound;
    Job job = new_job (plan, sound);

    job.step = &wrong;
    g_assert_true (covers_once (&job, two));
    wrong.n_tiles = sound->n_tiles - 1;
    g_assert_true (wrong.n_tiles == 0 || !covers_once (&job, two));
    wrong.n_tiles = sound->n_tiles + 1;
    g_assert_false (covers_once (&job, two));
    wrong.n_tiles = sound->n_tiles;
    if (wrong.kind == EFFNET_STEP_EXPAND_DEPTHWISE) {
      wrong.fused.slice *= 2;
      g_assert_true (wrong.fused.n_slices == 1 || !covers_once (&job, alone));
      wrong.fused = sound->fused;
      wrong.fused.depthwise.band *= 2;
      g_assert_true (wrong.n_tiles == wrong.fused.n_slices || !covers_once (&job, two));
    }
    if (wrong.kind == EFFNET_STEP_CONV) {
      wrong.conv.band *= 2;
      g_assert_true (wrong.n_tiles == 1 || !covers_once (&job, two));
    }
    if (wrong.kind == EFFNET_STEP_EXCITE) {
      wrong.excite.fc.outputs_per_tile *= 2;
      g_assert_true (wrong.n_tiles == 1 || !covers_once (&job, two));
    }
    kinds |= 1u << wrong.kind;
    free_job (&job);
  }
  effnet_pool_unref (alone);
  effnet_pool_unref (two);
  return kinds;
}

static void
test_can_fail (void)
{
  unsigned kinds = kinds_that_can_fail ("b0") | kinds_that_can_fail ("es");

  g_assert_cmpuint (kinds | 1u << EFFNET_STEP_QUANTISE, ==, (2u << EFFNET_STEP_CONV) - 1);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  own_sizes = argc > 1 && g_str_equal (argv[1], "--own");
  for (size_t i = 0; i < G_N_ELEMENTS (threads); i++)
    pools[i] = effnet_pool_get (threads[i]);
  for (const char *const *name = effnet_arch_names (); *name != NULL; name++) {
    g_autofree char *path = g_strdup_printf ("/tiles/%s", *name);

    g_test_add_data_func (path, *name, test_variant);
  }
  g_test_add_func ("/tiles/can-fail", test_can_fail);
  status = g_test_run ();
  for (size_t i = 0; i < G_N_ELEMENTS (threads); i++)
    effnet_pool_unref (pools[i]);
  return status;
}
