/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/product.h"

#include <string.h>

#include "base/checked.h"

#define TILE_BLOCKS  8    /* micro-tiles one below the other in a tile of a product */
#define OUTER_BLOCKS 4    /* the same of an outer product, whose rows are channels */
#define OUTER_ROWS   1024 /* rows that are summed before the next are packed */
#define COLUMNS      32   /* of a, transposed by one tile */

size_t
effnet_product_width (const EffnetKernel *gemm, size_t n)
{
  return effnet_gemm_panels (gemm, n) * effnet_gemm_panel_width (gemm, n);
}

size_t
effnet_product_packed (const EffnetKernel *gemm, size_t n, size_t k)
{
  return effnet_align_up (effnet_gemm_packed_size (gemm, n, k), 16);
}

/* A matrix being packed, a panel each tile. */
typedef struct {
  const EffnetProducts *p;
  size_t n, k, width;
  const float *w;
  float *packed;
} Packing;

static void
pack_panel (void *user, size_t tile, unsigned worker)
{
  const Packing *q = user;
  size_t first = tile * q->width;

  (void)worker;
  effnet_gemm_pack (q->p->gemm, q->n, q->k, first, MIN (q->width, q->n - first),
                    q->w + first * q->k, q->packed);
}

void
effnet_product_pack (const EffnetProducts *p, size_t n, size_t k, const float *w, float *packed)
{
  Packing q = {p, n, k, effnet_gemm_panel_width (p->gemm, n), w, packed};

  effnet_pool_run (p->pool, effnet_gemm_panels (p->gemm, n), pack_panel, &q);
}

/* float32 kernels take one row of k at a time (kr = 1), so a panel is a strip of the matrix. */
static void
pack_strip (const Packing *q, size_t panel)
{
  size_t first = panel * q->width, used = MIN (q->width, q->n - first);
  float *out = q->packed + panel * q->width * q->k;

  for (size_t i = 0; i < q->k; i++, out += q->width) {
    memcpy (out, q->w + i * q->n + first, used * sizeof *out);
    memset (out + used, 0, (q->width - used) * sizeof *out);
  }
}

static void
pack_strip_tile (void *user, size_t tile, unsigned worker)
{
  (void)worker;
  pack_strip (user, tile);
}

void
effnet_product_pack_plain (const EffnetProducts *p, size_t n, size_t k, const float *w,
                           float *packed)
{
  Packing q = {p, n, k, effnet_gemm_panel_width (p->gemm, n), w, packed};

  effnet_pool_run (p->pool, effnet_gemm_panels (p->gemm, n), pack_strip_tile, &q);
}

typedef struct {
  const EffnetProducts *p;
  EffnetGemm all;
  size_t tile_rows;
} Product;

static void
product_tile (void *user, size_t tile, unsigned worker)
{
  const Product *q = user;
  EffnetGemm g = q->all;
  size_t first = tile * q->tile_rows;

  (void)worker;
  g.m = MIN (q->tile_rows, g.m - first);
  g.a = (const float *)g.a + first * g.lda;
  g.c = (float *)g.c + first * g.ldc;
  if (g.residual != NULL)
    g.residual = (const float *)g.residual + first * g.ldr;
  q->p->gemm->call.gemm (&g);
}

static void
run_product (const Product *q)
{
  effnet_pool_run (q->p->pool, effnet_div_up (q->all.m, q->tile_rows), product_tile, (void *)q);
}

void
effnet_product (const EffnetProducts *p, size_t m, size_t n, size_t k, const float *x,
                const float *packed, const float *bias, EffnetActivation activation,
                const float *residual, float *y)
{
  Product q = {
      .p = p,
      .all = {.m = m,
              .n = n,
              .k = k,
              .a = x,
              .lda = k,
              .b = packed,
              .bias = bias != NULL ? bias : p->zeros,
              .residual = residual,
              .ldr = n,
              .c = y,
              .ldc = n,
              .activation = activation},
      .tile_rows = (size_t)TILE_BLOCKS * p->gemm->mr,
  };

  run_product (&q);
}

size_t
effnet_outer_scratch (const EffnetKernel *gemm, size_t n_a, size_t n_b)
{
  return OUTER_ROWS * (effnet_align_up (n_a, 16) + effnet_product_width (gemm, n_b));
}

/* A chunk of rows: b as panels, a transposed. */
typedef struct {
  Packing b;
  size_t rows, n_a, panels;
  const float *a;
  float *transposed; /* [n_a][rows] */
} Chunk;

static void
chunk_tile (void *user, size_t tile, unsigned worker)
{
  const Chunk *q = user;

  (void)worker;
  if (tile < q->panels) {
    pack_strip (&q->b, tile);
    return;
  }
  size_t first = (tile - q->panels) * COLUMNS, end = MIN (first + COLUMNS, q->n_a);

  for (size_t r = 0; r < q->rows; r += 16) {
    size_t last = MIN (r + 16, q->rows);

    for (size_t i = first; i < end; i++)
      for (size_t l = r; l < last; l++)
        q->transposed[i * q->rows + l] = q->a[l * q->n_a + i];
  }
}

void
effnet_outer_add (const EffnetProducts *p, size_t rows, size_t n_a, size_t n_b, const float *a,
                  const float *b, float *c)
{
  for (size_t first = 0, n; first < rows; first += n) {
    n = MIN (OUTER_ROWS, rows - first);
    Chunk chunk = {
        .b = {p, n_b, n, effnet_gemm_panel_width (p->gemm, n_b), b + first * n_b,
              p->scratch + OUTER_ROWS * effnet_align_up (n_a, 16)},
        .rows = n,
        .n_a = n_a,
        .panels = effnet_gemm_panels (p->gemm, n_b),
        .a = a + first * n_a,
        .transposed = p->scratch,
    };
    Product q = {
        .p = p,
        .all = {.m = n_a,
                .n = n_b,
                .k = n,
                .a = chunk.transposed,
                .lda = n,
                .b = chunk.b.packed,
                .bias = p->zeros,
                .residual = c,
                .ldr = n_b,
                .c = c,
                .ldc = n_b,
                .activation = EFFNET_ACTIVATION_NONE},
        .tile_rows = (size_t)OUTER_BLOCKS * p->gemm->mr,
    };

    effnet_pool_run (p->pool, chunk.panels + effnet_div_up (n_a, COLUMNS), chunk_tile, &chunk);
    run_product (&q);
  }
}
