/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Looks at the NAL units of each access unit, remembers parameter sets, collects a refresh. */
#include "keyframe.h"
#include "memory.h"

#include <effnet/effnet.h>
#include <string.h>

#define SETS_MAX      64          /* parameter sets of a stream that are remembered */
#define SET_BYTES_MAX (16u << 10) /* of one */
#define REFRESH_MAX   600         /* access units of a refresh: 10 s at 60 frames a second */
#define REFRESH_BYTES (8u << 20)

static const guint8 start_code[] = {0, 0, 0, 1};

/* A parameter set, by kind and number. */
typedef struct {
  GstEffnetNalKind kind;
  int id;
  guint8 *data; /* [size], owned; a NAL unit */
  gsize size;
} Set;

struct _GstEffnetKeyframes {
  GstEffnetCodec codec;
  guint length_size;
  GArray *sets; /* of Set, VPS before SPS before PPS */
  /* A refresh that goes on; NULL: none does. */
  GstBufferList *refresh;
  gsize refresh_bytes;
  guint wanted, seen; /* pictures that others refer to: until it is whole, and so far */
  gboolean whole;
};

/* What the headers of one access unit say. */
typedef struct {
  gboolean has_slice, random_access, intra, reference;
  int recovery;
} Headers;

/* ---- parameter sets -------------------------------------------------------------------------- */

static void
clear_set (gpointer data)
{
  g_free (((Set *)data)->data);
}

static Set *
find_set (GstEffnetKeyframes *self, GstEffnetNalKind kind, int id, guint *at)
{
  guint i;

  for (i = 0; i < self->sets->len; i++) {
    Set *set = &g_array_index (self->sets, Set, i);

    if (set->kind == kind && set->id == id)
      return set;
    if (set->kind > kind)
      break;
  }
  *at = i;
  return NULL;
}

static void
remember (GstEffnetKeyframes *self, GstEffnetNalKind kind, const GstEffnetNal *nal)
{
  int id = gst_effnet_nal_get_id (self->codec, nal);
  guint at = 0;
  Set *known;

  if (id < 0 || nal->size > SET_BYTES_MAX)
    return;
  known = find_set (self, kind, id, &at);
  if (known != NULL && known->size == nal->size && memcmp (known->data, nal->data, nal->size) == 0)
    return;
  if (known != NULL) {
    g_free (known->data);
    known->data = g_memdup2 (nal->data, nal->size);
    known->size = nal->size;
  } else if (self->sets->len < SETS_MAX) {
    Set set = {kind, id, g_memdup2 (nal->data, nal->size), nal->size};

    g_array_insert_val (self->sets, at, set);
  }
}

static gboolean
is_set (GstEffnetNalKind kind)
{
  return kind == GST_EFFNET_NAL_VPS || kind == GST_EFFNET_NAL_SPS || kind == GST_EFFNET_NAL_PPS;
}

/* @data: [*at, size): a number of units, as ISO/IEC 14496-15 has them, each with two bytes of
 * length. FALSE: they are longer than what is there. */
static gboolean
remember_some (GstEffnetKeyframes *self, const guint8 *data, gsize size, gsize *at, guint n)
{
  GstEffnetNalReader reader = {.data = data, .size = size, .length_size = 2, .at = *at};
  GstEffnetNal nal;

  for (; n > 0; n--) {
    GstEffnetNalKind kind;

    if (!gst_effnet_nal_next (&reader, &nal))
      return FALSE;
    kind = gst_effnet_nal_get_kind (self->codec, &nal);
    if (is_set (kind))
      remember (self, kind, &nal);
  }
  *at = reader.at;
  return TRUE;
}

/* AVCDecoderConfigurationRecord */
static gboolean
read_avcc (GstEffnetKeyframes *self, const guint8 *data, gsize size)
{
  gsize at = 6;

  if (size < 7 || data[0] != 1)
    return FALSE;
  self->length_size = (data[4] & 3) + 1;
  if (!remember_some (self, data, size, &at, data[5] & 0x1f) || at >= size)
    return FALSE;
  at++;
  return remember_some (self, data, size, &at, data[at - 1]);
}

/* HEVCDecoderConfigurationRecord */
static gboolean
read_hvcc (GstEffnetKeyframes *self, const guint8 *data, gsize size)
{
  gsize at = 23;

  if (size < 23)
    return FALSE;
  self->length_size = (data[21] & 3) + 1;
  for (guint arrays = data[22]; arrays > 0; arrays--) {
    if (size - at < 3)
      return FALSE;
    at += 3;
    if (!remember_some (self, data, size, &at, (guint)data[at - 2] << 8 | data[at - 1]))
      return FALSE;
  }
  return TRUE;
}

