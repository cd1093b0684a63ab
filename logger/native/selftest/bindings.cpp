// The Python door of the test helpers; the rest of this folder knows nothing of Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>

#include "page_trap.hpp"
#include "python_errors.hpp"

namespace nb = nanobind;
namespace trap = regtap::selftest;

namespace {

trap::TrapResult run(const trap::TrapRequest& request) {
  const nb::gil_scoped_release unlocked;
  return trap::trap_accesses(request);
}

nb::tuple to_python(const trap::TrapResult& result) {
  nb::list accesses;
  for (const trap::RawAccess& access : result.accesses) {
    accesses.append(
        nb::make_tuple(access.offset, access.write, nb::bytes(access.code.data(), access.code.size())));
  }
  constexpr const char* kEnded[] = {"exited", "deadline", "limit"};
  return nb::make_tuple(accesses, result.exit_status, kEnded[static_cast<int>(result.ended)]);
}

nb::tuple trap_accesses(std::vector<std::string> argv, std::string probe_path, std::size_t limit,
                        double deadline_s, int output_fd) {
  const trap::TrapRequest request{std::move(argv), std::move(probe_path), limit,
                                  std::chrono::duration<double>(deadline_s), output_fd};
  return to_python(run(request));
}

}  // namespace

NB_MODULE(_native, module) {
  regtap::translate_system_errors();
  module.doc() = "The page trap (logger/native/selftest/page_trap.hpp).";
  module.def("trap_accesses", &trap_accesses, nb::arg("argv"), nb::kw_only(), nb::arg("probe_path"),
             nb::arg("limit"), nb::arg("deadline_s"), nb::arg("output_fd"));
}
