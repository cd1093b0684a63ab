#include "core/stretches.hpp"

#include <algorithm>

namespace regtap {

void Stretches::note_hit(std::uint64_t index, std::uint64_t ticks, std::uint64_t sequence) {
  if (ticks < quiet_until_) {
    held_off_.add(1);
    return;
  }
  quiet_until_ = ticks + plan_.holdoff_ticks;
  ends_at_ = ticks + plan_.post_ticks;
  hits_.add(1);
  ++hits_in_stretch_;
  if (!is_open_) {
    is_open_ = true;
    hits_in_stretch_ = 1;
    if (are_settled()) {  // else the ring keeps more already
      keep_from_ticks_ = ticks - std::min(ticks, plan_.pre_ticks);
      keep_from_sequence_ = sequence - std::min(sequence, plan_.most_blocks);
    }
    opened_.store(opened() + 1, std::memory_order_release);
  } else if (hits_in_stretch_ > kMostTold || !has_room(kReserved + 1)) {
    return;
  }
  tell({false, opened(), index, ticks, sequence, hits_in_stretch_});
}

void Stretches::end(std::uint64_t index, std::uint64_t ticks, std::uint64_t sequence) {
  is_open_ = false;
  tell({true, opened(), index, ticks, sequence, hits_in_stretch_});
}

bool Stretches::has_room(std::uint64_t events) const {
  const std::uint64_t waiting = told_.load(std::memory_order_relaxed) - seen_.load(std::memory_order_acquire);
  return kEvents - waiting >= events;
}

void Stretches::tell(const StretchEvent& event) {
  const std::uint64_t told = told_.load(std::memory_order_relaxed);
  events_[told % kEvents] = event;
  told_.store(told + 1, std::memory_order_release);
}

std::vector<StretchEvent> Stretches::take_events() {
  const std::uint64_t told = told_.load(std::memory_order_acquire);
  std::vector<StretchEvent> taken;
  taken.reserve(told - taken_);
  for (; taken_ != told; ++taken_) taken.push_back(events_[taken_ % kEvents]);
  seen_.store(taken_, std::memory_order_release);
  return taken;
}

}  // namespace regtap
