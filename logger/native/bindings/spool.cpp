// The spool's memory: made present, formatted, and looked into.
#include "core/spool.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "core/access.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace regtap {
namespace {

// A counter of a spool, and with it all that was stored before it was published.
std::uint64_t load_counter(const Bytes& memory, std::size_t offset) {
  require(offset % sizeof(std::uint64_t) == 0 && memory.size() >= sizeof(std::uint64_t) &&
              offset <= memory.size() - sizeof(std::uint64_t),
          "there is no counter at this offset");
  const auto* counter = reinterpret_cast<const std::atomic<std::uint64_t>*>(memory.data() + offset);
  return counter->load(std::memory_order_acquire);
}

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

}  // namespace

void bind_spool(nb::module_& m) {
  m.attr("SPOOL_VERSION") = spool::kVersion;
  m.attr("SPOOL_PAGE_BYTES") = spool::kPage;
  m.attr("SPARE_SHARE") = spool::kSpareShare;
  m.def("prefault", &prefault, nb::arg("memory").noconvert());
  m.def("load_counter", &load_counter, nb::arg("memory").noconvert(), "offset"_a, "With acquire order.");
  m.def("format_spool", &format_spool, nb::arg("memory").noconvert(), nb::kw_only(), "kinds"_a, "latency"_a,
        "blocks"_a, "gap_capacity"_a, "document"_a, "owner_pid"_a);
}

}  // namespace regtap
