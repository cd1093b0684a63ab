// The door between the core and Python: data in, data out. Nothing of the core includes nanobind.
#include "bindings.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>

#include "core/clock.hpp"
#include "core/latch.hpp"
#include "core/monitor.hpp"
#include "core/processor.hpp"
#include "core/sampler.hpp"
#include "core/simulator.hpp"
#include "core/spool.hpp"
#include "core/trigger.hpp"
#include "core/window.hpp"
#include "python_errors.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace regtap;

namespace {

template <class T>
using Array = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = Array<std::uint8_t>;

// A register as Python names it: its window, its offset there, and how it is read.
using ChannelTuple = std::tuple<std::shared_ptr<Window>, std::uint64_t, Kind>;

std::vector<Channel> channels_of(const std::vector<ChannelTuple>& tuples) {
  std::vector<Channel> channels;
  for (const auto& [window, offset, kind] : tuples)
    channels.push_back({window->at(offset, width_bytes(kind)), kind});
  return channels;
}

// The upper half of a register that is read in two: the number of its channel, its window, its offset there.
using HalfTuple = std::tuple<std::size_t, std::shared_ptr<Window>, std::uint64_t>;

// The same where some channels are the lower halves of registers.
std::vector<Channel> channels_of(const std::vector<ChannelTuple>& tuples,
                                 const std::vector<HalfTuple>& halves) {
  constexpr unsigned kHalfBytes = 4;
  std::vector<Channel> channels;
  for (std::size_t k = 0; k < tuples.size(); ++k) {
    const auto& [window, offset, kind] = tuples[k];
    const auto half = std::find_if(halves.begin(), halves.end(),
                                   [k](const HalfTuple& tuple) { return std::get<0>(tuple) == k; });
    if (half == halves.end()) {
      channels.push_back({window->at(offset, width_bytes(kind)), kind});
      continue;
    }
    if (kind != Kind::u64) throw std::invalid_argument("a register in two halves has 64 bits");
    const auto& [number, high_window, high_offset] = *half;
    channels.push_back({window->at(offset, kHalfBytes), kind, high_window->at(high_offset, kHalfBytes)});
  }
  return channels;
}

std::span<std::byte> memory_of(const Bytes& memory) {
  return {reinterpret_cast<std::byte*>(memory.data()), memory.size()};
}

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

// A counter of a spool, and with it all that was stored before it was published.
std::uint64_t load_counter(const Bytes& memory, std::size_t offset) {
  require(offset % sizeof(std::uint64_t) == 0 && memory.size() >= sizeof(std::uint64_t) &&
              offset <= memory.size() - sizeof(std::uint64_t),
          "there is no counter at this offset");
  const auto* counter = reinterpret_cast<const std::atomic<std::uint64_t>*>(memory.data() + offset);
  return counter->load(std::memory_order_acquire);
}

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

// (register's number, mask, operator, value) for each comparison.
using Compared = std::tuple<std::size_t, std::uint64_t, Operator, std::uint64_t>;

std::vector<Comparison> comparisons_of(const std::vector<Compared>& compared) {
  std::vector<Comparison> comparisons;
  for (const auto& [channel, mask, op, value] : compared) comparisons.push_back({channel, mask, op, value});
  return comparisons;
}

// A trigger over rows that are in arrays already, for who has no loop.
class ArrayTrigger {
 public:
  ArrayTrigger(const std::vector<Compared>& compared, std::vector<std::uint32_t> alternatives,
               std::size_t registers)
      : trigger_(comparisons_of(compared), std::move(alternatives), registers), registers_(registers) {}

