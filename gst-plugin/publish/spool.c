/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file, SQLite in write-ahead mode: `spool` has the records, `about` who wrote them. A record
 * that the disk refuses waits in `tail`, in memory, and is tried again before the next one: the
 * numbers in the file are always below those in the tail. The highest of those stands in a second
 * file, PATH-number, which a full disk takes as well, since it is as long as ever. */
#define _GNU_SOURCE /* O_CLOEXEC, pread */
#include "publish/spool.h"

#include <effnet/effnet.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define APPLICATION_ID 0x45464e50 /* "EFNP" */
#define FORMAT         1
#define TAIL_MAX       1000 /* records in memory while the disk refuses */
#define DIGITS         20   /* of the number in the second file */

typedef enum { ADD, NEXT, REMOVE, N_STATEMENTS } Statement;

static const char *const texts[N_STATEMENTS] = {
    [ADD] = "INSERT INTO spool VALUES (?, ?, ?)",
    [NEXT] = "SELECT number, topic, body FROM spool WHERE number > ? ORDER BY number LIMIT 1",
    [REMOVE] = "DELETE FROM spool WHERE number <= ?",
};

struct _GstEffnetSpool {
  char *shown; /* the path, for messages */
  sqlite3 *db;
  sqlite3_stmt *statements[N_STATEMENTS];
  char id[17];
  gint64 last, removed; /* numbers: the highest ever given; all up to it have arrived */
  guint64 max_rows, max_bytes, rows, bytes;
  GQueue tail; /* of GstEffnetSpooled * */
  GstEffnetSpoolLoss loss;
  gboolean in_transaction, refused; /* the disk, when it was last tried */
  gboolean in_memory;               /* there is no file */
  int number_file;                  /* -1: none */
  char *complaint;
};

static gsize
size_of (const char *topic, const char *body)
{
  return strlen (topic) + strlen (body);
}

void
gst_effnet_spooled_clear (GstEffnetSpooled *spooled)
{
  g_clear_pointer (&spooled->topic, g_free);
  g_clear_pointer (&spooled->body, g_free);
}

static void
spooled_free (gpointer spooled)
{
  gst_effnet_spooled_clear (spooled);
  g_free (spooled);
}

/* ---- opening --------------------------------------------------------------------------------- */

