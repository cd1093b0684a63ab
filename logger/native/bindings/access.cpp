// Windows of registers, one access to each, and the simulated device that is read through one.
#include "core/access.hpp"

#include <nanobind/nanobind.h>

#include "bindings/bindings.hpp"
#include "core/simulator.hpp"
#include "core/window.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {

void bind_access(nb::module_& m) {
  nb::exception<BusFault>(m, "BusFault");
  nb::enum_<Kind>(m, "Kind")
      .value("u8", Kind::u8)
      .value("u16", Kind::u16)
      .value("u32", Kind::u32)
      .value("u64", Kind::u64)
      .value("u16be", Kind::u16be)
      .value("u32be", Kind::u32be)
      .value("u64be", Kind::u64be);
  nb::class_<Window>(m, "Window", "One mapped window of a descriptor, which stays the caller's.")
      .def(nb::init<int, std::uint64_t, std::size_t, bool>(), "fd"_a, nb::kw_only(), "offset"_a, "size"_a,
           "writable"_a)
      .def_prop_ro("size", &Window::size_bytes)
      .def("load", &Window::load, "offset"_a, "width_bytes"_a, "Exactly one volatile load.")
      .def("store", &Window::store, "offset"_a, "width_bytes"_a, nb::kw_only(), "value"_a,
           "Exactly one volatile store.")
      .def("close", &Window::close);
  m.def("pread_register", &pread_register, "fd"_a, nb::kw_only(), "offset"_a, "width_bytes"_a,
        nb::call_guard<nb::gil_scoped_release>());
  m.def("pwrite_register", &pwrite_register, "fd"_a, nb::kw_only(), "offset"_a, "width_bytes"_a, "value"_a,
        nb::call_guard<nb::gil_scoped_release>());
  m.attr("SIMULATED_PAGE_BYTES") = simulated::kPageBytes;
  m.def("run_simulator", &run_simulator, "fd"_a, nb::kw_only(), "parent_pid"_a,
        nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace regtap