  std::vector<std::uint64_t> judge(
      const std::vector<nb::ndarray<nb::ro, nb::ndim<1>, nb::c_contig, nb::device::cpu>>& columns) {
    require(columns.size() == registers_, "one array of values is needed for each register");
    Row row;
    for (const auto& column : columns) {
      require(column.size() == columns[0].size(), "the arrays must have the same length");
      require(column.dtype().code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::UInt) &&
                  column.dtype().lanes == 1,
              "values are unsigned integers");
      row.columns.push_back(
          {static_cast<const std::byte*>(column.data()), static_cast<unsigned>(column.itemsize())});
    }
    std::vector<std::uint64_t> struck;
    for (std::uint64_t i = 0; i < columns[0].size(); ++i)
      if (trigger_.strikes(row, i)) struck.push_back(i);
    return struck;
  }
  bool held_at_start() const { return trigger_.held_at_start(); }

 private:
  struct Row {
    struct Column {
      const std::byte* values;
      unsigned width;
    };
    std::vector<Column> columns;
    std::uint64_t value(std::size_t k, std::uint64_t i) const {
      return detail::value_at(columns[k].values, columns[k].width, i);
    }
  };

  Trigger trigger_;
  std::size_t registers_;
};

// Makes every page of a fresh mapping present, so that the loop never faults on one.
void prefault(const Bytes& memory) {
  const nb::gil_scoped_release unlocked;
#ifdef MADV_POPULATE_WRITE
  if (madvise(memory.data(), memory.size(), MADV_POPULATE_WRITE) != 0)  // Linux before 5.14
#endif
    for (std::size_t at = 0; at < memory.size(); at += spool::kPage) memory_of(memory)[at] = std::byte{0};
  mlock(memory.data(), memory.size());  // best effort: the limit may forbid it
}

// Formats a spool into zeroed memory. Returns rows per block; 0: the memory is too small.
std::uint32_t format_spool(const Bytes& memory, std::vector<Kind> kinds, bool latency, std::uint32_t blocks,
                           std::uint32_t gap_capacity, const nb::bytes& document, std::uint64_t owner_pid) {
  const auto geometry =
      spool::fit(memory.size(), std::move(kinds), latency, blocks, gap_capacity, document.size());
  if (geometry.rows_per_block == 0) return 0;
  spool::Spool::format(memory_of(memory), geometry, {document.c_str(), document.size()}, owner_pid);
  return geometry.rows_per_block;
}

nb::tuple anchor_tuple(clock::Source source) {
  const clock::Anchor anchor = clock::take_anchor(source);
  return nb::make_tuple(anchor.ticks, anchor.raw_ns, anchor.realtime_ns, anchor.monotonic_ns,
                        anchor.boottime_ns, anchor.uncertainty_ticks);
}

nb::tuple convert_ticks(const Array<const std::uint64_t>& ticks, const Array<std::int64_t>& ns,
                        const Array<const std::uint64_t>& anchor_ticks,
                        const Array<const std::int64_t>& anchor_ns, std::int64_t floor_ns) {
  require(ticks.size() == ns.size(), "ticks and ns must have the same length");
  require(anchor_ticks.size() == anchor_ns.size() && anchor_ticks.size() >= 2,
          "at least two anchors are needed");
  clock::Converted result;
  {
    const nb::gil_scoped_release unlocked;
    result = clock::convert({ticks.data(), ticks.size()}, {ns.data(), ns.size()},
                            {anchor_ticks.data(), anchor_ticks.size()}, {anchor_ns.data(), anchor_ns.size()},
                            floor_ns);
  }
  return nb::make_tuple(result.last_ns, result.longest_ns);
}

