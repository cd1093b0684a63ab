#include "core/schedule.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "core/wide.hpp"

namespace regtap {
namespace {

constexpr double kAnchorNs = 10e6;              // 100 ppm of frequency error over this is 1 us
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

Schedule::Schedule(clock::Source source, Period period, std::uint64_t limit, Control& control,
                   std::uint64_t spin_ns)
    : source_(source),
      period_(period),
      limit_(limit),
      control_(control),
      spin_ns_(spin_ns),
      ticks_per_ns_(clock::frequency_hz(source) / 1e9),
      period_ticks_(static_cast<double>(period.numerator_ns) / static_cast<double>(period.denominator) *
                    ticks_per_ns_) {
  anchor(64);
  start_ns_ = anchor_ns_;
  now_ = anchor_ticks_;
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
  return start_ns_ + multiply_divide(slot, period_.numerator_ns, period_.denominator).value;
}

std::uint64_t Schedule::due_ticks(std::uint64_t slot) const {
  const auto distance_ns = static_cast<double>(static_cast<std::int64_t>(due_ns(slot) - anchor_ns_));
  return anchor_ticks_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance_ns * ticks_per_ns_));
}

// Time from the last event to `now` went into a row and its account.
void Schedule::note_busy(std::uint64_t now) {
  if (lateness_.slots > 0 && now > now_) lateness_.busy += now - now_;
  now_ = now;
}

// Sleeps where the next slot is far away. Returns when it is due; now_ is the present.
std::uint64_t Schedule::approach() {
  const auto spin = static_cast<std::uint64_t>(static_cast<double>(spin_ns_) * ticks_per_ns_);
  note_busy(clock::ticks(source_));
  const std::uint64_t due = due_ticks(slot_);
  if (due > now_ && due - now_ > spin) {
    sleep_on(control_.asked, due_ns(slot_) - spin_ns_);
    anchor(4);
    now_ = clock::ticks(source_);
    return due_ticks(slot_);
  }
  if (static_cast<double>(now_ - anchor_ticks_) > kAnchorNs * ticks_per_ns_) {
    anchor(4);
    note_busy(clock::ticks(source_));
    return due_ticks(slot_);
  }
  if (now_ < due) note_busy(clock::ticks(source_));  // what this took is a slot's cost too
  return due;
}

std::uint64_t Schedule::passed(std::uint64_t now, std::uint64_t due) const {
  if (now <= due) return 0;
  return std::min(static_cast<std::uint64_t>(static_cast<double>(now - due) / period_ticks_), limit_ - slot_);
}

Schedule::Event Schedule::wait() {
  missed_ = 0;
  if (slot_ == limit_) return Event::ended;
  std::uint64_t due = approach();
  while (now_ < due && control_.asked.load(std::memory_order_relaxed) == 0) {
    relax();
    now_ = clock::ticks(source_);
  }
  const bool stopping = control_.is_asked(Control::kStop);
  if (stopping && told_) return Event::stopped;  // a schedule that is always late would never come to its end
  missed_ = passed(now_, due);
  if (missed_ > 0) {
    missed_from_ = due;
    slot_ += missed_;
    due += static_cast<std::uint64_t>(static_cast<double>(missed_) * period_ticks_);
    told_ = stopping;
    if (stopping || slot_ == limit_) return Event::missed;
  }
  if (stopping) return Event::stopped;
  if (now_ < due && missed_ == 0) return Event::asked;
  const std::uint64_t late = now_ > due ? now_ - due : 0;
  ++lateness_.slots;
  lateness_.sum += late;
  lateness_.longest = std::max(lateness_.longest, late);
  ++slot_;
  return Event::slot;
}

double slot_cost_ticks(clock::Source source) {
  constexpr std::uint64_t kSlots = 4000;
  Control control;
  Schedule schedule(source, {1, 1000}, std::numeric_limits<std::uint64_t>::max(), control);
  for (std::uint64_t i = 0; i < kSlots; ++i) schedule.wait();
  return static_cast<double>(schedule.lateness().busy) / kSlots;
}

}  // namespace regtap
