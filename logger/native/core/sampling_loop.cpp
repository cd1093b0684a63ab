#include "core/sampling_loop.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/sampling_thread.hpp"
#include "core/wide.hpp"

namespace regtap {
namespace {

// Samples dropped between two looks at whether there is room again.
constexpr std::uint64_t kDropChunk = 1024;
// Rows of a loop that stores changes between two looks at the progress: about a millisecond of the fastest.
constexpr std::uint64_t kChangeChunk = 1 << 16;

// Slots due at 0, p, 2p, ... before the duration ends.
std::uint64_t slots_in(std::uint64_t duration_ns, Period period) {
  if (duration_ns == 0) return std::numeric_limits<std::uint64_t>::max();
  const Quotient slots = multiply_divide(duration_ns, period.denominator, period.numerator_ns);
  return slots.value + (slots.is_exact ? 0 : 1);
}

}  // namespace

SamplingLoop::SamplingLoop(spool::Spool spool, std::vector<Channel> channels, Plan plan)
    : filler_(std::move(spool), plan.source),
      spool_(filler_.spool()),
      channels_(std::move(channels)),
      plan_(std::move(plan)),
      fill_(choose_fill(channels_, plan_.source, spool_.geometry().has_latency,
                        plan_.trigger ? Stored::judged : Stored::every)),
      drop_fill_(fill_),
      seal_ticks_(clock::in_ticks(plan_.seal_ns, plan_.source)) {
  const auto& kinds = spool_.geometry().kinds;
  const bool match = std::equal(kinds.begin(), kinds.end(), channels_.begin(), channels_.end(),
                                [](Kind kind, const Channel& channel) { return kind == channel.kind; });
  if (!match || channels_.empty()) throw std::invalid_argument("the spool was made for other registers");
  if (plan_.trigger) set_trigger(*plan_.trigger);
  if (plan_.on_change) set_on_change(*plan_.on_change);
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) may_spin_ = CPU_COUNT(&allowed) > 1;
}

void SamplingLoop::set_on_change(const ChangePlan& plan) {
  if (plan_.on_full == OnFull::overwrite || plan_.trigger)
    throw std::invalid_argument("changes are stored as they come, and a flight recorder overwrites them");
  changes_.emplace(filler_, plan.masks, clock::in_ticks(plan.heartbeat_ns, plan_.source));
  fill_ = choose_fill(channels_, plan_.source, spool_.geometry().has_latency, Stored::changes);
  filler_.keep_slots(2);  // for the candidate, and for a row that differs after slots were missed
}

void SamplingLoop::set_trigger(const TriggerPlan& plan) {
  if (spool_.geometry().block_count > Stretches::kReserved / 4)
    throw std::invalid_argument("the spool has too many blocks for a trigger");
  judge_.emplace(Trigger(plan.comparisons, plan.alternatives, channels_.size()));
  stretches_ = std::make_unique<Stretches>(
      StretchPlan{clock::in_ticks(plan.pre_ns, plan_.source), clock::in_ticks(plan.post_ns, plan_.source),
                  clock::in_ticks(plan.holdoff_ns, plan_.source), plan.stretches, plan.most_blocks});
}

// Runs armed: a bus error jumps out of here, so nothing below owns anything on the stack.
void SamplingLoop::run() {
  const std::uint64_t now = clock::ticks(plan_.source);
  if (plan_.period) {
    schedule_.emplace(plan_.source, *plan_.period, slots_in(plan_.duration_ns, *plan_.period), control_);
  } else if (plan_.duration_ns > 0) {
    end_at_ = now + clock::in_ticks(plan_.duration_ns, plan_.source);
  }
  last_ = begun_ = now;
  filler_.open_block();
  begin_block();
  getrusage(RUSAGE_THREAD, &usage_);
  while (make_room() && step()) {
  }
  flush_candidate();
  filler_.end_dropping();
}

bool SamplingLoop::end(Ended why) {
  ended_.store(why, std::memory_order_relaxed);
  return false;
}

// Whether a loop that took fewer rows than it could has come to its end; else it only stopped to seal.
bool SamplingLoop::ran_out() {
  if (control_.is_asked(Control::kStop)) return !end(Ended::stopped);
  if (clock::ticks(plan_.source) >= end_at_) return !end(Ended::duration);
  return false;
}

void SamplingLoop::count_taken(std::uint64_t rows) {
  taken_.add(rows);
  if (filler_.dropping()) lost_.add(rows);
}

