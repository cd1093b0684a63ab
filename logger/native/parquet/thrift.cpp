#include "parquet/thrift.hpp"

#include "parquet/varint.hpp"

namespace regtap::parquet {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace

void Thrift::varint(std::uint64_t value) {
  std::byte bytes[kMostVarintBytes];
  out_.insert(out_.end(), bytes, put_varint(value, bytes));
}

void Thrift::header(std::int16_t number, Wire type) {
  const int step = number - last_;
  const auto low = static_cast<std::uint8_t>(type);
  if (step >= 1 && step <= 15) {
    put(static_cast<std::uint8_t>(step << 4 | low));
  } else {
    put(low);
    varint(zigzag(number));
  }
  last_ = number;
}

void Thrift::field(std::int16_t number, bool value) { header(number, value ? Wire::yes : Wire::no); }

void Thrift::field(std::int16_t number, std::int32_t value) {
  header(number, Wire::i32);
  varint(zigzag(value));
}

void Thrift::field(std::int16_t number, std::int64_t value) {
  header(number, Wire::i64);
  varint(zigzag(value));
}

void Thrift::field(std::int16_t number, std::string_view value) { field(number, bytes_of(value)); }

void Thrift::field(std::int16_t number, std::span<const std::byte> value) {
  header(number, Wire::binary);
  element(value);
}

void Thrift::short_field(std::int16_t number, std::int16_t value) {
  header(number, Wire::i16);
  varint(zigzag(value));
}

void Thrift::byte_field(std::int16_t number, std::int8_t value) {
  header(number, Wire::i8);
  put(static_cast<std::uint8_t>(value));
}

void Thrift::list_field(std::int16_t number, Wire elements, std::size_t count) {
  header(number, Wire::list);
  const auto low = static_cast<std::uint8_t>(elements);
  if (count < 15) {
    put(static_cast<std::uint8_t>(count << 4 | low));
  } else {
    put(0xf0 | low);
    varint(count);
  }
}

void Thrift::begin_struct(std::int16_t number) {
  header(number, Wire::structure);
  begin_element();
}

void Thrift::begin_element() {
  outer_.push_back(last_);
  last_ = 0;
}

void Thrift::end_struct() {
  put(0);
  last_ = outer_.back();
  outer_.pop_back();
}

void Thrift::element(bool value) { put(static_cast<std::uint8_t>(value ? Wire::yes : Wire::no)); }

void Thrift::element(std::int32_t value) { varint(zigzag(value)); }

void Thrift::element(std::string_view value) { element(bytes_of(value)); }

void Thrift::element(std::span<const std::byte> value) {
  varint(value.size());
  out_.insert(out_.end(), value.begin(), value.end());
}

}  // namespace regtap::parquet
