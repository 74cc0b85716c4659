/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results in the forms that others read, read back by GStreamer's own calls and elements, and
 * feature vectors against the library's. The judge of a form is never its writer. */
#include "common.h"

#ifdef HAVE_GST_ANALYTICS
#  include <gst/analytics/analytics.h>
#endif
#if defined HAVE_GST_ANALYTICS && GST_CHECK_VERSION(1, 26, 0)
#  define HAVE_TENSORS 1
#endif
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

enum { CUSTOM = 1, ANALYTICS = 2, ROI = 4, TENSOR = 8 };

#define SIDE 320 /* pixels of each photograph of a pair */

static GstVideoRegionOfInterestMeta *
add_roi (GstBuffer *buffer, const char *type, int id, guint x, guint w)
{
  GstVideoRegionOfInterestMeta *meta =
      gst_buffer_add_video_region_of_interest_meta (buffer, type, x, 0, w, SIDE);

  meta->id = id;
  return meta;
}

/* The parameter that the element called @element adds to ROI @id of @buffer; NULL: none. */
static const GstStructure *
param_of (GstBuffer *buffer, int id, const char *element)
{
  GstVideoRegionOfInterestMeta *meta = gst_buffer_get_video_region_of_interest_meta_id (buffer, id);

  g_assert_nonnull (meta);
  for (GList *l = meta->params; l != NULL; l = l->next) {
    if (g_strcmp0 (gst_structure_get_string (l->data, "attribute_name"), element) == 0)
      return l->data;
  }
  return NULL;
}

static void
assert_param (GstBuffer *buffer, int id, const char *element, const char *label)
{
  const GstStructure *s = param_of (buffer, id, element);
  double confidence;
  int label_id;

  g_assert_nonnull (s);
  g_assert_cmpstr (gst_structure_get_name (s), ==, "classification");
  g_assert_cmpstr (gst_structure_get_string (s, "type"), ==, "classification_result");
  g_assert_nonnull (gst_structure_get_string (s, "model_name"));
  g_assert_nonnull (strstr (gst_structure_get_string (s, "label"), label));
  g_assert_true (gst_structure_get (s, "label_id", G_TYPE_INT, &label_id, "confidence",
                                    G_TYPE_DOUBLE, &confidence, NULL));
  g_assert_cmpint (label_id, >=, 0);
  g_assert_cmpfloat (confidence, >, 0.0);
  g_assert_cmpfloat (confidence, <=, 1.0);
}

/* The element's name distinguishes elements in a row; a detector's own parameters stay. */
static void
test_params (void)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, "attach-meta", ROI, "name", "what",
                               "inference-interval", 2, NULL);
  GstBuffer *buffer = pair_frame (SIDE, 0), *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  add_roi (buffer, "empty", 3, 2 * SIDE, 10);
  add_roi (buffer, "cup", 5, SIDE, SIDE);
  gst_video_region_of_interest_meta_add_param (
      add_roi (buffer, "animal", 4, 0, SIDE),
      gst_structure_new ("detection", "confidence", G_TYPE_DOUBLE, 0.75, NULL));
  out = push_pull (h, buffer);
  g_assert_null (result_of (out));
  g_assert_null (param_of (out, 3, "what"));
  assert_param (out, 4, "what", "cat");
  assert_param (out, 5, "what", "espresso");
  g_assert_nonnull (gst_video_region_of_interest_meta_get_param (
      gst_buffer_get_video_region_of_interest_meta_id (out, 4), "detection"));
  gst_buffer_unref (out);

  buffer = pair_frame (SIDE, 1); /* a repeated result, in another order */
  add_roi (buffer, "animal", 4, 8, SIDE);
  add_roi (buffer, "new", 6, 0, SIDE);
  add_roi (buffer, "cup", 5, SIDE, SIDE);
  out = push_pull (h, buffer);
  assert_param (out, 4, "what", "cat");
  assert_param (out, 5, "what", "espresso");
  g_assert_null (param_of (out, 6, "what"));
  gst_buffer_unref (out);
  harness_free (h);
}

/* Each head's under its own name. */
static void
test_params_of_heads (void)
{
  char *path = source_path ("models/lite0"), *heads = g_strdup_printf ("one=;two=%s", path);
  GstHarness *h = harness_new ("inference-region", ROI_LIST, "attach-meta", CUSTOM | ROI, "heads",
                               heads, "name", "what", NULL);
  GstBuffer *buffer = pair_frame (SIDE, 0), *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  add_roi (buffer, "animal", 4, 0, SIDE);
  out = push_pull (h, buffer);
  assert_param (out, 4, "one", "cat");
  assert_param (out, 4, "two", "cat");
  g_assert_null (param_of (out, 4, "what"));
  gst_buffer_unref (out);
  harness_free (h);
  g_free (heads);
  g_free (path);
}

