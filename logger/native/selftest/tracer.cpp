#include "page_trap.hpp"

#ifdef REGTAP_HAS_PAGE_TRAP

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "core/ptrace.hpp"
#include "core/system_errors.hpp"
#include "spawn.hpp"
#include "tracer.hpp"

namespace regtap::selftest {
namespace {

std::uint64_t page_up(std::uint64_t size) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

bool failed(std::uint64_t result) { return result > -4096ULL; }

// The thread group of a thread, or the thread itself when it is gone.
pid_t group_of(pid_t tid) {
  std::ifstream status("/proc/" + std::to_string(tid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("Tgid:")) return std::stoi(line.substr(5));
  }
  return tid;
}

}  // namespace

Tracer::Tracer(const TrapRequest& request) : request_(request) {
  if (::stat(request.probe_path.c_str(), &probe_) != 0) {
    throw_errno(request.probe_path.c_str(), errno);
  }
}

Tracer::~Tracer() {
  if (pidfd_ >= 0) ::close(pidfd_);
}

void Tracer::kill() {
  killed_ = true;
  if (pidfd_ >= 0) ::syscall(SYS_pidfd_send_signal, pidfd_.load(), SIGKILL, nullptr, 0);
}

void Tracer::start() {
  HeldCommand held(request_.argv, request_.output_fd);
  command_ = held.pid();
  if (::ptrace(PTRACE_SEIZE, command_, 0, kTraceOptions) != 0) {
    throw_errno("ptrace", errno);
  }
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, command_, 0));
  if (pidfd_ < 0) throw_errno("pidfd_open", errno);
  threads_[command_] = {command_, true, false};
  held.release();
  if (killed_) kill();
}

TrapResult Tracer::run() {
  start();
  while (!over_) {
    const Event event = events_.next();
    try {
      handle(event);
    } catch (const TraceeGone&) {
      // Its end is the next thing that it reports.
    }
    if (result_.accesses.size() >= request_.limit && result_.ended == TrapEnd::exited) {
      result_.ended = TrapEnd::limit;
      kill();
    }
  }
  return std::move(result_);
}

void Tracer::handle(const Event& event) {
  if (!WIFSTOPPED(event.status)) return on_exit(event);
  const auto known = threads_.find(event.tid);
  if (known == threads_.end()) {
    early_.insert(event.tid);
    return;
  }
  known->second.stopped = true;
  const int signal = WSTOPSIG(event.status);
  if (event_of(event.status) != 0) {
    on_event(event.tid, event_of(event.status), signal);
  } else if (signal == kSystemCallStop) {
    on_call(event.tid);
  } else {
    on_signal(event.tid, signal);
  }
}

void Tracer::on_exit(const Event& event) {
  threads_.erase(event.tid);
  early_.erase(event.tid);
  if (event.tid != command_) return;
  over_ = true;
  result_.exit_status = WIFEXITED(event.status) ? WEXITSTATUS(event.status) : -WTERMSIG(event.status);
}

void Tracer::on_event(pid_t tid, int event, int signal) {
  if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
    tracee(tid).listen();
    threads_.at(tid).in_kernel = true;
    threads_.at(tid).stopped = false;
    return;
  }
  if (event == PTRACE_EVENT_EXEC) {
    on_exec(tid);
  } else if (event != PTRACE_EVENT_STOP) {
    adopt(tid, static_cast<pid_t>(tracee(tid).event_message()));
  }
  // All but a plain stop happen inside a system call, whose end is reported too.
  resume(tid, event != PTRACE_EVENT_STOP);
}

void Tracer::adopt(pid_t parent, pid_t tid) {
  const pid_t group = group_of(tid);
  if (group == tid) spaces_[tid] = space_of(parent);
  threads_[tid] = {group, true, false};
  if (early_.erase(tid) != 0) resume(tid, false);
}

void Tracer::on_exec(pid_t tid) {
  std::erase_if(threads_,
                [tid](const auto& entry) { return entry.second.group == tid && entry.first != tid; });
  spaces_[tid] = Space{};
}

void Tracer::resume(pid_t tid, bool in_kernel, int signal) {
  Thread& thread = threads_.at(tid);
  tracee(tid).resume(signal);
  thread.in_kernel = in_kernel;
  thread.stopped = false;
}

void Tracer::on_call(pid_t tid) {
  const Tracee thread = tracee(tid);
  const Tracee::CallStop stop = thread.call_stop();
  if (stop == Tracee::CallStop::entry) {
    on_call_entry(space_of(tid), thread.registers());
  } else if (stop == Tracee::CallStop::exit) {
    on_call_exit(thread, space_of(tid), thread.registers());
  }
  resume(tid, stop == Tracee::CallStop::entry);
}

void Tracer::on_call_entry(Space& space, const Registers& call) {
  // On the way in: once the call is done, another thread may get the same addresses.
  const bool replaces = call.orig_rax == SYS_mmap && (call.r10 & MAP_FIXED) != 0;
  if (replaces || call.orig_rax == SYS_munmap) space.windows.remove(call.rdi, call.rdi + page_up(call.rsi));
}

void Tracer::on_call_exit(const Tracee& tracee, Space& space, const Registers& call) {
  switch (call.orig_rax) {
    case SYS_mmap:
      return on_mapped(tracee, space, call);
    case SYS_mremap:
      return on_moved(space, call);
    case SYS_mprotect:
      return on_opened(tracee, space, call);
    case SYS_mlock:
    case SYS_mlock2:
      return on_locked(tracee, space, call);
    default:
      return;
  }
}

