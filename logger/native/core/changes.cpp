#include "core/changes.hpp"

#include <cstring>
#include <stdexcept>

namespace regtap {
namespace {

void copy_element(std::byte* column, unsigned width, std::uint64_t to, const void* from) {
  std::memcpy(column + to * width, from, width);
}

template <clock::Source source, class Row, bool with_latency>
std::uint64_t fill_changes(const Loop& loop, const Rows& rows, std::uint64_t first, std::uint64_t limit,
                           std::uint64_t& last) {
  const Row row(loop, rows);
  Changes& changes = *loop.changes;
  std::uint64_t* const ticks = rows.ticks;
  const std::atomic<std::uint64_t>& deadline = loop.control->deadline;
  std::uint64_t before = last;
  std::uint64_t i = first;
  for (std::uint64_t left = changes.allowed(); i + 1 < limit && left > 0; --left) {
    const std::uint64_t candidate = changes.candidate(i);
    if (candidate != Changes::kNone && !changes.has_room()) [[unlikely]]
      break;
    std::uint64_t now = clock::ticks<source>();
    if (now >= deadline.load(std::memory_order_relaxed)) [[unlikely]]
      break;
    if (now < before) now = before;
    before = now;
    const std::uint64_t n = candidate == i ? i + 1 : i;
    const bool is_whole = row.read(n);
    if constexpr (with_latency) {
      const std::uint64_t end = clock::ticks<source>();
      const std::uint64_t spent = end > now ? end - now : 0;
      rows.latency[n] = spent > 0xffffffffu ? 0xffffffffu : static_cast<std::uint32_t>(spent);
    }
    if (!is_whole) [[unlikely]]
      break;
    ticks[n] = now;
    if (!changes.is_same(row, n)) {
      i = changes.store(row, rows, i, n);
      continue;
    }
    changes.hold(i, n, now);
    if (changes.is_beat(now)) [[unlikely]]
      i += changes.flush(rows, i);
  }
  last = before;
  return i;
}

template <clock::Source source, bool with_latency>
Fill choose_row(std::span<const Channel> channels) {
  for (const Channel& channel : channels)
    if (channel.high) return fill_changes<source, detail::PairedRow, with_latency>;
  if (channels.size() == 1) {
    switch (channels[0].kind) {
      case Kind::u8:
        return fill_changes<source, detail::OneRow<std::uint8_t>, with_latency>;
      case Kind::u16:
        return fill_changes<source, detail::OneRow<std::uint16_t>, with_latency>;
      case Kind::u32:
        return fill_changes<source, detail::OneRow<std::uint32_t>, with_latency>;
      case Kind::u64:
        return fill_changes<source, detail::OneRow<std::uint64_t>, with_latency>;
      default:
        break;
    }
  }
  return fill_changes<source, detail::MixedRow, with_latency>;
}

template <clock::Source source>
Fill choose_latency(std::span<const Channel> channels, bool with_latency) {
  return with_latency ? choose_row<source, true>(channels) : choose_row<source, false>(channels);
}

}  // namespace

Fill choose_fill_changes(std::span<const Channel> channels, clock::Source source, bool with_latency) {
  switch (source) {
    case clock::Source::system:
      return choose_latency<clock::Source::system>(channels, with_latency);
    case clock::Source::fenced:
      return choose_latency<clock::Source::fenced>(channels, with_latency);
    default:
      return with_latency ? choose_latency<clock::Source::fenced>(channels, true)
                          : choose_latency<clock::Source::counter>(channels, false);
  }
}

Changes::Changes(Filler& filler, std::vector<std::uint64_t> masks, std::uint64_t heartbeat_ticks)
    : filler_(filler),
      masks_(std::move(masks)),
      reference_(masks_.size()),
      carried_(masks_.size()),
      heartbeat_ticks_(heartbeat_ticks) {
  for (Kind kind : filler.spool().geometry().kinds) widths_.push_back(width_bytes(kind));
  if (widths_.size() != masks_.size()) throw std::invalid_argument("one mask is needed for each register");
}

void Changes::begin_gap(std::uint64_t i, std::uint64_t now) {
  filler_.advance(i - filler_.row());
  gap_ = &filler_.begin_unchanged(stored_ticks_, now);
  settled_ = gap_->count;
}

void Changes::end_gap(std::uint64_t ticks) {
  if (!gap_) return;
  gap_->t1_ticks = ticks;
  skipped_ += gap_->count - settled_;
  filler_.skip(gap_->count - settled_);
  settled_ = gap_->count;
}

void Changes::settle(std::uint64_t i, std::uint64_t ticks) {
  filler_.advance(i - filler_.row());
  end_gap(ticks);
}

void Changes::swap(const Rows& rows, std::uint64_t i) {
  for (std::size_t k = 0; k < widths_.size(); ++k) {
    std::byte* const column = rows.columns[k] + i * widths_[k];
    std::uint64_t first = 0;
    std::memcpy(&first, column, widths_[k]);
    std::memcpy(column, column + widths_[k], widths_[k]);
    std::memcpy(column + widths_[k], &first, widths_[k]);
  }
  std::swap(rows.ticks[i], rows.ticks[i + 1]);
  if (rows.latency) std::swap(rows.latency[i], rows.latency[i + 1]);
}

std::uint64_t Changes::publish_candidate(const Rows& rows, std::uint64_t i) {
  end_gap(rows.ticks[i]);
  gap_ = nullptr;
  candidate_ = 0;
  return publish(rows, i);
}

bool Changes::flush(const Rows& rows, std::uint64_t i) {
  if (candidate_ == 0) return false;
  if (candidate_ == 2) swap(rows, i);
  publish_candidate(rows, i);
  return true;
}

void Changes::carry(const Rows& rows, std::uint64_t i) {
  if (gap_) end_gap(candidate_ == 0 ? stored_ticks_ : rows.ticks[candidate(i)]);
  gap_ = nullptr;
  has_carried_ = candidate_ != 0;
  if (!has_carried_) return;
  const std::uint64_t at = candidate(i);
  for (std::size_t k = 0; k < widths_.size(); ++k)
    carried_[k] = detail::value_at(rows.columns[k], widths_[k], at);
  carried_ticks_ = rows.ticks[at];
  if (rows.latency) carried_latency_ = rows.latency[at];
  candidate_ = 0;
}

void Changes::put_back(const Rows& rows) {
  if (!std::exchange(has_carried_, false)) return;
  for (std::size_t k = 0; k < widths_.size(); ++k) copy_element(rows.columns[k], widths_[k], 0, &carried_[k]);
  rows.ticks[0] = carried_ticks_;
  if (rows.latency) rows.latency[0] = carried_latency_;
  candidate_ = 1;
}

}  // namespace regtap
