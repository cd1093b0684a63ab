// What a capture is asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.hpp"
#include "core/schedule.hpp"
#include "core/trigger.hpp"

namespace regtap {

enum class OnFull : std::uint32_t { wait, discard, stop, overwrite };

// What is stored by itself, and when; everything else is overwritten (stretches.hpp).
struct TriggerPlan {
  std::vector<Comparison> comparisons;
  std::vector<std::uint32_t> alternatives;
  std::uint64_t pre_ns = 0;
  std::uint64_t post_ns = 0;
  std::uint64_t holdoff_ns = 0;
  std::uint64_t stretches = 0;    // the capture ends with the last of so many; 0: it does not
  std::uint64_t most_blocks = 0;  // of the ring, kept before a hit
};

// Rows that differ from the one before are stored, and the last one before them; the others are counted.
struct ChangePlan {
  std::vector<std::uint64_t> masks;  // for each register, the bits that are looked at
  std::uint64_t heartbeat_ns = 0;    // a row is stored at least this often; 0: it need not be
};

struct Plan {
  clock::Source source = clock::Source::counter;
  OnFull on_full = OnFull::wait;
  std::optional<Period> period;           // none: as fast as the bus allows
  std::uint64_t duration_ns = 0;          // 0: until stopped
  std::uint64_t samples = 0;              // samples taken, stored or lost; 0: until stopped
  std::uint64_t seal_ns = 1'000'000'000;  // a block is handed over at least this often
  int cpu = -1;                           // -1: wherever the scheduler likes
  int fifo_priority = 0;                  // 0: the ordinary scheduling class
  std::optional<ChangePlan> on_change;    // none: every row
  std::optional<TriggerPlan> trigger;     // none: every row is to be stored, or asked for
};

}  // namespace regtap
