/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* pwrite */
#include "mini.h"
#include "input.h"

#include <string.h>
#include <unistd.h>

static void
append_tensor (GString *text, const char *name, const EffnetLayerTensor *tensor, size_t *at)
{
  size_t n = 1;

  g_string_append_printf (text, "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[",
                          text->len == 0 ? '{' : ',', name);
  for (unsigned d = 0; d < tensor->n_dims; d++) {
    g_string_append_printf (text, "%s%zu", d > 0 ? "," : "", tensor->shape[d]);
    n *= tensor->shape[d];
  }
  g_string_append_printf (text, "],\"data_offsets\":[%zu,%zu]}", *at, *at + 4 * n);
  *at += 4 * n;
}

static GString *
make_header (EffnetDialect dialect, unsigned n_classes, size_t *body_bytes)
{
  g_autoptr (EffnetNet) net =
      effnet_net_new (MINI_VARIANT, 0, n_classes, EFFNET_PADDING_SAME, NULL);
  GString *text = g_string_new (NULL);
  size_t n_layers = 0;

  FUZZ_CHECK (net != NULL);
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);
  *body_bytes = 0;
  for (size_t i = 0; i < n_layers; i++) {
    EffnetLayerTensor tensors[EFFNET_ROLE_COUNT];
    unsigned n = effnet_layer_tensors (&layers[i], effnet_dialect_is_folded (dialect), tensors);
    for (unsigned k = 0; k < n; k++) {
      g_autofree char *name = effnet_dialect_tensor (dialect, net, &layers[i], tensors[k].role);
      append_tensor (text, name, &tensors[k], body_bytes);
    }
  }
  g_string_append_c (text, '}');
  return text;
}

GString *
mini_header (EffnetDialect dialect, unsigned n_classes, size_t *body_bytes)
{
  static struct {
    GString *text;
    size_t body_bytes;
  } made[EFFNET_DIALECT_UNKNOWN][MINI_CLASSES_MAX + 1];

  if (made[dialect][n_classes].text == NULL)
    made[dialect][n_classes].text =
        make_header (dialect, n_classes, &made[dialect][n_classes].body_bytes);
  *body_bytes = made[dialect][n_classes].body_bytes;
  return g_string_new (made[dialect][n_classes].text->str);
}

static void
write_all (int fd, const void *bytes, size_t size, size_t at)
{
  for (size_t done = 0; done < size;) {
    ssize_t n = pwrite (fd, (const char *)bytes + done, size - done, (off_t)(at + done));
    FUZZ_CHECK (n > 0);
    done += (size_t)n;
  }
}

/* Small numbers above 0: a variance may not be less. */
static const float *
numbers (size_t bytes)
{
  static float *values;
  static size_t n;

  if (n < bytes / 4 + 1) {
    n = bytes / 4 + 1;
    values = g_renew (float, values, n);
    for (size_t i = 0; i < n; i++)
      values[i] = (float)(1 + i % 7) * 0.01f;
  }
  return values;
}

void
mini_write (int fd, const GString *header, size_t body_bytes)
{
  uint64_t length = GUINT64_TO_LE ((uint64_t)header->len);

  FUZZ_CHECK (ftruncate (fd, 0) == 0);
  write_all (fd, &length, sizeof length, 0);
  write_all (fd, header->str, header->len, sizeof length);
  write_all (fd, numbers (body_bytes), body_bytes, sizeof length + header->len);
}
