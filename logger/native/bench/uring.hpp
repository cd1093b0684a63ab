// Reads of one register in batches, one system call a batch: an io_uring, by its raw system calls.
#pragma once

#include <linux/io_uring.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace regtap::bench {

// Owns the ring's descriptor and its mappings, and the buffer that its reads go to. One thread at a time.
// After a fork parent and child share the ring: only one of them may use it while the other waits.
class Uring {
 public:
  static constexpr unsigned kBatch = 16;

  // Throws std::system_error: ENOSYS (no io_uring in this kernel), EPERM (a sysctl or a filter forbids it),
  // or mmap's errno.
  Uring();
  ~Uring();
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  // Reads `width_bytes` (at most 8) at `offset` of `fd`, `count` times (at most kBatch), and waits for all of
  // them. Returns how many failed; errno is then the last one's, or unchanged where it was a short read.
  unsigned read(int fd, std::uint64_t offset, unsigned width_bytes, unsigned count);

 private:
  void map();
  void unmap() noexcept;
  void fill(int fd, std::uint64_t offset, unsigned width_bytes, unsigned count);
  unsigned reap(unsigned width_bytes, unsigned& failed);
  template <class T>
  T* at(std::uint32_t offset) const;

  io_uring_params params_ = {};
  int ring_ = -1;
  std::byte* base_ = nullptr;  // both queues
  std::size_t base_bytes_ = 0;
  io_uring_sqe* entries_ = nullptr;
  std::uint64_t values_[kBatch] = {};
};

}  // namespace regtap::bench
