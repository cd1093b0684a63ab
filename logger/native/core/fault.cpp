#include "core/fault.hpp"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>

namespace regtap::fault {
namespace {

constexpr std::array<int, 2> kSignals = {SIGBUS, SIGSEGV};

// The mutex guards what follows, except against the handler, which only reads.
std::mutex mutex;
unsigned holders = 0;
struct sigaction previous[2];  // what the handler chains to while something is guarded
struct sigaction base[2];      // what the first acquire() found: the chain when somebody puts us back later

// initial-exec: a handler on a thread that never touched these must not allocate them.
#define REGTAP_TLS thread_local __attribute__((tls_model("initial-exec")))
REGTAP_TLS Scope* armed = nullptr;
REGTAP_TLS bool chaining = false;

unsigned slot(int signo) { return signo == SIGBUS ? 0 : 1; }

bool sent_by_a_process(const siginfo_t* info) { return info->si_code <= 0; }

void fall_back_to_default(int signo, const siginfo_t* info) {
  struct sigaction fallback = {};
  fallback.sa_handler = SIG_DFL;
  sigaction(signo, &fallback, nullptr);
  if (sent_by_a_process(info)) raise(signo);  // a real fault repeats by itself on return
}

void chain(int signo, siginfo_t* info, void* context) {
  const struct sigaction& next = holders > 0 ? previous[slot(signo)] : base[slot(signo)];
  // Re-entered while chaining: the next handler's own next is us (it was installed above ours and ours again
  // above it). Ending as the kernel would is the only way out of the circle.
  if (chaining) return fall_back_to_default(signo, info);
  if (!(next.sa_flags & SA_SIGINFO) && next.sa_handler == SIG_DFL) return fall_back_to_default(signo, info);
  if (!(next.sa_flags & SA_SIGINFO) && next.sa_handler == SIG_IGN) {
    if (!sent_by_a_process(info)) fall_back_to_default(signo, info);
    return;
  }
  chaining = true;
  if (next.sa_flags & SA_SIGINFO)
    next.sa_sigaction(signo, info, context);
  else
    next.sa_handler(signo);
  chaining = false;
}

}  // namespace

struct Handler {
  static bool inside(const Scope& scope, const void* address) {
    for (const Range& range : scope.ranges_) {
      const auto base = reinterpret_cast<std::uintptr_t>(range.base);
      const auto at = reinterpret_cast<std::uintptr_t>(address);
      if (at >= base && at - base < range.size_bytes) return true;
    }
    return false;
  }

  static void handle(int signo, siginfo_t* info, void* context) {
    Scope* scope = armed;
    if (scope == nullptr) return chain(signo, info, context);
    if (sent_by_a_process(info)) {
      // faulthandler, on top of us, has reported the fault, put us back and raised it again on this thread:
      // returning repeats the access, and the kernel then tells us its address.
      if (info->si_code == SI_TKILL && info->si_pid == getpid()) return;
      return chain(signo, info, context);
    }
    if (!inside(*scope, info->si_addr)) return chain(signo, info, context);
    scope->address_ = info->si_addr;
    armed = scope->outer_;
    siglongjmp(scope->env_, 1);
  }
};

namespace {

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) && action.sa_sigaction == &Handler::handle;
}

void find_base(int signo) {
  struct sigaction current;
  sigaction(signo, nullptr, &current);
  if (!is_ours(current)) base[slot(signo)] = current;
  previous[slot(signo)] = base[slot(signo)];
}

// Puts our handler on top for one signal and remembers what it covers. Called with the mutex held.
void install(int signo) {
  struct sigaction current;
  sigaction(signo, nullptr, &current);
  if (is_ours(current)) return;
  previous[slot(signo)] = current;
  struct sigaction ours = {};
  ours.sa_sigaction = &Handler::handle;
  // NODEFER: the jump out of the handler must not leave the signal blocked, and no sigmask call is needed.
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&ours.sa_mask);
  sigaction(signo, &ours, nullptr);
}

void restore(int signo) {
  struct sigaction current;
  sigaction(signo, nullptr, &current);
  if (is_ours(current)) sigaction(signo, &previous[slot(signo)], nullptr);
}

}  // namespace

void acquire() {
  // A forked child would find the mutex locked for good, had the Guardian's thread held it just then.
  static const int registered =
      pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });
  static_cast<void>(registered);
  const std::lock_guard lock(mutex);
  for (int signo : kSignals) {
    if (holders == 0) find_base(signo);
    install(signo);
  }
  ++holders;
}

void release() noexcept {
  const std::lock_guard lock(mutex);
  if (--holders > 0) return;
  for (int signo : kSignals) restore(signo);
}

void refresh() noexcept {
  const std::lock_guard lock(mutex);
  if (holders == 0) return;
  for (int signo : kSignals) install(signo);
}

void refresh_if_stale() noexcept {
  static std::atomic<long> checked{0};
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  if (checked.exchange(now.tv_nsec, std::memory_order_relaxed) != now.tv_nsec) refresh();
}

Scope::Scope(std::span<const Range> ranges) noexcept : ranges_(ranges), outer_(armed) {}

Scope::~Scope() {
  if (armed == this) armed = outer_;
}

// The fences keep the compiler from moving an access out of the guarded stretch.
void Scope::arm() noexcept {
  armed = this;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

void Scope::disarm() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  armed = outer_;
}

// A thread that wakes a thousand times a second takes 0.6 % of a fast core, and more of a slow one.
constexpr std::chrono::milliseconds kRefreshed{10};

Guardian::Guardian()
    : thread_([this] {
        std::unique_lock lock(mutex_);
        while (!ended_.wait_for(lock, kRefreshed, [this] { return end_; })) refresh();
      }) {
  pthread_setname_np(thread_.native_handle(), "regtap-guard");
}

Guardian::~Guardian() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

}  // namespace regtap::fault
