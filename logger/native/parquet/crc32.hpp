// CRC-32 as Parquet's page checksum and zlib have it (ISO 3309, reflected polynomial 0xEDB88320).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace regtap::parquet {

std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace regtap::parquet
