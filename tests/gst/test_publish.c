/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The rooms of effnetpublish by themselves: addresses, topics, what is news, and the spool, whose
 * file is looked at with SQLite where that is the judge. Brokers are test_publish.py's. */
#include <effnet/effnet.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "common.h"
#include "handmade.h"
#include "publish/address.h"
#include "publish/discovery.h"
#include "publish/news.h"
#include "publish/spool.h"
#include "publish/thumbnails.h"
#include "publish/topic.h"

/* ---- addresses ------------------------------------------------------------------------------- */

static void
test_addresses (void)
{
  static const struct {
    const char *text, *host;
    int port;
    const char *user, *password, *shown;
  } good[] = {
      {"broker", "broker", 1883, NULL, NULL, "mqtt://broker:1883"},
      {"broker:99", "broker", 99, NULL, NULL, "mqtt://broker:99"},
      {"mqtt://10.0.0.1/", "10.0.0.1", 1883, NULL, NULL, "mqtt://10.0.0.1:1883"},
      {"mqtts://me@b", "b", 8883, "me", NULL, "mqtts://b:8883"},
      {"mqtts://me:p%40ss%3a@b:1", "b", 1, "me", "p@ss:", "mqtts://b:1"},
      {"mqtt://[::1]:1884", "::1", 1884, NULL, NULL, "mqtt://[::1]:1884"},
      {"kafka://a:1,b:2", "a:1,b:2", 9092, NULL, NULL, "kafka://a:1,b:2"},
  };
  static const char *const bad[] = {"",
                                    "mqtt://",
                                    "http://b",
                                    "mqtt://b:0",
                                    "mqtt://b:x",
                                    "mqtt://b:99999",
                                    "mqtt://b/x",
                                    "mqtt://b?x",
                                    "mqtt://b#x",
                                    "kafka://",
                                    "kafka://a/b",
                                    "mqtt://[::1",
                                    "mqtt://secret:hush@/",
                                    "mqtt://u:hush@b@c",
                                    "mqtt://b%20c"};

  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (GError) error = NULL;
    GstEffnetAddress address;

    g_assert_true (gst_effnet_address_parse (&address, good[i].text, &error));
    g_assert_no_error (error);
    g_autofree char *shown = gst_effnet_address_show (&address);
    g_assert_cmpstr (address.host, ==, good[i].host);
    g_assert_cmpint (address.port, ==, good[i].port);
    g_assert_cmpstr (address.user, ==, good[i].user);
    g_assert_cmpstr (address.password, ==, good[i].password);
    g_assert_cmpstr (shown, ==, good[i].shown);
    gst_effnet_address_clear (&address);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    GstEffnetAddress address;

    if (gst_effnet_address_parse (&address, bad[i], &error))
      g_test_message ("%s is taken", bad[i]);
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
    g_assert_nonnull (strstr (error->message, "expected mqtt://HOST"));
    g_assert_null (strstr (error->message, "hush"));
  }
}

static void
test_hidden_password (void)
{
  static const char *const texts[][2] = {
      {"mqtt://u:p@h:1", "mqtt://u@h:1"}, {"u:p@h", "u@h"},
      {"mqtt://h:1", "mqtt://h:1"},       {"mqtt://u:a@b@h", "mqtt://u@h"},
      {"mqtt://u@h", "mqtt://u@h"},       {"", ""},
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree char *hidden = gst_effnet_address_hide_password (texts[i][0]);
    g_assert_cmpstr (hidden, ==, texts[i][1]);
  }
}

/* ---- topics ---------------------------------------------------------------------------------- */

