/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnetpublish and librdkafka's own cluster, which lives in this process: what a consumer gets, in
 * order and once, also when a broker is away for a while. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <string.h>

#include "common.h"
#include "handmade.h"

#define TOPIC   "effnet.yard.full-frame"
#define RECORDS 200
#define PRODUCE 0 /* Kafka's number of the request */

typedef struct {
  rd_kafka_t *owner;
  rd_kafka_mock_cluster_t *mock;
  const char *brokers;
} Cluster;

static Cluster
cluster_new (void)
{
  char text[256];
  Cluster cluster = {.owner =
                         rd_kafka_new (RD_KAFKA_PRODUCER, rd_kafka_conf_new (), text, sizeof text)};

  g_assert_nonnull (cluster.owner);
  cluster.mock = rd_kafka_mock_cluster_new (cluster.owner, 1);
  g_assert_nonnull (cluster.mock);
  cluster.brokers = rd_kafka_mock_cluster_bootstraps (cluster.mock);
  rd_kafka_mock_topic_create (cluster.mock, TOPIC, 1, 1);
  return cluster;
}

static void
cluster_free (Cluster *cluster)
{
  rd_kafka_mock_cluster_destroy (cluster->mock);
  rd_kafka_destroy (cluster->owner);
}

static GstHarness *
publisher_new (const char *brokers)
{
  g_autofree char *address = g_strconcat ("kafka://", brokers, NULL);
  static GstStaticPadTemplate source =
      GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
  GstElement *element = gst_element_factory_make ("effnetpublish", NULL);
  GstHarness *h = gst_harness_new_empty ();
  g_autoptr (GstBus) bus = gst_bus_new ();

  g_object_set (element, "broker", address, "topic", "effnet/yard/{region}", "drain-timeout",
                10 * GST_SECOND, NULL);
  gst_element_set_bus (element, bus);
  gst_harness_add_element_full (h, element, &source, "sink", NULL, NULL);
  gst_object_unref (element);
  gst_harness_play (h);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=GRAY8,width=320,height=240,framerate=30/1");
  return h;
}

static void
publish (GstHarness *h, int number)
{
  g_autofree char *label = g_strdup_printf ("s%d", number);
  GstEffnetRecord record = handmade_record (label, number, 0.5);
  GstBuffer *buffer = gst_buffer_new ();

  record.fresh = TRUE;
  GST_BUFFER_PTS (buffer) = (GstClockTime)number * GST_MSECOND;
  g_assert_true (gst_effnet_schema_attach (buffer, &record, 1));
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
}

static void
wait_for (GstHarness *h, guint64 n)
{
  for (guint i = 0; i < 6000 && element_stat (h->element, "published") < n; i++)
    g_usleep (10000);
  g_assert_cmpuint (element_stat (h->element, "published"), ==, n);
  g_assert_cmpuint (element_stat (h->element, "lost"), ==, 0);
}

