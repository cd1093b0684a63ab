// A number that one thread counts up and any thread reads.
#pragma once

#include <atomic>
#include <cstdint>

namespace regtap {

class Counter {
 public:
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  // By the counting thread.
  void add(std::uint64_t more) { set(value() + more); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace regtap
