// Where a row is judged: it has been read, and is not yet published. A hit ends the fill.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "core/trigger.hpp"

namespace regtap {

// What the last hit was.
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

  // Whether the row is a hit: the fill ends with it, and its caller takes the sighting. `row.value(k, i)` is
  // register k of row i, which was taken at `now`.
  template <class Row>
  bool is_hit(const Row& row, std::uint64_t i, std::uint64_t now) {
    const bool strikes = trigger_.strikes(row, i);
    if (!strikes && now < look_at_) [[likely]]
      return false;
    sighting_ = {true, strikes};
    return true;
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
