#include "bench/measure.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/fault.hpp"

namespace regtap::bench {
namespace {

const Arm& arm_named(const char* name) {
  for (const Arm& arm : arms())
    if (std::strcmp(arm.name, name) == 0) return arm;
  throw std::invalid_argument("no such arm");
}

}  // namespace

Reading measure(const Site& site, const Arm& arm, bool fenced, std::uint64_t count) {
  const Body body = arm.body(site.request().width_bytes, fenced);
  fault::refresh_if_stale();
  const fault::Range range{site.address(), site.reached_bytes()};
  fault::Scope scope({&range, 1});
  if (sigsetjmp(scope.env(), 0) != 0) throw BusFault("bus error");
  scope.arm();
  Meter meter;
  meter.begin();
  const std::uint64_t refused = body(site, count);
  const Reading reading = meter.end();
  scope.disarm();
  if (refused == 0) return reading;
  // Every access of a register fails alike, so the last one's errno is theirs; a short one leaves none.
  throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), arm.name);
}

std::uint64_t time_delay_ns(const Site& site, std::uint64_t count) {
  static const Body body = arm_named("known delay").body(sizeof(std::uint32_t), false);
  const std::uint64_t began = clock::read_ns(CLOCK_MONOTONIC_RAW);
  body(site, count);
  return clock::read_ns(CLOCK_MONOTONIC_RAW) - began;
}

}  // namespace regtap::bench
