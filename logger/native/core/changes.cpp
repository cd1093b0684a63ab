#include "core/changes.hpp"

#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/row.hpp"

namespace regtap {
namespace {

void copy_element(std::byte* column, unsigned width, std::uint64_t to, const void* from) {
  std::memcpy(column + to * width, from, width);
}

}  // namespace

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
  for (std::size_t k = 0; k < widths_.size(); ++k) carried_[k] = value_at(rows.columns[k], widths_[k], at);
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
