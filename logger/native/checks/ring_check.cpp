// The ring between the sampling thread and its reader, driven through its public face for a sanitizer to
// watch.
//
// Usage: ring_check [SECONDS]. Every policy, free-running and paced, with a reader that keeps up, one that
// stalls and one that also looks into the open block, as `recover` and a journal do; a flight recorder with
// snapshots; captures that store changes only. What is read must balance: rows and gaps together are [0,
// taken), nothing twice. Prints the cases; ends with 1 at the first that does not.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "checks/ring.hpp"
#include "core/sampler.hpp"

namespace {

using namespace regtap;
using namespace regtap::checks;
using spool::Cause;
using spool::Gap;
using spool::Spool;

struct Case {
  OnFull on_full;
  bool paced;
  bool peeks;              // at rows of the block that is being filled
  unsigned stall_percent;  // share of blocks before which the reader sleeps
  bool changes = false;    // only they are stored, and a row now and then
};

constexpr std::uint64_t kPeriodNs = 2'000, kHeartbeatNs = 20'000;
constexpr std::uint32_t kBlocks = 8, kMostKept = 6, kGapCapacity = 32, kRows = 512;

// Follows the blocks and keeps the balance.
class Reader {
 public:
  Reader(Spool spool, const Case& tried) : spool_(std::move(spool)), case_(tried) {}

  // Snapshots of a ring that is overwritten between them.
  void look_now_and_then(Sampler& sampler) {
    while (sampler.running()) {
      stall();
      sampler.seal();
      snapshot(sampler);
    }
    snapshot(sampler);
    take_overflow();
  }

  void follow(Sampler& sampler) {
    while (true) {
      const bool running = sampler.running();
      const std::uint64_t sealed = sampler.wait_sealed(next_, 1'000'000);
      for (; next_ < sealed; ++next_) take(sampler);
      if (!running && next_ == spool_.header().sealed.load()) break;
      if (case_.peeks) peek();
    }
    take_overflow();
  }

  void expect_balance(const Progress& progress) const {
    const std::uint64_t lost = counts_[static_cast<unsigned>(Cause::full)];
    const std::uint64_t missed = counts_[static_cast<unsigned>(Cause::missed)];
    expect("lost", lost, progress.lost);
    const std::uint64_t unchanged = counts_[static_cast<unsigned>(Cause::unchanged)];
    const std::uint64_t taken = rows_ + lost + overwritten_ + unchanged;
    expect("missed", missed, progress.missed);
    expect("unchanged", unchanged, progress.unchanged);
    if (case_.changes && unchanged == 0) fail("unchanged samples", 0, taken);
    expect("taken", taken, progress.taken);
    if (case_.paced) expect("due", taken + missed, progress.due);
    expect("end", index_, taken + missed);
  }

  std::uint64_t rows() const { return rows_; }

 private:
  void stall() {
    if (draw_() % 100 < case_.stall_percent) std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }

  void snapshot(Sampler& sampler) {
    const auto [oldest, sealed] = sampler.hold_newest(kMostKept);
    if (oldest < sealed) skip_overwritten(spool_.block_header(oldest));
    for (next_ = oldest; next_ < sealed; ++next_) take(sampler);
    sampler.end_hold();
  }

  // What lies before a block is known from the block alone.
  void skip_overwritten(const spool::BlockHeader& block) {
    auto& lost = counts_[static_cast<unsigned>(Cause::full)];
    auto& missed = counts_[static_cast<unsigned>(Cause::missed)];
    overwritten_ +=
        block.first_index - index_ - (block.dropped_before - lost) - (block.missed_before - missed);
    lost = block.dropped_before;
    missed = block.missed_before;
    index_ = block.first_index;
  }

  void take(Sampler& sampler) {
    stall();
    const auto& block = spool_.block_header(next_);
    expect("sequence", block.sequence, next_);
    const std::uint64_t gaps = block.gap_count.load(std::memory_order_acquire);
    const std::uint64_t rows = block.published.load(std::memory_order_acquire);
    expect("first index", block.first_index, index_);
    add_gaps(next_, gaps);
    last_tick_ = read(next_, rows);
    rows_ += rows;
    index_ += rows;
    sampler.release(next_ + 1);
  }

