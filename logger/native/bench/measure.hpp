// One timed block of one arm.
#pragma once

#include "bench/arms.hpp"
#include "bench/meter.hpp"

namespace regtap::bench {

// Runs `count` accesses and times them. Throws BusFault when the register stops answering, std::system_error
// when the kernel refused any of them: with the errno of the last one, or EIO where that one was only short.
Reading measure(const Site& site, const Arm& arm, bool fenced, std::uint64_t count);

// How long the known delay really is: ns of CLOCK_MONOTONIC_RAW for one block of it, no other clock involved.
std::uint64_t time_delay_ns(const Site& site, std::uint64_t count);

}  // namespace regtap::bench
