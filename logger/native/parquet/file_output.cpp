#include "parquet/file_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace regtap::parquet {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

// One call may take less than all, as on a disk that fills up: only the next one says why.
void write_whole(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t taken = ::write(fd, bytes.data(), bytes.size());
    if (taken > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(taken));
    } else if (taken == 0 || errno != EINTR) {
      throw std::system_error(taken == 0 ? EIO : errno, std::generic_category());
    }
  }
}

}  // namespace

FileOutput::FileOutput(int fd) : fd_(fd), buffer_(kBufferBytes) {}

std::byte* FileOutput::reserve(std::size_t size) {
  if (size > buffer_.size() - used_) {
    flush();
    buffer_.resize(std::max(buffer_.size(), size));
  }
  return buffer_.data() + used_;
}

void FileOutput::append(std::span<const std::byte> bytes) {
  commit(std::copy(bytes.begin(), bytes.end(), reserve(bytes.size())));
}

void FileOutput::flush() {
  write_whole(fd_, {buffer_.data(), used_});
  written_ += used_;
  used_ = 0;
}

}  // namespace regtap::parquet
