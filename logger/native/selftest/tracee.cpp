#include "page_trap.hpp"

#ifdef REGTAP_HAS_PAGE_TRAP

#include <linux/audit.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "core/ptrace.hpp"
#include "core/system_errors.hpp"
#include "tracee.hpp"

namespace regtap::selftest {
namespace {

template <typename Request>
long request(Request what, pid_t tid, std::uintptr_t address, const void* data) {
  const long result = ::ptrace(what, tid, address, data);
  if (result != -1) return result;
  if (errno == ESRCH) throw TraceeGone{};
  throw_errno("ptrace", errno);
}

std::uint64_t bit(int signal) { return std::uint64_t{1} << (signal - 1); }

}  // namespace

Registers Tracee::registers() const {
  Registers registers{};
  request(PTRACE_GETREGS, tid_, 0, &registers);
  return registers;
}

void Tracee::set_registers(const Registers& registers) const { request(PTRACE_SETREGS, tid_, 0, &registers); }

siginfo_t Tracee::signal() const {
  siginfo_t signal{};
  request(PTRACE_GETSIGINFO, tid_, 0, &signal);
  return signal;
}

void Tracee::set_signal(const siginfo_t& signal) const { request(PTRACE_SETSIGINFO, tid_, 0, &signal); }

std::uint64_t Tracee::event_message() const {
  unsigned long message = 0;
  request(PTRACE_GETEVENTMSG, tid_, 0, &message);
  return message;
}

Tracee::CallStop Tracee::call_stop() const {
  __ptrace_syscall_info info{};
  request(PTRACE_GET_SYSCALL_INFO, tid_, sizeof info, &info);
  if (info.arch != AUDIT_ARCH_X86_64) return CallStop::foreign;
  return info.op == PTRACE_SYSCALL_INFO_ENTRY ? CallStop::entry : CallStop::exit;
}

void Tracee::resume(int signal) const {
  request(PTRACE_SYSCALL, tid_, 0, reinterpret_cast<void*>(static_cast<std::intptr_t>(signal)));
}

void Tracee::listen() const { request(PTRACE_LISTEN, tid_, 0, nullptr); }

int Tracee::step() const {
  for (;;) {
    request(PTRACE_SINGLESTEP, tid_, 0, nullptr);
    const int status = events_->wait_for_stop(tid_);
    const bool job_control = event_of(status) == PTRACE_EVENT_STOP || WSTOPSIG(status) == SIGSTOP;
    if (!job_control) return WSTOPSIG(status);
  }
}

std::int64_t Tracee::inject(std::uint64_t syscall_address, std::uint64_t number,
                            std::initializer_list<std::uint64_t> arguments) const {
  const Registers saved = registers();
  Registers call = saved;
  unsigned long long* const slots[] = {&call.rdi, &call.rsi, &call.rdx, &call.r10, &call.r8, &call.r9};
  std::size_t next = 0;
  for (const std::uint64_t argument : arguments) *slots[next++] = argument;
  call.rip = syscall_address;
  call.rax = number;
  call.orig_rax = ~0ULL;  // not inside a system call: nothing for the kernel to restart
  set_registers(call);
  const int signal = step();
  const Registers after = registers();
  set_registers(saved);
  if (signal != SIGTRAP || after.rip != syscall_address + kSystemCallBytes) {
    throw_errno("cannot run a system call in the command", EFAULT);
  }
  return static_cast<std::int64_t>(after.rax);
}

std::string Tracee::code(std::uint64_t address) const {
  constexpr std::size_t kLongest = 15;
  constexpr std::uint64_t kPage = 4096;  // x86-64: the next page may not be mapped
  std::string bytes(kLongest, '\0');
  const std::size_t first = std::min<std::uint64_t>(kLongest, kPage - address % kPage);
  iovec local{bytes.data(), kLongest};
  iovec remote[] = {{reinterpret_cast<void*>(address), first},
                    {reinterpret_cast<void*>(address + first), kLongest - first}};
  const ssize_t size = ::process_vm_readv(tid_, &local, 1, remote, 2, 0);
  bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return bytes;
}

SignalsHeld::SignalsHeld(const Tracee& tracee) : tid_(tracee.tid()) {
  request(PTRACE_GETSIGMASK, tid_, sizeof mask_, &mask_);
  // What an instruction itself can raise stays open: the kernel would undo the command's handler otherwise.
  const std::uint64_t held = ~(bit(SIGSEGV) | bit(SIGBUS) | bit(SIGTRAP) | bit(SIGILL) | bit(SIGFPE));
  request(PTRACE_SETSIGMASK, tid_, sizeof held, &held);
}

SignalsHeld::~SignalsHeld() { ::ptrace(PTRACE_SETSIGMASK, tid_, sizeof mask_, &mask_); }

}  // namespace regtap::selftest

#endif
