#include "core/latch.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace regtap {
namespace {

constexpr std::uint64_t kNsPerS = 1'000'000'000;
constexpr std::uint64_t kLongestWaitNs = 3600 * kNsPerS;  // of one call: the kernel's times are signed
constexpr std::uint64_t kPollNs = 50'000;
constexpr std::uint64_t kMostPolls = kNsPerS / kPollNs;

std::uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerS + static_cast<std::uint64_t>(now.tv_nsec);
}

timespec as_time(std::uint64_t ns) {
  return {static_cast<time_t>(ns / kNsPerS), static_cast<long>(ns % kNsPerS)};
}

}  // namespace

Latch::Latch() : owner_(getpid()) {}

bool Latch::is_ours() const noexcept { return getpid() == owner_; }

void Latch::open() noexcept {
  opener_.store(static_cast<pid_t>(syscall(SYS_gettid)), std::memory_order_relaxed);
  open_.store(1, std::memory_order_release);
  syscall(SYS_futex, &open_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// Returns 0, or why it ended before the latch was opened.
int Latch::sleep(std::uint64_t timeout_ns) const noexcept {
  const timespec time = as_time(std::min(timeout_ns, kLongestWaitNs));
  return syscall(SYS_futex, &open_, FUTEX_WAIT_PRIVATE, 0, &time, nullptr, 0) == 0 ? 0 : errno;
}

bool Latch::wait(std::uint64_t timeout_ns, OnSignal on_signal) const noexcept {
  const std::uint64_t begin = now_ns();
  while (!is_open() && is_ours()) {
    const std::uint64_t waited = now_ns() - begin;
    if (waited >= timeout_ns) break;
    if (sleep(timeout_ns - waited) == EINTR && on_signal == OnSignal::end) break;
  }
  return is_open();
}

void Latch::wait_for_opener() const noexcept {
  const pid_t opener = opener_.load(std::memory_order_relaxed);
  const timespec pause = as_time(kPollNs);
  for (std::uint64_t polls = 0; opener != 0 && is_ours() && polls < kMostPolls; ++polls) {
    if (syscall(SYS_tgkill, owner_, opener, 0) != 0 && errno == ESRCH) return;
    nanosleep(&pause, nullptr);
  }
}

}  // namespace regtap
