// Where a row is judged: it has been read, and is not yet published. What the verdict is decides what
// follows.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "core/trigger.hpp"

namespace regtap {

enum class Verdict : std::uint32_t {
  store,  // the row is published, and the loop goes on
  drop,   // it is not: the next row takes its place, and the judge has counted it
  hit,    // it is published, and the fill ends with it: its caller takes the sighting
};

// What the last row judged `hit` was.
struct Sighting {
  bool is_any = false;
  bool strikes = false;  // the trigger; else the row is only the one that was waited for
};

// The sampling thread's own; nothing in it allocates, locks or calls. A row's fields are read from its
// columns.
class Judge {
 public:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  explicit Judge(Trigger trigger) : trigger_(std::move(trigger)) {}

  // `row.value(k, i)` is register k of row i, which was taken at `now`.
  template <class Row>
  Verdict judge(const Row& row, std::uint64_t i, std::uint64_t now) {
    const bool strikes = trigger_.strikes(row, i);
    if (!strikes && now < look_at_) [[likely]]
      return Verdict::store;
    sighting_ = {true, strikes};
    return Verdict::hit;
  }

  // The first row at or after this tick is a hit, whatever the trigger says.
  void look_at(std::uint64_t ticks) { look_at_ = ticks; }

  Sighting take_sighting() { return std::exchange(sighting_, {}); }
  const Trigger& trigger() const { return trigger_; }

 private:
  Trigger trigger_;
  std::uint64_t look_at_ = 0;  // the first row is one to look at
  Sighting sighting_;
};

}  // namespace regtap
