#include "core/window.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/access.hpp"
#include "core/fault.hpp"
#include "core/system_errors.hpp"

namespace regtap {
namespace {

void require_width(unsigned width_bytes) {
  if (width_bytes != 1 && width_bytes != 2 && width_bytes != 4 && width_bytes != 8)
    throw std::invalid_argument("the width of an access must be 1, 2, 4 or 8 bytes");
}

std::uint64_t load_any(const volatile void* address, unsigned width_bytes) {
  switch (width_bytes) {
    case 1:
      return load<std::uint8_t>(address);
    case 2:
      return load<std::uint16_t>(address);
    case 4:
      return load<std::uint32_t>(address);
    default:
      return load<std::uint64_t>(address);
  }
}

void store_any(volatile void* address, unsigned width_bytes, std::uint64_t value) {
  switch (width_bytes) {
    case 1:
      return store(address, static_cast<std::uint8_t>(value));
    case 2:
      return store(address, static_cast<std::uint16_t>(value));
    case 4:
      return store(address, static_cast<std::uint32_t>(value));
    default:
      return store(address, value);
  }
}

}  // namespace

Window::Window(int fd, std::uint64_t offset, std::size_t size_bytes, bool writable)
    : base_(nullptr), size_(size_bytes), writable_(writable) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  // POPULATE: the loop is not to fault on a page of a file. It touches no device: their pages are mapped
  // anyway.
  void* base =
      mmap(nullptr, size_bytes, protection, MAP_SHARED | MAP_POPULATE, fd, static_cast<off_t>(offset));
  if (base == MAP_FAILED) throw_errno("mmap", errno);
  // A core dump must not read a device. The kernel leaves out what it knows to be I/O memory (VM_IO), but
  // whether it knows is up to the driver.
  madvise(base, size_bytes, MADV_DONTDUMP);
  base_ = static_cast<std::byte*>(base);
  fault::acquire();
}

void Window::close() noexcept {
  if (base_ == nullptr) return;
  munmap(base_, size_);
  base_ = nullptr;
  fault::release();
}

const volatile std::byte* Window::at(std::uint64_t offset, unsigned width_bytes) const {
  require_width(width_bytes);
  if (base_ == nullptr) throw std::invalid_argument("the window is closed");
  if (width_bytes > size_ || offset > size_ - width_bytes)
    throw std::invalid_argument("the access lies outside its window");
  if (offset % width_bytes != 0) throw std::invalid_argument("the access is misaligned");
  return base_ + offset;
}

std::uint64_t Window::load(std::uint64_t offset, unsigned width_bytes) const {
  const auto* address = at(offset, width_bytes);
  fault::refresh_if_stale();
  const fault::Range range{base_, size_};
  fault::Scope scope({&range, 1});
  if (sigsetjmp(scope.env(), 0) != 0) throw BusFault("bus error on load");
  scope.arm();
  const std::uint64_t value = load_any(address, width_bytes);
  scope.disarm();
  return value;
}

void Window::store(std::uint64_t offset, unsigned width_bytes, std::uint64_t value) const {
  auto* address = const_cast<volatile std::byte*>(at(offset, width_bytes));
  if (!writable_) throw std::invalid_argument("the window is read-only");
  fault::refresh_if_stale();
  const fault::Range range{base_, size_};
  fault::Scope scope({&range, 1});
  if (sigsetjmp(scope.env(), 0) != 0) throw BusFault("bus error on store");
  scope.arm();
  store_any(address, width_bytes, value);
  scope.disarm();
}

std::uint64_t pread_register(int fd, std::uint64_t offset, unsigned width_bytes) {
  require_width(width_bytes);
  std::uint64_t value = 0;
  const ssize_t moved = pread(fd, &value, width_bytes, static_cast<off_t>(offset));
  if (moved != static_cast<ssize_t>(width_bytes)) throw_errno("pread", moved < 0 ? errno : EIO);
  return value;
}

void pwrite_register(int fd, std::uint64_t offset, unsigned width_bytes, std::uint64_t value) {
  require_width(width_bytes);
  const ssize_t moved = pwrite(fd, &value, width_bytes, static_cast<off_t>(offset));
  if (moved != static_cast<ssize_t>(width_bytes)) throw_errno("pwrite", moved < 0 ? errno : EIO);
}

}  // namespace regtap
