#include "core/sampler.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/sampling_thread.hpp"
#include "core/wide.hpp"

namespace regtap {
namespace {

using spool::Spool;

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

std::uint64_t in_ticks(std::uint64_t ns, clock::Source source) {
  return static_cast<std::uint64_t>(static_cast<double>(ns) * clock::frequency_hz(source) / 1e9);
}

}  // namespace

Sampler::Sampler(Spool spool, std::vector<Channel> channels, Plan plan)
    : filler_(std::move(spool), plan.source),
      spool_(filler_.spool()),
      channels_(std::move(channels)),
      plan_(std::move(plan)),
      ranges_(ranges_of(channels_)),
      fill_(choose_fill(channels_, plan_.source, spool_.geometry().has_latency, plan_.trigger.has_value())),
      drop_fill_(fill_) {
  const auto& kinds = spool_.geometry().kinds;
  const bool match = std::equal(kinds.begin(), kinds.end(), channels_.begin(), channels_.end(),
                                [](Kind kind, const Channel& channel) { return kind == channel.kind; });
  if (!match || channels_.empty()) throw std::invalid_argument("the spool was made for other registers");
  seal_ticks_ = in_ticks(plan_.seal_ns, plan_.source);
  if (plan_.trigger) set_trigger(*plan_.trigger);
  if (plan_.on_change) set_on_change(*plan_.on_change);
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) may_spin_ = CPU_COUNT(&allowed) > 1;
}

void Sampler::set_on_change(const ChangePlan& plan) {
  if (plan_.on_full == OnFull::overwrite || plan_.trigger)
    throw std::invalid_argument("changes are stored as they come, and a flight recorder overwrites them");
  changes_.emplace(filler_, plan.masks, in_ticks(plan.heartbeat_ns, plan_.source));
  fill_ = choose_fill_changes(channels_, plan_.source, spool_.geometry().has_latency);
  filler_.keep_slots(2);  // for the candidate, and for a row that differs after slots were missed
}

void Sampler::set_trigger(const TriggerPlan& plan) {
  if (spool_.geometry().block_count > Stretches::kReserved / 4)
    throw std::invalid_argument("the spool has too many blocks for a trigger");
  judge_.emplace(Trigger(plan.comparisons, plan.alternatives, channels_.size()));
  stretches_ = std::make_unique<Stretches>(
      StretchPlan{in_ticks(plan.pre_ns, plan_.source), in_ticks(plan.post_ns, plan_.source),
                  in_ticks(plan.holdoff_ns, plan_.source), plan.stretches, plan.most_blocks});
}

Sampler::~Sampler() {
  stop();
  join();
}

void Sampler::start() {
  owner_ = getpid();
  guardian_ = std::make_unique<fault::Guardian>();
  thread_ = std::thread([this] { thread_main(); });
}

void Sampler::stop() noexcept { ask(Control::kStop); }

void Sampler::ask(std::uint32_t what) noexcept {
  control_.asked.fetch_or(what);
  control_.deadline.store(0);
  syscall(SYS_futex, &control_.asked, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void Sampler::join() {
  if (owner_ != 0 && owner_ != getpid()) return abandon();
  if (thread_.joinable()) thread_.join();
  guardian_.reset();
}

// What is left of threads that stayed with the parent must neither be joined nor destroyed.
void Sampler::abandon() {
  if (thread_.joinable()) new std::thread(std::move(thread_));
  guardian_.release();
}

void Sampler::thread_main() {
  pthread_setname_np(pthread_self(), "regtap-sampler");
  block_signals();
  become_real_time();
  fault::acquire();
  {
    fault::Scope scope(ranges_);
    if (sigsetjmp(scope.env(), 0) == 0) {
      scope.arm();
      run();
      scope.disarm();
    } else {
      note_fault(scope.address());
    }
  }
  elapsed_ = clock::ticks(plan_.source) - begun_;
  note_disturbances();
  fault::release();
  if (filler_.block_open() && !filler_.block_is_empty()) filler_.seal_block();
  done_.store(true, std::memory_order_release);
}

void Sampler::become_real_time() {
  prctl(PR_SET_TIMERSLACK, 1UL);
  if (plan_.cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(plan_.cpu), &set);
    cpu_errno_ = pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  }
  if (plan_.period) ask_for_short_turns();
  if (plan_.fifo_priority > 0) {
    const sched_param parameter = {plan_.fifo_priority};
    priority_errno_ = pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter);
  }
}

