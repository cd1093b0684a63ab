// A simulated device: one page of shared memory whose registers change a thousand times a second.
//
// For bindings.cpp, with the GIL released: run_simulator(fd, parent_pid), std::system_error becomes OSError.
#pragma once

#include <cstddef>
#include <cstdint>

namespace regtap {
namespace simulated {

inline constexpr std::size_t page_bytes = 4096;
inline constexpr std::int64_t tick_ns = 1'000'000;

// Offsets into the page; regtap/targets/sim.py describes the same registers by name.
namespace offset {
inline constexpr std::size_t id = 0x00;  // u32, id_value, stored last: once it shows, all the others are set
inline constexpr std::size_t count32 = 0x08;   // u32, ticks; first_count at the start
inline constexpr std::size_t check = 0x0c;     // u32, hash(COUNT32); one store sets it together with COUNT32
inline constexpr std::size_t count64 = 0x10;   // u64, also two u32 registers; COUNT32 + count64_ahead
inline constexpr std::size_t checked = 0x18;   // u64, COUNT32 in the low half, its hash in the high half
inline constexpr std::size_t status = 0x20;    // u32
inline constexpr std::size_t adc = 0x24;       // u16
inline constexpr std::size_t gpio = 0x28;      // u8
inline constexpr std::size_t scratch = 0x2c;   // u32, the user's
inline constexpr std::size_t control = 0xffc;  // u32, control_stop ends the device; not a register of the map
}  // namespace offset

inline constexpr std::uint32_t id_value = 0x54474552;      // the bytes "REGT" in memory
inline constexpr std::uint32_t control_stop = 0x504f5453;  // "STOP"

// The device has been up for a second when it appears, so that the very first read shows it at work.
inline constexpr std::uint32_t first_count = 1000;

// COUNT64 - COUNT32. The low half of COUNT64 carries into the high one two seconds later, so that reading
// the halves one after the other can be seen to go wrong.
inline constexpr std::uint64_t count64_ahead = 0x1'0000'0000 - first_count - 2000;

inline constexpr std::uint32_t status_busy = 1u << 0;
inline constexpr std::uint32_t status_done = 1u << 1;
inline constexpr std::uint32_t status_error = 1u << 2;
inline constexpr unsigned status_level_lsb = 8;  // 8 bits

// The finaliser of MurmurHash3 (A. Appleby, public domain): a bijection, so a hash names its count.
constexpr std::uint32_t hash(std::uint32_t value) {
  value = (value ^ (value >> 16)) * 0x85ebca6b;
  value = (value ^ (value >> 13)) * 0xc2b2ae35;
  return value ^ (value >> 16);
}

}  // namespace simulated

// Plays the device on the first page of `fd` (all zero, readable, writable; stays the caller's) until
// SIGTERM, SIGINT or SIGHUP, until control_stop is written, or, if parent_pid > 0, until that process is no
// longer the parent. Those signals are let through and handled meanwhile, except where they are ignored; mask
// and handlers are put back. Once at a time in a process. Throws std::system_error: EINVAL if the file is
// shorter than a page, else what fstat, mmap or clock_nanosleep said.
void run_simulator(int fd, int parent_pid);

}  // namespace regtap
