#include "parquet/part_encoder.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "parquet/delta.hpp"
#include "parquet/format.hpp"

namespace regtap::parquet {
namespace {

std::vector<Column> columns_of(const Layout& layout) {
  std::vector<Column> columns = {{layout.time, Type::i64}};
  columns.insert(columns.end(), layout.registers.begin(), layout.registers.end());
  if (!layout.latency.empty()) columns.push_back({layout.latency, Type::u32});
  return columns;
}

std::uint64_t rows_of(std::span<const Block> blocks) {
  std::uint64_t rows = 0;
  for (const Block& block : blocks) rows += block.rows();
  return rows;
}

// The encoder takes a signed value as its bits.
template <class Value>
auto bits_of(std::span<const Value> values) {
  using Bits = std::make_unsigned_t<Value>;
  return std::span<const Bits>(reinterpret_cast<const Bits*>(values.data()), values.size());
}

}  // namespace

PartEncoder::PartEncoder(int fd, Layout layout)
    : layout_(std::move(layout)),
      columns_(columns_of(layout_)),
      output_(fd),
      data_(most_delta_bytes(kPageRows, sizeof(std::uint64_t))) {
  output_.append(std::as_bytes(std::span(format::kMagic)));
}

Times PartEncoder::write(std::span<const Block> blocks, const TimeScale& scale) {
  const std::uint64_t rows = rows_of(blocks);
  if (rows == 0) return {scale.floor_ns, scale.floor_ns, 0};
  RowGroup group = {rows, {}};
  TimePages times(blocks, scale);
  group.chunks.push_back(write_chunk(rows, times));
  for (std::size_t k = 0; k < layout_.registers.size(); ++k)
    group.chunks.push_back(write_register(rows, blocks, k));
  if (!layout_.latency.empty()) {
    LatencyPages latencies(blocks, scale.latency_ns_per_tick);
    group.chunks.push_back(write_chunk(rows, latencies));
  }
  output_.flush();
  const auto first_ns = static_cast<std::int64_t>(group.chunks.front().front().range.least);
  groups_.push_back(std::move(group));
  return {first_ns, times.converted().last_ns, times.converted().longest_ns};
}

void PartEncoder::finish(const FileInfo& info) {
  write_footer(output_, columns_, groups_, info);
  output_.flush();
}

template <class Pages>
Chunk PartEncoder::write_chunk(std::uint64_t rows, Pages& pages) {
  Chunk chunk;
  chunk.reserve(static_cast<std::size_t>((rows + kPageRows - 1) / kPageRows));
  for (std::uint64_t at = 0; at < rows; at += kPageRows) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPageRows, rows - at));
    chunk.push_back(write_page(pages.next(count)));
  }
  return chunk;
}

template <class Value>
Page PartEncoder::write_page(std::span<const Value> values) {
  const std::byte* const end = encode_delta(bits_of(values), data_.data());
  const std::span<const std::byte> data(data_.data(), end);
  header_.clear();
  append_page_header(header_, values.size(), data);
  const Page page = {output_.position(), static_cast<std::uint32_t>(header_.size() + data.size()),
                     range_of(values)};
  output_.append(header_);
  output_.append(data);
  return page;
}

Chunk PartEncoder::write_register(std::uint64_t rows, std::span<const Block> blocks, std::size_t number) {
  const auto write = [&]<class Value>(Value) {
    RegisterPages<Value> pages(blocks, number);
    return write_chunk(rows, pages);
  };
  switch (layout_.registers[number].type) {
    case Type::u8:
      return write(std::uint8_t{});
    case Type::u16:
      return write(std::uint16_t{});
    case Type::u32:
      return write(std::uint32_t{});
    default:
      return write(std::uint64_t{});
  }
}

}  // namespace regtap::parquet
