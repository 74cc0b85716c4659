/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keyframes are decoded by themselves in a decoder that is borrowed for each. When all frames are
 * wanted a stream has a decoder, and each input brings all that came since the one before: what
 * nobody had time to classify is decoded nevertheless, as long as it is not too much. */
#include "coded.h"

#include "codec.h"

#define PENDING_MAX   120 /* access units that wait: 4 s at 30 frames a second */
#define PENDING_BYTES (8u << 20)

struct _GstEffnetChain {
  gatomicrefcount refs;
  GstEffnetDecoder *decoder; /* NULL before the first input */
  guint decoded;             /* inputs; another number than the next one's: some were left out */
  gboolean lost;             /* goes on with a picture that decodes alone */
};

struct _GstEffnetCodedInput {
  GstBufferList *units;
  GstCaps *caps;
  char *factory;
  GstEffnetChain *chain; /* NULL: a keyframe, or a gradual refresh */
  guint number;          /* in the chain */
  GstBuffer *places;     /* without memory */
};

/* ---- chain ----------------------------------------------------------------------------------- */

static GstEffnetChain *
chain_new (void)
{
  GstEffnetChain *chain = g_new0 (GstEffnetChain, 1);

  g_atomic_ref_count_init (&chain->refs);
  chain->lost = TRUE;
  return chain;
}

static GstEffnetChain *
chain_ref (GstEffnetChain *chain)
{
  g_atomic_ref_count_inc (&chain->refs);
  return chain;
}

static void
chain_unref (GstEffnetChain *chain)
{
  if (!g_atomic_ref_count_dec (&chain->refs))
    return;
  if (chain->decoder != NULL)
    gst_effnet_decoder_give_back (chain->decoder);
  g_free (chain);
}

/* ---- stream ---------------------------------------------------------------------------------- */

void
gst_effnet_coded_start (GstEffnetCoded *coded, GstEffnetDecodeFrames frames, char *factory)
{
  *coded = (GstEffnetCoded){.frames = frames, .factory = factory};
}

static void
unset (GstEffnetCoded *coded)
{
  gst_effnet_coded_forget (coded);
  if (coded->keyframes != NULL)
    gst_effnet_decoder_leave ();
  g_clear_pointer (&coded->keyframes, gst_effnet_keyframes_free);
  gst_clear_caps (&coded->caps);
  coded->said_refresh = FALSE;
}

void
gst_effnet_coded_stop (GstEffnetCoded *coded)
{
  unset (coded);
  g_free (coded->factory);
  *coded = (GstEffnetCoded){.factory = NULL};
}

gboolean
gst_effnet_coded_set_caps (GstEffnetCoded *coded, const GstCaps *caps, GError **error)
{
  GstEffnetKeyframes *keyframes = NULL;

  if (gst_effnet_keyframes_can (caps)) {
    keyframes = gst_effnet_keyframes_new (caps, error);
    if (keyframes == NULL)
      return FALSE;
    if (!gst_effnet_codec_has_decoder (gst_effnet_keyframes_get_codec (keyframes), coded->factory,
                                       error)) {
      gst_effnet_keyframes_free (keyframes);
      return FALSE;
    }
    gst_effnet_decoder_join (); /* before the caps that are replaced leave */
  }
  unset (coded);
  coded->keyframes = keyframes;
  if (keyframes != NULL)
    coded->caps = gst_effnet_decoder_caps_new (caps);
  return TRUE;
}

gboolean
gst_effnet_coded_is_set (const GstEffnetCoded *coded)
{
  return coded->keyframes != NULL;
}

static void
drop_pending (GstEffnetCoded *coded)
{
  g_clear_pointer (&coded->pending, gst_buffer_list_unref);
  gst_clear_buffer (&coded->last);
  coded->pending_bytes = 0;
}

void
gst_effnet_coded_forget (GstEffnetCoded *coded)
{
  if (coded->keyframes != NULL)
    gst_effnet_keyframes_forget (coded->keyframes);
  drop_pending (coded);
  g_clear_pointer (&coded->chain, chain_unref);
  coded->taken = 0;
}

