// 64-bit numbers times 64-bit numbers, divided again: also where the compiler has no 128-bit type.
#pragma once

#include <cstdint>

namespace regtap {

struct Quotient {
  std::uint64_t value;  // rounded down; its lower 64 bits
  bool is_exact;
};

namespace wide {

// a * b as two halves.
struct Product {
  std::uint64_t high, low;
};

constexpr Product multiply(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t a_low = a & 0xffffffff, a_high = a >> 32;
  const std::uint64_t b_low = b & 0xffffffff, b_high = b >> 32;
  const std::uint64_t low = a_low * b_low;
  const std::uint64_t middle = a_high * b_low + (low >> 32);  // neither sum can wrap
  const std::uint64_t other = a_low * b_high + (middle & 0xffffffff);
  return {a_high * b_high + (middle >> 32) + (other >> 32), other << 32 | (low & 0xffffffff)};
}

// Bit by bit where the product has more than 64; a schedule's has not for centuries.
constexpr Quotient divide(Product product, std::uint64_t by) {
  if (product.high == 0) return {product.low / by, product.low % by == 0};
  std::uint64_t value = 0, rest = product.high % by;
  for (int bit = 63; bit >= 0; --bit) {
    const bool carries = rest >> 63 != 0;
    rest = rest << 1 | (product.low >> bit & 1);
    const bool fits = carries || rest >= by;
    if (fits) rest -= by;
    value = value << 1 | (fits ? 1 : 0);
  }
  return {value, rest == 0};
}

constexpr bool is_quotient(Quotient quotient, std::uint64_t value, bool is_exact) {
  return quotient.value == value && quotient.is_exact == is_exact;
}

constexpr std::uint64_t kMost = ~std::uint64_t{0};
static_assert(is_quotient(divide(multiply(7, 3), 2), 10, false));
static_assert(is_quotient(divide(multiply(kMost, kMost), kMost), kMost, true));
static_assert(is_quotient(divide(multiply(kMost, 5), 7), 0xb6db6db6db6db6dau, false));
static_assert(is_quotient(divide(multiply(1'000'000'000'000'000'000u, 1'000'000'000'000u), 999'999'999'999u),
                          1'000'000'000'001'000'000u, false));
static_assert(is_quotient(divide(multiply(std::uint64_t{1} << 63, 6), 3), 0, true));  // 2^64: lower bits

}  // namespace wide

// a * b / c, exactly; c is not 0.
constexpr Quotient multiply_divide(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  return wide::divide(wide::multiply(a, b), c);
}

}  // namespace regtap