nb::tuple sample_into_arrays(
    const std::vector<ChannelTuple>& channels, const Array<std::uint64_t>& ticks,
    const std::vector<nb::ndarray<nb::ndim<1>, nb::c_contig, nb::device::cpu>>& values, std::uint64_t first,
    clock::Source source, std::uint64_t slice_ns, std::uint64_t last) {
  require(values.size() == channels.size(), "one array of values is needed for each register");
  require(first <= ticks.size(), "the first row lies past the end of the arrays");
  Arrays arrays{ticks.data() + first, {}, ticks.size() - first};
  for (std::size_t k = 0; k < values.size(); ++k) {
    const unsigned width = width_bytes(std::get<2>(channels[k]));
    require(values[k].size() == ticks.size(), "ticks and values must have the same length");
    require(values[k].dtype() == nb::dlpack::dtype{static_cast<std::uint8_t>(nb::dlpack::dtype_code::UInt),
                                                   static_cast<std::uint8_t>(8 * width), 1},
            "an array of values has not its register's type");
    arrays.columns.push_back(static_cast<std::byte*>(values[k].data()) + first * width);
  }
  Samples samples;
  {
    const nb::gil_scoped_release unlocked;
    samples = sample_into(arrays, channels_of(channels), source, slice_ns, last);
  }
  return nb::make_tuple(samples.taken, samples.fault_channel, last);
}

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

void bind_clock(nb::module_& m) {
  nb::enum_<clock::Source>(m, "Source")
      .value("counter", clock::Source::counter)
      .value("fenced", clock::Source::fenced)
      .value("system", clock::Source::system);
  m.def("best_source", &clock::best_source, "is_device"_a);
  m.def("source_name", &clock::name, "source"_a);
  m.def("take_anchor", &anchor_tuple, "source"_a,
        nb::sig("def take_anchor(source: Source) -> tuple[int, int, int, int, int, int]"),
        "(ticks, raw_ns, realtime_ns, monotonic_ns, boottime_ns, uncertainty_ticks)");
  m.def("frequency_hz", &clock::frequency_hz, "source"_a, nb::call_guard<nb::gil_scoped_release>());
  m.def("slot_cost_ticks", &slot_cost_ticks, "source"_a, nb::call_guard<nb::gil_scoped_release>(),
        "What the schedule itself costs a paced row, measured now.");
  m.def("hypervisor_signature", &hypervisor_signature, "Empty where there is none to be seen.");
  m.def("convert_ticks", &convert_ticks, nb::arg("ticks").noconvert(), nb::arg("ns").noconvert(),
        nb::arg("anchor_ticks").noconvert(), nb::arg("anchor_ns").noconvert(), "floor_ns"_a,
        nb::sig("def convert_ticks(ticks: NDArray[numpy.uint64], ns: NDArray[numpy.int64], "
                "anchor_ticks: NDArray[numpy.uint64], anchor_ns: NDArray[numpy.int64], floor_ns: int) "
                "-> tuple[int, int]"),
        "Fill ns; (last_ns, longest_ns).");
}

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

void bind_trigger(nb::module_& m) {
  nb::enum_<Operator>(m, "Operator")
      .value("equal", Operator::equal)
      .value("not_equal", Operator::not_equal)
      .value("less", Operator::less)
      .value("at_most", Operator::at_most)
      .value("greater", Operator::greater)
      .value("at_least", Operator::at_least)
      .value("rises", Operator::rises)
      .value("falls", Operator::falls)
      .value("changes", Operator::changes);
  nb::class_<ArrayTrigger>(m, "Trigger", "A trigger over rows in arrays, judged one after the other.")
      .def(nb::init<const std::vector<Compared>&, std::vector<std::uint32_t>, std::size_t>(), "comparisons"_a,
           "alternatives"_a, "registers"_a,
           "A comparison is (register's number, mask, operator, value); bit k of an alternative is "
           "comparison k.")
      .def("judge", &ArrayTrigger::judge, "columns"_a,
           nb::sig("def judge(self, columns: Sequence[NDArray[numpy.unsignedinteger]]) -> list[int]"),
           "The rows on which it strikes.")
      .def_prop_ro("held_at_start", &ArrayTrigger::held_at_start);
  nb::class_<StretchEvent>(m, "StretchEvent")
      .def_ro("is_end", &StretchEvent::is_end)
      .def_ro("stretch", &StretchEvent::stretch)
      .def_ro("index", &StretchEvent::index)
      .def_ro("ticks", &StretchEvent::ticks)
      .def_ro("sequence", &StretchEvent::sequence)
      .def_ro("hits", &StretchEvent::hits);
}

