// The pieces of the extension module, each in a file of its own. For this folder only: the rest knows no
// Python.
#pragma once

#include <nanobind/nanobind.h>

namespace regtap {

void bind_latch(nanobind::module_& m);
void bind_access(nanobind::module_& m);
void bind_clock(nanobind::module_& m);
void bind_trigger(nanobind::module_& m);
void bind_capture(nanobind::module_& m);
void bind_spool(nanobind::module_& m);
void bind_rows(nanobind::module_& m);
void bind_monitor(nanobind::module_& m);
void bind_parquet(nanobind::module_& m);

}  // namespace regtap
