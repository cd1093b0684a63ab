// The door between the benchmark's arms and Python. None of them includes nanobind.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cerrno>
#include <vector>

#include "bench/calls.hpp"
#include "bench/measure.hpp"
#include "python_errors.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace regtap;
using namespace regtap::bench;

namespace {

using Counts = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>;

Counts tuple_of(const Reading& reading) {
  return {reading.ticks, reading.switches, reading.faults, reading.moves};
}

const Arm& arm_at(std::size_t index) {
  if (index >= arms().size()) throw std::invalid_argument("no such arm");
  return arms()[index];
}

Counts measure_block(const Site& site, std::size_t arm, bool fenced, std::uint64_t count) {
  errno = 0;
  return tuple_of(measure(site, arm_at(arm), fenced, count));
}

void bind_site(nb::module_& m) {
  nb::class_<Site>(m, "Site", "A register's window, mapped for the arms; the descriptor stays the caller's.")
      .def(
          "__init__",
          [](Site* self, int fd, std::string path, int open_flags, std::uint64_t map_offset,
             std::size_t map_bytes, std::uint64_t offset, unsigned width_bytes, bool writable,
             std::size_t bulk_bytes) {
            new (self) Site(SiteRequest{fd, std::move(path), open_flags, map_offset, map_bytes, offset,
                                        width_bytes, writable, bulk_bytes});
          },
          "fd"_a, nb::kw_only(), "path"_a, "open_flags"_a, "map_offset"_a, "map_bytes"_a, "offset"_a,
          "width_bytes"_a, "writable"_a, "bulk_bytes"_a = 0)
      .def_rw("value", &Site::value)
      .def_prop_ro("address",
                   [](const Site& site) { return reinterpret_cast<std::uintptr_t>(site.address()); })
      .def("measure", &measure_block, "arm"_a, "fenced"_a, "count"_a,
           "(ticks, switches, faults, moves) of one block.")
      .def("time_delay_ns", &time_delay_ns, "count"_a);
}

void bind_arms(nb::module_& m) {
  nb::enum_<Needs>(m, "Needs")
      .value("nothing", Needs::nothing)
      .value("mapping", Needs::mapping)
      .value("calls", Needs::calls)
      .value("opening", Needs::opening);
  nb::class_<Arm>(m, "Arm")
      .def_prop_ro("name", [](const Arm& arm) { return arm.name; })
      .def_prop_ro("description", [](const Arm& arm) { return arm.description; })
      .def_ro("needs", &Arm::needs)
      .def_ro("writes", &Arm::writes)
      .def_prop_ro("has_latency", [](const Arm& arm) { return arm.latency[0] != nullptr; });
  m.def("arms", [] { return std::vector<Arm>(arms().begin(), arms().end()); });
  m.def("try_uring", [] { Uring(); }, "Raises OSError where the kernel does not let io_uring be used.");
  m.def("set_delay_ticks", &set_delay_ticks, "ticks"_a);
  m.attr("UNROLL") = kUnroll;
}

void bind_meter(nb::module_& m) {
  nb::class_<Meter>(m, "Meter", "Times a block of Python.")
      .def(nb::init<>())
      .def("begin", &Meter::begin)
      .def(
          "end", [](const Meter& meter) { return tuple_of(meter.end()); },
          "(ticks, switches, faults, moves)");
  m.def("let_parent_count", &let_parent_count);
  m.def("count_calls", &count_calls, "child"_a, nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace

NB_MODULE(_native, m) {
  translate_system_errors();
  nb::exception<BusFault>(m, "BusFault");
  bind_site(m);
  bind_arms(m);
  bind_meter(m);
}
