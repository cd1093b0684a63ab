#include "parquet/pack.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>

namespace regtap::parquet {
namespace {

// The loop unrolls completely: every shift is by a constant, and no branch is left.
template <class Word, unsigned width, class Value>
void pack_unrolled(const Value* values, std::byte* out) {
  constexpr unsigned kBits = CHAR_BIT * sizeof(Word);
  Word word = 0;
  unsigned filled = 0;
#pragma GCC unroll 32
  for (unsigned i = 0; i < kPacked; ++i) {
    const Word value = values[i];
    word |= static_cast<Word>(value << filled);
    filled += width;
    if (filled < kBits) continue;
    std::memcpy(out, &word, sizeof word);
    out += sizeof word;
    filled -= kBits;
    word = filled == 0 ? 0 : static_cast<Word>(value >> (width - filled));
  }
  std::memcpy(out, &word, filled / CHAR_BIT);  // half a word, where the width is odd
}

template <class Value>
using Packer = void (*)(const Value*, std::byte*);

template <unsigned... widths>
constexpr auto narrow_packers(std::integer_sequence<unsigned, widths...>) {
  return std::array<Packer<std::uint32_t>, sizeof...(widths)>{
      &pack_unrolled<std::uintptr_t, widths, std::uint32_t>...};
}

template <unsigned... beyond>
constexpr auto wide_packers(std::integer_sequence<unsigned, beyond...>) {
  return std::array<Packer<std::uint64_t>, sizeof...(beyond)>{
      &pack_unrolled<std::uint64_t, 33 + beyond, std::uint64_t>...};
}

constexpr auto kNarrow = narrow_packers(std::make_integer_sequence<unsigned, 33>{});
constexpr auto kWide = wide_packers(std::make_integer_sequence<unsigned, 32>{});

}  // namespace

std::byte* pack(const std::uint32_t* values, unsigned width, std::byte* out) {
  kNarrow[width](values, out);
  return out + 4 * width;
}

std::byte* pack(const std::uint64_t* values, unsigned width, std::byte* out) {
  if (width > 32) {
    kWide[width - 33](values, out);
    return out + 4 * width;
  }
  std::uint32_t narrow[kPacked];
  std::transform(values, values + kPacked, narrow,
                 [](std::uint64_t value) { return static_cast<std::uint32_t>(value); });
  return pack(narrow, width, out);
}

}  // namespace regtap::parquet
