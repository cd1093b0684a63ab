// The sampling loop's blocks: handed over when they are due, and what is done where the ring has no room.
#include <time.h>

#include "core/sampling_loop.hpp"

namespace regtap {

// Sees to it that the next step has somewhere to put its rows. False: the capture ends here.
bool SamplingLoop::make_room() {
  const bool is_asked = control_.is_asked(Control::kSeal);
  const bool goes_on = find_room(is_asked || stretch_is_over_);
  if (is_asked) control_.asked.fetch_and(~Control::kSeal);
  return goes_on;
}

bool SamplingLoop::find_room(bool seal_now) {
  if (filler_.dropping()) {
    if (filler_.is_roomy() || may_overwrite()) {
      filler_.resume();
      begin_block();
      if (changes_) changes_->forget();
    } else {
      filler_.drop_on();
    }
    return true;
  }
  if (!block_is_due() && (!seal_now || filler_.block_is_empty())) return true;
  leave_block();
  filler_.seal_block();
  if (stretch_is_over_ && !end_stretch()) return false;
  // The last: room that the reader has made by taking hold of the ring, since it was asked for.
  if (filler_.has_room() || may_overwrite() || filler_.has_room()) {
    filler_.open_block();
    begin_block();
    if (changes_) changes_->put_back(filler_.rows());
    return true;
  }
  switch (plan_.on_full) {
    case OnFull::stop:
      return end(Ended::full);
    case OnFull::wait:
      return wait_for_room();
    default:
      filler_.start_dropping();
      return true;
  }
}

// Whether there is room now, made by overwriting what nobody asked for.
bool SamplingLoop::may_overwrite() {
  if (!stretches_) return plan_.on_full == OnFull::overwrite && filler_.overwrite_oldest();
  const bool is_free = stretches_->are_settled() || filler_.oldest_is_before(stretches_->keep_from());
  return is_free && filler_.overwrite_oldest();
}

// Whether the open block is to be handed over now. An empty one is kept, however old.
bool SamplingLoop::block_is_due() {
  if (filler_.block_is_full()) return true;
  const std::uint64_t now = clock::ticks(plan_.source);
  if (now < seal_at_) return false;
  if (!filler_.block_is_empty()) return true;
  seal_at_ = now + seal_ticks_;
  return false;
}

void SamplingLoop::begin_block() { seal_at_ = clock::ticks(plan_.source) + seal_ticks_; }

// Before the open block is sealed: the candidate goes with the loop, where it goes on at once.
void SamplingLoop::leave_block() {
  if (!changes_) return;
  if (!filler_.has_next()) flush_candidate();
  changes_->carry(filler_.rows(), filler_.row());
}

// The block that was just sealed was the last of the stretch. False: the capture ends here.
bool SamplingLoop::end_stretch() {
  stretch_is_over_ = false;
  stretches_->end(filler_, last_);
  judge_->look_at(Judge::kNever);
  return !stretches_->is_complete() || end(Ended::captures);
}

bool SamplingLoop::wait_for_room() {
  const std::uint64_t begin = clock::ticks(plan_.source);
  while (!filler_.has_room() && !may_overwrite()) {  // the latter: once a stretch is settled
    if (control_.is_asked(Control::kStop)) return end_waiting(begin, Ended::stopped);
    if (clock::ticks(plan_.source) >= end_at_) return end_waiting(begin, Ended::duration);
    if (may_spin_) continue;
    const timespec pause = {0, 100'000};  // the writer needs this CPU to make room
    nanosleep(&pause, nullptr);
  }
  filler_.open_block();
  begin_block();
  filler_.note_pause(begin, count_pause(begin));
  return true;
}

// A capture that ends while it waits has no block for its last pause: the overflow block takes it.
bool SamplingLoop::end_waiting(std::uint64_t begin, Ended why) {
  filler_.note_last_pause(begin, count_pause(begin));
  return end(why);
}

// Returns the pause's end: now.
std::uint64_t SamplingLoop::count_pause(std::uint64_t begin) {
  const std::uint64_t now = clock::ticks(plan_.source);
  pauses_.add(1);
  throttled_ticks_.add(now - begin);
  if (schedule_) schedule_->begin_anew(now);
  return now;
}

}  // namespace regtap
