/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the CPU and its kernel let us use. Everything is asked once and never changes afterwards;
 * nothing else in the library reads cpuid, HWCAP or EFFNET_ISA. Which kernel that means is
 * kernels/dispatch.c. */
#define _GNU_SOURCE
#include "base/cpu.h"

#include <glib.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#if defined(__x86_64__)
#  include <cpuid.h>
#  include <sys/syscall.h>
#  include <unistd.h>
#elif defined(__aarch64__)
#  include <sys/auxv.h>
#endif

#define BIT(isa)     (1u << EFFNET_ISA_##isa)
#define PORTABLE     (BIT (REF) | BIT (GENERIC))
#define UP_TO_AVX2   (PORTABLE | BIT (BLAS) | BIT (AVX2))
#define UP_TO_AVX512 (UP_TO_AVX2 | BIT (AVX_VNNI) | BIT (VNNI256) | BIT (AVX512))
#define UP_TO_BF16   (UP_TO_AVX512 | BIT (AVX512_VNNI) | BIT (AVX512_BF16))
#define UP_TO_NEON   (PORTABLE | BIT (BLAS) | BIT (NEON))

/* What a cap leaves: its own rung and those below it on the same ladder. */
static const struct {
  const char *name;
  unsigned allowed;
} caps[] = {
    {"ref", BIT (REF)},
    {"generic", PORTABLE},
    {"sse2", PORTABLE},
    {"blas", PORTABLE | BIT (BLAS)},
    {"avx2", UP_TO_AVX2},
    {"avxvnni", UP_TO_AVX2 | BIT (AVX_VNNI)},
    {"vnni256", UP_TO_AVX2 | BIT (VNNI256)},
    {"avx512", UP_TO_AVX512},
    {"avx512vnni", UP_TO_AVX512 | BIT (AVX512_VNNI)},
    {"avx512bf16", UP_TO_BF16},
    {"amx", UP_TO_BF16 | BIT (AMX)},
    {"neon", UP_TO_NEON},
    {"neondot", UP_TO_NEON | BIT (NEON_DOT)},
    {"neoni8mm", UP_TO_NEON | BIT (NEON_DOT) | BIT (NEON_I8MM)},
    {"neonbf16", UP_TO_NEON | BIT (NEON_DOT) | BIT (NEON_I8MM) | BIT (NEON_BF16)},
};

static const char *const isa_names[EFFNET_ISA_COUNT] = {
    [EFFNET_ISA_REF] = "ref",
    [EFFNET_ISA_GENERIC] = "generic",
    [EFFNET_ISA_BLAS] = "blas",
    [EFFNET_ISA_AVX2] = "avx2",
    [EFFNET_ISA_AVX512] = "avx512",
    [EFFNET_ISA_AVX512_VNNI] = "avx512vnni",
    [EFFNET_ISA_AVX512_BF16] = "avx512bf16",
    [EFFNET_ISA_AMX] = "amx",
    [EFFNET_ISA_NEON] = "neon",
    [EFFNET_ISA_AVX_VNNI] = "avxvnni",
    [EFFNET_ISA_VNNI256] = "vnni256",
    [EFFNET_ISA_NEON_DOT] = "neondot",
    [EFFNET_ISA_NEON_I8MM] = "neoni8mm",
    [EFFNET_ISA_NEON_BF16] = "neonbf16",
};

#if defined(__x86_64__)

/* XCR0: state the kernel saves and restores. */
#  define XCR0_AVX    0x6ull     /* xmm, ymm */
#  define XCR0_AVX512 0xe6ull    /* and opmask, zmm */
#  define XCR0_AMX    0x60000ull /* tile configuration, tile data */

#  define ARCH_REQ_XCOMP_PERM 0x1023
#  define XFEATURE_XTILEDATA  18

