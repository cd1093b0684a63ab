// Registers as Python names them. For files that bind what takes them: nanobind's casters of tuples come
// along.
#pragma once

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "core/access.hpp"
#include "core/fill.hpp"
#include "core/window.hpp"

namespace regtap {

// A register: its window, its offset there, and how it is read.
using ChannelTuple = std::tuple<std::shared_ptr<Window>, std::uint64_t, Kind>;

// The upper half of a register that is read in two: the number of its channel, its window, its offset there.
using HalfTuple = std::tuple<std::size_t, std::shared_ptr<Window>, std::uint64_t>;

// The windows must outlive the channels. Throws std::invalid_argument where a register with an upper half has
// not 64 bits, and what Window::at() throws.
std::vector<Channel> channels_of(const std::vector<ChannelTuple>& tuples,
                                 const std::vector<HalfTuple>& halves = {});

}  // namespace regtap
