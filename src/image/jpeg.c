/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libjpeg, contained. Its errors come back by longjmp to the one setjmp of each step; no local that
 * changes after it is used behind it. Nothing is printed.
 *
 * What libjpeg warns of is weighed by how much of the rows that are needed it puts in doubt;
 * above EFFNET_DAMAGE_MAX the frame is broken. So is a file whose scans are not all there, because
 * a picture with half its scans is another picture. No damage: bytes before the start and after the
 * end, a second start marker, a missing end marker, padding between segments, unknown application
 * markers, missing Huffman tables (libjpeg-turbo then takes the standard ones), and the numbers of
 * a sequential scan's header that no decoder needs (some phones write zeros). Rows outside the crop
 * are parsed, not transformed. */
#include "image/jpeg.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/checked.h"
#include "base/limits.h"
#include "image/color.h"
#include "image/exif.h"
#include "image/jpeg_source.h"
#include "image/jpeg_tables.h"

#if JPEG_LIB_VERSION >= 70
#  define DCT_WIDTH(k)      ((unsigned)(k)->DCT_h_scaled_size)
#  define DCT_HEIGHT(k)     ((unsigned)(k)->DCT_v_scaled_size)
#  define MIN_DCT_WIDTH(d)  ((unsigned)(d)->min_DCT_h_scaled_size)
#  define MIN_DCT_HEIGHT(d) ((unsigned)(d)->min_DCT_v_scaled_size)
#else
#  define DCT_WIDTH(k)      ((unsigned)(k)->DCT_scaled_size)
#  define DCT_HEIGHT(k)     ((unsigned)(k)->DCT_scaled_size)
#  define MIN_DCT_WIDTH(d)  ((unsigned)(d)->min_DCT_scaled_size)
#  define MIN_DCT_HEIGHT(d) ((unsigned)(d)->min_DCT_scaled_size)
#endif

struct _EffnetJpeg {
  struct jpeg_decompress_struct d;
  struct jpeg_error_mgr err;
  EffnetJpegSource *source;
  struct jpeg_progress_mgr progress;
  jmp_buf jump;
  EffnetStop *stop;
  gboolean created;
  const uint8_t *file;
  size_t size;     /* bytes of it */
  gboolean beyond; /* reading what is not needed: only bytes left over count */
  unsigned seen;   /* bit mask of the components that had a scan */
  EffnetDamage damage;
  char message[JMSG_LENGTH_MAX];
  double share;    /* of the last frame that is in doubt */
  uint8_t *planes; /* grows, is kept */
  uint8_t *cmyk;   /* in it, a line of four components; NULL of others */
  size_t planes_bytes;
  JSAMPROW *lines[3]; /* one MCU row of each component */
  unsigned lines_room[3];
};

/* ---- what libjpeg calls ---------------------------------------------------------------------- */

static void
on_error (j_common_ptr common)
{
  EffnetJpeg *jpeg = common->client_data;
  common->err->format_message (common, jpeg->message);
  longjmp (jpeg->jump, 1);
}

/* Bytes that were read over to find the next marker. The source has been moved behind them. */
static void
on_bytes_left (EffnetJpeg *jpeg, unsigned row)
{
  const uint8_t *end = jpeg->d.src->next_input_byte;
  size_t n = (size_t)MAX (jpeg->err.msg_parm.i[0], 0);
  gboolean in_file = end >= jpeg->file && end <= jpeg->file + jpeg->size;

  if (!in_file) /* the end marker that the source makes */
    end = jpeg->file + jpeg->size;
  n = MIN (n, (size_t)(end - jpeg->file));
  effnet_damage_behind (&jpeg->damage, row, end - n, n, jpeg->message);
}

/* The data of a scan without restart markers came to an end where the encoder ended it, and yet
 * some was missing: something before was read wrongly, nobody knows where. */
static gboolean
is_end_of_scan (const EffnetJpeg *jpeg)
{
  int marker = jpeg->d.unread_marker;
  return jpeg->damage.interval == 0 && !effnet_jpeg_source_ran_out (jpeg->source) &&
         (marker == JPEG_EOI || marker == 0xda || marker == 0xc4); /* SOS, DHT */
}

