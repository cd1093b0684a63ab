// Where the arms of the benchmark find the register.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/window.hpp"

namespace regtap::bench {

struct Place {
  int fd;            // borrowed; must stay open as long as the site
  std::string path;  // what leads to the same file, for the arm that opens it at each access
  int open_flags;    // beside the access mode
  std::uint64_t map_offset;
  std::size_t map_bytes;
  std::uint64_t offset;  // of the register in the file
  unsigned width_bytes;
  bool writable;
};

// Maps the register's window and holds it. `value` is what the store arms write.
class Site {
 public:
  // Throws std::system_error (the kernel refuses the mapping) or std::invalid_argument (outside the window).
  explicit Site(Place place)
      : place_(std::move(place)),
        window_(place_.fd, place_.map_offset, place_.map_bytes, place_.writable),
        address_(window_.at(place_.offset - place_.map_offset, place_.width_bytes)) {}

  const Place& place() const { return place_; }
  const Window& window() const { return window_; }
  const volatile void* address() const { return address_; }

  std::uint64_t value = 0;

 private:
  Place place_;
  Window window_;
  const volatile std::byte* address_;
};

}  // namespace regtap::bench
