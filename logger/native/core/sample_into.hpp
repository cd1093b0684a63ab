// Rows into arrays of the caller's, on the caller's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/clock.hpp"
#include "core/fill.hpp"

namespace regtap {

struct Samples {
  std::uint64_t taken = 0;
  int fault_channel = -1;  // -1: none
};
struct Arrays {
  std::uint64_t* ticks;
  std::vector<std::byte*> columns;
  std::uint64_t count;
};
// Takes `arrays.count` rows, fewer after a bus error or, with slice_ns, when that much time is over: call
// again with the arrays moved on. `last` carries the tick of the row before from one call to the next.
Samples sample_into(const Arrays& arrays, const std::vector<Channel>& channels, clock::Source source,
                    std::uint64_t slice_ns, std::uint64_t& last);

}  // namespace regtap
