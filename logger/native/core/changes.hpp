// Storing changes only: of a run of rows that are alike, the first and the last are stored, and the others
// counted in a gap of cause `unchanged`, which grows with each of them: what is in the spool balances at any
// instruction.
//
// The last row of a run is known only when the next one differs. Until then the newest row of the run is the
// candidate: read, and neither published nor counted. It lies in one of the two slots behind the published
// rows, and the next row is read into the other one.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "core/fill.hpp"
#include "core/filler.hpp"

namespace regtap {

// The sampling thread's own; nothing in it allocates, locks or calls the system once it is made.
class Changes {
 public:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  // `masks`: for each register the bits that are looked at; `heartbeat_ticks`: a row is stored at least that
  // often, 0: not.
  Changes(Filler& filler, std::vector<std::uint64_t> masks, std::uint64_t heartbeat_ticks);

  std::uint64_t skipped() const { return skipped_; }  // rows so far that were counted only
  bool has_candidate() const { return candidate_ != 0; }
  void allow(std::uint64_t rows) { allowed_ = rows; }  // in the next fill
  std::uint64_t allowed() const { return allowed_; }

  // Publishes the candidate, which need not be the last of its run. False: there is none.
  bool flush(const Rows& rows, std::uint64_t i);

  // After a fill with `i` published rows, the last of which or of the candidate is of that tick: the filler
  // knows of all.
  void settle(std::uint64_t i, std::uint64_t ticks);
  // The candidate leaves a block that is to be sealed, and comes into the next one.
  void carry(const Rows& rows, std::uint64_t i);
  void put_back(const Rows& rows);
  // Rows were lost: the next one has none before it.
  void forget() { has_reference_ = false; }

 private:
  template <class Row>
  friend class ChangedRows;

  // Where the candidate lies behind `i` published rows.
  std::uint64_t candidate(std::uint64_t i) const { return i + candidate_ - 1; }
  bool has_gap_room() const { return gap_ || filler_.has_gap_room(); }

  template <class Row>
  bool is_same(const Row& row, std::uint64_t i) const {
    for (std::size_t k = 0; k < masks_.size(); ++k)
      if ((row.value(k, i) ^ reference_[k]) & masks_[k]) return false;
    return has_reference_;
  }

  // Row n was read behind `i` published rows; returns how many are published now.
  template <class Row>
  std::uint64_t keep(const Row& row, const Rows& rows, std::uint64_t i, std::uint64_t n, std::uint64_t now) {
    if (!is_same(row, n)) return store(row, rows, i);
    hold(i, n, now);
    return now >= beat_at_ && flush(rows, i) ? i + 1 : i;
  }

  // Row n is like the one before it, and takes the place of the candidate, which is counted.
  void hold(std::uint64_t i, std::uint64_t n, std::uint64_t now) {
    if (candidate_ != 0) {
      if (!gap_) begin_gap(i, now);
      count(gap_->count + 1);
    }
    candidate_ = static_cast<std::uint32_t>(n - i + 1);
  }
  void count(std::uint64_t rows) { std::atomic_ref(gap_->count).store(rows, std::memory_order_release); }

  // The row read last differs from the one before it: publishes the candidate, if there is one, and the row.
  template <class Row>
  std::uint64_t store(const Row& row, const Rows& rows, std::uint64_t i) {
    if (candidate_ == 2) swap(rows, i);
    if (candidate_ != 0) i = publish_candidate(rows, i);
    for (std::size_t k = 0; k < masks_.size(); ++k)
      reference_[k] = row.value(k, i);  // it is in slot i by now
    has_reference_ = true;
    return publish(rows, i);
  }

  void begin_gap(std::uint64_t i, std::uint64_t now);
  void end_gap(std::uint64_t ticks);
  void swap(const Rows& rows, std::uint64_t i);
  std::uint64_t publish_candidate(const Rows& rows, std::uint64_t i);
  std::uint64_t publish(const Rows& rows, std::uint64_t i) {
    stored_ticks_ = rows.ticks[i];
    beat_at_ = heartbeat_ticks_ ? stored_ticks_ + heartbeat_ticks_ : kNone;
    rows.published->store(rows.base + i + 1, std::memory_order_release);
    return i + 1;
  }

  Filler& filler_;
  std::vector<std::uint64_t> masks_, reference_, carried_;
  std::vector<unsigned> widths_;
  std::uint64_t heartbeat_ticks_;
  std::uint64_t carried_ticks_ = 0;
  std::uint32_t carried_latency_ = 0;
  bool has_carried_ = false;
  bool has_reference_ = false;
  // 0: none, 1: in the first slot, 2: in the second; a jump may come at any load.
  volatile std::uint32_t candidate_ = 0;
  spool::Gap* gap_ = nullptr;  // of this run, in the open block
  std::uint64_t settled_ = 0;  // of its count, what the filler knows of
  std::uint64_t skipped_ = 0;
  std::uint64_t stored_ticks_ = 0;
  std::uint64_t beat_at_ = kNone;
  std::uint64_t allowed_ = 0;
};

// The keeper of a loop that stores changes (fill.cpp). While a run goes on, what it looks at is at hand, and
// all that it does is to count the candidate, and to make the row the candidate: no load waits for a store of
// the row before.
template <class Row>
class ChangedRows {
 public:
  ChangedRows(const Loop& loop, const Rows& rows, std::uint64_t first, std::uint64_t limit)
      : changes_(*loop.changes), rows_(rows), end_(first), limit_(limit), left_(changes_.allowed_) {
    look();
  }

  bool has_room() const { return left_ > 0; }
  std::uint64_t slot() const { return end_ + (candidate_ == 1); }
  std::uint64_t end() const { return end_; }

  bool keep(const Row& row, std::uint64_t i, std::uint64_t now) {
    --left_;
    if (is_counting_ && now < beat_at_ && is_same(row, i)) [[likely]] {
      changes_.count(++counted_);
      changes_.candidate_ = candidate_ = 3 - candidate_;
      return false;
    }
    end_ = changes_.keep(row, rows_, end_, i, now);
    look();
    return false;
  }

 private:
  void look() {
    candidate_ = changes_.candidate_;
    is_counting_ = candidate_ != 0 && changes_.gap_;
    if (is_counting_) counted_ = changes_.gap_->count;
    beat_at_ = changes_.beat_at_;
    reference_ = changes_.reference_[0];
    mask_ = changes_.masks_[0];
    if (end_ + 1 >= limit_ || (candidate_ != 0 && !changes_.has_gap_room())) left_ = 0;
  }

  bool is_same(const Row& row, std::uint64_t i) const {
    if constexpr (Row::kIsSingle) return ((row.value(0, i) ^ reference_) & mask_) == 0;
    return changes_.is_same(row, i);
  }

  Changes& changes_;
  const Rows& rows_;
  std::uint64_t end_;
  std::uint64_t limit_;
  std::uint64_t left_;  // rows that may be read
  std::uint64_t reference_ = 0;
  std::uint64_t mask_ = 0;
  std::uint64_t beat_at_ = 0;
  std::uint64_t counted_ = 0;    // what the gap of the run says
  std::uint32_t candidate_ = 0;  // as in Changes
  bool is_counting_ = false;     // there is a candidate, and a gap that counts what it follows
};

}  // namespace regtap
