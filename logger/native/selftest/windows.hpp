// The trapped parts of one address space: where the probe file is mapped. Plain data, no system calls.
#pragma once

#include <cstdint>
#include <vector>

namespace regtap::selftest {

// How much of a window is open while one instruction is let through.
enum class Opening { none, read, read_write };

struct Window {
  std::uint64_t start = 0;  // first address
  std::uint64_t end = 0;    // first address behind it
  std::uint64_t file_offset = 0;
  bool writable = false;  // whether the command itself asked for write permission
  Opening opening = Opening::none;

  std::uint64_t offset_of(std::uint64_t address) const { return file_offset + (address - start); }
};

class Windows {
 public:
  void add(const Window& window) { windows_.push_back(window); }
  void clear() { windows_.clear(); }
  // Forgets [start, end), trimming or splitting what it cuts.
  void remove(std::uint64_t start, std::uint64_t end);
  // The window that holds this address, or nullptr; valid until the next change.
  Window* find(std::uint64_t address);
  // The windows that share an address with [start, end); valid until the next change.
  std::vector<Window*> overlapping(std::uint64_t start, std::uint64_t end);
  // The windows that are open; valid until the next change.
  std::vector<Window*> opened();

 private:
  std::vector<Window> windows_;
};

}  // namespace regtap::selftest