static void
test_topics (void)
{
  static const char *const bad[] = {"",          "$SYS/x", "a/+/b",    "a/#", "a/{",
                                    "a/{region", "{foo}",  "{}",       "a}",  "{{region}}",
                                    "a\n",       "a\xff",  "{element}"};
  static const struct {
    const char *pattern, *region, *topic;
  } good[] = {
      {"a/{region}/b", "gate", "a/gate/b"},
      {"{region}", "", "-"},
      {"{region}", NULL, "-"},
      {"{region}{region}", "x", "xx"},
      {"{region}", "a/b+c#d%e f$", "a%2Fb%2Bc%23d%25e%20f%24"},
      {"{region}", "T\xc3\xbcr", "T\xc3\xbcr"},
      {"{region}", "\xe2\x80\xae", "%E2%80%AE"},
      {"{region}", "a\x01\xff", "a%01\xef\xbf\xbd"},
      {"x y", "", "x y"},
  };
  guint allowed = 1u << GST_EFFNET_TOPIC_REGION;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (gst_effnet_topic_check (bad[i], allowed, "topic", &error));
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
    g_assert_nonnull (strstr (error->message, "in which may stand {region}"));
  }
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    const char *names[GST_EFFNET_TOPIC_N_NAMES] = {[GST_EFFNET_TOPIC_REGION] = good[i].region};
    g_autofree char *topic = gst_effnet_topic_expand (good[i].pattern, names);

    g_assert_true (gst_effnet_topic_check (good[i].pattern, allowed, "topic", NULL));
    g_assert_cmpstr (topic, ==, good[i].topic);
  }
}

/* ---- news ------------------------------------------------------------------------------------ */

static GstEffnetRecord
record_of (const char *label)
{
  GstEffnetRecord record = handmade_record (label, 3, 0.5);

  record.fresh = TRUE;
  return record;
}

/* The states that are told, each with + where it is another one and ~ for a heartbeat. */
static char *
told (GstEffnetNews *news, const GstEffnetNewsSettings *settings, const GstEffnetRecord *records,
      guint n, gint64 ticks)
{
  g_autoptr (GstBuffer) buffer = gst_buffer_new ();
  GstEffnetMoment moment = {0, 0, 0, 0};
  GString *text = g_string_new (NULL);

  g_assert_true (gst_effnet_schema_attach (buffer, records, n));
  g_autoptr (GPtrArray) items = gst_effnet_news_read (news, buffer, &moment, settings, 0, ticks);
  for (guint i = 0; items != NULL && i < items->len; i++) {
    const GstEffnetNewsItem *item = g_ptr_array_index (items, i);
    g_string_append_printf (text, "%s%s%s ", item->state, item->changed ? "+" : "",
                            item->is_heartbeat ? "~" : "");
  }
  return g_string_free (text, FALSE);
}

#define assert_told(records, n, ticks, expected)                                                   \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *text_ = told (news, &settings, records, n, ticks);                            \
    g_assert_cmpstr (text_, ==, expected);                                                         \
  }                                                                                                \
  G_STMT_END

static void
test_news (void)
{
  GstEffnetNewsSettings settings = {
      .topic = (char *)"{region}", .publisher = (char *)"p", .heartbeat = 10 * GST_USECOND};
  GstEffnetNews *news = gst_effnet_news_new ();
  GstEffnetRecord record = record_of ("open"), parts[2];

  assert_told (&record, 1, 0, "open+ ");
  assert_told (&record, 1, 5, "");
  assert_told (&record, 1, 10, "open~ ");
  record = record_of ("shut");
  assert_told (&record, 1, 11, "shut+ ");
  record.stable = (GstEffnetEntry){"shut", 3, 0};
  assert_told (&record, 1, 12, "");
  record = record_of ("open"); /* where there is a stable label, it is the one that counts */
  record.stable = (GstEffnetEntry){"shut", 3, 0};
  assert_told (&record, 1, 13, "");
  gst_effnet_record_set_unknown (&record, 0.1);
  record.stable = (GstEffnetEntry){"", -1, 0};
  assert_told (&record, 1, 14, "unknown+ ");
  parts[0] = record_of ("open");
  parts[1] = record_of ("shut");
  gst_effnet_record_set_part (&parts[0], 0, 0, 10, 10);
  gst_effnet_record_set_part (&parts[1], 10, 0, 10, 10);
  parts[0].region = "gate";
  parts[1].region = "door";
  assert_told (parts, 2, 15, "open+ shut+ ");
  parts[1].head = "again";
  parts[0].roi_id = 7;
  assert_told (parts, 2, 16, "open+ shut+ ");
  assert_told (parts, 2, 17, "");
  settings.element = (char *)"window";
  assert_told (parts, 2, 99, "");
  settings.element = NULL;
  settings.records = GST_EFFNET_RECORDS_FRESH;
  assert_told (&record, 1, 100, "unknown ");
  record.fresh = FALSE;
  assert_told (&record, 1, 101, "");
  settings.records = GST_EFFNET_RECORDS_ALL;
  assert_told (&record, 1, 102, "unknown ");
  gst_effnet_news_free (news);
}

