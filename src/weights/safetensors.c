/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The safetensors format, distrusted: 8 bytes little-endian header length, a JSON header, one
 * buffer that the tensors tile without gap or overlap. Nothing is believed before it is checked.
 * Files are read, never mapped: one that somebody cuts short meanwhile is a read that ends early.
 */
#include "base/checked.h"
#include "base/text.h"
#include "weights/file.h"
#include "weights/json.h"
#include "weights/sniff.h"
#include "weights/table.h"

#include <string.h>

#define LENGTH_BYTES 8

typedef struct {
  const char *name;
  size_t bytes;
  gboolean is_float;
  EffnetDtype dtype; /* when is_float */
} DtypeRow;

/* clang-format off */
static const DtypeRow dtypes[] = {
  {"F32", 4, TRUE, EFFNET_DTYPE_F32},
  {"F16", 2, TRUE, EFFNET_DTYPE_F16},
  {"BF16", 2, TRUE, EFFNET_DTYPE_BF16},
  {"F64", 8, TRUE, EFFNET_DTYPE_F64},
  {"I64", 8, FALSE, 0},
  {"I32", 4, FALSE, 0},
  {"I16", 2, FALSE, 0},
  {"I8", 1, FALSE, 0},
  {"U64", 8, FALSE, 0},
  {"U32", 4, FALSE, 0},
  {"U16", 2, FALSE, 0},
  {"U8", 1, FALSE, 0},
  {"BOOL", 1, FALSE, 0},
  {"F8_E5M2", 1, FALSE, 0},
  {"F8_E4M3", 1, FALSE, 0},
};
/* clang-format on */

/* A tensor of the header, offsets in bytes from the start of the buffer. */
typedef struct {
  EffnetTensor *tensor;
  size_t begin, end;
} Entry;

typedef struct {
  int fd;
  size_t size;                /* of the file */
  size_t buffer, buffer_size; /* behind the header */
  GArray *entries;            /* Entry */
  GHashTable *notes;          /* the table's */
} Reader;

/* Puts the tensor's name before the sentence. */
static gboolean
fail_tensor (const char *name, GError **error)
{
  g_autofree char *shown = effnet_printable (name);

  g_prefix_error (error, "tensor \"%s\" ", shown);
  return FALSE;
}

static gboolean
read_dtype (JsonObject *object, EffnetTensor *tensor, size_t *bytes, GError **error)
{
  JsonNode *node = json_object_get_member (object, "dtype");

  if (node == NULL || !effnet_json_is_string (node))
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "has no dtype; expected a name such as F32");
  const char *name = json_node_get_string (node);
  for (size_t i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    if (strcmp (dtypes[i].name, name) != 0)
      continue;
    tensor->dtype = dtypes[i].dtype;
    tensor->dtype_name = dtypes[i].name;
    tensor->is_float = dtypes[i].is_float;
    *bytes = dtypes[i].bytes;
    return TRUE;
  }
  g_autofree char *shown = effnet_printable (name);
  return effnet_fail (
      error, EFFNET_ERROR_FORMAT,
      "has the unknown dtype \"%s\"; expected F32, F64, F16, BF16 or an integer type", shown);
}

static gboolean
read_shape (JsonObject *object, EffnetTensor *tensor, GError **error)
{
  JsonNode *node = json_object_get_member (object, "shape");

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "has no shape; expected a list of sizes");
  JsonArray *dims = json_node_get_array (node);
  guint n = json_array_get_length (dims);
  if (n > EFFNET_TENSOR_MAX_DIMS)
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "has %u dimensions; expected at most %d", n,
                        EFFNET_TENSOR_MAX_DIMS);
  tensor->n_dims = n;
  tensor->n_elements = 1;
  for (guint i = 0; i < n; i++) {
    JsonNode *dim = json_array_get_element (dims, i);
    if (!effnet_json_is_int (dim))
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "has a shape whose entry %u is not a whole number", i);
    tensor->shape[i] = (size_t)json_node_get_int (dim);
    if (!effnet_checked_mul (tensor->n_elements, tensor->shape[i], &tensor->n_elements))
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "has a shape of more elements than memory could hold");
  }
  return TRUE;
}

