// A capture: its plan, its thread, and how far it is.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "bindings/channels.hpp"
#include "bindings/trigger.hpp"
#include "core/plan.hpp"
#include "core/progress.hpp"
#include "core/sampler.hpp"
#include "core/spool.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {
namespace {

// Holds the windows and the spool's memory for as long as the thread may touch them.
class BoundSampler {
 public:
  BoundSampler(Bytes memory, std::vector<ChannelTuple> channels, Plan plan, std::vector<HalfTuple> halves)
      : memory_(std::move(memory)),
        channels_(std::move(channels)),
        halves_(std::move(halves)),
        sampler_(spool::Spool::attach(memory_of(memory_)), channels_of(channels_, halves_), plan) {}
  Sampler& sampler() { return sampler_; }

 private:
  Bytes memory_;
  std::vector<ChannelTuple> channels_;
  std::vector<HalfTuple> halves_;
  Sampler sampler_;
};

void bind_progress(nb::module_& m) {
  nb::enum_<OnFull>(m, "OnFull")
      .value("wait", OnFull::wait)
      .value("discard", OnFull::discard)
      .value("stop", OnFull::stop)
      .value("overwrite", OnFull::overwrite);
  nb::enum_<Ended>(m, "Ended")
      .value("running", Ended::running)
      .value("stopped", Ended::stopped)
      .value("duration", Ended::duration)
      .value("samples", Ended::samples)
      .value("full", Ended::full)
      .value("fault", Ended::fault)
      .value("captures", Ended::captures);
  nb::class_<Disturbances>(m, "Disturbances")
      .def_ro("minor_faults", &Disturbances::minor_faults)
      .def_ro("major_faults", &Disturbances::major_faults)
      .def_ro("sleeps", &Disturbances::sleeps)
      .def_ro("preemptions", &Disturbances::preemptions);
  nb::class_<Progress>(m, "Progress")
      .def_ro("ended", &Progress::ended)
      .def_ro("taken", &Progress::taken)
      .def_ro("lost", &Progress::lost)
      .def_ro("missed", &Progress::missed)
      .def_ro("unchanged", &Progress::unchanged)
      .def_ro("torn", &Progress::torn)
      .def_ro("extra_loads", &Progress::extra_loads)
      .def_ro("due", &Progress::due)
      .def_ro("pauses", &Progress::pauses)
      .def_ro("throttled_ticks", &Progress::throttled_ticks)
      .def_ro("elapsed_ticks", &Progress::elapsed_ticks)
      .def_prop_ro("late_slots", [](const Progress& p) { return p.lateness.slots; })
      .def_prop_ro("late_sum_ticks", [](const Progress& p) { return p.lateness.sum; })
      .def_prop_ro("late_longest_ticks", [](const Progress& p) { return p.lateness.longest; })
      .def_prop_ro("busy_ticks", [](const Progress& p) { return p.lateness.busy; })
      .def_ro("disturbances", &Progress::disturbances)
      .def_ro("fault_channel", &Progress::fault_channel)
      .def_ro("cpu_errno", &Progress::cpu_errno)
      .def_ro("priority_errno", &Progress::priority_errno)
      .def_ro("hits", &Progress::hits)
      .def_ro("held_off", &Progress::held_off)
      .def_ro("stretches", &Progress::stretches)
      .def_ro("held_at_start", &Progress::held_at_start);
}

void bind_plan(nb::module_& m) {
  nb::class_<Plan>(m, "Plan")
      .def(nb::init<>())
      .def_rw("source", &Plan::source)
      .def_rw("on_full", &Plan::on_full)
      .def(
          "set_period",
          [](Plan& plan, std::uint64_t numerator_ns, std::uint64_t denominator) {
            require(numerator_ns > 0 && denominator > 0, "a period is above zero");
            plan.period = Period{numerator_ns, denominator};
          },
          nb::kw_only(), "numerator_ns"_a, "denominator"_a,
          "Pace by an absolute schedule of this exact period.")
      .def_rw("duration_ns", &Plan::duration_ns)
      .def_rw("samples", &Plan::samples)
      .def_rw("seal_ns", &Plan::seal_ns)
      .def(
          "set_on_change",
          [](Plan& plan, std::vector<std::uint64_t> masks, std::uint64_t heartbeat_ns) {
            plan.on_change = ChangePlan{std::move(masks), heartbeat_ns};
          },
          "masks"_a, "heartbeat_ns"_a, "Store rows where bits of a mask, one for each register, change.")
      .def(
          "set_trigger",
          [](Plan& plan, const std::vector<ComparisonTuple>& comparisons,
             std::vector<std::uint32_t> alternatives, std::uint64_t pre_ns, std::uint64_t post_ns,
             std::uint64_t holdoff_ns, std::uint64_t stretches, std::uint64_t most_blocks) {
            plan.trigger = TriggerPlan{comparisons_of(comparisons),
                                       std::move(alternatives),
                                       pre_ns,
                                       post_ns,
                                       holdoff_ns,
                                       stretches,
                                       most_blocks};
          },
          nb::kw_only(), "comparisons"_a, "alternatives"_a, "pre_ns"_a, "post_ns"_a, "holdoff_ns"_a,
          "stretches"_a, "most_blocks"_a, "Store stretches around the hits of a trigger, and no other rows.")
      .def_rw("cpu", &Plan::cpu)
      .def_rw("fifo_priority", &Plan::fifo_priority);
}

void bind_sampler(nb::module_& m) {
  nb::class_<BoundSampler>(m, "Sampler", "The sampling thread over a formatted spool.")
      .def(nb::init<Bytes, std::vector<ChannelTuple>, Plan, std::vector<HalfTuple>>(), nb::kw_only(),
           nb::arg("memory").noconvert(), "channels"_a, "plan"_a, "halves"_a = std::vector<HalfTuple>(),
           "Halves: (number of a channel, window, offset) of the upper half of a register read in two.")
      .def("start", [](BoundSampler& bound) { bound.sampler().start(); })
      .def("stop", [](BoundSampler& bound) { bound.sampler().stop(); })
      .def(
          "join", [](BoundSampler& bound) { bound.sampler().join(); },
          nb::call_guard<nb::gil_scoped_release>())
      .def("running", [](BoundSampler& bound) { return bound.sampler().running(); })
      .def(
          "wait_sealed",
          [](BoundSampler& bound, std::uint64_t seen, std::uint64_t timeout) {
            return bound.sampler().wait_sealed(seen, timeout);
          },
          "seen"_a, "timeout_ns"_a, nb::call_guard<nb::gil_scoped_release>())
      .def(
          "release", [](BoundSampler& bound, std::uint64_t sequence) { bound.sampler().release(sequence); },
          "sequence"_a)
      .def(
          "seal", [](BoundSampler& bound) { bound.sampler().seal(); },
          nb::call_guard<nb::gil_scoped_release>())
      .def(
          "hold",
          [](BoundSampler& bound, std::uint64_t first) {
            const Sampler::Held held = bound.sampler().hold(first);
            return std::make_pair(held.oldest, held.sealed);
          },
          "first"_a,
          "(oldest, sealed): blocks, from `first` on if none were held, that stay as they are until they are "
          "released.")
      .def(
          "hold_newest",
          [](BoundSampler& bound, std::uint64_t most) {
            const Sampler::Held held = bound.sampler().hold_newest(most);
            return std::make_pair(held.oldest, held.sealed);
          },
          "most"_a, "The same with the newest blocks, at most so many, if none were held.")
      .def("end_hold", [](BoundSampler& bound) { bound.sampler().end_hold(); })
      .def(
          "wait_stretch",
          [](BoundSampler& bound, std::uint64_t seen, std::uint64_t timeout) {
            bound.sampler().wait_stretch(seen, timeout);
          },
          "seen"_a, "timeout_ns"_a, nb::call_guard<nb::gil_scoped_release>(),
          "Wait for an event of a stretch, for a block beyond `seen`, or for the end.")
      .def("take_events", [](BoundSampler& bound) { return bound.sampler().take_events(); })
      .def(
          "settle", [](BoundSampler& bound, std::uint64_t stretch) { bound.sampler().settle(stretch); },
          "stretch"_a, "This stretch is stored, and its blocks are released.")
      .def("progress", [](BoundSampler& bound) { return bound.sampler().progress(); });
}

}  // namespace

void bind_capture(nb::module_& m) {
  bind_progress(m);
  bind_plan(m);
  bind_sampler(m);
}

}  // namespace regtap
