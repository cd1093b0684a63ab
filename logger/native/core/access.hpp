// One access of the declared width: the rule that makes regtap an instrument.
#pragma once

#include <bit>
#include <cstdint>

namespace regtap {

static_assert(std::endian::native == std::endian::little, "columns are stored as little-endian arrays");

// How a register is read. The numbers are part of the spool's format.
enum class Kind : std::uint32_t { u8, u16, u32, u64, u16be, u32be, u64be };

constexpr unsigned width_bytes(Kind kind) {
  switch (kind) {
    case Kind::u8:
      return 1;
    case Kind::u16:
    case Kind::u16be:
      return 2;
    case Kind::u32:
    case Kind::u32be:
      return 4;
    default:
      return 8;
  }
}

// Exactly one aligned load of sizeof(T) bytes; the compiler may neither split, widen, repeat nor drop it.
template <class T>
inline T load(const volatile void* address) {
  return *static_cast<const volatile T*>(address);
}

// Exactly one aligned store, and no load.
template <class T>
inline void store(volatile void* address, T value) {
  *static_cast<volatile T*>(address) = value;
}

inline std::uint16_t swap_bytes(std::uint16_t value) { return __builtin_bswap16(value); }
inline std::uint32_t swap_bytes(std::uint32_t value) { return __builtin_bswap32(value); }
inline std::uint64_t swap_bytes(std::uint64_t value) { return __builtin_bswap64(value); }

}  // namespace regtap
