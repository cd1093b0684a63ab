// Data pages: what a page's header says, and what the page index keeps of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "parquet/column.hpp"

namespace regtap::parquet {

// Smallest and largest value of a column, as the bits of its type, in the order of that type: unsigned ones
// are compared as such.
struct Range {
  std::uint64_t least;
  std::uint64_t most;
};

// Of values that are not none.
Range range_of(std::span<const std::uint8_t> values);
Range range_of(std::span<const std::uint16_t> values);
Range range_of(std::span<const std::uint32_t> values);
Range range_of(std::span<const std::uint64_t> values);
Range range_of(std::span<const std::int64_t> values);

// Whether one value comes before another in the order of the column's type.
bool is_less(Type type, std::uint64_t left, std::uint64_t right);

// The range of two ranges together.
Range joined(Type type, const Range& left, const Range& right);

// A page that is in the file.
struct Page {
  std::uint64_t offset;  // of its header, from the start of the file
  std::uint32_t bytes;   // with its header
  Range range;
};

// Appends the header of a page of `rows` rows with this data, its checksum included.
void append_page_header(std::vector<std::byte>& out, std::size_t rows, std::span<const std::byte> data);

}  // namespace regtap::parquet
