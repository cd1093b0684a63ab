#include "core/fill.hpp"

#include "core/changes.hpp"
#include "core/judge.hpp"
#include "core/row.hpp"

namespace regtap {
namespace {

// What becomes of rows is a keeper's: has_room() for another one, slot() where it is read to, keep() what is
// done with it then (true: the fill ends), end() how many rows are complete. It lives in a fill, and a jump
// out of that takes it away: what must outlast it lies in memory by the end of keep().

template <class Row>
class EveryRow {
 public:
  EveryRow(const Loop&, const Rows& rows, std::uint64_t first, std::uint64_t limit)
      : published_(rows.published), base_(rows.base + 1), end_(first), limit_(limit) {}

  bool has_room() const { return end_ < limit_; }
  std::uint64_t slot() const { return end_; }
  std::uint64_t end() const { return end_; }
  bool keep(const Row&, std::uint64_t, std::uint64_t) {
    published_->store(base_ + end_++, std::memory_order_release);
    return false;
  }

 private:
  std::atomic<std::uint64_t>* published_;
  std::uint64_t base_;
  std::uint64_t end_;
  std::uint64_t limit_;
};

template <class Row>
class JudgedRows : public EveryRow<Row> {
 public:
  JudgedRows(const Loop& loop, const Rows& rows, std::uint64_t first, std::uint64_t limit)
      : EveryRow<Row>(loop, rows, first, limit), judge_(*loop.judge) {}

  bool keep(const Row& row, std::uint64_t i, std::uint64_t now) {
    const bool is_hit = judge_.is_hit(row, i, now);
    EveryRow<Row>::keep(row, i, now);
    return is_hit;
  }

 private:
  Judge& judge_;
};

template <clock::Source source, class Row, bool with_latency, class Keeper>
std::uint64_t fill(const Loop& loop, const Rows& rows, std::uint64_t first, std::uint64_t limit,
                   std::uint64_t& last) {
  const Row row(loop, rows);
  Keeper keeper(loop, rows, first, limit);
  std::uint64_t* const ticks = rows.ticks;
  std::uint32_t* const latency = rows.latency;
  const std::atomic<std::uint64_t>& deadline = loop.control->deadline;
  std::uint64_t before = last;
  while (keeper.has_room()) {
    std::uint64_t now = clock::ticks<source>();
    if (now >= deadline.load(std::memory_order_relaxed)) [[unlikely]]
      break;
    if (now < before) now = before;
    before = now;
    const std::uint64_t i = keeper.slot();
    const bool is_whole = row.read(i);
    if constexpr (with_latency) {
      const std::uint64_t end = clock::ticks<source>();
      const std::uint64_t spent = end > now ? end - now : 0;
      latency[i] = spent > 0xffffffffu ? 0xffffffffu : static_cast<std::uint32_t>(spent);
    }
    if (!is_whole) [[unlikely]]
      break;
    ticks[i] = now;
    if (keeper.keep(row, i, now)) [[unlikely]]
      break;
  }
  last = before;
  return keeper.end();
}

template <clock::Source source, bool with_latency, template <class> class Keeper>
Fill choose_row(std::span<const Channel> channels) {
  for (const Channel& channel : channels)
    if (channel.high) return fill<source, PairedRow, with_latency, Keeper<PairedRow>>;
  if (channels.size() == 1) {
    switch (channels[0].kind) {
      case Kind::u8:
        return fill<source, OneRow<std::uint8_t>, with_latency, Keeper<OneRow<std::uint8_t>>>;
      case Kind::u16:
        return fill<source, OneRow<std::uint16_t>, with_latency, Keeper<OneRow<std::uint16_t>>>;
      case Kind::u32:
        return fill<source, OneRow<std::uint32_t>, with_latency, Keeper<OneRow<std::uint32_t>>>;
      case Kind::u64:
        return fill<source, OneRow<std::uint64_t>, with_latency, Keeper<OneRow<std::uint64_t>>>;
      default:
        break;
    }
  }
  return fill<source, MixedRow, with_latency, Keeper<MixedRow>>;
}

template <clock::Source source, template <class> class Keeper>
Fill choose_latency(std::span<const Channel> channels, bool with_latency) {
  return with_latency ? choose_row<source, true, Keeper>(channels)
                      : choose_row<source, false, Keeper>(channels);
}

template <template <class> class Keeper>
Fill choose_source(std::span<const Channel> channels, clock::Source source, bool with_latency) {
  switch (source) {
    case clock::Source::system:
      return choose_latency<clock::Source::system, Keeper>(channels, with_latency);
    case clock::Source::fenced:
      return choose_latency<clock::Source::fenced, Keeper>(channels, with_latency);
    default:
      return with_latency ? choose_row<clock::Source::fenced, true, Keeper>(channels)
                          : choose_row<clock::Source::counter, false, Keeper>(channels);
  }
}

}  // namespace

Fill choose_fill(std::span<const Channel> channels, clock::Source source, bool with_latency, Stored stored) {
  switch (stored) {
    case Stored::judged:
      return choose_source<JudgedRows>(channels, source, with_latency);
    case Stored::changes:
      return choose_source<ChangedRows>(channels, source, with_latency);
    default:
      return choose_source<EveryRow>(channels, source, with_latency);
  }
}

}  // namespace regtap
