#include "windows.hpp"

namespace regtap::selftest {

void Windows::remove(std::uint64_t start, std::uint64_t end) {
  std::vector<Window> kept;
  for (const Window& window : windows_) {
    if (window.end <= start || end <= window.start) {
      kept.push_back(window);
      continue;
    }
    if (window.start < start) {
      kept.push_back(window);
      kept.back().end = start;
    }
    if (end < window.end) {
      kept.push_back(window);
      kept.back().start = end;
      kept.back().file_offset = window.offset_of(end);
    }
  }
  windows_ = std::move(kept);
}

Window* Windows::find(std::uint64_t address) {
  for (Window& window : windows_) {
    if (window.start <= address && address < window.end) return &window;
  }
  return nullptr;
}

std::vector<Window*> Windows::overlapping(std::uint64_t start, std::uint64_t end) {
  std::vector<Window*> found;
  for (Window& window : windows_) {
    if (window.start < end && start < window.end) found.push_back(&window);
  }
  return found;
}

std::vector<Window*> Windows::opened() {
  std::vector<Window*> found;
  for (Window& window : windows_) {
    if (window.opening != Opening::none) found.push_back(&window);
  }
  return found;
}

}  // namespace regtap::selftest
