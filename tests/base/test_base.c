/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arena, checked arithmetic, and the CPU under caps. The cap is read once a process, so each is
 * tried in a fork, before this process has asked. (Not g_test_trap_subprocess(): under qemu-user a
 * program cannot execute itself.) */
#define _GNU_SOURCE
#include <glib.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/cpu.h"
#include "base/dtype.h"
#include "base/error.h"
#include "effnet/percentile.h"

static void
test_arena (void)
{
  static const size_t sizes[] = {0, 1, 63, 64, 65, 4097, (size_t)2 << 20, ((size_t)5 << 20) + 1};

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    EffnetArena arena;
    const char *bytes;

    g_assert_cmpint (effnet_arena_init (&arena, sizes[i]), ==, 0);
    g_assert_nonnull (arena.base);
    g_assert_cmpuint ((uintptr_t)arena.base % EFFNET_ALIGN, ==, 0);
    g_assert_cmpuint (arena.bytes, >=, sizes[i]);
    g_assert_cmpuint (arena.bytes, >, 0);
    bytes = arena.base;
    for (gsize at = 0; at < arena.bytes; at++)
      g_assert_cmpint (bytes[at], ==, 0);
    memset (arena.base, 1, arena.bytes);
    effnet_arena_clear (&arena);
    g_assert_null (arena.base);
    g_assert_cmpuint (arena.bytes, ==, 0);
    effnet_arena_clear (&arena); /* twice is harmless */
  }
}

static void
test_arena_too_large (void)
{
  static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 62, SIZE_MAX / 2 + 1, (size_t)1 << 60};

#if defined(__SANITIZE_ADDRESS__)
  g_test_skip ("the sanitizer's allocator aborts where the system's refuses");
  return;
#endif
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    EffnetArena arena;

    g_assert_cmpint (effnet_arena_init (&arena, sizes[i]), ==, -1);
    g_assert_null (arena.base);
    g_assert_cmpuint (arena.bytes, ==, 0);
  }
}

static void
test_checked (void)
{
  size_t out = 0, half = (size_t)1 << 32;

  g_assert_true (effnet_checked_mul (half - 1, half, &out));
  g_assert_cmpuint (out, ==, (half - 1) << 32);
  g_assert_false (effnet_checked_mul (half, half, &out));
  g_assert_true (effnet_checked_mul (0, SIZE_MAX, &out));
  g_assert_cmpuint (out, ==, 0);
  g_assert_true (effnet_checked_add (SIZE_MAX - 1, 1, &out));
  g_assert_cmpuint (out, ==, SIZE_MAX);
  g_assert_false (effnet_checked_add (SIZE_MAX, 1, &out));
  g_assert_cmpuint (effnet_align_up (0, 64), ==, 0);
  g_assert_cmpuint (effnet_align_up (1, 64), ==, 64);
  g_assert_cmpuint (effnet_align_up (64, 64), ==, 64);
  g_assert_cmpuint (effnet_align_up (65, 64), ==, 128);
  g_assert_cmpuint (effnet_div_up (0, 3), ==, 0);
  g_assert_cmpuint (effnet_div_up (1, 3), ==, 1);
  g_assert_cmpuint (effnet_div_up (3, 3), ==, 1);
  g_assert_cmpuint (effnet_div_up (4, 3), ==, 2);
}

/* Runs @child with EFFNET_ISA=@cap and returns what it returns. */
static int
in_fork (const char *cap, int (*child) (const char *), const char *data)
{
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0) {
    if (cap != NULL)
      g_setenv ("EFFNET_ISA", cap, TRUE);
    else
      g_unsetenv ("EFFNET_ISA");
    _exit (child (data));
  }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
test_error_domain (void)
{
  g_assert_cmpstr (g_quark_to_string (EFFNET_ERROR), ==, "effnet-error-quark");
}

static void
test_names (void)
{
  for (int isa = 0; isa < EFFNET_ISA_COUNT; isa++) {
    g_assert_nonnull (effnet_isa_name ((EffnetIsa)isa));
    for (int other = 0; other < isa; other++)
      g_assert_cmpstr (effnet_isa_name ((EffnetIsa)isa), !=, effnet_isa_name ((EffnetIsa)other));
  }
  g_assert_nonnull (effnet_cpu_model ());
  g_assert_cmpuint (strlen (effnet_cpu_model ()), >, 0);
  g_test_message ("%s, best %s", effnet_cpu_model (), effnet_isa_name (effnet_cpu_best ()));
}