/* ---- life ------------------------------------------------------------------------------------ */

gboolean
gst_effnet_keyframes_can (const GstCaps *caps)
{
  const GstStructure *s = gst_caps_get_structure (caps, 0);

  return gst_structure_has_name (s, "video/x-h264") || gst_structure_has_name (s, "video/x-h265");
}

static gboolean
read_codec_data (GstEffnetKeyframes *self, const GstStructure *s)
{
  const GValue *value = gst_structure_get_value (s, "codec_data");
  GstBuffer *buffer = value != NULL ? gst_value_get_buffer (value) : NULL;
  GstMapInfo map;
  gboolean ok;

  if (buffer == NULL || !gst_buffer_map (buffer, &map, GST_MAP_READ))
    return FALSE;
  ok = self->codec == GST_EFFNET_CODEC_H264 ? read_avcc (self, map.data, map.size)
                                            : read_hvcc (self, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  return ok;
}

GstEffnetKeyframes *
gst_effnet_keyframes_new (const GstCaps *caps, GError **error)
{
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  const char *format = gst_structure_get_string (s, "stream-format");
  GstEffnetKeyframes *self = g_new0 (GstEffnetKeyframes, 1);

  self->codec =
      gst_structure_has_name (s, "video/x-h264") ? GST_EFFNET_CODEC_H264 : GST_EFFNET_CODEC_H265;
  self->sets = g_array_new (FALSE, FALSE, sizeof (Set));
  g_array_set_clear_func (self->sets, clear_set);
  if (g_strcmp0 (format, "byte-stream") != 0 && !read_codec_data (self, s)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "The codec_data of %s with stream-format %s is missing or damaged: put \"%s\" "
                 "before effnetclassify",
                 gst_structure_get_name (s), format != NULL ? format : "unknown",
                 self->codec == GST_EFFNET_CODEC_H264 ? "h264parse" : "h265parse");
    gst_effnet_keyframes_free (self);
    return NULL;
  }
  return self;
}

void
gst_effnet_keyframes_free (GstEffnetKeyframes *self)
{
  gst_effnet_keyframes_forget (self);
  g_array_unref (self->sets);
  g_free (self);
}

GstEffnetCodec
gst_effnet_keyframes_get_codec (const GstEffnetKeyframes *self)
{
  return self->codec;
}

void
gst_effnet_keyframes_forget (GstEffnetKeyframes *self)
{
  g_clear_pointer (&self->refresh, gst_buffer_list_unref);
  self->refresh_bytes = self->seen = 0;
  self->whole = FALSE;
}

/* ---- copying --------------------------------------------------------------------------------- */

static void
append_unit (GByteArray *bytes, const guint8 *data, gsize size)
{
  g_byte_array_append (bytes, start_code, sizeof start_code);
  g_byte_array_append (bytes, data, (guint)size);
}