  void add_gaps(std::uint64_t sequence, std::uint64_t count) {
    for (const Gap* gap = spool_.gaps(sequence); count > 0; ++gap, --count) {
      counts_[static_cast<unsigned>(gap->cause)] += gap->count;
      index_ += gap->count;
    }
  }

  // Every row says what the register said, at a time that never goes back; returns the last one's.
  std::uint64_t read(std::uint64_t sequence, std::uint64_t rows) {
    const auto offsets = spool_.geometry().column_offsets();
    const auto* ticks = reinterpret_cast<const std::uint64_t*>(spool_.block(sequence) + offsets[0]);
    const auto* wide = reinterpret_cast<const std::uint32_t*>(spool_.block(sequence) + offsets[1]);
    const auto* narrow = reinterpret_cast<const std::uint8_t*>(spool_.block(sequence) + offsets[2]);
    std::uint64_t before = last_tick_;
    for (std::uint64_t i = 0; i < rows; ++i) {
      if (ticks[i] < before) fail("a time that goes back", ticks[i], before);
      before = ticks[i];
      expect("u32be", wide[i], 0x11223344);
      expect("u8", narrow[i], 0xa5);
    }
    return before;
  }

  void peek() {
    const std::uint64_t open = spool_.header().open.load(std::memory_order_acquire);
    if (open != next_ + 1) return;  // none, or it is sealed and ours already
    read(next_, spool_.block_header(next_).published.load(std::memory_order_acquire));
  }

  void take_overflow() {
    const auto& block = spool_.block_header(Spool::kOverflow);
    add_gaps(Spool::kOverflow, block.gap_count.load(std::memory_order_acquire));
  }

  Spool spool_;
  Case case_;
  std::minstd_rand draw_{20261};
  std::uint64_t next_ = 0, index_ = 0, rows_ = 0, last_tick_ = 0, overwritten_ = 0;
  std::uint64_t counts_[static_cast<unsigned>(Cause::unchanged) + 1] = {};
};

std::uint64_t run(const Case& tried, std::uint64_t duration_ns) {
  alignas(8) static const unsigned char registers[8] = {0x11, 0x22, 0x33, 0x44, 0xa5};
  const auto* base = reinterpret_cast<const volatile std::byte*>(registers);
  spool::Geometry geometry{{Kind::u32be, Kind::u8}, true, kBlocks, kRows, kGapCapacity, 2};
  const Memory memory(geometry.total_bytes());
  const Spool spool = Spool::format(memory.span(), geometry, "{}", 1);
  Plan plan;
  plan.source = clock::best_source(false);
  plan.on_full = tried.on_full;
  plan.duration_ns = duration_ns;
  plan.seal_ns = 1'000'000;
  if (tried.paced) plan.period = Period{kPeriodNs, 1};
  if (tried.changes) plan.on_change = ChangePlan{{~std::uint64_t{0}, 0xff}, kHeartbeatNs};
  Sampler sampler(spool, {{base, Kind::u32be}, {base + 4, Kind::u8}}, plan);
  Reader reader(spool, tried);
  sampler.start();
  if (tried.on_full == OnFull::overwrite)
    reader.look_now_and_then(sampler);
  else
    reader.follow(sampler);
  sampler.join();
  reader.expect_balance(sampler.progress());
  return reader.rows();
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
  std::vector<Case> cases;
  for (const OnFull on_full : {OnFull::wait, OnFull::discard, OnFull::stop})
    for (const bool paced : {false, true})
      for (const bool peeks : {false, true})
        for (const unsigned stall_percent : {0u, 5u, 60u})
          cases.push_back({on_full, paced, peeks, stall_percent});
  for (const bool paced : {false, true})
    for (const unsigned stall_percent : {0u, 5u, 60u})
      cases.push_back({OnFull::overwrite, paced, false, stall_percent});
  for (const OnFull on_full : {OnFull::wait, OnFull::discard, OnFull::stop})
    for (const bool paced : {false, true})
      for (const unsigned stall_percent : {0u, 60u})
        cases.push_back({on_full, paced, true, stall_percent, true});
  const auto each_ns = static_cast<std::uint64_t>(seconds * 1e9 / static_cast<double>(cases.size()));
  std::uint64_t rows = 0;
  for (const Case& tried : cases) rows += run(tried, each_ns);
  std::printf("%zu cases, %llu rows\n", cases.size(), static_cast<unsigned long long>(rows));
  return 0;
}