#if defined(__x86_64__)
/* Flags as the kernel lists them are an independent witness of ours. */
static gboolean
cpuinfo_has (const char *words)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) wanted = g_strsplit (words, " ", -1);
  const char *flags, *end;

  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL) ||
      (flags = strstr (text, "\nflags")) == NULL || (end = strchr (flags + 1, '\n')) == NULL)
    return FALSE;
  for (gsize i = 0; wanted[i] != NULL; i++) {
    g_autofree char *line = g_strndup (flags, (gsize)(end - flags));
    g_autofree char *padded = g_strconcat (line, " ", NULL);
    g_autofree char *word = g_strconcat (" ", wanted[i], " ", NULL);

    if (strstr (padded, word) == NULL)
      return FALSE;
  }
  return TRUE;
}
#endif

static int
test_detect_child (const char *data)
{
  (void)data;
#if defined(__x86_64__)
  const char *avx2 = "avx2 fma f16c", *avx512 = "avx2 fma f16c avx512f avx512bw avx512dq avx512vl";

  g_assert_cmpint (effnet_cpu_has (EFFNET_ISA_AVX2), ==, cpuinfo_has (avx2));
  g_assert_cmpint (effnet_cpu_has (EFFNET_ISA_AVX_VNNI), ==,
                   cpuinfo_has (avx2) && cpuinfo_has ("avx_vnni"));
  g_assert_cmpint (effnet_cpu_has (EFFNET_ISA_AVX512), ==, cpuinfo_has (avx512));
  g_assert_cmpint (effnet_cpu_has (EFFNET_ISA_AVX512_VNNI), ==,
                   cpuinfo_has (avx512) && cpuinfo_has ("avx512_vnni"));
  g_assert_cmpint (effnet_cpu_has (EFFNET_ISA_AVX512_BF16), ==,
                   cpuinfo_has (avx512) && cpuinfo_has ("avx512_vnni avx512_bf16"));
  if (!cpuinfo_has ("amx_tile amx_bf16 amx_int8")) /* else the kernel may still refuse */
    g_assert_false (effnet_cpu_has (EFFNET_ISA_AMX));
  g_assert_false (effnet_cpu_has (EFFNET_ISA_NEON));
#endif
#if defined(__aarch64__)
  g_assert_true (effnet_cpu_has (EFFNET_ISA_NEON));
  g_assert_false (effnet_cpu_has (EFFNET_ISA_AVX2));
#endif
  g_assert_true (effnet_cpu_has (EFFNET_ISA_REF) && effnet_cpu_has (EFFNET_ISA_GENERIC));
  g_assert_false (effnet_cpu_has (EFFNET_ISA_COUNT));
  return 0;
}

static void
test_detect (void)
{
#if defined(__x86_64__)
  if (!cpuinfo_has ("fpu")) {
    g_test_skip ("/proc/cpuinfo lists no flags of this CPU");
    return;
  }
#endif
  g_assert_cmpint (in_fork (NULL, test_detect_child, NULL), ==, 0);
}

static int
test_cap_child (const char *allowed)
{
  for (int isa = 0; isa < EFFNET_ISA_COUNT; isa++) {
    g_autofree char *word = g_strdup_printf (" %s ", effnet_isa_name ((EffnetIsa)isa));

    if (strstr (allowed, word) == NULL)
      g_assert_false (effnet_cpu_has ((EffnetIsa)isa));
    else if (isa <= EFFNET_ISA_BLAS)
      g_assert_true (effnet_cpu_has ((EffnetIsa)isa));
  }
  g_assert_true (effnet_cpu_has (effnet_cpu_best ()));
  g_assert_cmpint (effnet_cpu_best (), !=, EFFNET_ISA_BLAS);
  return 0;
}

