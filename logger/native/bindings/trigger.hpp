// Comparisons of a trigger as Python names them.
#pragma once

#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "core/trigger.hpp"

namespace regtap {

// (register's number, mask, operator, value)
using ComparisonTuple = std::tuple<std::size_t, std::uint64_t, Operator, std::uint64_t>;

std::vector<Comparison> comparisons_of(const std::vector<ComparisonTuple>& tuples);

}  // namespace regtap