// Runs armed: a bus error jumps out of here, so nothing below owns anything on the stack.
void Sampler::run() {
  const std::uint64_t now = clock::ticks(plan_.source);
  if (plan_.period) {
    schedule_.emplace(plan_.source, *plan_.period, slots_in(plan_.duration_ns, *plan_.period), control_);
  } else if (plan_.duration_ns > 0) {
    end_at_ = now + in_ticks(plan_.duration_ns, plan_.source);
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

bool Sampler::end(Ended why) {
  ended_.store(why, std::memory_order_relaxed);
  return false;
}

// Whether a loop that took fewer rows than it could has come to its end; else it only stopped to seal.
bool Sampler::ran_out() {
  if (control_.is_asked(Control::kStop)) return !end(Ended::stopped);
  if (clock::ticks(plan_.source) >= end_at_) return !end(Ended::duration);
  return false;
}

void Sampler::count_taken(std::uint64_t rows) {
  taken_.store(taken_.load(std::memory_order_relaxed) + rows, std::memory_order_relaxed);
  if (filler_.dropping())
    lost_.store(lost_.load(std::memory_order_relaxed) + rows, std::memory_order_relaxed);
}

// Every row that can be taken now, or up to a reason to look around. False: the capture ends here.
bool Sampler::step() {
  const Rows rows = filler_.rows();
  std::uint64_t limit = spool_.geometry().rows_per_block;
  if (filler_.dropping()) limit = std::min(kDropChunk, limit);
  const std::uint64_t left = plan_.samples - taken_.load(std::memory_order_relaxed);
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
  if (plan_.samples > 0 && taken_.load(std::memory_order_relaxed) == plan_.samples)
    return end(Ended::samples);
  return true;
}

bool Sampler::step_free(const Rows& rows, std::uint64_t limit) {
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
bool Sampler::step_changes(const Rows& rows, std::uint64_t limit, const Control& control) {
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
void Sampler::count_changes(std::uint64_t row) {
  const std::uint64_t published = row - fill_begin_;  // no block but the overflow one begins with rows
  changes_->settle(row, last_);
  const std::uint64_t skipped = changes_->skipped() - unchanged_.load(std::memory_order_relaxed);
  count_taken(published + skipped);
  unchanged_.store(changes_->skipped(), std::memory_order_relaxed);
}

// The newest row of a run is stored, before something comes that is no row.
void Sampler::flush_candidate() {
  if (!changes_ || filler_.dropping() || !filler_.block_open()) return;
  if (!changes_->flush(filler_.rows(), filler_.row())) return;
  fill_begin_ = filler_.row();
  count_changes(filler_.row() + 1);
}

// Before the open block is sealed: the candidate goes with the loop, where it goes on at once.
void Sampler::leave_block() {
  if (!changes_) return;
  if (!filler_.has_next()) flush_candidate();
  changes_->carry(filler_.rows(), filler_.row());
}

bool Sampler::step_paced(const Rows& rows, std::uint64_t limit) {
  while (filler_.row() < limit) {
    const Schedule::Event event = schedule_->wait();
    due_.store(schedule_->next(), std::memory_order_relaxed);
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
bool Sampler::step_changed_slot(const Rows& rows, std::uint64_t limit, bool missed) {
  const std::uint64_t allowed = changes_->allowed();
  if (!filler_.dropping()) changes_->allow(1);
  const bool looks = step_changes(rows, filler_.dropping() ? filler_.row() + 1 : limit, unbounded_);
  if (filler_.dropping()) return filler_.row() >= limit;
  if (looks || last_ >= seal_at_ || allowed == 1 || filler_.block_is_full()) return true;
  changes_->allow(allowed - 1);
  return missed && filler_.block_is_full();
}

// What the judge saw in the last row.
void Sampler::look_at_sighting() {
  if (!judge_) return;
  const Sighting sighting = judge_->take_sighting();
  if (!sighting.is_any) return;
  held_at_start_.store(judge_->trigger().held_at_start(), std::memory_order_relaxed);
  if (sighting.strikes) stretches_->note_hit(filler_.index() - 1, last_, filler_.sequence());
  const bool is_over = stretches_->is_open() && last_ >= stretches_->ends_at();
  // A stretch ends with a block: not while its rows are dropped, but with the first row after that.
  stretch_is_over_ = is_over && !filler_.dropping();
  judge_->look_at(stretches_->is_open() ? stretches_->ends_at() : Judge::kNever);
}

// The block that was just sealed was the last of the stretch. False: the capture ends here.
bool Sampler::end_stretch() {
  stretch_is_over_ = false;
  stretches_->end(filler_.index() - 1, last_, filler_.sequence());
  judge_->look_at(Judge::kNever);
  return !stretches_->is_complete() || end(Ended::captures);
}

// Whether the fill ended after a row that is not complete: a sample that was taken, and is lost.
bool Sampler::note_torn(const Rows& rows, std::uint64_t row) {
  if (!std::exchange(pairs_.torn, false)) return false;
  filler_.note_torn(row > 0 ? rows.ticks[row - 1] : last_, clock::ticks(plan_.source));
  for (auto* counter : {&taken_, &lost_, &torn_})
    counter->store(counter->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return true;
}

void Sampler::note_missed() {
  flush_candidate();
  const std::uint64_t count = schedule_->missed_count();
  filler_.note_missed(count, schedule_->missed_from_ticks(), schedule_->now_ticks());
  missed_.store(missed_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

// Whether the open block is to be handed over now. An empty one is kept, however old.
bool Sampler::block_is_due() {
  if (filler_.block_is_full()) return true;
  const std::uint64_t now = clock::ticks(plan_.source);
  if (now < seal_at_) return false;
  if (!filler_.block_is_empty()) return true;
  seal_at_ = now + seal_ticks_;
  return false;
}

// Sees to it that the next step has somewhere to put its rows. False: the capture ends here.
bool Sampler::make_room() {
  const bool is_asked = control_.is_asked(Control::kSeal);
  const bool goes_on = find_room(is_asked || stretch_is_over_);
  if (is_asked) control_.asked.fetch_and(~Control::kSeal);
  return goes_on;
}

bool Sampler::find_room(bool seal_now) {
  if (filler_.dropping()) {
    if (filler_.is_roomy() || may_overwrite()) {
      filler_.resume();
      begin_block();
      if (changes_) changes_->forget();
    } else {
      filler_.drop_on();
    }
    return true;
  }
  if (!block_is_due() && (!seal_now || filler_.block_is_empty())) return true;
  leave_block();
  filler_.seal_block();
  if (stretch_is_over_ && !end_stretch()) return false;
  if (filler_.has_room() || may_overwrite()) {
    filler_.open_block();
    begin_block();
    if (changes_) changes_->put_back(filler_.rows());
    return true;
  }
  switch (plan_.on_full) {
    case OnFull::stop:
      return end(Ended::full);
    case OnFull::wait:
      return wait_for_room();
    default:
      filler_.start_dropping();
      return true;
  }
}

// Whether there is room now, made by overwriting what nobody asked for.
bool Sampler::may_overwrite() {
  if (!stretches_) return plan_.on_full == OnFull::overwrite && filler_.overwrite_oldest();
  const bool is_free = stretches_->are_settled() || filler_.oldest_is_before(stretches_->keep_from_sequence(),
                                                                             stretches_->keep_from_ticks());
  return is_free && filler_.overwrite_oldest();
}

void Sampler::begin_block() { seal_at_ = clock::ticks(plan_.source) + seal_ticks_; }

bool Sampler::wait_for_room() {
  const std::uint64_t begin = clock::ticks(plan_.source);
  while (!filler_.has_room() && !may_overwrite()) {  // the latter: once a stretch is settled
    if (control_.is_asked(Control::kStop)) return end_waiting(begin, Ended::stopped);
    if (clock::ticks(plan_.source) >= end_at_) return end_waiting(begin, Ended::duration);
    if (may_spin_) continue;
    const timespec pause = {0, 100'000};  // the writer needs this CPU to make room
    nanosleep(&pause, nullptr);
  }
  filler_.open_block();
  begin_block();
  filler_.note_pause(begin, count_pause(begin));
  return true;
}

// A capture that ends while it waits has no block for its last pause: the overflow block takes it.
bool Sampler::end_waiting(std::uint64_t begin, Ended why) {
  filler_.note_last_pause(begin, count_pause(begin));
  return end(why);
}

// Returns the pause's end: now.
std::uint64_t Sampler::count_pause(std::uint64_t begin) {
  const std::uint64_t now = clock::ticks(plan_.source);
  pauses_.fetch_add(1, std::memory_order_relaxed);
  throttled_ticks_.fetch_add(now - begin, std::memory_order_relaxed);
  if (schedule_) schedule_->begin_anew(now);
  return now;
}

// The jump came out of the middle of a fill: what it had completed is what it had published.
void Sampler::note_fault(const void* address) {
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
  if (schedule_) due_.store(filler_.index(), std::memory_order_relaxed);  // the faulting slot ended it
  end(Ended::fault);
}

void Sampler::note_disturbances() {
  rusage now;
  getrusage(RUSAGE_THREAD, &now);
  const auto since = [](long after, long before) { return static_cast<std::uint64_t>(after - before); };
  disturbances_ = {since(now.ru_minflt, usage_.ru_minflt), since(now.ru_majflt, usage_.ru_majflt),
                   since(now.ru_nvcsw, usage_.ru_nvcsw), since(now.ru_nivcsw, usage_.ru_nivcsw)};
}

std::uint64_t Sampler::wait_sealed(std::uint64_t seen, std::uint64_t timeout_ns) const {
  const std::uint64_t until = clock::read_ns(CLOCK_MONOTONIC) + timeout_ns;
  while (true) {
    const bool ended = !running();  // before `sealed`: the last block is sealed first
    const std::uint64_t sealed = spool_.header().sealed.load(std::memory_order_acquire);
    if (sealed > seen || ended || clock::read_ns(CLOCK_MONOTONIC) >= until) return sealed;
    const timespec pause = {0, plan_.period ? 5'000'000 : 500'000};
    nanosleep(&pause, nullptr);
  }
}

void Sampler::release(std::uint64_t sequence) {
  auto& released = spool_.header().released;
  const std::uint64_t held = released.load(std::memory_order_relaxed) & spool::kHeld;
  released.store(sequence | held, std::memory_order_release);
}

void Sampler::wait_stretch(std::uint64_t seen, std::uint64_t timeout_ns) const {
  const std::uint64_t until = clock::read_ns(CLOCK_MONOTONIC) + timeout_ns;
  while (running() && !stretches_->has_events() && clock::read_ns(CLOCK_MONOTONIC) < until &&
         spool_.header().sealed.load(std::memory_order_acquire) <= seen) {
    const timespec pause = {0, 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

std::vector<StretchEvent> Sampler::take_events() { return stretches_->take_events(); }

void Sampler::settle(std::uint64_t stretch) { stretches_->settle(stretch); }

void Sampler::seal() {
  if (running()) ask(Control::kSeal);
  while (running() && control_.is_asked(Control::kSeal)) {
    const timespec pause = {0, 50'000};
    nanosleep(&pause, nullptr);
  }
}

Sampler::Held Sampler::hold() {
  auto& header = spool_.header();
  const std::uint64_t oldest = header.released.fetch_or(spool::kHeld, std::memory_order_acq_rel);
  return {oldest & ~spool::kHeld, header.sealed.load(std::memory_order_acquire)};
}

void Sampler::end_hold() { spool_.header().released.fetch_and(~spool::kHeld, std::memory_order_release); }

Progress Sampler::progress() const {
  Progress progress;
  progress.ended = running() ? Ended::running : ended_.load(std::memory_order_relaxed);
  progress.taken = taken_.load(std::memory_order_relaxed);
  progress.lost = lost_.load(std::memory_order_relaxed);
  progress.missed = missed_.load(std::memory_order_relaxed);
  progress.unchanged = unchanged_.load(std::memory_order_relaxed);
  progress.torn = torn_.load(std::memory_order_relaxed);
  progress.extra_loads = pairs_.extra_loads.load(std::memory_order_relaxed);
  progress.due = due_.load(std::memory_order_relaxed);
  progress.pauses = pauses_.load(std::memory_order_relaxed);
  progress.throttled_ticks = throttled_ticks_.load(std::memory_order_relaxed);
  if (stretches_) {
    progress.hits = stretches_->hits();
    progress.held_off = stretches_->held_off();
    progress.stretches = stretches_->opened();
  }
  progress.held_at_start = held_at_start_.load(std::memory_order_relaxed);
  if (running()) return progress;
  if (schedule_) progress.lateness = schedule_->lateness();
  progress.elapsed_ticks = elapsed_;
  progress.disturbances = disturbances_;
  progress.fault_channel = fault_channel_;
  progress.cpu_errno = cpu_errno_;
  progress.priority_errno = priority_errno_;
  return progress;
}

Samples sample_into(const Arrays& arrays, const std::vector<Channel>& channels, clock::Source source,
                    std::uint64_t slice_ns, std::uint64_t& last) {
  const Fill fill = choose_fill(channels, source, false);
  const std::vector<fault::Range> ranges = ranges_of(channels);
  std::atomic<std::uint64_t> published{0};
  Control control;
  if (slice_ns > 0) control.deadline.store(clock::ticks(source) + in_ticks(slice_ns, source));
  const Rows rows = {arrays.ticks, arrays.columns.data(), nullptr, &published, 0};
  Samples samples;
  fault::acquire();
  {
    const fault::Guardian guardian;
    fault::Scope scope(ranges);
    if (sigsetjmp(scope.env(), 0) == 0) {
      scope.arm();
      fill({channels, &control}, rows, 0, arrays.count, last);
      scope.disarm();
    } else {
      samples.fault_channel = channel_at(channels, scope.address());
    }
  }
  fault::release();
  samples.taken = published.load(std::memory_order_relaxed);
  return samples;
}

}  // namespace regtap
