// DELTA_BINARY_PACKED, as the Parquet format defines it (Encodings.md): blocks of 128 differences in four
// miniblocks of 32, each difference less the block's smallest one, packed with as many bits as its
// miniblock's largest needs.
//
// Differences are taken modulo 2^32 (for columns of at most 32 bits) or 2^64, so that there is an encoding of
// every sequence of values: a width is never more than 32 or 64 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace regtap::parquet {

inline constexpr std::size_t kBlockValues = 128;
inline constexpr std::size_t kMiniblocks = 4;

// Bytes that encode_delta may write for so many values of a physical width of 4 or 8 bytes.
constexpr std::size_t most_delta_bytes(std::size_t values, unsigned physical_bytes) {
  constexpr std::size_t kHeader = 2 + 1 + 10 + 10;
  constexpr std::size_t kBlockHeader = 10 + kMiniblocks;
  const std::size_t blocks = (values + kBlockValues - 1) / kBlockValues;
  return kHeader + blocks * (kBlockHeader + kBlockValues * physical_bytes);
}

// Encodes the values at `out`, which has room for most_delta_bytes; returns the end of what was written.
// An int64 column is given as its bits.
std::byte* encode_delta(std::span<const std::uint8_t> values, std::byte* out);
std::byte* encode_delta(std::span<const std::uint16_t> values, std::byte* out);
std::byte* encode_delta(std::span<const std::uint32_t> values, std::byte* out);
std::byte* encode_delta(std::span<const std::uint64_t> values, std::byte* out);

}  // namespace regtap::parquet