static void
on_message (j_common_ptr common, int level)
{
  EffnetJpeg *jpeg = common->client_data;
  unsigned row = jpeg->d.input_iMCU_row; /* that is being read */
  if (level >= 0)
    return;
  common->err->format_message (common, jpeg->message);
  switch (common->err->msg_code) {
  case JWRN_EXTRANEOUS_DATA:
    on_bytes_left (jpeg, row);
    break;
  case JWRN_HIT_MARKER:
    if (is_end_of_scan (jpeg)) {
      effnet_damage_scan (&jpeg->damage, jpeg->message);
      break;
    }
    G_GNUC_FALLTHROUGH;
  case JWRN_HUFF_BAD_CODE:
  case JWRN_ARITH_BAD_CODE:
  case JWRN_MUST_RESYNC:
    if (!jpeg->beyond)
      effnet_damage_ahead (&jpeg->damage, row, jpeg->message);
    break;
  case JWRN_BOGUS_PROGRESSION:
    effnet_damage_scan (&jpeg->damage, jpeg->message);
    break;
  default:
    jpeg->damage.warnings++;
    break;
  }
}

static void
on_output (j_common_ptr common)
{
  (void)common;
}

static void
on_progress (j_common_ptr common)
{
  EffnetJpeg *jpeg = common->client_data;
  for (int i = 0; i < jpeg->d.comps_in_scan; i++)
    jpeg->seen |= 1u << jpeg->d.cur_comp_info[i]->component_index;
  if (jpeg->d.input_scan_number > EFFNET_JPEG_SCANS_MAX) {
    g_snprintf (jpeg->message, sizeof jpeg->message, "more than %d scans", EFFNET_JPEG_SCANS_MAX);
    longjmp (jpeg->jump, 1);
  }
  if (effnet_stop_now (jpeg->stop))
    longjmp (jpeg->jump, 1);
}

static void
on_end_of_file (j_decompress_ptr d)
{
  EffnetJpeg *jpeg = d->client_data;

  if (d->arith_code && !jpeg->beyond)
    effnet_damage_ahead (&jpeg->damage, d->input_iMCU_row,
                         "premature end of arithmetic-coded data");
}

/* ---- life ------------------------------------------------------------------------------------ */

static gboolean
fail (EffnetJpeg *jpeg, GError **error)
{
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
               "JPEG frame of %" G_GSIZE_FORMAT " bytes cannot be decoded: %s", jpeg->size,
               jpeg->message);
  jpeg_abort_decompress (&jpeg->d);
  return FALSE;
}

EffnetJpeg *
effnet_jpeg_new (EffnetStop *stop)
{
  EffnetJpeg *jpeg = g_new0 (EffnetJpeg, 1);
  jpeg->stop = stop;
  jpeg->source = effnet_jpeg_source_new (on_end_of_file);
  return jpeg;
}

void
effnet_jpeg_free (EffnetJpeg *jpeg)
{
  if (jpeg == NULL)
    return;
  jpeg_destroy_decompress (&jpeg->d);
  for (unsigned c = 0; c < 3; c++)
    g_free (jpeg->lines[c]);
  effnet_jpeg_source_free (jpeg->source);
  g_free (jpeg->planes);
  g_free (jpeg);
}

static void
create (EffnetJpeg *jpeg)
{
  jpeg_destroy_decompress (&jpeg->d);
  jpeg->created = FALSE;
  jpeg->d.err = jpeg_std_error (&jpeg->err);
  jpeg->err.error_exit = on_error;
  jpeg->err.emit_message = on_message;
  jpeg->err.output_message = on_output;
  jpeg->d.client_data = jpeg;
  jpeg_create_decompress (&jpeg->d);
  effnet_jpeg_source_attach (jpeg->source, &jpeg->d);
  jpeg->progress.progress_monitor = on_progress;
  jpeg->d.progress = &jpeg->progress;
  jpeg->d.mem->max_memory_to_use = EFFNET_JPEG_MEMORY_MAX;
  jpeg->created = TRUE;
}

/* ---- the header ------------------------------------------------------------------------------ */

static void
read_header (EffnetJpeg *jpeg)
{
  jpeg->beyond = FALSE;
  jpeg->seen = 0;
  effnet_damage_begin (&jpeg->damage);
  effnet_jpeg_source_begin (jpeg->source, jpeg->file, jpeg->size);
  jpeg_read_header (&jpeg->d, TRUE);
}