static gboolean
read_offsets (const Reader *reader, JsonObject *object, Entry *entry, GError **error)
{
  JsonNode *node = json_object_get_member (object, "data_offsets");
  JsonArray *pair =
      node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (pair == NULL || json_array_get_length (pair) != 2 ||
      !effnet_json_is_int (json_array_get_element (pair, 0)) ||
      !effnet_json_is_int (json_array_get_element (pair, 1)))
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "has no data_offsets; expected two whole numbers, [begin, end]");
  entry->begin = (size_t)json_array_get_int_element (pair, 0);
  entry->end = (size_t)json_array_get_int_element (pair, 1);
  if (entry->begin > entry->end)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "has data_offsets [%zu, %zu]; expected the first not above the second",
                        entry->begin, entry->end);
  if (entry->end > reader->buffer_size)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "has data_offsets [%zu, %zu], but the file holds only %zu bytes of data: "
                        "it is cut short or damaged",
                        entry->begin, entry->end, reader->buffer_size);
  return TRUE;
}

static gboolean
check_members (JsonObject *object, GError **error)
{
  static const char *const known[] = {"dtype", "shape", "data_offsets", NULL};
  JsonObjectIter iter;
  const char *member;

  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &member, NULL)) {
    if (g_strv_contains (known, member))
      continue;
    g_autofree char *shown = effnet_printable (member);
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "has the unknown member \"%s\"; expected dtype, shape and data_offsets",
                        shown);
  }
  return TRUE;
}

static gboolean
read_entry (Reader *reader, const char *name, JsonNode *node, GError **error)
{
  Entry entry = {g_try_new0 (EffnetTensor, 1), 0, 0};
  EffnetTensor *tensor = entry.tensor;
  size_t element_bytes = 0, bytes = 0;

  if (tensor == NULL || (tensor->name = effnet_try_strdup (name)) == NULL) {
    g_free (tensor);
    return effnet_fail_memory (error, "is one too many: it", sizeof *tensor + strlen (name) + 1);
  }
  /* Owned by the list from here on, whatever comes. */
  g_array_append_val (reader->entries, entry);
  Entry *kept = &g_array_index (reader->entries, Entry, reader->entries->len - 1);

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "is not described; expected dtype, shape and data_offsets");
  JsonObject *object = json_node_get_object (node);
  if (!check_members (object, error) || !read_dtype (object, tensor, &element_bytes, error) ||
      !read_shape (object, tensor, error) || !read_offsets (reader, object, kept, error))
    return FALSE;
  if (!effnet_checked_mul (tensor->n_elements, element_bytes, &bytes) ||
      bytes != kept->end - kept->begin) {
    g_autofree char *shape = effnet_tensor_shape_string (tensor);
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "has %zu bytes of data, which is not what %s of shape %s takes",
                        kept->end - kept->begin, tensor->dtype_name, shape);
  }
  tensor->n_bytes = bytes;
  tensor->fd = reader->fd;
  tensor->offset = reader->buffer + kept->begin;
  return TRUE;
}

/* "__metadata__": strings for people, of which those of ours are kept. */
static gboolean
read_metadata (const Reader *reader, JsonNode *node, GError **error)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "its __metadata__ is not an object of strings");
  json_object_iter_init (&iter, json_node_get_object (node));
  while (json_object_iter_next (&iter, &key, &value)) {
    if (effnet_json_is_string (value)) {
      if (g_str_has_prefix (key, "effnet."))
        g_hash_table_insert (reader->notes, g_strdup (key),
                             g_strdup (json_node_get_string (value)));
      continue;
    }
    g_autofree char *shown = effnet_printable (key);
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "its __metadata__ holds \"%s\", which is not a string", shown);
  }
  return TRUE;
}

