// The end of a part: the page index, and the footer that says where everything is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "parquet/column.hpp"
#include "parquet/file_output.hpp"
#include "parquet/page.hpp"

namespace regtap::parquet {

using Chunk = std::vector<Page>;  // one column of a row group, its pages in their order

// Not without rows. Every page but the last one of a chunk holds kPageRows of them.
struct RowGroup {
  std::uint64_t rows = 0;
  std::vector<Chunk> chunks;  // one for each column
};

struct KeyValue {
  std::string key;
  std::string value;
};

// What a footer says beside its row groups.
struct FileInfo {
  std::string created_by;
  std::vector<KeyValue> metadata;
};

// Writes page index, footer, and the magic at the end. Throws std::system_error.
void write_footer(FileOutput& output, std::span<const Column> columns, std::span<const RowGroup> groups,
                  const FileInfo& info);

}  // namespace regtap::parquet
