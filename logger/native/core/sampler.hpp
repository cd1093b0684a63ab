// The sampling thread: the loop, the ring it fills, and what it does when the ring is full.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "core/changes.hpp"
#include "core/clock.hpp"
#include "core/fault.hpp"
#include "core/fill.hpp"
#include "core/filler.hpp"
#include "core/judge.hpp"
#include "core/schedule.hpp"
#include "core/spool.hpp"
#include "core/stretches.hpp"
#include "core/trigger.hpp"

namespace regtap {

enum class OnFull : std::uint32_t { wait, discard, stop, overwrite };
enum class Ended : std::uint32_t { running, stopped, duration, samples, full, fault, captures };

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

class Sampler {
 public:
  // The spool's memory and the channels' windows must outlive the sampler.
  Sampler(spool::Spool spool, std::vector<Channel> channels, Plan plan);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  void start();          // once
  void stop() noexcept;  // any thread, also a signal handler; returns at once
  void join();  // until the last block is sealed; in a forked child at once: the thread is the parent's
  bool running() const { return !done_.load(std::memory_order_acquire); }

  // Waits, asleep, until a block beyond `seen` is sealed, the sampler has ended, or the time is up.
  // Returns the number of sealed blocks.
  std::uint64_t wait_sealed(std::uint64_t seen, std::uint64_t timeout_ns) const;
  void release(std::uint64_t sequence);  // blocks before it may be reused

  // A snapshot of what OnFull::overwrite keeps; by one thread at a time. spool.hpp says why this is safe.
  void seal();  // has the open block handed over; waits, asleep, until it is or the sampler has ended
  struct Held {
    std::uint64_t oldest;
    std::uint64_t sealed;
  };
  Held hold();      // from now on blocks [oldest, sealed) stay as they are, until released
  void end_hold();  // what is not released may be overwritten again

  // Of a trigger's stretches; by one thread at a time. wait_stretch() waits, asleep, until there is an event,
  // a block beyond `seen` is sealed, the sampler has ended, or the time is up.
  void wait_stretch(std::uint64_t seen, std::uint64_t timeout_ns) const;
  std::vector<StretchEvent> take_events();
  void settle(std::uint64_t stretch);  // it is stored, its blocks are released, and so are those before it

  Progress progress() const;

 private:
  void set_trigger(const TriggerPlan& plan);
  void set_on_change(const ChangePlan& plan);
  Judge* judge() { return judge_ ? &*judge_ : nullptr; }
  void thread_main();
  void become_real_time();
  void run();
  bool step();
  bool step_free(const Rows& rows, std::uint64_t limit);
  bool step_paced(const Rows& rows, std::uint64_t limit);
  void ask(std::uint32_t what) noexcept;
  bool make_room();
  bool find_room(bool seal_now);
  bool may_overwrite();
  bool block_is_due();
  void begin_block();
  bool wait_for_room();
  bool end_waiting(std::uint64_t begin, Ended why);
  std::uint64_t count_pause(std::uint64_t begin);
  void look_at_sighting();
  bool end_stretch();
  void note_missed();
  bool step_changes(const Rows& rows, std::uint64_t limit, const Control& control);
  bool step_changed_slot(const Rows& rows, std::uint64_t limit, bool missed);
  void count_changes(std::uint64_t row);
  void flush_candidate();
  void leave_block();
  bool note_torn(const Rows& rows, std::uint64_t row);
  void count_taken(std::uint64_t rows);
  void note_fault(const void* address);
  void note_disturbances();
  bool end(Ended why);
  bool ran_out();
  void abandon();

  Filler filler_;  // the sampling thread's own
  const spool::Spool& spool_;
  std::vector<Channel> channels_;
  Plan plan_;
  std::vector<fault::Range> ranges_;
  Fill fill_;
  Control control_;
  Control unbounded_;  // for single rows of a schedule, which ends by itself
  Pairs pairs_;
  std::optional<Schedule> schedule_;
  std::unique_ptr<fault::Guardian> guardian_;
  Fill drop_fill_;  // while samples are dropped
  std::optional<Changes> changes_;
  std::optional<Judge> judge_;  // with a trigger
  std::unique_ptr<Stretches> stretches_;

  // The sampling thread's own.
  std::uint64_t last_ = 0;  // tick of the last row
  std::uint64_t begun_ = 0;
  std::uint64_t elapsed_ = 0;
  std::uint64_t seal_at_ = 0;
  std::uint64_t seal_ticks_ = 0;
  std::uint64_t end_at_ = Control::kNever;
  std::uint64_t fill_begin_ = 0;  // what the rows' counter said when the last fill began
  bool stretch_is_over_ = false;  // its last row is in the open block
  bool may_spin_ = true;
  rusage usage_ = {};  // when the loop began

  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<std::uint64_t> missed_{0};
  std::atomic<std::uint64_t> torn_{0};
  std::atomic<std::uint64_t> unchanged_{0};
  std::atomic<std::uint64_t> due_{0};
  std::atomic<std::uint64_t> pauses_{0};
  std::atomic<std::uint64_t> throttled_ticks_{0};
  std::atomic<bool> held_at_start_{false};
  std::atomic<Ended> ended_{Ended::running};
  std::atomic<bool> done_{false};
  Disturbances disturbances_;
  int fault_channel_ = -1;
  int cpu_errno_ = 0;
  int priority_errno_ = 0;
  pid_t owner_ = 0;  // the process that the thread runs in
  std::thread thread_;
};

// The same loop into arrays of the caller's, on the caller's thread.
struct Samples {
  std::uint64_t taken = 0;
  int fault_channel = -1;  // -1: none
};
struct Arrays {
  std::uint64_t* ticks;
  std::vector<std::byte*> columns;
  std::uint64_t count;
};
// Takes `arrays.count` rows, fewer after a bus error or, with slice_ns, when that much time is over: call
// again with the arrays moved on. `last` carries the tick of the row before from one call to the next.
Samples sample_into(const Arrays& arrays, const std::vector<Channel>& channels, clock::Source source,
                    std::uint64_t slice_ns, std::uint64_t& last);

}  // namespace regtap
