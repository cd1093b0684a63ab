// The filling end of a ring: blocks opened and handed over, and the account of what no block could take.
#pragma once

#include <cstdint>
#include <vector>

#include "core/clock.hpp"
#include "core/fill.hpp"
#include "core/spool.hpp"

namespace regtap {

// Used by the sampling thread alone, which may leave any of its members by a jump (fault::Scope) that came
// out of a fill: nothing here owns anything on the stack.
class Filler {
 public:
  // The spool's memory must outlive the filler.
  Filler(spool::Spool spool, clock::Source source);

  const spool::Spool& spool() const { return spool_; }
  std::uint64_t index() const { return index_; }        // of the next sample or slot
  std::uint64_t sequence() const { return sequence_; }  // of the open block, or the next
  std::uint64_t row() const { return row_; }            // rows in the open block; dropped in this chunk
  bool dropping() const { return dropping_; }
  bool block_open() const { return block_open_; }

  // Where the next rows go: the open block, or the overflow block while samples are dropped.
  Rows rows();
  std::uint64_t published() const;  // what those rows' counter says
  void advance(std::uint64_t rows);
  void skip(std::uint64_t samples) { index_ += samples; }  // that a gap has counted

  bool has_room() const;  // for one more block
  bool has_next() const;  // for one more block after the open one
  // Whether there is room for one more block, made by giving up the oldest if need be; not while a snapshot
  // holds the ring.
  bool overwrite_oldest();
  bool oldest_is_before(std::uint64_t sequence) const;
  // The first of the newest `most` blocks that may have rows at or after a tick; the newest one at the
  // latest.
  std::uint64_t first_since(std::uint64_t ticks, std::uint64_t most) const;
  bool block_is_empty() const;                                 // no row, no gap
  bool block_is_full() const;                                  // of rows or of gaps
  bool has_gap_room() const;                                   // for one more gap in the open block
  void keep_slots(std::uint64_t rows) { kept_slots_ = rows; }  // a block is full while so many are free
  void open_block();
  void seal_block();

  void start_dropping();
  // Whether an eighth of the ring is free: then a slow writer makes few long gaps, not many short.
  bool is_roomy() const;
  void drop_on();       // another chunk
  void resume();        // in a new block, which begins with the gaps so far
  void end_dropping();  // at the end of a capture: the gap stays in the overflow block

  // Slots that were missed before the next row. A gap of its own for each run, unless there were many a
  // moment ago: then it joins the gap before it (spool.hpp), so that a schedule that cannot be kept fills no
  // table.
  void note_missed(std::uint64_t count, std::uint64_t from_ticks, std::uint64_t now);
  // A run of rows that are not stored begins: a gap that counts none yet, and grows (changes.hpp).
  spool::Gap& begin_unchanged(std::uint64_t from_ticks, std::uint64_t now);
  // A row that was read, and is not complete: the next sample comes after it.
  void note_torn(std::uint64_t from_ticks, std::uint64_t now);
  void note_pause(std::uint64_t begin, std::uint64_t end);       // before the open block's first row
  void note_last_pause(std::uint64_t begin, std::uint64_t end);  // no block is open: into the overflow block
  void note_fault(std::uint64_t last_ticks);                     // after the rows that were completed

 private:
  Rows rows_of(std::uint64_t sequence);
  std::uint64_t current() const { return dropping_ ? spool::Spool::kOverflow : sequence_; }
  std::uint64_t dropped() const;  // samples, in all
  std::uint64_t used() const;     // blocks that hold what is needed
  void begin_open_gap();
  void close_open_gap();
  void note_gap(const spool::Gap& gap);
  bool may_stand_alone(std::uint64_t now);
  bool join_dropped(const spool::Gap& gap);
  bool join_last(const spool::Gap& gap);
  void append_gap(std::uint64_t sequence, const spool::Gap& gap);

  spool::Spool spool_;
  clock::Source source_;
  std::vector<std::uint64_t> offsets_;
  std::vector<std::byte*> columns_;
  std::uint64_t sequence_ = 0;  // the open block, or the next
  bool block_open_ = false;
  bool dropping_ = false;
  std::uint64_t row_ = 0;
  std::uint64_t index_ = 0;
  std::uint64_t missed_ = 0;              // slots before index_
  std::uint64_t missed_before_drop_ = 0;  // the same when dropping began
  std::uint64_t dropped_before_drop_ = 0;
  std::uint64_t gap_ticks_;         // each gap of missed slots uses up so much time,
  std::uint64_t used_up_to_ = 0;    // and up to kBurst of them may do so in advance
  std::uint64_t last_gap_row_ = 0;  // rows of the open block before its last gap
  std::uint64_t kept_slots_ = 0;
  bool joins_ = false;  // there were too many
};

}  // namespace regtap
