#include "parquet/footer.hpp"

#include <cstring>
#include <limits>

#include "parquet/format.hpp"
#include "parquet/thrift.hpp"

namespace regtap::parquet {
namespace {

// Field numbers are those of parquet.thrift.

struct ByteRange {
  std::uint64_t offset;
  std::size_t bytes;
};

// Where a chunk's page index lies.
struct ChunkIndex {
  ByteRange columns;  // smallest and largest values
  ByteRange offsets;
};

// A value as statistics hold it: in its physical type, little-endian.
class PlainValue {
 public:
  PlainValue(Type type, std::uint64_t bits) : size_(physical_bytes(type)) {
    std::memcpy(bytes_, &bits, size_);
  }
  std::span<const std::byte> bytes() const { return {bytes_, size_}; }

 private:
  std::byte bytes_[sizeof(std::uint64_t)];
  std::size_t size_;
};

std::uint64_t bytes_of(const Chunk& chunk) {
  std::uint64_t bytes = 0;
  for (const Page& page : chunk) bytes += page.bytes;
  return bytes;
}

std::uint64_t bytes_of(const RowGroup& group) {
  std::uint64_t bytes = 0;
  for (const Chunk& chunk : group.chunks) bytes += bytes_of(chunk);
  return bytes;
}

Range range_of_chunk(Type type, const Chunk& chunk) {
  Range range = chunk.front().range;
  for (const Page& page : chunk) range = joined(type, range, page.range);
  return range;
}

std::int64_t as_int64(std::uint64_t value) { return static_cast<std::int64_t>(value); }

format::BoundaryOrder order_of(Type type, const Chunk& chunk) {
  bool rises = true, falls = true;
  for (std::size_t i = 1; i < chunk.size(); ++i) {
    const Range& before = chunk[i - 1].range;
    const Range& after = chunk[i].range;
    rises = rises && !is_less(type, after.least, before.least) && !is_less(type, after.most, before.most);
    falls = falls && !is_less(type, before.least, after.least) && !is_less(type, before.most, after.most);
  }
  return rises ? format::kAscending : falls ? format::kDescending : format::kUnordered;
}

void put_column_index(Thrift& thrift, Type type, const Chunk& chunk) {
  thrift.begin_element();
  thrift.list_field(1, Wire::yes, chunk.size());  // pages of nulls alone
  for (std::size_t i = 0; i < chunk.size(); ++i) thrift.element(false);
  thrift.list_field(2, Wire::binary, chunk.size());
  for (const Page& page : chunk) thrift.element(PlainValue(type, page.range.least).bytes());
  thrift.list_field(3, Wire::binary, chunk.size());
  for (const Page& page : chunk) thrift.element(PlainValue(type, page.range.most).bytes());
  thrift.field(4, std::int32_t{order_of(type, chunk)});
  thrift.end_struct();
}

void put_offset_index(Thrift& thrift, const Chunk& chunk) {
  thrift.begin_element();
  thrift.list_field(1, Wire::structure, chunk.size());
  std::int64_t first_row = 0;
  for (const Page& page : chunk) {
    thrift.begin_element();
    thrift.field(1, as_int64(page.offset));
    thrift.field(2, static_cast<std::int32_t>(page.bytes));
    thrift.field(3, first_row);
    thrift.end_struct();
    first_row += std::int64_t{kPageRows};
  }
  thrift.end_struct();
}

void put_logical_type(Thrift& thrift, Type type) {
  thrift.begin_struct(10);
  thrift.begin_struct(10);  // of the union: an integer
  thrift.byte_field(1, static_cast<std::int8_t>(8 * width_bytes(type)));
  thrift.field(2, false);  // unsigned
  thrift.end_struct();
  thrift.end_struct();
}

format::ConvertedType converted_type(Type type) {
  switch (type) {
    case Type::u8:
      return format::kUint8;
    case Type::u16:
      return format::kUint16;
    case Type::u32:
      return format::kUint32;
    default:
      return format::kUint64;
  }
}

std::int32_t physical_type(Type type) { return physical_bytes(type) == 4 ? format::kInt32 : format::kInt64; }

void put_schema(Thrift& thrift, std::span<const Column> columns) {
  thrift.list_field(2, Wire::structure, columns.size() + 1);
  thrift.begin_element();
  thrift.field(3, std::int32_t{format::kRequired});
  thrift.field(4, std::string_view("schema"));
  thrift.field(5, static_cast<std::int32_t>(columns.size()));
  thrift.end_struct();
  for (const Column& column : columns) {
    thrift.begin_element();
    thrift.field(1, physical_type(column.type));
    thrift.field(3, std::int32_t{format::kRequired});
    thrift.field(4, std::string_view(column.name));
    if (column.type != Type::i64) {
      thrift.field(6, std::int32_t{converted_type(column.type)});
      put_logical_type(thrift, column.type);
    }
    thrift.end_struct();
  }
}

void put_statistics(Thrift& thrift, Type type, const Chunk& chunk) {
  const Range range = range_of_chunk(type, chunk);
  thrift.begin_struct(12);
  thrift.field(3, std::int64_t{0});  // nulls
  thrift.field(5, PlainValue(type, range.most).bytes());
  thrift.field(6, PlainValue(type, range.least).bytes());
  thrift.field(7, true);  // both are values of the column, not only bounds
  thrift.field(8, true);
  thrift.end_struct();
}

void put_chunk_metadata(Thrift& thrift, const Column& column, std::uint64_t rows, const Chunk& chunk) {
  const std::int64_t bytes = as_int64(bytes_of(chunk));
  thrift.begin_struct(3);
  thrift.field(1, physical_type(column.type));
  thrift.list_field(2, Wire::i32, 2);
  thrift.element(std::int32_t{format::kRle});
  thrift.element(std::int32_t{format::kDeltaBinaryPacked});
  thrift.list_field(3, Wire::binary, 1);
  thrift.element(std::string_view(column.name));
  thrift.field(4, std::int32_t{format::kUncompressed});
  thrift.field(5, as_int64(rows));
  thrift.field(6, bytes);  // uncompressed
  thrift.field(7, bytes);  // compressed
  thrift.field(9, as_int64(chunk.front().offset));
  put_statistics(thrift, column.type, chunk);
  thrift.list_field(13, Wire::structure, 1);
  thrift.begin_element();
  thrift.field(1, std::int32_t{format::kDataPage});
  thrift.field(2, std::int32_t{format::kDeltaBinaryPacked});
  thrift.field(3, static_cast<std::int32_t>(chunk.size()));
  thrift.end_struct();
  thrift.end_struct();
}

void put_chunk(Thrift& thrift, const Column& column, std::uint64_t rows, const Chunk& chunk,
               const ChunkIndex& index) {
  thrift.begin_element();
  thrift.field(2, std::int64_t{0});  // deprecated by the format
  put_chunk_metadata(thrift, column, rows, chunk);
  thrift.field(4, as_int64(index.offsets.offset));
  thrift.field(5, static_cast<std::int32_t>(index.offsets.bytes));
  thrift.field(6, as_int64(index.columns.offset));
  thrift.field(7, static_cast<std::int32_t>(index.columns.bytes));
  thrift.end_struct();
}

void put_sorting(Thrift& thrift) {
  thrift.list_field(4, Wire::structure, 1);
  thrift.begin_element();
  thrift.field(1, std::int32_t{0});  // the first column, the time
  thrift.field(2, false);            // not descending
  thrift.field(3, false);            // nulls would come last
  thrift.end_struct();
}

void put_group(Thrift& thrift, std::span<const Column> columns, const RowGroup& group, std::size_t number,
               std::span<const ChunkIndex> indexes) {
  thrift.begin_element();
  thrift.list_field(1, Wire::structure, columns.size());
  for (std::size_t k = 0; k < columns.size(); ++k)
    put_chunk(thrift, columns[k], group.rows, group.chunks[k], indexes[k]);
  thrift.field(2, as_int64(bytes_of(group)));
  thrift.field(3, as_int64(group.rows));
  put_sorting(thrift);
  thrift.field(5, as_int64(group.chunks.front().front().offset));
  thrift.field(6, as_int64(bytes_of(group)));
  if (number <= std::size_t{std::numeric_limits<std::int16_t>::max()})
    thrift.short_field(7, static_cast<std::int16_t>(number));
  thrift.end_struct();
}

void put_metadata(Thrift& thrift, std::span<const KeyValue> metadata) {
  thrift.list_field(5, Wire::structure, metadata.size());
  for (const KeyValue& entry : metadata) {
    thrift.begin_element();
    thrift.field(1, std::string_view(entry.key));
    thrift.field(2, std::string_view(entry.value));
    thrift.end_struct();
  }
}

// Statistics are ordered by each column's own type.
void put_column_orders(Thrift& thrift, std::size_t count) {
  thrift.list_field(7, Wire::structure, count);
  for (std::size_t k = 0; k < count; ++k) {
    thrift.begin_element();
    thrift.begin_struct(1);
    thrift.end_struct();
    thrift.end_struct();
  }
}

// Appends what `put` makes; returns where it is.
template <class Put>
ByteRange append(FileOutput& output, Put put) {
  std::vector<std::byte> bytes;
  Thrift thrift(bytes);
  put(thrift);
  const ByteRange written = {output.position(), bytes.size()};
  output.append(bytes);
  return written;
}

// The page index of all row groups: the smallest and largest values of all chunks, then all their offsets.
std::vector<ChunkIndex> write_page_index(FileOutput& output, std::span<const Column> columns,
                                         std::span<const RowGroup> groups) {
  std::vector<ChunkIndex> indexes;
  for (const RowGroup& group : groups)
    for (std::size_t k = 0; k < columns.size(); ++k) {
      const Chunk& chunk = group.chunks[k];
      indexes.push_back(
          {append(output, [&](Thrift& t) { put_column_index(t, columns[k].type, chunk); }), {}});
    }
  std::size_t at = 0;
  for (const RowGroup& group : groups)
    for (const Chunk& chunk : group.chunks)
      indexes[at++].offsets = append(output, [&](Thrift& t) { put_offset_index(t, chunk); });
  return indexes;
}

}  // namespace

void write_footer(FileOutput& output, std::span<const Column> columns, std::span<const RowGroup> groups,
                  const FileInfo& info) {
  const std::vector<ChunkIndex> indexes = write_page_index(output, columns, groups);
  std::uint64_t rows = 0;
  for (const RowGroup& group : groups) rows += group.rows;
  const ByteRange footer = append(output, [&](Thrift& thrift) {
    thrift.begin_element();
    thrift.field(1, format::kVersion);
    put_schema(thrift, columns);
    thrift.field(3, as_int64(rows));
    thrift.list_field(4, Wire::structure, groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i)
      put_group(thrift, columns, groups[i], i,
                std::span(indexes).subspan(i * columns.size(), columns.size()));
    put_metadata(thrift, info.metadata);
    thrift.field(6, std::string_view(info.created_by));
    put_column_orders(thrift, columns.size());
    thrift.end_struct();
  });
  const auto bytes = static_cast<std::uint32_t>(footer.bytes);
  output.append(std::as_bytes(std::span(&bytes, 1)));
  output.append(std::as_bytes(std::span(format::kMagic)));
}

}  // namespace regtap::parquet
