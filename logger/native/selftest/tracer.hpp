// The tracer behind page_trap.hpp: all of it but kill() runs on one thread, which ptrace demands.
#pragma once

#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "events.hpp"
#include "page_trap.hpp"
#include "tracee.hpp"
#include "windows.hpp"

namespace regtap::selftest {

class Tracer {
 public:
  explicit Tracer(const TrapRequest& request);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Starts the command, follows it to its end. Call it once.
  TrapResult run();
  // Ends the command from another thread.
  void kill();

 private:
  struct Thread {
    pid_t group;
    bool in_kernel;  // it reports again before it runs another instruction
    bool stopped;
  };
  struct Space {
    Windows windows;
    std::uint64_t syscall_address = 0;  // of a `syscall` instruction
  };

  void start();
  void handle(const Event& event);
  void on_exit(const Event& event);
  void on_event(pid_t tid, int event, int signal);
  void on_call(pid_t tid);
  void on_call_entry(Space& space, const Registers& call);
  void on_call_exit(const Tracee& tracee, Space& space, const Registers& call);
  void on_mapped(const Tracee& tracee, Space& space, const Registers& call);
  void on_moved(Space& space, const Registers& call);
  void on_opened(const Tracee& tracee, Space& space, const Registers& call);
  void on_locked(const Tracee& tracee, Space& space, const Registers& call);
  void on_signal(pid_t tid, int signal);
  void adopt(pid_t parent, pid_t tid);
  void on_exec(pid_t tid);
  void resume(pid_t tid, bool in_kernel, int signal = 0);

  bool is_probe(pid_t tid, int fd) const;
  int trap(const Tracee& tracee, Space& space, siginfo_t fault);
  bool open(const Tracee& tracee, Space& space, const siginfo_t& fault);
  void protect(const Tracee& tracee, const Space& space, Window& window, Opening opening);
  std::vector<pid_t> freeze_others(pid_t tid);

  Tracee tracee(pid_t tid) { return Tracee(tid, events_); }
  Space& space_of(pid_t tid) { return spaces_[threads_.at(tid).group]; }

  const TrapRequest& request_;
  struct stat probe_ = {};
  pid_t command_ = -1;
  std::atomic<int> pidfd_{-1};
  std::atomic<bool> killed_{false};
  bool over_ = false;
  EventQueue events_;
  std::map<pid_t, Thread> threads_;
  std::map<pid_t, Space> spaces_;  // by thread group
  std::set<pid_t> early_;          // stopped, and not yet announced by their parent
  TrapResult result_;
};

}  // namespace regtap::selftest
