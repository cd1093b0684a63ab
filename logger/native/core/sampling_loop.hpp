// The loop of a capture: the ring it fills, and what it does when the ring is full.
#pragma once

#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/changes.hpp"
#include "core/clock.hpp"
#include "core/counter.hpp"
#include "core/fill.hpp"
#include "core/filler.hpp"
#include "core/judge.hpp"
#include "core/plan.hpp"
#include "core/progress.hpp"
#include "core/schedule.hpp"
#include "core/spool.hpp"
#include "core/stretches.hpp"

namespace regtap {

// sampling_loop.cpp takes rows, sampling_room.cpp sees to it that they have somewhere to go.
class SamplingLoop {
 public:
  // The spool's memory and the channels' windows must outlive the loop. Throws std::invalid_argument where
  // the plan or the channels do not fit the spool.
  SamplingLoop(spool::Spool spool, std::vector<Channel> channels, Plan plan);

  // By the sampling thread: run(), which a bus error may leave by a jump (fault::Scope); note_fault() then;
  // in the end close().
  void run();
  void note_fault(const void* address);
  void close();

  // By any thread.
  const Plan& plan() const { return plan_; }
  const std::vector<Channel>& channels() const { return channels_; }
  const spool::Spool& spool() const { return spool_; }
  Stretches* stretches() const { return stretches_.get(); }  // null: there is no trigger
  void ask(std::uint32_t what) noexcept;                     // of Control's bits; also a signal handler
  bool is_asked(std::uint32_t what) const { return control_.is_asked(what); }
  Progress progress(bool has_ended) const;

 private:
  void set_trigger(const TriggerPlan& plan);
  void set_on_change(const ChangePlan& plan);
  Judge* judge() { return judge_ ? &*judge_ : nullptr; }
  bool step();
  bool step_free(const Rows& rows, std::uint64_t limit);
  bool step_paced(const Rows& rows, std::uint64_t limit);
  bool step_changes(const Rows& rows, std::uint64_t limit, const Control& control);
  bool step_changed_slot(const Rows& rows, std::uint64_t limit, bool missed);
  void count_taken(std::uint64_t rows);
  void count_changes(std::uint64_t row);
  void flush_candidate();
  void look_at_sighting();
  bool note_torn(const Rows& rows, std::uint64_t row);
  void note_missed();
  void note_disturbances();
  bool end(Ended why);
  bool ran_out();

  bool make_room();
  bool find_room(bool seal_now);
  bool may_overwrite();
  bool block_is_due();
  void begin_block();
  void leave_block();
  bool end_stretch();
  bool wait_for_room();
  bool end_waiting(std::uint64_t begin, Ended why);
  std::uint64_t count_pause(std::uint64_t begin);

  Filler filler_;  // the sampling thread's own
  const spool::Spool& spool_;
  std::vector<Channel> channels_;
  Plan plan_;
  Fill fill_;
  Fill drop_fill_;  // while samples are dropped
  Control control_;
  Control unbounded_;  // for single rows of a schedule, which ends by itself
  Pairs pairs_;
  std::optional<Schedule> schedule_;
  std::optional<Changes> changes_;
  std::optional<Judge> judge_;  // with a trigger
  std::unique_ptr<Stretches> stretches_;

  // The sampling thread's own.
  std::uint64_t last_ = 0;  // tick of the last row
  std::uint64_t begun_ = 0;
  std::uint64_t elapsed_ = 0;
  std::uint64_t seal_at_ = 0;
  std::uint64_t seal_ticks_;
  std::uint64_t end_at_ = Control::kNever;
  std::uint64_t fill_begin_ = 0;  // what the rows' counter said when the last fill began
  bool stretch_is_over_ = false;  // its last row is in the open block
  bool may_spin_ = true;
  rusage usage_ = {};  // when the loop began
  Disturbances disturbances_;
  int fault_channel_ = -1;

  Counter taken_;
  Counter lost_;
  Counter missed_;
  Counter torn_;
  Counter unchanged_;
  Counter due_;
  Counter pauses_;
  Counter throttled_ticks_;
  std::atomic<bool> held_at_start_{false};
  std::atomic<Ended> ended_{Ended::running};
};

}  // namespace regtap