/* The states s1 to s@n, and nothing else. */
static void
assert_consumed (const Cluster *cluster, int n)
{
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new (1);
  char text[256];
  rd_kafka_t *consumer;
  rd_kafka_message_t *message;

  rd_kafka_conf_set (conf, "bootstrap.servers", cluster->brokers, text, sizeof text);
  rd_kafka_conf_set (conf, "group.id", "test", text, sizeof text);
  consumer = rd_kafka_new (RD_KAFKA_CONSUMER, conf, text, sizeof text);
  g_assert_nonnull (consumer);
  rd_kafka_topic_partition_list_add (list, TOPIC, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  g_assert_cmpint (rd_kafka_assign (consumer, list), ==, RD_KAFKA_RESP_ERR_NO_ERROR);
  for (int i = 1; i <= n; i++) {
    g_autofree char *word = g_strdup_printf ("\"sequence\":%d,", i);
    g_autofree char *state = g_strdup_printf ("\"state\":\"s%d\"", i);

    message = rd_kafka_consumer_poll (consumer, 30000);
    g_assert_nonnull (message);
    g_assert_cmpint (message->err, ==, RD_KAFKA_RESP_ERR_NO_ERROR);
    g_assert_nonnull (g_strstr_len (message->payload, (gssize)message->len, word));
    g_assert_nonnull (g_strstr_len (message->payload, (gssize)message->len, state));
    g_assert_cmpmem (message->key, message->key_len, "effnet/yard/full-frame", 22);
    rd_kafka_message_destroy (message);
  }
  message = rd_kafka_consumer_poll (consumer, 500);
  g_assert_true (message == NULL || message->err != RD_KAFKA_RESP_ERR_NO_ERROR);
  if (message != NULL)
    rd_kafka_message_destroy (message);
  rd_kafka_topic_partition_list_destroy (list);
  rd_kafka_consumer_close (consumer);
  rd_kafka_destroy (consumer);
}

/* All that was published has arrived, once. */
static void
finish (GstHarness *h, Cluster *cluster)
{
  wait_for (h, RECORDS);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
  assert_consumed (cluster, RECORDS);
  cluster_free (cluster);
}

static void
test_plain (void)
{
  Cluster cluster = cluster_new ();
  GstHarness *h = publisher_new (cluster.brokers);

  for (int i = 1; i <= RECORDS; i++)
    publish (h, i);
  finish (h, &cluster);
}

static void
test_broker_away (void)
{
  Cluster cluster = cluster_new ();
  GstHarness *h = publisher_new (cluster.brokers);

  for (int i = 1; i <= RECORDS; i++) {
    if (i == RECORDS / 4) {
      wait_for (h, RECORDS / 4 - 1);
      rd_kafka_mock_broker_set_down (cluster.mock, 1);
    }
    if (i == RECORDS / 2) {
      g_usleep (500000);
      rd_kafka_mock_broker_set_up (cluster.mock, 1);
    }
    publish (h, i);
  }
  finish (h, &cluster);
}

/* An error that a producer does not recover from: a new one goes on where it ended. */
static void
test_fatal (void)
{
  Cluster cluster = cluster_new ();
  GstHarness *h = publisher_new (cluster.brokers);

  for (int i = 1; i <= RECORDS; i++) {
    if (i == RECORDS / 4) {
      wait_for (h, RECORDS / 4 - 1);
      rd_kafka_mock_push_request_errors (cluster.mock, PRODUCE, 1,
                                         RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    }
    if (i % 3 == 0)
      g_usleep (1000);
    publish (h, i);
  }
  wait_for (h, RECORDS);
  g_assert_cmpuint (element_stat (h->element, "connections"), ==, 2);
  finish (h, &cluster);
}

/* Nobody is there: a warning, and an end that does not wait. */
static void
test_nobody (void)
{
  GstHarness *h = publisher_new ("127.0.0.1:1");
  gint64 begun;

  g_object_set (h->element, "drain-timeout", (guint64)0, NULL); /* which a stop reads */
  publish (h, 1);
  g_autoptr (GstMessage) warning = gst_bus_timed_pop_filtered (
      GST_ELEMENT_BUS (h->element), 60 * GST_SECOND, GST_MESSAGE_WARNING);
  g_assert_nonnull (warning);
  g_autoptr (GError) error = NULL;
  gst_message_parse_warning (warning, &error, NULL);
  g_assert_nonnull (strstr (error->message, "kafka://127.0.0.1:1"));
  g_assert_nonnull (strstr (error->message, "is it running there"));
  begun = g_get_monotonic_time ();
  gst_element_set_state (h->element, GST_STATE_NULL);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 20 * G_USEC_PER_SEC);
  g_assert_cmpuint (element_stat (h->element, "lost-stopped"), ==, 1);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  gst_effnet_schema_register ();
  g_test_add_func ("/kafka/plain", test_plain);
  g_test_add_func ("/kafka/broker-away", test_broker_away);
  g_test_add_func ("/kafka/fatal", test_fatal);
  g_test_add_func ("/kafka/nobody", test_nobody);
  return g_test_run ();
}