/* Without a class there is nothing to tell. */
static void
test_params_without_class (void)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, "attach-meta", CUSTOM | ROI, "name",
                               "what", "threshold", 1.0, NULL);
  GstBuffer *buffer = pair_frame (SIDE, 0), *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  add_roi (buffer, "animal", 4, 0, SIDE);
  out = push_pull (h, buffer);
  g_assert_cmpint (result_int (result_of (out), "label-id"), ==, -1);
  g_assert_null (param_of (out, 4, "what"));
  gst_buffer_unref (out);
  harness_free (h);
}

/* ---- embedding ------------------------------------------------------------------------------- */

/* Of the photograph as the library sees it, SIDE x SIDE. */
static void
library_features (GstBuffer *frame, GBytes **features)
{
  g_autofree char *path = source_path ("models/lite0");
  GError *error = NULL;
  EffnetModel *model = effnet_model_open (path, NULL, &error);
  EffnetSession *session = effnet_session_new (model, NULL, &error);
  EffnetResult result;
  GstVideoInfo info;
  GstVideoFrame video;
  EffnetImage image = {.format = EFFNET_PIXEL_FORMAT_I420, .width = SIDE, .height = SIDE};

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, SIDE, SIDE);
  g_assert_true (gst_video_frame_map (&video, &info, frame, GST_MAP_READ));
  for (guint p = 0; p < 3; p++) {
    image.data[p] = GST_VIDEO_FRAME_PLANE_DATA (&video, p);
    image.stride[p] = GST_VIDEO_FRAME_PLANE_STRIDE (&video, p);
  }
  effnet_session_classify (session, &image, &result, &error);
  g_assert_no_error (error);
  *features = g_bytes_new (result.features, result.n_features * sizeof (float));
  gst_video_frame_unmap (&video);
  effnet_session_free (session);
  effnet_model_unref (model);
}

/* Cosine of the angle between two vectors of floats. */
static double
cosine (GBytes *a, GBytes *b)
{
  gsize size;
  const float *x = g_bytes_get_data (a, &size), *y = g_bytes_get_data (b, NULL);
  double xy = 0.0, xx = 0.0, yy = 0.0;

  g_assert_cmpuint (g_bytes_get_size (b), ==, size);
  for (gsize i = 0; i < size / sizeof *x; i++) {
    xy += (double)x[i] * (double)y[i];
    xx += (double)x[i] * (double)x[i];
    yy += (double)y[i] * (double)y[i];
  }
  return xy / sqrt (xx * yy);
}

