// The loop itself. Nothing here allocates, locks, faults on purpose or calls the system.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>

#include "core/access.hpp"
#include "core/clock.hpp"
#include "core/judge.hpp"

namespace regtap {

class Changes;

// One register as the loop sees it.
struct Channel {
  const volatile std::byte* source;
  Kind kind;
  // Of a 64-bit counter in two halves, each read by an access of 32 bits: the upper one; `source` is the
  // lower one then, and the kind u64. Null: `source` is the whole register.
  const volatile std::byte* high = nullptr;
};

// What became of 64-bit counters in two halves.
struct Pairs {
  static constexpr int kMostTries = 4;

  std::atomic<std::uint64_t> extra_loads{0};  // beyond the three of a pair whose halves agree at once
  bool torn = false;                          // the last row ended a fill: some halves never agreed
};

// Where rows go: arrays of at least `limit` elements, and the count that publishes them.
struct Rows {
  std::uint64_t* ticks;
  std::byte* const* columns;  // one for each channel, of its width
  std::uint32_t* latency;     // ticks from first to last access of a row, saturated; or null
  std::atomic<std::uint64_t>* published;
  std::uint64_t base;  // row i is published as base + i + 1
};

// How another thread ends a loop, or has it look around.
struct Control {
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::uint32_t kStop = 1;  // end the capture
  static constexpr std::uint32_t kSeal = 2;  // hand the open block over; cleared when that is done

  // The loop ends before the first row at or after this tick. One load a row serves every reason to end.
  alignas(64) std::atomic<std::uint64_t> deadline{kNever};
  std::atomic<std::uint32_t> asked{0};  // of the bits above; a futex: paced loops sleep on it

  bool is_asked(std::uint32_t what) const { return (asked.load() & what) != 0; }
  // By the loop's own thread. Sets the deadline unless something was asked for, or is at the same time:
  // both sides store before they load, all sequentially consistent, so that one of them sees the other.
  void set_deadline(std::uint64_t at) {
    deadline.store(at);
    if (asked.load()) deadline.store(0);
  }
};

struct Loop {
  std::span<const Channel> channels;
  const Control* control;
  Judge* judge = nullptr;      // for a judged loop; stays the caller's
  Pairs* pairs = nullptr;      // where there are pairs among the channels; the same
  Changes* changes = nullptr;  // for a loop that stores changes only; the same
};

// Fills rows [first, limit) and returns how many rows are complete; fewer than limit if the deadline came, or
// the last row was a hit of the judge, or after a row with a pair whose halves never agreed: it was read, and
// is not among the complete ones. `last` is the tick of the row before, and then of the last row: ticks never
// decrease.
using Fill = std::uint64_t (*)(const Loop&, const Rows&, std::uint64_t first, std::uint64_t limit,
                               std::uint64_t& last);

namespace detail {

// A row of one register of a native type: the commonest, and the one with a bar to meet.
template <class T>
struct OneRow {
  static constexpr bool kIsSingle = true;
  const volatile std::byte* source;
  T* column;

  OneRow(const Loop& loop, const Rows& rows)
      : source(loop.channels[0].source), column(reinterpret_cast<T*>(rows.columns[0])) {}
  bool read(std::uint64_t i) const {
    column[i] = load<T>(source);
    return true;
  }
  std::uint64_t value(std::size_t, std::uint64_t i) const { return column[i]; }
};

// One element of a column, by the width of the column's type.
inline std::uint64_t value_at(const std::byte* column, unsigned width, std::uint64_t i) {
  switch (width) {
    case 1:
      return reinterpret_cast<const std::uint8_t*>(column)[i];
    case 2:
      return reinterpret_cast<const std::uint16_t*>(column)[i];
    case 4:
      return reinterpret_cast<const std::uint32_t*>(column)[i];
    default:
      return reinterpret_cast<const std::uint64_t*>(column)[i];
  }
}

// A row of registers of any kinds, read in the order in which they were named.
struct MixedRow {
  static constexpr bool kIsSingle = false;
  std::span<const Channel> channels;
  std::byte* const* columns;

  MixedRow(const Loop& loop, const Rows& rows) : channels(loop.channels), columns(rows.columns) {}

  template <class T, bool swapped>
  static void put(const Channel& channel, std::byte* column, std::uint64_t i) {
    T value = load<T>(channel.source);
    if constexpr (swapped) value = swap_bytes(value);
    reinterpret_cast<T*>(column)[i] = value;
  }

  static void read_one(const Channel& channel, std::byte* column, std::uint64_t i) {
    switch (channel.kind) {
      case Kind::u8:
        return put<std::uint8_t, false>(channel, column, i);
      case Kind::u16:
        return put<std::uint16_t, false>(channel, column, i);
      case Kind::u32:
        return put<std::uint32_t, false>(channel, column, i);
      case Kind::u64:
        return put<std::uint64_t, false>(channel, column, i);
      case Kind::u16be:
        return put<std::uint16_t, true>(channel, column, i);
      case Kind::u32be:
        return put<std::uint32_t, true>(channel, column, i);
      case Kind::u64be:
        return put<std::uint64_t, true>(channel, column, i);
    }
  }

  bool read(std::uint64_t i) const {
    for (std::size_t k = 0; k < channels.size(); ++k) read_one(channels[k], columns[k], i);
    return true;
  }

