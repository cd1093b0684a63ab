// A capture with a trigger, driven through its public face for a sanitizer to watch.
//
// Usage: trigger_check [SECONDS]. A register that another thread counts up, every policy for a full ring,
// free-running and paced, with and without a holdoff, and a reader that keeps up or stalls: it stores the
// stretches around hits as the recorder's writer does, while the loop overwrites the rest. What is read must
// balance: rows, gaps and what was overwritten are [0, taken); each hit that was stored lies on a row where
// the condition has just become true, with the rows before it that it asked for. Prints the cases; ends with
// 1 at the first that does not.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "checks/ring.hpp"
#include "core/filler.hpp"
#include "core/sampler.hpp"

namespace {

using namespace regtap;
using namespace regtap::checks;
using spool::Cause;
using spool::Spool;

struct Case {
  OnFull on_full;
  bool paced;
  bool holds_off;
  unsigned stall_percent;  // share of blocks before which the reader sleeps
};

constexpr std::uint64_t kPeriodNs = 2'000, kAroundNs = 400'000, kHoldoffNs = 1'000'000;
constexpr std::uint32_t kBlocks = 16, kMostKept = 13, kGapCapacity = 32, kRows = 4096;
constexpr std::uint32_t kMask = 3, kWanted = 3;

bool is_wanted(std::uint32_t value) { return (value & kMask) == kWanted; }

// The register. Hardware has no part in a program's order of memory: the sanitizer is not to see its steps.
class Counter {
 public:
  Counter() : thread_([this] { count(); }) {}
  ~Counter() {
    ended_.store(true);
    thread_.join();
  }
  const volatile std::byte* source() const { return reinterpret_cast<const volatile std::byte*>(&value_); }

