// From blocks of the ring to a Parquet file: one part of a trace.
//
// Every column is DELTA_BINARY_PACKED, required and uncompressed, in data pages of kPageRows rows with their
// checksum; one row group for each call, with statistics, column index and offset index. The first column is
// the time in ns, by which the file is sorted; then come the registers, each in its own unsigned type, and
// the latency where it was recorded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "parquet/column.hpp"
#include "parquet/file_output.hpp"
#include "parquet/footer.hpp"
#include "parquet/page.hpp"
#include "parquet/rows.hpp"

namespace regtap::parquet {

// The columns between the time and the latency.
struct Layout {
  std::string time;               // name of the time's column
  std::vector<Column> registers;  // unsigned
  std::string latency;            // name of the latency's column; empty: there is none
};

// Times of one row group, in ns.
struct Times {
  std::int64_t first_ns;
  std::int64_t last_ns;
  std::int64_t
      longest_ns;  // longest distance between neighbours, the first one measured from the scale's floor
};

// Used by one thread at a time. After an error the file ends somewhere in between and is to be thrown away.
class PartEncoder {
 public:
  // The descriptor stays the caller's, and must be at the beginning of its empty file.
  PartEncoder(int fd, Layout layout);

  // Writes one row group. Blocks without rows are passed over; without any rows nothing is written.
  // Throws std::system_error as the kernel said.
  Times write(std::span<const Block> blocks, const TimeScale& scale);

  // Writes what makes a file of it; nothing may be written after that. Throws std::system_error.
  void finish(const FileInfo& info);

  // Bytes in the file so far.
  std::uint64_t bytes_written() const { return output_.position(); }
  // Registers of a row, and whether each has a latency.
  const Layout& layout() const { return layout_; }

 private:
  template <class Pages>
  Chunk write_chunk(std::uint64_t rows, Pages& pages);
  template <class Value>
  Page write_page(std::span<const Value> values);
  Chunk write_register(std::uint64_t rows, std::span<const Block> blocks, std::size_t number);

  Layout layout_;
  std::vector<Column> columns_;  // all of them
  FileOutput output_;
  std::vector<RowGroup> groups_;
  std::vector<std::byte> data_;    // of one page
  std::vector<std::byte> header_;  // of one page
};

}  // namespace regtap::parquet
