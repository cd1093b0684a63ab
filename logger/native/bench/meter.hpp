// Timing of one block, and what happened to the thread meanwhile.
#pragma once

#include <sched.h>
#include <sys/resource.h>

#include <cstdint>

#include "core/clock.hpp"

namespace regtap::bench {

struct Reading {
  std::uint64_t ticks;
  std::uint64_t
      switches;          // forced context switches of the thread: one that waits for the kernel makes its own
  std::uint64_t faults;  // page faults of the thread
  std::uint64_t moves;   // 1 if it ended on another CPU than it began on
};

// Waits for everything before it, reads the clock, and lets nothing after it begin earlier.
template <clock::Source source>
inline std::uint64_t stamp() {
  const std::uint64_t now = clock::ticks<source>();
#if defined(__x86_64__)
  _mm_lfence();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
  return now;
}

inline std::uint64_t stamp() {
  static const bool counter = clock::best_source(true) == clock::Source::fenced;
  return counter ? stamp<clock::Source::fenced>() : stamp<clock::Source::system>();
}

class Meter {
 public:
  void begin() {
    cpu_ = sched_getcpu();  // outside of the two getrusage, between which system calls are counted
    getrusage(RUSAGE_THREAD, &before_);
    began_ = stamp();
  }
  Reading end() const {
    const std::uint64_t ended = stamp();
    rusage after;
    getrusage(RUSAGE_THREAD, &after);
    return {ended - began_, count(after.ru_nivcsw - before_.ru_nivcsw),
            count(after.ru_minflt - before_.ru_minflt + after.ru_majflt - before_.ru_majflt),
            cpu_ != sched_getcpu() ? 1U : 0U};
  }

 private:
  static std::uint64_t count(long difference) { return static_cast<std::uint64_t>(difference); }

  int cpu_ = 0;
  rusage before_ = {};
  std::uint64_t began_ = 0;
};

}  // namespace regtap::bench
