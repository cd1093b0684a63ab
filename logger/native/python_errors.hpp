// How the core's errors reach Python. For files that bind only: the rest knows no Python.
#pragma once

#include <nanobind/nanobind.h>

#include <cerrno>
#include <system_error>

namespace regtap {

// Lets std::system_error become OSError with its errno; once for each module.
inline void translate_system_errors() {
  nanobind::register_exception_translator(
      [](const std::exception_ptr& pointer, void*) {
        try {
          std::rethrow_exception(pointer);
        } catch (const std::system_error& error) {
          errno = error.code().value();
          PyErr_SetFromErrno(PyExc_OSError);
        }
      },
      nullptr);
}

}  // namespace regtap
