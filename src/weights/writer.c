/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/writer.h"
#include "base/text.h"
#include "weights/file.h"
#include "weights/output.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define CHUNK       65536 /* bytes */
#define HEADER_STEP 8     /* data begins at a multiple of it, as other readers like it */

typedef struct {
  char *name;
  const char *dtype;
  unsigned n_dims;
  size_t shape[EFFNET_TENSOR_MAX_DIMS];
  size_t bytes, element;      /* of all, of one */
  const void *data;           /* or */
  const EffnetTensor *source; /* whose bytes are copied */
} Entry;

struct _EffnetTensorWriter {
  GArray *entries; /* Entry */
  JsonObject *notes;
};

static void
clear_entry (gpointer entry)
{
  g_free (((Entry *)entry)->name);
}

EffnetTensorWriter *
effnet_tensor_writer_new (void)
{
  EffnetTensorWriter *writer = g_new0 (EffnetTensorWriter, 1);

  writer->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  g_array_set_clear_func (writer->entries, clear_entry);
  writer->notes = json_object_new ();
  json_object_set_string_member (writer->notes, "format", "pt");
  return writer;
}

void
effnet_tensor_writer_free (EffnetTensorWriter *writer)
{
  if (writer == NULL)
    return;
  g_array_unref (writer->entries);
  json_object_unref (writer->notes);
  g_free (writer);
}

void
effnet_tensor_writer_note (EffnetTensorWriter *writer, const char *key, const char *value)
{
  json_object_set_string_member (writer->notes, key, value);
}

static void
add_entry (EffnetTensorWriter *writer, Entry entry, const char *name, const size_t *shape)
{
  entry.name = g_strdup (name);
  entry.bytes = entry.element;
  for (unsigned i = 0; i < entry.n_dims; i++)
    entry.bytes *= entry.shape[i] = shape[i];
  g_array_append_val (writer->entries, entry);
}

void
effnet_tensor_writer_add (EffnetTensorWriter *writer, const char *name, unsigned n_dims,
                          const size_t *shape, const float *data)
{
  add_entry (writer,
             (Entry){.dtype = "F32", .n_dims = n_dims, .element = sizeof (float), .data = data},
             name, shape);
}

static void
add_scale (EffnetTensorWriter *writer, const char *name, size_t rows, const float *scale)
{
  g_autofree char *full = g_strconcat (name, EFFNET_SCALE_ENDING, NULL);

  effnet_tensor_writer_add (writer, full, 1, &rows, scale);
}

void
effnet_tensor_writer_add_s8 (EffnetTensorWriter *writer, const char *name, unsigned n_dims,
                             const size_t *shape, const int8_t *data, const float *scale)
{
  add_entry (writer, (Entry){.dtype = "I8", .n_dims = n_dims, .element = 1, .data = data}, name,
             shape);
  add_scale (writer, name, shape[0], scale);
}

void
effnet_tensor_writer_copy (EffnetTensorWriter *writer, const char *name, const EffnetTensor *tensor)
{
  Entry entry = {.name = g_strdup (name),
                 .dtype = tensor->dtype_name,
                 .n_dims = tensor->n_dims,
                 .bytes = tensor->n_bytes,
                 .element = tensor->n_elements > 0 ? tensor->n_bytes / tensor->n_elements : 1,
                 .source = tensor};

  memcpy (entry.shape, tensor->shape, sizeof entry.shape);
  g_array_append_val (writer->entries, entry);
  if (tensor->scale != NULL)
    add_scale (writer, name, tensor->shape[0], tensor->scale);
}

/* Wide elements first, so that each lies at a multiple of its size; then by name. */
static int
by_width (gconstpointer left, gconstpointer right)
{
  const Entry *a = left, *b = right;

  if (a->element != b->element)
    return a->element > b->element ? -1 : 1;
  return strcmp (a->name, b->name);
}

