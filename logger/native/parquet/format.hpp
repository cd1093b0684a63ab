// Numbers of the Parquet format (parquet.thrift) that a part uses.
#pragma once

#include <cstdint>

namespace regtap::parquet::format {

inline constexpr char kMagic[4] = {'P', 'A', 'R', '1'};
inline constexpr std::int32_t kVersion = 2;  // of FileMetaData: what format 2.x writes

enum PageType : std::int32_t { kDataPage = 0 };
enum PhysicalType : std::int32_t { kInt32 = 1, kInt64 = 2 };
enum Repetition : std::int32_t { kRequired = 0 };
enum ConvertedType : std::int32_t { kUint8 = 11, kUint16 = 12, kUint32 = 13, kUint64 = 14 };
enum Encoding : std::int32_t { kRle = 3, kDeltaBinaryPacked = 5 };
enum Codec : std::int32_t { kUncompressed = 0 };
enum BoundaryOrder : std::int32_t { kUnordered = 0, kAscending = 1, kDescending = 2 };

}  // namespace regtap::parquet::format