/* @first: with the parameter sets in front. Returns: (nullable): NULL when there is no slice */
static GstBuffer *
copy_unit (GstEffnetKeyframes *self, GstBuffer *buffer, gboolean first)
{
  GstEffnetNalReader reader = {.length_size = self->length_size};
  gboolean has_slice = FALSE;
  GstEffnetNal nal;
  GByteArray *bytes;
  GstBuffer *unit;
  GstMapInfo map;
  gsize size;

  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return NULL;
  if (!gst_effnet_check_memory ("A unit", 3 * map.size, NULL)) { /* the stream goes on without */
    gst_buffer_unmap (buffer, &map);
    return NULL;
  }
  reader.data = map.data;
  reader.size = map.size;
  bytes = g_byte_array_sized_new ((guint)MIN (map.size, G_MAXINT / 2) + 1024);
  for (guint i = 0; first && i < self->sets->len; i++) {
    const Set *set = &g_array_index (self->sets, Set, i);

    append_unit (bytes, set->data, set->size);
  }
  while (map.size < G_MAXINT / 2 && gst_effnet_nal_next (&reader, &nal)) {
    GstEffnetNalKind kind = gst_effnet_nal_get_kind (self->codec, &nal);

    if (kind == GST_EFFNET_NAL_OTHER || (first && is_set (kind)))
      continue;
    gst_effnet_nal_find_end (&reader, &nal);
    append_unit (bytes, nal.data, nal.size);
    has_slice |= kind == GST_EFFNET_NAL_SLICE;
  }
  gst_buffer_unmap (buffer, &map);
  if (!has_slice) {
    g_byte_array_unref (bytes);
    return NULL;
  }
  size = bytes->len;
  unit = gst_buffer_new_wrapped (g_byte_array_free (bytes, FALSE), size);
  gst_buffer_copy_into (unit, buffer, GST_BUFFER_COPY_TIMESTAMPS, 0, (gsize)-1);
  return unit;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* The first slice that refers to others answers all questions: what comes behind it is skipped. */
static Headers
read_headers (GstEffnetKeyframes *self, const GstMapInfo *map)
{
  GstEffnetNalReader reader = {
      .data = map->data, .size = map->size, .length_size = self->length_size};
  Headers headers = {.intra = TRUE, .recovery = -1};
  GstEffnetNal nal;

  while (gst_effnet_nal_next (&reader, &nal)) {
    GstEffnetNalKind kind = gst_effnet_nal_get_kind (self->codec, &nal);

    if (kind == GST_EFFNET_NAL_SLICE) {
      headers.has_slice = TRUE;
      headers.random_access |= gst_effnet_nal_is_random_access (self->codec, &nal);
      headers.reference |= gst_effnet_nal_is_reference (self->codec, &nal);
      headers.intra &= gst_effnet_nal_is_intra (self->codec, &nal);
      if (headers.random_access || !headers.intra)
        break;
      continue;
    }
    if (kind == GST_EFFNET_NAL_OTHER)
      continue;
    gst_effnet_nal_find_end (&reader, &nal);
    if (kind != GST_EFFNET_NAL_SEI)
      remember (self, kind, &nal);
    else if (headers.recovery < 0)
      headers.recovery = gst_effnet_nal_get_recovery (self->codec, &nal);
  }
  return headers;
}

/* Adds a unit to the refresh that goes on. */
static GstEffnetUnit
collect (GstEffnetKeyframes *self, GstBuffer *buffer, gboolean reference)
{
  GstBuffer *unit = copy_unit (self, buffer, gst_buffer_list_length (self->refresh) == 0);

  if (unit == NULL || gst_buffer_list_length (self->refresh) >= REFRESH_MAX ||
      self->refresh_bytes + gst_buffer_get_size (unit) > REFRESH_BYTES) {
    gst_clear_buffer (&unit);
    gst_effnet_keyframes_forget (self);
    return GST_EFFNET_UNIT_DEPENDS;
  }
  self->refresh_bytes += gst_buffer_get_size (unit);
  gst_buffer_list_add (self->refresh, unit);
  self->whole = self->seen >= self->wanted;
  self->seen += reference ? 1 : 0;
  return self->whole ? GST_EFFNET_UNIT_WHOLE : GST_EFFNET_UNIT_DEPENDS;
}

GstEffnetUnit
gst_effnet_keyframes_look (GstEffnetKeyframes *self, GstBuffer *buffer)
{
  GstMapInfo map;
  Headers headers;

  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT) || self->whole)
    gst_effnet_keyframes_forget (self);
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return GST_EFFNET_UNIT_NONE;
  headers = read_headers (self, &map);
  gst_buffer_unmap (buffer, &map);
  if (!headers.has_slice)
    return GST_EFFNET_UNIT_NONE;
  if (headers.random_access || headers.intra) {
    gst_effnet_keyframes_forget (self);
    return GST_EFFNET_UNIT_KEY;
  }
  if (self->refresh != NULL)
    return collect (self, buffer, headers.reference);
  if (headers.recovery <= 0)
    return GST_EFFNET_UNIT_DEPENDS;
  self->refresh = gst_buffer_list_new ();
  self->wanted = (guint)headers.recovery;
  collect (self, buffer, headers.reference);
  return GST_EFFNET_UNIT_REFRESH;
}

/* ---- taking ---------------------------------------------------------------------------------- */

GstBuffer *
gst_effnet_keyframes_copy (GstEffnetKeyframes *self, GstBuffer *buffer)
{
  return copy_unit (self, buffer, TRUE);
}

gboolean
gst_effnet_keyframes_is_refreshing (const GstEffnetKeyframes *self)
{
  return self->refresh != NULL;
}

GstBufferList *
gst_effnet_keyframes_take (GstEffnetKeyframes *self, GstBuffer *buffer)
{
  GstBufferList *list = self->refresh;
  GstBuffer *unit;

  if (self->whole) {
    self->refresh = NULL;
    gst_effnet_keyframes_forget (self);
    return list;
  }
  unit = gst_effnet_keyframes_copy (self, buffer);
  if (unit == NULL)
    return NULL;
  list = gst_buffer_list_new_sized (1);
  gst_buffer_list_add (list, unit);
  return list;
}
