// How far a capture is, and how it ended.
#pragma once

#include <cstdint>

#include "core/schedule.hpp"

namespace regtap {

enum class Ended : std::uint32_t { running, stopped, duration, samples, full, fault, captures };

// What befell the sampling thread between its first sample and its last, by getrusage(2).
struct Disturbances {
  std::uint64_t minor_faults = 0;  // pages that were not there: the loop stood still
  std::uint64_t major_faults = 0;  // and had to be read
  std::uint64_t sleeps = 0;        // turns of the CPU given up: waiting for a slot, or for room
  std::uint64_t preemptions = 0;   // turns taken away
};

// The balance: at full rate taken = stored + lost, paced due = stored + lost + missed. Exact once ended.
struct Progress {
  Ended ended = Ended::running;
  std::uint64_t taken = 0;
  std::uint64_t lost = 0;
  std::uint64_t missed = 0;
  std::uint64_t unchanged = 0;    // taken, and like the row before: counted only
  std::uint64_t torn = 0;         // of the lost ones: a pair's halves never agreed
  std::uint64_t extra_loads = 0;  // of pairs, beyond three a row
  std::uint64_t due = 0;          // paced only
  std::uint64_t pauses = 0;
  std::uint64_t throttled_ticks = 0;
  std::uint64_t elapsed_ticks = 0;  // from the loop's beginning to its end, once ended; pauses are in it
  Lateness lateness;                // paced only, once ended
  Disturbances disturbances;        // once ended
  int fault_channel = -1;           // once ended by a fault
  int cpu_errno = 0;                // why the thread could not be pinned
  int priority_errno = 0;           // why it could not become SCHED_FIFO
  std::uint64_t hits = 0;           // of the trigger, that counted
  std::uint64_t held_off = 0;       // and that came within the holdoff
  std::uint64_t stretches = 0;      // that were opened
  bool held_at_start = false;       // the trigger's condition held on the first row: it had not become true
};

}  // namespace regtap
