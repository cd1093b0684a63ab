/* What the sampling loop is measured against: the loop that one writes by hand, and a register that moves.

   Built by native_loops.py with `cc -O2`, the optimisation of the native core. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static inline uint64_t system_ticks(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t counter_ticks(void) {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value)::"memory");
  return value;
#else
  return system_ticks();
#endif
}

/* A tick, a load, two stores, and the count published, as the recorder publishes it. */
void sample_by_counter(const volatile uint32_t *source, uint64_t *ticks, uint32_t *values, uint64_t rows,
                       _Atomic uint64_t *published) {
  for (uint64_t i = 0; i < rows; ++i) {
    const uint64_t now = counter_ticks();
    values[i] = *source;
    ticks[i] = now;
    atomic_store_explicit(published, i + 1, memory_order_release);
  }
}

/* The same where the kernel does not trust the CPU's counter, and regtap does not either. */
void sample_by_system_clock(const volatile uint32_t *source, uint64_t *ticks, uint32_t *values, uint64_t rows,
                            _Atomic uint64_t *published) {
  for (uint64_t i = 0; i < rows; ++i) {
    const uint64_t now = system_ticks();
    values[i] = *source;
    ticks[i] = now;
    atomic_store_explicit(published, i + 1, memory_order_release);
  }
}

/* Advances a register by 0 to 7 once a period, until *stop. */
void advance_register(volatile uint32_t *reg, uint64_t period_ns, const _Atomic uint32_t *stop) {
  const struct timespec period = {(time_t)(period_ns / 1000000000u), (long)(period_ns % 1000000000u)};
  uint32_t state = 2463534242u; /* xorshift32, Marsaglia 2003 */
  while (!atomic_load_explicit(stop, memory_order_relaxed)) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    *reg += state & 7u;
    nanosleep(&period, 0);
  }
}
