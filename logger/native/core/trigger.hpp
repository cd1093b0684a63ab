// A trigger: comparisons of registers, joined to alternatives, judged on every row.
//
// A comparison with a value holds on a row or does not, and has become true where it did not hold on the row
// before. `rises`, `falls` and `changes` compare with the row before, and have become true on each row where
// they hold. An alternative is a set of comparisons; the trigger strikes on a row on which every comparison
// of an alternative holds and one of them has just become true. The first row has none before it: nothing
// strikes there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace regtap {

enum class Operator : std::uint32_t {
  equal,
  not_equal,
  less,
  at_most,
  greater,
  at_least,
  rises,
  falls,
  changes,
};

// Some bits of a register against a value that lies within them.
struct Comparison {
  std::size_t channel;
  std::uint64_t mask;
  Operator op;
  std::uint64_t value;  // of no meaning to rises, falls and changes
};

class Trigger {
 public:
  static constexpr std::size_t kMost = 16;  // comparisons

  // Bit k of an alternative is comparison k. Throws std::invalid_argument where one names what is not there.
  Trigger(std::span<const Comparison> comparisons, std::vector<std::uint32_t> alternatives,
          std::size_t channels);

  // Rows are given one after the other; `row.value(k, i)` is register k of row i.
  template <class Row>
  bool strikes(const Row& row, std::uint64_t i) {
    std::uint32_t holds = 0;
    for (std::size_t k = 0; k < levels_; ++k) {
      const Test& test = tests_[k];
      const std::uint64_t bits = row.value(test.channel, i) & test.mask;
      holds |= (bits - test.low <= test.span ? test.inside : test.outside);
    }
    std::uint32_t became = holds & ~held_;
    held_ = holds;
    for (std::size_t k = levels_; k < count_; ++k) {
      Test& test = tests_[k];
      const std::uint64_t bits = row.value(test.channel, i) & test.mask;
      if (bits > test.before) became |= test.inside;
      if (bits < test.before) became |= test.outside;
      test.before = bits;
    }
    if (!has_begun_) [[unlikely]]
      return begin(holds);
    if (became == 0) [[likely]]
      return false;
    return meets(holds | became, became);
  }

  // Whether an alternative of comparisons with values held on the first row already.
  bool held_at_start() const { return held_at_start_; }

 private:
  // A comparison with a value is: bits - low <= span, or not so. Whichever it is, its bit in `holds` is added
  // by `inside` or by `outside`. Of an edge `inside` is the bit for a rise, `outside` the one for a fall.
  struct Test {
    std::size_t channel;
    std::uint64_t mask;
    std::uint64_t low;
    std::uint64_t span;
    std::uint64_t before;
    std::uint32_t inside;
    std::uint32_t outside;
  };

  static Test test_of(const Comparison& comparison, std::uint32_t bit);
  bool begin(std::uint32_t holds);
  bool meets(std::uint32_t holds, std::uint32_t became) const;

  std::array<Test, kMost> tests_{};  // comparisons with values, then edges
  std::size_t levels_ = 0;
  std::size_t count_ = 0;
  std::uint32_t held_ = 0;
  bool has_begun_ = false;
  bool held_at_start_ = false;
  std::vector<std::uint32_t> alternatives_;
};

}  // namespace regtap
