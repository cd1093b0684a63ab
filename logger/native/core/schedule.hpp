// An absolute schedule: slot k is due at start + k * period on CLOCK_MONOTONIC, whatever happened before.
#pragma once

#include <cstdint>

#include "core/clock.hpp"
#include "core/fill.hpp"

namespace regtap {

// A period in ns as an exact fraction, so that 3 samples a second do not drift.
struct Period {
  std::uint64_t numerator_ns;
  std::uint64_t denominator;
};

// How late the taken slots were, and what they cost, in ticks.
struct Lateness {
  std::uint64_t slots = 0;
  std::uint64_t sum = 0;
  std::uint64_t longest = 0;
  std::uint64_t busy = 0;  // from each slot to where the next one could have been taken
};

// Waits for slots: asleep until shortly before a slot, then spinning. At most one system call a slot, none
// when slots are closer than that.
class Schedule {
 public:
  // Longer than a wake-up of an idle virtual machine usually takes.
  static constexpr std::uint64_t kSpinNs = 200'000;

  enum class Event { slot, missed, stopped, ended, asked };

  // Slot 0 is due now; `limit` slots are due in all. Who needs no exact times does not spin, and leaves the
  // CPU to others.
  Schedule(clock::Source source, Period period, std::uint64_t limit, Control& control,
           std::uint64_t spin_ns = kSpinNs);

  // Waits for the next slot that can still begin before its successor is due; those before it that cannot are
  // skipped: missed_*() tell of them, after every event. `slot`: take a row now, it is slot next() - 1.
  // `missed`: a stop was asked for, or no slot is left. `stopped`: the same, with nothing missed any more.
  // `asked`: something else was asked for, before the slot.
  Event wait();

  // The caller was busy with something else than rows until now: that is no slot's cost.
  void begin_anew(std::uint64_t now) { now_ = now; }

  std::uint64_t next() const { return slot_; }            // slots accounted for so far
  std::uint64_t missed_count() const { return missed_; }  // of them, skipped by the last wait()
  std::uint64_t missed_from_ticks() const { return missed_from_; }
  std::uint64_t now_ticks() const { return now_; }  // when the last wait() was over
  const Lateness& lateness() const { return lateness_; }

 private:
  std::uint64_t due_ns(std::uint64_t slot) const;
  std::uint64_t due_ticks(std::uint64_t slot) const;
  void anchor(unsigned tries);
  std::uint64_t approach();
  void note_busy(std::uint64_t now);
  std::uint64_t passed(std::uint64_t now, std::uint64_t due) const;

  clock::Source source_;
  Period period_;
  std::uint64_t limit_;
  Control& control_;
  std::uint64_t spin_ns_;
  double ticks_per_ns_;
  double period_ticks_;
  std::uint64_t start_ns_ = 0;
  std::uint64_t anchor_ticks_ = 0;
  std::uint64_t anchor_ns_ = 0;
  std::uint64_t slot_ = 0;
  std::uint64_t missed_ = 0;
  std::uint64_t missed_from_ = 0;
  std::uint64_t now_;
  bool told_ = false;  // what had passed when the stop was seen has been reported
  Lateness lateness_;
};

// What wait() itself costs for a slot that is late, in ticks: measured here, over a few thousand.
double slot_cost_ticks(clock::Source source);

}  // namespace regtap