static GBytes *
embedding_of (const GstStructure *s)
{
  GstBuffer *buffer = NULL;
  GstMapInfo map;
  GBytes *bytes;

  g_assert_true (gst_structure_get (s, "embedding", GST_TYPE_BUFFER, &buffer, NULL));
  gst_buffer_map (buffer, &map, GST_MAP_READ);
  bytes = g_bytes_new (map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  return bytes;
}

/* Colour metadata of caps and of the bare library differ in nothing that is seen. */
static void
test_embedding (void)
{
  GstHarness *h =
      harness_new ("inference-region", REGIONS, "regions", "cat:0,0,0.5,1;cup:0.5,0,0.5,1",
                   "attach-embedding", TRUE, "inference-interval", 2, NULL);
  GstBuffer *photo = photo_frame ("coffee.jpg", SIDE, SIDE);
  GBytes *expected, *cat, *cup, *again;
  GstBuffer *out;

  library_features (photo, &expected);
  gst_buffer_unref (photo);
  set_i420_caps (h, 2 * SIDE, SIDE);
  out = push_pull (h, pair_frame (SIDE, 0));
  cat = embedding_of (result_part (result_of (out), 0));
  cup = embedding_of (result_part (result_of (out), 1));
  g_assert_cmpuint (g_bytes_get_size (cat), ==, 1280 * sizeof (float));
  g_assert_cmpfloat (cosine (cup, expected), >, 0.999);
  g_assert_cmpfloat (cosine (cat, expected), <, 0.9);
  gst_buffer_unref (out);

  out = push_pull (h, pair_frame (SIDE, 1));
  again = embedding_of (result_part (result_of (out), 1));
  g_assert_true (g_bytes_equal (again, cup));
  gst_buffer_unref (out);

  g_object_set (h->element, "attach-embedding", FALSE, NULL);
  out = push_pull (h, pair_frame (SIDE, 2));
  g_assert_false (gst_structure_has_field (result_of (out), "embedding"));
  gst_buffer_unref (out);
  g_bytes_unref (expected);
  g_bytes_unref (cat);
  g_bytes_unref (cup);
  g_bytes_unref (again);
  harness_free (h);
}

/* ---- what the build has ---------------------------------------------------------------------- */

static void
test_values (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  GFlagsClass *flags = g_type_class_ref (g_type_from_name ("GstEffnetAttachMeta"));
  guint built = CUSTOM | ROI, value;

#ifdef HAVE_GST_ANALYTICS
  built |= ANALYTICS;
#endif
#ifdef HAVE_TENSORS
  built |= TENSOR;
#endif
  g_assert_cmpuint (flags->mask, ==, built);
  g_object_get (h->element, "attach-meta", &value, NULL);
  g_assert_cmpuint (value, ==, built & (CUSTOM | ANALYTICS));
  g_type_class_unref (flags);
  harness_free (h);
}

/* ---- GstAnalytics ---------------------------------------------------------------------------- */

#ifdef HAVE_GST_ANALYTICS

/* The classes of @s and those of @classes are the same, in this order. */
static void
assert_classes (const GstStructure *s, const GstAnalyticsClsMtd *classes)
{
  const GValue *labels = gst_structure_get_value (s, "labels");
  const GValue *scores = gst_structure_get_value (s, "scores");
  gsize n = gst_analytics_cls_mtd_get_length (classes);

  g_assert_cmpuint (n, ==, gst_value_list_get_size (labels));
  for (guint i = 0; i < n; i++) {
    GQuark quark = gst_analytics_cls_mtd_get_quark (classes, i);
    float level = gst_analytics_cls_mtd_get_level (classes, i);

    g_assert_cmpstr (g_quark_to_string (quark), ==,
                     g_value_get_string (gst_value_list_get_value (labels, i)));
    g_assert_cmpfloat (level, ==, (float)g_value_get_double (gst_value_list_get_value (scores, i)));
    g_assert_cmpint (gst_analytics_cls_mtd_get_index_by_quark (classes, quark), ==, (int)i);
    if (i > 0)
      g_assert_cmpfloat (level, <=, gst_analytics_cls_mtd_get_level (classes, i - 1));
  }
}

/* Those of a buffer, in order. Returns: how many there are */
static guint
classes_of (GstBuffer *buffer, GstAnalyticsClsMtd *classes, guint max)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsMtd next;
  gpointer state = NULL;
  guint n = 0;

  while (meta != NULL && gst_analytics_relation_meta_iterate (
                             meta, &state, gst_analytics_cls_mtd_get_mtd_type (), &next)) {
    g_assert_cmpuint (n, <, max);
    classes[n++] = next;
  }
  return n;
}

/* Two elements in a row, of a frame and of its parts, and a repeated result. */
static void
test_classes (void)
{
  GstHarness *h =
      gst_harness_new_parse ("effnetclassify top-k=3 inference-interval=2 inference-mode=sync ! "
                             "effnetclassify inference-mode=sync "
                             "inference-region=regions regions=cat:0,0,0.5,1;cup:0.5,0,0.5,1");
  GstAnalyticsClsMtd classes[4];

  set_i420_caps (h, 2 * SIDE, SIDE);
  for (int i = 0; i < 2; i++) {
    GstBuffer *out = push_pull (h, pair_frame (SIDE, i));
    gpointer state = NULL;
    const GstStructure *frame, *parts;

    frame = gst_custom_meta_get_structure (gst_buffer_get_custom_meta (out, META_NAME));
    g_assert_cmpuint (classes_of (out, classes, G_N_ELEMENTS (classes)), ==, 3);
    assert_classes (frame, &classes[0]);
    parts =
        g_value_get_boxed (gst_value_list_get_value (gst_structure_get_value (frame, "others"), 0));
    assert_classes (result_part (parts, 0), &classes[1]);
    assert_classes (result_part (parts, 1), &classes[2]);
    g_assert_cmpuint (gst_analytics_cls_mtd_get_length (&classes[0]), ==, 3);
    g_assert_nonnull (gst_buffer_iterate_meta (out, &state));
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
}

static guint
add_detection (GstBuffer *buffer, const char *type, int x)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsODMtd od;

  if (meta == NULL)
    meta = gst_buffer_add_analytics_relation_meta (buffer);
  g_assert_true (gst_analytics_relation_meta_add_od_mtd (meta, g_quark_from_string (type), x, 0,
                                                         SIDE, SIDE, 0.9f, &od));
  return od.id;
}

