#include "parquet/crc32.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace regtap::parquet {
namespace {

constexpr std::uint32_t kPolynomial = 0xedb88320;
constexpr std::size_t kSlices = 8;  // bytes in one step
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

// tables[k][byte]: what a byte does to the remainder when k more bytes follow it.
constexpr Tables make_tables() {
  Tables tables = {};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (unsigned bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ (rest % 2 != 0 ? kPolynomial : 0);
    tables[0][byte] = rest;
  }
  for (std::size_t k = 1; k < kSlices; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xff];
  return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t with_byte(std::uint32_t rest, std::byte byte) {
  return rest >> 8 ^ kTables[0][(rest ^ static_cast<std::uint32_t>(byte)) & 0xff];
}

std::uint32_t with_eight(std::uint32_t rest, const std::byte* bytes) {
  std::uint32_t low, high;
  std::memcpy(&low, bytes, sizeof low);
  std::memcpy(&high, bytes + 4, sizeof high);
  low ^= rest;
  return kTables[7][low & 0xff] ^ kTables[6][low >> 8 & 0xff] ^ kTables[5][low >> 16 & 0xff] ^
         kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^ kTables[2][high >> 8 & 0xff] ^
         kTables[1][high >> 16 & 0xff] ^ kTables[0][high >> 24];
}

std::uint32_t by_tables(std::uint32_t rest, std::span<const std::byte> bytes) {
  std::size_t at = 0;
  for (; bytes.size() - at >= kSlices; at += kSlices) rest = with_eight(rest, bytes.data() + at);
  for (; at < bytes.size(); ++at) rest = with_byte(rest, bytes[at]);
  return rest;
}

#if defined(__x86_64__)
// Folding by carry-less multiplication (V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using
// PCLMULQDQ Instruction", Intel 2009): 128 bits of the message move on by a distance when their halves are
// multiplied by powers of x modulo the polynomial, here bit-reflected as that paper's table of constants for
// this polynomial has them.
constexpr std::int64_t kBy512[2] = {0x154442bd4, 0x1c6e41596};  // x^(512+32), x^(512-32)
constexpr std::int64_t kBy128[2] = {0x1751997d0, 0x0ccaa009e};  // x^(128+32), x^(128-32)
constexpr std::size_t kFolded = 64;                             // bytes in one step

#define REGTAP_FOLDING __attribute__((target("pclmul")))

REGTAP_FOLDING __m128i load(const std::byte* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

REGTAP_FOLDING __m128i fold(__m128i value, __m128i by, __m128i onto) {
  const __m128i low = _mm_clmulepi64_si128(value, by, 0x00);
  const __m128i high = _mm_clmulepi64_si128(value, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

// At least kFolded bytes. What is left of them is a message of 16 bytes, which the tables finish.
REGTAP_FOLDING std::uint32_t by_folding(std::uint32_t rest, std::span<const std::byte> bytes) {
  const __m128i by_512 = _mm_set_epi64x(kBy512[1], kBy512[0]);
  const __m128i by_128 = _mm_set_epi64x(kBy128[1], kBy128[0]);
  const std::byte* at = bytes.data();
  __m128i lanes[4] = {load(at), load(at + 16), load(at + 32), load(at + 48)};
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(static_cast<int>(rest)));
  for (at += kFolded; at + kFolded <= bytes.data() + bytes.size(); at += kFolded)
    for (unsigned k = 0; k < 4; ++k) lanes[k] = fold(lanes[k], by_512, load(at + 16 * k));
  __m128i folded = lanes[0];
  for (unsigned k = 1; k < 4; ++k) folded = fold(folded, by_128, lanes[k]);
  std::byte message[16];
  std::memcpy(message, &folded, sizeof message);
  rest = by_tables(0, message);
  return by_tables(rest, bytes.subspan(static_cast<std::size_t>(at - bytes.data())));
}
#endif

std::uint32_t run(std::uint32_t rest, std::span<const std::byte> bytes) {
#if defined(__x86_64__)
  static const bool can_fold = __builtin_cpu_supports("pclmul") != 0;
  if (can_fold && bytes.size() >= kFolded) return by_folding(rest, bytes);
#endif
  return by_tables(rest, bytes);
}

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) { return ~run(~std::uint32_t{0}, bytes); }

}  // namespace regtap::parquet
