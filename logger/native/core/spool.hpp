// The spool: a ring of blocks in one shared mapping, which outlives the process that fills it.
//
// Layout (in the byte order of the machine that fills it, which the version tells; offsets in bytes from the
// start of the file):
//
//   0               SpoolHeader
//   document_offset a document of document_bytes: its CRC32 in hex, a space, and JSON that says what a part's
//                   metadata needs and where the trace is (for `recover`)
//   header_bytes    block 0, block 1, ... block block_count - 1, then one overflow block
//
// A block: BlockHeader, `gap_capacity` Gaps, then the columns as plain arrays of rows_per_block elements:
// ticks (u64), one array per register (its own width), latency in ticks (u32) if it was asked for. The
// arrays start at multiples of 64.
//
// Publication. One thread fills, one reads. The filler writes a row's values, then stores the row count with
// release order; who loads the count with acquire order (a reader in this process, or one that opens the file
// after a kill -9) sees every completed row, on weakly ordered machines too. The same holds for a gap and
// gap_count, for a full block and `sealed`, and, towards the filler, for a block that became durable and
// `released`. A block is reused only when sealed - released < block_count, and is emptied before it is given
// its new sequence number, so that no old row can be taken for a new one.
//
// Overwriting (a flight recorder). The filler may take back the oldest sealed block that nobody holds; a
// snapshot holds those that it wants, then reads. Both are one read-modify-write of `released`, whose top bit
// says "held": the filler compares and exchanges oldest -> oldest + 1, which fails once the bit is set, the
// reader sets the bit, and with it the first block that it wants; whoever asks for a snapshot may do so for
// the reader. All of these are in one modification order, so either the filler's exchange came first, and the
// reader sees oldest + 1 and never looks at that block, or the bit came first, and the block stays as it is
// until the reader has released it. Neither waits for the other: a filler that finds no block drops samples,
// as above.
//  - The exchange that sets the bit acquires the filler's exchange, and so does a reader that finds the bit
//    set. The filler's exchange is sequenced after the release store of `sealed`: so `sealed`, loaded after
//    it, is not older than the oldest block that was left.
//  - It loads `sealed` with acquire, so that everything in [oldest, sealed) is visible, on weakly ordered
//    machines too. The block that the filler has open is sealed by nobody yet and never in that range.
//  - Giving blocks back, and clearing the bit, are release operations, and the filler's load and exchange
//    acquire them: the reader's loads are over before the filler stores into the same memory.
// While the bit is set only the reader writes `released`. A block that was overwritten leaves no entry in any
// table. Each block says which index it begins with, and how many slots were missed and samples dropped
// before that: what lies between two blocks that follow each other in a trace is known from them alone, at
// any instruction.
//
// When no block is free and the policy drops samples, the filler goes on in the overflow block. Its
// `published` counts on from where it was, and the open gap's base says where the gap began, so that the
// number of lost samples is exact at every instruction: gaps of cause `full`, in parts, blocks, the overflow
// block's table and the open gap, always come to the overflow block's `published`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/access.hpp"

