// What the checks of the ring share: memory for it, and the end at the first thing that does not hold.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <span>

#include "core/spool.hpp"

namespace regtap::checks {

[[noreturn]] inline void fail(const char* what, std::uint64_t found, std::uint64_t expected) {
  std::fprintf(stderr, "%s: %llu, not %llu\n", what, static_cast<unsigned long long>(found),
               static_cast<unsigned long long>(expected));
  std::exit(1);
}

inline void expect(const char* what, std::uint64_t found, std::uint64_t expected) {
  if (found != expected) fail(what, found, expected);
}

// Memory for a spool, of exactly its size, so that a byte too far is seen.
class Memory {
 public:
  explicit Memory(std::size_t bytes)
      : bytes_(bytes), base_(static_cast<std::byte*>(std::aligned_alloc(spool::kPage, bytes))) {
    if (base_ == nullptr) throw std::bad_alloc();
    std::fill_n(base_, bytes, std::byte{0});
  }
  ~Memory() { std::free(base_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::span<std::byte> span() const { return {base_, bytes_}; }

 private:
  std::size_t bytes_;
  std::byte* base_;
};

}  // namespace regtap::checks
