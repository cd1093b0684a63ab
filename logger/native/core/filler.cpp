#include "core/filler.hpp"

#include <algorithm>
#include <stdexcept>

namespace regtap {
namespace {

using spool::Cause;
using spool::Gap;
using spool::Spool;

// Entries of a gap table kept for what may end a block: a missed run, an open gap, a fault.
constexpr std::uint64_t kReservedGaps = 4;

// Runs of missed slots that are told apart: ten a second for ever, and this many at once.
constexpr double kGapsPerSecond = 10;
constexpr std::uint64_t kBurst = 64;

}  // namespace

Filler::Filler(Spool spool, clock::Source source)
    : spool_(std::move(spool)),
      source_(source),
      offsets_(spool_.geometry().column_offsets()),
      columns_(spool_.geometry().kinds.size()),
      gap_ticks_(static_cast<std::uint64_t>(clock::frequency_hz(source) / kGapsPerSecond)) {
  if (spool_.geometry().gap_capacity <= 2 * kReservedGaps)
    throw std::invalid_argument("the gap table is too small");
}

Rows Filler::rows() { return rows_of(current()); }

Rows Filler::rows_of(std::uint64_t sequence) {
  std::byte* const block = spool_.block(sequence);
  for (std::size_t k = 0; k < columns_.size(); ++k) columns_[k] = block + offsets_[k + 1];
  auto* latency = spool_.geometry().has_latency
                      ? reinterpret_cast<std::uint32_t*>(block + offsets_[columns_.size() + 1])
                      : nullptr;
  auto& published = spool_.block_header(sequence).published;
  const std::uint64_t base = sequence == Spool::kOverflow ? published.load(std::memory_order_relaxed) : 0;
  return {reinterpret_cast<std::uint64_t*>(block + offsets_[0]), columns_.data(), latency, &published, base};
}

std::uint64_t Filler::published() const {
  return spool_.block_header(current()).published.load(std::memory_order_relaxed);
}

void Filler::advance(std::uint64_t rows) {
  row_ += rows;
  index_ += rows;
}

std::uint64_t Filler::used() const {
  return sequence_ - (spool_.header().released.load(std::memory_order_acquire) & ~spool::kHeld);
}

std::uint64_t Filler::dropped() const {
  return spool_.block_header(Spool::kOverflow).published.load(std::memory_order_relaxed);
}

bool Filler::has_room() const { return used() < spool_.geometry().block_count; }

bool Filler::has_next() const { return used() + 1 < spool_.geometry().block_count; }

bool Filler::overwrite_oldest() {
  auto& released = spool_.header().released;
  std::uint64_t oldest = released.load(std::memory_order_acquire);
  if (oldest & spool::kHeld) return false;
  // The reader may have made room since has_room() was asked; then it has not read the block at `oldest`.
  // Acquire: its last loads of the block that it released come before what is stored there now.
  if (sequence_ - oldest < spool_.geometry().block_count) return true;
  return released.compare_exchange_strong(oldest, oldest + 1, std::memory_order_acq_rel,
                                          std::memory_order_relaxed);
}

bool Filler::oldest_is_before(std::uint64_t sequence) const {
  return (spool_.header().released.load(std::memory_order_relaxed) & ~spool::kHeld) < sequence;
}

// Nobody but the filler stores into a block's header, so it may look at those that the reader has released.
std::uint64_t Filler::first_since(std::uint64_t ticks, std::uint64_t most) const {
  std::uint64_t first = sequence_ - std::min(sequence_, most);
  for (std::uint64_t last = std::max(first + 1, sequence_) - 1; first < last;) {
    const std::uint64_t middle = first + (last - first) / 2;
    if (spool_.block_header(middle + 1).anchor_ticks <= ticks)
      first = middle + 1;
    else
      last = middle;
  }
  return first;
}

bool Filler::block_is_empty() const {
  return row_ == 0 && spool_.block_header(sequence_).gap_count.load(std::memory_order_relaxed) == 0;
}

bool Filler::block_is_full() const {
  const std::uint64_t gaps = spool_.block_header(sequence_).gap_count.load(std::memory_order_relaxed);
  return row_ + kept_slots_ >= spool_.geometry().rows_per_block ||
         gaps + kReservedGaps >= spool_.geometry().gap_capacity;
}

bool Filler::has_gap_room() const {
  const std::uint64_t gaps = spool_.block_header(sequence_).gap_count.load(std::memory_order_relaxed);
  return gaps + kReservedGaps < spool_.geometry().gap_capacity;
}

void Filler::open_block() {
  auto& block = spool_.block_header(sequence_);
  block.published.store(0, std::memory_order_release);
  block.gap_count.store(0, std::memory_order_release);
  block.first_index = index_;
  block.missed_before = missed_;
  block.dropped_before = dropped();
  const clock::Anchor anchor = clock::take_anchor(source_, 1);
  block.anchor_ticks = anchor.ticks;
  block.anchor_raw_ns = anchor.raw_ns;
  block.anchor_realtime_ns = anchor.realtime_ns;
  block.anchor_uncertainty_ticks = anchor.uncertainty_ticks;
  std::copy(std::begin(spool::kBlockMagic), std::end(spool::kBlockMagic), block.magic);
  std::atomic_thread_fence(std::memory_order_release);
  block.sequence = sequence_;
  spool_.header().open.store(sequence_ + 1, std::memory_order_release);
  block_open_ = true;
  row_ = 0;
}

void Filler::seal_block() {
  block_open_ = false;
  ++sequence_;
  spool_.header().sealed.store(sequence_, std::memory_order_release);
}

void Filler::start_dropping() {
  dropping_ = true;
  row_ = 0;
  missed_before_drop_ = missed_;
  dropped_before_drop_ = dropped();
  spool_.block_header(Spool::kOverflow).gap_count.store(0, std::memory_order_relaxed);
  begin_open_gap();
}

bool Filler::is_roomy() const {
  const std::uint64_t count = spool_.geometry().block_count;
  return count - used() >= std::max<std::uint64_t>(1, count / spool::kSpareShare);
}

void Filler::drop_on() { row_ = 0; }

void Filler::resume() {
  close_open_gap();
  dropping_ = false;
  open_block();
  auto& overflow = spool_.block_header(Spool::kOverflow);
  const std::uint64_t gaps = overflow.gap_count.load(std::memory_order_relaxed);
  std::copy_n(spool_.gaps(Spool::kOverflow), gaps, spool_.gaps(sequence_));
  last_gap_row_ = 0;
  auto& block = spool_.block_header(sequence_);
  if (gaps > 0) {
    block.first_index = spool_.gaps(sequence_)->first_index;
    block.missed_before = missed_before_drop_;
    block.dropped_before = dropped_before_drop_;
  }
  block.gap_count.store(gaps, std::memory_order_release);
  overflow.gap_count.store(0, std::memory_order_release);
}

void Filler::end_dropping() {
  if (dropping_) close_open_gap();
}

void Filler::begin_open_gap() {
  auto& gap = spool_.header().gap;
  gap.first_index = index_;
  gap.t0_ticks = clock::ticks(source_);
  gap.base = dropped();
  gap.cause.store(Cause::full, std::memory_order_release);
}

void Filler::close_open_gap() {
  auto& gap = spool_.header().gap;
  const std::uint64_t published = dropped();
  if (published > gap.base)
    note_gap({gap.first_index, published - gap.base, gap.t0_ticks, clock::ticks(source_), Cause::full, 0});
  gap.cause.store(Cause::none, std::memory_order_release);
}

void Filler::note_missed(std::uint64_t count, std::uint64_t from_ticks, std::uint64_t now) {
  joins_ = !may_stand_alone(now);
  if (dropping_) close_open_gap();
  note_gap({index_, count, from_ticks, now, Cause::missed, 0});
  index_ += count;
  missed_ += count;
  if (dropping_) begin_open_gap();
}

bool Filler::may_stand_alone(std::uint64_t now) {
  if (now + kBurst * gap_ticks_ < used_up_to_) return false;
  used_up_to_ = std::max(used_up_to_, now) + gap_ticks_;
  return true;
}

Gap& Filler::begin_unchanged(std::uint64_t from_ticks, std::uint64_t now) {
  joins_ = !may_stand_alone(now);
  const Gap gap = {index_, 0, from_ticks, now, Cause::unchanged, 0};
  if (!join_last(gap)) append_gap(sequence_, gap);
  return spool_.gaps(sequence_)[spool_.block_header(sequence_).gap_count.load(std::memory_order_relaxed) - 1];
}

void Filler::note_torn(std::uint64_t from_ticks, std::uint64_t now) {
  joins_ = !may_stand_alone(now);
  if (dropping_) close_open_gap();
  note_gap({index_, 1, from_ticks, now, Cause::torn, 0});
  ++index_;
  if (dropping_) begin_open_gap();
}

void Filler::note_pause(std::uint64_t begin, std::uint64_t end) {
  append_gap(sequence_, {index_, 0, begin, end, Cause::throttled, 0});
}

void Filler::note_last_pause(std::uint64_t begin, std::uint64_t end) {
  spool_.block_header(Spool::kOverflow).gap_count.store(0, std::memory_order_relaxed);
  append_gap(Spool::kOverflow, {index_, 0, begin, end, Cause::throttled, 0});
}

void Filler::note_fault(std::uint64_t last_ticks) {
  if (dropping_) close_open_gap();
  const std::uint64_t now = clock::ticks(source_);
  row_ = dropping_ ? 0 : published();
  note_gap({index_, 0, std::min(last_ticks, now), now, Cause::fault, 0});
}

void Filler::note_gap(const Gap& gap) {
  if (dropping_ ? join_dropped(gap) : join_last(gap)) return;
  append_gap(current(), gap);
}

// While samples are dropped a table is one stretch without rows. Counts stay exact; where gaps come thick, or
// the table is full, the place of the rest becomes one span for each cause.
bool Filler::join_dropped(const Gap& gap) {
  const std::uint64_t used = spool_.block_header(Spool::kOverflow).gap_count.load(std::memory_order_relaxed);
  if (!joins_ && used + kReservedGaps < spool_.geometry().gap_capacity) return false;
  Gap* const table = spool_.gaps(Spool::kOverflow);
  Gap* const end = table + used;
  for (Gap* entry = end; entry != table && entry != end - kReservedGaps; --entry) {
    if (entry[-1].cause != gap.cause) continue;
    entry[-1].count += gap.count;
    entry[-1].t1_ticks = gap.t1_ticks;
    for (Gap* later = entry; later != end; ++later) later->first_index += gap.count;  // they move on
    return true;
  }
  return false;
}

// The count is stored last, and at once: whoever reads the table at any instruction finds a gap that balances
// with the rows so far, at most its place is a little too wide.
bool Filler::join_last(const Gap& gap) {
  const std::uint64_t used = spool_.block_header(sequence_).gap_count.load(std::memory_order_relaxed);
  const bool is_of_rows =
      gap.cause == Cause::missed || gap.cause == Cause::torn || gap.cause == Cause::unchanged;
  if (!joins_ || !is_of_rows || used == 0) return false;
  Gap& last = spool_.gaps(sequence_)[used - 1];
  if (last.cause != gap.cause) return false;
  last.t1_ticks = gap.t1_ticks;
  last.rows = static_cast<std::uint32_t>(row_ - last_gap_row_);
  std::atomic_ref(last.count).store(last.count + gap.count, std::memory_order_release);
  return true;
}

void Filler::append_gap(std::uint64_t sequence, const Gap& gap) {
  auto& block = spool_.block_header(sequence);
  const std::uint64_t used = block.gap_count.load(std::memory_order_relaxed);
  if (used == spool_.geometry().gap_capacity) return;  // not reached: kReservedGaps
  spool_.gaps(sequence)[used] = gap;
  last_gap_row_ = row_;
  block.gap_count.store(used + 1, std::memory_order_release);
}

}  // namespace regtap
