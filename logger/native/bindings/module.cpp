// The door between the core and Python: data in, data out. Nothing of the core includes nanobind.
#include <nanobind/nanobind.h>

#include "bindings/bindings.hpp"
#include "python_errors.hpp"

NB_MODULE(_native, m) {
  regtap::translate_system_errors();
  regtap::bind_latch(m);
  regtap::bind_access(m);
  regtap::bind_clock(m);
  regtap::bind_trigger(m);
  regtap::bind_capture(m);
  regtap::bind_spool(m);
  regtap::bind_rows(m);
  regtap::bind_monitor(m);
  regtap::bind_parquet(m);
}