void Tracer::on_mapped(const Tracee& tracee, Space& space, const Registers& call) {
  const bool of_file = !failed(call.rax) && (call.r10 & MAP_ANONYMOUS) == 0;
  if (!of_file || !is_probe(tracee.tid(), static_cast<int>(call.r8))) return;
  space.syscall_address = call.rip - kSystemCallBytes;
  Window window{call.rax, call.rax + page_up(call.rsi), call.r9, (call.rdx & PROT_WRITE) != 0};
  const SignalsHeld held(tracee);
  protect(tracee, space, window, Opening::none);
  space.windows.add(window);
}

void Tracer::on_moved(Space& space, const Registers& call) {
  const auto windows = space.windows.overlapping(call.rdi, call.rdi + page_up(call.rsi));
  if (failed(call.rax) || windows.empty()) return;
  Window moved = *windows.front();
  space.windows.remove(call.rdi, call.rdi + page_up(call.rsi));
  moved.start = call.rax;
  moved.end = call.rax + page_up(call.rdx);
  space.windows.add(moved);
}

void Tracer::on_opened(const Tracee& tracee, Space& space, const Registers& call) {
  if (failed(call.rax)) return;
  const SignalsHeld held(tracee);
  for (Window* window : space.windows.overlapping(call.rdi, call.rdi + page_up(call.rsi))) {
    window->writable = (call.rdx & PROT_WRITE) != 0;
    protect(tracee, space, *window, Opening::none);
  }
}

void Tracer::on_locked(const Tracee& tracee, Space& space, const Registers& call) {
  if (space.windows.overlapping(call.rdi, call.rdi + page_up(call.rsi)).empty()) return;
  Registers answered = call;
  answered.rax = 0;  // it fails only because the trap has closed the page
  tracee.set_registers(answered);
}

bool Tracer::is_probe(pid_t tid, int fd) const {
  if (fd < 0) return false;
  const std::string link = "/proc/" + std::to_string(tid) + "/fd/" + std::to_string(fd);
  struct stat mapped = {};
  return ::stat(link.c_str(), &mapped) == 0 && mapped.st_dev == probe_.st_dev &&
         mapped.st_ino == probe_.st_ino;
}

void Tracer::protect(const Tracee& tracee, const Space& space, Window& window, Opening opening) {
  const std::uint64_t modes[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
  const std::int64_t result =
      tracee.inject(space.syscall_address, SYS_mprotect,
                    {window.start, window.end - window.start, modes[static_cast<int>(opening)]});
  if (result != 0) throw_errno("mprotect", static_cast<int>(-result));
  window.opening = opening;
}

void Tracer::on_signal(pid_t tid, int signal) {
  const Tracee thread = tracee(tid);
  if (signal != SIGSEGV) return resume(tid, false, signal);
  const siginfo_t fault = thread.signal();
  Space& space = space_of(tid);
  const bool ours = fault.si_code > 0 && space.windows.find(reinterpret_cast<std::uint64_t>(fault.si_addr));
  if (!ours) return resume(tid, false, signal);
  const std::vector<pid_t> frozen = freeze_others(tid);
  const int delivered = trap(thread, space, fault);
  for (const pid_t other : frozen) resume(other, false);
  resume(tid, false, delivered);
}

// While the page is open for one thread, no other may run: its access would pass unseen.
std::vector<pid_t> Tracer::freeze_others(pid_t tid) {
  std::vector<pid_t> frozen;
  for (auto& [other, thread] : threads_) {
    const bool runs = !thread.stopped && !thread.in_kernel && !events_.has(other);
    if (other == tid || thread.group != threads_.at(tid).group || !runs) continue;
    if (::ptrace(PTRACE_INTERRUPT, other, 0, 0) != 0) continue;
    try {
      const int status = events_.wait_for_stop(other);
      if (event_of(status) == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP) {
        thread.stopped = true;
        frozen.push_back(other);
      } else {
        events_.put({other, status});
      }
    } catch (const TraceeGone&) {
      continue;
    }
  }
  return frozen;
}

// Lets one instruction through; returns the signal that the command has to see, or 0.
int Tracer::trap(const Tracee& tracee, Space& space, siginfo_t fault) {
  const std::size_t before = result_.accesses.size();
  const SignalsHeld held(tracee);
  int signal = SIGSEGV;
  while (signal == SIGSEGV && open(tracee, space, fault)) {
    signal = tracee.step();
    fault = tracee.signal();
  }
  for (Window* window : space.windows.opened()) protect(tracee, space, *window, Opening::none);
  if (signal == SIGTRAP) return 0;
  result_.accesses.resize(before);  // the instruction was not completed
  tracee.set_signal(fault);
  return signal;
}

// Opens the window at a fault one degree more and logs it; false: this fault is the command's own.
bool Tracer::open(const Tracee& tracee, Space& space, const siginfo_t& fault) {
  const auto address = reinterpret_cast<std::uint64_t>(fault.si_addr);
  Window* window = space.windows.find(address);
  if (window == nullptr || window->opening == Opening::read_write) return false;
  const bool write = window->opening == Opening::read;
  if (write && !window->writable) return false;
  RawAccess access{window->offset_of(address), write, tracee.code(tracee.registers().rip)};
  // A second fault at the same place: the access taken for a read is a write.
  if (write && result_.accesses.back().offset == access.offset) result_.accesses.pop_back();
  result_.accesses.push_back(std::move(access));
  protect(tracee, space, *window, write ? Opening::read_write : Opening::read);
  return true;
}

}  // namespace regtap::selftest

#endif