static gboolean
execute (GstEffnetSpool *spool, const char *sql)
{
  return sqlite3_exec (spool->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* Returns: the number that @sql asks for; -1 where there is none */
static gint64
ask (GstEffnetSpool *spool, const char *sql)
{
  sqlite3_stmt *statement = NULL;
  gint64 answer = -1;

  if (sqlite3_prepare_v2 (spool->db, sql, -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step (statement) == SQLITE_ROW)
    answer = sqlite3_column_int64 (statement, 0);
  sqlite3_finalize (statement);
  return answer;
}

static gboolean
read_id (GstEffnetSpool *spool)
{
  sqlite3_stmt *statement = NULL;
  const char *id = NULL;

  if (sqlite3_prepare_v2 (spool->db, "SELECT id FROM about", -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step (statement) == SQLITE_ROW)
    id = (const char *)sqlite3_column_text (statement, 0);
  if (id != NULL && strlen (id) == 16 && strspn (id, "0123456789abcdef") == 16)
    memcpy (spool->id, id, sizeof spool->id);
  sqlite3_finalize (statement);
  return *spool->id != '\0';
}

static gboolean
create_tables (GstEffnetSpool *spool)
{
  g_autofree char *sql = g_strdup_printf (
      "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d;"
      "CREATE TABLE about (id TEXT NOT NULL);"
      "INSERT INTO about VALUES ('%08x%08x');"
      "CREATE TABLE spool (number INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL,"
      " body TEXT NOT NULL); COMMIT;",
      APPLICATION_ID, FORMAT, g_random_int (), g_random_int ());

  return execute (spool, sql);
}

/* What is there, or empty tables. FALSE: SQLite complains. @ours: (out): it is a spool */
static gboolean
read_tables (GstEffnetSpool *spool, gboolean *ours)
{
  gint64 tables = ask (spool, "SELECT count(*) FROM sqlite_master");

  *ours = TRUE;
  if (tables < 0 || (tables == 0 && !create_tables (spool)))
    return FALSE;
  *ours = ask (spool, "PRAGMA application_id") == APPLICATION_ID &&
          ask (spool, "PRAGMA user_version") == FORMAT && read_id (spool);
  if (!*ours)
    return FALSE;
  spool->last = MAX (ask (spool, "SELECT seq FROM sqlite_sequence WHERE name = 'spool'"), 0);
  spool->rows = (guint64)MAX (ask (spool, "SELECT count(*) FROM spool"), 0);
  spool->bytes = (guint64)MAX (
      ask (spool, "SELECT sum(length(CAST(topic AS BLOB)) + length(CAST(body AS BLOB))) "
                  "FROM spool"),
      0);
  for (guint i = 0; i < N_STATEMENTS; i++) {
    if (sqlite3_prepare_v3 (spool->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                            &spool->statements[i], NULL) != SQLITE_OK)
      return FALSE;
  }
  return TRUE;
}

/* Others shall not read what a camera saw. FALSE with errno. */
static gboolean
create_file (const char *path)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  return fd >= 0 && close (fd) == 0;
}

static void
set_open_error (GstEffnetSpool *spool, gboolean ours, GError **error)
{
  int code = spool->db != NULL ? sqlite3_errcode (spool->db) : SQLITE_NOMEM;

  if (!ours || code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "%s is no spool of effnetpublish, or is damaged; name another file, or move this "
                 "one away",
                 spool->shown);
  else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "The spool %s is in use by another effnetpublish; give each a file of its own",
                 spool->shown);
  else
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "The spool %s cannot be opened: %s",
                 spool->shown, sqlite3_errmsg (spool->db));
}

/* A whole process's spool: one connection with the lock, which needs no shared memory. */
static gboolean
open_database (GstEffnetSpool *spool, const char *path, GError **error)
{
  gboolean ours = TRUE;

  spool->in_memory = path == NULL;
  if (sqlite3_open_v2 (path != NULL ? path : ":memory:", &spool->db,
                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                       NULL) == SQLITE_OK &&
      execute (spool, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                      "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304;"
                      "PRAGMA trusted_schema = OFF; BEGIN IMMEDIATE; COMMIT") &&
      read_tables (spool, &ours))
    return TRUE;
  set_open_error (spool, ours, error);
  return FALSE;
}

static gint64
read_number (const GstEffnetSpool *spool)
{
  char text[DIGITS + 1] = "";

  return pread (spool->number_file, text, DIGITS, 0) == DIGITS ? g_ascii_strtoll (text, NULL, 10)
                                                               : 0;
}

static gboolean
write_number (const GstEffnetSpool *spool, gint64 number)
{
  char text[DIGITS + 1];

  g_snprintf (text, sizeof text, "%0*" G_GINT64_FORMAT, DIGITS, number);
  return pwrite (spool->number_file, text, DIGITS, 0) == DIGITS;
}

/* FALSE with errno. */
static gboolean
open_number (GstEffnetSpool *spool, const char *path)
{
  g_autofree char *name = g_strconcat (path, "-number", NULL);

  spool->number_file = open (name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (spool->number_file < 0)
    return FALSE;
  spool->last = MAX (spool->last, read_number (spool));
  return write_number (spool, spool->last);
}

static void
set_file_error (GstEffnetSpool *spool, GError **error)
{
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "The spool %s cannot be opened: %s",
               spool->shown, g_strerror (errno));
}

GstEffnetSpool *
gst_effnet_spool_open (const char *path, guint64 max_rows, guint64 max_bytes, GError **error)
{
  GstEffnetSpool *spool = g_new0 (GstEffnetSpool, 1);

  spool->shown = path != NULL ? gst_effnet_printable (path) : g_strdup ("in memory");
  spool->max_rows = max_rows;
  spool->max_bytes = max_bytes;
  spool->number_file = -1;
  g_queue_init (&spool->tail);
  if (path != NULL && !create_file (path)) {
    set_file_error (spool, error);
    g_clear_pointer (&spool, gst_effnet_spool_free);
  } else if (!open_database (spool, path, error)) {
    g_clear_pointer (&spool, gst_effnet_spool_free);
  } else if (path != NULL && !open_number (spool, path)) {
    set_file_error (spool, error);
    g_clear_pointer (&spool, gst_effnet_spool_free);
  }
  return spool;
}

static void
close_database (GstEffnetSpool *spool)
{
  for (guint i = 0; i < N_STATEMENTS; i++)
    sqlite3_finalize (g_steal_pointer (&spool->statements[i]));
  sqlite3_close (g_steal_pointer (&spool->db));
}

void
gst_effnet_spool_free (GstEffnetSpool *spool)
{
  close_database (spool);
  if (spool->number_file >= 0)
    close (spool->number_file);
  g_queue_clear_full (&spool->tail, spooled_free);
  g_free (spool->complaint);
  g_free (spool->shown);
  g_free (spool);
}

/* ---- the disk -------------------------------------------------------------------------------- */

/* Keeps what SQLite says for the first refusal in a row. */
static void
note_refusal (GstEffnetSpool *spool)
{
  if (spool->refused)
    return;
  spool->refused = TRUE;
  g_free (spool->complaint);
  spool->complaint =
      g_strdup_printf ("The spool %s cannot be written: %s; up to %d records wait in memory",
                       spool->shown, sqlite3_errmsg (spool->db), TAIL_MAX);
}

static gboolean
step (GstEffnetSpool *spool, Statement which)
{
  sqlite3_stmt *statement = spool->statements[which];
  gboolean ok = sqlite3_step (statement) == SQLITE_DONE;

  if (!ok)
    note_refusal (spool);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return ok;
}

static gboolean
write_row (GstEffnetSpool *spool, const GstEffnetSpooled *spooled)
{
  sqlite3_stmt *add = spool->statements[ADD];

  sqlite3_bind_int64 (add, 1, spooled->number);
  sqlite3_bind_text (add, 2, spooled->topic, -1, SQLITE_STATIC);
  sqlite3_bind_text (add, 3, spooled->body, -1, SQLITE_STATIC);
  return step (spool, ADD);
}

/* The tail goes to the file as far as that takes it: all in one transaction, or nothing. */
static void
flush_tail (GstEffnetSpool *spool)
{
  gboolean ok = execute (spool, "BEGIN IMMEDIATE");

  for (GList *l = spool->tail.head; ok && l != NULL; l = l->next)
    ok = write_row (spool, l->data);
  ok = ok && execute (spool, "COMMIT");
  if (ok) {
    g_queue_clear_full (&spool->tail, spooled_free);
    spool->refused = FALSE;
    if (spool->in_memory && spool->number_file >= 0)
      write_number (spool, spool->last);
    return;
  }
  note_refusal (spool);
  if (!sqlite3_get_autocommit (spool->db))
    execute (spool, "ROLLBACK");
  if (spool->number_file >= 0)
    write_number (spool, spool->last);
}

/* The file cannot be read any more: what it held is lost, and memory takes its place. */
static void
give_up (GstEffnetSpool *spool)
{
  char id[sizeof spool->id];
  gint64 last = spool->last;

  note_refusal (spool);
  memcpy (id, spool->id, sizeof id);
  spool->loss.disk += spool->rows - spool->tail.length;
  close_database (spool);
  spool->rows = spool->bytes = 0;
  if (!open_database (spool, NULL, NULL))
    g_error ("no memory for a spool");
  memcpy (spool->id, id, sizeof id);
  spool->last = last;
  spool->rows = spool->tail.length;
  for (GList *l = spool->tail.head; l != NULL; l = l->next)
    spool->bytes +=
        size_of (((GstEffnetSpooled *)l->data)->topic, ((GstEffnetSpooled *)l->data)->body);
}

/* ---- records --------------------------------------------------------------------------------- */

void
gst_effnet_spool_begin (GstEffnetSpool *spool)
{
  spool->in_transaction = TRUE;
}

void
gst_effnet_spool_commit (GstEffnetSpool *spool)
{
  spool->in_transaction = FALSE;
  if (spool->tail.length > 0)
    flush_tail (spool);
  while (spool->tail.length > TAIL_MAX) {
    GstEffnetSpooled *oldest = g_queue_pop_head (&spool->tail);

    spool->loss.disk++;
    spool->rows--;
    spool->bytes -= size_of (oldest->topic, oldest->body);
    spooled_free (oldest);
  }
}

/* FALSE: there is none. */
static gboolean
drop_oldest (GstEffnetSpool *spool)
{
  GstEffnetSpooled oldest;

  if (!gst_effnet_spool_next (spool, spool->removed, &oldest))
    return FALSE;
  gst_effnet_spool_remove (spool, oldest.number);
  gst_effnet_spooled_clear (&oldest);
  spool->loss.full++;
  return TRUE;
}

void
gst_effnet_spool_add (GstEffnetSpool *spool, const char *topic, const char *body)
{
  GstEffnetSpooled *spooled = g_new0 (GstEffnetSpooled, 1);
  gsize size = size_of (topic, body);

  spooled->number = ++spool->last;
  spooled->topic = g_strdup (topic);
  spooled->body = g_strdup (body);
  while (spool->rows > 0 &&
         (spool->rows >= spool->max_rows || spool->bytes + size > spool->max_bytes)) {
    if (!drop_oldest (spool))
      break;
  }
  g_queue_push_tail (&spool->tail, spooled);
  spool->rows++;
  spool->bytes += size;
  if (!spool->in_transaction)
    gst_effnet_spool_commit (spool);
}

static gboolean
next_in_tail (GstEffnetSpool *spool, gint64 after, GstEffnetSpooled *spooled)
{
  for (GList *l = spool->tail.head; l != NULL; l = l->next) {
    const GstEffnetSpooled *waiting = l->data;

    if (waiting->number > after) {
      *spooled =
          (GstEffnetSpooled){waiting->number, g_strdup (waiting->topic), g_strdup (waiting->body)};
      return TRUE;
    }
  }
  return FALSE;
}

gboolean
gst_effnet_spool_next (GstEffnetSpool *spool, gint64 after, GstEffnetSpooled *spooled)
{
  sqlite3_stmt *next = spool->statements[NEXT];
  int code;

  sqlite3_bind_int64 (next, 1, MAX (after, spool->removed));
  code = sqlite3_step (next);
  if (code == SQLITE_ROW)
    *spooled = (GstEffnetSpooled){sqlite3_column_int64 (next, 0),
                                  g_strdup ((const char *)sqlite3_column_text (next, 1)),
                                  g_strdup ((const char *)sqlite3_column_text (next, 2))};
  sqlite3_reset (next);
  if (code == SQLITE_ROW && spooled->topic != NULL && spooled->body != NULL)
    return TRUE;
  if (code != SQLITE_DONE) {
    if (code == SQLITE_ROW)
      gst_effnet_spooled_clear (spooled);
    give_up (spool);
  }
  return next_in_tail (spool, MAX (after, spool->removed), spooled);
}

/* Takes the sizes of all up to @number off. */
static void
uncount (GstEffnetSpool *spool, gint64 number)
{
  GstEffnetSpooled spooled;

  while (gst_effnet_spool_next (spool, spool->removed, &spooled)) {
    gboolean gone = spooled.number <= number;

    if (gone) {
      spool->removed = spooled.number;
      spool->rows--;
      spool->bytes -= size_of (spooled.topic, spooled.body);
    }
    gst_effnet_spooled_clear (&spooled);
    if (!gone)
      break;
  }
  spool->removed = MAX (spool->removed, number);
}

void
gst_effnet_spool_remove (GstEffnetSpool *spool, gint64 number)
{
  if (number <= spool->removed)
    return;
  uncount (spool, number);
  while (spool->tail.length > 0 &&
         ((GstEffnetSpooled *)g_queue_peek_head (&spool->tail))->number <= number)
    spooled_free (g_queue_pop_head (&spool->tail));
  sqlite3_bind_int64 (spool->statements[REMOVE], 1, number);
  if (step (spool, REMOVE)) /* else the next one takes these along */
    spool->refused = FALSE;
}

const char *
gst_effnet_spool_get_id (const GstEffnetSpool *spool)
{
  return spool->id;
}

gint64
gst_effnet_spool_get_last (const GstEffnetSpool *spool)
{
  return spool->last;
}

guint64
gst_effnet_spool_get_rows (const GstEffnetSpool *spool)
{
  return spool->rows;
}

guint64
gst_effnet_spool_get_bytes (const GstEffnetSpool *spool)
{
  return spool->bytes;
}

guint64
gst_effnet_spool_get_volatile (const GstEffnetSpool *spool)
{
  return spool->in_memory ? spool->rows : spool->tail.length;
}

GstEffnetSpoolLoss
gst_effnet_spool_get_loss (const GstEffnetSpool *spool)
{
  return spool->loss;
}

char *
gst_effnet_spool_take_complaint (GstEffnetSpool *spool)
{
  return g_steal_pointer (&spool->complaint);
}
