// A mapped window of a device node or file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace regtap {

// A load or store raised SIGBUS or SIGSEGV inside its window.
struct BusFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Owns one MAP_SHARED mapping from construction to close() or destruction. The descriptor stays the caller's
// and may be closed at once. Not thread-safe against close(): whoever samples keeps the window alive.
class Window {
 public:
  // Throws std::system_error (mmap's errno). offset must be a multiple of the page size.
  Window(int fd, std::uint64_t offset, std::size_t size_bytes, bool writable);
  ~Window() { close(); }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  std::size_t size_bytes() const { return size_; }
  void close() noexcept;

  // One volatile access of 1, 2, 4 or 8 bytes. Throws std::invalid_argument before the access if it is
  // misaligned, past the end, of another width, or the window is closed or read-only; BusFault if it faulted.
  std::uint64_t load(std::uint64_t offset, unsigned width_bytes) const;
  void store(std::uint64_t offset, unsigned width_bytes, std::uint64_t value) const;

  // The checked address of an access, for the sampler; same exceptions as load().
  const volatile std::byte* at(std::uint64_t offset, unsigned width_bytes) const;

 private:
  std::byte* base_;
  std::size_t size_;
  bool writable_;
};

// One pread/pwrite of exactly width_bytes. Throws std::system_error; EIO if the kernel moved fewer bytes.
std::uint64_t pread_register(int fd, std::uint64_t offset, unsigned width_bytes);
void pwrite_register(int fd, std::uint64_t offset, unsigned width_bytes, std::uint64_t value);

}  // namespace regtap
