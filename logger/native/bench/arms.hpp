// The ways to a register, each a body that does it again and again, back to back or one at a time.
#pragma once

#include <cstdint>
#include <span>

#include "bench/site.hpp"

namespace regtap::bench {

// What an arm must have, in the order in which targets run out of them.
enum class Needs { nothing, mapping, calls, opening };

// Does `count` accesses; cheap ones should come in multiples of kUnroll, whose rest has a loop of its own.
// Returns how many of them the kernel refused.
using Body = std::uint64_t (*)(const Site& site, std::uint64_t count);

// Bodies are unrolled so often, so that the loop around them costs next to nothing beside the cheapest.
inline constexpr std::uint64_t kUnroll = 16;

struct Arm {
  const char* name;
  const char* description;
  Needs needs;
  bool writes;
  // By log2 of the width in bytes. Throughput: back to back. Latency: each access complete before the next
  // begins; nullptr where that cannot be seen from here.
  Body throughput[4];
  Body latency[4];

  Body body(unsigned width_bytes, bool fenced) const;
};

std::span<const Arm> arms();

// How long the known delay spins, in ticks: the first multiple of the clock's step past 2 us. Before its
// body runs for the first time.
void set_delay_ticks(std::uint64_t ticks);

}  // namespace regtap::bench
