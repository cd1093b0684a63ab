#include "core/schedule.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace regtap {
namespace {

constexpr std::uint64_t kSpinNs = 200'000;  // longer than a wake-up of an idle virtual machine usually takes
constexpr double kAnchorNs = 10e6;          // 100 ppm of frequency error over this is 1 us
constexpr std::uint64_t kWideBracketNs = 2000;  // a bracket this wide was interrupted

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

// Sleeps until `until_ns` on CLOCK_MONOTONIC, or until somebody wakes the word after making it non-zero.
void sleep_on(const std::atomic<std::uint32_t>& word, std::uint64_t until_ns) {
  const timespec until = {static_cast<time_t>(until_ns / 1'000'000'000u),
                          static_cast<long>(until_ns % 1'000'000'000u)};
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

Schedule::Schedule(clock::Source source, Period period, std::uint64_t limit, Control& control)
    : source_(source),
      period_(period),
      limit_(limit),
      control_(control),
      ticks_per_ns_(clock::frequency_hz(source) / 1e9),
      period_ticks_(static_cast<double>(period.numerator_ns) / static_cast<double>(period.denominator) *
                    ticks_per_ns_) {
  anchor(64);
  start_ns_ = anchor_ns_;
}

void Schedule::anchor(unsigned tries) {
  for (unsigned i = 0; i < tries; ++i) {
    const std::uint64_t before = clock::ticks(source_);
    const std::uint64_t ns = clock::read_ns(CLOCK_MONOTONIC);
    const std::uint64_t after = clock::ticks(source_);
    const bool narrow = static_cast<double>(after - before) < kWideBracketNs * ticks_per_ns_;
    if (!narrow && anchor_ticks_ != 0) continue;
    anchor_ticks_ = before + (after - before) / 2;
    anchor_ns_ = ns;
    if (narrow) return;
  }
}

std::uint64_t Schedule::due_ns(std::uint64_t slot) const {
  const auto product = static_cast<unsigned __int128>(slot) * period_.numerator_ns;
  return start_ns_ + static_cast<std::uint64_t>(product / period_.denominator);
}

std::uint64_t Schedule::due_ticks(std::uint64_t slot) const {
  const auto distance_ns = static_cast<double>(static_cast<std::int64_t>(due_ns(slot) - anchor_ns_));
  return anchor_ticks_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance_ns * ticks_per_ns_));
}

std::uint64_t Schedule::sleep_until_close(std::uint64_t due) {
  const auto spin = static_cast<std::uint64_t>(kSpinNs * ticks_per_ns_);
  const std::uint64_t now = clock::ticks(source_);
  if (due > now && due - now > spin) {
    sleep_on(control_.asked, due_ns(slot_) - kSpinNs);
    anchor(4);
  } else if (static_cast<double>(now - anchor_ticks_) > kAnchorNs * ticks_per_ns_) {
    anchor(4);
  }
  return due_ticks(slot_);
}

std::uint64_t Schedule::passed(std::uint64_t now, std::uint64_t due) const {
  if (now <= due) return 0;
  return std::min(static_cast<std::uint64_t>(static_cast<double>(now - due) / period_ticks_), limit_ - slot_);
}

Schedule::Event Schedule::wait() {
  if (slot_ == limit_) return Event::ended;
  const std::uint64_t due = sleep_until_close(due_ticks(slot_));
  std::uint64_t now = clock::ticks(source_);
  while (now < due && control_.asked.load(std::memory_order_relaxed) == 0) {
    relax();
    now = clock::ticks(source_);
  }
  const bool stopping = control_.is_asked(Control::kStop);
  missed_ = passed(now, due);
  if (missed_ > 0 && !(stopping && told_)) {
    told_ = stopping;  // a schedule that is always late would never come to its end
    missed_from_ = due;
    slot_ += missed_;
    return Event::missed;
  }
  if (stopping) return Event::stopped;
  if (now < due) return Event::asked;
  const std::uint64_t late = now > due ? now - due : 0;
  ++lateness_.slots;
  lateness_.sum += late;
  lateness_.longest = std::max(lateness_.longest, late);
  ++slot_;
  return Event::slot;
}

}  // namespace regtap