// Every row that can be taken now, or up to a reason to look around. False: the capture ends here.
bool SamplingLoop::step() {
  const Rows rows = filler_.rows();
  std::uint64_t limit = spool_.geometry().rows_per_block;
  if (filler_.dropping()) limit = std::min(kDropChunk, limit);
  const std::uint64_t left = plan_.samples - taken_.value();
  const bool stores_changes = changes_ && !filler_.dropping();
  if (plan_.samples > 0 && !stores_changes) limit = std::min(limit, filler_.row() + left);
  if (stores_changes) {
    const std::uint64_t seen = changes_->has_candidate() ? 1 : 0;
    if (plan_.samples > 0 && left == seen) {
      flush_candidate();
      return end(Ended::samples);
    }
    changes_->allow(plan_.samples > 0 ? std::min(kChangeChunk, left - seen) : kChangeChunk);
  }
  if (!(schedule_ ? step_paced(rows, limit) : step_free(rows, limit))) return false;
  if (plan_.samples > 0 && taken_.value() == plan_.samples) return end(Ended::samples);
  return true;
}

bool SamplingLoop::step_free(const Rows& rows, std::uint64_t limit) {
  // Nothing is sealed while samples are dropped: an old block's time must not hold the loop up.
  control_.set_deadline(filler_.dropping() ? end_at_ : std::min(end_at_, seal_at_));
  if (changes_) return step_changes(rows, limit, control_) || !ran_out();
  const std::uint64_t before = filler_.row();
  fill_begin_ = rows.base + before;
  const std::uint64_t row = fill_({channels_, &control_, judge(), &pairs_}, rows, before, limit, last_);
  filler_.advance(row - before);
  count_taken(row - before);
  look_at_sighting();
  return note_torn(rows, row) || row == limit || !ran_out();
}

// True: there is a reason to look around other than the deadline.
bool SamplingLoop::step_changes(const Rows& rows, std::uint64_t limit, const Control& control) {
  const std::uint64_t before = filler_.row();
  fill_begin_ = rows.base + before;
  if (filler_.dropping()) {
    const std::uint64_t row = drop_fill_({channels_, &control, nullptr, &pairs_}, rows, before, limit, last_);
    filler_.advance(row - before);
    count_taken(row - before);
    return note_torn(rows, row) || row == limit;
  }
  const std::uint64_t row =
      fill_({channels_, &control, nullptr, &pairs_, &*changes_}, rows, before, limit, last_);
  count_changes(row);
  if (pairs_.torn) flush_candidate();
  return note_torn(rows, filler_.row()) || row + 1 >= limit;
}

// Takes over what a loop that stores changes has published and counted.
void SamplingLoop::count_changes(std::uint64_t row) {
  const std::uint64_t published = row - fill_begin_;  // no block but the overflow one begins with rows
  changes_->settle(row, last_);
  const std::uint64_t skipped = changes_->skipped() - unchanged_.value();
  count_taken(published + skipped);
  unchanged_.set(changes_->skipped());
}

// The newest row of a run is stored, before something comes that is no row.
void SamplingLoop::flush_candidate() {
  if (!changes_ || filler_.dropping() || !filler_.block_open()) return;
  if (!changes_->flush(filler_.rows(), filler_.row())) return;
  fill_begin_ = filler_.row();
  count_changes(filler_.row() + 1);
}

bool SamplingLoop::step_paced(const Rows& rows, std::uint64_t limit) {
  while (filler_.row() < limit) {
    const Schedule::Event event = schedule_->wait();
    due_.set(schedule_->next());
    const bool missed = schedule_->missed_count() > 0;
    if (missed) note_missed();
    if (event == Schedule::Event::ended) return end(Ended::duration);
    if (event == Schedule::Event::stopped) return end(Ended::stopped);
    if (event != Schedule::Event::slot) return true;
    if (changes_) {
      if (step_changed_slot(rows, limit, missed)) return true;
      continue;
    }
    // The fault's index and the balance count this slot as taken only once its row is complete.
    const std::uint64_t row = filler_.row();
    fill_begin_ = rows.base + row;
    const std::uint64_t end = fill_({channels_, &unbounded_, judge(), &pairs_}, rows, row, row + 1, last_);
    filler_.advance(end - row);
    count_taken(end - row);
    look_at_sighting();
    const bool torn = note_torn(rows, row);
    if (stretch_is_over_) return true;
    if (last_ >= seal_at_ || control_.is_asked(Control::kSeal)) return true;
    if ((missed || torn) && !filler_.dropping() && filler_.block_is_full()) return true;  // of gaps
  }
  return true;
}

