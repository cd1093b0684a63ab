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

  // For the fill: where the candidate lies behind `i` published rows, or kNone.
  std::uint64_t candidate(std::uint64_t i) const { return candidate_ == 0 ? kNone : i + candidate_ - 1; }
  bool has_room() const { return gap_ || filler_.has_gap_room(); }

  template <class Row>
  bool is_same(const Row& row, std::uint64_t i) const {
    if constexpr (Row::kIsSingle)
      return has_reference_ && ((row.value(0, i) ^ reference_[0]) & masks_[0]) == 0;
    bool is_same = has_reference_;
    for (std::size_t k = 0; k < masks_.size(); ++k)
      is_same = is_same && ((row.value(k, i) ^ reference_[k]) & masks_[k]) == 0;
    return is_same;
  }

  // Row n is like the one before it, and takes the place of the candidate, which is counted.
  void hold(std::uint64_t i, std::uint64_t n, std::uint64_t now) {
    if (candidate_ != 0) {
      if (!gap_) [[unlikely]]
        begin_gap(i, now);
      std::atomic_ref(gap_->count).store(gap_->count + 1, std::memory_order_release);
    }
    candidate_ = static_cast<std::uint32_t>(n - i + 1);
  }
  bool is_beat(std::uint64_t now) const { return now >= beat_at_; }

  // Row n differs from the one before it: publishes the candidate, if there is one, and the row. Returns how
  // many rows are published now.
  template <class Row>
  std::uint64_t store(const Row& row, const Rows& rows, std::uint64_t i, std::uint64_t n) {
    if (candidate_ == 2) swap(rows, i);
    if (candidate_ != 0) i = publish_candidate(rows, i);
    (void)n;  // the row is in slot i by now
    for (std::size_t k = 0; k < masks_.size(); ++k) reference_[k] = row.value(k, i);
    has_reference_ = true;
    return publish(rows, i);
  }

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

// The loop of a capture that stores changes; see Fill. `limit` leaves a slot for the candidate.
Fill choose_fill_changes(std::span<const Channel> channels, clock::Source source, bool with_latency);

}  // namespace regtap
