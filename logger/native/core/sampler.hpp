// The sampling thread: it runs the loop of a capture, and other threads follow it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "core/fault.hpp"
#include "core/fill.hpp"
#include "core/plan.hpp"
#include "core/progress.hpp"
#include "core/sampling_loop.hpp"
#include "core/spool.hpp"
#include "core/stretches.hpp"

namespace regtap {

class Sampler {
 public:
  // The spool's memory and the channels' windows must outlive the sampler.
  Sampler(spool::Spool spool, std::vector<Channel> channels, Plan plan);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  void start();          // once
  void stop() noexcept;  // any thread, also a signal handler; returns at once
  void join();  // until the last block is sealed; in a forked child at once: the thread is the parent's
  bool running() const { return !done_.load(std::memory_order_acquire); }

  // Waits, asleep, until a block beyond `seen` is sealed, the sampler has ended, or the time is up.
  // Returns the number of sealed blocks.
  std::uint64_t wait_sealed(std::uint64_t seen, std::uint64_t timeout_ns) const;
  void release(std::uint64_t sequence);  // blocks before it may be reused

  // A snapshot of what OnFull::overwrite keeps; by one thread at a time. spool.hpp says why this is safe.
  void seal();  // has the open block handed over; waits, asleep, until it is or the sampler has ended
  struct Held {
    std::uint64_t oldest;
    std::uint64_t sealed;
  };
  // From now on blocks [oldest, sealed) stay as they are, until released. What lies before `first` (a block
  // that is sealed or open), or before the newest `most` blocks, is given up in the same step: the loop finds
  // room at any moment. Any thread may hold the ring for the one that reads; a held one stays as it is.
  Held hold(std::uint64_t first);
  Held hold_newest(std::uint64_t most);
  void end_hold();  // by the reader; what is not released may be overwritten again

  // Of a trigger's stretches; by one thread at a time. wait_stretch() waits, asleep, until there is an event,
  // a block beyond `seen` is sealed, the sampler has ended, or the time is up.
  void wait_stretch(std::uint64_t seen, std::uint64_t timeout_ns) const;
  std::vector<StretchEvent> take_events();
  void settle(std::uint64_t stretch);  // it is stored, its blocks are released, and so are those before it

  Progress progress() const;

 private:
  template <typename First>
  Held hold_from(First first);
  void thread_main();
  void become_real_time();
  void abandon();

  SamplingLoop loop_;
  std::vector<fault::Range> ranges_;
  std::unique_ptr<fault::Guardian> guardian_;
  std::atomic<bool> done_{false};
  std::atomic<int> cpu_errno_{0};
  std::atomic<int> priority_errno_{0};
  pid_t owner_ = 0;  // the process that the thread runs in
  std::thread thread_;
};

}  // namespace regtap
