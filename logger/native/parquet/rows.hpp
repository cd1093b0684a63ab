// A row group's rows, as they lie in blocks of the ring, handed out page by page.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/clock.hpp"
#include "parquet/column.hpp"

namespace regtap::parquet {

// Rows that lie one after the other; the memory stays the caller's.
struct Block {
  std::span<const std::uint64_t> ticks;  // never decreasing, from block to block too
  std::vector<const void*> registers;    // an array for each register, as long as `ticks`
  const std::uint32_t* latency;          // in ticks, as long as `ticks`; null where it was not recorded

  std::size_t rows() const { return ticks.size(); }
};

// How ticks become ns: see clock::convert.
struct TimeScale {
  std::span<const std::uint64_t> anchor_ticks;
  std::span<const std::int64_t> anchor_ns;
  std::int64_t floor_ns;       // time of the row before, or below 0
  double latency_ns_per_tick;  // of the counter's nominal frequency
};

// Goes through the blocks, some rows at a time.
class Cursor {
 public:
  explicit Cursor(std::span<const Block> blocks) : blocks_(blocks) {}

  // Calls visit(block, row, count) for each stretch of the next `rows` rows, which must be there.
  template <class Visit>
  void next(std::size_t rows, Visit visit) {
    while (rows > 0) {
      const std::size_t count = std::min(rows, left());
      visit(blocks_[block_], row_, count);
      rows -= count;
      row_ += count;
    }
  }

  // Rows from here to the end of their block; goes on to the next block that has some.
  std::size_t left() {
    while (row_ == blocks_[block_].rows()) {
      ++block_;
      row_ = 0;
    }
    return blocks_[block_].rows() - row_;
  }

  const Block& block() const { return blocks_[block_]; }
  std::size_t row() const { return row_; }

 private:
  std::span<const Block> blocks_;
  std::size_t block_ = 0;
  std::size_t row_ = 0;
};

// Times of rows.
class TimePages {
 public:
  TimePages(std::span<const Block> blocks, const TimeScale& scale)
      : cursor_(blocks), scale_(scale), converted_{scale.floor_ns, 0} {}

  // The next rows' times in ns, valid until the next call; at most kPageRows.
  std::span<const std::int64_t> next(std::size_t rows);

  // What has been converted so far.
  const clock::Converted& converted() const { return converted_; }

 private:
  void convert(std::span<const std::uint64_t> ticks, std::int64_t* out);
  Cursor cursor_;
  const TimeScale& scale_;
  clock::Converted converted_;
  std::int64_t page_[kPageRows];
};

// Latencies of rows, rounded to ns; what does not fit 32 bits is 2^32 - 1.
class LatencyPages {
 public:
  LatencyPages(std::span<const Block> blocks, double ns_per_tick)
      : cursor_(blocks), ns_per_tick_(ns_per_tick) {}

  // As TimePages::next.
  std::span<const std::uint32_t> next(std::size_t rows);

 private:
  Cursor cursor_;
  double ns_per_tick_;
  std::uint32_t page_[kPageRows];
};

// Values of one register.
template <class Value>
class RegisterPages {
 public:
  RegisterPages(std::span<const Block> blocks, std::size_t number) : cursor_(blocks), number_(number) {}

  // As TimePages::next; where they lie in one block, they are not copied.
  std::span<const Value> next(std::size_t rows) {
    if (cursor_.left() >= rows) {
      const Value* const values = in(cursor_.block()) + cursor_.row();
      cursor_.next(rows, [](const Block&, std::size_t, std::size_t) {});
      return {values, rows};
    }
    Value* out = page_;
    cursor_.next(rows, [&](const Block& block, std::size_t row, std::size_t count) {
      out = std::copy_n(in(block) + row, count, out);
    });
    return {page_, rows};
  }

 private:
  const Value* in(const Block& block) const { return static_cast<const Value*>(block.registers[number_]); }
  Cursor cursor_;
  std::size_t number_;
  Value page_[kPageRows];
};

}  // namespace regtap::parquet