static int
by_place (gconstpointer left, gconstpointer right)
{
  const Entry *a = left, *b = right;

  if (a->begin != b->begin)
    return a->begin < b->begin ? -1 : 1;
  if (a->end != b->end)
    return a->end < b->end ? -1 : 1;
  return strcmp (a->tensor->name, b->tensor->name);
}

/* Sorted by place, each tensor must begin where the one before ends, and the last end the buffer.
 */
static gboolean
check_tiling (Reader *reader, GError **error)
{
  size_t expected = 0;

  g_array_sort (reader->entries, by_place);
  for (guint i = 0; i < reader->entries->len; i++) {
    const Entry *entry = &g_array_index (reader->entries, Entry, i);
    if (entry->begin < expected)
      effnet_fail (error, EFFNET_ERROR_FORMAT,
                   "overlaps another: it begins at byte %zu, which belongs to the tensor that ends "
                   "at %zu",
                   entry->begin, expected);
    if (entry->begin > expected)
      effnet_fail (
          error, EFFNET_ERROR_FORMAT,
          "begins at byte %zu, but the data before it ends at %zu: bytes between belong to "
          "no tensor",
          entry->begin, expected);
    if (entry->begin != expected)
      return fail_tensor (entry->tensor->name, error);
    expected = entry->end;
  }
  if (expected != reader->buffer_size)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "holds %zu bytes of data, but its tensors end at %zu", reader->buffer_size,
                        expected);
  return TRUE;
}

/* TRUE when it is something else that is known, and @error says so. */
static gboolean
fail_kind (const Reader *reader, GError **error)
{
  char head[EFFNET_SNIFF_BYTES];
  size_t n = MIN (reader->size, sizeof head);
  const char *advice = NULL, *what;

  if (!effnet_file_read_at (reader->fd, 0, n, head, NULL))
    return FALSE;
  what = effnet_sniff_data (head, n, &advice);
  if (what != NULL)
    effnet_fail (error, EFFNET_ERROR_FORMAT, "it is %s; expected safetensors%s%s", what,
                 advice != NULL ? ": " : "", advice != NULL ? advice : "");
  return what != NULL;
}

/* Sets the buffer. Returns the header, NULL with IO or FORMAT. */
static char *
load_header (Reader *reader, size_t *length, GError **error)
{
  uint64_t said;

  if (reader->size < LENGTH_BYTES && !fail_kind (reader, error)) {
    effnet_fail (error, EFFNET_ERROR_FORMAT,
                 "has %zu bytes; a safetensors file begins with 8 bytes of header length",
                 reader->size);
  }
  if (reader->size < LENGTH_BYTES)
    return NULL;
  if (!effnet_file_read_at (reader->fd, 0, sizeof said, &said, error))
    return NULL;
  said = GUINT64_FROM_LE (said);
  if (said > EFFNET_TENSORS_HEADER_MAX || said > reader->size - LENGTH_BYTES) {
    if (fail_kind (reader, error))
      return NULL;
    effnet_fail (error, EFFNET_ERROR_FORMAT,
                 "says its header has %" G_GUINT64_FORMAT
                 " bytes, but %zu follow and %u are the most one "
                 "may have: it is cut short or not a safetensors file",
                 said, reader->size - LENGTH_BYTES, EFFNET_TENSORS_HEADER_MAX);
    return NULL;
  }
  *length = (size_t)said;
  reader->buffer = LENGTH_BYTES + *length;
  reader->buffer_size = reader->size - reader->buffer;
  g_autofree char *header = g_try_malloc (*length + 1);
  if (header == NULL) {
    effnet_fail (error, EFFNET_ERROR_IO,
                 "needs %zu bytes of memory for its header, which the system does not give",
                 *length);
    return NULL;
  }
  if (!effnet_file_read_at (reader->fd, LENGTH_BYTES, *length, header, error))
    return NULL;
  header[*length] = '\0';
  return g_steal_pointer (&header);
}