void bind_sampler(nb::module_& m) {
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
          [](Plan& plan, const std::vector<Compared>& compared, std::vector<std::uint32_t> alternatives,
             std::uint64_t pre_ns, std::uint64_t post_ns, std::uint64_t holdoff_ns, std::uint64_t stretches,
             std::uint64_t most_blocks) {
            plan.trigger = TriggerPlan{comparisons_of(compared),
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
          [](BoundSampler& bound) {
            const Sampler::Held held = bound.sampler().hold();
            return std::make_pair(held.oldest, held.sealed);
          },
          "(oldest, sealed): blocks that stay as they are until they are released.")
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
  m.attr("SPOOL_VERSION") = spool::kVersion;
  m.attr("SPOOL_PAGE_BYTES") = spool::kPage;
  m.attr("SPARE_SHARE") = spool::kSpareShare;
  m.def("prefault", &prefault, nb::arg("memory").noconvert());
  m.def("load_counter", &load_counter, nb::arg("memory").noconvert(), "offset"_a, "With acquire order.");
  m.def("format_spool", &format_spool, nb::arg("memory").noconvert(), nb::kw_only(), "kinds"_a, "latency"_a,
        "blocks"_a, "gap_capacity"_a, "document"_a, "owner_pid"_a);
  m.def("sample_into", &sample_into_arrays, nb::kw_only(), "channels"_a, nb::arg("ticks").noconvert(),
        nb::arg("values").noconvert(), "first"_a, "source"_a, "slice_ns"_a, "last"_a,
        nb::sig(
            "def sample_into(*, channels: Sequence[tuple[Window, int, Kind]], ticks: NDArray[numpy.uint64], "
            "values: Sequence[NDArray[numpy.unsignedinteger]], first: int, source: Source, slice_ns: int, "
            "last: int) -> tuple[int, int, int]"),
        "(taken, fault_channel, last)");
}

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

// Ends what the one latch asks for and the others are opened by. One call: between its steps no handler of a
// signal runs any Python.
void end_and_join(Latch& asked, const Latch& launched, const Latch& ended) {
  const nb::gil_scoped_release unlocked;
  asked.open();
  for (const Latch* last : {&launched, &ended}) {
    last->wait(Latch::kForever);
    last->wait_for_opener();
  }
}

void bind_latch(nb::module_& m) {
  nb::class_<Latch>(m, "Latch",
                    "Opened once by one thread; others wait for that, and run no signal handler meanwhile.")
      .def(nb::init<>())
      .def("open", &Latch::open)
      .def_prop_ro("is_open", &Latch::is_open)
      .def("wait", &Latch::wait, "timeout_ns"_a = Latch::kForever, nb::call_guard<nb::gil_scoped_release>(),
           "Whether it is open; in a forked child at once.")
      .def("wait_or_signal", &Latch::wait_or_signal, "timeout_ns"_a, nb::call_guard<nb::gil_scoped_release>(),
           "The same; ends also where a signal was handled, save one that came just before.");
  m.def("end_and_join", &end_and_join, "asked"_a, "launched"_a, "ended"_a,
        "Open `asked`, wait for the two others, and for the end of the threads that opened them.");
  // A forked child has none of its parent's threads, and what they hold can never be let go there: that is no
  // leak.
  pthread_atfork(nullptr, nullptr, [] { nb::set_leak_warnings(false); });
}

}  // namespace

NB_MODULE(_native, m) {
  translate_system_errors();
  bind_latch(m);
  bind_access(m);
  bind_clock(m);
  bind_progress(m);
  bind_trigger(m);
  bind_sampler(m);
  bind_monitor(m);
  bind_parquet(m);
}
