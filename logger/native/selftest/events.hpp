// What the traced threads report, one at a time, without losing a report while waiting for another.
#pragma once

#include <sys/types.h>

#include <deque>

namespace regtap::selftest {

struct Event {
  pid_t tid;
  int status;  // as waitpid gives it
};

// The thread has died (somebody killed it); its exit is still in the queue.
struct TraceeGone {};

// Only reports of the calling thread's own tracees: other children of the process are left alone.
class EventQueue {
 public:
  // The next report, waiting for it. Throws std::system_error(ECHILD) when no tracee is left.
  Event next();
  // The next stop of this thread; reports of others stay queued. Throws TraceeGone.
  int wait_for_stop(pid_t tid);
  // Puts a report back.
  void put(const Event& event) { queued_.push_back(event); }
  // Whether a report of this thread is queued, so that it is stopped or dead.
  bool has(pid_t tid) const;

 private:
  std::deque<Event> queued_;
};

}  // namespace regtap::selftest