/* The closing quote of the string whose content begins at @at; @length when there is none. */
static size_t
string_end (const char *text, size_t length, size_t at)
{
  while (at < length && text[at] != '"')
    at += text[at] == '\\' ? 2 : 1;
  return MIN (at, length);
}

/* Nobody needs a long string: as a name it fits no net, and as metadata (pictures, the history of a
 * training) it is not read. The first is refused; the second becomes an empty one and spaces, so
 * that its copies cost no memory. */
static gboolean
drop_long_strings (char *header, size_t length, GError **error)
{
  for (size_t at = 0; at < length; at++) {
    size_t end, next;

    if (header[at] != '"')
      continue;
    end = next = string_end (header, length, at + 1);
    if (end < length && end - at - 1 > EFFNET_TENSORS_STRING_MAX) {
      do
        next++;
      while (next < length && strchr (" \t\r\n", header[next]) != NULL);
      if (next < length && header[next] == ':')
        return effnet_fail (error, EFFNET_ERROR_FORMAT,
                            "its header holds a name of %zu bytes; expected at most %d",
                            end - at - 1, EFFNET_TENSORS_STRING_MAX);
      memset (header + at + 1, ' ', end - at);
      header[at + 1] = '"';
    }
    at = end;
  }
  return TRUE;
}

static gboolean
read_header (Reader *reader, GError **error)
{
  static const EffnetJsonRules rules = {.max_depth = EFFNET_TENSORS_DEPTH_MAX,
                                        .unsigned_only = TRUE};
  size_t length = 0;
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  g_autofree char *header = load_header (reader, &length, error);
  if (header == NULL || !drop_long_strings (header, length, error))
    return FALSE;
  EffnetJsonFile file = {"its header", "", header, length, NULL};
  if (!effnet_json_parse (&file, &rules, error))
    return FALSE;
  g_autoptr (JsonNode) root = file.root;
  json_object_iter_init (&iter, json_node_get_object (root));
  while (json_object_iter_next (&iter, &name, &node)) {
    gboolean is_tensor = strcmp (name, "__metadata__") != 0;
    if (!is_tensor && !read_metadata (reader, node, error))
      return FALSE;
    if (is_tensor && !read_entry (reader, name, node, error))
      return fail_tensor (name, error);
  }
  return check_tiling (reader, error);
}

/* An empty table with the file at @path opened and its hash begun. */
static EffnetTensorTable *
open_file (const char *path, size_t *size, GError **error)
{
  int fd = effnet_file_open (path, "Weights file", error);

  if (fd < 0)
    return NULL;
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_new (path);
  table->fd = fd;
  table->hash = effnet_hash_new (fd);
  *size = (size_t)effnet_hash_opened (table->hash)->st_size;
  return g_steal_pointer (&table);
}

EffnetTensorTable *
effnet_tensor_table_open (const char *path, GError **error)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  Reader reader = {.entries = entries};
  g_autoptr (EffnetTensorTable) table = open_file (path, &reader.size, error);

  if (table == NULL)
    return NULL;
  g_autofree char *shown = effnet_printable (path);
  reader.fd = table->fd;
  reader.notes = table->notes;
  gboolean ok = read_header (&reader, error);
  /* Names are unique: json.c refuses a key that comes twice. The table frees what it took. */
  for (guint i = 0; i < entries->len; i++)
    effnet_tensor_table_take (table, g_array_index (entries, Entry, i).tensor);
  ok = ok && effnet_tensor_table_scale (table, error);
  if (!ok)
    g_prefix_error (error, "Weights file \"%s\": ", shown);
  return ok ? g_steal_pointer (&table) : NULL;
}
