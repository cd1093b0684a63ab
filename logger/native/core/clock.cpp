#include "core/clock.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>

namespace regtap::clock {
namespace {

bool kernel_trusts_counter() {
#if defined(__x86_64__)
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  file >> source;
  return source == "tsc";
#elif defined(__aarch64__)
  return true;  // the architecture promises a counter that is constant and the same on every core
#else
  return false;
#endif
}

double measure_frequency_hz(Source source) {
  const Anchor begin = take_anchor(source);
  const timespec pause = {0, 10'000'000};
  nanosleep(&pause, nullptr);
  const Anchor end = take_anchor(source);
  return static_cast<double>(end.ticks - begin.ticks) * 1e9 / static_cast<double>(end.raw_ns - begin.raw_ns);
}

struct Segment {
  std::uint64_t ticks;
  double ns;
  double ns_per_tick;

  // Signed: ticks before the first anchor are extended backwards.
  std::int64_t at(std::uint64_t value) const {
    return static_cast<std::int64_t>(ns + static_cast<double>(static_cast<std::int64_t>(value - ticks)) *
                                              ns_per_tick);
  }
};

}  // namespace

std::uint64_t ticks(Source source) {
  switch (source) {
    case Source::counter:
      return ticks<Source::counter>();
    case Source::fenced:
      return ticks<Source::fenced>();
    default:
      return ticks<Source::system>();
  }
}

Source best_source(bool is_device) {
  static const bool trusted = kernel_trusts_counter();
  if (!trusted) return Source::system;
  return is_device ? Source::fenced : Source::counter;
}

const char* name(Source source) {
  if (source == Source::system) return "monotonic_raw";
#if defined(__x86_64__)
  return "tsc";
#else
  return "cntvct";
#endif
}

Anchor take_anchor(Source source, unsigned tries) {
  // Fenced on both sides, whatever the loop does, so that the clock is read inside the bracket.
  const Source bracket = source == Source::system ? Source::system : Source::fenced;
  Anchor best = {};
  std::uint64_t narrowest = std::numeric_limits<std::uint64_t>::max();
  for (unsigned i = 0; i < tries; ++i) {
    const std::uint64_t before = ticks(bracket);
    const std::uint64_t raw_ns = read_ns(CLOCK_MONOTONIC_RAW);
    const std::uint64_t after = ticks(bracket);
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = {before + narrowest / 2,  raw_ns,
            read_ns(CLOCK_REALTIME), read_ns(CLOCK_MONOTONIC),
            read_ns(CLOCK_BOOTTIME), (narrowest + 1) / 2};
  }
  if (source == Source::system) best.ticks = best.raw_ns;
  return best;
}

double frequency_hz(Source source) {
  if (source == Source::system) return 1e9;
  static const double measured = measure_frequency_hz(Source::fenced);
  return measured;
}

Converted convert(std::span<const std::uint64_t> ticks, std::span<std::int64_t> ns,
                  std::span<const std::uint64_t> anchor_ticks, std::span<const std::int64_t> anchor_ns,
                  std::int64_t floor_ns) {
  Converted result = {floor_ns, 0, floor_ns};
  std::size_t done = 0;
  for (std::size_t k = 0; k + 1 < anchor_ticks.size() && done < ticks.size(); ++k) {
    const bool is_last = k + 2 == anchor_ticks.size();
    const auto* first = ticks.data() + done;
    const auto* end = ticks.data() + ticks.size();
    const auto* stop = is_last ? end : std::lower_bound(first, end, anchor_ticks[k + 1]);
    const Segment segment = {anchor_ticks[k], static_cast<double>(anchor_ns[k]),
                             static_cast<double>(anchor_ns[k + 1] - anchor_ns[k]) /
                                 static_cast<double>(anchor_ticks[k + 1] - anchor_ticks[k])};
    for (; first != stop; ++first, ++done) {
      const std::int64_t at = std::max(segment.at(*first), result.last_ns);
      const std::int64_t distance = result.last_ns < 0 ? 0 : at - result.last_ns;
      if (distance > result.longest_ns) {
        result.longest_ns = distance;
        result.longest_at = result.last_ns;
      }
      ns[done] = result.last_ns = at;
    }
  }
  return result;
}

}  // namespace regtap::clock