static gboolean
check_header (EffnetJpeg *jpeg, EffnetJpegHeader *header)
{
  struct jpeg_decompress_struct *d = &jpeg->d;
  size_t pixels,
      most = jpeg_has_multiple_scans (d) ? EFFNET_JPEG_SCANNED_MAX : EFFNET_JPEG_PIXELS_MAX;

  if (d->image_width > EFFNET_FRAME_SIDE_MAX || d->image_height > EFFNET_FRAME_SIDE_MAX ||
      !effnet_checked_mul (d->image_width, d->image_height, &pixels) || pixels > most) {
    g_snprintf (jpeg->message, sizeof jpeg->message,
                "it says it has %ux%u pixels, at most %d a side and %" G_GSIZE_FORMAT
                " in all are decoded",
                d->image_width, d->image_height, EFFNET_FRAME_SIDE_MAX, most);
    return FALSE;
  }
  if (d->num_components != 1 && d->num_components != 3 && d->num_components != 4) {
    g_snprintf (jpeg->message, sizeof jpeg->message,
                "it has %d components, 1 (grey), 3 (YCbCr, RGB) or 4 (CMYK, YCCK) are supported",
                d->num_components);
    return FALSE;
  }
  header->width = d->image_width;
  header->height = d->image_height;
  header->packed_only = d->num_components == 4;
  header->model = d->num_components == 1                                     ? EFFNET_MODEL_GRAY
                  : d->jpeg_color_space == JCS_RGB || d->num_components == 4 ? EFFNET_MODEL_RGB
                                                                             : EFFNET_MODEL_YUV;
  jpeg->damage.rows = MIN (d->total_iMCU_rows, EFFNET_DAMAGE_ROWS);
  jpeg->damage.interval = (double)d->restart_interval /
                          ceil ((double)d->image_width / (d->max_h_samp_factor * DCTSIZE));
  return TRUE;
}

gboolean
effnet_jpeg_header (EffnetJpeg *jpeg, const void *data, size_t size, EffnetJpegHeader *header,
                    GError **error)
{
  if (data == NULL || size == 0)
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "JPEG frame of %" G_GSIZE_FORMAT " bytes%s: there is nothing to decode",
                        size, data == NULL ? " at NULL" : "");
  jpeg->file = data;
  jpeg->size = size;
  if (setjmp (jpeg->jump) != 0)
    return fail (jpeg, error);
  if (!jpeg->created)
    create (jpeg);
  jpeg_abort_decompress (&jpeg->d);
  effnet_jpeg_tables_clear (&jpeg->d);
  read_header (jpeg);
  if (effnet_jpeg_tables_lack (&jpeg->d)) { /* a new decoder knows, or takes the standard's */
    create (jpeg);
    read_header (jpeg);
  }
  if (!check_header (jpeg, header))
    return fail (jpeg, error);
  header->orientation = effnet_exif_orientation (data, size);
  return TRUE;
}

/* ---- the decoder ----------------------------------------------------------------------------- */

static gboolean
describe_planes (EffnetJpeg *jpeg, EffnetJpegPlane planes[3])
{
  struct jpeg_decompress_struct *d = &jpeg->d;
  unsigned most_w = (unsigned)d->max_h_samp_factor * MIN_DCT_WIDTH (d);
  unsigned most_h = (unsigned)d->max_v_samp_factor * MIN_DCT_HEIGHT (d);

  for (int c = 0; c < d->num_components; c++) {
    const jpeg_component_info *k = &d->comp_info[c];
    unsigned w = (unsigned)k->h_samp_factor * DCT_WIDTH (k);
    unsigned h = (unsigned)k->v_samp_factor * DCT_HEIGHT (k);
    if (most_w % w != 0 || most_h % h != 0) {
      g_snprintf (jpeg->message, sizeof jpeg->message,
                  "component %d is sampled %dx%d of %dx%d, only whole ratios are supported", c,
                  k->h_samp_factor, k->v_samp_factor, d->max_h_samp_factor, d->max_v_samp_factor);
      return FALSE;
    }
    planes[c].width = k->downsampled_width;
    planes[c].height = k->downsampled_height;
    planes[c].sub_x = most_w / w;
    planes[c].sub_y = most_h / h;
  }
  return TRUE;
}

/* Of a file of several scans: it ended where it should, or there was nothing left to come. */
static gboolean
scans_are_complete (const EffnetJpeg *jpeg)
{
  const struct jpeg_decompress_struct *d = &jpeg->d;

  if (!effnet_jpeg_source_ran_out (jpeg->source))
    return TRUE;
  if (jpeg->seen != (1u << d->num_components) - 1)
    return FALSE;
  for (int c = 0; d->progressive_mode && c < d->num_components; c++)
    for (unsigned k = 0; k < DCTSIZE2; k++)
      if (d->coef_bits[c][k] != 0)
        return FALSE;
  return TRUE;
}

