#include "bindings/channels.hpp"

#include <algorithm>

#include "bindings/arrays.hpp"

namespace regtap {
namespace {

constexpr unsigned kHalfBytes = 4;

}  // namespace

std::vector<Channel> channels_of(const std::vector<ChannelTuple>& tuples,
                                 const std::vector<HalfTuple>& halves) {
  std::vector<Channel> channels;
  for (std::size_t k = 0; k < tuples.size(); ++k) {
    const auto& [window, offset, kind] = tuples[k];
    const auto half = std::find_if(halves.begin(), halves.end(),
                                   [k](const HalfTuple& tuple) { return std::get<0>(tuple) == k; });
    if (half == halves.end()) {
      channels.push_back({window->at(offset, width_bytes(kind)), kind});
      continue;
    }
    require(kind == Kind::u64, "a register in two halves has 64 bits");
    const auto& [number, high_window, high_offset] = *half;
    channels.push_back({window->at(offset, kHalfBytes), kind, high_window->at(high_offset, kHalfBytes)});
  }
  return channels;
}

}  // namespace regtap
