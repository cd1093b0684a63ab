// What a trigger stores: stretches of rows around its hits, and what is told of them to the thread that
// stores.
//
// A hit opens a stretch, or extends the one that is open; the stretch ends with the first row at or after the
// last hit and the post-trigger. While a stretch is open, or waits to be stored, the ring keeps everything
// from its pre-trigger on. Hits less than the holdoff after the last one that counted are counted, and do
// nothing else.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/counter.hpp"
#include "core/filler.hpp"

namespace regtap {

struct StretchPlan {
  std::uint64_t pre_ticks = 0;
  std::uint64_t post_ticks = 0;
  std::uint64_t holdoff_ticks = 0;
  std::uint64_t stretches = 0;    // the capture ends with the last of so many; 0: it does not
  std::uint64_t most_blocks = 0;  // of the ring, kept before a hit
};

struct StretchEvent {
  bool is_end;            // else a hit
  std::uint64_t stretch;  // from 1
  std::uint64_t index;    // of the hit's row, or of the stretch's last one
  std::uint64_t ticks;    // the same
  std::uint64_t
      sequence;  // the block that is open at a hit; after an end the first block that is not the stretch's
  std::uint64_t hits;       // of the stretch so far
  std::uint64_t keep_from;  // the first block that may have rows of the stretch
};

// The loop's thread calls what is first, one reader what comes after it, and any thread the counts.
class Stretches {
 public:
  // Hits of one stretch that are told one by one; the others are counted.
  static constexpr std::uint64_t kMostTold = 1000;
  // Events that always find room: each stretch but the open one ended a block of the ring, and a block of a
  // stretch that is not settled is not filled again. So a ring may have a quarter as many blocks.
  static constexpr std::uint64_t kReserved = 4096;

  explicit Stretches(const StretchPlan& plan) : plan_(plan) {}

  // On the last row, which was taken at this tick.
  void note_hit(const Filler& filler, std::uint64_t ticks);
  bool is_open() const { return is_open_; }
  std::uint64_t ends_at() const { return ends_at_; }  // of the open one
  void end(const Filler& filler, std::uint64_t ticks);
  // Whether the capture has what it was to store.
  bool is_complete() const { return !is_open_ && plan_.stretches > 0 && opened() == plan_.stretches; }

  // Whether all is stored that was to be; else blocks from keep_from() on are of a stretch.
  bool are_settled() const { return settled_.load(std::memory_order_acquire) == opened(); }
  std::uint64_t keep_from() const { return keep_from_; }

  // Events since the last call, oldest first.
  bool has_events() const { return told_.load(std::memory_order_acquire) != taken_; }
  std::vector<StretchEvent> take_events();
  // The reader has stored a stretch, and those before it, and given their blocks back.
  void settle(std::uint64_t stretch) { settled_.store(stretch, std::memory_order_release); }

  std::uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }
  std::uint64_t hits() const { return hits_.value(); }
  std::uint64_t held_off() const { return held_off_.value(); }

 private:
  static constexpr std::uint64_t kEvents = 8192;

  bool has_room(std::uint64_t events) const;
  void tell(bool is_end, const Filler& filler, std::uint64_t ticks);

  StretchPlan plan_;
  bool is_open_ = false;
  std::uint64_t ends_at_ = 0;
  std::uint64_t quiet_until_ = 0;
  std::uint64_t hits_in_stretch_ = 0;
  std::uint64_t begins_with_ = 0;  // the first block that may have rows of the open stretch
  std::uint64_t keep_from_ = 0;    // the same of the oldest one that is not settled, or of one before it
  std::array<StretchEvent, kEvents> events_{};  // touched now, not by the loop
  alignas(64) std::atomic<std::uint64_t> told_{0};
  std::atomic<std::uint64_t> opened_{0};
  Counter hits_;
  Counter held_off_;
  alignas(64) std::atomic<std::uint64_t> settled_{0};
  std::atomic<std::uint64_t> seen_{0};  // events that the reader has taken
  std::uint64_t taken_ = 0;             // the same, the reader's own
};

}  // namespace regtap
