#include "core/spool.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace regtap::spool {
namespace {

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

std::uint64_t Geometry::row_bytes() const {
  std::uint64_t bytes = sizeof(std::uint64_t) + (has_latency ? sizeof(std::uint32_t) : 0);
  for (Kind kind : kinds) bytes += width_bytes(kind);
  return bytes;
}

std::uint64_t Geometry::document_offset() const {
  return round_up(sizeof(SpoolHeader) + kinds.size() * sizeof(Kind), 64);
}

std::uint64_t Geometry::header_bytes() const { return round_up(document_offset() + document_bytes, kPage); }

std::vector<std::uint64_t> Geometry::column_offsets() const {
  std::vector<std::uint64_t> offsets;
  std::uint64_t at = round_up(sizeof(BlockHeader) + std::uint64_t{gap_capacity} * sizeof(Gap), 64);
  const auto add = [&](std::uint64_t element_bytes) {
    offsets.push_back(at);
    at = round_up(at + element_bytes * rows_per_block, 64);
  };
  add(sizeof(std::uint64_t));
  for (Kind kind : kinds) add(width_bytes(kind));
  if (has_latency) add(sizeof(std::uint32_t));
  offsets.push_back(at);  // end
  return offsets;
}

std::uint64_t Geometry::block_bytes() const { return round_up(column_offsets().back(), kPage); }

std::uint64_t Geometry::total_bytes() const {
  return header_bytes() + block_bytes() * (std::uint64_t{block_count} + 1);
}

Geometry fit(std::size_t size_bytes, std::vector<Kind> kinds, bool has_latency, std::uint32_t block_count,
             std::uint32_t gap_capacity, std::size_t document_bytes) {
  Geometry geometry{std::move(kinds), has_latency, block_count, 0, gap_capacity, document_bytes};
  const std::uint64_t header = geometry.header_bytes();
  if (size_bytes <= header) return geometry;
  // Columns are padded to 64 and the block to a page: at most this much is not rows.
  const std::uint64_t overhead =
      round_up(sizeof(BlockHeader) + std::uint64_t{gap_capacity} * sizeof(Gap), 64) +
      64 * (geometry.kinds.size() + 2) + kPage;
  const std::uint64_t per_block = (size_bytes - header) / (std::uint64_t{block_count} + 1);
  if (per_block <= overhead) return geometry;
  const std::uint64_t rows = (per_block - overhead) / geometry.row_bytes();
  geometry.rows_per_block =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(rows, std::numeric_limits<std::uint32_t>::max()));
  return geometry;
}

Spool Spool::format(std::span<std::byte> memory, const Geometry& geometry, std::string_view document,
                    std::uint64_t owner_pid) {
  if (geometry.rows_per_block == 0 || geometry.block_count < 2 || geometry.document_bytes != document.size())
    throw std::invalid_argument("a spool needs at least two blocks of one row, and its document");
  if (memory.size() < geometry.total_bytes())
    throw std::invalid_argument("the memory is too small for the spool");
  Spool spool(memory, geometry);
  SpoolHeader& header = spool.header();
  header.version = kVersion;
  header.header_bytes = static_cast<std::uint32_t>(geometry.header_bytes());
  header.block_bytes = geometry.block_bytes();
  header.block_count = geometry.block_count;
  header.rows_per_block = geometry.rows_per_block;
  header.column_count = static_cast<std::uint32_t>(geometry.kinds.size());
  header.gap_capacity = geometry.gap_capacity;
  header.has_latency = geometry.has_latency;
  header.document_offset = static_cast<std::uint32_t>(geometry.document_offset());
  header.document_bytes = document.size();
  header.owner_pid = owner_pid;
  std::copy(geometry.kinds.begin(), geometry.kinds.end(), header.kinds);
  document.copy(reinterpret_cast<char*>(memory.data() + header.document_offset), document.size());
  // Last: a spool without its magic is no spool yet.
  std::atomic_thread_fence(std::memory_order_release);
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  return spool;
}

Spool Spool::attach(std::span<std::byte> memory) {
  const auto refuse = [](const char* why) { throw std::invalid_argument(why); };
  if (memory.size() < sizeof(SpoolHeader)) refuse("it is smaller than a spool's header");
  const auto& header = *reinterpret_cast<const SpoolHeader*>(memory.data());
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) refuse("it does not begin with a spool's magic");
  if (header.version != kVersion) refuse("its version is not one that this regtap reads");
  if (header.column_count > (memory.size() - sizeof(SpoolHeader)) / sizeof(Kind) ||
      header.document_bytes > memory.size() || header.has_latency > 1)
    refuse("its header is damaged");
  Geometry geometry{{header.kinds, header.kinds + header.column_count},
                    header.has_latency != 0,
                    header.block_count,
                    header.rows_per_block,
                    header.gap_capacity,
                    header.document_bytes};
  for (Kind kind : geometry.kinds)
    if (kind > Kind::u64be) refuse("its header is damaged");
  // 32-bit factors in 64-bit arithmetic: the sums below cannot wrap.
  if (geometry.rows_per_block == 0 || geometry.block_count < 2 ||
      header.header_bytes != geometry.header_bytes() ||
      header.document_offset != geometry.document_offset() || header.block_bytes != geometry.block_bytes() ||
      header.header_bytes > memory.size() ||
      header.block_bytes > (memory.size() - header.header_bytes) / (std::uint64_t{header.block_count} + 1))
    refuse("its header is damaged");
  return Spool(memory, std::move(geometry));
}

std::byte* Spool::block(std::uint64_t sequence) const {
  const std::uint64_t index =
      sequence == kOverflow ? geometry_.block_count : sequence % geometry_.block_count;
  const SpoolHeader& header = this->header();
  return memory_.data() + header.header_bytes + index * header.block_bytes;
}

}  // namespace regtap::spool
