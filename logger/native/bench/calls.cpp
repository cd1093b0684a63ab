#include "bench/calls.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <optional>
#include <system_error>

namespace regtap::bench {
namespace {

constexpr int kCallStop = SIGTRAP | 0x80;  // with PTRACE_O_TRACESYSGOOD

[[noreturn]] void throw_errno(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw_errno("waitpid");
  return status;
}

void resume(pid_t child, int signal) {
  if (ptrace(PTRACE_SYSCALL, child, nullptr, reinterpret_cast<void*>(static_cast<std::intptr_t>(signal))) !=
      0)
    throw_errno("ptrace");
}

// The number of the system call that a stopped child is about to make; nothing where it comes back from one.
std::optional<std::uint64_t> entered_call(pid_t child) {
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0) throw_errno("ptrace");
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return std::nullopt;
  return info.entry.nr;
}

void require_success(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw std::system_error(ECHILD, std::generic_category(), "the counted process failed");
}

}  // namespace

void let_parent_count() {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) throw_errno("ptrace");
  raise(SIGSTOP);
}

std::uint64_t count_calls(pid_t child) {
  int status = wait_for(child);
  if (!WIFSTOPPED(status)) require_success(status);
  if (ptrace(PTRACE_SETOPTIONS, child, nullptr,
             reinterpret_cast<void*>(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) != 0)
    throw_errno("ptrace");
  std::uint64_t calls = 0;
  bool inside = false;
  resume(child, 0);
  while (WIFSTOPPED(status = wait_for(child))) {
    const int signal = WSTOPSIG(status);
    if (signal == kCallStop) {
      const std::optional<std::uint64_t> entered = entered_call(child);
      if (entered == SYS_getrusage)
        inside = !inside;
      else if (entered && inside)
        ++calls;
    }
    resume(child, signal == kCallStop ? 0 : signal);
  }
  require_success(status);
  return calls;
}

}  // namespace regtap::bench
