// The loop itself: what it is given, and how it is chosen. Nothing in it allocates, locks, faults on purpose
// or calls the system.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>

#include "core/access.hpp"
#include "core/clock.hpp"

namespace regtap {

class Changes;
class Judge;

// One register as the loop sees it.
struct Channel {
  const volatile std::byte* source;
  Kind kind;
  // Of a 64-bit counter in two halves, each read by an access of 32 bits: the upper one; `source` is the
  // lower one then, and the kind u64. Null: `source` is the whole register.
  const volatile std::byte* high = nullptr;
};

// What became of 64-bit counters in two halves.
struct Pairs {
  static constexpr int kMostTries = 4;

  std::atomic<std::uint64_t> extra_loads{0};  // beyond the three of a pair whose halves agree at once
  bool torn = false;                          // the last row ended a fill: some halves never agreed
};

// Where rows go: arrays of at least `limit` elements, and the count that publishes them.
struct Rows {
  std::uint64_t* ticks;
  std::byte* const* columns;  // one for each channel, of its width
  std::uint32_t* latency;     // ticks from first to last access of a row, saturated; or null
  std::atomic<std::uint64_t>* published;
  std::uint64_t base;  // row i is published as base + i + 1
};

// How another thread ends a loop, or has it look around.
struct Control {
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::uint32_t kStop = 1;  // end the capture
  static constexpr std::uint32_t kSeal = 2;  // hand the open block over; cleared when that is done

  // The loop ends before the first row at or after this tick. One load a row serves every reason to end.
  alignas(64) std::atomic<std::uint64_t> deadline{kNever};
  std::atomic<std::uint32_t> asked{0};  // of the bits above; a futex: paced loops sleep on it

  bool is_asked(std::uint32_t what) const { return (asked.load() & what) != 0; }
  // By the loop's own thread. Sets the deadline unless something was asked for, or is at the same time:
  // both sides store before they load, all sequentially consistent, so that one of them sees the other.
  void set_deadline(std::uint64_t at) {
    deadline.store(at);
    if (asked.load()) deadline.store(0);
  }
};

struct Loop {
  std::span<const Channel> channels;
  const Control* control;
  Judge* judge = nullptr;      // for a judged loop; stays the caller's
  Pairs* pairs = nullptr;      // where there are pairs among the channels; the same
  Changes* changes = nullptr;  // for a loop that stores changes only; the same
};

// Fills rows [first, limit) and returns how many rows are complete; fewer than limit if the deadline came, or
// the last row was a hit of the judge, or after a row with a pair whose halves never agreed: it was read, and
// is not among the complete ones. `last` is the tick of the row before, and then of the last row: ticks never
// decrease.
using Fill = std::uint64_t (*)(const Loop&, const Rows&, std::uint64_t first, std::uint64_t limit,
                               std::uint64_t& last);

// Which of the rows that are read a loop stores.
enum class Stored {
  every,
  judged,   // every one, and a hit of the judge ends the fill
  changes,  // those that differ from the row before, and the last ones before them (changes.hpp)
};

// The loop that fits these channels. A latency needs ticks that wait for the loads. A judged loop needs a
// judge; one of changes needs Changes, and its `limit` leaves a slot for the candidate.
Fill choose_fill(std::span<const Channel> channels, clock::Source source, bool with_latency,
                 Stored stored = Stored::every);

}  // namespace regtap
