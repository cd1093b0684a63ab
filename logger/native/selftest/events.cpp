#include "events.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "core/system_errors.hpp"

namespace regtap::selftest {
namespace {

Event wait_any() {
  for (;;) {
    Event event{};
    event.tid = ::waitpid(-1, &event.status, __WALL | __WNOTHREAD);
    if (event.tid > 0) return event;
    if (errno != EINTR) throw_errno("waitpid", errno);
  }
}

}  // namespace

Event EventQueue::next() {
  if (queued_.empty()) return wait_any();
  const Event event = queued_.front();
  queued_.pop_front();
  return event;
}

int EventQueue::wait_for_stop(pid_t tid) {
  // Any report is taken, not only this thread's: a killed group leader reports its end only when the ends of
  // its other threads have been collected.
  for (;;) {
    const Event event = wait_any();
    if (event.tid == tid && WIFSTOPPED(event.status)) return event.status;
    put(event);
    if (event.tid == tid) throw TraceeGone{};
  }
}

bool EventQueue::has(pid_t tid) const {
  return std::any_of(queued_.begin(), queued_.end(), [tid](const Event& event) { return event.tid == tid; });
}

}  // namespace regtap::selftest
