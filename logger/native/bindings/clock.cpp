// Ticks, and what they are in nanoseconds.
#include "core/clock.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstdint>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "core/processor.hpp"
#include "core/schedule.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {
namespace {

nb::tuple anchor_tuple(clock::Source source) {
  const clock::Anchor anchor = clock::take_anchor(source);
  return nb::make_tuple(anchor.ticks, anchor.raw_ns, anchor.realtime_ns, anchor.monotonic_ns,
                        anchor.boottime_ns, anchor.uncertainty_ticks);
}

nb::tuple convert_ticks(const Array<const std::uint64_t>& ticks, const Array<std::int64_t>& ns,
                        const Array<const std::uint64_t>& anchor_ticks,
                        const Array<const std::int64_t>& anchor_ns, std::int64_t floor_ns) {
  require(ticks.size() == ns.size(), "ticks and ns must have the same length");
  require(anchor_ticks.size() == anchor_ns.size() && anchor_ticks.size() >= 2,
          "at least two anchors are needed");
  clock::Converted result;
  {
    const nb::gil_scoped_release unlocked;
    result = clock::convert({ticks.data(), ticks.size()}, {ns.data(), ns.size()},
                            {anchor_ticks.data(), anchor_ticks.size()}, {anchor_ns.data(), anchor_ns.size()},
                            floor_ns);
  }
  return nb::make_tuple(result.last_ns, result.longest_ns);
}

}  // namespace

void bind_clock(nb::module_& m) {
  nb::enum_<clock::Source>(m, "Source")
      .value("counter", clock::Source::counter)
      .value("fenced", clock::Source::fenced)
      .value("system", clock::Source::system);
  m.def("best_source", &clock::best_source, "is_device"_a);
  m.def("source_name", &clock::name, "source"_a);
  m.def("take_anchor", &anchor_tuple, "source"_a,
        nb::sig("def take_anchor(source: Source) -> tuple[int, int, int, int, int, int]"),
        "(ticks, raw_ns, realtime_ns, monotonic_ns, boottime_ns, uncertainty_ticks)");
  m.def("frequency_hz", &clock::frequency_hz, "source"_a, nb::call_guard<nb::gil_scoped_release>());
  m.def("slot_cost_ticks", &slot_cost_ticks, "source"_a, nb::call_guard<nb::gil_scoped_release>(),
        "What the schedule itself costs a paced row, measured now.");
  m.def("hypervisor_signature", &hypervisor_signature, "Empty where there is none to be seen.");
  m.def("convert_ticks", &convert_ticks, nb::arg("ticks").noconvert(), nb::arg("ns").noconvert(),
        nb::arg("anchor_ticks").noconvert(), nb::arg("anchor_ns").noconvert(), "floor_ns"_a,
        nb::sig("def convert_ticks(ticks: NDArray[numpy.uint64], ns: NDArray[numpy.int64], "
                "anchor_ticks: NDArray[numpy.uint64], anchor_ns: NDArray[numpy.int64], floor_ns: int) "
                "-> tuple[int, int]"),
        "Fill ns; (last_ns, longest_ns).");
}

}  // namespace regtap