/* ---- looking and taking ---------------------------------------------------------------------- */

static gboolean
is_of_places (const GstMeta *meta)
{
  return meta->info->api == GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE ||
         g_str_equal (g_type_name (meta->info->api), "GstAnalyticsRelationMetaAPI");
}

/* Not all metas: one of them may hold the memory of the buffer. */
static void
add_places (GstBuffer *to, GstBuffer *buffer)
{
  GstMetaTransformCopy all = {.region = FALSE, .size = (gsize)-1};
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta (buffer, &state)) != NULL) {
    if (is_of_places (meta) && meta->info->transform_func != NULL)
      meta->info->transform_func (to, meta, buffer, _gst_meta_transform_copy, &all);
  }
}

/* Adds the unit to those that wait. FALSE: it cannot be decoded, some before it are missing. */
static gboolean
append (GstEffnetCoded *coded, GstBuffer *buffer, GstEffnetUnit kind)
{
  gboolean begins = kind == GST_EFFNET_UNIT_KEY || kind == GST_EFFNET_UNIT_REFRESH;
  GstBuffer *unit;

  if (coded->pending != NULL && (gst_buffer_list_length (coded->pending) >= PENDING_MAX ||
                                 coded->pending_bytes >= PENDING_BYTES)) {
    drop_pending (coded);
    g_clear_pointer (&coded->chain, chain_unref);
  }
  if (coded->chain == NULL && !begins)
    return FALSE;
  unit = gst_effnet_keyframes_copy (coded->keyframes, buffer);
  if (unit == NULL)
    return FALSE;
  if (!begins)
    GST_BUFFER_FLAG_SET (unit, GST_BUFFER_FLAG_DELTA_UNIT);
  if (coded->chain == NULL) {
    coded->chain = chain_new ();
    coded->taken = 0;
  }
  if (coded->pending == NULL)
    coded->pending = gst_buffer_list_new ();
  coded->pending_bytes += gst_buffer_get_size (unit);
  gst_buffer_list_add (coded->pending, unit);
  gst_clear_buffer (&coded->last);
  coded->last = gst_buffer_new ();
  gst_buffer_copy_into (coded->last, buffer, GST_BUFFER_COPY_TIMESTAMPS, 0, (gsize)-1);
  add_places (coded->last, buffer);
  return TRUE;
}

gboolean
gst_effnet_coded_look (GstEffnetCoded *coded, GstBuffer *buffer)
{
  GstEffnetUnit kind = gst_effnet_keyframes_look (coded->keyframes, buffer);

  if (kind == GST_EFFNET_UNIT_NONE)
    return FALSE;
  if (coded->frames == GST_EFFNET_DECODE_FRAMES_ALL)
    return append (coded, buffer, kind);
  return kind == GST_EFFNET_UNIT_KEY || kind == GST_EFFNET_UNIT_WHOLE;
}

gboolean
gst_effnet_coded_pop_refresh (GstEffnetCoded *coded)
{
  if (coded->said_refresh || !gst_effnet_keyframes_is_refreshing (coded->keyframes))
    return FALSE;
  coded->said_refresh = TRUE;
  return TRUE;
}

GstBuffer *
gst_effnet_coded_get_pending (const GstEffnetCoded *coded)
{
  return coded->pending != NULL ? coded->last : NULL;
}

GstEffnetCodedInput *
gst_effnet_coded_take (GstEffnetCoded *coded, GstBuffer *buffer)
{
  GstEffnetCodedInput *input;
  GstBufferList *units;

  if (coded->frames == GST_EFFNET_DECODE_FRAMES_ALL) {
    units = g_steal_pointer (&coded->pending);
    coded->pending_bytes = 0;
  } else {
    units = gst_effnet_keyframes_take (coded->keyframes, buffer);
  }
  if (units == NULL)
    return NULL;
  input = g_new0 (GstEffnetCodedInput, 1);
  input->units = units;
  input->places = gst_buffer_new ();
  add_places (input->places, buffer);
  input->caps = gst_caps_ref (coded->caps);
  input->factory = g_strdup (coded->factory);
  if (coded->chain != NULL) {
    input->chain = chain_ref (coded->chain);
    input->number = coded->taken++;
  }
  return input;
}