/* In metadata of others. */
static void
test_strings_that_are_none (void)
{
  static const char *const names[] = {"element", "region", "head",
                                      "model",   "label",  "stable-label"};
  const GstEffnetNewsSettings settings = {.topic = (char *)"{element}/{region}",
                                          .element = (char *)"door"};
  const GstEffnetMoment moment = {0};
  GstEffnetRecord record = handmade_record ("cat", 3, 0.5);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GstBuffer) buffer = gst_buffer_new ();
    GstEffnetNews *news = gst_effnet_news_new ();
    gpointer state = NULL;

    g_assert_true (gst_effnet_schema_attach (buffer, &record, 1));
    gst_structure_set ((GstStructure *)gst_effnet_schema_iterate (buffer, &state), names[i],
                       G_TYPE_STRING, NULL, NULL);
    g_autoptr (GPtrArray) items = gst_effnet_news_read (news, buffer, &moment, &settings, 0, 0);
    if (i > 0) { /* the first is of no element that is asked for */
      g_assert_nonnull (items);
      g_assert_true (g_str_has_prefix (((GstEffnetNewsItem *)items->pdata[0])->topic, "door/"));
    }
    gst_effnet_news_free (news);
  }
}

/* A detector that numbers its objects for ever: what is remembered is bounded. */
static void
test_many_parts (void)
{
  GstEffnetNewsSettings settings = {.topic = (char *)"{region}", .publisher = (char *)"p"};
  GstEffnetNews *news = gst_effnet_news_new ();
  GstEffnetRecord record = record_of ("car");

  gst_effnet_record_set_part (&record, 0, 0, 10, 10);
  for (int i = 0; i < 2 * GST_EFFNET_NEWS_PARTS_MAX; i++) {
    record.roi_id = i;
    assert_told (&record, 1, i, "car+ ");
    assert_told (&record, 1, i, "");
  }
  record.roi_id = 0; /* forgotten */
  assert_told (&record, 1, 0, "car+ ");
  gst_effnet_news_free (news);
}

/* ---- Home Assistant, pictures ---------------------------------------------------------------- */

/* The message that announces @topic's sensor. */
static char *
announced (const char *topic, const char *head, gboolean pictures, guint n)
{
  const GstEffnetDiscoverySettings settings = {.prefix = (char *)"ha", .pictures = pictures};
  const GstEffnetNewsItem item = {.topic = (char *)topic,
                                  .element = (char *)"gate\n\"",
                                  .region = (char *)"left",
                                  .head = (char *)head,
                                  .model = (char *)"m",
                                  .is_part = TRUE};
  g_autoptr (GPtrArray) list = gst_effnet_discovery_describe (&settings, &item);

  g_assert_cmpuint (list->len, ==, n);
  for (guint i = 0; i < n; i++) {
    const GstEffnetDiscovery *one = g_ptr_array_index (list, i);
    g_auto (GStrv) levels = g_strsplit (one->topic, "/", -1);
    g_autoptr (JsonNode) node = json_from_string (one->text, NULL);

    g_assert_nonnull (node);
    g_assert_cmpuint (g_strv_length (levels), ==, 4);
    for (const char *c = levels[2]; *c != '\0'; c++)
      g_assert_true (g_ascii_isalnum (*c) || *c == '_');
    g_assert_cmpstr (json_object_get_string_member (json_node_get_object (node), "unique_id"), ==,
                     levels[2]);
    g_assert_false (json_object_has_member (json_node_get_object (node), "availability_topic"));
    g_assert_false (json_object_has_member (json_node_get_object (node), "expire_after"));
  }
  return g_strdup (((GstEffnetDiscovery *)g_ptr_array_index (list, 0))->text);
}

