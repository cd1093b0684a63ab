#include "parquet/page.hpp"

#include <algorithm>

#include "core/vector_clones.hpp"
#include "parquet/crc32.hpp"
#include "parquet/format.hpp"
#include "parquet/thrift.hpp"

namespace regtap::parquet {
namespace {

template <class Value>
[[gnu::always_inline]] inline Range range_in(const Value* values, std::size_t count) {
  Value least = values[0], most = values[0];
  for (std::size_t i = 1; i < count; ++i) {
    least = std::min(least, values[i]);
    most = std::max(most, values[i]);
  }
  return {static_cast<std::uint64_t>(least), static_cast<std::uint64_t>(most)};
}

REGTAP_VECTOR_CLONES Range range_8(const std::uint8_t* values, std::size_t n) { return range_in(values, n); }
REGTAP_VECTOR_CLONES Range range_16(const std::uint16_t* values, std::size_t n) {
  return range_in(values, n);
}
REGTAP_VECTOR_CLONES Range range_32(const std::uint32_t* values, std::size_t n) {
  return range_in(values, n);
}
REGTAP_VECTOR_CLONES Range range_64(const std::uint64_t* values, std::size_t n) {
  return range_in(values, n);
}
REGTAP_VECTOR_CLONES Range range_time(const std::int64_t* values, std::size_t n) {
  return range_in(values, n);
}

}  // namespace

Range range_of(std::span<const std::uint8_t> values) { return range_8(values.data(), values.size()); }
Range range_of(std::span<const std::uint16_t> values) { return range_16(values.data(), values.size()); }
Range range_of(std::span<const std::uint32_t> values) { return range_32(values.data(), values.size()); }
Range range_of(std::span<const std::uint64_t> values) { return range_64(values.data(), values.size()); }
Range range_of(std::span<const std::int64_t> values) { return range_time(values.data(), values.size()); }

bool is_less(Type type, std::uint64_t left, std::uint64_t right) {
  if (type == Type::i64) return static_cast<std::int64_t>(left) < static_cast<std::int64_t>(right);
  return left < right;
}

Range joined(Type type, const Range& left, const Range& right) {
  return {is_less(type, right.least, left.least) ? right.least : left.least,
          is_less(type, left.most, right.most) ? right.most : left.most};
}

void append_page_header(std::vector<std::byte>& out, std::size_t rows, std::span<const std::byte> data) {
  const auto bytes = static_cast<std::int32_t>(data.size());
  Thrift thrift(out);
  thrift.begin_element();
  thrift.field(1, std::int32_t{format::kDataPage});
  thrift.field(2, bytes);  // uncompressed
  thrift.field(3, bytes);  // compressed
  thrift.field(4, static_cast<std::int32_t>(crc32(data)));
  thrift.begin_struct(5);
  thrift.field(1, static_cast<std::int32_t>(rows));
  thrift.field(2, std::int32_t{format::kDeltaBinaryPacked});
  thrift.field(3, std::int32_t{format::kRle});  // of levels; a required column has none
  thrift.field(4, std::int32_t{format::kRle});
  thrift.end_struct();
  thrift.end_struct();
}

}  // namespace regtap::parquet
