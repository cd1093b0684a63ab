// One row of registers: read into its columns, and looked at there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/access.hpp"
#include "core/fill.hpp"

namespace regtap {

// A row of one register of a native type: the commonest, and the one with a bar to meet.
template <class T>
struct OneRow {
  static constexpr bool kIsSingle = true;
  const volatile std::byte* source;
  T* column;

  OneRow(const Loop& loop, const Rows& rows)
      : source(loop.channels[0].source), column(reinterpret_cast<T*>(rows.columns[0])) {}
  bool read(std::uint64_t i) const {
    column[i] = load<T>(source);
    return true;
  }
  std::uint64_t value(std::size_t, std::uint64_t i) const { return column[i]; }
};

// One element of a column, by the width of the column's type.
inline std::uint64_t value_at(const std::byte* column, unsigned width, std::uint64_t i) {
  switch (width) {
    case 1:
      return reinterpret_cast<const std::uint8_t*>(column)[i];
    case 2:
      return reinterpret_cast<const std::uint16_t*>(column)[i];
    case 4:
      return reinterpret_cast<const std::uint32_t*>(column)[i];
    default:
      return reinterpret_cast<const std::uint64_t*>(column)[i];
  }
}

// A row of registers of any kinds, read in the order in which they were named.
struct MixedRow {
  static constexpr bool kIsSingle = false;
  std::span<const Channel> channels;
  std::byte* const* columns;

  MixedRow(const Loop& loop, const Rows& rows) : channels(loop.channels), columns(rows.columns) {}

  template <class T, bool swapped>
  static void put(const Channel& channel, std::byte* column, std::uint64_t i) {
    T value = load<T>(channel.source);
    if constexpr (swapped) value = swap_bytes(value);
    reinterpret_cast<T*>(column)[i] = value;
  }

  static void read_one(const Channel& channel, std::byte* column, std::uint64_t i) {
    switch (channel.kind) {
      case Kind::u8:
        return put<std::uint8_t, false>(channel, column, i);
      case Kind::u16:
        return put<std::uint16_t, false>(channel, column, i);
      case Kind::u32:
        return put<std::uint32_t, false>(channel, column, i);
      case Kind::u64:
        return put<std::uint64_t, false>(channel, column, i);
      case Kind::u16be:
        return put<std::uint16_t, true>(channel, column, i);
      case Kind::u32be:
        return put<std::uint32_t, true>(channel, column, i);
      case Kind::u64be:
        return put<std::uint64_t, true>(channel, column, i);
    }
  }

  bool read(std::uint64_t i) const {
    for (std::size_t k = 0; k < channels.size(); ++k) read_one(channels[k], columns[k], i);
    return true;
  }

  // Of one register, as it was stored.
  std::uint64_t value(std::size_t k, std::uint64_t i) const {
    return value_at(columns[k], width_bytes(channels[k].kind), i);
  }
};

// High, low, high, until the highs agree: the low half then belongs to that high half. False: they never did.
inline bool read_pair(const Channel& channel, std::uint64_t& value, Pairs& pairs) {
  std::uint32_t high = load<std::uint32_t>(channel.high);
  for (int tries = 1;; ++tries) {
    const std::uint32_t low = load<std::uint32_t>(channel.source);
    const std::uint32_t again = load<std::uint32_t>(channel.high);
    value = std::uint64_t{high} << 32 | low;
    if (again == high) return true;
    if (tries == Pairs::kMostTries) return false;
    high = again;
    pairs.extra_loads.store(pairs.extra_loads.load(std::memory_order_relaxed) + 2, std::memory_order_relaxed);
  }
}

// A row with pairs among its registers. All of it is read whatever becomes of them: each row has its
// accesses.
struct PairedRow {
  static constexpr bool kIsSingle = false;
  MixedRow plain;
  Pairs& pairs;

  PairedRow(const Loop& loop, const Rows& rows) : plain(loop, rows), pairs(*loop.pairs) {}

  bool read(std::uint64_t i) const {
    bool whole = true;
    for (std::size_t k = 0; k < plain.channels.size(); ++k) {
      const Channel& channel = plain.channels[k];
      if (!channel.high)
        MixedRow::read_one(channel, plain.columns[k], i);
      else if (!read_pair(channel, reinterpret_cast<std::uint64_t*>(plain.columns[k])[i], pairs))
        whole = false;
    }
    pairs.torn = !whole;
    return whole;
  }
  std::uint64_t value(std::size_t k, std::uint64_t i) const { return plain.value(k, i); }
};

}  // namespace regtap
