#include "core/trigger.hpp"

#include <algorithm>
#include <stdexcept>

namespace regtap {
namespace {

bool is_edge(Operator op) { return op >= Operator::rises; }

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

}  // namespace

Trigger::Trigger(std::span<const Comparison> comparisons, std::vector<std::uint32_t> alternatives,
                 std::size_t channels)
    : count_(comparisons.size()), alternatives_(std::move(alternatives)) {
  require(count_ > 0 && count_ <= kMost, "a trigger has 1 to 16 comparisons");
  require(!alternatives_.empty(), "a trigger has an alternative");
  for (const std::uint32_t alternative : alternatives_)
    require(alternative != 0 && alternative >> count_ == 0, "an alternative is made of the comparisons");
  levels_ = static_cast<std::size_t>(std::count_if(comparisons.begin(), comparisons.end(),
                                                   [](const Comparison& c) { return !is_edge(c.op); }));
  std::size_t level = 0, edge = levels_;
  for (std::size_t k = 0; k < count_; ++k) {
    require(comparisons[k].channel < channels, "a comparison is of a register that is read");
    tests_[is_edge(comparisons[k].op) ? edge++ : level++] = test_of(comparisons[k], 1u << k);
  }
}

Trigger::Test Trigger::test_of(const Comparison& comparison, std::uint32_t bit) {
  const auto [channel, mask, op, value] = comparison;
  require(mask != 0, "a comparison is of some bits");
  require(is_edge(op) || (value & ~mask) == 0, "a value lies within the bits that it is compared with");
  require(op != Operator::less || value > 0, "nothing is less than 0");
  require(op != Operator::greater || value < mask, "nothing is greater than the largest value");
  switch (op) {
    case Operator::equal:
      return {channel, mask, value, 0, 0, bit, 0};
    case Operator::not_equal:
      return {channel, mask, value, 0, 0, 0, bit};
    case Operator::less:
      return {channel, mask, 0, value - 1, 0, bit, 0};
    case Operator::at_most:
      return {channel, mask, 0, value, 0, bit, 0};
    case Operator::greater:
      return {channel, mask, 0, value, 0, 0, bit};
    case Operator::at_least:
      return {channel, mask, value, mask - value, 0, bit, 0};
    case Operator::rises:
      return {channel, mask, 0, 0, 0, bit, 0};
    case Operator::falls:
      return {channel, mask, 0, 0, 0, 0, bit};
    case Operator::changes:
      return {channel, mask, 0, 0, 0, bit, bit};
  }
  throw std::invalid_argument("there is no such operator");
}

bool Trigger::begin(std::uint32_t holds) {
  has_begun_ = true;
  held_at_start_ = std::any_of(alternatives_.begin(), alternatives_.end(),
                               [holds](std::uint32_t alternative) { return (alternative & ~holds) == 0; });
  return false;
}

bool Trigger::meets(std::uint32_t holds, std::uint32_t became) const {
  return std::any_of(alternatives_.begin(), alternatives_.end(), [=](std::uint32_t alternative) {
    return (alternative & ~holds) == 0 && (alternative & became) != 0;
  });
}

}  // namespace regtap
