/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The metrics endpoint from outside, through sockets of the test's own: who shares it, what it
 * costs to be rude to it, and that the stream and a stop never wait for it. What the answers hold
 * is test_metrics.py's. */
#include "common.h"

#include "metrics/connections.h"
#include "metrics/exposition.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define GOOD   "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
#define CLOSED 0 /* without an answer */

static int
connect_to (guint port)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons ((guint16)port)};
  struct timeval patience = {.tv_sec = 10};
  int fd = socket (AF_INET, SOCK_STREAM, 0);

  g_assert_cmpint (fd, >=, 0);
  to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect (fd, (struct sockaddr *)&to, sizeof to) == 0)
    return fd;
  close (fd);
  return -1;
}

/* All that comes until the end; free with g_free(). NULL: nobody listens. */
static char *
exchange (guint port, const char *request, gsize length)
{
  int fd = connect_to (port);
  GString *answer;
  char part[4096];
  ssize_t n;

  if (fd < 0)
    return NULL;
  while (length > 0 && (n = send (fd, request, length, MSG_NOSIGNAL)) > 0) {
    request += n;
    length -= (gsize)n;
  }
  answer = g_string_new (NULL);
  while ((n = recv (fd, part, sizeof part, 0)) > 0)
    g_string_append_len (answer, part, n);
  close (fd);
  return g_string_free (answer, FALSE);
}

static guint
status_of (guint port, const char *request, gsize length)
{
  g_autofree char *answer = exchange (port, request, length);

  g_assert_nonnull (answer);
  if (*answer == '\0')
    return CLOSED;
  g_assert_true (g_str_has_prefix (answer, "HTTP/1."));
  return (guint)g_ascii_strtoull (answer + strlen ("HTTP/1.1 "), NULL, 10);
}

static void
assert_answers (guint port)
{
  g_autofree char *answer = exchange (port, GOOD, strlen (GOOD));

  g_assert_nonnull (answer);
  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 200 "));
  g_assert_nonnull (strstr (answer, "effnet_frames_total{"));
}

static guint
port_of (GstHarness *h)
{
  g_autofree char *url = NULL;

  g_object_get (h->element, "metrics-url", &url, NULL);
  if (url == NULL)
    return 0;
  g_assert_true (g_str_has_prefix (url, "http://127.0.0.1:"));
  g_assert_true (g_str_has_suffix (url, "/metrics"));
  return (guint)g_ascii_strtoull (strrchr (url, ':') + 1, NULL, 10);
}

static GstHarness *
served_at (const char *address)
{
  GstHarness *h = harness_new ("metrics-port", 0, "metrics-address", address, NULL);

  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  return h;
}

static GstHarness *
served (void)
{
  return served_at ("127.0.0.1");
}

static void
test_shared (void)
{
  GstHarness *first = served (), *second = served_at ("localhost");
  guint port = port_of (first);
  GstMessage *message;

  g_assert_cmpuint (port, >, 0);
  g_assert_cmpuint (port_of (second), ==, port);
  do {
    message = harness_pop_message (first, GST_MESSAGE_ELEMENT);
    g_assert_nonnull (message);
    if (gst_message_has_name (message, "effnetclassify-metrics"))
      break;
    gst_message_unref (message);
  } while (TRUE);
  g_assert_true (g_str_has_prefix (
      gst_structure_get_string (gst_message_get_structure (message), "url"), "http://127.0.0.1:"));
  gst_message_unref (message);
  assert_answers (port);
  harness_free (first);
  assert_answers (port);
  harness_free (second);
  g_assert_null (exchange (port, GOOD, strlen (GOOD)));
}

static void
on_url (GstElement *element, GParamSpec *spec, guint *n)
{
  (void)element;
  (void)spec;
  (*n)++;
}

/* Each change of the URL is told of. */
static void
test_again (void)
{
  GstHarness *h = served ();
  guint n = 0;

  g_signal_connect (h->element, "notify::metrics-url", G_CALLBACK (on_url), &n);
  gst_element_set_state (h->element, GST_STATE_READY);
  g_assert_cmpuint (port_of (h), ==, 0);
  g_assert_cmpuint (n, ==, 1);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  g_assert_cmpuint (port_of (h), >, 0);
  g_assert_cmpuint (n, ==, 2);
  harness_free (h);
}

