/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * build/tests/engine/bench-stop VARIANT [SIDE [THREADS [REGIONS]]]: a bench, not a test. How long a
 * call goes on after it was cancelled, at 20 moments spread over it, in ms: by the clock, and as
 * time of a CPU, which others' work does not lengthen. SIDE 0: the variant's own. REGIONS: parts of
 * one frame. */
#define _POSIX_C_SOURCE 200809L
#include <effnet/effnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS      20
#define REGIONS_MAX 1000
#define WIDTH       640
#define HEIGHT      480

typedef struct {
  EffnetSession *session;
  EffnetRegion regions[REGIONS_MAX];
  unsigned n;
  gboolean cancelled;    /* how the call ended */
  double clock_s, cpu_s; /* when it ended */
} Call;

static double
seconds (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
ignore (unsigned index, const EffnetResult *result, void *data)
{
  (void)index, (void)result, (void)data;
}

static gpointer
run (gpointer user)
{
  static guint8 pixels[WIDTH * HEIGHT * 3];
  Call *call = user;
  EffnetImage image = EFFNET_IMAGE_INIT;
  g_autoptr (GError) error = NULL;

  image.format = EFFNET_PIXEL_FORMAT_RGB;
  image.width = WIDTH;
  image.height = HEIGHT;
  image.data[0] = pixels;
  image.stride[0] = (ptrdiff_t)WIDTH * 3;
  call->cancelled = !effnet_session_classify_regions (call->session, &image, call->regions, call->n,
                                                      ignore, NULL, &error);
  call->clock_s = seconds (CLOCK_MONOTONIC);
  call->cpu_s = seconds (CLOCK_PROCESS_CPUTIME_ID);
  return NULL;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Of ROUNDS calls that take @whole seconds. */
static unsigned
cancel (Call *call, double whole, double *clock_ms, double *cpu_ms)
{
  unsigned n = 0;

  for (unsigned i = 0; i < ROUNDS; i++) {
    effnet_session_set_cancelled (call->session, FALSE);
    GThread *thread = g_thread_new ("call", run, call);
    g_usleep ((gulong)(whole * 0.95e6 * (i + 0.5) / ROUNDS));
    double clock_s = seconds (CLOCK_MONOTONIC), cpu_s = seconds (CLOCK_PROCESS_CPUTIME_ID);
    effnet_session_set_cancelled (call->session, TRUE);
    g_thread_join (thread);
    if (!call->cancelled)
      continue;
    clock_ms[n] = 1e3 * (call->clock_s - clock_s);
    cpu_ms[n++] = 1e3 * (call->cpu_s - cpu_s);
  }
  qsort (clock_ms, n, sizeof *clock_ms, compare);
  qsort (cpu_ms, n, sizeof *cpu_ms, compare);
  return n;
}

int
main (int argc, char **argv)
{
  EffnetModelOptions options = {.synthetic_seed = 1, .variant = argc > 1 ? argv[1] : "b4"};
  EffnetSessionOptions how = {.threads = argc > 3 ? (unsigned)atoi (argv[3]) : 0};
  g_autoptr (GError) error = NULL;
  double clock_ms[ROUNDS], cpu_ms[ROUNDS];
  Call call = {.n = argc > 4 ? (unsigned)CLAMP (atoi (argv[4]), 1, REGIONS_MAX) : 1};

  options.input_size = argc > 2 ? (unsigned)atoi (argv[2]) : 0;
  for (unsigned i = 0; i < call.n && call.n > 1; i++)
    call.regions[i] = (EffnetRegion){i % 20 * 20, i / 20 % 20 * 16, 200, 150};
  EffnetModel *model = effnet_model_open (NULL, &options, &error);
  call.session = model != NULL ? effnet_session_new (model, &how, &error) : NULL;
  if (call.session == NULL) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  run (&call); /* the first is slow */
  double began = seconds (CLOCK_MONOTONIC);
  run (&call);
  double whole = seconds (CLOCK_MONOTONIC) - began;
  unsigned n = cancel (&call, whole, clock_ms, cpu_ms);
  printf ("%s, %u regions: a call takes %.0f ms; of %u cancelled ones, after that: clock p95 %.1f, "
          "worst %.1f ms; CPU p95 %.1f, worst %.1f ms\n",
          options.variant, call.n, 1e3 * whole, n, n > 0 ? clock_ms[n * 95 / 100 - (n == 20)] : 0.0,
          n > 0 ? clock_ms[n - 1] : 0.0, n > 0 ? cpu_ms[n * 95 / 100 - (n == 20)] : 0.0,
          n > 0 ? cpu_ms[n - 1] : 0.0);
  effnet_session_free (call.session);
  effnet_model_unref (model);
  return 0;
}