static void
test_cap (void)
{
  static const char *const caps[][2] = {
      {"ref", " ref "},
      {"generic", " ref generic "},
      {"sse2", " ref generic "},
      {"SSE2", " ref generic "},
      {"blas", " ref generic blas "},
      {"avx2", " ref generic blas avx2 "},
      {"avxvnni", " ref generic blas avx2 avxvnni "},
      {"vnni256", " ref generic blas avx2 vnni256 "},
      {"avx512", " ref generic blas avx2 avxvnni vnni256 avx512 "},
      {"avx512vnni", " ref generic blas avx2 avxvnni vnni256 avx512 avx512vnni "},
      {"avx512bf16", " ref generic blas avx2 avxvnni vnni256 avx512 avx512vnni avx512bf16 "},
      {"amx", " ref generic blas avx2 avxvnni vnni256 avx512 avx512vnni avx512bf16 amx "},
      {"neon", " ref generic blas neon "},
      {"neondot", " ref generic blas neon neondot "},
      {"neoni8mm", " ref generic blas neon neondot neoni8mm "},
      {"neonbf16", " ref generic blas neon neondot neoni8mm neonbf16 "},
      {"", " ref generic blas avx2 avxvnni vnni256 avx512 avx512vnni avx512bf16 amx neon neondot "
           "neoni8mm neonbf16 "},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (caps); i++)
    g_assert_cmpint (in_fork (caps[i][0], test_cap_child, caps[i][1]), ==, 0);
}

static int
best (const char *data)
{
  (void)data;
  return (int)effnet_cpu_best ();
}

static int
test_unknown_cap_child (const char *data)
{
  EffnetIsa isa;

  (void)data;
  g_test_expect_message (NULL, G_LOG_LEVEL_WARNING, "*EFFNET_ISA is \"avx3\"*ref, generic*neon*");
  isa = effnet_cpu_best ();
  g_test_assert_expected_messages ();
  g_assert_cmpint (effnet_cpu_best (), ==,
                   isa); /* said once: another warning would be fatal here */
  return (int)isa;
}

static void
test_unknown_cap (void)
{
  g_assert_cmpint (in_fork ("avx3", test_unknown_cap_child, NULL), ==, in_fork (NULL, best, NULL));
}

static gpointer
ask (gpointer data)
{
  (void)data;
  return GINT_TO_POINTER (effnet_cpu_best () * 2 + effnet_cpu_has (EFFNET_ISA_AMX));
}

static void
test_threads (void)
{
  GThread *threads[8];
  gpointer expected = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("ask", ask, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++) {
    gpointer answer = g_thread_join (threads[i]);

    if (i > 0)
      g_assert_true (answer == expected);
    expected = answer;
  }
}

static void
test_count (void)
{
  cpu_set_t before, one;
  unsigned all = effnet_cpu_count ();

  g_assert_cmpuint (all, >=, 1);
  g_assert_cmpuint (all, <=, (unsigned)sysconf (_SC_NPROCESSORS_CONF));
  if (sched_getaffinity (0, sizeof before, &before) != 0) {
    g_test_skip ("more CPUs than a cpu_set_t holds");
    return;
  }
  g_assert_cmpuint (all, ==, (unsigned)CPU_COUNT (&before));
  CPU_ZERO (&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET (cpu, &before) && CPU_COUNT (&one) == 0)
      CPU_SET (cpu, &one);
  g_assert_cmpint (sched_setaffinity (0, sizeof one, &one), ==, 0);
  g_assert_cmpuint (effnet_cpu_count (), ==, 1);
  g_assert_cmpint (sched_setaffinity (0, sizeof before, &before), ==, 0);
}

/* A value of the list, never one in between: ranks that a rounding of q * (n - 1) gets wrong. */
static void
test_percentile (void)
{
  uint64_t ten[] = {70, 10, 100, 30, 90, 50, 60, 40, 80, 20}, many[512];

  g_assert_cmpuint (effnet_percentile (NULL, 0, 50), ==, 0);
  g_assert_cmpuint (effnet_percentile (ten, 1, 0), ==, 70);
  effnet_percentile_sort (ten, G_N_ELEMENTS (ten));
  g_assert_cmpuint (effnet_percentile (ten, 10, 0), ==, 10);
  g_assert_cmpuint (effnet_percentile (ten, 10, 50), ==, 50);
  g_assert_cmpuint (effnet_percentile (ten, 10, 51), ==, 60);
  g_assert_cmpuint (effnet_percentile (ten, 10, 95), ==, 100);
  g_assert_cmpuint (effnet_percentile (ten, 10, 100), ==, 100);
  for (unsigned i = 0; i < 512; i++)
    many[i] = UINT64_MAX - i; /* differences that do not fit a signed comparison */
  effnet_percentile_sort (many, 512);
  g_assert_true (effnet_percentile (many, 512, 99) == UINT64_MAX - 5); /* the 507th */
}

