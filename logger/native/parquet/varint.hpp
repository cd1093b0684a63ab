// Numbers of variable length, as thrift's compact protocol and Parquet's encodings have them (LEB128).
#pragma once

#include <cstddef>
#include <cstdint>

namespace regtap::parquet {

inline constexpr std::size_t kMostVarintBytes = 10;

// Writes seven bits a byte, the lowest first; returns the end.
inline std::byte* put_varint(std::uint64_t value, std::byte* out) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<std::byte>(value | 0x80);
  *out++ = static_cast<std::byte>(value);
  return out;
}

// 0, -1, 1, -2, ... as 0, 1, 2, 3, ...
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

}  // namespace regtap::parquet
