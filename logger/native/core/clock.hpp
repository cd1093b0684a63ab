// Raw ticks for the loop, and anchors that tie them to the system's clocks.
#pragma once

#include <time.h>

#include <cstdint>
#include <span>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace regtap::clock {

// How the loop takes its ticks.
//   counter  the CPU's invariant counter, read as it is
//   fenced   the same, after every earlier load has completed: on a bus that takes longer than the counter,
//   an
//            unfenced one would be read while the previous row's load is still under way
//   system   CLOCK_MONOTONIC_RAW in ns, where the kernel itself does not trust the counter
enum class Source : std::uint32_t { counter, fenced, system };

inline std::uint64_t read_ns(clockid_t id) {
  timespec now;
  clock_gettime(id, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

template <Source source>
inline std::uint64_t ticks() {
#if defined(__x86_64__)
  if constexpr (source == Source::fenced) _mm_lfence();
  if constexpr (source != Source::system) return __rdtsc();
#elif defined(__aarch64__)
  if constexpr (source == Source::fenced) asm volatile("dsb ld\n\tisb" ::: "memory");
  if constexpr (source != Source::system) {
    std::uint64_t value;
    asm volatile("mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
  }
#endif
  return read_ns(CLOCK_MONOTONIC_RAW);
}

std::uint64_t ticks(Source source);

// `fenced` or `counter` as asked where the CPU's counter can be trusted: on x86 if the kernel's current
// clocksource is the TSC, on aarch64 always; `system` elsewhere.
Source best_source(bool is_device);
const char* name(Source source);  // "tsc", "cntvct" or "monotonic_raw"

// The ticks and the clocks, read together: ticks lies within +-uncertainty of the moment of raw_ns.
struct Anchor {
  std::uint64_t ticks;
  std::uint64_t raw_ns;       // CLOCK_MONOTONIC_RAW
  std::uint64_t realtime_ns;  // CLOCK_REALTIME, up to a few bracket lengths later
  std::uint64_t monotonic_ns;
  std::uint64_t boottime_ns;
  std::uint64_t uncertainty_ticks;  // half of the bracket around the read of raw_ns
};

// The tightest of several brackets.
Anchor take_anchor(Source source, unsigned tries = 16);

// Ticks per second, measured once a process against CLOCK_MONOTONIC_RAW over 10 ms: for schedules and
// deadlines only. Times in a trace are interpolated between anchors.
double frequency_hz(Source source);
std::uint64_t in_ticks(std::uint64_t ns, Source source);  // by that frequency

// Converts ticks to ns by linear interpolation between neighbouring anchors (the outer segments are
// extended), never below `floor_ns`, hence never decreasing for ticks that never decrease.
// A negative floor_ns says that nothing came before. Sizes: ns as ticks; anchor_ticks (strictly increasing)
// and anchor_ns alike, at least 2.
struct Converted {
  std::int64_t last_ns;     // of the last element; floor_ns if there is none
  std::int64_t longest_ns;  // longest distance between neighbours, the first one measured from floor_ns
};
Converted convert(std::span<const std::uint64_t> ticks, std::span<std::int64_t> ns,
                  std::span<const std::uint64_t> anchor_ticks, std::span<const std::int64_t> anchor_ns,
                  std::int64_t floor_ns);

}  // namespace regtap::clock
