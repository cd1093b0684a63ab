// The loop behind a live view.
#include "core/monitor.hpp"

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "bindings/channels.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {
namespace {

// Holds the windows for as long as the thread may touch them.
class BoundMonitor {
 public:
  BoundMonitor(std::vector<ChannelTuple> channels,
               const std::vector<std::tuple<std::size_t, unsigned, unsigned>>& probes, clock::Source source,
               std::uint64_t numerator_ns, std::uint64_t denominator)
      : channels_(std::move(channels)),
        monitor_(channels_of(channels_), probes_of(probes), source, {numerator_ns, denominator}) {
    require(numerator_ns > 0 && denominator > 0, "a period is above zero");
  }
  Monitor& monitor() { return monitor_; }

 private:
  static std::vector<Probe> probes_of(const std::vector<std::tuple<std::size_t, unsigned, unsigned>>& given) {
    std::vector<Probe> probes;
    for (const auto& [channel, lsb, bits] : given) {
      require(bits > 0 && bits <= 64, "a probe has 1 to 64 bits");
      probes.push_back({channel, lsb, ~std::uint64_t{0} >> (64 - bits)});
    }
    return probes;
  }

  std::vector<ChannelTuple> channels_;
  Monitor monitor_;
};

}  // namespace

void bind_monitor(nb::module_& m) {
  nb::class_<Activity>(m, "Activity")
      .def_prop_ro("is_read", [](const Activity& a) { return a.changed_ticks != 0; })
      .def_prop_ro("is_faulted", [](const Activity& a) { return a.state == Activity::State::faulted; })
      .def_ro("value", &Activity::value)
      .def_ro("changes", &Activity::changes)
      .def_ro("smallest", &Activity::smallest)
      .def_ro("largest", &Activity::largest)
      .def_ro("changed_ticks", &Activity::changed_ticks)
      .def_ro("recent_smallest", &Activity::recent_smallest)
      .def_ro("recent_largest", &Activity::recent_largest);
  nb::class_<Look>(m, "Look")
      .def_ro("ticks", &Look::ticks)
      .def_ro("taken", &Look::taken)
      .def_ro("missed", &Look::missed)
      .def_ro("activities", &Look::activities);
  nb::class_<BoundMonitor>(m, "Monitor", "The loop behind a live view: it counts, and stores nothing.")
      .def(
          nb::init<std::vector<ChannelTuple>, const std::vector<std::tuple<std::size_t, unsigned, unsigned>>&,
                   clock::Source, std::uint64_t, std::uint64_t>(),
          nb::kw_only(), "channels"_a, "probes"_a, "source"_a, "numerator_ns"_a, "denominator"_a,
          "A probe is (number of the channel, lowest bit, number of bits).")
      .def("start", [](BoundMonitor& bound) { bound.monitor().start(); })
      .def(
          "take_row", [](BoundMonitor& bound) { bound.monitor().take_row(); },
          "One row on this thread; only before start().")
      .def("look", [](BoundMonitor& bound) { return bound.monitor().look(); })
      .def(
          "restart", [](BoundMonitor& bound) { bound.monitor().restart(); },
          "Counts begin anew with the next row.")
      .def(
          "retry", [](BoundMonitor& bound) { bound.monitor().retry(); },
          "Read those again that had a bus error.")
      .def(
          "stop", [](BoundMonitor& bound) { bound.monitor().stop(); },
          nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace regtap
