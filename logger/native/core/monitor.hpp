// The loop behind a live view: it stores no samples, and counts what each register does between two looks.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "core/clock.hpp"
#include "core/fault.hpp"
#include "core/fill.hpp"
#include "core/schedule.hpp"

namespace regtap {

// What is watched: some bits of a channel's value. A whole register has lsb 0 and a mask of its width.
struct Probe {
  std::size_t channel;
  unsigned lsb;
  std::uint64_t mask;  // of the bits after shifting by lsb
};

// What a probe's value did. The counts begin with the first row, or with restart().
struct Activity {
  enum class State : std::uint64_t { unread, read, faulted };

  State state = State::unread;  // faulted: a bus error; the rest is from before it
  std::uint64_t value = 0;      // of the last row
  std::uint64_t changes = 0;    // rows whose value differs from the row before
  std::uint64_t smallest = 0;
  std::uint64_t largest = 0;
  std::uint64_t changed_ticks = 0;    // when the value was first seen
  std::uint64_t recent_smallest = 0;  // since the look before; the value held at that moment is among them
  std::uint64_t recent_largest = 0;
};

struct Look {
  std::uint64_t ticks = 0;   // now
  std::uint64_t taken = 0;   // rows since the beginning
  std::uint64_t missed = 0;  // slots in which no row could be taken
  std::vector<Activity> activities;
};

// One writer, the loop; one reader at a time, who retries while a change is being written (a sequence lock:
// the loop never waits). A value that stays as it is costs the loop a comparison and no store.
class Tally {
 public:
  // By the loop. `epoch` is the number of looks so far.
  void observe(std::uint64_t value, std::uint64_t ticks, std::uint64_t epoch);
  void note_fault();
  void restart(std::uint64_t ticks);
  bool is_faulted() const { return load(state_) == static_cast<std::uint64_t>(Activity::State::faulted); }

  // By the reader. `epoch` is the number of looks before this one.
  Activity read(std::uint64_t epoch) const;

 private:
  using Word = std::atomic<std::uint64_t>;
  // Extremes of one interval between looks; they count only if the loop wrote them in that interval.
  struct Interval {
    Word epoch{~std::uint64_t{0}};
    Word smallest{0};
    Word largest{0};
  };

  static std::uint64_t load(const Word& word) { return word.load(std::memory_order_relaxed); }
  static void store(Word& word, std::uint64_t value) { word.store(value, std::memory_order_relaxed); }
  void begin_writing();
  void end_writing();
  void widen(std::uint64_t value, std::uint64_t before, std::uint64_t epoch);
  Activity copy(std::uint64_t epoch) const;

  alignas(64) Word version_{0};  // odd: the loop is writing
  Word state_{0};
  Word value_{0};
  Word changes_{0};
  Word smallest_{0};
  Word largest_{0};
  Word changed_ticks_{0};
  Interval intervals_[2];  // of odd and of even looks
};

class Monitor {
 public:
  // The channels' windows must outlive the monitor.
  Monitor(std::vector<Channel> channels, std::vector<Probe> probes, clock::Source source, Period period);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  void
  start();  // once: rows by the schedule, on a thread of its own, until the monitor is destroyed or stopped
  void take_row();  // one row on the caller's thread; only before start()
  void stop();  // returns when the thread has ended; in a forked child at once: the thread is the parent's

  Look look();  // by one thread at a time; the loop goes on

  void restart() noexcept { orders_.fetch_or(kRestart); }  // counts and extremes begin anew with the next row
  void retry() noexcept { orders_.fetch_or(kRetry); }      // faulted channels are read again

 private:
  static constexpr std::uint32_t kRestart = 1;
  static constexpr std::uint32_t kRetry = 2;

  void thread_main();
  void run();
  template <class Rows>
  void guard(Rows take_rows);
  void row();
  void obey(std::uint32_t orders, std::uint64_t now);
  void note_fault();
  void abandon();

  std::vector<Channel> channels_;
  std::vector<Probe> probes_;
  clock::Source source_;
  Period period_;
  std::vector<fault::Range> ranges_;
  std::vector<Tally> tallies_;            // one for each probe
  std::vector<std::uint64_t> values_;     // of the row at hand, one for each channel
  std::vector<std::uint8_t> is_faulted_;  // one for each channel; the loop's own
  volatile std::size_t reading_ = 0;  // the channel being read; volatile: the jump out of a fault keeps it
  Control control_;
  std::optional<Schedule> schedule_;
  std::unique_ptr<fault::Guardian> guardian_;
  std::atomic<std::uint64_t> epoch_{0};  // looks so far
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> missed_{0};
  std::atomic<std::uint32_t> orders_{0};
  pid_t owner_ = 0;  // the process that the thread runs in
  std::thread thread_;
};

}  // namespace regtap
