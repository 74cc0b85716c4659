/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A library to be preloaded that makes the system fail, at a place given in the environment:
 *   EFFNET_FAIL_ALLOCATION=N   the N-th allocation of ours fails, 0 = none
 *   EFFNET_FAIL_BYTES=SIZE     allocations smaller than that are not counted
 *   EFFNET_FAIL_CHECKED=1      only those whose failure is looked at: by malloc itself, mmap,
 *                              posix_memalign or g_try_..., not by what ends the process instead
 *   EFFNET_FAIL_ABOVE=BYTES    each of ours that would take the process above so many bytes fails
 *   EFFNET_FAIL_ANY=1          everybody's allocations are counted and fail
 *   EFFNET_FAIL_THREAD=N       from the N-th on, no thread can be made
 *   EFFNET_FAIL_OURS=1         of threads, only ours are counted and fail
 *   EFFNET_FAIL_OPEN=N         from the N-th on, no file is opened: EMFILE
 *   EFFNET_FAIL_READ=N         the N-th read of a file fails, as from a bad disk
 *   EFFNET_STUCK_FILE=NAME     read() of a file of that name never returns
 *   EFFNET_SHORT_READS=1       reads of files give at most 7 bytes more than a third
 *   EFFNET_SIGNALS=1           a signal every 300 microseconds, and calls are not restarted
 *   EFFNET_FAIL_LOG=PATH       at the end: how many there were, and with EFFNET_FAIL_ABOVE the most
 *                              bytes and those at our first block of a quarter of a megabyte;
 *                              before: the size of what failed
 * An allocation is ours when effnet's code asked for it, itself or through GLib, JSON-GLib or
 * libjpeg. */
#undef _FILE_OFFSET_BITS /* both names of a call are defined here */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *block, size_t size);
extern void *__libc_memalign (size_t alignment, size_t size);
extern void __libc_free (void *block);

#define QUARTER ((size_t)256 << 10) /* bytes */

typedef void *(*ThreadFunc) (void *);

static atomic_long allocations, threads, reads, opens;
static atomic_long bytes_now, bytes_most, bytes_first; /* while fail_above is asked for */
static long fail_allocation = -1, fail_above = -1, fail_thread = -1, fail_read = -1, fail_open = -1;
static size_t fail_bytes;
static int short_reads, ours_only, checked_only, anybody;
static const char *log_path, *stuck_file;
static _Thread_local int inside;

static void
on_signal (int number)
{
  (void)number;
}

static long
number_of (const char *name)
{
  const char *text = getenv (name);
  return text != NULL ? atol (text) : -1;
}

