// Bit packing: 32 values side by side, `width` bits of each, the lowest bits first.
#pragma once

#include <cstddef>
#include <cstdint>

namespace regtap::parquet {

inline constexpr std::size_t kPacked = 32;  // values in one go

// Packs kPacked values of at most `width` bits into 4 * width bytes at `out`; returns their end.
// Widths: 0 to 32, and 0 to 64.
std::byte* pack(const std::uint32_t* values, unsigned width, std::byte* out);
std::byte* pack(const std::uint64_t* values, unsigned width, std::byte* out);

}  // namespace regtap::parquet
