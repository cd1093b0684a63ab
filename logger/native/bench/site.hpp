// Where the arms of the benchmark find the register.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "bench/uring.hpp"
#include "core/window.hpp"

namespace regtap::bench {

struct SiteRequest {
  int fd;            // borrowed; must stay open as long as the site
  std::string path;  // what leads to the same file, for the arm that opens it at each access
  int open_flags;    // beside the access mode
  std::uint64_t map_offset;
  std::size_t map_bytes;
  std::uint64_t offset;  // of the register in the file
  unsigned width_bytes;
  bool writable;
  std::size_t bulk_bytes;  // what the bulk arms read from `offset` on; 0: nothing
};

// Maps the register's window and holds it. `value` is what the store arms write, `buffer` what the bulk arms
// read into.
class Site {
 public:
  // Throws std::system_error (the kernel refuses the mapping) or std::invalid_argument (outside the window).
  explicit Site(SiteRequest request)
      : request_(std::move(request)),
        window_(request_.fd, request_.map_offset, request_.map_bytes, request_.writable),
        address_(window_.at(request_.offset - request_.map_offset, request_.width_bytes)) {
    if (request_.bulk_bytes > window_.size_bytes() - (request_.offset - request_.map_offset))
      throw std::invalid_argument("the block does not lie within the window");
    if (request_.bulk_bytes > 0) buffer_ = std::make_unique<std::byte[]>(request_.bulk_bytes);
  }

  const SiteRequest& request() const { return request_; }
  const volatile void* address() const { return address_; }
  std::size_t reached_bytes() const {
    return std::max<std::size_t>(request_.width_bytes, request_.bulk_bytes);
  }
  std::byte* buffer() const { return buffer_.get(); }

  // Made when it is first asked for. Throws as Uring() does.
  Uring& uring() const {
    if (!uring_) uring_ = std::make_unique<Uring>();
    return *uring_;
  }

  std::uint64_t value = 0;

 private:
  SiteRequest request_;
  Window window_;
  const volatile std::byte* address_;
  std::unique_ptr<std::byte[]> buffer_;
  mutable std::unique_ptr<Uring> uring_;
};

}  // namespace regtap::bench