// One slot of a schedule. True: there is a reason to look around.
bool SamplingLoop::step_changed_slot(const Rows& rows, std::uint64_t limit, bool missed) {
  const std::uint64_t allowed = changes_->allowed();
  if (!filler_.dropping()) changes_->allow(1);
  const bool looks = step_changes(rows, filler_.dropping() ? filler_.row() + 1 : limit, unbounded_);
  if (filler_.dropping()) return filler_.row() >= limit;
  if (looks || last_ >= seal_at_ || allowed == 1 || filler_.block_is_full()) return true;
  changes_->allow(allowed - 1);
  return missed && filler_.block_is_full();
}

// What the judge saw in the last row.
void SamplingLoop::look_at_sighting() {
  if (!judge_) return;
  const Sighting sighting = judge_->take_sighting();
  if (!sighting.is_any) return;
  held_at_start_.store(judge_->trigger().held_at_start(), std::memory_order_relaxed);
  if (sighting.strikes) stretches_->note_hit(filler_, last_);
  const bool is_over = stretches_->is_open() && last_ >= stretches_->ends_at();
  // A stretch ends with a block: not while its rows are dropped, but with the first row after that.
  stretch_is_over_ = is_over && !filler_.dropping();
  judge_->look_at(stretches_->is_open() ? stretches_->ends_at() : Judge::kNever);
}

// Whether the fill ended after a row that is not complete: a sample that was taken, and is lost.
bool SamplingLoop::note_torn(const Rows& rows, std::uint64_t row) {
  if (!std::exchange(pairs_.torn, false)) return false;
  filler_.note_torn(row > 0 ? rows.ticks[row - 1] : last_, clock::ticks(plan_.source));
  for (auto* counter : {&taken_, &lost_, &torn_}) counter->add(1);
  return true;
}

void SamplingLoop::note_missed() {
  flush_candidate();
  const std::uint64_t count = schedule_->missed_count();
  filler_.note_missed(count, schedule_->missed_from_ticks(), schedule_->now_ticks());
  missed_.add(count);
}

void SamplingLoop::ask(std::uint32_t what) noexcept {
  control_.asked.fetch_or(what);
  control_.deadline.store(0);
  syscall(SYS_futex, &control_.asked, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// The jump came out of the middle of a fill: what it had completed is what it had published.
void SamplingLoop::note_fault(const void* address) {
  const std::uint64_t completed = filler_.published() - fill_begin_;
  if (changes_ && !filler_.dropping()) {
    count_changes(filler_.published());
    flush_candidate();
  } else {
    count_taken(completed);
    filler_.advance(completed);
  }
  if (completed > 0) last_ = filler_.rows().ticks[filler_.row() - 1];
  filler_.note_fault(last_);
  fault_channel_ = channel_at(channels_, address);
  if (schedule_) due_.set(filler_.index());  // the faulting slot ended it
  end(Ended::fault);
}

void SamplingLoop::note_disturbances() {
  rusage now;
  getrusage(RUSAGE_THREAD, &now);
  const auto since = [](long after, long before) { return static_cast<std::uint64_t>(after - before); };
  disturbances_ = {since(now.ru_minflt, usage_.ru_minflt), since(now.ru_majflt, usage_.ru_majflt),
                   since(now.ru_nvcsw, usage_.ru_nvcsw), since(now.ru_nivcsw, usage_.ru_nivcsw)};
}

void SamplingLoop::close() {
  elapsed_ = clock::ticks(plan_.source) - begun_;
  note_disturbances();
  if (filler_.block_open() && !filler_.block_is_empty()) filler_.seal_block();
}

Progress SamplingLoop::progress(bool has_ended) const {
  Progress progress;
  progress.ended = has_ended ? ended_.load(std::memory_order_relaxed) : Ended::running;
  progress.taken = taken_.value();
  progress.lost = lost_.value();
  progress.missed = missed_.value();
  progress.unchanged = unchanged_.value();
  progress.torn = torn_.value();
  progress.extra_loads = pairs_.extra_loads.load(std::memory_order_relaxed);
  progress.due = due_.value();
  progress.pauses = pauses_.value();
  progress.throttled_ticks = throttled_ticks_.value();
  if (stretches_) {
    progress.hits = stretches_->hits();
    progress.held_off = stretches_->held_off();
    progress.stretches = stretches_->opened();
  }
  progress.held_at_start = held_at_start_.load(std::memory_order_relaxed);
  if (!has_ended) return progress;
  if (schedule_) progress.lateness = schedule_->lateness();
  progress.elapsed_ticks = elapsed_;
  progress.disturbances = disturbances_;
  progress.fault_channel = fault_channel_;
  return progress;
}

}  // namespace regtap
