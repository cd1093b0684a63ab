#include "parquet/delta.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "core/vector_clones.hpp"
#include "parquet/pack.hpp"
#include "parquet/varint.hpp"

namespace regtap::parquet {
namespace {

constexpr std::size_t kMiniblock = kBlockValues / kMiniblocks;
static_assert(kMiniblock == kPacked);

// A block's differences less the smallest of them, and for each miniblock the bits that any of them has.
template <class Bits>
struct DeltaBlock {
  Bits rest[kBlockValues];
  Bits used[kMiniblocks];
  Bits least;
};

// `values` begins with the value before the block. A block of fewer than kBlockValues differences is filled
// up with its smallest one: nothing is left of that.
template <class Value, class Bits>
[[gnu::always_inline]] inline void take_block(const Value* values, std::size_t count,
                                              DeltaBlock<Bits>& block) {
  using Signed = std::make_signed_t<Bits>;
  Signed least = std::numeric_limits<Signed>::max();
  for (std::size_t i = 0; i < count; ++i) {
    block.rest[i] = static_cast<Bits>(values[i + 1]) - static_cast<Bits>(values[i]);
    least = std::min(least, static_cast<Signed>(block.rest[i]));
  }
  block.least = static_cast<Bits>(least);
  for (std::size_t i = count; i < kBlockValues; ++i) block.rest[i] = block.least;
  for (std::size_t k = 0; k < kMiniblocks; ++k) {
    Bits used = 0;
    for (std::size_t i = 0; i < kMiniblock; ++i) {
      Bits& rest = block.rest[k * kMiniblock + i];
      rest -= block.least;
      used |= rest;
    }
    block.used[k] = used;
  }
}

// A whole block has a constant count, which is what makes vector code of it.
#define REGTAP_WHOLE_BLOCK(Value, Bits)                                                      \
  REGTAP_VECTOR_CLONES void take_whole_block(const Value* values, DeltaBlock<Bits>& block) { \
    take_block(values, kBlockValues, block);                                                 \
  }
REGTAP_WHOLE_BLOCK(std::uint8_t, std::uint32_t)
REGTAP_WHOLE_BLOCK(std::uint16_t, std::uint32_t)
REGTAP_WHOLE_BLOCK(std::uint32_t, std::uint32_t)
REGTAP_WHOLE_BLOCK(std::uint64_t, std::uint64_t)
#undef REGTAP_WHOLE_BLOCK

template <class Bits>
std::int64_t as_signed(Bits bits) {
  return static_cast<std::make_signed_t<Bits>>(bits);
}

// Where every miniblock needs all bits, no smallest difference would save any: 0 is the shortest one to
// store.
template <class Bits>
void forgo_least(DeltaBlock<Bits>& block) {
  constexpr Bits kTop = Bits{1} << (std::numeric_limits<Bits>::digits - 1);
  if ((block.used[0] & block.used[1] & block.used[2] & block.used[3] & kTop) == 0) return;
  for (Bits& rest : block.rest) rest += block.least;
  block.least = 0;
}

template <class Bits>
std::byte* put_block(DeltaBlock<Bits>& block, std::size_t count, std::byte* out) {
  if (count == kBlockValues) forgo_least(block);
  out = put_varint(zigzag(as_signed(block.least)), out);
  std::byte* const widths = out;
  out += kMiniblocks;
  for (std::size_t k = 0; k < kMiniblocks; ++k) {
    const bool is_there = k * kMiniblock < count;
    const auto width = is_there ? static_cast<unsigned>(std::bit_width(block.used[k])) : 0;
    widths[k] = static_cast<std::byte>(width);
    if (is_there) out = pack(block.rest + k * kMiniblock, width, out);
  }
  return out;
}

template <class Value>
std::byte* encode(std::span<const Value> values, std::byte* out) {
  using Bits = std::conditional_t<sizeof(Value) <= 4, std::uint32_t, std::uint64_t>;
  const Bits first = values.empty() ? 0 : values[0];
  out = put_varint(kBlockValues, out);
  out = put_varint(kMiniblocks, out);
  out = put_varint(values.size(), out);
  out = put_varint(zigzag(as_signed(first)), out);
  DeltaBlock<Bits> block;
  for (std::size_t at = 0; at + 1 < values.size(); at += kBlockValues) {
    const std::size_t count = std::min(kBlockValues, values.size() - 1 - at);
    if (count == kBlockValues)
      take_whole_block(values.data() + at, block);
    else
      take_block(values.data() + at, count, block);
    out = put_block(block, count, out);
  }
  return out;
}

}  // namespace

std::byte* encode_delta(std::span<const std::uint8_t> values, std::byte* out) { return encode(values, out); }
std::byte* encode_delta(std::span<const std::uint16_t> values, std::byte* out) { return encode(values, out); }
std::byte* encode_delta(std::span<const std::uint32_t> values, std::byte* out) { return encode(values, out); }
std::byte* encode_delta(std::span<const std::uint64_t> values, std::byte* out) { return encode(values, out); }

}  // namespace regtap::parquet