static void
set_sizes (JsonObject *object, const char *member, const size_t *sizes, unsigned n)
{
  JsonArray *list = json_array_new ();

  for (unsigned i = 0; i < n; i++)
    json_array_add_int_element (list, (gint64)sizes[i]);
  json_object_set_array_member (object, member, list);
}

/* The length, the JSON and the spaces behind it. */
static GByteArray *
make_header (EffnetTensorWriter *writer)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *header = json_object_new ();
  g_autofree char *text = NULL;
  size_t at[2] = {0, 0};
  uint64_t length;

  json_node_take_object (root, header);
  json_object_set_object_member (header, "__metadata__", json_object_ref (writer->notes));
  g_array_sort (writer->entries, by_width);
  for (guint i = 0; i < writer->entries->len; i++) {
    const Entry *entry = &g_array_index (writer->entries, Entry, i);
    JsonObject *tensor = json_object_new ();

    json_object_set_string_member (tensor, "dtype", entry->dtype);
    set_sizes (tensor, "shape", entry->shape, entry->n_dims);
    at[1] = at[0] + entry->bytes;
    set_sizes (tensor, "data_offsets", at, 2);
    at[0] = at[1];
    json_object_set_object_member (header, entry->name, tensor);
  }
  text = json_to_string (root, FALSE);
  length = strlen (text);
  length += (HEADER_STEP - length % HEADER_STEP) % HEADER_STEP;
  g_byte_array_set_size (bytes, (guint)(sizeof length + length));
  memset (bytes->data, ' ', bytes->len);
  memcpy (bytes->data + sizeof length, text, strlen (text));
  length = GUINT64_TO_LE (length);
  memcpy (bytes->data, &length, sizeof length);
  return bytes;
}

static gboolean
write_floats (EffnetOutput *output, const Entry *entry, GError **error)
{
  uint32_t block[CHUNK / sizeof (uint32_t)];
  size_t n = entry->bytes / sizeof (float);

  if (G_BYTE_ORDER == G_LITTLE_ENDIAN || entry->element == 1)
    return effnet_output_write (output, entry->data, entry->bytes, error);
  for (size_t i = 0; i < n; i += G_N_ELEMENTS (block)) {
    size_t count = MIN (G_N_ELEMENTS (block), n - i);

    memcpy (block, (const float *)entry->data + i, count * sizeof (float));
    for (size_t j = 0; j < count; j++)
      block[j] = GUINT32_TO_LE (block[j]);
    if (!effnet_output_write (output, block, count * sizeof (float), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
copy_bytes (EffnetOutput *output, const Entry *entry, GError **error)
{
  const EffnetTensor *tensor = entry->source;
  char block[CHUNK];

  if (tensor->data != NULL) {
    Entry own = *entry;

    own.data = tensor->data;
    return write_floats (output, &own, error);
  }
  for (size_t at = 0; at < entry->bytes; at += sizeof block) {
    size_t n = MIN (sizeof block, entry->bytes - at);

    if (!effnet_file_read_at (tensor->fd, tensor->offset + at, n, block, error)) {
      g_autofree char *shown = effnet_printable (tensor->name);
      g_prefix_error (error, "tensor %s: the file it is copied from ", shown);
      return FALSE;
    }
    if (!effnet_output_write (output, block, n, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
effnet_tensor_writer_save (EffnetTensorWriter *writer, const char *path, GError **error)
{
  g_autoptr (GByteArray) header = make_header (writer);
  g_autoptr (EffnetOutput) output = effnet_output_new (path, error);

  if (output == NULL || !effnet_output_write (output, header->data, header->len, error))
    return FALSE;
  for (guint i = 0; i < writer->entries->len; i++) {
    const Entry *entry = &g_array_index (writer->entries, Entry, i);

    if (!(entry->source != NULL ? copy_bytes : write_floats) (output, entry, error))
      return FALSE;
  }
  return effnet_output_close (g_steal_pointer (&output), error);
}
