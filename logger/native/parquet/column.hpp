// What a column of a part holds.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace regtap::parquet {

static_assert(std::endian::native == std::endian::little, "Parquet's values are little-endian");

// A column's own type. Parquet stores it as INT32 or INT64, with the width and the sign as its logical type.
enum class Type : std::uint8_t { u8, u16, u32, u64, i64 };

constexpr unsigned width_bytes(Type type) {
  switch (type) {
    case Type::u8:
      return 1;
    case Type::u16:
      return 2;
    case Type::u32:
      return 4;
    default:
      return 8;
  }
}

// Bytes of one value in Parquet's physical type.
constexpr unsigned physical_bytes(Type type) { return width_bytes(type) <= 4 ? 4 : 8; }

struct Column {
  std::string name;
  Type type;
};

// Rows of a data page: the page index then holds a minimum and a maximum for each 4,096 values.
inline constexpr std::size_t kPageRows = 4096;

}  // namespace regtap::parquet
