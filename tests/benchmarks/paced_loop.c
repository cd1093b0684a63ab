/* What a paced capture is measured against: a program that keeps the same schedule by the same means.

   Usage: paced_loop FILE RATE_HZ SLOTS CPU (-1: any). Sleeps until 200 us before a slot, then spins; a slot that
   could not begin before its successor was due is missed, and the next one is taken. Prints the slots missed, the
   mean and the longest lateness of the others in ns.
   Built by paced_loop.py with `cc -O2`, the optimisation of the native core. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kSpinNs = 200000 };

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* As the recorder does: short turns of the CPU in exchange for getting them soon (Linux 6.12 and later). */
static void ask_for_short_turns(void) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
  } attributes = {48, SCHED_OTHER, 0, 0, 0, 100000, 0, 0};
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static int prepare(int cpu) {
  cpu_set_t set;
  prctl(PR_SET_TIMERSLACK, 1UL);
  ask_for_short_turns();
  if (cpu < 0) return 0;
  CPU_ZERO(&set);
  CPU_SET((unsigned)cpu, &set);
  return sched_setaffinity(0, sizeof set, &set);
}

static void wait_until(uint64_t due) {
  if (due > now_ns() + kSpinNs) {
    const uint64_t wake = due - kSpinNs;
    const struct timespec until = {(time_t)(wake / 1000000000u), (long)(wake % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, 0);
  }
  while (now_ns() < due) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const double period_ns = 1e9 / atof(argv[2]);
  const uint64_t slots = strtoull(argv[3], 0, 10);
  const int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (fd < 0 || prepare(atoi(argv[4])) != 0) return 1;
  const volatile uint32_t *source = mmap(0, 4096, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
  uint64_t *const ticks = malloc(slots * sizeof *ticks);
  uint32_t *const values = malloc(slots * sizeof *values);
  if (source == MAP_FAILED || !ticks || !values) return 1;
  memset(ticks, 1, slots * sizeof *ticks);
  memset(values, 1, slots * sizeof *values);

  uint64_t missed = 0, taken = 0, late_sum = 0, late_longest = 0;
  const uint64_t start = now_ns();
  for (uint64_t slot = 0; slot < slots; ++slot) {
    wait_until(start + (uint64_t)((double)slot * period_ns));
    uint64_t now = now_ns();
    const uint64_t passed = (uint64_t)((double)(now - start) / period_ns);
    if (passed > slot) {
      const uint64_t next = passed < slots ? passed : slots;
      missed += next - slot;
      slot = next;
      if (slot == slots) break;
    }
    const uint64_t late = now - (start + (uint64_t)((double)slot * period_ns));
    values[taken] = *source;
    ticks[taken++] = now;
    late_sum += late;
    late_longest = late > late_longest ? late : late_longest;
  }
  printf("%" PRIu64 " %.0f %" PRIu64 "\n", missed, taken ? (double)late_sum / (double)taken : 0.0, late_longest);
  return 0;
}