/* Names that look alike without their signs are told apart, and long ones. */
static void
test_discovery (void)
{
  g_autofree char *long_a = g_strnfill (300, 'a'), *long_b = g_strconcat (long_a, "b", NULL);
  const char *const topics[] = {"a/b", "a_b", "a b", "T\xc3\xbcr", long_a, long_b};
  g_autoptr (GHashTable) ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (topics); i++) {
    g_autofree char *once = announced (topics[i], "", FALSE, 1);
    g_autofree char *again = announced (topics[i], "", TRUE, 2);

    g_assert_cmpstr (once, ==, again);
    g_assert_nonnull (strstr (once, "\"name\":\"left\""));
    g_assert_true (g_hash_table_add (ids, g_steal_pointer (&once)));
  }
  g_autofree char *headed = announced ("a/b", "weather", FALSE, 1);
  g_assert_nonnull (strstr (headed, "\"name\":\"left weather\""));
}

/* A frame that is white on the right: the part there is white, upright and as small as asked for.
 */
static void
test_thumbnails (void)
{
  GstEffnetThumbnails *thumbnails = gst_effnet_thumbnails_new (64);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 640 * 480 * 3, NULL);
  GstEffnetNewsItem item = {.topic = (char *)"t", .is_part = TRUE, .box = {320, 0, 320, 480}};
  g_autofree char *topic = NULL;
  GstVideoInfo info;
  GstMapInfo map;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_RGB, 640, 480);
  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (guint y = 0; y < 480; y++)
    for (guint x = 0; x < 640; x++)
      memset (map.data + (y * 640 + x) * 3, x < 320 ? 0 : 255, 3);
  gst_buffer_unmap (buffer, &map);
  g_assert_true (gst_effnet_thumbnails_add (thumbnails, &item)); /* no picture: nothing to do */
  g_assert_null (gst_effnet_thumbnails_take (thumbnails, &topic));
  item.picture = gst_effnet_picture_new (buffer, &info, 1);
  for (guint i = 0; i < 2; i++) /* the newer one replaces the older */
    g_assert_true (gst_effnet_thumbnails_add (thumbnails, &item));
  g_autoptr (GBytes) jpeg = gst_effnet_thumbnails_take (thumbnails, &topic);
  g_assert_cmpstr (topic, ==, "t/picture");
  g_assert_null (gst_effnet_thumbnails_take (thumbnails, &topic));
  g_assert_cmpint (g_bytes_get_size (jpeg), >, 100);
  g_assert_cmpint (g_bytes_get_size (jpeg), <, 2000);
  GstHarness *h = gst_harness_new_parse ("jpegdec ! videoconvert");
  gst_harness_set_sink_caps_str (h, "video/x-raw,format=GRAY8");
  gst_harness_set_src_caps_str (h, "image/jpeg");
  g_autoptr (GstBuffer) decoded =
      gst_harness_push_and_pull (h, gst_buffer_new_wrapped_bytes (jpeg));
  g_assert_nonnull (decoded);
  g_assert_cmpuint (gst_buffer_get_size (decoded), ==, GST_ROUND_UP_4 (42) * 64);
  g_assert_true (gst_buffer_map (decoded, &map, GST_MAP_READ));
  for (guint i = 0; i < 64; i++)
    g_assert_cmpuint (map.data[i * GST_ROUND_UP_4 (42) + 20], >, 250);
  gst_buffer_unmap (decoded, &map);
  gst_harness_teardown (h);
  item.box[2] = 0;
  g_assert_false (gst_effnet_thumbnails_add (thumbnails, &item));
  gst_effnet_picture_unref (item.picture);
  gst_buffer_unref (buffer);
  gst_effnet_thumbnails_free (thumbnails);
}

/* ---- the spool ------------------------------------------------------------------------------- */

