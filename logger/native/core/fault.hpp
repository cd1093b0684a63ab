// The fault guard: a bus error inside a guarded access comes back to the access; every other fault goes on
// to whoever handled it before.
//
// The handler for SIGBUS and SIGSEGV is installed while anything is guarded (counted), chains to what it
// found, and on the last release restores that only if it is still the one installed. Others may install
// and remove theirs meanwhile (faulthandler does, in any order): refresh() puts ours back on top, and a
// Guardian does so every 10 ms for a long run, because the sampling thread itself makes no system call.
#pragma once

#include <setjmp.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>

namespace regtap::fault {

struct Range {
  const volatile void* base;
  std::size_t size_bytes;
};

void acquire();                    // counted; installs on the first
void release() noexcept;           // restores on the last
void refresh() noexcept;           // if somebody replaced the handler while guarded: installs it again on top
void refresh_if_stale() noexcept;  // refresh() at most once a clock tick (1-10 ms): cheap enough for every
                                   // access

// One guarded stretch of code on this thread:
//   Scope scope(ranges);
//   if (sigsetjmp(scope.env(), 0)) { scope.address() faulted }   // the scope is already disarmed
//   scope.arm(); ...loads and stores...; scope.disarm();
// Between arm() and disarm() nothing with a destructor may be alive that the jump would skip.
class Scope {
 public:
  // The ranges stay the caller's and must outlive the scope.
  explicit Scope(std::span<const Range> ranges) noexcept;
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  sigjmp_buf& env() { return env_; }
  void arm() noexcept;
  void disarm() noexcept;
  const void* address() const { return address_; }

 private:
  friend struct Handler;
  sigjmp_buf env_;
  std::span<const Range> ranges_;
  Scope* outer_;
  const void* volatile address_ = nullptr;
};

// Calls refresh() every 10 ms from a thread of its own, as long as it lives.
class Guardian {
 public:
  Guardian();
  ~Guardian();

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace regtap::fault