gboolean
effnet_jpeg_start (EffnetJpeg *jpeg, unsigned n, gboolean rgb, EffnetJpegPlane planes[3],
                   GError **error)
{
  struct jpeg_decompress_struct *d = &jpeg->d;

  if (setjmp (jpeg->jump) != 0)
    return fail (jpeg, error);
  d->scale_num = n;
  d->scale_denom = 8;
  d->raw_data_out = !rgb;
  d->out_color_space = !rgb ? d->jpeg_color_space : d->num_components == 4 ? JCS_CMYK : JCS_RGB;
  d->dct_method = JDCT_ISLOW;
  d->do_block_smoothing = d->progressive_mode; /* of coefficients that no scan brought */
  jpeg_start_decompress (d);
  if (jpeg_has_multiple_scans (d) && !scans_are_complete (jpeg)) {
    g_strlcpy (jpeg->message, "it ends before its last scan", sizeof jpeg->message);
    return fail (jpeg, error);
  }
  if (rgb)
    planes[0] = (EffnetJpegPlane){d->output_width, d->output_height, 1, 1, 0, NULL, 0};
  else if (!describe_planes (jpeg, planes))
    return fail (jpeg, error);
  return TRUE;
}

static gboolean
reserve (EffnetJpeg *jpeg, size_t bytes, GError **error)
{
  if (bytes <= jpeg->planes_bytes)
    return TRUE;
  g_free (jpeg->planes);
  jpeg->planes_bytes = 0;
  jpeg->planes = g_try_malloc (bytes);
  if (jpeg->planes == NULL) {
    g_snprintf (jpeg->message, sizeof jpeg->message,
                "no memory for its pixels of %" G_GSIZE_FORMAT " bytes", bytes);
    return fail (jpeg, error);
  }
  jpeg->planes_bytes = bytes;
  return TRUE;
}

/* Room for @mcu_rows of every component; libjpeg writes whole blocks. */
static gboolean
reserve_planes (EffnetJpeg *jpeg, size_t mcu_rows, EffnetJpegPlane planes[3], GError **error)
{
  struct jpeg_decompress_struct *d = &jpeg->d;
  size_t at[3] = {0}, total = 0;

  for (int c = 0; c < d->num_components; c++) {
    const jpeg_component_info *k = &d->comp_info[c];
    unsigned lines = (unsigned)k->v_samp_factor * DCT_HEIGHT (k);
    size_t blocks = effnet_align_up (k->width_in_blocks, 4) + 4;
    planes[c].stride = effnet_align_up (blocks * DCT_WIDTH (k), 64);
    at[c] = total;
    total += planes[c].stride * lines * mcu_rows;
    if (lines > jpeg->lines_room[c]) {
      jpeg->lines[c] = g_renew (JSAMPROW, jpeg->lines[c], lines);
      jpeg->lines_room[c] = lines;
    }
  }
  if (!reserve (jpeg, total, error))
    return FALSE;
  for (int c = 0; c < d->num_components; c++)
    planes[c].data = jpeg->planes + at[c];
  return TRUE;
}

/* Ends the frame, of which rows [from, to) of MCUs were needed. */
static gboolean
finish (EffnetJpeg *jpeg, unsigned from, unsigned to, GError **error)
{
  EffnetDamage *damage = &jpeg->damage;
  double share = effnet_damage_share (damage, from, to);

  if (share > EFFNET_DAMAGE_MAX) {
    g_snprintf (jpeg->message, sizeof jpeg->message,
                "%.0f %% of the part that is needed is lost or in doubt, at most %.0f %% may be; "
                "%s (near row %u of %u)",
                100 * share, 100 * EFFNET_DAMAGE_MAX, damage->first, damage->at, damage->rows);
    return fail (jpeg, error);
  }
  jpeg->share = share;
  jpeg_abort_decompress (&jpeg->d);
  return TRUE;
}

/* One MCU row into the planes at row @row of those kept, or nowhere when it does not count. */
static void
read_mcu_row (EffnetJpeg *jpeg, const EffnetJpegPlane planes[3], unsigned row, gboolean counts)
{
  struct jpeg_decompress_struct *d = &jpeg->d;
  JSAMPARRAY arrays[3];

  for (int c = 0; c < d->num_components; c++) {
    jpeg_component_info *k = &d->comp_info[c];
    unsigned lines = (unsigned)k->v_samp_factor * DCT_HEIGHT (k);
    uint8_t *at = planes[c].data + (size_t)row * lines * planes[c].stride;
    for (unsigned y = 0; y < lines; y++)
      jpeg->lines[c][y] = at + y * planes[c].stride;
    k->component_needed = counts;
    arrays[c] = jpeg->lines[c];
  }
  jpeg_read_raw_data (d, arrays, (JDIMENSION)d->max_v_samp_factor * MIN_DCT_HEIGHT (d));
}

