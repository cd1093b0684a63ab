// What one thread brings about and others wait for: opened once, and open for good.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <limits>

namespace regtap {

class Latch {
 public:
  static constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();

  Latch();
  Latch(const Latch&) = delete;
  Latch& operator=(const Latch&) = delete;

  void open() noexcept;  // any thread, also a signal handler; a second call does nothing
  bool is_open() const noexcept { return open_.load(std::memory_order_acquire) != 0; }

  // A signal that this thread handles while it waits. `end` returns after it; one that is handled just before
  // the thread sleeps is not seen, so the time should be short.
  enum class OnSignal { sleep_on, end };

  // Waits, asleep, until the latch is open or the time is up; returns whether it is open. In a forked child
  // it returns at once: the thread that would open the latch stayed with the parent.
  bool wait(std::uint64_t timeout_ns, OnSignal on_signal = OnSignal::sleep_on) const noexcept;

  // Waits until the thread that opened the latch has gone, at most a second; at once where none has opened
  // it.
  void wait_for_opener() const noexcept;

 private:
  bool is_ours() const noexcept;
  int sleep(std::uint64_t timeout_ns) const noexcept;

  const pid_t owner_;
  std::atomic<pid_t> opener_{0};
  std::atomic<std::uint32_t> open_{0};
};

}  // namespace regtap