static uint64_t
read_xcr0 (void)
{
  uint32_t low, high;

  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static unsigned
detect_bundles (void)
{
  unsigned a, b, c, d, a1 = 0, b1, c1, d1, have = PORTABLE | BIT (BLAS);
  uint64_t xcr0;
  int fma_f16c;

  if (!__get_cpuid (1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
    return have;
  fma_f16c = (c & bit_FMA) && (c & bit_F16C);
  xcr0 = read_xcr0 ();
  if (!__get_cpuid_count (7, 0, &a, &b, &c, &d))
    return have;
  if (a >= 1)
    __get_cpuid_count (7, 1, &a1, &b1, &c1, &d1);
  if (!fma_f16c || !(b & (1u << 5)) || (xcr0 & XCR0_AVX) != XCR0_AVX)
    return have;
  have |= BIT (AVX2);
  have |= a1 & (1u << 4) ? BIT (AVX_VNNI) : 0;
  /* ebx: F 16, DQ 17, BW 30, VL 31 */
  if ((b & 0xc0030000u) != 0xc0030000u || (xcr0 & XCR0_AVX512) != XCR0_AVX512)
    return have;
  have |= BIT (AVX512);
  if (!(c & (1u << 11)))
    return have;
  have |= BIT (AVX512_VNNI) | BIT (VNNI256);
  if (!(a1 & (1u << 5)))
    return have;
  have |= BIT (AVX512_BF16);
  /* edx: AMX-BF16 22, AMX-TILE 24, AMX-INT8 25 */
  if ((d & 0x03400000u) == 0x03400000u && (xcr0 & XCR0_AMX) == XCR0_AMX)
    have |= BIT (AMX);
  return have;
}

/* Tile data is saved only for processes that asked; the answer holds for all their threads. */
static int
may_use_tiles (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    long refused = syscall (SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);

    g_once_init_leave (&once, refused == 0 ? 2 : 1);
  }
  return once == 2;
}

#elif defined(__aarch64__)

static unsigned
detect_bundles (void)
{
  unsigned have = PORTABLE | BIT (BLAS);

  if (!(getauxval (AT_HWCAP) & (1ul << 1))) /* ASIMD */
    return have;
  have |= BIT (NEON);
  if (!(getauxval (AT_HWCAP) & (1ul << 20))) /* ASIMDDP */
    return have;
  have |= BIT (NEON_DOT);
  if (!(getauxval (AT_HWCAP2) & (1ul << 13))) /* I8MM */
    return have;
  have |= BIT (NEON_I8MM);
  if (getauxval (AT_HWCAP2) & (1ul << 14)) /* BF16 */
    have |= BIT (NEON_BF16);
  return have;
}

static int
may_use_tiles (void)
{
  return 0;
}

#else

static unsigned
detect_bundles (void)
{
  return PORTABLE | BIT (BLAS);
}

static int
may_use_tiles (void)
{
  return 0;
}

#endif

static unsigned
allowed_by_cap (void)
{
  const char *cap = g_getenv ("EFFNET_ISA");
  GString *known;

  if (cap == NULL || *cap == '\0')
    return ~0u;
  for (gsize i = 0; i < G_N_ELEMENTS (caps); i++)
    if (g_ascii_strcasecmp (cap, caps[i].name) == 0)
      return caps[i].allowed;
  known = g_string_new (NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (caps); i++)
    g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", caps[i].name);
  g_warning ("EFFNET_ISA is \"%s\", which is not an instruction set known here; nothing is capped. "
             "Known are: %s",
             cap, known->str);
  g_string_free (known, TRUE);
  return ~0u;
}

static unsigned
usable (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once))
    g_once_init_leave (&once, detect_bundles () & allowed_by_cap ());
  return (unsigned)once;
}

int
effnet_cpu_has (EffnetIsa isa)
{
  if (isa >= EFFNET_ISA_COUNT || !(usable () >> isa & 1))
    return 0;
  return isa != EFFNET_ISA_AMX || may_use_tiles ();
}

EffnetIsa
effnet_cpu_best (void)
{
  int isa = EFFNET_ISA_COUNT - 1;

  while (isa > EFFNET_ISA_REF && (isa == EFFNET_ISA_BLAS || !effnet_cpu_has ((EffnetIsa)isa)))
    isa--;
  return (EffnetIsa)isa;
}

const char *
effnet_isa_name (EffnetIsa isa)
{
  g_return_val_if_fail (isa < EFFNET_ISA_COUNT, NULL);
  return isa_names[isa];
}

int
effnet_cpu_runs_core (const char *core)
{
#if defined(__x86_64__)
  static const char *const with_fma4[] = {"bulldozer", "piledriver", "steamroller", "excavator",
                                          NULL};
  g_autofree char *lower = g_ascii_strdown (core, -1);
  unsigned a, b, c = 0, d = 0;

  __get_cpuid (0x80000001u, &a, &b, &c, &d);
  if (g_str_has_prefix (lower, "opteron"))
    return (d & bit_3DNOW) != 0;
  if (g_strv_contains (with_fma4, lower))
    return (c & bit_FMA4) != 0;
#else
  (void)core;
#endif
  return 1;
}

/* The text is 48 bytes and a NUL; "" when the CPU does not report it. */
static void
read_model (char text[64])
{
#if defined(__x86_64__)
  unsigned regs[12];

  for (unsigned i = 0; i < 3; i++)
    if (!__get_cpuid (0x80000002u + i, &regs[4 * i], &regs[4 * i + 1], &regs[4 * i + 2],
                      &regs[4 * i + 3]))
      return;
  memcpy (text, regs, sizeof regs);
  text[sizeof regs] = '\0';
#else
  FILE *file = fopen ("/proc/cpuinfo", "re");
  char line[256];

  while (file != NULL && fgets (line, sizeof line, file) != NULL) {
    const char *colon = strchr (line, ':');

    if (colon == NULL ||
        (!g_str_has_prefix (line, "model name") && !g_str_has_prefix (line, "Model")))
      continue;
    g_strlcpy (text, colon + 1, 64);
    break;
  }
  if (file != NULL)
    fclose (file);
#endif
}

const char *
effnet_cpu_model (void)
{
  static char model[64];
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    read_model (model);
    g_strstrip (model);
    if (*model == '\0')
      g_strlcpy (model, "unknown", sizeof model);
    g_once_init_leave (&once, 1);
  }
  return model;
}

unsigned
effnet_cpu_count (void)
{
  /* The kernel refuses a set smaller than its own, so the set grows until it fits. */
  for (int bits = CPU_SETSIZE; bits <= 1 << 20; bits *= 4) {
    cpu_set_t *set = CPU_ALLOC (bits);
    gsize size = CPU_ALLOC_SIZE (bits);
    int count = 0;

    if (set == NULL)
      return 1;
    if (sched_getaffinity (0, size, set) == 0)
      count = CPU_COUNT_S (size, set);
    CPU_FREE (set);
    if (count > 0)
      return (unsigned)count;
  }
  return 1;
}