/* ---- decoding -------------------------------------------------------------------------------- */

GstBuffer *
gst_effnet_coded_input_get_places (GstEffnetCodedInput *input)
{
  return input->places;
}

GstBuffer *
gst_effnet_coded_input_place (GstEffnetCodedInput *input, GstBuffer *picture)
{
  GstBuffer *placed = gst_buffer_copy (picture);

  add_places (placed, input->places);
  return placed;
}

void
gst_effnet_coded_input_free (GstEffnetCodedInput *input)
{
  gst_buffer_unref (input->places);
  gst_buffer_list_unref (input->units);
  gst_caps_unref (input->caps);
  g_clear_pointer (&input->chain, chain_unref);
  g_free (input->factory);
  g_free (input);
}

static gboolean
is_stopped (gboolean (*stop) (gpointer data), gpointer data, GError **error)
{
  if (stop == NULL || !stop (data))
    return FALSE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED, "cancelled");
  return TRUE;
}

/* Pushes @unit, unless it cannot be decoded. */
static gboolean
push_in_order (GstEffnetChain *chain, GstBuffer *unit, GError **error)
{
  if (chain->lost) {
    if (GST_BUFFER_FLAG_IS_SET (unit, GST_BUFFER_FLAG_DELTA_UNIT))
      return TRUE;
    if (!gst_effnet_decoder_drain (chain->decoder, error))
      return FALSE;
    chain->lost = FALSE;
  }
  chain->lost = !gst_effnet_decoder_push (chain->decoder, unit, error);
  return !chain->lost;
}

static GstBuffer *
decode_in_order (GstEffnetCodedInput *input, GstEffnetFormat *format,
                 gboolean (*stop) (gpointer data), gpointer data, GError **error)
{
  GstEffnetChain *chain = input->chain;
  GstBuffer *picture;

  if (chain->decoder == NULL)
    chain->decoder = gst_effnet_decoder_borrow (input->caps, input->factory, error);
  if (chain->decoder == NULL)
    return NULL;
  chain->lost |= chain->decoded != input->number;
  chain->decoded = input->number + 1;
  for (guint i = 0; i < gst_buffer_list_length (input->units); i++) {
    if (is_stopped (stop, data, error)) {
      chain->lost = TRUE;
      return NULL;
    }
    if (!push_in_order (chain, gst_buffer_list_get (input->units, i), error))
      return NULL;
  }
  picture = gst_effnet_decoder_pull (chain->decoder, format);
  if (picture != NULL && GST_BUFFER_FLAG_IS_SET (picture, GST_BUFFER_FLAG_CORRUPTED))
    gst_clear_buffer (&picture);
  return picture;
}

GstBuffer *
gst_effnet_coded_input_decode (GstEffnetCodedInput *input, GstEffnetFormat *format,
                               gboolean (*stop) (gpointer data), gpointer data, GError **error)
{
  GstEffnetDecoder *decoder;
  GstBuffer *picture;

  if (input->chain != NULL)
    return decode_in_order (input, format, stop, data, error);
  decoder = gst_effnet_decoder_borrow (input->caps, input->factory, error);
  if (decoder == NULL)
    return NULL;
  for (guint i = 0; i < gst_buffer_list_length (input->units); i++) {
    if (is_stopped (stop, data, error) ||
        !gst_effnet_decoder_push (decoder, gst_buffer_list_get (input->units, i), error)) {
      gst_effnet_decoder_give_back (decoder);
      return NULL;
    }
  }
  picture = gst_effnet_decoder_finish (decoder, format, error);
  gst_effnet_decoder_give_back (decoder);
  return picture;
}