static void
note (const char *what, size_t value)
{
  char text[80];
  int n = snprintf (text, sizeof text, "%s %zu\n", what, value);
  int fd = log_path != NULL ? open (log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

  if (fd >= 0 && write (fd, text, (size_t)n) == n)
    close (fd);
}

__attribute__ ((constructor)) static void
begin (void)
{
  void *frames[2];

  inside++;
  backtrace (frames, 2); /* loads what it needs now */
  log_path = getenv ("EFFNET_FAIL_LOG");
  fail_bytes =
      (size_t)atol (getenv ("EFFNET_FAIL_BYTES") != NULL ? getenv ("EFFNET_FAIL_BYTES") : "0");
  fail_above = number_of ("EFFNET_FAIL_ABOVE");
  fail_thread = number_of ("EFFNET_FAIL_THREAD");
  fail_read = number_of ("EFFNET_FAIL_READ");
  fail_open = number_of ("EFFNET_FAIL_OPEN");
  checked_only = getenv ("EFFNET_FAIL_CHECKED") != NULL;
  anybody = getenv ("EFFNET_FAIL_ANY") != NULL;
  stuck_file = getenv ("EFFNET_STUCK_FILE");
  ours_only = getenv ("EFFNET_FAIL_OURS") != NULL;
  short_reads = getenv ("EFFNET_SHORT_READS") != NULL;
  fail_allocation = number_of ("EFFNET_FAIL_ALLOCATION");
  if (getenv ("EFFNET_SIGNALS") != NULL) {
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval every = {{0, 300}, {0, 300}};
    sigaction (SIGALRM, &action, NULL);
    setitimer (ITIMER_REAL, &every, NULL);
  }
  inside--;
}

__attribute__ ((destructor)) static void
end (void)
{
  note ("allocations", (size_t)allocations);
  note ("most", (size_t)bytes_most);
  note ("first", (size_t)bytes_first);
  note ("threads", (size_t)threads);
  note ("reads", (size_t)reads);
  note ("opens", (size_t)opens);
}

/* What allocates for others: who called it is what counts. */
static int
is_servant (const char *file)
{
  static const char *const servants[] = {"libc.so",    "libglib-",   "libgobject-", "libgio-",
                                         "libjson-gl", "libjpeg.so", "libc-"};

  for (size_t i = 0; i < sizeof servants / sizeof *servants; i++) {
    if (strncmp (file, servants[i], strlen (servants[i])) == 0)
      return 1;
  }
  return 0;
}

/* Whether effnet's code is at the call's root; @checked: and looks at how it ends. */
static int
is_ours (int checked)
{
  void *frames[24];
  Dl_info self, at;
  int n = backtrace (frames, 24);

  if (dladdr (&fail_bytes, &self) == 0)
    return 0;
  for (int i = 0; i < n; i++) {
    if (dladdr (frames[i], &at) == 0 || at.dli_fbase == self.dli_fbase)
      continue;
    const char *slash = strrchr (at.dli_fname, '/');
    const char *file = slash != NULL ? slash + 1 : at.dli_fname;
    if (!is_servant (file))
      return strstr (file, "effnet") != NULL;
    if (checked && (at.dli_sname == NULL || strncmp (at.dli_sname, "g_try_", 6) != 0))
      return 0;
  }
  return 0;
}

/* Blocks of the heap and of mmap(), as they come and go. */
static void
account (long bytes)
{
  long now = atomic_fetch_add (&bytes_now, bytes) + bytes;

  if (now > bytes_most)
    bytes_most = now;
}

static void *
counted (void *block)
{
  if (block != NULL && fail_above >= 0)
    account ((long)malloc_usable_size (block));
  return block;
}

static int
is_too_much (size_t size)
{
  long now = bytes_now;
  int fails = 0;

  inside++;
  if (size >= QUARTER && bytes_first == 0 && is_ours (0))
    bytes_first = now;
  if (now + (long)size > fail_above && is_ours (0)) {
    note ("failed", size);
    errno = ENOMEM;
    fails = 1;
  }
  inside--;
  return fails;
}

static int
allocation_fails (size_t size)
{
  int fails = 0;

  if (fail_above >= 0 && inside == 0)
    return is_too_much (size);
  if (fail_allocation < 0 || size < fail_bytes || inside > 0)
    return 0;
  inside++;
  if ((anybody || is_ours (checked_only)) &&
      atomic_fetch_add (&allocations, 1) + 1 == fail_allocation) {
    note ("failed", size);
    errno = ENOMEM;
    fails = 1;
  }
  inside--;
  return fails;
}

void *
malloc (size_t size)
{
  return allocation_fails (size) ? NULL : counted (__libc_malloc (size));
}

void *
calloc (size_t n, size_t size)
{
  return allocation_fails (n * size) ? NULL : counted (__libc_calloc (n, size));
}

void *
realloc (void *block, size_t size)
{
  long before = block != NULL && fail_above >= 0 ? (long)malloc_usable_size (block) : 0;
  void *moved;

  if (allocation_fails (size))
    return NULL;
  moved = counted (__libc_realloc (block, size));
  if (moved != NULL)
    account (-before);
  return moved;
}

void
free (void *block)
{
  if (block != NULL && fail_above >= 0)
    account (-(long)malloc_usable_size (block));
  __libc_free (block);
}

int
posix_memalign (void **block, size_t alignment, size_t size)
{
  if (allocation_fails (size))
    return ENOMEM;
  *block = counted (__libc_memalign (alignment, size));
  return *block != NULL ? 0 : ENOMEM;
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return allocation_fails (size) ? NULL : counted (__libc_memalign (alignment, size));
}

void *
mmap (void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
  static void *(*next) (void *, size_t, int, int, int, off_t);

  if (next == NULL)
    *(void **)&next = dlsym (RTLD_NEXT, "mmap");
  if (allocation_fails (size))
    return MAP_FAILED;
  at = next (at, size, protection, flags, fd, offset);
  if (at != MAP_FAILED && fail_above >= 0)
    account ((long)size);
  return at;
}

int
munmap (void *at, size_t size)
{
  static int (*next) (void *, size_t);

  if (next == NULL)
    *(void **)&next = dlsym (RTLD_NEXT, "munmap");
  if (fail_above >= 0)
    account (-(long)size);
  return next (at, size);
}

void *
mmap64 (void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
  return mmap (at, size, protection, flags, fd, offset);
}

int
pthread_create (pthread_t *thread, const pthread_attr_t *attributes, ThreadFunc func, void *user)
{
  static int (*next) (pthread_t *, const pthread_attr_t *, ThreadFunc, void *);

  if (next == NULL)
    *(void **)&next = dlsym (RTLD_NEXT, "pthread_create");
  if ((!ours_only || is_ours (0)) && atomic_fetch_add (&threads, 1) + 1 >= fail_thread &&
      fail_thread > 0)
    return EAGAIN;
  return next (thread, attributes, func, user);
}

/* Whether the process has no number left for a file that our code opens. */
static int
open_fails (void)
{
  int fails = 0;

  if (fail_open < 0 || inside > 0)
    return 0;
  inside++;
  if (is_ours (0) && atomic_fetch_add (&opens, 1) + 1 >= fail_open && fail_open > 0) {
    errno = EMFILE;
    fails = 1;
  }
  inside--;
  return fails;
}

int
open (const char *path, int flags, ...)
{
  static int (*next) (const char *, int, ...);
  va_list rest;

  if (next == NULL)
    *(void **)&next = dlsym (RTLD_NEXT, "open");
  va_start (rest, flags);
  mode_t mode = va_arg (rest, mode_t);
  va_end (rest);
  return open_fails () ? -1 : next (path, flags, mode);
}

int
open64 (const char *path, int flags, ...)
{
  va_list rest;

  va_start (rest, flags);
  mode_t mode = va_arg (rest, mode_t);
  va_end (rest);
  return open (path, flags, mode);
}

FILE *
fopen (const char *path, const char *mode)
{
  static FILE *(*next) (const char *, const char *);

  if (next == NULL)
    *(void **)&next = dlsym (RTLD_NEXT, "fopen");
  return open_fails () ? NULL : next (path, mode);
}

FILE *
fopen64 (const char *path, const char *mode)
{
  return fopen (path, mode);
}

/* How much may be read: -1 = the read fails. Only of ordinary files that our code reads. */
static ssize_t
readable (int fd, size_t size)
{
  struct stat info;

  if ((fail_read < 0 && !short_reads) || inside > 0 || fstat (fd, &info) != 0 ||
      !S_ISREG (info.st_mode))
    return (ssize_t)size;
  inside++;
  int counts = is_ours (0);
  inside--;
  if (counts && atomic_fetch_add (&reads, 1) + 1 == fail_read) {
    note ("failed-read", size);
    errno = EIO;
    return -1;
  }
  return counts && short_reads && size > 8 ? (ssize_t)(size / 3 + 7 < size ? size / 3 + 7 : size)
                                           : (ssize_t)size;
}

/* As on a disk or a share that has gone away. */
static void
stick (int fd)
{
  char link[32], path[4096];
  const char *name;
  ssize_t n;

  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  n = readlink (link, path, sizeof path - 1);
  path[n > 0 ? n : 0] = '\0';
  name = strrchr (path, '/');
  while (name != NULL && strcmp (name + 1, stuck_file) == 0)
    pause ();
}

ssize_t
read (int fd, void *to, size_t size)
{
  static ssize_t (*next) (int, void *, size_t);
  ssize_t n;

  if (next == NULL)
    *(void **)&next = dlsym (RTLD_NEXT, "read");
  if (stuck_file != NULL)
    stick (fd);
  n = readable (fd, size);
  return n < 0 ? -1 : next (fd, to, (size_t)n);
}

ssize_t
pread (int fd, void *to, size_t size, off_t at)
{
  static ssize_t (*next) (int, void *, size_t, off_t);
  ssize_t n;

  if (next == NULL)
    *(void **)&next = dlsym (RTLD_NEXT, "pread");
  n = readable (fd, size);
  return n < 0 ? -1 : next (fd, to, (size_t)n, at);
}

ssize_t
pread64 (int fd, void *to, size_t size, off64_t at)
{
  return pread (fd, to, size, at);
}

size_t
fread (void *to, size_t size, size_t n, FILE *file)
{
  static size_t (*next) (void *, size_t, size_t, FILE *);

  if (next == NULL)
    *(void **)&next = dlsym (RTLD_NEXT, "fread");
  if (readable (fileno (file), size * n) < 0) {
    file->_flags |= _IO_ERR_SEEN;
    return 0;
  }
  return next (to, size, n, file);
}