/* Somebody else's port, and an address that is none, are a warning. */
static void
test_refused (void)
{
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t length = sizeof at;
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  g_autofree char *number = NULL;
  GstHarness *h;

  at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&at, sizeof at), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  getsockname (fd, (struct sockaddr *)&at, &length);
  number = g_strdup_printf ("%d", ntohs (at.sin_port));
  h = harness_new ("metrics-port", ntohs (at.sin_port), NULL);
  harness_expect (h, GST_MESSAGE_WARNING, number, "127.0.0.1", "ss -ltnp", NULL);
  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  g_assert_cmpuint (port_of (h), ==, 0);
  harness_free (h);
  close (fd);
  h = harness_new ("metrics-port", 0, "metrics-address", "the.gate", NULL);
  harness_expect (h, GST_MESSAGE_WARNING, "the.gate", "no numeric address", NULL);
  harness_free (h);
}

/* ---- rudeness -------------------------------------------------------------------------------- */

static const struct {
  const char *request;
  guint status, other; /* either is right */
} rude[] = {
    {"\r\n\r\n\r\n\r\n", 400, CLOSED},
    {"\x01\xff\xfe\x80 /metrics\r\n\r\n", 400, CLOSED},
    {"GET\r\n\r\n", 400, CLOSED},
    {"GET /metrics\r\n\r\n", 400, CLOSED},
    {"GET /metrics HTTP/9.9\r\nHost: a\r\n\r\n", 400, 505},
    {"GET /metrics HTTP/1.1\r\n\r\n", 400, 400}, /* no host */
    {"GET /metrics HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, 400},
    {"GET metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400, 400},
    {"GET /metrics HTTP/1.1\r\nHost: \xff\r\n\r\n", 400, 200},
    {"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n", 400, 404},
    {"GET /%00%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400, 404},
    {"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 400, 404},
    {"GET /health?max-age=soon HTTP/1.1\r\nHost: a\r\n\r\n", 400, 400},
    {"GET /health?max-age= HTTP/1.1\r\nHost: a\r\n\r\n", 400, 400},
    {"GET /metric HTTP/1.1\r\nHost: a\r\n\r\n", 404, 404},
    {"BREW /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, 405},
    {"TRACE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, 405},
    {"DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, 405},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, 404},
    {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, 400},
    {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405, 405},
    {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\nabc", 413, CLOSED},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, CLOSED},
    {"PUT /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n", 413, CLOSED},
    {"PUT /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: rot13\r\n\r\nff\r\n", 501, CLOSED},
    {"PUT /metrics HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", 405,
     405},
};

static void
test_rude (void)
{
  GstHarness *h = served ();
  guint port = port_of (h);

  for (guint i = 0; i < G_N_ELEMENTS (rude); i++) {
    guint status = status_of (port, rude[i].request, strlen (rude[i].request));

    if (status != rude[i].status && status != rude[i].other)
      g_error ("%s: %u", rude[i].request, status);
    assert_answers (port);
  }
  harness_free (h);
}

/* @pattern again and again, between the others */
static guint
status_of_long (guint port, const char *first, const char *pattern, guint n, const char *last)
{
  GString *request = g_string_new (first);
  guint status;

  while (n-- > 0)
    g_string_append (request, pattern);
  g_string_append (request, last);
  status = status_of (port, request->str, request->len);
  g_string_free (request, TRUE);
  return status;
}

static void
test_long (void)
{
  GstHarness *h = served ();
  guint port = port_of (h), status;
  gsize before = resident_bytes ();

  g_assert_cmpuint (status_of_long (port, "GET /", "a", 300, " HTTP/1.1\r\nHost: a\r\n\r\n"), ==,
                    414);
  g_assert_cmpuint (
      status_of_long (port, "GET /metrics?", "%41", 300, " HTTP/1.1\r\nHost: a\r\n\r\n"), ==, 414);
  status =
      status_of_long (port, "GET /metrics HTTP/1.1\r\nHost: a\r\nX: ", "y", 4000000, "\r\n\r\n");
  g_assert_true (status == 400 || status == CLOSED);
  status =
      status_of_long (port, "GET /metrics HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 500000, "\r\n");
  g_assert_true (status == 400 || status == CLOSED);
  status = status_of_long (port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n",
                           "z", 9000000, "");
  g_assert_true (status == 413 || status == CLOSED);
  assert_answers (port);
  g_assert_cmpuint (resident_bytes (), <, before + 50 * 1000 * 1000);
  harness_free (h);
}

/* Several requests at once, which nobody sends any more: one answer, and the end. */
static void
test_pipelined (void)
{
  GstHarness *h = served ();
  GString *requests = g_string_new (NULL);
  g_autofree char *answer = NULL;

  for (guint i = 0; i < 50; i++)
    g_string_append (requests, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
  answer = exchange (port_of (h), requests->str, requests->len);
  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 200"));
  g_assert_null (strstr (answer + 1, "HTTP/1.1"));
  assert_answers (port_of (h));
  g_string_free (requests, TRUE);
  harness_free (h);
}

static guint
count_descriptors (void)
{
  GDir *dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  g_clear_pointer (&dir, g_dir_close);
  return n;
}

/* Thousands come and go, and hundreds stay, each with half a request. */
static void
test_flood (void)
{
  enum { STAY = 400, PASS = 3000 };
  GstHarness *h = served ();
  guint port = port_of (h), before = count_descriptors ();
  int fds[STAY];

  for (guint i = 0; i < PASS; i++) {
    int fd = connect_to (port);

    g_assert_cmpint (fd, >=, 0);
    close (fd);
  }
  for (guint i = 0; i < STAY; i++) {
    fds[i] = connect_to (port);
    g_assert_cmpint (fds[i], >=, 0);
    g_assert_cmpint (send (fds[i], "GET /met", 8, MSG_NOSIGNAL), >, 0);
  }
  assert_answers (port);
  g_assert_cmpuint (count_descriptors (), <, before + STAY + 2 * GST_EFFNET_CONNECTIONS_MAX);
  for (guint i = 0; i < STAY; i++)
    close (fds[i]);
  assert_answers (port);
  harness_free (h);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static gint ends, answered; /* atomic */

static gpointer
hammer (gpointer port)
{
  while (!g_atomic_int_get (&ends)) {
    g_autofree char *answer = exchange (GPOINTER_TO_UINT (port), GOOD, strlen (GOOD));

    if (answer != NULL && g_str_has_prefix (answer, "HTTP/1.1 200"))
      g_atomic_int_inc (&answered);
  }
  return NULL;
}

/* Frames, elements that come and go, and a stop, while others ask all the time. Answers come when
 * the streams leave time for them. */
static void
test_busy (void)
{
  GstHarness *h = served ();
  GThread *threads[2];
  guint port = port_of (h);
  gint64 start;

  g_atomic_int_set (&ends, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("hammer", hammer, GUINT_TO_POINTER (port));
  for (int i = 1; i < 10 || (i < 1000 && g_atomic_int_get (&answered) <= 5); i++) {
    GstHarness *other = served ();

    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, i)));
    harness_free (other);
  }
  start = g_get_monotonic_time ();
  harness_free (h);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 5 * G_TIME_SPAN_SECOND);
  g_atomic_int_set (&ends, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (answered, >, 5);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void
seen (GObject *input, GAsyncResult *result, gpointer stream)
{
  static char byte;

  if (g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL) > 0)
    g_input_stream_read_async (G_INPUT_STREAM (input), &byte, 1, 0, NULL, seen, stream);
  else
    g_object_unref (stream);
}

static void
hold (GIOStream *stream, GSocketAddress *local, GSocketAddress *remote, gpointer owner)
{
  static char byte;

  (void)local;
  (void)remote;
  (*(guint *)owner)++;
  g_input_stream_read_async (g_io_stream_get_input_stream (stream), &byte, 1, 0, NULL, seen,
                             g_object_ref (stream));
}

/* A client that sends a byte now and then is disconnected; here after a second
 * (GST_EFFNET_CONNECTIONS_SECONDS). */
static void
test_slow (void)
{
  GSocket *listener =
      g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  GSocketAddress *any = g_inet_socket_address_new_from_string ("127.0.0.1", 0), *at;
  GMainContext *context = g_main_context_new ();
  gint64 end = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;
  GstEffnetConnections *connections;
  guint n = 0;
  int fd;
  char byte;

  g_assert_true (g_socket_bind (listener, any, TRUE, NULL) && g_socket_listen (listener, NULL));
  at = g_socket_get_local_address (listener, NULL);
  g_main_context_push_thread_default (context);
  connections = gst_effnet_connections_new (listener, hold, &n);
  fd = connect_to (g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (at)));
  g_assert_cmpint (fd, >=, 0);
  while (recv (fd, &byte, 1, MSG_DONTWAIT) != 0 && g_get_monotonic_time () < end) {
    send (fd, "x", 1, MSG_NOSIGNAL);
    g_main_context_iteration (context, FALSE);
    g_usleep (20000);
  }
  g_assert_cmpint (g_get_monotonic_time (), <, end);
  g_assert_cmpuint (n, ==, 1);
  gst_effnet_connections_free (connections);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  g_object_unref (listener);
  g_object_unref (any);
  g_object_unref (at);
  close (fd);
}

static void
test_text (void)
{
  static const double bounds[] = {0.5, 1};
  static const guint64 counts[] = {1, 0, 2};
  const GstEffnetFamily counter = {"a", GST_EFFNET_FAMILY_COUNTER, NULL, "A."};
  const GstEffnetFamily histogram = {"b_seconds", GST_EFFNET_FAMILY_HISTOGRAM, "seconds", "B."};
  g_autoptr (GstEffnetExposition) exposition = gst_effnet_exposition_new ();
  g_autoptr (GString) labels = g_string_new (NULL);
  g_autoptr (GBytes) own = NULL, open = NULL;
  g_autofree char *name = gst_effnet_metric_name ("p", "q-r.s");

  g_assert_cmpstr (name, ==, "p_q_r_s");
  gst_effnet_labels_add (labels, "l", "a\"b\\c\nd\xff");
  gst_effnet_labels_add (labels, "m", NULL);
  gst_effnet_exposition_add (exposition, &counter, labels->str, 0.1);
  gst_effnet_exposition_add_histogram (exposition, &histogram, "", bounds, counts, 2, 7);
  gst_effnet_exposition_add (exposition, &counter, "", 1e15);
  own = gst_effnet_exposition_render (exposition, FALSE);
  open = gst_effnet_exposition_render (exposition, TRUE);
#define SAMPLES_A "a_total{l=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\",m=\"\"} 0.1\na_total 1e+15\n"
#define SAMPLES_B                                                                                  \
  "b_seconds_bucket{le=\"0.5\"} 1\nb_seconds_bucket{le=\"1.0\"} 1\n"                               \
  "b_seconds_bucket{le=\"+Inf\"} 3\nb_seconds_sum 7\nb_seconds_count 3\n"
  g_assert_cmpmem (g_bytes_get_data (own, NULL), g_bytes_get_size (own),
                   "# HELP a_total A.\n# TYPE a_total counter\n" SAMPLES_A
                   "# HELP b_seconds B.\n# TYPE b_seconds histogram\n" SAMPLES_B,
                   strlen ("# HELP a_total A.\n# TYPE a_total counter\n" SAMPLES_A
                           "# HELP b_seconds B.\n# TYPE b_seconds histogram\n" SAMPLES_B));
  g_assert_nonnull (g_strstr_len (g_bytes_get_data (open, NULL), (gssize)g_bytes_get_size (open),
                                  "# TYPE a counter\n" SAMPLES_A));
  g_assert_nonnull (g_strstr_len (g_bytes_get_data (open, NULL), (gssize)g_bytes_get_size (open),
                                  "# UNIT b_seconds seconds\n" SAMPLES_B "# EOF\n"));
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/metrics/text", test_text);
  g_test_add_func ("/gst/metrics/slow", test_slow);
  g_test_add_func ("/gst/metrics/shared", test_shared);
  g_test_add_func ("/gst/metrics/again", test_again);
  g_test_add_func ("/gst/metrics/refused", test_refused);
  g_test_add_func ("/gst/metrics/rude", test_rude);
  g_test_add_func ("/gst/metrics/long", test_long);
  g_test_add_func ("/gst/metrics/pipelined", test_pipelined);
  g_test_add_func ("/gst/metrics/flood", test_flood);
  g_test_add_func ("/gst/metrics/busy", test_busy);
  return g_test_run ();
}
