#include "parquet/rows.hpp"

#include <cmath>
#include <limits>

#include "core/vector_clones.hpp"

namespace regtap::parquet {
namespace {

// Rounded as numpy's rint does it, to even where both neighbours are as near.
REGTAP_VECTOR_CLONES
void convert_latency(const std::uint32_t* ticks, std::uint32_t* ns, std::size_t count, double ns_per_tick) {
  constexpr double kMost = std::numeric_limits<std::uint32_t>::max();
  for (std::size_t i = 0; i < count; ++i)
    ns[i] = static_cast<std::uint32_t>(std::min(std::rint(ticks[i] * ns_per_tick), kMost));
}

}  // namespace

std::span<const std::int64_t> TimePages::next(std::size_t rows) {
  std::int64_t* out = page_;
  cursor_.next(rows, [&](const Block& block, std::size_t row, std::size_t count) {
    convert(block.ticks.subspan(row, count), out);
    out += count;
  });
  return {page_, rows};
}

// Anchors before the first tick's segment are left out: a long part has thousands of them, and a page needs
// two.
void TimePages::convert(std::span<const std::uint64_t> ticks, std::int64_t* out) {
  const auto& anchors = scale_.anchor_ticks;
  const auto after = std::upper_bound(anchors.begin(), anchors.end(), ticks.front()) - anchors.begin();
  const auto most = static_cast<std::ptrdiff_t>(anchors.size()) - 2;
  const auto first = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(after - 1, 0, most));
  const clock::Converted done = clock::convert(ticks, {out, ticks.size()}, anchors.subspan(first),
                                               scale_.anchor_ns.subspan(first), converted_.last_ns);
  converted_ = {done.last_ns, std::max(converted_.longest_ns, done.longest_ns)};
}

std::span<const std::uint32_t> LatencyPages::next(std::size_t rows) {
  std::uint32_t* out = page_;
  cursor_.next(rows, [&](const Block& block, std::size_t row, std::size_t count) {
    convert_latency(block.latency + row, out, count, ns_per_tick_);
    out += count;
  });
  return {page_, rows};
}

}  // namespace regtap::parquet