 private:
  void count() {
    while (!ended_.load()) {
      step();
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
  __attribute__((no_sanitize("thread"), noinline)) void step() { value_ = value_ + 1; }

  alignas(8) volatile std::uint32_t value_ = 0;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

// Stores stretches and keeps the balance.
class Reader {
 public:
  Reader(Spool spool, const Case& tried) : spool_(std::move(spool)), case_(tried) {}

  void follow(Sampler& sampler) {
    while (true) {
      const bool running = sampler.running();
      if (running) sampler.wait_stretch(is_open_ ? next_ : Judge::kNever, 1'000'000);
      const std::uint64_t sealed = spool_.header().sealed.load(std::memory_order_acquire);
      for (const StretchEvent& event : sampler.take_events()) hear(sampler, event);
      if (is_open_) take_up_to(sampler, sealed);
      if (!running) break;
    }
    if (is_open_) complete(sampler);
    skip_rest();
  }

  void expect_balance(const Progress& progress) const {
    expect("lost", lost_, progress.lost);
    expect("missed", missed_, progress.missed);
    expect("taken", rows_ + lost_ + overwritten_, progress.taken);
    expect("stretches", stretches_, progress.stretches);
    if (hits_ > progress.hits) fail("hits", hits_, progress.hits);
  }

  std::uint64_t stretches() const { return stretches_; }
  std::uint64_t found() const { return found_; }

 private:
  void hear(Sampler& sampler, const StretchEvent& event) {
    if (!event.is_end) {
      if (!is_open_) begin(sampler, event);
      hit_ticks_.push_back(event.ticks);
      ++hits_;
      return;
    }
    expect("the end of another stretch", event.stretch, stretches_);
    take_up_to(sampler, event.sequence);
    complete(sampler);
  }

  void begin(Sampler& sampler, const StretchEvent& hit) {
    expect("the number of a stretch", hit.stretch, ++stretches_);
    is_open_ = true;
    if (hit.keep_from + kMostKept < hit.sequence) fail("blocks before a hit", hit.keep_from, hit.sequence);
    begun_ = next_ = sampler.hold(std::max(next_, hit.keep_from)).oldest;
    begins_with_gap_ = true;
  }

  void take_up_to(Sampler& sampler, std::uint64_t last) {
    for (; next_ < last; ++next_) {
      if (draw_() % 100 < case_.stall_percent) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      take(spool_.block_header(next_));
      sampler.release(next_ + 1);
    }
  }

  void take(const spool::BlockHeader& block) {
    expect("sequence", block.sequence, next_);
    skip_overwritten(block);
    const std::uint64_t gaps = block.gap_count.load(std::memory_order_acquire);
    const std::uint64_t rows = block.published.load(std::memory_order_acquire);
    add_gaps(next_, gaps);
    look_at(next_, rows, gaps > 0);
    rows_ += rows;
    index_ += rows;
  }

  // What lies before a block is known from the block alone.
  void skip_overwritten(const spool::BlockHeader& block) {
    overwritten_ +=
        block.first_index - index_ - (block.dropped_before - lost_) - (block.missed_before - missed_);
    lost_ = block.dropped_before;
    missed_ = block.missed_before;
    index_ = block.first_index;
  }

  void add_gaps(std::uint64_t sequence, std::uint64_t count) {
    for (const spool::Gap* gap = spool_.gaps(sequence); count > 0; ++gap, --count) {
      (gap->cause == Cause::missed ? missed_ : lost_) += gap->count;
      index_ += gap->count;
    }
  }

  void look_at(std::uint64_t sequence, std::uint64_t rows, bool has_gaps) {
    const auto offsets = spool_.geometry().column_offsets();
    const auto* ticks = reinterpret_cast<const std::uint64_t*>(spool_.block(sequence) + offsets[0]);
    const auto* values = reinterpret_cast<const std::uint32_t*>(spool_.block(sequence) + offsets[1]);
    for (std::uint64_t i = 0; i < rows; ++i) {
      if (ticks[i] < last_tick_) fail("a time that goes back", ticks[i], last_tick_);
      const bool follows = !has_gaps && (i > 0 || !begins_with_gap_);
      if (is_wanted(values[i]) && follows && !was_wanted_) rises_.push_back(ticks[i]);
      if (is_wanted(values[i])) wanted_.push_back(ticks[i]);
      last_tick_ = ticks[i];
      was_wanted_ = is_wanted(values[i]);
      begins_with_gap_ = false;
    }
    begins_with_gap_ = has_gaps;
  }

  // Hits lie on rows where the condition holds, or on rows that were dropped; and none was ignored.
  void complete(Sampler& sampler) {
    for (const std::uint64_t hit : hit_ticks_) {
      if (std::binary_search(wanted_.begin(), wanted_.end(), hit))
        ++found_;
      else if (sampler.progress().lost == 0)  // lost_ does not know yet what the overflow block holds
        fail_at(hit);
    }
    told_.insert(hit_ticks_.begin(), hit_ticks_.end());
    if (!case_.holds_off && hit_ticks_.size() < Stretches::kMostTold)
      for (const std::uint64_t rise : rises_)
        if (!told_.contains(rise)) fail("a hit that was ignored", rise, hit_ticks_.front());
    hit_ticks_.clear();
    rises_.clear();
    wanted_.clear();
    is_open_ = false;
    sampler.release(next_);
    sampler.settle(stretches_);
    sampler.end_hold();
  }

  [[noreturn]] void fail_at(std::uint64_t hit) const {
    std::fprintf(stderr,
                 "policy %d, paced %d, holdoff %d, stalls %u %%: stretch %llu, blocks %llu to %llu of %llu\n",
                 static_cast<int>(case_.on_full), case_.paced, case_.holds_off, case_.stall_percent,
                 static_cast<unsigned long long>(stretches_), static_cast<unsigned long long>(begun_),
                 static_cast<unsigned long long>(next_),
                 static_cast<unsigned long long>(spool_.header().sealed.load(std::memory_order_acquire)));
    fail("a hit without its row, the last row", hit, last_tick_);
  }

  // After the end: what no stretch wanted, up to the last block, and what the overflow block holds.
  void skip_rest() {
    const std::uint64_t sealed = spool_.header().sealed.load(std::memory_order_acquire);
    if (sealed > next_) {
      const spool::BlockHeader& block = spool_.block_header(sealed - 1);
      skip_overwritten(block);
      const std::uint64_t rows = block.published.load(std::memory_order_acquire);
      add_gaps(sealed - 1, block.gap_count.load(std::memory_order_acquire));
      overwritten_ += rows;
      index_ += rows;
    }
    const spool::BlockHeader& overflow = spool_.block_header(Spool::kOverflow);
    add_gaps(Spool::kOverflow, overflow.gap_count.load(std::memory_order_acquire));
  }

  Spool spool_;
  Case case_;
  std::minstd_rand draw_{20263};
  std::vector<std::uint64_t> hit_ticks_;  // of the open stretch
  std::set<std::uint64_t> told_;          // hits of all stretches
  std::vector<std::uint64_t> wanted_;     // ticks of its rows where the condition holds
  std::vector<std::uint64_t> rises_;      // and of those where it has just become true
  bool is_open_ = false;
  bool was_wanted_ = true;
  bool begins_with_gap_ = true;
  std::uint64_t begun_ = 0;  // the first block of the stretch
  std::uint64_t next_ = 0, index_ = 0, rows_ = 0, lost_ = 0, missed_ = 0, overwritten_ = 0;
  std::uint64_t last_tick_ = 0, stretches_ = 0, hits_ = 0, found_ = 0;
};

Plan plan_of(const Case& tried, std::uint64_t duration_ns) {
  Plan plan;
  plan.source = clock::best_source(false);
  plan.on_full = tried.on_full;
  plan.duration_ns = duration_ns;
  if (tried.paced) plan.period = Period{kPeriodNs, 1};
  plan.trigger = TriggerPlan{{{0, kMask, Operator::equal, kWanted}}, {1}, kAroundNs, kAroundNs,
                             tried.holds_off ? kHoldoffNs : 0,       0,   kMostKept};
  return plan;
}

Reader run(const Case& tried, std::uint64_t duration_ns) {
  const Counter counter;
  spool::Geometry geometry{{Kind::u32}, false, kBlocks, kRows, kGapCapacity, 2};
  const Memory memory(geometry.total_bytes());
  const Spool spool = Spool::format(memory.span(), geometry, "{}", 1);
  Sampler sampler(spool, {{counter.source(), Kind::u32}}, plan_of(tried, duration_ns));
  Reader reader(spool, tried);
  sampler.start();
  reader.follow(sampler);
  sampler.join();
  reader.expect_balance(sampler.progress());
  return reader;
}

// Between the question whether a block is free and the overwriting of the oldest, the reader may release all
// blocks.
void check_room() {
  const spool::Geometry geometry{{Kind::u32}, false, kBlocks, kRows, kGapCapacity, 2};
  const Memory memory(geometry.total_bytes());
  const Spool spool = Spool::format(memory.span(), geometry, "{}", 1);
  Filler filler(spool, clock::best_source(false));
  for (std::uint32_t block = 0; block < kBlocks; ++block) {
    filler.open_block();
    filler.seal_block();
  }
  expect("room in a full ring", filler.has_room(), false);
  spool.header().released.store(filler.sequence());
  expect("room after a release", filler.overwrite_oldest(), true);
  expect("what is released of a ring with room", spool.header().released.load(), filler.sequence());
  spool.header().released.store(filler.sequence() - kBlocks);
  expect("room made", filler.overwrite_oldest(), true);
  expect("what is overwritten", spool.header().released.load(), filler.sequence() - kBlocks + 1);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
  check_room();
  std::vector<Case> cases;
  for (const OnFull on_full : {OnFull::wait, OnFull::discard, OnFull::stop})
    for (const bool paced : {false, true})
      for (const bool holds_off : {false, true})
        for (const unsigned stall_percent : {0u, 60u})
          cases.push_back({on_full, paced, holds_off, stall_percent});
  const auto each_ns = static_cast<std::uint64_t>(seconds * 1e9 / static_cast<double>(cases.size()));
  std::uint64_t stretches = 0, found = 0;
  for (const Case& tried : cases) {
    const Reader reader = run(tried, each_ns);
    stretches += reader.stretches();
    found += reader.found();
  }
  std::printf("%zu cases, %llu stretches, %llu hits found\n", cases.size(),
              static_cast<unsigned long long>(stretches), static_cast<unsigned long long>(found));
  return 0;
}
