#include "core/sampler.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/clock.hpp"
#include "core/sampling_thread.hpp"

namespace regtap {

Sampler::Sampler(spool::Spool spool, std::vector<Channel> channels, Plan plan)
    : loop_(std::move(spool), std::move(channels), std::move(plan)), ranges_(ranges_of(loop_.channels())) {}

Sampler::~Sampler() {
  stop();
  join();
}

void Sampler::start() {
  owner_ = getpid();
  guardian_ = std::make_unique<fault::Guardian>();
  thread_ = std::thread([this] { thread_main(); });
}

void Sampler::stop() noexcept { loop_.ask(Control::kStop); }

void Sampler::join() {
  if (owner_ != 0 && owner_ != getpid()) return abandon();
  if (thread_.joinable()) thread_.join();
  guardian_.reset();
}

// What is left of threads that stayed with the parent must neither be joined nor destroyed.
void Sampler::abandon() {
  if (thread_.joinable()) new std::thread(std::move(thread_));
  guardian_.release();
}

void Sampler::thread_main() {
  pthread_setname_np(pthread_self(), "regtap-sampler");
  block_signals();
  become_real_time();
  fault::acquire();
  {
    fault::Scope scope(ranges_);
    if (sigsetjmp(scope.env(), 0) == 0) {
      scope.arm();
      loop_.run();
      scope.disarm();
    } else {
      loop_.note_fault(scope.address());
    }
  }
  loop_.close();
  fault::release();
  done_.store(true, std::memory_order_release);
}

void Sampler::become_real_time() {
  const Plan& plan = loop_.plan();
  prctl(PR_SET_TIMERSLACK, 1UL);
  if (plan.cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(plan.cpu), &set);
    cpu_errno_ = pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  }
  if (plan.period) ask_for_short_turns();
  if (plan.fifo_priority > 0) {
    const sched_param parameter = {plan.fifo_priority};
    priority_errno_ = pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter);
  }
}

std::uint64_t Sampler::wait_sealed(std::uint64_t seen, std::uint64_t timeout_ns) const {
  const std::uint64_t until = clock::read_ns(CLOCK_MONOTONIC) + timeout_ns;
  while (true) {
    const bool ended = !running();  // before `sealed`: the last block is sealed first
    const std::uint64_t sealed = loop_.spool().header().sealed.load(std::memory_order_acquire);
    if (sealed > seen || ended || clock::read_ns(CLOCK_MONOTONIC) >= until) return sealed;
    const timespec pause = {0, loop_.plan().period ? 5'000'000 : 500'000};
    nanosleep(&pause, nullptr);
  }
}

void Sampler::release(std::uint64_t sequence) {
  auto& released = loop_.spool().header().released;
  const std::uint64_t held = released.load(std::memory_order_relaxed) & spool::kHeld;
  released.store(sequence | held, std::memory_order_release);
}

void Sampler::wait_stretch(std::uint64_t seen, std::uint64_t timeout_ns) const {
  const std::uint64_t until = clock::read_ns(CLOCK_MONOTONIC) + timeout_ns;
  while (running() && !loop_.stretches()->has_events() && clock::read_ns(CLOCK_MONOTONIC) < until &&
         loop_.spool().header().sealed.load(std::memory_order_acquire) <= seen) {
    const timespec pause = {0, 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

std::vector<StretchEvent> Sampler::take_events() { return loop_.stretches()->take_events(); }

void Sampler::settle(std::uint64_t stretch) { loop_.stretches()->settle(stretch); }

void Sampler::seal() {
  if (running()) loop_.ask(Control::kSeal);
  while (running() && loop_.is_asked(Control::kSeal)) {
    const timespec pause = {0, 50'000};
    nanosleep(&pause, nullptr);
  }
}

Sampler::Held Sampler::hold(std::uint64_t first) {
  return hold_from([first] { return first; });
}

// In a full ring each new block moves `released`: `sealed` is no more than a block old where the exchange
// succeeds. In one that is not full it may be older, and less room be left; the loop drops rows earlier then.
Sampler::Held Sampler::hold_newest(std::uint64_t most) {
  return hold_from([this, most] {
    const std::uint64_t sealed = loop_.spool().header().sealed.load(std::memory_order_acquire);
    return sealed - std::min(sealed, most);
  });
}

template <typename First>
Sampler::Held Sampler::hold_from(First first) {
  auto& header = loop_.spool().header();
  std::uint64_t released = header.released.load(std::memory_order_acquire);
  while (!(released & spool::kHeld)) {
    const std::uint64_t held = std::max(released, first()) | spool::kHeld;
    if (header.released.compare_exchange_weak(released, held, std::memory_order_acq_rel,
                                              std::memory_order_acquire))
      released = held;
  }
  return {released & ~spool::kHeld, header.sealed.load(std::memory_order_acquire)};
}

void Sampler::end_hold() {
  loop_.spool().header().released.fetch_and(~spool::kHeld, std::memory_order_release);
}

Progress Sampler::progress() const {
  Progress progress = loop_.progress(!running());
  progress.cpu_errno = cpu_errno_;
  progress.priority_errno = priority_errno_;
  return progress;
}

}  // namespace regtap
