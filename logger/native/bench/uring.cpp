#include "bench/uring.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/system_errors.hpp"

namespace regtap::bench {
namespace {

// The kernel reads and writes the queues' ends too.
unsigned load_acquire(unsigned& end) { return std::atomic_ref(end).load(std::memory_order_acquire); }
void store_release(unsigned& end, unsigned value) {
  std::atomic_ref(end).store(value, std::memory_order_release);
}

void* map_shared(int fd, std::size_t size_bytes, off_t offset) {
  void* const base = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
  return base == MAP_FAILED ? nullptr : base;
}

}  // namespace

template <class T>
T* Uring::at(std::uint32_t offset) const {
  return reinterpret_cast<T*>(base_ + offset);
}

Uring::Uring() {
  ring_ = static_cast<int>(syscall(SYS_io_uring_setup, kBatch, &params_));
  if (ring_ < 0) throw_errno("io_uring_setup", errno);
  try {
    map();
  } catch (...) {
    unmap();
    throw;
  }
}

Uring::~Uring() { unmap(); }

void Uring::map() {
  // Before Linux 5.4 the two queues are apart; before 5.6 there is no IORING_OP_READ either.
  if (!(params_.features & IORING_FEAT_SINGLE_MMAP)) throw_errno("io_uring_setup", ENOSYS);
  base_bytes_ = std::max<std::size_t>(params_.sq_off.array + params_.sq_entries * sizeof(std::uint32_t),
                                      params_.cq_off.cqes + params_.cq_entries * sizeof(io_uring_cqe));
  base_ = static_cast<std::byte*>(map_shared(ring_, base_bytes_, IORING_OFF_SQ_RING));
  if (base_ == nullptr) throw_errno("mmap", errno);
  entries_ = static_cast<io_uring_sqe*>(
      map_shared(ring_, params_.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES));
  if (entries_ == nullptr) throw_errno("mmap", errno);
  for (unsigned k = 0; k < params_.sq_entries; ++k) at<std::uint32_t>(params_.sq_off.array)[k] = k;
}

void Uring::unmap() noexcept {
  if (entries_ != nullptr) munmap(entries_, params_.sq_entries * sizeof(io_uring_sqe));
  if (base_ != nullptr) munmap(base_, base_bytes_);
  close(ring_);
}

unsigned Uring::read(int fd, std::uint64_t offset, unsigned width_bytes, unsigned count) {
  fill(fd, offset, width_bytes, count);
  unsigned submitted = 0, done = 0, failed = 0;
  while (done < count) {
    const long entered = syscall(SYS_io_uring_enter, ring_, count - submitted, count - done,
                                 IORING_ENTER_GETEVENTS, nullptr, 0);
    if (entered > 0) submitted += static_cast<unsigned>(entered);
    done += reap(width_bytes, failed);
    // Never while one is under way: it writes to the buffer.
    if (entered < 0 && errno != EINTR && done == submitted) return failed + (count - done);
  }
  return failed;
}

void Uring::fill(int fd, std::uint64_t offset, unsigned width_bytes, unsigned count) {
  unsigned& tail = *at<unsigned>(params_.sq_off.tail);
  const unsigned mask = params_.sq_entries - 1, first = tail;
  for (unsigned k = 0; k < count; ++k) {
    io_uring_sqe& entry = entries_[(first + k) & mask];
    entry = {};
    entry.opcode = IORING_OP_READ;
    entry.fd = fd;
    entry.off = offset;
    entry.addr = reinterpret_cast<std::uintptr_t>(&values_[k]);
    entry.len = width_bytes;
  }
  store_release(tail, first + count);
}

unsigned Uring::reap(unsigned width_bytes, unsigned& failed) {
  unsigned& head = *at<unsigned>(params_.cq_off.head);
  const io_uring_cqe* const results = at<io_uring_cqe>(params_.cq_off.cqes);
  const unsigned mask = params_.cq_entries - 1, first = head;
  const unsigned end = load_acquire(*at<unsigned>(params_.cq_off.tail));
  for (unsigned k = first; k != end; ++k) {
    const int moved = results[k & mask].res;
    if (moved == static_cast<int>(width_bytes)) continue;
    ++failed;
    if (moved < 0) errno = -moved;
  }
  store_release(head, end);
  return end - first;
}

}  // namespace regtap::bench
