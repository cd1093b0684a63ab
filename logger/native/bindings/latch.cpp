// What threads of Python wait for each other with.
#include "core/latch.hpp"

#include <nanobind/nanobind.h>
#include <pthread.h>

#include <cstdint>

#include "bindings/bindings.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {
namespace {

// Calls a function and then opens a latch. One call: an exception of a signal's handler comes before both or
// after both, so that the latch tells whether the function has done its work.
void call_then_open(const nb::callable& function, Latch& done) {
  function();
  done.open();
}

// Ends what the second latch asks for and the others are opened by, if it was started. One call: between its
// steps no handler of a signal runs any Python.
void end_and_join(const Latch& started, Latch& asked, const Latch& launched, const Latch& ended) {
  const nb::gil_scoped_release unlocked;
  asked.open();
  if (!started.is_open()) return;
  for (const Latch* last : {&launched, &ended}) {
    last->wait(Latch::kForever);
    last->wait_for_opener();
  }
}

// Calls a function and then opens latches, whatever it raised. One call: no step of Python's lies between the
// two, so that whoever waits for the latches never waits for ever.
void run_then_open(const nb::callable& function, Latch& first, Latch& second) {
  struct Opener {
    Latch& first;
    Latch& second;
    ~Opener() {
      first.open();
      second.open();
    }
  } const opener{first, second};
  function();
}

}  // namespace

void bind_latch(nb::module_& m) {
  nb::class_<Latch>(m, "Latch",
                    "Opened once by one thread; others wait for that, and run no signal handler meanwhile.")
      .def(nb::init<>())
      .def("open", &Latch::open)
      .def_prop_ro("is_open", &Latch::is_open)
      .def(
          "wait", [](const Latch& latch, std::uint64_t timeout) { return latch.wait(timeout); },
          "timeout_ns"_a = Latch::kForever, nb::call_guard<nb::gil_scoped_release>(),
          "Whether it is open; in a forked child at once.")
      .def(
          "wait_or_signal",
          [](const Latch& latch, std::uint64_t timeout) { return latch.wait(timeout, Latch::OnSignal::end); },
          "timeout_ns"_a, nb::call_guard<nb::gil_scoped_release>(),
          "The same; ends also where a signal was handled, save one that came just before.");
  m.def("call_then_open", &call_then_open, "function"_a, "done"_a,
        nb::sig("def call_then_open(function: collections.abc.Callable[[], object], done: Latch) -> None"),
        "Call a function, and open the latch if it returns; nothing comes between the two.");
  m.def("end_and_join", &end_and_join, "started"_a, "asked"_a, "launched"_a, "ended"_a,
        "Open `asked`; if `started` is open, wait for the others, and for the end of the threads that opened "
        "them.");
  m.def("run_then_open", &run_then_open, "function"_a, "first"_a, "second"_a,
        nb::sig("def run_then_open(function: collections.abc.Callable[[], None], first: Latch, second: "
                "Latch) -> None"),
        "Call a function, and open the latches whatever it raises.");
  // A forked child has none of its parent's threads, and what they hold can never be let go there: that is no
  // leak.
  pthread_atfork(nullptr, nullptr, [] { nb::set_leak_warnings(false); });
}

}  // namespace regtap
