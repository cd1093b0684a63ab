#include "page_trap.hpp"

#ifdef REGTAP_HAS_PAGE_TRAP

#include <future>

#include "tracer.hpp"

namespace regtap::selftest {

TrapResult trap_accesses(const TrapRequest& request) {
  const auto limit = std::chrono::steady_clock::now() +
                     std::chrono::duration_cast<std::chrono::steady_clock::duration>(request.deadline);
  Tracer tracer(request);
  // A thread of its own: ptrace binds the command to the thread that attached, and its end kills what is
  // left.
  std::future<TrapResult> run = std::async(std::launch::async, [&tracer] { return tracer.run(); });
  const bool expired = run.wait_until(limit) == std::future_status::timeout;
  if (expired) tracer.kill();
  TrapResult result = run.get();
  if (expired) result.ended = TrapEnd::deadline;
  return result;
}

}  // namespace regtap::selftest

#else

#include <cerrno>

#include "core/system_errors.hpp"

namespace regtap::selftest {

TrapResult trap_accesses(const TrapRequest&) { throw_errno("the page trap needs Linux on x86-64", ENOSYS); }

}  // namespace regtap::selftest

#endif
