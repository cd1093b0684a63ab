/* Makes file operations fail: preloaded into a process, it stands between the program and libc.

   Only calls that concern a watched path count: those under FAILING_CALLS_ROOT, and spools. Which one fails, with
   which error and whether only once, stands in memory that is shared with every process forked from here, and so
   do the counts: tests/torture/faulty.py writes the one and reads the others. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum call { OPEN, FALLOCATE, WRITE, FSYNC, RENAME, MMAP, MKDIR, UNLINK, CLOSE, CALLS };

struct order {
  int32_t call;   /* which function fails; CALLS: none */
  int32_t at;     /* at which of its calls, from 0 */
  int32_t error;  /* errno */
  int32_t onward; /* and at every later one */
  int32_t torn;   /* a write first takes half of what it is given */
  atomic_int counts[CALLS];
};

static struct order *order;
static const char *root;

__attribute__((constructor)) static void begin(void) {
  root = getenv("FAILING_CALLS_ROOT");
  order = mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  order->call = CALLS;
}

__attribute__((visibility("default"))) struct order *failing_calls_order(void) { return order; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int starts_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int is_watched(const char *path) {
  return root && (starts_with(path, root) || starts_with(path, "/dev/shm/regtap-"));
}

static int is_watched_fd(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_watched(path);
}

static int is_watched_at(int folder, const char *path) {
  return path[0] == '/' || folder == AT_FDCWD ? is_watched(path) : is_watched_fd(folder);
}

/* Counts a call of a watched path; whether it is to fail, with errno set then. */
static int fails(enum call call) {
  const int number = atomic_fetch_add(&order->counts[call], 1);
  const int chosen = call == (enum call)order->call &&
                     (number == order->at || (order->onward && number > order->at));
  if (chosen) errno = order->error;
  return chosen;
}

static int opens(int folder, const char *path, int flags, mode_t mode) {
  if (order && is_watched_at(folder, path) && fails(OPEN)) return -1;
  return REAL(openat)(folder, path, flags, mode);
}

#define MODE_OF(flags)                        \
  mode_t mode = 0;                            \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {    \
    va_list rest;                             \
    va_start(rest, flags);                    \
    mode = va_arg(rest, mode_t);              \
    va_end(rest);                             \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  return opens(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  return opens(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  MODE_OF(flags)
  return opens(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
  MODE_OF(flags)
  return opens(folder, path, flags, mode);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  if (order && is_watched_fd(fd) && fails(FALLOCATE)) return errno;
  return REAL(posix_fallocate)(fd, offset, length);
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

ssize_t write(int fd, const void *data, size_t size) {
  if (order && is_watched_fd(fd)) {
    /* What a disk does that fills up: part of it fits, and the next call says that no more does. */
    const int tears = order->torn && order->call == WRITE && order->counts[WRITE] == order->at && size > 1;
    if (fails(WRITE) && !tears) return -1;
    if (tears) return REAL(write)(fd, data, size / 2);
  }
  return REAL(write)(fd, data, size);
}

int fsync(int fd) {
  if (order && is_watched_fd(fd) && fails(FSYNC)) return -1;
  return REAL(fsync)(fd);
}

int fdatasync(int fd) {
  if (order && is_watched_fd(fd) && fails(FSYNC)) return -1;
  return REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to) {
  if (order && is_watched(to) && fails(RENAME)) return -1;
  return REAL(rename)(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  if (order && is_watched_at(to_folder, to) && fails(RENAME)) return -1;
  return REAL(renameat)(from_folder, from, to_folder, to);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
  if (order && fd >= 0 && is_watched_fd(fd) && fails(MMAP)) return MAP_FAILED;
  return REAL(mmap)(address, size, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset) {
  return mmap(address, size, protection, flags, fd, offset);
}

int mkdir(const char *path, mode_t mode) {
  if (order && is_watched(path) && fails(MKDIR)) return -1;
  return REAL(mkdir)(path, mode);
}

int unlink(const char *path) {
  if (order && is_watched(path) && fails(UNLINK)) return -1;
  return REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags) {
  if (order && is_watched_at(folder, path) && fails(UNLINK)) return -1;
  return REAL(unlinkat)(folder, path, flags);
}

int rmdir(const char *path) {
  if (order && is_watched(path) && fails(UNLINK)) return -1;
  return REAL(rmdir)(path);
}

/* A network's file system may tell only now that it has no room; the descriptor is closed all the same. */
int close(int fd) {
  const int fail = order && is_watched_fd(fd) && fails(CLOSE);
  const int error = errno;
  const int result = REAL(close)(fd);
  if (!fail) return result;
  errno = error;
  return -1;
}