namespace regtap::spool {

inline constexpr char kMagic[8] = {'R', 'E', 'G', 'T', 'A', 'P', 'S', 'P'};
inline constexpr char kBlockMagic[8] = {'R', 'E', 'G', 'T', 'A', 'P', 'B', 'K'};
inline constexpr std::uint32_t kVersion = 2;  // 1: first version, 2: gaps with rows inside
inline constexpr std::size_t kPage = 4096;
// Of a ring that overwrites, one block of so many is free for new samples while a snapshot is stored.
inline constexpr std::uint32_t kSpareShare = 8;
inline constexpr std::uint64_t kHeld = std::uint64_t{1} << 63;  // in `released`: overwrite nothing

// In the order of SPOOL_CAUSES in logger/regtap/trace/gaps.py.
enum class Cause : std::uint32_t {
  none,
  full,
  missed,
  throttled,
  fault,
  writer,
  overwritten,
  torn,
  unchanged
};

// Where missed slots come thick, one entry stands for several runs of them: `rows` rows are stored between
// the first and the last, and which of the count + rows slots they have only their times tell.
struct Gap {
  std::uint64_t first_index;  // of the first absent sample or slot
  std::uint64_t count;
  std::uint64_t t0_ticks;  // when it began
  std::uint64_t t1_ticks;  // when sampling resumed, the last time
  Cause cause;
  std::uint32_t rows;  // inside it
};
static_assert(sizeof(Gap) == 40);

struct alignas(64) BlockHeader {
  char magic[8];
  std::uint64_t sequence;
  std::uint64_t first_index;  // of the first sample, slot or gap in the block
  std::uint64_t anchor_ticks;
  std::uint64_t anchor_raw_ns;
  std::uint64_t anchor_realtime_ns;
  std::uint64_t anchor_uncertainty_ticks;
  std::atomic<std::uint64_t> gap_count;
  alignas(64) std::atomic<std::uint64_t> published;  // completed rows
  std::uint64_t missed_before;                       // slots missed before first_index, in all
  std::uint64_t dropped_before;                      // samples dropped before it, the same
};
static_assert(sizeof(BlockHeader) == 128);

// A gap that is still growing while no block can take it; cause none: there is none.
struct OpenGap {
  std::uint64_t first_index;
  std::uint64_t t0_ticks;
  std::uint64_t base;  // overflow block's `published` when the gap began
  std::atomic<Cause> cause;
  std::uint32_t reserved;
};

struct SpoolHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t block_bytes;
  std::uint32_t block_count;
  std::uint32_t rows_per_block;
  std::uint32_t column_count;  // registers
  std::uint32_t gap_capacity;
  std::uint32_t has_latency;
  std::uint32_t document_offset;
  std::uint64_t document_bytes;
  std::uint64_t owner_pid;
  // Written by the filler.
  alignas(64) std::atomic<std::uint64_t> sealed;  // blocks handed over, in sequence
  std::atomic<std::uint64_t> open;                // blocks opened: sealed, or sealed + 1
  OpenGap gap;
  // Written by the reader; where the filler may overwrite, by the filler and by whoever asks for a snapshot
  // too. Blocks that are durable elsewhere or overwritten, and the bit kHeld.
  alignas(64) std::atomic<std::uint64_t> released;
  std::uint32_t check;  // CRC32 of the first 64 bytes and the kinds, by whoever formats; for `recover`
  // The registers' kinds follow, column_count of them.
  alignas(64) Kind kinds[];
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Where things are in a spool; all sizes in bytes, and of 64 bits where an address has 32: those of a spool
// that comes from elsewhere must not wrap before they are checked.
struct Geometry {
  std::vector<Kind> kinds;
  bool has_latency = false;
  std::uint32_t block_count = 0;
  std::uint32_t rows_per_block = 0;
  std::uint32_t gap_capacity = 0;
  std::uint64_t document_bytes = 0;

  std::uint64_t row_bytes() const;
  std::uint64_t document_offset() const;
  std::uint64_t header_bytes() const;
  std::uint64_t block_bytes() const;
  std::uint64_t total_bytes() const;                  // with the overflow block
  std::vector<std::uint64_t> column_offsets() const;  // in a block: ticks, registers, latency if any
};

// The largest geometry with `block_count` blocks that fits `size_bytes`; rows_per_block is 0 if none does.
Geometry fit(std::size_t size_bytes, std::vector<Kind> kinds, bool has_latency, std::uint32_t block_count,
             std::uint32_t gap_capacity, std::size_t document_bytes);

// A formatted spool in memory that the caller owns and keeps alive.
class Spool {
 public:
  // Formats zeroed memory of at least geometry.total_bytes().
  static Spool format(std::span<std::byte> memory, const Geometry& geometry, std::string_view document,
                      std::uint64_t owner_pid);
  // Attaches to formatted memory; throws std::invalid_argument unless every size and offset in it holds.
  static Spool attach(std::span<std::byte> memory);

  SpoolHeader& header() const { return *reinterpret_cast<SpoolHeader*>(memory_.data()); }
  const Geometry& geometry() const { return geometry_; }

  // Block of a sequence number; the overflow block is block(kOverflow).
  static constexpr std::uint64_t kOverflow = ~std::uint64_t{0};
  std::byte* block(std::uint64_t sequence) const;
  BlockHeader& block_header(std::uint64_t sequence) const {
    return *reinterpret_cast<BlockHeader*>(block(sequence));
  }
  Gap* gaps(std::uint64_t sequence) const {
    return reinterpret_cast<Gap*>(block(sequence) + sizeof(BlockHeader));
  }

 private:
  Spool(std::span<std::byte> memory, Geometry geometry) : memory_(memory), geometry_(std::move(geometry)) {}
  std::span<std::byte> memory_;
  Geometry geometry_;
};

}  // namespace regtap::spool
