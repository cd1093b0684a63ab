#include "core/sample_into.hpp"

#include <atomic>

#include "core/fault.hpp"
#include "core/sampling_thread.hpp"

namespace regtap {

Samples sample_into(const Arrays& arrays, const std::vector<Channel>& channels, clock::Source source,
                    std::uint64_t slice_ns, std::uint64_t& last) {
  const Fill fill = choose_fill(channels, source, false);
  const std::vector<fault::Range> ranges = ranges_of(channels);
  std::atomic<std::uint64_t> published{0};
  Control control;
  if (slice_ns > 0) control.deadline.store(clock::ticks(source) + clock::in_ticks(slice_ns, source));
  const Rows rows = {arrays.ticks, arrays.columns.data(), nullptr, &published, 0};
  Samples samples;
  fault::acquire();
  {
    const fault::Guardian guardian;
    fault::Scope scope(ranges);
    if (sigsetjmp(scope.env(), 0) == 0) {
      scope.arm();
      fill({channels, &control}, rows, 0, arrays.count, last);
      scope.disarm();
    } else {
      samples.fault_channel = channel_at(channels, scope.address());
    }
  }
  fault::release();
  samples.taken = published.load(std::memory_order_relaxed);
  return samples;
}

}  // namespace regtap
