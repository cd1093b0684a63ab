// Memory of the caller's as Python hands it over: of one dimension, without holes, of one type.
#pragma once

#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

namespace regtap {

template <class T>
using Array = nanobind::ndarray<T, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
using Bytes = Array<std::uint8_t>;

inline std::span<std::byte> memory_of(const Bytes& memory) {
  return {reinterpret_cast<std::byte*>(memory.data()), memory.size()};
}

// Throws std::invalid_argument, which is ValueError in Python, unless it holds.
inline void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

}  // namespace regtap
