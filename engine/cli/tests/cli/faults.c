/* Faults of disk, clock and file watching, put between the program and the system by LD_PRELOAD.
 *
 * ALULA_FAULT       sync-eio, sync-slow, full, short, clock, warp, inotify
 * ALULA_FAULT_PATH  files whose path holds this; for warp the file with the seconds that the clock is ahead, eight bytes
 * ALULA_FAULT_NTH   from which call on, or at which
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static long calls;

static int is(const char *kind) {
  const char *wanted = getenv("ALULA_FAULT");
  return wanted && strcmp(wanted, kind) == 0;
}

static long nth(void) {
  const char *text = getenv("ALULA_FAULT_NTH");
  return text ? atol(text) : 1;
}

/* The number of this call among those on the file, or 0. */
static long hit(int fd) {
  const char *part = getenv("ALULA_FAULT_PATH");
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0 || !part) return 0;
  path[n] = 0;
  return strstr(path, part) ? __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) : 0;
}

static int sync_fault(int fd) {
  if (is("sync-eio") && hit(fd) == nth()) {
    errno = EIO;
    return -1;
  }
  if (is("sync-slow") && hit(fd) == nth()) sleep(3);
  return 0;
}

int fsync(int fd) { return sync_fault(fd) ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_fault(fd) ? -1 : (int)syscall(SYS_fdatasync, fd); }

static int full(int fd) {
  if (!is("full")) return 0;
  long n = hit(fd);
  if (n == 0 || n < nth()) return 0;
  errno = ENOSPC;
  return 1;
}

static size_t some(int fd, size_t n) { return is("short") && n > 1 && hit(fd) % 2 ? (n + 1) / 2 : n; }

ssize_t write(int fd, const void *from, size_t n) {
  return full(fd) ? -1 : syscall(SYS_write, fd, from, some(fd, n));
}
ssize_t pwrite64(int fd, const void *from, size_t n, off_t at) {
  return full(fd) ? -1 : syscall(SYS_pwrite64, fd, from, some(fd, n), at);
}
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) { return pwrite64(fd, from, n, at); }
int ftruncate64(int fd, off_t n) { return full(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, n); }
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }

/* Seconds that the clock is ahead: whoever tests writes them in place. */
static int64_t ahead(void) {
  static volatile int64_t *seconds;
  if (!seconds) {
    const char *path = getenv("ALULA_FAULT_PATH");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(0, sizeof *seconds, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (map == MAP_FAILED) abort();
    seconds = map;
  }
  return *seconds;
}

/* The machine's clock jumps a day back and forth, every so many looks at it. */
int clock_gettime(clockid_t which, struct timespec *out) {
  int done = (int)syscall(SYS_clock_gettime, which, out);
  if (done == 0 && which == CLOCK_REALTIME && is("clock")) {
    long n = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) / nth();
    out->tv_sec += n % 2 ? -86400 : 0;
  }
  if (done == 0 && which == CLOCK_REALTIME && is("warp")) out->tv_sec += ahead();
  return done;
}

int inotify_init1(int flags) {
  if (is("inotify")) {
    errno = EMFILE;
    return -1;
  }
  return (int)syscall(SYS_inotify_init1, flags);
}