/* The next line of packed RGB into line @y of those kept. */
static void
read_line (EffnetJpeg *jpeg, const EffnetJpegPlane *plane, unsigned y)
{
  uint8_t *rgb = plane->data + y * plane->stride;
  JSAMPROW line = jpeg->cmyk != NULL ? jpeg->cmyk : rgb;

  jpeg_read_scanlines (&jpeg->d, &line, 1);
  if (jpeg->cmyk != NULL)
    effnet_color_cmyk_to_rgb (jpeg->cmyk, plane->width, rgb);
}

/* Where little is left below the rows that are needed, the scan is parsed to its end: that data is
 * left over there is often all that shows damage. No error of it counts. @spare: a line of packed
 * RGB that may be written. */
static void
read_on (EffnetJpeg *jpeg, const EffnetJpegPlane planes[3], unsigned to, unsigned spare)
{
  struct jpeg_decompress_struct *d = &jpeg->d;
  unsigned rows = d->total_iMCU_rows;

  if (jpeg_has_multiple_scans (d) || rows - MIN (to, rows) > rows / 4)
    return;
  jpeg->beyond = TRUE;
  if (setjmp (jpeg->jump) != 0)
    return;
  while (d->output_scanline < d->output_height) {
    if (d->raw_data_out)
      read_mcu_row (jpeg, planes, 0, FALSE);
    else
      read_line (jpeg, planes, spare);
  }
  jpeg_finish_decompress (d);
}

static gboolean
read_mcu_rows (EffnetJpeg *jpeg, const EffnetJpegPlane planes[3], unsigned from, unsigned to,
               GError **error)
{
  if (setjmp (jpeg->jump) != 0)
    return fail (jpeg, error);
  for (unsigned row = 0; row < to; row++)
    read_mcu_row (jpeg, planes, row > from ? row - from : 0, row >= from);
  read_on (jpeg, planes, to, 0);
  return finish (jpeg, from, to, error);
}

/* Lines [0, to) of packed RGB, those before @plane->first overwriting one line; behind those kept
 * there is room for another. */
static gboolean
read_lines (EffnetJpeg *jpeg, const EffnetJpegPlane *plane, unsigned to, GError **error)
{
  struct jpeg_decompress_struct *d = &jpeg->d;
  unsigned lines = (unsigned)d->max_v_samp_factor * MIN_DCT_HEIGHT (d); /* of a row of MCUs */

  if (setjmp (jpeg->jump) != 0)
    return fail (jpeg, error);
  while (d->output_scanline < to)
    read_line (jpeg, plane, d->output_scanline - MIN (d->output_scanline, plane->first));
  unsigned last = (unsigned)effnet_div_up (to, lines);
  read_on (jpeg, plane, last, to - plane->first);
  return finish (jpeg, plane->first / lines, last, error);
}

static gboolean
decode_rgb (EffnetJpeg *jpeg, unsigned lo, unsigned hi, EffnetJpegPlane *plane, GError **error)
{
  size_t line = (size_t)plane->width * 3;
  size_t raw = jpeg->d.num_components == 4 ? (size_t)plane->width * 4 : 0;

  plane->first = lo;
  plane->stride = line;
  if (!reserve (jpeg, line * (hi - lo + 1) + raw, error))
    return FALSE;
  plane->data = jpeg->planes;
  jpeg->cmyk = raw != 0 ? jpeg->planes + line * (hi - lo + 1) : NULL;
  return read_lines (jpeg, plane, hi, error);
}

gboolean
effnet_jpeg_decode (EffnetJpeg *jpeg, const unsigned lo[3], const unsigned hi[3],
                    EffnetJpegPlane planes[3], GError **error)
{
  unsigned from = UINT_MAX, to = 0, lines[3] = {0};
  unsigned n = (unsigned)jpeg->d.num_components;

  if (!jpeg->d.raw_data_out)
    return decode_rgb (jpeg, lo[0], hi[0], &planes[0], error);
  for (unsigned c = 0; c < n; c++) {
    const jpeg_component_info *k = &jpeg->d.comp_info[c];
    lines[c] = (unsigned)k->v_samp_factor * DCT_HEIGHT (k);
    from = MIN (from, lo[c] / lines[c]);
    to = MAX (to, (unsigned)effnet_div_up (hi[c], lines[c]));
  }
  for (unsigned c = 0; c < n; c++)
    planes[c].first = from * lines[c];
  return reserve_planes (jpeg, to - from, planes, error) &&
         read_mcu_rows (jpeg, planes, from, to, error);
}

void
effnet_jpeg_damage (const EffnetJpeg *jpeg, unsigned *warnings, double *share)
{
  *warnings = jpeg->damage.warnings;
  *share = jpeg->share;
}