/* The best class that the detection contains, which is part of it; NULL for none. */
static const char *
class_of_detection (GstBuffer *buffer, guint id)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd classes;
  GstAnalyticsODMtd od;
  gpointer state = NULL;

  if (!gst_analytics_relation_meta_get_direct_related (meta, id, GST_ANALYTICS_REL_TYPE_CONTAIN,
                                                       gst_analytics_cls_mtd_get_mtd_type (),
                                                       &state, &classes))
    return NULL;
  state = NULL;
  g_assert_true (gst_analytics_relation_meta_get_direct_related (
      meta, classes.id, GST_ANALYTICS_REL_TYPE_IS_PART_OF, gst_analytics_od_mtd_get_mtd_type (),
      &state, &od));
  g_assert_cmpuint (od.id, ==, id);
  return g_quark_to_string (gst_analytics_cls_mtd_get_quark (&classes, 0));
}

/* The cup came both ways, and is classified once; what has no class is told of in no form. */
static void
test_detections (void)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, "name", "what", "attach-meta",
                               CUSTOM | ANALYTICS | ROI, NULL);
  GstBuffer *buffer = pair_frame (SIDE, 0), *out;
  GstAnalyticsClsMtd classes[4];
  guint gone, animal, cup;

  set_i420_caps (h, 2 * SIDE, SIDE);
  add_roi (buffer, "cup", 5, SIDE, SIDE);
  gone = add_detection (buffer, "gone", 2 * SIDE);
  animal = add_detection (buffer, "animal", 0);
  cup = add_detection (buffer, "cup", SIDE);
  out = push_pull (h, buffer);
  g_assert_cmpuint (classes_of (out, classes, G_N_ELEMENTS (classes)), ==, 2);
  g_assert_null (class_of_detection (out, gone));
  g_assert_nonnull (strstr (class_of_detection (out, animal), "cat"));
  g_assert_nonnull (strstr (class_of_detection (out, cup), "espresso"));
  assert_param (out, 5, "what", "espresso");
  gst_buffer_unref (out);

  g_object_set (h->element, "threshold", 1.0, NULL);
  buffer = pair_frame (SIDE, 1);
  animal = add_detection (buffer, "animal", 0);
  out = push_pull (h, buffer);
  g_assert_cmpuint (classes_of (out, classes, G_N_ELEMENTS (classes)), ==, 0);
  g_assert_null (class_of_detection (out, animal));
  gst_buffer_unref (out);
  harness_free (h);
}

#endif

/* ---- GstTensorMeta --------------------------------------------------------------------------- */

#ifdef HAVE_TENSORS

/* All classes add up to one, and the best is the result's. */
static void
test_tensor (void)
{
  GstHarness *h = harness_new ("attach-meta", CUSTOM | TENSOR, "inference-interval", 2, NULL);

  set_i420_caps (h, SIDE, SIDE);
  for (int i = 0; i < 2; i++) {
    GstBuffer *out = push_pull (h, photo_frame ("coffee.jpg", SIDE, SIDE));
    const GstTensor *tensor;
    double sum = 0.0;
    const float *scores;
    guint best = 0;
    GstMapInfo map;

    tensor = gst_tensor_meta_get (gst_buffer_get_tensor_meta (out), 0);
    g_assert_cmpstr (g_quark_to_string (tensor->id), ==, "classification-generic-softmaxed-out");
    g_assert_cmpint (tensor->data_type, ==, GST_TENSOR_DATA_TYPE_FLOAT32);
    g_assert_cmpuint (tensor->num_dims, ==, 2);
    g_assert_cmpuint (tensor->dims[0], ==, 1);
    g_assert_cmpuint (tensor->dims[1], ==, 1000);
    gst_buffer_map (tensor->data, &map, GST_MAP_READ);
    g_assert_cmpuint (map.size, ==, 1000 * sizeof (float));
    scores = (const float *)(const void *)map.data;
    for (guint k = 0; k < 1000; k++) {
      sum += (double)scores[k];
      best = scores[k] > scores[best] ? k : best;
    }
    g_assert_cmpfloat_with_epsilon (sum, 1.0, 1e-5);
    g_assert_cmpint (result_int (result_of (out), "label-id"), ==, (int)best);
    g_assert_cmpfloat (result_double (result_of (out), "confidence"), ==, (double)scores[best]);
    gst_buffer_unmap (tensor->data, &map);
    gst_buffer_unref (out);
  }
  harness_free (h);
}

/* Classes of the tensor on @buffer; 0: it has none. */
static guint
tensor_classes (GstBuffer *buffer)
{
  GstTensorMeta *meta = gst_buffer_get_tensor_meta (buffer);

  return meta != NULL ? (guint)gst_tensor_meta_get (meta, 0)->dims[1] : 0;
}