/* Ties to even, carries into the exponent, and what must not become an infinity or lose being a
 * NaN. */
static void
test_bf16 (void)
{
  static const struct {
    guint32 f32;
    guint16 bf16;
  } cases[] = {
      {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81},
      {0x3fffffff, 0x4000}, {0x80000000, 0x8000}, {0x00000001, 0x0000}, {0x00018000, 0x0002},
      {0x7f7f7fff, 0x7f7f}, {0x7f7f8000, 0x7f80}, {0x7f800000, 0x7f80}, {0x7f800001, 0x7fc0},
      {0xffc12345, 0xffc1},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint16 rounded;
    float value;

    memcpy (&value, &cases[i].f32, sizeof value);
    g_assert_cmphex (effnet_bf16_from_float (value), ==, cases[i].bf16);
    effnet_dtypes[EFFNET_DTYPE_BF16].from_float (&value, 1, &rounded);
    g_assert_cmphex (rounded, ==, cases[i].bf16);
  }
}

/* What every type can hold comes back, over a block's end and from any alignment. */
static void
test_dtypes (void)
{
  float values[300], back[300];
  char stored[300 * sizeof (float) + 1];
  static const gsize sizes[EFFNET_DTYPE_COUNT] = {4, 2, 2, 1, 8};
  static const double doubles[] = {0.1, -3.0, 1e39, 5e-324};

  effnet_dtypes[EFFNET_DTYPE_F64].to_float (doubles, G_N_ELEMENTS (doubles), back);
  g_assert_true (back[0] == 0.1f && back[1] == -3.0f && back[2] > G_MAXFLOAT && back[3] == 0.0f);
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = (float)((int)i % 256 - 128) / 64.0f;
  for (EffnetDtype dtype = 0; dtype < EFFNET_DTYPE_COUNT; dtype++) {
    const EffnetDtypeInfo *info = &effnet_dtypes[dtype];

    g_assert_nonnull (info->name);
    g_assert_cmpuint (effnet_dtype_size (dtype), ==, sizes[dtype]);
    if (info->from_float == NULL)
      continue;
    memset (stored, 0x5a, sizeof stored);
    info->from_float (values, 299, stored + 1);
    g_assert_cmpint (stored[1 + 299 * info->size], ==, 0x5a);
    info->to_float (stored + 1, 299, back);
    g_assert_cmpmem (back, 299 * sizeof *back, values, 299 * sizeof *values);
  }
  g_assert_cmpstr (effnet_dtypes[EFFNET_DTYPE_F32].precision, ==, "fp32");
  g_assert_cmpstr (effnet_dtypes[EFFNET_DTYPE_BF16].precision, ==, "bf16");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_unsetenv ("EFFNET_ISA"); /* these tests have no business with the caller's */
  g_test_add_func ("/cpu/detect", test_detect);
  g_test_add_func ("/cpu/cap", test_cap);
  g_test_add_func ("/cpu/unknown-cap", test_unknown_cap);
  g_test_add_func ("/cpu/names", test_names);
  g_test_add_func ("/cpu/threads", test_threads);
  g_test_add_func ("/cpu/count", test_count);
  g_test_add_func ("/arena/sizes", test_arena);
  g_test_add_func ("/arena/too-large", test_arena_too_large);
  g_test_add_func ("/checked", test_checked);
  g_test_add_func ("/dtype/bf16", test_bf16);
  g_test_add_func ("/dtype/table", test_dtypes);
  g_test_add_func ("/percentile", test_percentile);
  g_test_add_func ("/error/domain", test_error_domain);
  return g_test_run ();
}