static char *
spool_path (void)
{
  g_autofree char *folder = g_dir_make_tmp ("effnet-spool-XXXXXX", NULL);
  return g_build_filename (folder, "spool", NULL);
}

static void
remove_spool (char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *file = g_build_filename (folder, name, NULL);
    g_assert_cmpint (g_unlink (file), ==, 0);
  }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_free (path);
}

static GstEffnetSpool *
spool_open (const char *path, guint64 rows, guint64 bytes)
{
  g_autoptr (GError) error = NULL;
  GstEffnetSpool *spool = gst_effnet_spool_open (path, rows, bytes, &error);

  g_assert_no_error (error);
  return spool;
}

static void
add_numbers (GstEffnetSpool *spool, int first, int n)
{
  gst_effnet_spool_begin (spool);
  for (int i = first; i < first + n; i++) {
    g_autofree char *body = g_strdup_printf ("{\"n\":%d}", i);
    gst_effnet_spool_add (spool, "t", body);
  }
  gst_effnet_spool_commit (spool);
}

/* What waits: the first number, and how many follow it without a gap, each with its body. */
static void
assert_waiting (GstEffnetSpool *spool, gint64 first, guint n)
{
  GstEffnetSpooled row;
  gint64 at = 0;

  g_assert_cmpuint (gst_effnet_spool_get_rows (spool), ==, n);
  for (guint i = 0; i < n; i++) {
    g_autofree char *body = g_strdup_printf ("{\"n\":%" G_GINT64_FORMAT "}", first + i);
    g_assert_true (gst_effnet_spool_next (spool, at, &row));
    g_assert_cmpint (row.number, ==, first + i);
    g_assert_cmpstr (row.topic, ==, "t");
    g_assert_cmpstr (row.body, ==, body);
    at = row.number;
    gst_effnet_spooled_clear (&row);
  }
  g_assert_false (gst_effnet_spool_next (spool, at, &row));
  g_assert_cmpuint (gst_effnet_spool_get_bytes (spool) > 0, ==, n > 0);
}

static void
test_spool (gconstpointer in_memory)
{
  char *path = spool_path ();
  const char *name = in_memory != NULL ? NULL : path;
  GstEffnetSpool *spool = spool_open (name, 1000, 1 << 20);
  g_autofree char *id = g_strdup (gst_effnet_spool_get_id (spool));

  assert_waiting (spool, 1, 0);
  add_numbers (spool, 1, 10);
  assert_waiting (spool, 1, 10);
  gst_effnet_spool_remove (spool, 4);
  gst_effnet_spool_remove (spool, 2);
  assert_waiting (spool, 5, 6);
  g_assert_cmpuint (gst_effnet_spool_get_volatile (spool), ==, in_memory != NULL ? 6 : 0);
  if (in_memory == NULL) {
    gst_effnet_spool_free (spool);
    spool = spool_open (name, 1000, 1 << 20);
    assert_waiting (spool, 5, 6);
    gst_effnet_spool_remove (spool, 10);
    gst_effnet_spool_free (spool);
    spool = spool_open (name, 1000, 1 << 20); /* an empty one still knows its numbers */
    g_assert_cmpstr (gst_effnet_spool_get_id (spool), ==, id);
    assert_waiting (spool, 1, 0);
    add_numbers (spool, 11, 2);
    assert_waiting (spool, 11, 2);
  }
  gst_effnet_spool_free (spool);
  remove_spool (path);
}

static void
test_spool_bounds (void)
{
  GstEffnetSpool *spool = spool_open (NULL, 5, 1 << 20);

  add_numbers (spool, 1, 12);
  assert_waiting (spool, 8, 5);
  g_assert_cmpuint (gst_effnet_spool_get_loss (spool).full, ==, 7);
  gst_effnet_spool_free (spool);
  spool = spool_open (NULL, 1000, 1024);
  add_numbers (spool, 1, 1000);
  g_assert_cmpuint (gst_effnet_spool_get_bytes (spool), <=, 1024);
  g_assert_cmpuint (gst_effnet_spool_get_rows (spool), >, 80);
  g_assert_cmpuint (gst_effnet_spool_get_loss (spool).full, ==,
                    1000 - gst_effnet_spool_get_rows (spool));
  gst_effnet_spool_free (spool);
}

