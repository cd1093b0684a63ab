// A simulated device: one page of shared memory whose registers change a thousand times a second.
//
// For bindings/access.cpp, with the GIL released: run_simulator(fd, parent_pid), std::system_error becomes
// OSError.
#pragma once

#include <cstddef>
#include <cstdint>

namespace regtap {
namespace simulated {

inline constexpr std::size_t kPageBytes = 4096;
inline constexpr std::int64_t kTickNs = 1'000'000;

// Offsets into the page; regtap/simulator/registers.py describes the same registers by name.
namespace offset {
// u32, kIdValue, stored last: once it shows, all the others are set
inline constexpr std::size_t kId = 0x00;
inline constexpr std::size_t kCount32 = 0x08;  // u32, ticks; kFirstCount at the start
inline constexpr std::size_t kCheck = 0x0c;    // u32, hash(COUNT32); one store sets it together with COUNT32
inline constexpr std::size_t kCount64 = 0x10;  // u64, also two u32 registers; COUNT32 + kCount64Ahead
inline constexpr std::size_t kChecked = 0x18;  // u64, COUNT32 in the low half, its hash in the high half
inline constexpr std::size_t kStatus = 0x20;   // u32
inline constexpr std::size_t kAdc = 0x24;      // u16
inline constexpr std::size_t kGpio = 0x28;     // u8
inline constexpr std::size_t kScratch = 0x2c;  // u32, the user's
// u32, kControlStop ends the device; not a register of the map
inline constexpr std::size_t kControl = 0xffc;
}  // namespace offset

inline constexpr std::uint32_t kIdValue = 0x54474552;      // the bytes "REGT" in memory
inline constexpr std::uint32_t kControlStop = 0x504f5453;  // "STOP"

// The device has been up for a second when it appears, so that the very first read shows it at work.
inline constexpr std::uint32_t kFirstCount = 1000;

// COUNT64 - COUNT32. The low half of COUNT64 carries into the high one two seconds later, so that reading
// the halves one after the other can be seen to go wrong.
inline constexpr std::uint64_t kCount64Ahead = 0x1'0000'0000 - kFirstCount - 2000;

inline constexpr std::uint32_t kStatusBusy = 1u << 0;
inline constexpr std::uint32_t kStatusDone = 1u << 1;
inline constexpr std::uint32_t kStatusError = 1u << 2;
inline constexpr unsigned kStatusLevelLsb = 8;  // 8 bits

// The finaliser of MurmurHash3 (A. Appleby, public domain): a bijection, so a hash names its count.
constexpr std::uint32_t hash(std::uint32_t value) {
  value = (value ^ (value >> 16)) * 0x85ebca6b;
  value = (value ^ (value >> 13)) * 0xc2b2ae35;
  return value ^ (value >> 16);
}

}  // namespace simulated

// Plays the device on the first page of `fd` (all zero, readable, writable; stays the caller's) until
// SIGTERM, SIGINT or SIGHUP, until kControlStop is written, or, if parent_pid > 0, until that process is no
// longer the parent. Those signals are let through and handled meanwhile, except where they are ignored; mask
// and handlers are put back. Once at a time in a process. Throws std::system_error: EINVAL if the file is
// shorter than a page, else what fstat, mmap or clock_nanosleep said.
void run_simulator(int fd, int parent_pid);

}  // namespace regtap
