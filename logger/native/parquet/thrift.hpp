// A writer of thrift's compact protocol, as far as Parquet's headers and footers need it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace regtap::parquet {

// Types by their number in the compact protocol.
enum class Wire : std::uint8_t {
  yes = 1,
  no = 2,
  i8 = 3,
  i16 = 4,
  i32 = 5,
  i64 = 6,
  binary = 8,
  list = 9,
  structure = 12
};

// Appends to a buffer that stays the caller's. Fields of a struct come in the order of their numbers.
class Thrift {
 public:
  explicit Thrift(std::vector<std::byte>& out) : out_(out) {}

  void field(std::int16_t number, bool value);
  void field(std::int16_t number, std::int32_t value);
  void field(std::int16_t number, std::int64_t value);
  void field(std::int16_t number, std::string_view value);
  void field(std::int16_t number, std::span<const std::byte> value);
  void short_field(std::int16_t number, std::int16_t value);
  void byte_field(std::int16_t number, std::int8_t value);
  void list_field(std::int16_t number, Wire elements, std::size_t count);

  // A struct's fields come between these two; the outermost one and the elements of a list have no number.
  void begin_struct(std::int16_t number);
  void begin_element();
  void end_struct();

  // Elements of a list.
  void element(bool value);
  void element(std::int32_t value);
  void element(std::string_view value);
  void element(std::span<const std::byte> value);

 private:
  void put(std::uint8_t byte) { out_.push_back(static_cast<std::byte>(byte)); }
  void varint(std::uint64_t value);
  void header(std::int16_t number, Wire type);
  std::vector<std::byte>& out_;
  std::vector<std::int16_t> outer_;  // last numbers of the structs around this one
  std::int16_t last_ = 0;            // number of the last field
};

}  // namespace regtap::parquet
