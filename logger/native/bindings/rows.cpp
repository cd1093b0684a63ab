// Rows into arrays of the caller's, on the caller's thread.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "bindings/channels.hpp"
#include "core/sample_into.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {
namespace {

nb::tuple sample_into_arrays(
    const std::vector<ChannelTuple>& channels, const Array<std::uint64_t>& ticks,
    const std::vector<nb::ndarray<nb::ndim<1>, nb::c_contig, nb::device::cpu>>& values, std::uint64_t first,
    clock::Source source, std::uint64_t slice_ns, std::uint64_t last) {
  require(values.size() == channels.size(), "one array of values is needed for each register");
  require(first <= ticks.size(), "the first row lies past the end of the arrays");
  Arrays arrays{ticks.data() + first, {}, ticks.size() - first};
  for (std::size_t k = 0; k < values.size(); ++k) {
    const unsigned width = width_bytes(std::get<2>(channels[k]));
    require(values[k].size() == ticks.size(), "ticks and values must have the same length");
    require(values[k].dtype() == nb::dlpack::dtype{static_cast<std::uint8_t>(nb::dlpack::dtype_code::UInt),
                                                   static_cast<std::uint8_t>(8 * width), 1},
            "an array of values has not its register's type");
    arrays.columns.push_back(static_cast<std::byte*>(values[k].data()) + first * width);
  }
  Samples samples;
  {
    const nb::gil_scoped_release unlocked;
    samples = sample_into(arrays, channels_of(channels), source, slice_ns, last);
  }
  return nb::make_tuple(samples.taken, samples.fault_channel, last);
}

}  // namespace

void bind_rows(nb::module_& m) {
  m.def("sample_into", &sample_into_arrays, nb::kw_only(), "channels"_a, nb::arg("ticks").noconvert(),
        nb::arg("values").noconvert(), "first"_a, "source"_a, "slice_ns"_a, "last"_a,
        nb::sig(
            "def sample_into(*, channels: Sequence[tuple[Window, int, Kind]], ticks: NDArray[numpy.uint64], "
            "values: Sequence[NDArray[numpy.unsignedinteger]], first: int, source: Source, slice_ns: int, "
            "last: int) -> tuple[int, int, int]"),
        "(taken, fault_channel, last)");
}

}  // namespace regtap
