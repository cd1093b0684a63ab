// What a system call refused, as an exception.
#pragma once

#include <system_error>

namespace regtap {

[[noreturn]] inline void throw_errno(const char* call, int error) {
  throw std::system_error(error, std::generic_category(), call);
}

}  // namespace regtap
