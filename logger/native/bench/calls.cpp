#include "bench/calls.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdint>
#include <optional>

#include "core/ptrace.hpp"
#include "core/system_errors.hpp"

namespace regtap::bench {
namespace {

struct Stop {
  pid_t process;
  int status;
};

// Of one process, or, for -1, of any.
Stop wait_for(pid_t process) {
  Stop stop{};
  while ((stop.process = waitpid(process, &stop.status, __WALL)) < 0)
    if (errno != EINTR) throw_errno("waitpid", errno);
  return stop;
}

void resume(pid_t child, int signal) {
  if (ptrace(PTRACE_SYSCALL, child, nullptr, reinterpret_cast<void*>(static_cast<std::intptr_t>(signal))) !=
      0)
    throw_errno("ptrace", errno);
}

// The number of the system call that a stopped child is about to make; nothing where it comes back from one.
std::optional<std::uint64_t> entered_call(pid_t child) {
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0) throw_errno("ptrace", errno);
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return std::nullopt;
  return info.entry.nr;
}

// The signal that a stopped process is to be given: not those that only tracing brings about.
int signal_of(const Stop& stop, pid_t child) {
  const int signal = WSTOPSIG(stop.status);
  const bool is_event = event_of(stop.status) != 0;
  const bool is_first = signal == SIGSTOP && stop.process != child;
  return signal == kSystemCallStop || is_event || is_first ? 0 : signal;
}

void require_success(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw_errno("the counted process failed", ECHILD);
}

}  // namespace

void let_parent_count() {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) throw_errno("ptrace", errno);
  raise(SIGSTOP);
}

std::uint64_t count_calls(pid_t child) {
  Stop stop = wait_for(child);
  if (!WIFSTOPPED(stop.status)) require_success(stop.status);
  if (ptrace(PTRACE_SETOPTIONS, child, nullptr, reinterpret_cast<void*>(std::intptr_t{kTraceOptions})) != 0)
    throw_errno("ptrace", errno);
  std::uint64_t calls = 0;
  bool inside = false;
  resume(child, 0);
  for (;;) {
    stop = wait_for(-1);
    if (!WIFSTOPPED(stop.status)) {
      if (stop.process == child) break;
      continue;
    }
    if (WSTOPSIG(stop.status) == kSystemCallStop) {
      const std::optional<std::uint64_t> entered = entered_call(stop.process);
      if (stop.process == child && entered == SYS_getrusage)
        inside = !inside;
      else if (entered && inside)
        ++calls;
    }
    resume(stop.process, signal_of(stop, child));
  }
  require_success(stop.status);
  return calls;
}

}  // namespace regtap::bench
