#include "core/sampling_thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace regtap {

void block_signals() {
  sigset_t set;
  sigfillset(&set);
  for (int signo : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&set, signo);
  pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

// Asks for short turns of the CPU in exchange for getting them soon: a thread that wakes for a slot then
// preempts one in the middle of a longer turn. Needs no privilege; Linux before 6.12 ignores it.
void ask_for_short_turns() {
  // sched_setattr(2); glibc before 2.41 has neither the call nor the type.
  struct {
    std::uint32_t size = 48;
    std::uint32_t policy = SCHED_OTHER;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 100'000;  // the least that the kernel takes
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
  } attributes;
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

namespace {

unsigned access_bytes(const Channel& channel) { return channel.high ? 4 : width_bytes(channel.kind); }

}  // namespace

std::vector<fault::Range> ranges_of(std::span<const Channel> channels) {
  std::vector<fault::Range> ranges;
  for (const Channel& channel : channels) {
    ranges.push_back({channel.source, access_bytes(channel)});
    if (channel.high) ranges.push_back({channel.high, access_bytes(channel)});
  }
  return ranges;
}

int channel_at(std::span<const Channel> channels, const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (std::size_t k = 0; k < channels.size(); ++k) {
    for (const auto* half : {channels[k].source, channels[k].high}) {
      const auto base = reinterpret_cast<std::uintptr_t>(half);
      if (half && at >= base && at - base < access_bytes(channels[k])) return static_cast<int>(k);
    }
  }
  return -1;
}

}  // namespace regtap