static void
assert_refused (const char *path, int code, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (gst_effnet_spool_open (path, 10, 1024, &error));
  g_assert_error (error, EFFNET_ERROR, code);
  if (strstr (error->message, word) == NULL)
    g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_spool_refused (void)
{
  char *path = spool_path ();
  g_autofree char *folder = g_path_get_dirname (path), *none = g_build_filename (path, "x", NULL);
  GstEffnetSpool *spool;
  GStatBuf about;

  assert_refused (none, EFFNET_ERROR_IO, "cannot be opened");
  assert_refused (folder, EFFNET_ERROR_IO, "cannot be opened");
  g_assert_true (g_file_set_contents (path,
                                      "this is no database, and longer than a head of one; "
                                      "so it goes on for a while",
                                      -1, NULL));
  assert_refused (path, EFFNET_ERROR_FORMAT, "is no spool");
  g_unlink (path);
  spool = spool_open (path, 10, 1024);
  g_assert_cmpint (g_stat (path, &about), ==, 0);
  g_assert_cmpint (about.st_mode & 077, ==, 0);
  assert_refused (path, EFFNET_ERROR_IO, "in use by another");
  gst_effnet_spool_free (spool);
  remove_spool (path);
}

/* The file is overwritten while it is in use: what it held is counted, and memory takes over. */
static void
test_spool_damaged (void)
{
  char *path = spool_path ();
  GstEffnetSpool *spool = spool_open (path, 10000, 64 << 20);
  g_autofree char *noise = g_strnfill (200000, 'x'), *body = g_strnfill (2000, ' ');
  g_autofree char *complaint = NULL, *wal = g_strconcat (path, "-wal", NULL);
  GstEffnetSpooled row;
  FILE *file;

  gst_effnet_spool_begin (spool);
  for (guint i = 0; i < 5000; i++) /* more than SQLite's cache holds */
    gst_effnet_spool_add (spool, "t", body);
  gst_effnet_spool_commit (spool);
  for (guint i = 0; i < 2; i++) {
    file = g_fopen (i == 0 ? path : wal, "r+");
    g_assert_nonnull (file);
    g_assert_cmpuint (fwrite (noise, 1, 200000, file), ==, 200000);
    fclose (file);
  }
  for (gint64 at = 0; gst_effnet_spool_next (spool, at, &row);) {
    at = row.number;
    gst_effnet_spooled_clear (&row);
  }
  g_assert_cmpuint (gst_effnet_spool_get_loss (spool).disk, ==, 5000);
  complaint = gst_effnet_spool_take_complaint (spool);
  g_assert_nonnull (strstr (complaint, "cannot be written"));
  add_numbers (spool, 5001, 3);
  assert_waiting (spool, 5001, 3);
  gst_effnet_spool_free (spool);
  remove_spool (path);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  gst_effnet_schema_register ();
  g_test_add_func ("/publish/addresses", test_addresses);
  g_test_add_func ("/publish/hidden-password", test_hidden_password);
  g_test_add_func ("/publish/topics", test_topics);
  g_test_add_func ("/publish/news", test_news);
  g_test_add_func ("/publish/strings-that-are-none", test_strings_that_are_none);
  g_test_add_func ("/publish/many-parts", test_many_parts);
  g_test_add_func ("/publish/discovery", test_discovery);
  g_test_add_func ("/publish/thumbnails", test_thumbnails);
  g_test_add_data_func ("/publish/spool/file", NULL, test_spool);
  g_test_add_data_func ("/publish/spool/memory", "", test_spool);
  g_test_add_func ("/publish/spool/bounds", test_spool_bounds);
  g_test_add_func ("/publish/spool/refused", test_spool_refused);
  g_test_add_func ("/publish/spool/damaged", test_spool_damaged);
  return g_test_run ();
}