/* The tensor of each buffer is the one that caps name, where they name any. */
static void
assert_caps_name (GstHarness *h, guint classes)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);
  g_autofree char *text = gst_caps_to_string (caps), *dims = g_strdup_printf ("\\ %u\\ ", classes);

#  if GST_CHECK_VERSION(1, 28, 0)
  g_assert_nonnull (strstr (text, "classification-generic-softmaxed-out"));
#  endif
  if (strstr (text, "tensorgroups") != NULL && strstr (text, dims) == NULL)
    g_error ("a tensor of %u classes behind caps %s", classes, text);
  gst_caps_unref (caps);
}

/* A model with seven classes takes over, and caps before its tensor. */
static void
test_tensor_of_another_model (void)
{
  g_autofree char *maker =
      g_build_filename (g_getenv ("EFFNET_BUILD_ROOT"), "tests/live/make_model", NULL);
  g_autofree char *parent = g_dir_make_tmp ("effnet-carriers-XXXXXX", NULL);
  g_autofree char *folder = g_build_filename (parent, "seven", NULL);
  static const char *const files[] = {"config.json", "model.safetensors"};
  char *command[] = {maker, "lite0", "7", folder, NULL};
  GstHarness *h;
  int status = -1;
  guint classes = 0;

  if (!g_file_test (maker, G_FILE_TEST_IS_EXECUTABLE)) {
    g_test_skip ("tests/live/make_model is not built");
    return;
  }
  g_assert_true (g_spawn_sync (NULL, command, NULL, 0, NULL, NULL, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
  h = harness_new ("attach-meta", CUSTOM | TENSOR, NULL);
  set_i420_caps (h, SIDE, SIDE);
  for (int i = 0; i < 3000 && classes != 7; i++) {
    GstBuffer *out = push_pull (h, grey_frame (SIDE, SIDE, 90, i));

    if (i == 0)
      g_object_set (h->element, "model-file", folder, NULL);
    classes = tensor_classes (out);
    g_assert_true (classes == 1000 || classes == 7 || (classes == 0 && i > 0));
    if (classes > 0)
      assert_caps_name (h, classes);
    gst_buffer_unref (out);
    if (i > 10)
      g_usleep (10 * 1000);
  }
  g_assert_cmpuint (classes, ==, 7);
  harness_free (h);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_build_filename (folder, files[i], NULL);

    g_unlink (path);
  }
  g_rmdir (folder);
  g_rmdir (parent);
}

/* GStreamer's own decoder of tensors finds the class that we found. */
static void
test_decoder (void)
{
  g_autofree char *labels = source_path ("models/imagenet-1k.txt");
  g_autofree char *line =
      g_strdup_printf ("effnetclassify inference-mode=sync attach-meta=custom+tensor ! "
                       "classifiertensordecoder class-confidence-threshold=0 labels-file=%s",
                       labels);
  GstAnalyticsClsMtd classes[2];
  GstHarness *h;
  GstBuffer *out;

  if (!gst_registry_check_feature_version (gst_registry_get (), "classifiertensordecoder", 0, 0,
                                           0)) {
    g_test_skip ("this GStreamer has no classifiertensordecoder");
    return;
  }
  h = gst_harness_new_parse (line);
  set_i420_caps (h, SIDE, SIDE);
  out = push_pull (h, photo_frame ("coffee.jpg", SIDE, SIDE));
  g_assert_cmpuint (classes_of (out, classes, G_N_ELEMENTS (classes)), ==, 1);
  g_assert_cmpstr (g_quark_to_string (gst_analytics_cls_mtd_get_quark (&classes[0], 0)), ==,
                   gst_structure_get_string (result_of (out), "label"));
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

#endif

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/carriers/values", test_values);
  g_test_add_func ("/gst/carriers/params", test_params);
  g_test_add_func ("/gst/carriers/params-of-heads", test_params_of_heads);
  g_test_add_func ("/gst/carriers/params-without-class", test_params_without_class);
  g_test_add_func ("/gst/carriers/embedding", test_embedding);
#ifdef HAVE_GST_ANALYTICS
  g_test_add_func ("/gst/carriers/classes", test_classes);
  g_test_add_func ("/gst/carriers/detections", test_detections);
#endif
#ifdef HAVE_TENSORS
  g_test_add_func ("/gst/carriers/tensor", test_tensor);
  g_test_add_func ("/gst/carriers/tensor-of-another-model", test_tensor_of_another_model);
  g_test_add_func ("/gst/carriers/decoder", test_decoder);
#endif
  return g_test_run ();
}
