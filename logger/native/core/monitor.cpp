#include "core/monitor.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "core/sampling_thread.hpp"

namespace regtap {
namespace {

std::uint64_t read_value(const Channel& channel) {
  switch (channel.kind) {
    case Kind::u8:
      return load<std::uint8_t>(channel.source);
    case Kind::u16:
      return load<std::uint16_t>(channel.source);
    case Kind::u32:
      return load<std::uint32_t>(channel.source);
    case Kind::u64:
      return load<std::uint64_t>(channel.source);
    case Kind::u16be:
      return swap_bytes(load<std::uint16_t>(channel.source));
    case Kind::u32be:
      return swap_bytes(load<std::uint32_t>(channel.source));
    default:
      return swap_bytes(load<std::uint64_t>(channel.source));
  }
}

constexpr std::uint64_t kSpinNs = 0;  // counts do not need exact times, and people watch for hours
constexpr auto kRead = static_cast<std::uint64_t>(Activity::State::read);
constexpr auto kFaulted = static_cast<std::uint64_t>(Activity::State::faulted);

}  // namespace

// A sequence lock as in H.-J. Boehm, "Can seqlocks get along with programming language memory models?" (MSPC
// 2012), figure 6: the data are atomics too, and fences order them.
void Tally::begin_writing() {
  store(version_, load(version_) + 1);
  std::atomic_thread_fence(std::memory_order_release);
}

void Tally::end_writing() { version_.store(load(version_) + 1, std::memory_order_release); }

void Tally::observe(std::uint64_t value, std::uint64_t ticks, std::uint64_t epoch) {
  const bool is_read = load(state_) == kRead;
  const std::uint64_t before = load(value_);
  if (is_read && value == before) [[likely]]
    return;
  const bool is_first = load(changed_ticks_) == 0;
  begin_writing();
  store(state_, kRead);
  if (is_first) {
    store(smallest_, value);
    store(largest_, value);
    store(changed_ticks_, ticks);
  } else if (value != before) {
    store(changes_, load(changes_) + 1);
    store(smallest_, std::min(load(smallest_), value));
    store(largest_, std::max(load(largest_), value));
    store(changed_ticks_, ticks);
  }
  widen(value, is_first ? value : before, epoch);
  store(value_, value);
  end_writing();
}

// The first change in an interval begins with the value that was held before it.
void Tally::widen(std::uint64_t value, std::uint64_t before, std::uint64_t epoch) {
  Interval& interval = intervals_[epoch % 2];
  const bool begins = load(interval.epoch) != epoch;
  store(interval.smallest, std::min(begins ? before : load(interval.smallest), value));
  store(interval.largest, std::max(begins ? before : load(interval.largest), value));
  store(interval.epoch, epoch);
}

void Tally::note_fault() {
  begin_writing();
  store(state_, kFaulted);
  end_writing();
}

void Tally::restart(std::uint64_t ticks) {
  if (load(changed_ticks_) == 0) return;
  begin_writing();
  store(changes_, 0);
  store(smallest_, load(value_));
  store(largest_, load(value_));
  store(changed_ticks_, ticks);
  end_writing();
}

Activity Tally::read(std::uint64_t epoch) const {
  while (true) {
    const std::uint64_t before = version_.load(std::memory_order_acquire);
    const Activity activity = copy(epoch);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (before % 2 == 0 && load(version_) == before) return activity;
  }
}

Activity Tally::copy(std::uint64_t epoch) const {
  const Interval& interval = intervals_[epoch % 2];
  const bool moved = load(interval.epoch) == epoch;
  Activity activity;
  activity.state = static_cast<Activity::State>(load(state_));
  activity.value = load(value_);
  activity.changes = load(changes_);
  activity.smallest = load(smallest_);
  activity.largest = load(largest_);
  activity.changed_ticks = load(changed_ticks_);
  activity.recent_smallest = moved ? load(interval.smallest) : activity.value;
  activity.recent_largest = moved ? load(interval.largest) : activity.value;
  return activity;
}

Monitor::Monitor(std::vector<Channel> channels, std::vector<Probe> probes, clock::Source source,
                 Period period)
    : channels_(std::move(channels)),
      probes_(std::move(probes)),
      source_(source),
      period_(period),
      ranges_(ranges_of(channels_)),
      tallies_(probes_.size()),
      values_(channels_.size()),
      is_faulted_(channels_.size()) {
  const auto fits = [this](const Probe& probe) { return probe.channel < channels_.size() && probe.lsb < 64; };
  if (channels_.empty() || !std::all_of(probes_.begin(), probes_.end(), fits))
    throw std::invalid_argument("a probe is of a channel that there is, and of bits below 64");
}

Monitor::~Monitor() { stop(); }

void Monitor::start() {
  if (owner_ != 0) throw std::invalid_argument("the monitor has started already");
  owner_ = getpid();
  guardian_ = std::make_unique<fault::Guardian>();
  thread_ = std::thread([this] { thread_main(); });
}

void Monitor::stop() {
  if (owner_ == 0) return;
  if (owner_ != getpid()) return abandon();
  control_.asked.fetch_or(Control::kStop);
  syscall(SYS_futex, &control_.asked, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  if (thread_.joinable()) thread_.join();
  guardian_.reset();
}

// What is left of threads that stayed with the parent must neither be joined nor destroyed.
void Monitor::abandon() {
  if (thread_.joinable()) new std::thread(std::move(thread_));
  guardian_.release();
}

void Monitor::take_row() {
  if (owner_ != 0) throw std::invalid_argument("the monitor takes its rows by itself once it has started");
  fault::acquire();
  guard([this] { row(); });
  fault::release();
}

void Monitor::thread_main() {
  pthread_setname_np(pthread_self(), "regtap-monitor");
  block_signals();
  prctl(PR_SET_TIMERSLACK, 1UL);
  ask_for_short_turns();
  fault::acquire();
  schedule_.emplace(source_, period_, std::numeric_limits<std::uint64_t>::max(), control_, kSpinNs);
  while (!control_.is_asked(Control::kStop)) guard([this] { run(); });
  fault::release();
}

// A bus error jumps out of the middle of a row: what comes after it in that row is read in the next one.
template <class Rows>
void Monitor::guard(Rows take_rows) {
  fault::Scope scope(ranges_);
  if (sigsetjmp(scope.env(), 0) == 0) {
    scope.arm();
    take_rows();
    scope.disarm();
  } else {
    note_fault();
  }
}

// Runs armed, so that nothing below owns anything on the stack.
void Monitor::run() {
  while (true) {
    const Schedule::Event event = schedule_->wait();
    missed_.store(missed_.load(std::memory_order_relaxed) + schedule_->missed_count(),
                  std::memory_order_relaxed);
    if (event == Schedule::Event::stopped || event == Schedule::Event::ended) return;
    if (event == Schedule::Event::slot) row();
  }
}

void Monitor::row() {
  const std::uint64_t now = clock::ticks(source_);
  if (orders_.load(std::memory_order_relaxed) != 0) [[unlikely]]
    obey(orders_.exchange(0), now);
  for (std::size_t k = 0; k < channels_.size(); ++k) {
    if (is_faulted_[k]) continue;
    reading_ = k;
    values_[k] = read_value(channels_[k]);
  }
  const std::uint64_t epoch = epoch_.load();
  for (std::size_t i = 0; i < probes_.size(); ++i) {
    const Probe& probe = probes_[i];
    if (is_faulted_[probe.channel]) continue;
    tallies_[i].observe((values_[probe.channel] >> probe.lsb) & probe.mask, now, epoch);
  }
  taken_.store(taken_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void Monitor::obey(std::uint32_t orders, std::uint64_t now) {
  if (orders & kRetry) std::fill(is_faulted_.begin(), is_faulted_.end(), 0);
  if (orders & kRestart)
    for (Tally& tally : tallies_) tally.restart(now);
}

void Monitor::note_fault() {
  const std::size_t channel = reading_;
  is_faulted_[channel] = 1;
  for (std::size_t i = 0; i < probes_.size(); ++i)
    if (probes_[i].channel == channel) tallies_[i].note_fault();
}

Look Monitor::look() {
  Look look;
  // First the looks' number: what changes from here on belongs to the next interval.
  const std::uint64_t epoch = epoch_.fetch_add(1);
  look.activities.reserve(tallies_.size());
  for (const Tally& tally : tallies_) look.activities.push_back(tally.read(epoch));
  look.taken = taken_.load(std::memory_order_acquire);
  look.missed = missed_.load(std::memory_order_relaxed);
  look.ticks = clock::ticks(source_);
  return look;
}

}  // namespace regtap
