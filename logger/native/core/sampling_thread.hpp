// What the threads that read registers have in common.
#pragma once

#include <span>
#include <vector>

#include "core/fault.hpp"
#include "core/fill.hpp"

namespace regtap {

// By the thread itself, before its first row.
void block_signals();        // but those of faults
void ask_for_short_turns();  // for paced loops

// Where the guard expects faults: the register of each channel, or both halves of it.
std::vector<fault::Range> ranges_of(std::span<const Channel> channels);

// The channel whose register holds an address; -1: none.
int channel_at(std::span<const Channel> channels, const void* address);

}  // namespace regtap
