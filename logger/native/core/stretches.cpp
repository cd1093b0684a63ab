#include "core/stretches.hpp"

#include <algorithm>

namespace regtap {

void Stretches::note_hit(const Filler& filler, std::uint64_t ticks) {
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
    begins_with_ = filler.first_since(ticks - std::min(ticks, plan_.pre_ticks), plan_.most_blocks);
    if (are_settled()) keep_from_ = begins_with_;  // else the ring keeps more already
    opened_.store(opened() + 1, std::memory_order_release);
  } else if (hits_in_stretch_ > kMostTold || !has_room(kReserved + 1)) {
    return;
  }
  tell(false, filler, ticks);
}

void Stretches::end(const Filler& filler, std::uint64_t ticks) {
  is_open_ = false;
  tell(true, filler, ticks);
}

bool Stretches::has_room(std::uint64_t events) const {
  const std::uint64_t waiting = told_.load(std::memory_order_relaxed) - seen_.load(std::memory_order_acquire);
  return kEvents - waiting >= events;
}

void Stretches::tell(bool is_end, const Filler& filler, std::uint64_t ticks) {
  const std::uint64_t told = told_.load(std::memory_order_relaxed);
  events_[told % kEvents] = {is_end,           opened(),    filler.index() - 1, ticks, filler.sequence(),
                             hits_in_stretch_, begins_with_};
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
