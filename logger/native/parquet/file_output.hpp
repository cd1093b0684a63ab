// Buffered writing to a descriptor: all of what it is given, or an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace regtap::parquet {

// Collects bytes and writes them in large pieces. The descriptor stays the caller's, and is written at its
// own position. After an error the file ends somewhere in between: it is to be thrown away.
class FileOutput {
 public:
  explicit FileOutput(int fd);

  // Room for `size` bytes at the end; commit() says how far they were filled.
  // Throws std::system_error: the file did not take what had to make room.
  std::byte* reserve(std::size_t size);
  void commit(const std::byte* end) { used_ = static_cast<std::size_t>(end - buffer_.data()); }

  void append(std::span<const std::byte> bytes);  // throws as reserve does
  void flush();                                   // throws std::system_error

  // Where the next byte goes: bytes given so far.
  std::uint64_t position() const { return written_ + used_; }

 private:
  int fd_;
  std::vector<std::byte> buffer_;
  std::size_t used_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace regtap::parquet
