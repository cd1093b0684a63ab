// The pieces of the extension module, each in a file of its own. For bindings files only: the rest knows no
// Python.
#pragma once

#include <nanobind/nanobind.h>

namespace regtap {

void bind_parquet(nanobind::module_& m);

}  // namespace regtap