  // Of one register, as it was stored.
  std::uint64_t value(std::size_t k, std::uint64_t i) const {
    return value_at(columns[k], width_bytes(channels[k].kind), i);
  }
};

// High, low, high, until the highs agree: the low half then belongs to that high half. False: they never did.
inline bool read_pair(const Channel& channel, std::uint64_t& value, Pairs& pairs) {
  std::uint32_t high = load<std::uint32_t>(channel.high);
  for (int tries = 1;; ++tries) {
    const std::uint32_t low = load<std::uint32_t>(channel.source);
    const std::uint32_t again = load<std::uint32_t>(channel.high);
    value = std::uint64_t{high} << 32 | low;
    if (again == high) return true;
    if (tries == Pairs::kMostTries) return false;
    high = again;
    pairs.extra_loads.store(pairs.extra_loads.load(std::memory_order_relaxed) + 2, std::memory_order_relaxed);
  }
}

// A row with pairs among its registers. All of it is read whatever becomes of them: each row has its
// accesses.
struct PairedRow {
  static constexpr bool kIsSingle = false;
  MixedRow plain;
  Pairs& pairs;

  PairedRow(const Loop& loop, const Rows& rows) : plain(loop, rows), pairs(*loop.pairs) {}

  bool read(std::uint64_t i) const {
    bool whole = true;
    for (std::size_t k = 0; k < plain.channels.size(); ++k) {
      const Channel& channel = plain.channels[k];
      if (!channel.high)
        MixedRow::read_one(channel, plain.columns[k], i);
      else if (!read_pair(channel, reinterpret_cast<std::uint64_t*>(plain.columns[k])[i], pairs))
        whole = false;
    }
    pairs.torn = !whole;
    return whole;
  }
  std::uint64_t value(std::size_t k, std::uint64_t i) const { return plain.value(k, i); }
};

template <clock::Source source, class Row, bool with_latency, bool is_judged>
std::uint64_t fill(const Loop& loop, const Rows& rows, std::uint64_t first, std::uint64_t limit,
                   std::uint64_t& last) {
  const Row row(loop, rows);
  std::uint64_t* const ticks = rows.ticks;
  std::uint32_t* const latency = rows.latency;
  std::atomic<std::uint64_t>* const published = rows.published;
  const std::atomic<std::uint64_t>& deadline = loop.control->deadline;
  const std::uint64_t base = rows.base + 1;
  std::uint64_t before = last;
  std::uint64_t i = first;
  while (i < limit) {
    std::uint64_t now = clock::ticks<source>();
    if (now >= deadline.load(std::memory_order_relaxed)) [[unlikely]]
      break;
    if (now < before) now = before;
    before = now;
    const bool is_whole = row.read(i);
    if constexpr (with_latency) {
      const std::uint64_t end = clock::ticks<source>();
      const std::uint64_t spent = end > now ? end - now : 0;
      latency[i] = spent > 0xffffffffu ? 0xffffffffu : static_cast<std::uint32_t>(spent);
    }
    if (!is_whole) [[unlikely]]
      break;
    ticks[i] = now;
    bool is_hit = false;
    if constexpr (is_judged) is_hit = loop.judge->is_hit(row, i, now);
    published->store(base + i++, std::memory_order_release);
    if (is_hit) [[unlikely]]
      break;
  }
  last = before;
  return i;
}

template <clock::Source source, bool with_latency, bool is_judged>
Fill choose_row(std::span<const Channel> channels) {
  for (const Channel& channel : channels)
    if (channel.high) return fill<source, PairedRow, with_latency, is_judged>;
  if (channels.size() == 1) {
    switch (channels[0].kind) {
      case Kind::u8:
        return fill<source, OneRow<std::uint8_t>, with_latency, is_judged>;
      case Kind::u16:
        return fill<source, OneRow<std::uint16_t>, with_latency, is_judged>;
      case Kind::u32:
        return fill<source, OneRow<std::uint32_t>, with_latency, is_judged>;
      case Kind::u64:
        return fill<source, OneRow<std::uint64_t>, with_latency, is_judged>;
      default:
        break;
    }
  }
  return fill<source, MixedRow, with_latency, is_judged>;
}

template <clock::Source source, bool is_judged>
Fill choose_latency(std::span<const Channel> channels, bool with_latency) {
  return with_latency ? choose_row<source, true, is_judged>(channels)
                      : choose_row<source, false, is_judged>(channels);
}

template <bool is_judged>
Fill choose_source(std::span<const Channel> channels, clock::Source source, bool with_latency) {
  switch (source) {
    case clock::Source::system:
      return choose_latency<clock::Source::system, is_judged>(channels, with_latency);
    case clock::Source::fenced:
      return choose_latency<clock::Source::fenced, is_judged>(channels, with_latency);
    default:
      return with_latency ? choose_latency<clock::Source::fenced, is_judged>(channels, true)
                          : choose_latency<clock::Source::counter, is_judged>(channels, false);
  }
}

}  // namespace detail

// The loop that fits these channels. A latency needs ticks that wait for the loads. A judged one needs a
// judge.
inline Fill choose_fill(std::span<const Channel> channels, clock::Source source, bool with_latency,
                        bool is_judged = false) {
  return is_judged ? detail::choose_source<true>(channels, source, with_latency)
                   : detail::choose_source<false>(channels, source, with_latency);
}

}  // namespace regtap
